//! Upload and download of artifacts by running jobs (runner-protocol.md 5).

use app::runners::artifacts::{self, Description};
use app::{App, Error};
use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::JobId;
use serde_json::json;
use wire::runner::ArtifactParameters;

use super::{Id, forbidden, job_token};
use crate::params::BODY_SILENCE;
use crate::respond::{ApiError, ApiResult};

/// Most bytes of a form field beside the file.
const FIELD_LIMIT: usize = 1024;

/// `POST jobs/:id/artifacts`: parameters in the query or as fields, the file as the part `file`.
pub(super) async fn upload(
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<ArtifactParameters>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult<Response> {
    let token = job_token(&headers, "");
    let (job, mut upload) = match artifacts::begin(&app, JobId(id), &token).await? {
        Ok(begun) => begun,
        Err(status) => return Ok(forbidden(status)),
    };
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| bad(error.body_text()))?;
    let mut description = Description {
        kind: query.artifact_type,
        format: query.artifact_format,
        expire_in: query.expire_in,
        filename: None,
    };
    let mut has_file = false;
    while let Some(mut field) = in_time(form.next_field()).await? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            if has_file {
                return Err(bad("there is more than one `file`".to_owned()));
            }
            description.filename = field.file_name().map(str::to_owned);
            has_file = true;
            while let Some(chunk) = in_time(field.chunk()).await? {
                if !artifacts::write(&mut upload, chunk).await? {
                    return Ok(too_large());
                }
            }
            continue;
        }
        let text = short_text(&name, field).await?;
        match name.as_str() {
            "artifact_type" => description.kind = Some(text),
            "artifact_format" => description.format = Some(text),
            "expire_in" => description.expire_in = Some(text),
            _ => {}
        }
    }
    check(&description)?;
    if !has_file {
        return Err(Error::parameter("file is missing").into());
    }
    artifacts::record(&app, &job, upload, description).await?;
    Ok((StatusCode::CREATED, Json(json!({"message": "201 Created"}))).into_response())
}

/// Types and formats that GitLab knows (runner-protocol.md 5.1); anything else is refused as it does it.
const TYPES: &[&str] = &[
    "archive",
    "metadata",
    "trace",
    "junit",
    "sast",
    "dependency_scanning",
    "container_scanning",
    "dast",
    "codequality",
    "license_scanning",
    "performance",
    "metrics",
    "metrics_referee",
    "network_referee",
    "lsif",
    "dotenv",
    "cobertura",
    "terraform",
    "accessibility",
    "cluster_applications",
    "secret_detection",
    "requirements",
    "coverage_fuzzing",
    "browser_performance",
    "load_performance",
    "api_fuzzing",
    "cluster_image_scanning",
    "cyclonedx",
    "requirements_v2",
    "annotations",
    "repository_xray",
    "sarif",
    "jacoco",
    "scip",
];
const FORMATS: &[&str] = &["raw", "zip", "gzip"];

fn check(description: &Description) -> Result<(), ApiError> {
    let knows = |known: &[&str], value: &Option<String>| value.as_deref().is_none_or(|value| known.contains(&value));
    let mut wrong = Vec::new();
    if !knows(TYPES, &description.kind) {
        wrong.push("artifact_type does not have a valid value");
    }
    if !knows(FORMATS, &description.format) {
        wrong.push("artifact_format does not have a valid value");
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::parameter(wrong.join(", ")).into())
}

/// Reads a field that must be short. No limit holds for the body as a whole, so none is read to its end before it
/// is measured.
async fn short_text(name: &str, mut field: Field<'_>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = in_time(field.chunk()).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > FIELD_LIMIT {
            return Err(bad("a field is too long".to_owned()));
        }
    }
    String::from_utf8(bytes).map_err(|_| bad(format!("{name} is not UTF-8")))
}

/// Waits for the next piece of a body: 408 when none comes for so long that nobody may be there any more.
async fn in_time<T>(piece: impl Future<Output = Result<T, MultipartError>>) -> Result<T, ApiError> {
    let late = |_| {
        ApiError(Error::Status {
            status: 408,
            message: "408 Request Timeout".to_owned(),
        })
    };
    let come = tokio::time::timeout(BODY_SILENCE, piece).await.map_err(late)?;
    come.map_err(|error| bad(error.body_text()))
}

fn bad(text: String) -> ApiError {
    ApiError(Error::BadRequest(text))
}

fn too_large() -> Response {
    (
        StatusCode::PAYLOAD_TOO_LARGE,
        Json(json!({"message": "413 Request Entity Too Large"})),
    )
        .into_response()
}

/// `GET jobs/:id/artifacts`: the archive of a job, for a job that depends on it.
pub(super) async fn download(State(app): State<App>, Id(id): Id, headers: HeaderMap) -> ApiResult<Response> {
    let token = job_token(&headers, "");
    let archive = artifacts::download(&app, JobId(id), &token).await?;
    let reader = artifacts::open(&app, &archive).await?;
    let size = reader.total();
    let stream = futures_util::stream::try_unfold(reader, |mut reader| async move {
        let chunk = reader.next().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(chunk.map(|chunk| (chunk, reader)))
    });
    let mut response = Body::from_stream(stream).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CONTENT_LENGTH, size.into());
    Ok(response)
}
