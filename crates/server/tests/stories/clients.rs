//! Clients that others wrote, unmodified.

use std::path::Path;
use std::process::Command;

use testkit::{Site, TestServer};

use crate::story;

const PROJECT: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"spec:
  inputs:
    flavor:
      default: plain
---
stages: [build, deploy]
build:
  stage: build
  script: 'echo "source=$CI_PIPELINE_SOURCE who=$WHO flavor=$[[ inputs.flavor ]]"'
deploy:
  stage: deploy
  script: echo deployed
  when: manual
"#,
)];

story!(python_gitlab_drives_the_whole_main_job, runners: 2);

fn python_gitlab_drives_the_whole_main_job(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    project.push("main:refs/tags/v1");
    run(server, "main_job.py", &[&project.path]);
}

story!(python_gitlab_manages_runners, runners: 0);

fn python_gitlab_manages_runners(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    run(server, "runners.py", &[&project.path]);
}

story!(python_gitlab_manages_webhooks, runners: 0);

fn python_gitlab_manages_webhooks(server: &mut TestServer) {
    let site = Site::start(|_| Site::ok(""));
    let project = server.api().project(PROJECT);
    run(server, "hooks.py", &[&project.path, &site.url("/hook")]);
    assert_eq!(site.asked().len(), 1);
}

story!(python_gitlab_manages_environments_and_deployments, runners: 0);

fn python_gitlab_manages_environments_and_deployments(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    run(server, "environments.py", &[&project.path]);
}

story!(schemathesis_finds_no_answer_that_breaks_the_description, runners: 0);

fn schemathesis_finds_no_answer_that_breaks_the_description(server: &mut TestServer) {
    run(server, "described.py", &[]);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// Runs one of our scripts around the unmodified library.
fn run(server: &TestServer, script: &str, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let output = Command::new(testkit::python())
        .arg(script)
        .args([&server.url(), server.root_token()])
        .args(arguments)
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.ends_with("all steps passed\n"), "{stdout}");
}
