//! SIGKILL under load: nothing that was answered 201 is lost, nothing is half there, and the server goes on.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::{Form, TestServer, eventually};

use crate::story;

/// Clients that trigger at the same time.
const CLIENTS: usize = 8;

/// Answers after which the server is killed.
const ANSWERS_BEFORE_KILL: usize = 120;

/// Jobs of each pipeline.
const JOBS: usize = 3;

const PROJECT: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"stages: [build, test, deploy]
build: {stage: build, script: "true"}
test: {stage: test, script: "true"}
deploy: {stage: deploy, script: "true"}
"#,
)];

story!(what_was_answered_is_there_after_a_kill_under_load, runners: 0);

fn what_was_answered_is_there_after_a_kill_under_load(server: &mut TestServer) {
    let project = server.api().empty_project(PROJECT);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    let token = project.trigger_token();

    // Each client triggers with a number of its own until the server is gone.
    let answered: Mutex<Vec<(i64, usize)>> = Mutex::default();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let form = Form::of([("token", &token), ("ref", "main")]).with("variables[N]", &number.to_string());
                    match project.trigger().form(&form).try_send() {
                        Ok(answer) => {
                            let pipeline = answer.expect(201).json();
                            answered
                                .lock()
                                .unwrap()
                                .push((pipeline["id"].as_i64().unwrap(), number));
                        }
                        Err(_) => return,
                    }
                }
            });
        }
        eventually("enough answers", || {
            (answered.lock().unwrap().len() >= ANSWERS_BEFORE_KILL).then_some(())
        });
        server.kill();
    });
    let answered = answered.into_inner().unwrap();
    server.restart();

    for (id, number) in &answered {
        let variables = project.get(&format!("/pipelines/{id}/variables"));
        let found = variables
            .as_array()
            .unwrap()
            .iter()
            .any(|v| v["key"] == "N" && v["value"] == number.to_string().as_str());
        assert!(found, "pipeline {id} was answered with N={number} and has {variables}");
    }
    let mut stored = Vec::new();
    for page in 1.. {
        let list = project.get(&format!("/pipelines?source=trigger&per_page=100&page={page}"));
        let list = list.as_array().unwrap();
        stored.extend(list.iter().cloned());
        if list.len() < 100 {
            break;
        }
    }
    let ids: BTreeSet<i64> = stored.iter().map(|pipeline| pipeline["id"].as_i64().unwrap()).collect();
    let iids: BTreeSet<i64> = stored
        .iter()
        .map(|pipeline| pipeline["iid"].as_i64().unwrap())
        .collect();
    assert!(answered.iter().all(|(id, _)| ids.contains(id)));
    assert_eq!(
        (ids.len(), iids.len()),
        (stored.len(), stored.len()),
        "ids and iids are unique"
    );
    for pipeline in &stored {
        assert_eq!(
            project.jobs(pipeline).len(),
            JOBS,
            "pipeline {} is half there",
            pipeline["id"]
        );
    }

    // The queue is the database: a runner gets the oldest job first, and a new call works.
    let job = server.api().runner().take();
    assert_eq!(job.payload["job_info"]["name"], "build");
    let _ = project.triggered(&token, Form::default());
}

story!(a_job_that_was_running_when_the_server_died_goes_on, runners: 0);

fn a_job_that_was_running_when_the_server_died_goes_on(server: &mut TestServer) {
    let api = server.api();
    let project = api.project(PROJECT);
    let runner = api.runner();
    let mut job = runner.take();
    assert_eq!(job.trace("before\n").status, 202);
    server.kill();
    server.restart();
    assert_eq!(job.trace("after\n").status, 202);
    job.succeed();
    let pipeline = project.get("/pipelines")[0].clone();
    assert!(project.log(&pipeline, "build").contains("before\nafter\n"));
    assert_eq!(runner.take().name(), "test");
}

story!(an_orderly_end_takes_no_kill, runners: 1);

fn an_orderly_end_takes_no_kill(server: &mut TestServer) {
    assert!(
        server.terminate(),
        "the server did not end with status 0:\n{}",
        server.log()
    );
    server.restart();
    assert_eq!(server.http().get("/-/liveness").send().status, 200);
}
