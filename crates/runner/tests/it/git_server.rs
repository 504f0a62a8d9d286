//! Git over HTTP for checkouts, behind a challenge like the real one.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::io::AsyncWriteExt;

/// `gitlab-ci-token:jobtoken-7f3a91` in the `Basic` scheme.
const CREDENTIALS: &str = "Basic Z2l0bGFiLWNpLXRva2VuOmpvYnRva2VuLTdmM2E5MQ==";

/// Returns the routes that serve the bare repositories below `folder`.
pub(crate) fn routes(folder: PathBuf) -> Router {
    Router::new()
        .route("/{group}/{name}/info/refs", get(advertise))
        .route("/{group}/{name}/git-upload-pack", post(send))
        .with_state(folder)
}

async fn advertise(folder: State<PathBuf>, names: UrlPath<(String, String)>, headers: HeaderMap) -> Response {
    upload_pack(&folder, &names, &headers, &["--http-backend-info-refs"], Bytes::new()).await
}

async fn send(folder: State<PathBuf>, names: UrlPath<(String, String)>, headers: HeaderMap, body: Bytes) -> Response {
    upload_pack(&folder, &names, &headers, &["--stateless-rpc"], body).await
}

async fn upload_pack(
    folder: &Path,
    (group, name): &(String, String),
    headers: &HeaderMap,
    arguments: &[&str],
    body: Bytes,
) -> Response {
    if headers.get("Authorization").is_none_or(|value| value != CREDENTIALS) {
        return (StatusCode::UNAUTHORIZED, [("WWW-Authenticate", "Basic realm=\"git\"")]).into_response();
    }
    let advertises = arguments.contains(&"--http-backend-info-refs");
    let protocol = headers.get("Git-Protocol").map_or("", |value| value.to_str().unwrap());
    let mut git = tokio::process::Command::new("git")
        .arg("upload-pack")
        .args(arguments)
        .arg(folder.join(group).join(name))
        .env("GIT_PROTOCOL", protocol)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = git.stdin.take().unwrap();
    input.write_all(&body).await.unwrap();
    drop(input);
    let output = git.wait_with_output().await.unwrap().stdout;
    if !advertises {
        return ([("Content-Type", "application/x-git-upload-pack-result")], output).into_response();
    }
    let head = if protocol.is_empty() {
        "001e# service=git-upload-pack\n0000"
    } else {
        ""
    };
    let answer = [head.as_bytes(), &output].concat();
    (
        [("Content-Type", "application/x-git-upload-pack-advertisement")],
        answer,
    )
        .into_response()
}
