//! Files and folders of a repository (rest-api.md 17).

use app::repository::{commits, files};
use app::{Action, App, EntryKind, TreeEntry};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use wire::repository::{File, TreeEntry as TreeEntryJson, WrittenFile};

use super::commits::{change, required_content};
use crate::base64;
use crate::call::{Call, Files};
use crate::page::{self, Page};
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/repository/tree", get(tree))
        .route(
            "/projects/{id}/repository/files/{file_path}",
            get(show).post(create).put(update).delete(remove),
        )
        .route("/projects/{id}/repository/files/{file_path}/raw", get(raw))
}

async fn show(State(app): State<App>, call: Call<Files>) -> ApiResult<Response> {
    let mut reader = call.reader();
    let git_ref = reader.filled_text("ref");
    reader.finish()?;
    let found = read(&app, &call, git_ref.clone()).await?;
    let headers = headers(&found, &git_ref);
    let answer = File {
        file_name: file_name(&found.path).to_owned(),
        size: i64::try_from(found.file.content.len()).unwrap_or(i64::MAX),
        encoding: "base64",
        content_sha256: found.content_sha256.clone(),
        git_ref,
        blob_id: found.file.blob.to_string(),
        commit_id: found.commit.to_string(),
        last_commit_id: found.last_commit.to_string(),
        execute_filemode: found.file.executable,
        content: base64::encode(&found.file.content),
        file_path: found.path,
    };
    Ok((headers, Json(answer)).into_response())
}

async fn raw(State(app): State<App>, call: Call<Files>) -> ApiResult<Response> {
    let mut reader = call.reader();
    let git_ref = reader.text("ref").filter(|text| !text.is_empty());
    reader.finish()?;
    let git_ref = git_ref.unwrap_or_else(|| "HEAD".to_owned());
    let found = read(&app, &call, git_ref.clone()).await?;
    let mut headers = headers(&found, &git_ref);
    let is_text = std::str::from_utf8(&found.file.content).is_ok_and(|text| !text.contains('\0'));
    // A browser must never take somebody's file for a page of ours.
    let kind = if is_text {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok((headers, found.file.content).into_response())
}

async fn read(app: &App, call: &Call<Files>, git_ref: String) -> ApiResult<files::File> {
    let path = call.segment("file_path");
    Ok(files::get(app, &call.caller, call.project()?, path, git_ref).await?)
}

fn headers(found: &files::File, git_ref: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, text: &str| {
        if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-gitlab-blob-id", &found.file.blob.to_string());
    set("x-gitlab-commit-id", found.commit.as_str());
    set("x-gitlab-content-sha256", &found.content_sha256);
    set("x-gitlab-encoding", "base64");
    set(
        "x-gitlab-execute-filemode",
        if found.file.executable { "true" } else { "false" },
    );
    set("x-gitlab-file-name", file_name(&found.path));
    set("x-gitlab-file-path", &found.path);
    set("x-gitlab-last-commit-id", found.last_commit.as_str());
    set("x-gitlab-ref", git_ref);
    set("x-gitlab-size", &found.file.content.len().to_string());
    headers
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

async fn create(State(app): State<App>, call: Call<Files>) -> ApiResult<Created<WrittenFile>> {
    let written = write(&app, &call, |reader, path| Action::Create {
        path,
        content: required_content(reader),
        executable: reader.boolean("execute_filemode").unwrap_or(false),
    });
    Ok(Created(written.await?))
}

async fn update(State(app): State<App>, call: Call<Files>) -> ApiResult<Json<WrittenFile>> {
    let written = write(&app, &call, |reader, path| Action::Update {
        path,
        content: required_content(reader),
    });
    Ok(Json(written.await?))
}

async fn remove(State(app): State<App>, call: Call<Files>) -> ApiResult<NoContent> {
    write(&app, &call, |_, path| Action::Delete { path }).await?;
    Ok(NoContent)
}

/// Makes a commit with one change.
async fn write(
    app: &App,
    call: &Call<Files>,
    action: impl FnOnce(&mut crate::params::Reader<'_>, String) -> Action,
) -> ApiResult<WrittenFile> {
    call.user()?;
    let mut reader = call.reader();
    let path = call.segment("file_path");
    let mut change = change(&mut reader);
    change.actions.push(action(&mut reader, path.clone()));
    let last_commit = reader.text("last_commit_id").filter(|text| !text.is_empty());
    change
        .last_commits
        .extend(last_commit.map(|commit| (path.clone(), commit)));
    reader.finish()?;
    let branch = change.branch.clone();
    commits::create(app, &call.caller, call.project()?, change).await?;
    Ok(WrittenFile {
        file_path: path,
        branch,
    })
}

async fn tree(State(app): State<App>, call: Call<Files>) -> ApiResult<Response> {
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let path = reader.text("path").unwrap_or_default();
    let git_ref = reader.text("ref").filter(|text| !text.is_empty());
    let recursive = reader.boolean("recursive").unwrap_or(false);
    reader.finish()?;
    let found = files::tree(&app, &call.caller, call.project()?, path, git_ref, recursive).await?;
    let listed = page.cut(found).map(entry);
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

fn entry(entry: TreeEntry) -> TreeEntryJson {
    TreeEntryJson {
        name: file_name(&entry.path).to_owned(),
        id: entry.id,
        kind: match entry.kind {
            EntryKind::File => "blob",
            EntryKind::Folder => "tree",
            EntryKind::Submodule => "commit",
        },
        path: entry.path,
        mode: entry.mode,
    }
}
