//! A server with somebody in each role, and a thing of each kind in a project and a group of each visibility.

use std::cell::Cell;
use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Request;
use model::{JobId, User};
use serde_json::{Value, json};
use store::ops::{self, sessions::NewSession};
use tower::ServiceExt as _;

use super::requests::{access_token, deployment};
use super::table::ROLES;
use crate::api::{Api, ROOT};

/// Visibilities, and the columns of the tables.
pub(crate) const VISIBILITIES: [(&str, &str); 3] =
    [("private", "Private"), ("internal", "Internal"), ("public", "Public")];

const CONFIG: &str =
    "job: {script: x, artifacts: {paths: [out]}}\nlate: {script: x, when: manual, resource_group: prod}\n";

/// A project or a group, and the things in it that calls may look at but not take away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) id: i64,
    pub(crate) path: String,
    pub(crate) things: BTreeMap<&'static str, String>,
}

pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) projects: Vec<Place>,
    pub(crate) groups: Vec<Place>,
    /// A project that has runners and jobs, and is on nobody's list.
    pub(crate) home: Place,
    pub(crate) runner_token: String,
    count: Cell<u32>,
}

/// What a call presents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credential {
    pub(crate) name: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Credential {
    pub(crate) fn nobody() -> Credential {
        Credential {
            name: "nobody".to_owned(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn token(name: impl Into<String>, text: &str) -> Credential {
        Credential {
            name: name.into(),
            headers: vec![("private-token", text.to_owned())],
        }
    }

    pub(crate) fn job(name: &str, text: &str) -> Credential {
        Credential {
            name: name.to_owned(),
            headers: vec![("job-token", text.to_owned())],
        }
    }
}

/// The token of a user in a role.
pub(crate) fn token_of(name: &str) -> String {
    match name {
        "admin" => ROOT.to_owned(),
        name => format!("glpat-{name}-all-scopes"),
    }
}

impl World {
    pub(crate) async fn start() -> World {
        let api = Api::start().await;
        let mut world = World {
            api,
            users: BTreeMap::new(),
            projects: Vec::new(),
            groups: Vec::new(),
            home: Place::default(),
            runner_token: String::new(),
            count: Cell::new(0),
        };
        for name in ROLES.iter().map(|role| role.to_lowercase()) {
            world.add_user(&name).await;
        }
        for name in ["stranger", "blocked", "target"] {
            world.add_user(name).await;
        }
        let root = world
            .api
            .server
            .app
            .store
            .read(|tx| ops::users::by_username(tx, "root"));
        let root = root.await.unwrap().expect("it was made at the first start");
        world.users.insert("admin".to_owned(), root);
        let allow = json!({"allow_runner_registration_token": true});
        world.made("PUT /application/settings", allow).await;
        world.home = world.project("home", "private").await;
        for (visibility, _) in VISIBILITIES {
            let project = world.project(visibility, visibility).await;
            world.projects.push(project);
            let group = world.group(&format!("{visibility}-group"), visibility).await;
            world.groups.push(group);
        }
        let runner = world
            .made("POST /user/runners", json!({"runner_type": "instance_type"}))
            .await;
        world.runner_token = runner["token"].as_str().unwrap().to_owned();
        let blocked = world.users["blocked"].id;
        world.made(&format!("POST /users/{blocked}/block"), Value::Null).await;
        world
    }

    async fn add_user(&mut self, name: &str) {
        let user = self.api.server.user(name).await;
        self.api.server.token(&user, &token_of(name), &["api"]).await;
        self.users.insert(name.to_owned(), user);
    }

    /// A number that no other thing has.
    pub(crate) fn number(&self) -> u32 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    /// Calls as the administrator; it has to succeed.
    #[track_caller]
    pub(crate) fn made<'a>(&'a self, line: &'a str, body: Value) -> impl Future<Output = Value> + 'a {
        self.made_by(ROOT, line, body)
    }

    pub(crate) async fn made_by(&self, token: &str, line: &str, body: Value) -> Value {
        let answer = self.api.call(line, token, body.clone()).await;
        assert!(
            (200..300).contains(&answer.status),
            "{line} {body}: {} {}",
            answer.status,
            answer.text
        );
        serde_json::from_str(&answer.text).unwrap_or(Value::Null)
    }

    /// Sends a request and reads the status only: some answers never end.
    pub(crate) async fn status(
        &self,
        who: &Credential,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> u16 {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &who.headers {
            request = request.header(*name, value);
        }
        let body = match body {
            None => Body::empty(),
            Some((media_type, bytes)) => {
                request = request.header("content-type", media_type);
                Body::from(bytes)
            }
        };
        let answer = self.api.router.clone().oneshot(request.body(body).unwrap()).await;
        answer.unwrap().status().as_u16()
    }

    /// Reads a page.
    pub(crate) async fn text(&self, who: &Credential, path: &str) -> String {
        let mut request = Request::builder().uri(path);
        for (name, value) in &who.headers {
            request = request.header(*name, value);
        }
        self.api.send(request.body(Body::empty()).unwrap()).await.text
    }

    /// A browser in which the user is signed in.
    pub(crate) async fn session(&self, name: &str) -> String {
        let app = &self.api.server.app;
        let text = format!("session-of-{name}-{}", self.number());
        let (digest, user_id, now) = (app.keys.digest(&text), self.users[name].id, app.clock.now());
        let begun = move |tx: &mut dyn store::Tx| {
            let new = NewSession {
                user_id,
                digest: &digest,
                address: None,
                user_agent: None,
                created_at: now,
                expires_at: now + app::sessions::IDLE,
            };
            ops::sessions::create(tx, &new)
        };
        app.store.write(begun).await.unwrap();
        text
    }

    /// What a form of this session has to send.
    pub(crate) fn form_token(&self, session: &str) -> String {
        let digest = self.api.server.app.keys.digest(&format!("form {session}"));
        let token: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        // Pages hide it behind a random mask; this is the mask that hides nothing.
        "00".repeat(16) + &token
    }

    async fn members(&self, place: &str) {
        for (level, role) in [10, 15, 20, 30, 40, 50].into_iter().zip(ROLES) {
            let user = self.users[&role.to_lowercase()].id;
            self.made(
                &format!("POST {place}/members"),
                json!({"user_id": user, "access_level": level}),
            )
            .await;
        }
        for (name, level) in [("blocked", 50), ("target", 10)] {
            let user = self.users[name].id;
            self.made(
                &format!("POST {place}/members"),
                json!({"user_id": user, "access_level": level}),
            )
            .await;
        }
    }

    pub(crate) async fn group(&self, path: &str, visibility: &str) -> Place {
        let group = self
            .made(
                "POST /groups",
                json!({"name": path, "path": path, "visibility": visibility}),
            )
            .await;
        let id = group["id"].as_i64().unwrap();
        self.members(&format!("/groups/{id}")).await;
        self.made(
            &format!("POST /groups/{id}/variables"),
            json!({"key": "SHARED", "value": "value"}),
        )
        .await;
        let mut place = Place {
            id,
            path: path.to_owned(),
            ..Place::default()
        };
        place.things.insert("user_id", self.users["target"].id.to_string());
        place.things.insert("key", "SHARED".to_owned());
        let token = self
            .made(&format!("POST /groups/{id}/access_tokens"), access_token("g"))
            .await;
        place.things.insert("token_id", token["id"].to_string());
        let events = self.made(&format!("GET /groups/{id}/audit_events"), Value::Null).await;
        place.things.insert("audit_event_id", events[0]["id"].to_string());
        place
    }

    async fn project(&self, name: &str, visibility: &str) -> Place {
        let new = json!({"name": name, "visibility": visibility});
        let made = self.made("POST /projects", new).await;
        let mut place = Place {
            id: made["id"].as_i64().unwrap(),
            path: made["path_with_namespace"].as_str().unwrap().to_owned(),
            ..Place::default()
        };
        let at = format!("/projects/{}", place.id);
        self.members(&at).await;
        let actions: Vec<Value> = [(".gitlab-ci.yml", CONFIG), ("a.txt", "a")]
            .iter()
            .map(|(path, content)| json!({"action": "create", "file_path": path, "content": content}))
            .collect();
        let commit = json!({"branch": "main", "commit_message": "[skip ci]", "actions": actions});
        self.made(&format!("POST {at}/repository/commits"), commit).await;
        let things = &mut place.things;
        self.made(
            &format!("POST {at}/repository/branches"),
            json!({"branch": "side", "ref": "main"}),
        )
        .await;
        self.made(
            &format!("POST {at}/repository/tags"),
            json!({"tag_name": "t1", "ref": "main"}),
        )
        .await;
        self.made(&format!("POST {at}/protected_tags"), json!({"name": "v*"}))
            .await;
        // A Developer may run on the default branch; another one is protected.
        self.made(&format!("DELETE {at}/protected_branches/main"), Value::Null)
            .await;
        self.made(&format!("POST {at}/protected_branches"), json!({"name": "stable"}))
            .await;
        things.insert("user_id", self.users["target"].id.to_string());
        let owner = token_of("owner");
        let trigger = self
            .made_by(&owner, &format!("POST {at}/triggers"), json!({"description": "t"}))
            .await;
        things.insert("trigger_id", trigger["id"].to_string());
        things.insert("trigger_token", trigger["token"].as_str().unwrap().to_owned());
        let call = json!({"token": trigger["token"], "ref": "main"});
        self.made_by("", &format!("POST {at}/trigger/pipeline"), call).await;
        let log = self.made(&format!("GET {at}/trigger_log"), Value::Null).await;
        things.insert("log_id", log[0]["id"].to_string());
        let token = self.made(&format!("POST {at}/access_tokens"), access_token("p")).await;
        things.insert("token_id", token["id"].to_string());
        let events = self.made(&format!("GET {at}/audit_events"), Value::Null).await;
        things.insert("audit_event_id", events[0]["id"].to_string());
        let hook = json!({"url": "https://1.2.3.4/", "custom_headers": [{"key": "X-A", "value": "v"}],
            "url_variables": [{"key": "v", "value": "x"}]});
        let hook = self.made(&format!("POST {at}/hooks"), hook).await;
        things.insert("hook_id", hook["id"].to_string());
        let hook = format!("{at}/hooks/{}", hook["id"]);
        // Nothing answers there, which is noted as an event like any other.
        self.api
            .call(&format!("POST {hook}/test/push_events"), ROOT, Value::Null)
            .await;
        let events = self.made(&format!("GET {hook}/events"), Value::Null).await;
        things.insert("hook_event_id", events[0]["id"].to_string());
        let inbound = json!({"name": "i", "provider": "generic", "secret": "inbound-secret"});
        let inbound = self.made_by(&owner, &format!("POST {at}/inbound_hooks"), inbound).await;
        things.insert("inbound_hook", inbound["id"].to_string());
        let address = inbound["url"].as_str().unwrap_or_default().to_owned();
        things.insert("inbound_address", address);
        let schedule = json!({"description": "s", "ref": "main", "cron": "0 1 * * *", "active": false});
        let schedule = self
            .made_by(&owner, &format!("POST {at}/pipeline_schedules"), schedule)
            .await;
        things.insert("pipeline_schedule_id", schedule["id"].to_string());
        let one = format!("{at}/pipeline_schedules/{}/variables", schedule["id"]);
        self.made_by(&owner, &format!("POST {one}"), json!({"key": "SHARED", "value": "v"}))
            .await;
        self.made(
            &format!("POST {at}/variables"),
            json!({"key": "SHARED", "value": "value"}),
        )
        .await;
        let made = self.made(&format!("POST {at}/deployments"), deployment("failed")).await;
        things.insert("deployment_id", made["id"].to_string());
        things.insert("environment_id", made["environment"]["id"].to_string());
        let (pipeline, job) = self.finished(&place).await;
        let (_, late) = self.pipeline(&place).await;
        self.made(&format!("POST {at}/jobs/{late}/play"), Value::Null).await;
        place.things.insert("pipeline_id", pipeline);
        place.things.insert("job_id", job);
        place
    }

    /// A pipeline by `owner`; returns its id and that of its job `late`.
    pub(crate) async fn pipeline(&self, place: &Place) -> (String, String) {
        let (pipeline, jobs) = self.jobs(place).await;
        (pipeline, jobs["late"].clone())
    }

    async fn jobs(&self, place: &Place) -> (String, BTreeMap<String, String>) {
        let at = format!("/projects/{}", place.id);
        let owner = token_of("owner");
        let made = self
            .made_by(&owner, &format!("POST {at}/pipeline"), json!({"ref": "main"}))
            .await;
        let list = self
            .made(&format!("GET {at}/pipelines/{}/jobs", made["id"]), Value::Null)
            .await;
        let jobs = list.as_array().unwrap().iter();
        let jobs = jobs.map(|job| (job["name"].as_str().unwrap().to_owned(), job["id"].to_string()));
        (made["id"].to_string(), jobs.collect())
    }

    /// Has a runner take the job `job` of a new pipeline; returns the pipeline's id, the job's and the job's token.
    pub(crate) async fn running(&self, place: &Place) -> (String, String, String) {
        let (pipeline, jobs) = self.jobs(place).await;
        let id = jobs["job"].clone();
        let token = self.claimed(&id).await;
        (pipeline, id, token)
    }

    async fn claimed(&self, id: &str) -> String {
        let app = &self.api.server.app;
        let (job, now) = (JobId(id.parse().unwrap()), app.clock.now());
        let digest = app.keys.digest(&format!("runner of job {id}"));
        let claimed = move |tx: &mut dyn store::Tx| {
            let runner = ops::runners::create(
                tx,
                &ops::runners::NewRunner {
                    digest: &digest,
                    runner_type: model::RunnerType::Instance,
                    description: None,
                    maintenance_note: None,
                    paused: true,
                    locked: false,
                    run_untagged: true,
                    tags: &[],
                    access: model::RunnerAccess::NotProtected,
                    maximum_timeout_seconds: None,
                    group_id: None,
                    project_ids: &[],
                    creator_id: None,
                    token_expires_at: None,
                    registered_by_token: false,
                    created_at: now,
                },
            )?;
            let claim = ops::queue::Claim {
                runner_id: runner.id,
                runner_manager_id: None,
                acknowledged: false,
                timeout_seconds: 600,
                now,
            };
            ops::queue::claim(tx, job, claim)
        };
        let job = app.store.write(claimed).await.unwrap().expect("the job was pending");
        app::runners::report::acknowledge(app, job.clone())
            .await
            .expect("the job is the runner's");
        let hand_out = app::jobs::token::HandOut {
            job: job.id,
            claim: job.claim,
        };
        app::jobs::token::make(&app.keys, hand_out)
    }

    /// A pipeline whose job has ended well and left an archive; returns the ids of both.
    pub(crate) async fn finished(&self, place: &Place) -> (String, String) {
        let (pipeline, id, token) = self.running(place).await;
        let (holder, path) = (Credential::job("job", &token), format!("/api/v4/jobs/{id}/artifacts"));
        let form = Some(("multipart/form-data; boundary=x", archive()));
        assert_eq!(self.status(&holder, "POST", &path, form).await, 201);
        let mut writer = holder;
        writer.headers.push(("content-range", "0-3".to_owned()));
        let log = Some(("text/plain", b"log\n".to_vec()));
        let path = format!("/api/v4/jobs/{id}/trace");
        assert_eq!(self.status(&writer, "PATCH", &path, log).await, 202);
        self.made_by(
            "",
            &format!("PUT /jobs/{id}"),
            json!({"token": token, "state": "success"}),
        )
        .await;
        (pipeline, id)
    }
}

/// A form with an archive that has `out/a.txt`.
pub(crate) fn archive() -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("out/a.txt", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(b"text").unwrap();
    zip.start_file("keep", zip::write::SimpleFileOptions::default())
        .unwrap();
    let mut body = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"out.zip\"\r\n\r\n".to_vec();
    body.extend_from_slice(&zip.finish().unwrap().into_inner());
    body.extend_from_slice(b"\r\n--x--\r\n");
    body
}
