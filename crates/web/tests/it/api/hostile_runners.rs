//! Runners and jobs that send nonsense: each call has the status of the protocol, and the job is as it was before.

use std::io::Write as _;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::{Answer, Api};

/// A job that runs.
struct Running {
    id: i64,
    token: String,
}

impl Api {
    /// Starts a server on which a job runs that has logged `0123456789`.
    async fn with_a_job() -> (Api, Running) {
        let api = Api::start().await;
        let file = json!({"branch": "main", "commit_message": "ci", "content": "job: {script: x}"});
        let path = format!(
            "POST /projects/{}/repository/files/.gitlab-ci.yml",
            api.server.project.id
        );
        let _ = api.ada(&path, file).await.json(201);
        let (id, token) = api.server.run_a_job().await;
        let job = Running { id: id.0, token };
        assert_eq!(api.patch(&job, "0-9", "0123456789").await.status, 202);
        (api, job)
    }

    /// Sends bytes of the log; an empty range is none.
    async fn patch(&self, job: &Running, range: &str, text: impl Into<Body>) -> Answer {
        let path = format!("/api/v4/jobs/{}/trace", job.id);
        let mut request = Request::patch(path).header("job-token", &job.token);
        if !range.is_empty() {
            request = request.header("content-range", range);
        }
        self.send(request.header("content-type", "text/plain").body(text.into()).unwrap())
            .await
    }

