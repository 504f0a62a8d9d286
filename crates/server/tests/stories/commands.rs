//! The other commands of the binary, as a person types them.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use serde_json::json;
use testkit::{Database, Form, TempDir, TestServer};

use crate::story;

fn tripline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.args(arguments).stdin(Stdio::null());
    command
}

#[track_caller]
fn output(arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = tripline(arguments).output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    (status.code().expect("the command was not killed"), text)
}

#[test]
fn the_demo_triggers_a_pipeline_follows_it_and_says_how_to_do_it_again() {
    let (status, text) = output(&["demo", "--once", "--listen", "127.0.0.1:0"]);
    assert_eq!(status, 0, "{text}");
    for expected in [
        "Konnichiwa, you!",
        "curl --request POST --form token=glptt-",
        "pipeline 2: success",
        "/api/v4/projects/1/pipelines/2",
        "/root/demo/-/pipelines/2   (sign in as `root`, password ",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "colors where there is no terminal:\n{text}");
}

#[test]
fn the_repositorys_own_configurations_are_valid() {
    for file in ["../../.gitlab-ci.yml", "demo/.gitlab-ci.yml"] {
        let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let (status, text) = output(&["lint", &file]);
        assert_eq!(status, 0, "{text}");
        assert!(!text.contains("warning"), "{text}");
    }
}

#[test]
fn lint_names_the_place_and_fails() {
    let dir = TempDir::new();
    let file = dir.path().join("ci.yml");
    std::fs::write(&file, "build:\n  script: x\ntest:\n  script: y\n  needs: [biuld]\n").unwrap();
    let (status, text) = output(&["lint", &file.to_string_lossy()]);
    assert_ne!(status, 0, "{text}");
    assert!(text.contains("biuld") && text.contains("ci.yml:5"), "{text}");
}

#[test]
fn explain_says_why_a_job_is_in_or_out() {
    let file = format!("{}/demo/.gitlab-ci.yml", env!("CARGO_MANIFEST_DIR"));
    let (status, text) = output(&["explain", &file, "--source", "push"]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.lines()
            .any(|line| line.starts_with("out") && line.contains("payload")),
        "{text}"
    );
    assert!(text.contains("$CI_PIPELINE_SOURCE"), "{text}");
    let (status, text) = output(&["explain", &file, "--source", "nowhere"]);
    assert_ne!(status, 0, "{text}");
}

const PROJECT: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"greet:
  script:
    - echo "hello $WHO"
    - test "$WHO" != nobody
"#,
)];

story!(trigger_follows_the_jobs_and_ends_as_the_pipeline_does, runners: 1);

fn trigger_follows_the_jobs_and_ends_as_the_pipeline_does(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = project.trigger_token();
    let url = server.url();
    let follow = |who: &str| {
        let variable = format!("WHO={who}");
        let place = [
            "trigger",
            "--url",
            &url,
            "--project",
            &project.path,
            "--token",
            &token,
            "--ref",
            "main",
        ];
        let rest = ["--variable", &variable, "--follow"];
        output(&[place.as_slice(), rest.as_slice()].concat())
    };
    let (status, text) = follow("somebody");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("hello somebody"), "{text}");
    let (status, text) = follow("nobody");
    assert_ne!(status, 0, "{text}");
    assert!(text.contains("hello nobody"), "{text}");

    let (status, text) = output(&[
        "trigger",
        "--url",
        &url,
        "--project",
        &project.path,
        "--token",
        "glptt-wrong",
    ]);
    assert_ne!(status, 0, "{text}");
    assert!(text.contains("404"), "{text}");
}

story!(the_runner_works_as_a_process_of_its_own, runners: 0);

fn the_runner_works_as_a_process_of_its_own(server: &mut TestServer) {
    let api = server.api();
    let project = api.project(PROJECT);
    let created = api
        .post("/user/runners", &json!({ "runner_type": "instance_type" }))
        .expect(201)
        .json();
    let dir = TempDir::new();
    let mut runner = tripline(&[
        "runner",
        "--url",
        &server.url(),
        "--token",
        created["token"].as_str().unwrap(),
    ])
    .args(["--concurrency", "1", "--work-dir"])
    .arg(dir.path())
    .stdout(Stdio::null())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let pipeline = project.triggered(&project.trigger_token(), Form::of([("variables[WHO]", "process")]));
    let pipeline = project.finished(&pipeline);
    drop(runner.kill());
    let said = BufReader::new(runner.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .collect::<Vec<_>>();
    drop(runner.wait());
    assert_eq!(pipeline["status"], "success", "{}", said.join("\n"));
    assert!(project.log(&pipeline, "greet").contains("hello process"));
}

story!(an_administrator_works_on_the_data_of_a_stopped_server, runners: 0);

fn an_administrator_works_on_the_data_of_a_stopped_server(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    assert!(server.terminate());
    let admin = |arguments: &[&str]| {
        let Output { status, stdout, stderr } = server.admin(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&stdout).into_owned();
        assert!(
            status.success(),
            "{arguments:?}: {said}{}",
            String::from_utf8_lossy(&stderr)
        );
        said
    };
    admin(&["create-user", "ada", "--email", "ada@example.com"]);
    let said = admin(&["create-token", "ada"]);
    let token = said
        .split_whitespace()
        .find(|word| word.starts_with("glpat-"))
        .expect("the token is printed")
        .to_owned();
    let source = project.repository.path().to_string_lossy().into_owned();
    admin(&["create-project", "tools/attached", "--attach", &source]);
    admin(&["check"]);
    server.restart();
    let ada = server.api().as_token(server, &token);
    assert_eq!(ada.get("/user")["username"], "ada");
    assert_eq!(server.api().get("/projects/tools%2Fattached")["default_branch"], "main");
}

#[test]
fn a_backup_is_a_data_folder_that_passes_the_check() {
    let mut server = crate::server(Database::Sqlite, 0);
    let _ = server.api().project(PROJECT);
    assert!(server.terminate());
    let backup = TempDir::new();
    let copy = backup.path().join("copy").to_string_lossy().into_owned();
    let saved = server.admin(&["backup", &copy]).output().unwrap();
    assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
    for (path, mode) in [("", 0o700), ("tripline.db", 0o600), ("secret.key", 0o600)] {
        let found = std::fs::metadata(backup.path().join("copy").join(path)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, mode, "{path}");
    }
    let (status, text) = output(&["admin", "check", "--data-dir", &copy]);
    assert_eq!(status, 0, "{text}");
}

#[test]
fn a_backup_of_postgres_names_the_tool_for_it() {
    let mut server = crate::server(Database::Postgres, 0);
    assert!(server.terminate());
    let backup = TempDir::new();
    let refused = server
        .admin(&["backup", &backup.path().to_string_lossy()])
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("pg_dump"));
}
