//! Runners and jobs that reach for what is not theirs, or send more than anybody needs: nothing is lost, nothing leaks.

use serde_json::{Value, json};
use testkit::{TestServer, Upload};

use crate::story;

/// An empty zip archive.
const ARCHIVE: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Most bytes of an artifact.
const LARGEST: usize = 100 << 20;

story!(the_token_of_another_job_opens_nothing, runners: 0);

fn the_token_of_another_job_opens_nothing(server: &mut TestServer) {
    let project = server
        .api()
        .project(&[(".gitlab-ci.yml", "job: {script: x, parallel: 2}\n")]);
    let runner = project.runner();
    let (mut own, other) = (runner.take(), runner.take());
    let ended = {
        let job = server
            .api()
            .project(&[(".gitlab-ci.yml", "job: {script: x}\n")])
            .runner()
            .take();
        job.succeed();
        job
    };
    assert_eq!(own.trace("first\n").status, 202);
    assert_eq!(own.upload(archive(ARCHIVE)).status, 201);
    // A job that runs may read what its user may read: the archives of its project. Nothing else.
    for (token, download) in [
        (other.payload["token"].clone(), 200),
        (ended.payload["token"].clone(), 403),
        (json!(runner.token()), 403),
        (json!(""), 403),
    ] {
        let mut thief = own.clone();
        thief.payload["token"] = token.clone();
        let asked = json!({ "id": own.payload["id"], "token": token });
        let answers = [
            thief.trace("stolen\n").status,
            thief
                .update(&json!({ "state": "failed", "failure_reason": "script_failure" }))
                .status,
            thief.upload(archive(b"PK stolen")).status,
            thief.download(&asked).status,
        ];
        assert_eq!(answers, [403, 403, 403, download], "{token}");
    }
    let shown = project.get(&format!("/jobs/{}", own.id()));
    assert_eq!(shown["status"], "running");
    let log = project
        .request("GET", &format!("/jobs/{}/trace", own.id()))
        .send()
        .expect(200)
        .text();
    assert_eq!(log, "first\n");
    assert_eq!(own.end(&json!({ "state": "success" })).status, 200);
    other.succeed();
}

story!(an_artifact_that_is_too_large_is_refused_and_leaves_nothing, runners: 0);

fn an_artifact_that_is_too_large_is_refused_and_leaves_nothing(server: &mut TestServer) {
    let project = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}\n")]);
    let mut job = project.runner().take();
    let huge = vec![b'x'; LARGEST + 1];
    assert_eq!(job.upload(archive(&huge)).status, 413);
    let shown = project.get(&format!("/jobs/{}", job.id()));
    assert_eq!(shown["artifacts"], json!([]));
    assert!(shown.get("artifacts_file").is_none_or(Value::is_null), "{shown}");
    // The job goes on, and what fits is taken.
    assert_eq!(job.upload(archive(ARCHIVE)).status, 201);
    assert_eq!(job.end(&json!({ "state": "success" })).status, 200);
}

const fn archive(content: &[u8]) -> Upload<'_> {
    Upload {
        kind: "archive",
        format: "zip",
        expire_in: "",
        filename: "artifacts.zip",
        content,
    }
}
