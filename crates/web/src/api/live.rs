//! Watching pipelines and logs: streams of events, plain text for a terminal, waiting for the end.
//!
//! All of it is Tripline's own. Whoever holds the token that started a pipeline watches it under
//! `trigger/`; everybody else with what they read pipelines and jobs with.

use std::time::Duration;

use app::live::{self, Event, Follow, Opening, PipelineFeed, TraceEvent, TraceFeed, Viewer};
use app::pipelines::Created;
use app::{App, Error, ProjectKey};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Json};
use futures_util::stream::{self, Stream, StreamExt as _};
use model::{JobId, PipelineId, Status, Timestamp};
use serde::Serialize;
use serde_json::json;
use tracing::warn;

use crate::call::Call;
use crate::client_address::ClientAddress;
use crate::params::{Params, Reader, Value};
use crate::present;
use crate::respond::ApiResult;
use crate::routing::{Router, get};
use crate::story::Story;

/// Longest wait for a pipeline: a day. Whoever wants to wait longer asks again.
const MAX_WAIT_SECONDS: u64 = 24 * 3600;

/// Time after which a client that lost its stream should open it again, in milliseconds.
const RETRY: Duration = Duration::from_secs(2);

/// Header that carries a token beside the parameter `token`: addresses end up in logs.
const TOKEN_HEADER: &str = "trigger-token";

/// Tells proxies (nginx and those that learned it from it) to pass every piece on at once.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

pub(super) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/pipelines/{pipeline_id}/events", get(pipeline))
        .route("/projects/{id}/pipelines/{pipeline_id}/follow", get(follow))
        .route("/projects/{id}/jobs/{job_id}/trace/events", get(trace))
        .route("/projects/{id}/trigger/pipelines/{pipeline_id}", get(started_status))
        .route(
            "/projects/{id}/trigger/pipelines/{pipeline_id}/events",
            get(started_pipeline),
        )
        .route(
            "/projects/{id}/trigger/pipelines/{pipeline_id}/follow",
            get(started_follow),
        )
        .route("/projects/{id}/trigger/jobs/{job_id}/trace/events", get(started_trace))
}

/// What the caller of the trigger endpoint wants besides a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// `wait`: the answer comes when the pipeline is over.
    Wait(Duration),
    /// `follow`: the answer is the pipeline's story as text.
    Follow {
        /// `color`: with colors of a terminal.
        color: bool,
    },
}

impl Then {
    /// Reads `follow` (a boolean) and `wait` (a boolean, or seconds). Whoever wants one of them and writes it wrongly is
    /// told so before anything is created: a script would take the 201 of a call that did not wait for success.
    /// Objects and lists are parameters like those that GitLab does not know: a hook's payload may have fields of
    /// these names.
    pub(super) fn read(reader: &mut Reader<'_>, params: &Params) -> Option<Then> {
        let follows = is_plain(params, "follow") && reader.boolean("follow") == Some(true);
        let wait = wait(reader, params);
        if follows {
            let color = params.is_true("color");
            return Some(Then::Follow { color });
        }
        wait.map(Then::Wait)
    }

    /// As [`read`](Then::read) for parameters that were found to be good.
    pub(super) fn of(params: &Params) -> Option<Then> {
        Then::read(&mut params.reader(), params)
    }

    /// Whether the parameter of this name was meant for us, and is nothing the pipeline should know.
    pub(super) fn is_asked_by(self, name: &str) -> bool {
        match self {
            Then::Wait(_) => name == "wait",
            Then::Follow { .. } => matches!(name, "follow" | "color"),
        }
    }
}

/// Reads `wait`: whole seconds, where 0 is not to wait, or a boolean.
fn wait(reader: &mut Reader<'_>, params: &Params) -> Option<Duration> {
    if !is_plain(params, "wait") {
        return None;
    }
    let is_number = match params.get("wait")? {
        Value::Number(_) => true,
        Value::Text(text) => text
            .trim()
            .starts_with(|first: char| first.is_ascii_digit() || "+-".contains(first)),
        _ => false,
    };
    let seconds = if is_number {
        let seconds = reader.int("wait")?;
        if seconds < 0 {
            reader.problem("wait", "is invalid");
        }
        u64::try_from(seconds).unwrap_or(0)
    } else if reader.boolean("wait")? {
        MAX_WAIT_SECONDS
    } else {
        0
    };
    (seconds > 0).then(|| Duration::from_secs(seconds.min(MAX_WAIT_SECONDS)))
}

fn is_plain(params: &Params, name: &str) -> bool {
    matches!(
        params.get(name),
        Some(Value::Text(_) | Value::Number(_) | Value::Bool(_))
    )
}

