//! Artifacts in the browser: looked at as text, never run.

use std::io::{Cursor, Write as _};

use axum::body::Body;
use axum::http::Request;
use model::AccessLevel;
use serde_json::json;
use testkit::Form;

use super::Site;

const EVIL: &str = "<script>alert(1)</script>";

/// A job that has ended and left an archive.
async fn job(site: &Site) -> i64 {
    let config = "build: {script: x, artifacts: {paths: [out]}}";
    let commits = format!("POST /projects/{}/repository/commits", site.server.project.id);
    let action = json!({"action": "create", "file_path": ".gitlab-ci.yml", "content": config});
    let commit = json!({"branch": "main", "commit_message": "ci", "actions": [action]});
    site.api(&commits, commit).await;
    let (id, token) = site.server.run_a_job().await;
    let mut body = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"out.zip\"\r\n\r\n".to_vec();
    body.extend(archive());
    body.extend_from_slice(b"\r\n--x--\r\n");
    let request = Request::post(format!("/api/v4/jobs/{id}/artifacts?expire_in=1%20week"))
        .header("job-token", &token)
        .header("content-type", "multipart/form-data; boundary=x");
    let answer = site.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.status, 201, "{}", answer.html);
    let over = json!({"token": token, "state": "success"});
    site.api(&format!("PUT /jobs/{id}"), over).await;
    id.0
}

fn archive() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, content) in [
        ("index.html", EVIL.as_bytes()),
        ("pic.png", &b"\x89PNG"[..]),
        ("data.bin", &b"\0\x01"[..]),
        ("a dir/<b>.txt", &b"deep"[..]),
    ] {
        zip.start_file(name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn folders_and_files_of_an_archive_are_looked_at() {
    let site = Site::start().await;
    let id = job(&site).await;
    let ada = site.ada().await;
    let of = format!("/ada/tool/-/jobs/{id}/artifacts");
    let page = site.get(&ada, &format!("{of}/browse")).await;
    page.has(&format!("href=\"{of}/browse/a%20dir\""));
    page.has(&format!("href=\"{of}/file/index.html\""));
    let page = site.get(&ada, &format!("{of}/browse/a%20dir")).await;
    page.has(&format!("href=\"{of}/file/a%20dir/%3Cb%3E.txt\""));
    page.has_not("<b>.txt");
    let page = site.get(&ada, &format!("{of}/file/index.html")).await;
    page.has("&#60;script&#62;alert(1)");
    page.has_not(EVIL);
    site.get(&ada, &format!("{of}/file/data.bin"))
        .await
        .has("This is not a text");
    site.get(&ada, &format!("{of}/file/pic.png"))
        .await
        .has(&format!("<img class=\"picture\" src=\"{of}/raw/pic.png\""));
    for path in [
        "browse/no",
        "file/no.txt",
        "raw/no.txt",
        "file/..%2F..%2Fetc%2Fpasswd",
        "raw/a%20dir",
    ] {
        assert_eq!(site.get(&ada, &format!("{of}/{path}")).await.status, 404, "{path}");
    }
    site.get(&ada, &format!("/ada/tool/-/jobs/{id}"))
        .await
        .has(&format!("{of}/browse"));
}

#[tokio::test]
async fn a_file_that_is_sent_as_it_is_can_do_nothing() {
    let site = Site::start().await;
    let id = job(&site).await;
    let ada = site.ada().await;
    let of = format!("/ada/tool/-/jobs/{id}/artifacts/raw");
    for (file, kind, place) in [
        ("index.html", "text/plain; charset=utf-8", "inline"),
        ("pic.png", "image/png", "inline"),
        ("data.bin", "application/octet-stream", "attachment"),
        ("index.html?download=true", "text/plain; charset=utf-8", "attachment"),
    ] {
        let page = site.get(&ada, &format!("{of}/{file}")).await;
        assert_eq!(page.status, 200, "{file}");
        let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), kind, "{file}");
        assert!(header("content-disposition").starts_with(place), "{file}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(
            header("content-security-policy").starts_with("default-src 'none'; sandbox;"),
            "{file}"
        );
    }
    assert_eq!(site.get(&ada, &format!("{of}/index.html")).await.html, EVIL);
}

#[tokio::test]
async fn artifacts_are_kept_by_those_who_may_and_hidden_from_strangers() {
    let site = Site::start().await;
    let id = job(&site).await;
    let mut ada = site.ada().await;
    let stranger = site.signed_in(&site.server.user("eve").await).await;
    let mut reporter = site.member("rep", AccessLevel::Reporter).await;
    let here = format!("/ada/tool/-/jobs/{id}");
    for path in ["browse", "file/index.html", "raw/index.html"] {
        let page = site.get(&stranger, &format!("{here}/artifacts/{path}")).await;
        assert_eq!(page.status, 404, "{path}");
        page.has("Page not found");
    }
    let keep = format!("{here}/artifacts/keep");
    assert_eq!(site.submit(&mut reporter, &here, &keep, Form::of([])).await.status, 403);
    site.get(&ada, &here).await.has("Expires");
    let page = site.submit(&mut ada, &here, &keep, Form::of([])).await;
    assert_eq!((page.status, page.location()), (303, here.as_str()));
    site.get(&ada, &here).await.has_not("Expires");
}
