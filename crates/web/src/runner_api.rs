//! The runner protocol (runner-protocol.md): what runners of any kind ask and report.
//!
//! Status codes and headers are exact here, because runners compare them: 201 for a job, 202 for a
//! log, 200 for a report, 403 only for what is over or unknown. Runners have tokens of their own;
//! nothing here looks at a user's credentials but the creation of a runner.

mod artifacts;
mod payload;
mod registration;

use app::runners::{logs, registry, report, request};
use app::{App, Error, Result};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{JobId, Status};
use serde::de::DeserializeOwned;
use serde_json::json;
use wire::runner::{
    ContentRange, JOB_STATUS_HEADER, JOB_TOKEN_HEADER, JobRequest, LAST_UPDATE_HEADER, LEGACY_SYSTEM_ID,
    RUNNER_TOKEN_HEADER, RunnerInfo, StoredRange, TRACE_UPDATE_INTERVAL_HEADER, TRACE_UPDATE_MILLISECONDS_HEADER,
    UpdateJob,
};

use crate::Params;
use crate::params::read_body;
use crate::respond::{ApiError, ApiResult};
use crate::routing::{Router, get, patch, post, put};

/// Most bytes of a log in one call; runners send at most 1 MiB.
const LOG_LIMIT: usize = 4 << 20;

/// Most characters of a `system_id` (GitLab's limit).
const MAX_SYSTEM_ID: usize = 64;

/// Most characters of what a runner says about itself: its version, platform and so on (GitLab's limit); the rest is cut
/// off, for no job depends on it.
const MAX_ABOUT: usize = 2048;

/// Most features of a runner; there are about thirty.
const MAX_FEATURES: usize = 200;

/// Seconds between two patches of a log.
const LOG_INTERVAL_SECONDS: &str = "3";

/// Milliseconds between two patches of a log for the embedded runner, while somebody reads along and otherwise.
const LOG_INTERVAL_MILLISECONDS: [&str; 2] = ["100", "500"];

pub(crate) fn routes() -> Router {
    Router::new()
        .merge(registration::routes())
        .route("/jobs/request", post(ask))
        .route("/jobs/{id}", put(update))
        .route("/jobs/{id}/trace", patch(append))
        .route(
            "/jobs/{id}/artifacts",
            post(artifacts::upload)
                .get(artifacts::download)
                .layer(DefaultBodyLimit::disable()),
        )
        .route("/runners/router/discovery", get(no_router))
}

/// The number of a job in an address.
struct Id(i64);

impl FromRequestParts<App> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Id, ApiError> {
        let id = Path::<String>::from_request_parts(parts, app).await.ok();
        let id = id.and_then(|Path(text)| text.parse().ok());
        Ok(Id(id.ok_or_else(|| Error::parameter("id is invalid"))?))
    }
}

/// `POST jobs/request`: a job, or nothing. A request that says what it last saw is held while there is nothing.
async fn ask(State(app): State<App>, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    let ask: JobRequest = read(&params)?;
    let token = runner_token(&headers, &ask.token);
    let Some(runner) = registry::authenticate(&app, &token).await? else {
        return Ok(forbidden(None));
    };
    let manager = registry::note_contact(&app, &runner, about(&ask.system_id, &ask.info)?).await?;
    let hold = ask.last_update.filter(|seen| !seen.is_empty()).map(|_| request::HOLD);
    Ok(match request::request(&app, runner, Some(manager), hold).await? {
        Some(job) => (StatusCode::CREATED, axum::Json(payload::of(&job))).into_response(),
        None => {
            let seen = HeaderValue::from_static(env!("CARGO_PKG_VERSION"));
            (StatusCode::NO_CONTENT, [(name(LAST_UPDATE_HEADER), seen)]).into_response()
        }
    })
}

/// `PUT jobs/:id`: started, alive, over.
async fn update(State(app): State<App>, Id(id): Id, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    let update: UpdateJob = read(&params)?;
    let token = job_token(&headers, &update.token);
    let Some(report) = report::Report::of_words(&update.state, update.failure_reason.as_deref(), update.exit_code)
    else {
        return Ok((
            StatusCode::BAD_REQUEST,
            axum::Json(json!({"error": "state does not have a valid value"})),
        )
            .into_response());
    };
    let log = update.tripline_log.map(|log| report::LastWords {
        start: log.start,
        bytes: log.text.into(),
    });
    Ok(match report::report(&app, JobId(id), &token, report, log).await? {
        report::Answer::Noted(status) => with_status(axum::Json("200").into_response(), status),
        report::Answer::Forbidden(status) => forbidden(status),
        // What the protocol says where the log that came in is not the one that was sent: send it again.
        report::Answer::Incomplete(status) => with_status(StatusCode::PRECONDITION_FAILED.into_response(), status),
        report::Answer::Conflict(status) => {
            let body = axum::Json(json!({"message": "409 Conflict"}));
            with_status((StatusCode::CONFLICT, body).into_response(), status)
        }
    })
}

