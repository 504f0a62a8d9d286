//! Artifacts of jobs: whole, file by file, by ref; who may read, keep and delete them; what hostile archives do.

use std::io::{Cursor, Write as _};

use app::jobs::artifacts::sweep;
use axum::body::Body;
use axum::http::Request;
use model::AccessLevel;
use serde_json::{Value, json};

use super::{Answer, Api};

/// A job that has ended, with its archive.
struct Job {
    id: i64,
    project: i64,
}

impl Api {
    /// Has a job of this configuration run, upload this archive and end well.
    async fn job_with(&self, config: &str, archive: &[u8]) -> Job {
        let project = self.server.project.id.0;
        let file = json!({"branch": "main", "commit_message": "ci", "content": config});
        let path = format!("POST /projects/{project}/repository/files/.gitlab-ci.yml");
        let _ = self.ada(&path, file).await.json(201);
        let (id, token) = self.server.run_a_job().await;
        assert_eq!(
            self.upload(id.0, &token, "?expire_in=1%20week", archive).await.status,
            201
        );
        let over = json!({"token": token, "state": "success"});
        let _ = self.call(&format!("PUT /jobs/{id}"), "", over).await.json(200);
        Job { id: id.0, project }
    }

    async fn upload(&self, id: i64, token: &str, query: &str, archive: &[u8]) -> Answer {
        let mut body = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"out.zip\"\r\n\r\n".to_vec();
        body.extend_from_slice(archive);
        body.extend_from_slice(b"\r\n--x--\r\n");
        let request = Request::post(format!("/api/v4/jobs/{id}/artifacts{query}"))
            .header("job-token", token)
            .header("content-type", "multipart/form-data; boundary=x");
        self.send(request.body(Body::from(body)).unwrap()).await
    }
}

impl Job {
    fn path(&self, rest: &str) -> String {
        format!("/projects/{}/jobs/{}/artifacts{rest}", self.project, self.id)
    }
}

const CONFIG: &str = "build: {script: x, artifacts: {paths: [out]}}";

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn files_of_an_archive_are_had_one_by_one_by_job_or_by_ref() {
    let api = Api::start().await;
    let zip = archive(&[("out/a.txt", "hello"), ("keep", "kept"), ("raw/page.html", "<p>")]);
    let job = api.job_with(CONFIG, &zip).await;
    let project = job.project;
    for (path, content, media_type) in [
        (job.path("/out/a.txt"), "hello", "text/plain; charset=utf-8"),
        (job.path("/keep"), "kept", "application/octet-stream"),
        (
            format!("/projects/{project}/jobs/artifacts/main/raw/out/a.txt?job=build"),
            "hello",
            "text/plain; charset=utf-8",
        ),
        (job.path("/raw%2Fpage.html"), "<p>", "text/html; charset=utf-8"),
    ] {
        let answer = api.ada(&format!("GET {path}"), Value::Null).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, content), "{path}");
        assert_eq!(answer.headers["content-type"], media_type, "{path}");
        let disposition = answer.headers["content-disposition"].to_str().unwrap();
        assert!(disposition.starts_with("attachment; "), "{disposition}");
    }
    let not_found = r#"404 {"message":"404 Not Found"}"#;
    let bad = r#"400 {"message":"400 Bad request"}"#;
    let unknown = r#"404 {"message":"404 Not found"}"#;
    for (path, expected) in [
        (job.path("/out/b.txt"), not_found),
        (job.path("/out"), not_found),
        (job.path("/..%2f..%2fetc%2fpasswd"), bad),
        (job.path("/out/..%2fa.txt"), bad),
        (
            format!("/projects/{project}/jobs/artifacts/main/download?job=other"),
            unknown,
        ),
        (
            format!("/projects/{project}/jobs/artifacts/other/download?job=build"),
            unknown,
        ),
        (
            format!("/projects/{project}/jobs/artifacts/main/download"),
            r#"400 {"error":"job is missing"}"#,
        ),
        (
            format!("/projects/{project}/jobs/artifacts/main/else?job=build"),
            r#"404 {"error":"404 Not Found"}"#,
        ),
    ] {
        assert_eq!(
            api.ada(&format!("GET {path}"), Value::Null).await.shown(),
            expected,
            "{path}"
        );
    }
    assert_eq!(
        api.get(&format!("GET {}", job.path("")), "").await.status,
        404,
        "a private project"
    );
}

#[tokio::test]
async fn artifacts_are_kept_expired_and_deleted() {
    let api = Api::start().await;
    let job = api.job_with(CONFIG, &archive(&[("a", "x")])).await;
    let shown = format!("GET /projects/{}/jobs/{}", job.project, job.id);
    assert_ne!(
        api.ada(&shown, Value::Null).await.json(200)["artifacts_expire_at"],
        Value::Null
    );
    let kept = api
        .ada(&format!("POST {}", job.path("/keep")), Value::Null)
        .await
        .json(200);
    assert_eq!(
        (&kept["id"], &kept["artifacts_expire_at"]),
        (&json!(job.id), &Value::Null)
    );

    let developer = api.server.member("dan", AccessLevel::Developer).await;
    let all = format!("DELETE /projects/{}/artifacts", job.project);
    assert_eq!(api.get(&all, &developer).await.status, 403);
    assert_eq!(
        api.get(&format!("DELETE {}", job.path("")), &developer).await.status,
        403
    );

    // What has expired stays as long as its pipeline is the latest of its branch that ended well.
    assert_eq!(
        api.ada(&all, Value::Null).await.json(202),
        json!({"message": "202 Accepted"})
    );
    sweep(&api.server.app).await.unwrap();
    let file = format!("GET {}", job.path("/a"));
    assert_eq!(api.ada(&file, Value::Null).await.status, 200);
    let id = api.server.project.id;
    api.server
        .change(id, |project| project.settings.keep_latest_artifact = false)
        .await;
    assert_eq!(
        api.ada(&file, Value::Null).await.status,
        404,
        "expired, though not deleted yet"
    );
    sweep(&api.server.app).await.unwrap();
    let gone = api.ada(&shown, Value::Null).await.json(200);
    assert_eq!((gone.get("artifacts_file"), &gone["artifacts"]), (None, &json!([])));
    assert_eq!(
        api.ada(&format!("POST {}", job.path("/keep")), Value::Null)
            .await
            .status,
        404
    );
    api.ada(&format!("DELETE {}", job.path("")), Value::Null)
        .await
        .empty(204);
}

