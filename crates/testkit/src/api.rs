//! The REST API as tests use it: a user's token, projects with files, pipelines, logs.

use serde_json::{Value, json};

use crate::encoding::{Form, encode_segment};
use crate::http::{Client, Request, Response};
use crate::repository::Repository;
use crate::runner::ScriptedRunner;
use crate::server::TestServer;
use crate::temp::unique;
use crate::wait::eventually;

/// Statuses in which nothing more happens to a pipeline by itself.
const STOPPED: &[&str] = &["success", "failed", "canceled", "skipped", "manual", "scheduled"];

/// The API under `/api/v4`, with a token.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    base_url: String,
    token: String,
}

/// A project, its repository and the API to it.
#[derive(Debug)]
pub struct Project {
    /// The API as the project's owner.
    pub api: Api,
    /// Its id.
    pub id: i64,
    /// Its full path.
    pub path: String,
    /// The owner's work tree, with the remote `origin`.
    pub repository: Repository,
}

impl Api {
    pub(crate) fn new(server: &TestServer, token: &str) -> Api {
        Api {
            client: server.http().with_header("PRIVATE-TOKEN", token),
            base_url: server.url(),
            token: token.to_owned(),
        }
    }

    /// Returns the same API with another token.
    #[must_use]
    pub fn as_token(&self, server: &TestServer, token: &str) -> Api {
        Api::new(server, token)
    }

    /// Starts a request; `path` is what comes after `/api/v4`.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.client.request(method, &format!("/api/v4{path}"))
    }

    /// Gets something that is there.
    ///
    /// # Panics
    ///
    /// When the answer is not 200.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.request("GET", path).send().expect(200).json()
    }

    /// Posts JSON and returns the answer, whatever it is.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.request("POST", path).json(body).send()
    }

    /// Creates a project in the caller's own namespace and pushes a first commit with these files.
    #[must_use]
    #[track_caller]
    pub fn project(&self, files: &[(&str, &str)]) -> Project {
        let project = self.empty_project(files);
        project.push("main");
        project
    }

    /// Returns a project that is there, with an empty work tree.
    ///
    /// # Panics
    ///
    /// When there is none of this path.
    #[must_use]
    #[track_caller]
    pub fn existing_project(&self, path: &str) -> Project {
        let found = self.get(&format!("/projects/{}", encode_segment(path)));
        Project {
            api: self.clone(),
            id: number(&found["id"]),
            path: path.to_owned(),
            repository: Repository::of(&[]),
        }
    }

    /// Creates a project whose files are committed but not pushed.
    #[must_use]
    #[track_caller]
    pub fn empty_project(&self, files: &[(&str, &str)]) -> Project {
        let name = format!("project-{}", unique());
        let created = self.post("/projects", &json!({ "name": name })).expect(201).json();
        let path = text(&created["path_with_namespace"]);
        let repository = Repository::of(files);
        let host = self.base_url.trim_start_matches("http://");
        let remote = format!("http://root:{}@{host}/{path}.git", self.token);
        repository.git(&["remote", "add", "origin", &remote]);
        Project {
            api: self.clone(),
            id: number(&created["id"]),
            path,
            repository,
        }
    }

    /// Registers a runner for all projects and returns it, ready to take jobs.
    #[must_use]
    #[track_caller]
    pub fn runner(&self) -> ScriptedRunner {
        let created = self
            .post("/user/runners", &json!({ "runner_type": "instance_type" }))
            .expect(201)
            .json();
        ScriptedRunner::new(&self.client, text(&created["token"]))
    }
}

impl Project {
    /// Registers a runner for this project alone and returns it, ready to take jobs.
    #[must_use]
    #[track_caller]
    pub fn runner(&self) -> ScriptedRunner {
        let new = json!({ "runner_type": "project_type", "project_id": self.id });
        let created = self.api.post("/user/runners", &new).expect(201).json();
        ScriptedRunner::new(&self.api.client, text(&created["token"]))
    }

    /// Pushes a ref of the work tree to the server.
    #[track_caller]
    pub fn push(&self, refspec: &str) {
        self.repository.git(&["push", "--quiet", "origin", refspec]);
    }

    /// Starts a request below `/projects/:id`.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.api.request(method, &format!("/projects/{}{path}", self.id))
    }

    /// Gets something below `/projects/:id`.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.request("GET", path).send().expect(200).json()
    }

    /// Creates a trigger token and returns it in full.
    #[must_use]
    #[track_caller]
    pub fn trigger_token(&self) -> String {
        let created = self
            .request("POST", "/triggers")
            .json(&json!({ "description": "story" }))
            .send();
        text(&created.expect(201).json()["token"])
    }

    /// Starts a call of the trigger endpoint, without credentials beside what the test adds.
    pub fn trigger(&self) -> Request {
        self.api
            .client
            .without_headers()
            .post(&format!("/api/v4/projects/{}/trigger/pipeline", self.id))
    }

    /// Triggers a pipeline of `main` with a form and returns the pipeline.
    #[must_use]
    #[track_caller]
    pub fn triggered(&self, token: &str, form: Form) -> Value {
        let form = form.with("token", token).with("ref", "main");
        self.trigger().form(&form).send().expect(201).json()
    }

    /// Waits until nothing more happens to a pipeline by itself and returns it.
    #[must_use]
    #[track_caller]
    pub fn finished(&self, pipeline: &Value) -> Value {
        let path = format!("/pipelines/{}", pipeline["id"]);
        eventually("the pipeline to end", || {
            let pipeline = self.get(&path);
            STOPPED.contains(&pipeline["status"].as_str()?).then_some(pipeline)
        })
    }

    /// Returns the names of the jobs of a pipeline, in the order of their creation.
    #[must_use]
    #[track_caller]
    pub fn job_names(&self, pipeline: &Value) -> Vec<String> {
        self.jobs(pipeline).iter().map(|job| text(&job["name"])).collect()
    }

    /// Returns the jobs of a pipeline, in the order of their creation.
    #[must_use]
    #[track_caller]
    pub fn jobs(&self, pipeline: &Value) -> Vec<Value> {
        let jobs = self.get(&format!("/pipelines/{}/jobs?per_page=100", pipeline["id"]));
        let mut jobs = jobs.as_array().cloned().unwrap_or_default();
        jobs.sort_by_key(|job| job["id"].as_i64());
        jobs
    }

    /// Returns the log of a job of a pipeline.
    #[must_use]
    #[track_caller]
    pub fn log(&self, pipeline: &Value, job: &str) -> String {
        let jobs = self.jobs(pipeline);
        let found = jobs.iter().find(|candidate| candidate["name"] == job);
        let Some(found) = found else {
            panic!("the pipeline has no job `{job}`, only {:?}", self.job_names(pipeline));
        };
        self.request("GET", &format!("/jobs/{}/trace", found["id"]))
            .send()
            .expect(200)
            .text()
    }

    /// Returns its path as one segment of an address.
    #[must_use]
    pub fn encoded_path(&self) -> String {
        encode_segment(&self.path)
    }
}

/// Returns a JSON string's text.
#[track_caller]
fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("expected a string, got {value}"))
        .to_owned()
}

/// Returns a JSON number.
#[track_caller]
fn number(value: &Value) -> i64 {
    value
        .as_i64()
        .unwrap_or_else(|| panic!("expected a number, got {value}"))
}