/// Answers a trigger call that wants more than a pipeline. The pipeline is there: whatever happens now is no
/// reason to call again, so no answer looks like one.
pub(super) async fn after_creation(app: &App, viewer: Viewer, created: Created, then: Then) -> Response {
    let id = created.pipeline.id;
    let answer = match then {
        Then::Wait(limit) => waited(app, viewer, id, limit, StatusCode::CREATED).await,
        Then::Follow { color } => story(app, viewer, id, color, StatusCode::CREATED).await,
    };
    answer.unwrap_or_else(|error| {
        warn!(pipeline.id = %id, error = &error.0 as &dyn std::error::Error, "new pipeline {id} cannot be watched");
        let pipeline = present::pipeline::created(&app.settings.external_url, &created);
        (StatusCode::FAILED_DEPENDENCY, Json(pipeline)).into_response()
    })
}

/// Waits for a pipeline's end. `success` is the status when it succeeded; everything else, also when the time
/// is up, is 424, so that `curl --fail` fails with the pipeline.
async fn waited(
    app: &App,
    viewer: Viewer,
    id: PipelineId,
    limit: Duration,
    success: StatusCode,
) -> ApiResult<Response> {
    let feed = PipelineFeed::open(app, viewer, id, Opening::default(), false).await?;
    let ending = feed.ending(limit).await?;
    let pipeline = present::pipeline::unnamed(&app.settings.external_url, &ending.shown);
    let status = match ending.shown.pipeline.status {
        Status::Success => success,
        _ => StatusCode::FAILED_DEPENDENCY,
    };
    Ok((status, Json(pipeline)).into_response())
}

/// The status of a pipeline for whoever started it.
async fn started_status(
    State(app): State<App>,
    from: ClientAddress,
    headers: HeaderMap,
    params: Params,
) -> ApiResult<Response> {
    let (viewer, id) = (
        starter(&app, from, &headers, &params),
        PipelineId(number(&params, "pipeline_id")?),
    );
    let mut reader = params.reader();
    let limit = wait(&mut reader, &params);
    reader.finish()?;
    if let Some(limit) = limit {
        return waited(&app, viewer, id, limit, StatusCode::OK).await;
    }
    let shown = live::status(&app, viewer, id).await?;
    Ok(Json(present::pipeline::unnamed(&app.settings.external_url, &shown)).into_response())
}

async fn started_pipeline(
    State(app): State<App>,
    from: ClientAddress,
    headers: HeaderMap,
    params: Params,
) -> ApiResult<Response> {
    let id = PipelineId(number(&params, "pipeline_id")?);
    pipeline_events(&app, starter(&app, from, &headers, &params), id, &headers, &params).await
}

async fn started_follow(
    State(app): State<App>,
    from: ClientAddress,
    headers: HeaderMap,
    params: Params,
) -> ApiResult<Response> {
    let id = PipelineId(number(&params, "pipeline_id")?);
    let viewer = starter(&app, from, &headers, &params);
    story(&app, viewer, id, params.is_true("color"), StatusCode::OK).await
}

async fn started_trace(
    State(app): State<App>,
    from: ClientAddress,
    headers: HeaderMap,
    params: Params,
) -> ApiResult<Response> {
    let id = JobId(number(&params, "job_id")?);
    trace_events(&app, starter(&app, from, &headers, &params), id, &headers, &params).await
}

async fn pipeline(State(app): State<App>, headers: HeaderMap, call: Call) -> ApiResult<Response> {
    let id = PipelineId(call.id("pipeline_id")?);
    let viewer = Viewer::caller(call.caller.clone(), call.project()?);
    pipeline_events(&app, viewer, id, &headers, &call.params).await
}

async fn follow(State(app): State<App>, call: Call) -> ApiResult<Response> {
    let id = PipelineId(call.id("pipeline_id")?);
    let viewer = Viewer::caller(call.caller.clone(), call.project()?);
    story(&app, viewer, id, call.params.is_true("color"), StatusCode::OK).await
}

async fn trace(State(app): State<App>, headers: HeaderMap, call: Call) -> ApiResult<Response> {
    let id = JobId(call.id("job_id")?);
    let viewer = Viewer::caller(call.caller.clone(), call.project()?);
    trace_events(&app, viewer, id, &headers, &call.params).await
}

fn starter(app: &App, from: ClientAddress, headers: &HeaderMap, params: &Params) -> Viewer {
    let header = || headers.get(TOKEN_HEADER)?.to_str().ok();
    let token = params.text("token").or_else(header).unwrap_or_default();
    Viewer::starter(app, params.text("id").and_then(ProjectKey::parse), token, from.0)
}

