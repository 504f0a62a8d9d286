//! Clients that others wrote, unmodified.

use std::path::Path;
use std::process::Command;

use testkit::TestServer;

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
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/main_job.py");
    let output = Command::new(testkit::python())
        .arg(script)
        .args([&server.url(), server.root_token(), &project.path])
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.ends_with("all steps passed\n"), "{stdout}");
}