#[tokio::test]
async fn a_job_says_who_may_read_its_archive() {
    for (access, developer_status, maintainer_status) in
        [("developer", 200, 200), ("maintainer", 403, 200), ("none", 403, 403)]
    {
        let api = Api::start().await;
        let config = format!("build: {{script: x, artifacts: {{paths: [out], access: {access}}}}}");
        let job = api.job_with(&config, &archive(&[("a", "x")])).await;
        let maintainer = api.server.member("mia", AccessLevel::Maintainer).await;
        let developer = api.server.member("dan", AccessLevel::Developer).await;
        let reporter = api.server.member("rob", AccessLevel::Reporter).await;
        for rest in ["", "/a"] {
            let line = format!("GET {}", job.path(rest));
            for (token, expected) in [
                (&maintainer, maintainer_status),
                (&developer, developer_status),
                (&reporter, 403),
            ] {
                assert_eq!(api.get(&line, token).await.status, expected, "{access} {token} {rest}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_archive_is_stored_and_has_no_files() {
    let api = Api::start().await;
    let job = api.job_with(CONFIG, b"PK\x05\x06 this is no archive").await;
    assert_eq!(api.ada(&format!("GET {}", job.path("")), Value::Null).await.status, 200);
    assert_eq!(
        api.ada(&format!("GET {}", job.path("/a")), Value::Null).await.status,
        404
    );
}

#[tokio::test]
async fn an_upload_that_is_not_in_order_is_refused() {
    let api = Api::start().await;
    let file = json!({"branch": "main", "commit_message": "ci", "content": CONFIG});
    let path = format!(
        "POST /projects/{}/repository/files/.gitlab-ci.yml",
        api.server.project.id
    );
    let _ = api.ada(&path, file).await.json(201);
    let (id, token) = api.server.run_a_job().await;
    let zip = archive(&[("a", "x")]);
    assert_eq!(api.upload(id.0, "glcbt-x", "", &zip).await.status, 403);
    assert_eq!(api.upload(id.0 + 1, &token, "", &zip).await.status, 403);
    assert_eq!(api.upload(id.0, &token, "?expire_in=someday", &zip).await.status, 400);
    assert_eq!(api.upload(id.0, &token, "", &zip).await.status, 201);
    assert_eq!(api.upload(id.0, &token, "", &zip).await.status, 201, "the same again");
    assert_eq!(
        api.upload(id.0, &token, "", &archive(&[("b", "y")])).await.status,
        400,
        "another one"
    );
}

#[tokio::test]
async fn types_and_formats_that_gitlab_does_not_know_are_refused() {
    let api = Api::start().await;
    let file = json!({"branch": "main", "commit_message": "ci", "content": CONFIG});
    let path = "POST /projects/1/repository/files/.gitlab-ci.yml";
    let _ = api.ada(path, file).await.json(201);
    let (id, token) = api.server.run_a_job().await;
    for (query, expected) in [
        (
            "?artifact_type=junk",
            r#"400 {"error":"artifact_type does not have a valid value"}"#,
        ),
        (
            "?artifact_format=rar",
            r#"400 {"error":"artifact_format does not have a valid value"}"#,
        ),
        (
            "?artifact_type=&artifact_format=",
            r#"400 {"error":"artifact_type does not have a valid value, artifact_format does not have a valid value"}"#,
        ),
        (
            "?artifact_type=sarif&artifact_format=raw",
            r#"201 {"message":"201 Created"}"#,
        ),
    ] {
        assert_eq!(api.upload(id.0, &token, query, b"x").await.shown(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_deleted_project_leaves_no_log_no_file_and_no_repository() {
    let api = Api::start().await;
    let job = api.job_with(CONFIG, &archive(&[("a", "b")])).await;
    let (id, app) = (model::JobId(job.id), api.server.app.clone());
    let files = app
        .store
        .read(move |tx| store::ops::artifacts::of_jobs(tx, &[id]))
        .await
        .unwrap();
    assert_eq!(files.len(), 1);
    let project = model::ProjectId(job.project);
    app.blobs.traces.append(id, 0, "log".into(), 100).await.unwrap();
    let path = format!("DELETE /projects/{project}");
    assert_eq!(api.ada(&path, Value::Null).await.status, 202);
    assert_eq!(app.blobs.traces.size(id).await.unwrap(), None);
    assert!(app.blobs.artifacts.read(files[0].id).await.unwrap().is_none());
    assert!(app.repositories.open(&api.server.project).is_err());
}
