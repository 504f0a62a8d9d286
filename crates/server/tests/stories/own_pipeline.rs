//! This repository itself: pushed with git, triggered, and its own pipeline run by the embedded runner.

use std::path::Path;
use std::process::Command;

use testkit::{Form, TestServer};

use crate::story;

story!(this_repository_is_pushed_triggered_and_runs_its_own_smoke_job, runners: 1);

fn this_repository_is_pushed_triggered_and_runs_its_own_smoke_job(server: &mut TestServer) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let project = server.api().empty_project(&[]);
    let address = project.repository.git(&["remote", "get-url", "origin"]);
    let push = Command::new("git")
        .args([
            "-c",
            &format!("safe.directory={}", root.display()),
            "push",
            "--quiet",
            "--push-option=ci.skip",
        ])
        .args([&address, "HEAD:refs/heads/main"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .current_dir(root)
        .output()
        .unwrap();
    assert!(push.status.success(), "{}", String::from_utf8_lossy(&push.stderr));

    let token = project.trigger_token();
    let pipeline = project.triggered(&token, Form::of([("variables[SMOKE_ONLY]", "true")]));
    assert_eq!(project.job_names(&pipeline), ["smoke"]);
    let pipeline = project.finished(&pipeline);
    let log = project.log(&pipeline, "smoke");
    assert_eq!(pipeline["status"], "success", "{log}");
    assert!(log.contains("started by trigger"), "{log}");
}