/// `PATCH jobs/:id/trace`: bytes of the log.
async fn append(State(app): State<App>, Id(id): Id, headers: HeaderMap, body: Body) -> ApiResult<Response> {
    let range = headers
        .get(header::CONTENT_RANGE)
        .and_then(|range| range.to_str().ok()?.parse::<ContentRange>().ok());
    let Some(range) = range else {
        return Ok((
            StatusCode::BAD_REQUEST,
            axum::Json(json!({"error": "Missing header Content-Range"})),
        )
            .into_response());
    };
    let token = job_token(&headers, "");
    let bytes = read_body(body, &headers, LOG_LIMIT).await?;
    Ok(match logs::append(&app, JobId(id), &token, range.start, bytes).await? {
        logs::Appended::Stored { size, status, watched } => {
            let mut response = with_status(with_size(StatusCode::ACCEPTED, size), status);
            let milliseconds = LOG_INTERVAL_MILLISECONDS[usize::from(!watched)];
            let headers = response.headers_mut();
            headers.insert(
                name(TRACE_UPDATE_INTERVAL_HEADER),
                HeaderValue::from_static(LOG_INTERVAL_SECONDS),
            );
            headers.insert(
                name(TRACE_UPDATE_MILLISECONDS_HEADER),
                HeaderValue::from_static(milliseconds),
            );
            response
        }
        logs::Appended::Gap { size, status } => with_status(with_size(StatusCode::RANGE_NOT_SATISFIABLE, size), status),
        logs::Appended::Forbidden(status) => forbidden(status),
    })
}

/// There is no job router; runners then poll.
async fn no_router() -> Response {
    (
        StatusCode::NOT_IMPLEMENTED,
        axum::Json(json!({"message": "501 Not Implemented"})),
    )
        .into_response()
}

/// Reads a body of the protocol, in whatever form its parameters came.
fn read<T: DeserializeOwned>(params: &Params) -> Result<T> {
    let json = params
        .values()
        .iter()
        .map(|(key, value)| (key.clone(), value.to_json()))
        .collect();
    serde_json::from_value(serde_json::Value::Object(json)).map_err(|error| Error::BadRequest(error.to_string()))
}

/// What a runner says about itself, as far as it is bearable.
fn about(system_id: &str, info: &RunnerInfo) -> Result<registry::About> {
    let some = |text: &String| (!text.is_empty()).then(|| text.chars().take(MAX_ABOUT).collect());
    if system_id.chars().count() > MAX_SYSTEM_ID {
        return Err(Error::parameter("system_id is too long (maximum is 64 characters)"));
    }
    let features = info.features.declared().filter(|name| name.len() <= MAX_SYSTEM_ID);
    Ok(registry::About {
        system_id: if system_id.is_empty() {
            LEGACY_SYSTEM_ID.to_owned()
        } else {
            system_id.to_owned()
        },
        version: some(&info.version),
        revision: some(&info.revision),
        platform: some(&info.platform),
        architecture: some(&info.architecture),
        executor: some(&info.executor),
        features: features.take(MAX_FEATURES).map(str::to_owned).collect(),
    })
}

fn runner_token(headers: &HeaderMap, body: &str) -> String {
    token(headers, RUNNER_TOKEN_HEADER, body)
}

fn job_token(headers: &HeaderMap, body: &str) -> String {
    token(headers, JOB_TOKEN_HEADER, body)
}

/// The token of the body; without one that of the header.
fn token(headers: &HeaderMap, header: &str, body: &str) -> String {
    if !body.is_empty() {
        return body.to_owned();
    }
    headers
        .get(header)
        .and_then(|token| token.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn name(header: &'static str) -> HeaderName {
    HeaderName::from_bytes(header.as_bytes()).expect("the protocol's header names are valid")
}

fn with_size(status: StatusCode, size: u64) -> Response {
    let range = HeaderValue::from_str(&StoredRange { size }.to_string()).expect("digits and a dash are a valid header");
    (status, [(header::RANGE, range)]).into_response()
}

fn with_status(mut response: Response, status: Status) -> Response {
    response
        .headers_mut()
        .insert(name(JOB_STATUS_HEADER), HeaderValue::from_static(status.as_str()));
    response
}

fn forbidden(status: Option<Status>) -> Response {
    let response = ApiError(Error::forbidden()).into_response();
    match status {
        Some(status) => with_status(response, status),
        None => response,
    }
}
