//! Waiting for a pipeline and watching it, with curl and from another server.

use std::process::Command;

use serde_json::{Value, json};
use testkit::{Database, Form, TestServer, eventually};

use crate::story;

const PROJECT: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"check:
  script:
    - echo "looking at $WHAT"
    - test "$WHAT" = good
"#,
)];

/// Runs curl with `--fail-with-body` and returns its exit status and what it printed.
#[track_caller]
fn curl(url: &str, forms: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--no-buffer", "--fail-with-body"]);
    for form in forms {
        command.args(["--form", form]);
    }
    let output = command.arg(url).output().expect("curl is installed");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

story!(one_curl_line_waits_and_fails_with_the_pipeline, runners: 1);

fn one_curl_line_waits_and_fails_with_the_pipeline(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = format!("token={}", project.trigger_token());
    let url = format!("{}/api/v4/projects/{}/trigger/pipeline", server.url(), project.id);
    for (what, exit, status) in [("good", 0, "success"), ("bad", 22, "failed")] {
        let variable = format!("variables[WHAT]={what}");
        let call = [token.as_str(), "ref=main", &variable];
        let (code, text) = curl(&url, &[call.as_slice(), &["wait=true"]].concat());
        assert_eq!(code, Some(exit), "{text}");
        let pipeline: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(pipeline["status"], status);

        let (code, text) = curl(&url, &[call.as_slice(), &["follow=true"]].concat());
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains(&format!("check | looking at {what}")), "{text}");
        assert!(text.trim_end().ends_with(&format!(": {status}")), "{text}");
    }
}

#[test]
fn another_server_shows_what_happens_on_this_one() {
    let server = crate::server(Database::Postgres, 0);
    let project = server.api().project(PROJECT);
    let other = server.another();
    let root = other.http().with_header("PRIVATE-TOKEN", server.root_token());
    let token = project.trigger_token();
    let pipeline = project.triggered(&token, Form::default());
    let job = project.jobs(&pipeline)[0]["id"].clone();

    let watch = |path: String| {
        let request = root.get(&format!("/api/v4/projects/{}/{path}", project.id));
        std::thread::spawn(move || request.send().expect(200).text())
    };
    let events = watch(format!("pipelines/{}/events", pipeline["id"]));
    let log = watch(format!("jobs/{job}/trace/events"));
    eventually("the other server to have two viewers", || {
        let figures = other.http().get("/-/metrics").send().expect(200).text();
        figures.contains("tripline_viewers 2").then_some(())
    });
    let runner = server.api().runner();
    // The push made a pipeline too; its job comes first.
    let mut taken = runner.take();
    while json!(taken.id()) != job {
        taken.succeed();
        taken = runner.take();
    }
    assert_eq!(taken.trace("as bytes are\n").status, 202);
    taken.succeed();
    let (events, log) = (events.join().unwrap(), log.join().unwrap());
    assert!(log.contains(r#""text":"as bytes are\n""#), "{log}");
    for stream in [&events, &log] {
        assert!(stream.trim_end().ends_with(r#"data: {"status":"success"}"#), "{stream}");
    }
    let steps: Vec<_> = events.matches(r#""status":"running""#).collect();
    assert!(!steps.is_empty(), "the job was seen running: {events}");
}