    /// Sends a body of any type with any method as the job.
    async fn raw(&self, job: &Running, line: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v4{path}"))
            .header("job-token", &job.token);
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Uploads a file with this name as the job.
    async fn file(&self, job: &Running, query: &str, name: &str, content: &[u8]) -> Answer {
        let mut body =
            format!("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n").into_bytes();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--x--\r\n");
        let line = format!("POST /jobs/{}/artifacts{query}", job.id);
        self.raw(job, &line, "multipart/form-data; boundary=x", body).await
    }

    /// The job as its owner sees it, and its log.
    async fn seen(&self, job: &Running) -> (Value, String) {
        let path = format!("GET /projects/{}/jobs/{}", self.server.project.id, job.id);
        let shown = self.ada(&path, Value::Null).await.json(200);
        let log = self.ada(&format!("{path}/trace"), Value::Null).await;
        (shown, log.text)
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn ranges_that_are_none_or_do_not_fit_change_nothing() {
    let (api, job) = Api::with_a_job().await;
    for range in [
        "",
        "x",
        "-",
        "5",
        "a-b",
        "-5-9",
        "bytes 10-13/*",
        "10",
        "99999999999999999999-1",
        "1e3-2",
    ] {
        let answer = api.patch(&job, range, "lost").await;
        assert_eq!(
            answer.shown(),
            r#"400 {"error":"Missing header Content-Range"}"#,
            "`{range}`"
        );
    }
    // What lies beyond the end is refused with the size there is; where it is to end does not count.
    for range in [
        "11-14",
        "18446744073709551615-0",
        "9223372036854775807-9223372036854775807",
    ] {
        let answer = api.patch(&job, range, "lost").await;
        let size = answer.headers.get("range").map(|size| size.to_str().unwrap());
        assert_eq!((answer.status, size), (416, Some("0-10")), "{range}");
    }
    // What is there already, in whole or in part, is not written twice, and nothing of it is changed.
    for (range, text, size) in [
        ("0-9", "XXXXXXXXXX", 10),
        ("5-9", "", 10),
        ("10-9", "", 10),
        ("8-0", "XXab", 12),
    ] {
        let answer = api.patch(&job, range, text).await;
        let seen = answer
            .headers
            .get("range")
            .map(|size| size.to_str().unwrap().to_owned());
        assert_eq!(
            (answer.status, seen),
            (202, Some(format!("0-{size}"))),
            "{range} {text}"
        );
    }
    let huge = api.patch(&job, "12-99999999", vec![b'x'; (4 << 20) + 1]).await;
    assert_eq!(huge.status, 413);
    let (shown, log) = api.seen(&job).await;
    assert_eq!((&shown["status"], log.as_str()), (&json!("running"), "0123456789ab"));
}

#[tokio::test]
async fn states_that_are_none_and_bodies_that_are_no_report_change_nothing() {
    let (api, job) = Api::with_a_job().await;
    let line = format!("PUT /jobs/{}", job.id);
    let no_state = r#"400 {"error":"state does not have a valid value"}"#;
    for state in [
        "",
        "canceled",
        "skipped",
        "SUCCESS",
        "success ",
        "created",
        "'; DROP TABLE jobs",
    ] {
        let answer = api.call(&line, "", json!({"token": job.token, "state": state})).await;
        assert_eq!(answer.shown(), no_state, "`{state}`");
    }
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let state = |rest: &str| format!("{{\"token\": \"{}\", {rest}}}", job.token);
    for (content_type, body, expected) in [
        ("application/json", String::new(), 400),
        ("application/json", "nonsense".to_owned(), 400),
        ("application/json", "{".to_owned(), 400),
        ("application/json", "[]".to_owned(), 400),
        ("application/json", "\"success\"".to_owned(), 400),
        ("application/json", state("\"state\": [\"success\"]"), 400),
        ("application/json", state("\"state\": {}"), 400),
        (
            "application/json",
            state("\"state\": \"failed\", \"exit_code\": {}"),
            400,
        ),
        (
            "application/json",
            state("\"state\": \"failed\", \"exit_code\": 1e400"),
            400,
        ),
        (
            "application/json",
            state(&format!("\"state\": \"success\", \"info\": {deep}")),
            400,
        ),
        ("text/html", "state=success".to_owned(), 415),
        ("application/octet-stream", "state=success".to_owned(), 415),
        ("multipart/form-data", "state=success".to_owned(), 400),
        ("application/json", "x".repeat(9 << 20), 413),
    ] {
        let answer = api.raw(&job, &line, content_type, body.clone()).await;
        assert_eq!(answer.status, expected, "{content_type} {body:.60}: {}", answer.text);
    }
    let (shown, log) = api.seen(&job).await;
    assert_eq!((&shown["status"], log.as_str()), (&json!("running"), "0123456789"));

    // A reason that nobody knows and an exit code of any size end the job all the same: it did end.
    let end =
        json!({"token": job.token, "state": "failed", "failure_reason": "aliens", "exit_code": -9_000_000_000_i64});
    assert_eq!(api.call(&line, "", end.clone()).await.status, 200);
    let (shown, _) = api.seen(&job).await;
    assert_eq!(
        (&shown["status"], &shown["failure_reason"]),
        (&json!("failed"), &json!("unknown_failure"))
    );
    // And that is its end, whatever comes later.
    for state in ["success", "running", "failed"] {
        let again = api.call(&line, "", json!({"token": job.token, "state": state})).await;
        assert_eq!(again.status, 403, "{state}");
        assert_eq!(again.headers["job-status"], "failed");
    }
    for answer in [
        api.patch(&job, "10-10", "x").await,
        api.file(&job, "", "a.zip", b"x").await,
        api.raw(&job, &format!("GET /jobs/{}/artifacts", job.id), "", "").await,
    ] {
        assert_eq!(answer.status, 403, "{}", answer.text);
    }
    let (shown, log) = api.seen(&job).await;
    assert_eq!((&shown["status"], log.as_str()), (&json!("failed"), "0123456789"));
}

#[tokio::test]
async fn requests_for_a_job_that_make_no_sense_are_refused() {
    let (api, job) = Api::with_a_job().await;
    let runner = api
        .root("POST /user/runners", json!({"runner_type": "instance_type"}))
        .await;
    let created = runner.json(201);
    let token = created["token"].as_str().unwrap().to_owned();
    let id = model::RunnerId(created["id"].as_i64().unwrap());
    for (body, expected) in [
        (json!({}), 403),
        (json!({"token": ""}), 403),
        (json!({"token": "glrt-unknown"}), 403),
        (json!({"token": job.token}), 403),
        (json!({"token": [token]}), 400),
        (json!({"token": {"a": token}}), 400),
        (json!({"token": token, "system_id": "s".repeat(65)}), 400),
        (json!({"token": token, "system_id": ["s"]}), 400),
        (json!({"token": token, "info": {"version": {}}}), 400),
        (json!({"token": token, "info": {"features": ["cache"]}}), 400),
    ] {
        let answer = api.call("POST /jobs/request", "", body.clone()).await;
        assert_eq!(answer.status, expected, "{body:.90}: {}", answer.text);
    }
    // What it may say of itself, and too much of it; introducing itself is the same without the wait for a job.
    let many: serde_json::Map<String, Value> = (0..10_000).map(|n| (format!("feature_{n}"), json!(true))).collect();
    for info in [
        json!({"features": {"cache": "perhaps"}, "name": 7}),
        json!({"version": "v".repeat(100_000)}),
        json!({"features": many}),
    ] {
        let answer = api
            .call("POST /runners/verify", "", json!({"token": token, "info": info}))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let read = move |tx: &mut dyn store::Tx| store::ops::runners::manager(tx, id, "<legacy>");
    let stored = api
        .server
        .app
        .store
        .read(read)
        .await
        .unwrap()
        .expect("it has introduced itself");
    assert_eq!(stored.features.len(), 200);
    assert_eq!(stored.version.map(|version| version.len()), Some(2048));
    for body in ["nonsense", "{\"token\":", "\u{0}"] {
        let answer = api.raw(&job, "POST /jobs/request", "application/json", body).await;
        assert_eq!(answer.status, 400, "{body}");
    }
    let answer = api.raw(&job, "POST /jobs/request", "image/png", "x").await;
    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn uploads_that_are_none_leave_nothing() {
    let (api, job) = Api::with_a_job().await;
    let line = format!("POST /jobs/{}/artifacts", job.id);
    let form = "multipart/form-data; boundary=x";
    let part =
        |name: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\nab\r\n");
    for (content_type, body) in [
        ("", String::new()),
        ("", "zip".to_owned()),
        ("application/zip", "PK".to_owned()),
        ("application/json", "{}".to_owned()),
        ("multipart/form-data", "x".to_owned()),
        (form, String::new()),
        (form, "nonsense".to_owned()),
        (form, "--x--\r\n".to_owned()),
        (form, format!("{}--x--\r\n", part("other"))),
        (form, format!("{}--x--\r\n", part("file[]"))),
        // Cut off in the middle, and two files at once.
        (form, part("file")),
        (
            form,
            "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n".to_owned(),
        ),
        (form, format!("{}{}--x--\r\n", part("file"), part("file"))),
        // A field that never ends.
        (
            form,
            format!(
                "--x\r\nContent-Disposition: form-data; name=\"expire_in\"\r\n\r\n{}\r\n--x--\r\n",
                "1".repeat(2_000)
            ),
        ),
        (
            form,
            format!(
                "--x\r\nContent-Disposition: form-data; name=\"expire_in\"\r\n\r\nwhenever\r\n{}--x--\r\n",
                part("file")
            ),
        ),
    ] {
        let answer = api.raw(&job, &line, content_type, body.clone()).await;
        assert_eq!(answer.status, 400, "{content_type} {body:.90}: {}", answer.text);
    }
    // Reports that the server reads: what is no report is refused and forgotten, however small it is packed.
    for (content, message) in [
        (
            gzip(&vec![b'x'; 64 << 20]),
            "Dotenv Artifact Too Big. Maximum Allowable Size: 5120",
        ),
        (b"not packed".to_vec(), "Invalid Format"),
        (gzip(b"A=1\n")[..12].to_vec(), "Invalid Format"),
        (gzip(b"A\n"), "Invalid Format"),
        (
            gzip(b"PATH;=x\n"),
            "Validation failed: Key can contain only letters, digits and '_'.",
        ),
        (gzip(&[b'A', b'=', 0xff]), "Dotenv artifact is not valid UTF-8"),
    ] {
        let answer = api
            .file(&job, "?artifact_type=dotenv&artifact_format=gzip", ".env.gz", &content)
            .await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains(message), "{} instead of {message}", answer.text);
    }
    let (shown, _) = api.seen(&job).await;
    assert_eq!((&shown["status"], &shown["artifacts"]), (&json!("running"), &json!([])));
    let incoming = api.server.folder().join("blobs/artifacts/incoming");
    assert_eq!(
        std::fs::read_dir(incoming).unwrap().count(),
        0,
        "nothing is left behind"
    );

    // After all that the job's real files are taken; a report that is not read may hold anything.
    let good = api
        .file(
            &job,
            "?artifact_type=dotenv&artifact_format=gzip",
            ".env.gz",
            &gzip(b"A=1\n"),
        )
        .await;
    assert_eq!(good.status, 201, "{}", good.text);
    let junit = api
        .file(
            &job,
            "?artifact_type=junit&artifact_format=gzip",
            "x.gz",
            &gzip(&vec![b'<'; 64 << 20]),
        )
        .await;
    assert_eq!(junit.status, 201);
}

#[tokio::test]
async fn names_of_files_lead_nowhere() {
    for (name, kept) in [
        ("../../../../etc/cron.d/evil", "evil"),
        ("/etc/passwd", "passwd"),
        ("..", "artifacts.zip"),
        ("C:\\\\windows\\\\x.zip", "x.zip"),
        ("a%2f..%2fb.zip", "a%2f..%2fb.zip"),
    ] {
        let (api, job) = Api::with_a_job().await;
        assert_eq!(api.file(&job, "", name, b"PK").await.status, 201, "{name}");
        let (shown, _) = api.seen(&job).await;
        assert_eq!(shown["artifacts_file"]["filename"], kept, "{name}");
        let path = format!("GET /projects/{}/jobs/{}/artifacts", api.server.project.id, job.id);
        let answer = api.ada(&path, Value::Null).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "PK"));
        let disposition = answer.headers["content-disposition"].to_str().unwrap();
        assert!(
            !disposition.contains('\n') && !disposition.contains("etc"),
            "{disposition}"
        );
    }
}
