//! Artifacts of jobs as people use them (rest-api.md 9). Runners upload and download theirs in `runner_api`.

use app::jobs::artifacts::{self, Entry, Which};
use app::{App, Error, Result};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use wire::job::Job;

use super::jobs::{bytes_of, full, job_id};
use crate::call::{Call, OrJobToken};
use crate::respond::{Accepted, ApiResult, NoContent};
use crate::routing::{Router, delete, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/artifacts", delete(expire_all))
        .route("/projects/{id}/jobs/{job_id}/artifacts", get(archive).delete(remove))
        // `keep` is also a name that a file may have.
        .route("/projects/{id}/jobs/{job_id}/artifacts/keep", get(kept_file).post(keep))
        .route("/projects/{id}/jobs/{job_id}/artifacts/{*artifact_path}", get(file))
        .route("/projects/{id}/jobs/artifacts/{*latest}", get(latest))
}

async fn archive(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    let which = Which::Of(job_id(&call)?);
    Ok(whole(&app, call, which).await?)
}

async fn whole(app: &App, call: Call<OrJobToken>, which: Which) -> Result<Response> {
    let project = call.project()?;
    let (artifact, reader) = artifacts::archive(app, call.caller, project, which).await?;
    let (length, body) = bytes_of(reader);
    attachment("application/zip", &artifact.file.filename, length, body)
}

async fn file(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    let which = Which::Of(job_id(&call)?);
    let path = call.segment("artifact_path");
    Ok(one(&app, call, which, path).await?)
}

async fn kept_file(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    let which = Which::Of(job_id(&call)?);
    Ok(one(&app, call, which, "keep".to_owned()).await?)
}

async fn one(app: &App, call: Call<OrJobToken>, which: Which, path: String) -> Result<Response> {
    let project = call.project()?;
    let entry = artifacts::entry(app, call.caller, project, which, path).await?;
    unpacked(entry)
}

fn unpacked(entry: Entry) -> Result<Response> {
    let chunks = stream::unfold(entry.chunks, |mut chunks| async move {
        chunks.recv().await.map(|chunk| (chunk, chunks))
    });
    attachment(
        media_type(&entry.name),
        &entry.name,
        entry.size,
        Body::from_stream(chunks),
    )
}

/// `…/jobs/artifacts/REF/download` and `…/jobs/artifacts/REF/raw/PATH`; a ref may have slashes.
async fn latest(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    let wanted = call.segment("latest");
    let (git_ref, path) = if let Some(git_ref) = wanted.strip_suffix("/download") {
        (git_ref, None)
    } else if let Some((git_ref, path)) = wanted.rsplit_once("/raw/") {
        (git_ref, Some(path.to_owned()))
    } else {
        return Err(Error::StatusError {
            status: 404,
            error: "404 Not Found".to_owned(),
        }
        .into());
    };
    let mut reader = call.reader();
    let job = reader.required_text("job");
    reader.finish()?;
    let which = Which::Latest {
        git_ref: git_ref.to_owned(),
        job,
    };
    Ok(match path {
        None => whole(&app, call, which).await?,
        Some(path) => one(&app, call, which, path).await?,
    })
}

async fn keep(State(app): State<App>, call: Call) -> ApiResult<Json<Job>> {
    let id = job_id(&call)?;
    let shown = artifacts::keep(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(Json(full(&app, &shown)))
}

async fn remove(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    let id = job_id(&call)?;
    artifacts::delete(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(NoContent)
}

async fn expire_all(State(app): State<App>, call: Call) -> ApiResult<Accepted> {
    artifacts::expire_all(&app, call.caller.clone(), call.project()?).await?;
    Ok(Accepted)
}

/// A file to be saved, whatever a browser thinks of its type: jobs write what they like.
fn attachment(media_type: &'static str, name: &str, length: u64, body: Body) -> Result<Response> {
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let disposition = format!("attachment; filename=\"{plain}\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).map_err(Error::internal)?,
        ),
    ];
    Ok((headers, body).into_response())
}

/// Whether a character of a file name may stand in a header between quotes.
fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ';') || c == ' '
}

/// The type of a file by the end of its name.
fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "txt" | "log" | "env" | "md" | "yml" | "yaml" => "text/plain; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "xml" => "text/xml; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "pdf" => "application/pdf",
        "gz" => "application/gzip",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}
