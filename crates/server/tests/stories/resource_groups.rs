//! Resource groups over HTTP: what can be asked and changed, and that never two jobs of a group run.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Form, Project, ScriptedRunner, TestServer};

use crate::{another_server, story};

const CONFIG: &str = "deploy: {script: x, resource_group: prod/eu}\n";

/// Address of the group below the project; its key has a slash.
const GROUP: &str = "/resource_groups/prod%2Feu";

story!(a_resource_group_is_listed_looked_at_and_changed, runners: 0);

fn a_resource_group_is_listed_looked_at_and_changed(server: &mut TestServer) {
    let project = quiet(server, CONFIG);
    assert_eq!(project.get("/resource_groups"), json!([]));
    assert_eq!(
        refused(&project, "GET", GROUP, None),
        (404, json!({ "message": "404 Not found" }))
    );
    let pipelines: Vec<Value> = (0..3).map(|_| triggered(&project)).collect();

    let group = project.get(GROUP);
    assert_eq!(
        (&group["key"], &group["process_mode"]),
        (&json!("prod/eu"), &json!("unordered"))
    );
    for field in ["id", "created_at", "updated_at"] {
        assert!(!group[field].is_null(), "{group}");
    }
    assert_eq!(project.get("/resource_groups"), json!([group]));
    let job_of = |pipeline: &Value| project.jobs(pipeline)[0]["id"].clone();
    assert_eq!(
        project.get(&format!("{GROUP}/current_job"))["id"],
        job_of(&pipelines[0])
    );
    let upcoming = |query: &str| -> Vec<Value> {
        let list = project.get(&format!("{GROUP}/upcoming_jobs{query}"));
        list.as_array().unwrap().iter().map(|job| job["id"].clone()).collect()
    };
    let (second, third) = (job_of(&pipelines[1]), job_of(&pipelines[2]));
    assert_eq!(upcoming(""), [second.clone(), third.clone()]);
    assert_eq!(upcoming("?per_page=1&page=2"), std::slice::from_ref(&third));

    let mode = |mode: &str| {
        project
            .request("PUT", GROUP)
            .json(&json!({ "process_mode": mode }))
            .send()
    };
    assert_eq!(
        mode("newest_ready_first").expect(200).json()["process_mode"],
        "newest_ready_first"
    );
    assert_eq!(upcoming(""), [third.clone(), second]);
    let wrong = mode("fastest").expect(400).json();
    assert_eq!(wrong, json!({ "error": "process_mode does not have a valid value" }));
    assert_eq!(project.get(GROUP)["process_mode"], "newest_ready_first");

    let runner = project.runner();
    runner.take().succeed();
    assert_eq!(project.get(&format!("{GROUP}/current_job"))["id"], third);
}

story!(a_resource_group_is_for_those_who_may_run_pipelines, runners: 0);

fn a_resource_group_is_for_those_who_may_run_pipelines(server: &mut TestServer) {
    let project = quiet(server, CONFIG);
    let _ = triggered(&project);
    let paths =
        ["", "/current_job", "/upcoming_jobs"].map(|rest| format!("/api/v4/projects/{}{GROUP}{rest}", project.id));
    for path in &paths {
        assert_eq!(
            server.http().get(path).send().status,
            401,
            "strangers are asked who they are"
        );
    }
    let reporter = member(server, &project, 20);
    for path in &paths {
        let answer = server.http().get(path).header("PRIVATE-TOKEN", &reporter).send();
        assert_eq!(
            (answer.status, answer.json()),
            (403, json!({ "message": "403 Forbidden" })),
            "{path}"
        );
    }
    let changed = server
        .http()
        .request("PUT", &paths[0])
        .header("PRIVATE-TOKEN", &reporter);
    assert_eq!(
        changed.json(&json!({ "process_mode": "oldest_first" })).send().status,
        403
    );
    assert_eq!(project.get(GROUP)["process_mode"], "unordered");
}

story!(never_two_jobs_of_a_resource_group_run, runners: 0);

/// Pipelines that want the resource.
const PIPELINES: usize = 24;

/// Runners that ask at the same time.
const RUNNERS: usize = 6;

fn never_two_jobs_of_a_resource_group_run(server: &mut TestServer) {
    let project = quiet(server, CONFIG);
    let other = another_server(server);
    let runner = project.runner();
    let runners: Vec<ScriptedRunner> = (0..RUNNERS)
        .map(|slot| {
            let process = runner.as_process(&format!("s_testkit000{slot:02}"));
            match &other {
                Some(other) if slot % 2 == 1 => process.at(&other.http()),
                _ => process,
            }
        })
        .collect();
    let token = project.trigger_token();
    let (running, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for (slot, runner) in runners.iter().enumerate() {
            let (running, done) = (&running, &done);
            threads.spawn(move || {
                while done.load(Ordering::SeqCst) < PIPELINES {
                    let Some(mut job) = runner.try_hand_out() else { continue };
                    let others = running.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(others, 0, "slot {slot} has got job {} beside another one", job.id());
                    job.accept();
                    assert_eq!(job.trace("working\n").status, 202);
                    running.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                    // Both ends are reported at once: whoever frees the resource twice gives it away twice.
                    let ended = json!({ "state": "success" });
                    std::thread::scope(|both| {
                        let [first, second] = [0, 1].map(|_| both.spawn(|| job.update(&ended).status));
                        let mut answers = [first.join().unwrap(), second.join().unwrap()];
                        answers.sort_unstable();
                        assert_eq!(answers, [200, 403]);
                    });
                }
            });
        }
        for _ in 0..PIPELINES {
            let _ = project.triggered(&token, Form::default());
        }
    });
    assert_eq!(done.load(Ordering::SeqCst), PIPELINES);
    assert_eq!(project.get(&format!("{GROUP}/upcoming_jobs")), json!([]));
    assert_eq!(project.get(&format!("{GROUP}/current_job")), Value::Null);
}

/// A project whose push started nothing.
fn quiet(server: &TestServer, config: &str) -> Project {
    let project = server.api().empty_project(&[(".gitlab-ci.yml", config)]);
    let options = ["push", "--quiet", "--push-option=ci.skip", "origin", "main"];
    project.repository.git(&options);
    project
}

fn triggered(project: &Project) -> Value {
    let created = project.request("POST", "/pipeline").json(&json!({ "ref": "main" }));
    created.send().expect(201).json()
}

fn refused(project: &Project, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = project.request(method, path);
    let answer = match &body {
        Some(body) => request.json(body).send(),
        None => request.send(),
    };
    (answer.status, answer.json())
}

/// Makes a member of the project and returns the member's token.
fn member(server: &TestServer, project: &Project, level: u8) -> String {
    let name = "reporter";
    let new = json!({ "username": name, "name": name, "email": "r@example.com", "password": "correct horse battery" });
    let user = server.api().post("/users", &new).expect(201).json();
    let add = json!({ "user_id": user["id"], "access_level": level });
    drop(project.request("POST", "/members").json(&add).send().expect(201));
    let token = json!({ "name": "t", "scopes": ["api"] });
    let path = format!("/users/{}/personal_access_tokens", user["id"]);
    let token = server.api().post(&path, &token).expect(201).json();
    token["token"].as_str().unwrap().to_owned()
}