fn number(params: &Params, name: &str) -> app::Result<i64> {
    let mut reader = params.reader();
    let number = reader.required_int(name);
    reader.finish()?;
    Ok(number)
}

/// Where a client that comes back was: the header that browsers send, or the parameter.
fn last_event(headers: &HeaderMap, params: &Params) -> Option<i64> {
    let header = || headers.get("last-event-id")?.to_str().ok();
    let text = params.text("last_event_id").or_else(header)?;
    text.parse().ok().filter(|position| *position >= 0)
}

async fn pipeline_events(
    app: &App,
    viewer: Viewer,
    id: PipelineId,
    headers: &HeaderMap,
    params: &Params,
) -> ApiResult<Response> {
    let opening = Opening {
        since: last_event(headers, params).map(Timestamp),
        stay: params.is_true("stay"),
    };
    let feed = PipelineFeed::open(app, viewer, id, opening, false).await?;
    if feed.has_nothing_new() {
        // Browsers come back whenever a stream ends, until they are told this.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let app = app.clone();
    Ok(events(stream::try_unfold(feed, move |mut feed| {
        let app = app.clone();
        async move {
            let Some(event) = feed.next().await? else {
                return Ok(None);
            };
            Ok(Some((pipeline_event(&app, event)?, feed)))
        }
    })))
}

fn pipeline_event(app: &App, event: Event) -> Result<sse::Event, axum::Error> {
    let url = &app.settings.external_url;
    match event {
        Event::Job(snapshot, index) => {
            let job = present::live::job(url, &snapshot.shown.project, &snapshot.jobs[index], app.clock.now());
            named("job", &job)
        }
        Event::Pipeline(snapshot) => {
            let pipeline = present::pipeline::shown(url, &snapshot.shown);
            Ok(named("pipeline", &pipeline)?.id(snapshot.newest().microseconds().to_string()))
        }
        Event::Heartbeat => Ok(heartbeat()),
        Event::End(status) => end(status),
        Event::Denied => denied(),
    }
}

async fn trace_events(
    app: &App,
    viewer: Viewer,
    id: JobId,
    headers: &HeaderMap,
    params: &Params,
) -> ApiResult<Response> {
    let offset = last_event(headers, params).and_then(|offset| u64::try_from(offset).ok());
    let feed = TraceFeed::open(app, viewer, id, offset.unwrap_or(0)).await?;
    if feed.has_nothing_new().await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(events(stream::try_unfold(feed, |mut feed| async move {
        let Some(event) = feed.next().await? else {
            return Ok(None);
        };
        Ok(Some((trace_event(event)?, feed)))
    })))
}

fn trace_event(event: TraceEvent) -> Result<sse::Event, axum::Error> {
    match event {
        TraceEvent::Bytes { offset, bytes } => {
            let end = offset + bytes.len() as u64;
            Ok(named("trace", &present::live::trace(offset, &bytes))?.id(end.to_string()))
        }
        TraceEvent::Heartbeat => Ok(heartbeat()),
        TraceEvent::End(status) => end(status),
        TraceEvent::Denied => denied(),
    }
}

fn named(name: &str, data: &impl Serialize) -> Result<sse::Event, axum::Error> {
    sse::Event::default().event(name).json_data(data)
}

fn heartbeat() -> sse::Event {
    sse::Event::default().comment("")
}

fn end(status: Status) -> Result<sse::Event, axum::Error> {
    let status = status.to_string();
    named("end", &wire::live::End { status })
}

fn denied() -> Result<sse::Event, axum::Error> {
    named("denied", &json!({"message": "403 Forbidden"}))
}

/// A stream of events as an answer. It is asked for the next one only when the last one was taken.
fn events(stream: impl Stream<Item = Result<sse::Event, BoxError>> + Send + 'static) -> Response {
    let retry = stream::once(async { Ok(sse::Event::default().retry(RETRY)) });
    let stream = retry.chain(stream).inspect(|event| {
        if let Err(error) = event {
            warn!(
                error = &**error as &dyn std::error::Error,
                "a stream of events breaks off"
            );
        }
    });
    ([UNBUFFERED], Sse::new(stream)).into_response()
}

/// A pipeline's story as text that grows.
async fn story(app: &App, viewer: Viewer, id: PipelineId, color: bool, status: StatusCode) -> ApiResult<Response> {
    let follow = Follow::open(app, viewer, id).await?;
    let story = Story::new(app.settings.external_url.clone(), color);
    let body = stream::try_unfold((follow, story), |(mut follow, mut story)| async move {
        Ok::<_, Error>(follow.next().await?.map(|told| (story.tell(told), (follow, story))))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        UNBUFFERED,
    ];
    Ok((status, headers, Body::from_stream(body)).into_response())
}
