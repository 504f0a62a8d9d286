//! Jobs: lists, one job, log, artifacts, and what people do to them (rest-api.md 8 and 9).

use app::jobs::actions;
use app::jobs::read::{self, Shown, Wanted};
use app::{App, Error, Sort};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use model::definition::GivenVariable;
use model::{JobId, PipelineId, Status, VariableKind};
use wire::job::{Bridge, Job};

use crate::call::{Call, OrJobToken};
use crate::page::{self, Page};
use crate::params::{Hash, Reader};
use crate::present;
use crate::respond::{ApiResult, Created};
use crate::routing::{Router, get, post};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/job", get(of_token))
        .route("/projects/{id}/jobs", get(list))
        .route("/projects/{id}/jobs/{job_id}", get(show))
        .route("/projects/{id}/jobs/{job_id}/trace", get(trace))
        .route("/projects/{id}/jobs/{job_id}/cancel", post(cancel))
        .route("/projects/{id}/jobs/{job_id}/retry", post(retry))
        .route("/projects/{id}/jobs/{job_id}/play", post(play))
        .route("/projects/{id}/jobs/{job_id}/erase", post(erase))
        .route("/projects/{id}/pipelines/{pipeline_id}/jobs", get(of_pipeline))
        .route("/projects/{id}/pipelines/{pipeline_id}/bridges", get(bridges))
        .route("/projects/{id}/pipelines/{pipeline_id}/trigger_jobs", get(bridges))
}

/// The job whose token this is.
async fn of_token(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<Job>> {
    call.user()?;
    let app::Caller::Job(caller) = call.caller else {
        return Err(Error::NotFound("Job").into());
    };
    let project = app::ProjectKey::Id(caller.job.project_id);
    let id = caller.job.id;
    let shown = read::get(&app, app::Caller::Job(caller), project, id).await?;
    Ok(Json(full(&app, &shown)))
}

async fn list(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let scope = scope(&mut reader);
    let page = Page::read(&mut reader);
    let by_key = reader.one_of("pagination", &["legacy", "keyset"]) == Some("keyset");
    let sort = if reader.one_of("sort", &["asc", "desc"]) == Some("asc") {
        Sort::Asc
    } else {
        Sort::Desc
    };
    let cursor = reader.int("cursor").map(JobId);
    let include_retried = reader.boolean("include_retried").unwrap_or(true);
    reader.finish()?;
    let wanted = Wanted {
        pipeline: None,
        scope,
        bridges: false,
        include_retried,
        id_before: cursor.filter(|_| by_key && sort == Sort::Desc),
        id_after: cursor.filter(|_| by_key && sort == Sort::Asc),
        sort: if by_key { sort } else { Sort::Desc },
    };
    let rows = if by_key {
        app::Rows {
            offset: 0,
            ..page.of_store_and_one()?
        }
    } else {
        page.of_store_and_one()?
    };
    let (found, _) = read::list(&app, call.caller.clone(), call.project()?, wanted, rows).await?;
    let url = &app.settings.external_url;
    let listed = page.uncounted(found);
    if !by_key {
        return Ok(page::answer(
            url,
            &call.params,
            page,
            listed.map(|shown| full(&app, &shown)),
        ));
    }
    let more = matches!(listed.extent, page::Extent::More(true));
    let next = listed
        .items
        .last()
        .filter(|_| more)
        .map(|shown| ("cursor", shown.job.id.to_string()));
    let items: Vec<Job> = listed.items.iter().map(|shown| full(&app, shown)).collect();
    Ok(page::keyset(url, &call.params, items, next))
}

async fn of_pipeline(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    let (page, found, total) = jobs_of_pipeline(&app, &call, false).await?;
    let shown = found.iter().map(|shown| full(&app, shown)).collect();
    Ok(page::answer(
        &app.settings.external_url,
        &call.params,
        page,
        page.counted(shown, total),
    ))
}

async fn bridges(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    let (page, found, total) = jobs_of_pipeline(&app, &call, true).await?;
    let shown: Vec<Bridge> = found.iter().map(|shown| bridge(&app, shown)).collect();
    Ok(page::answer(
        &app.settings.external_url,
        &call.params,
        page,
        page.counted(shown, total),
    ))
}

async fn jobs_of_pipeline(app: &App, call: &Call<OrJobToken>, bridges: bool) -> app::Result<(Page, Vec<Shown>, i64)> {
    let pipeline = PipelineId(call.id("pipeline_id")?);
    let mut reader = call.reader();
    let scope = scope(&mut reader);
    let include_retried = reader.boolean("include_retried").unwrap_or(false);
    let page = Page::read(&mut reader);
    reader.finish()?;
    let wanted = Wanted {
        pipeline: Some(pipeline),
        scope,
        bridges,
        include_retried,
        id_before: None,
        id_after: None,
        sort: Sort::Desc,
    };
    let (found, total) = read::list(app, call.caller.clone(), call.project()?, wanted, page.of_store()?).await?;
    Ok((page, found, total))
}

fn scope(reader: &mut Reader<'_>) -> Vec<Status> {
    reader.choices("scope")
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<Job>> {
    call.user()?;
    let id = job_id(&call)?;
    let shown = read::get(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(Json(full(&app, &shown)))
}

async fn trace(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let id = job_id(&call)?;
    let reader = read::trace(&app, call.caller.clone(), call.project()?, id).await?;
    let name = format!("infile; filename=\"{id}.log\"");
    let body = match reader {
        Some(reader) => bytes_of(reader),
        None => (0, Body::empty()),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain")),
        (header::CONTENT_LENGTH, HeaderValue::from(body.0)),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&name).map_err(Error::internal)?,
        ),
    ];
    Ok((headers, body.1).into_response())
}

/// The length and the body of what a reader gives.
pub(super) fn bytes_of(reader: read::Reader) -> (u64, Body) {
    let range = reader.range();
    let length = range.end - range.start;
    let chunks = stream::unfold(reader, |mut reader| async move {
        reader.next().await.transpose().map(|chunk| (chunk, reader))
    });
    (length, Body::from_stream(chunks))
}

async fn cancel(State(app): State<App>, call: Call) -> ApiResult<Created<Job>> {
    let id = job_id(&call)?;
    let mut reader = call.reader();
    let force = reader.boolean("force").unwrap_or(false);
    reader.finish()?;
    let job = actions::cancel(&app, call.caller.clone(), call.project()?, id, force).await?;
    Ok(Created(after(&app, &call, job).await?))
}

async fn retry(State(app): State<App>, call: Call) -> ApiResult<Created<Job>> {
    let id = job_id(&call)?;
    let mut reader = call.reader();
    let inputs = inputs(&mut reader);
    reader.finish()?;
    let given = actions::Given {
        variables: None,
        inputs,
    };
    let job = actions::retry_given(&app, call.caller.clone(), call.project()?, id, given).await?;
    Ok(Created(after(&app, &call, job).await?))
}

async fn erase(State(app): State<App>, call: Call) -> ApiResult<Created<Job>> {
    let id = job_id(&call)?;
    let job = actions::erase(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(Created(after(&app, &call, job).await?))
}

async fn play(State(app): State<App>, call: Call) -> ApiResult<Json<Job>> {
    let id = job_id(&call)?;
    let mut reader = call.reader();
    let given = reader.hashes("job_variables_attributes").unwrap_or_default();
    let variables = given.iter().map(|named| reader.inside(named, variable)).collect();
    let inputs = inputs(&mut reader);
    reader.finish()?;
    let given = actions::Given {
        variables: Some(variables),
        inputs,
    };
    let job = actions::play_given(&app, call.caller.clone(), call.project()?, id, given).await?;
    Ok(Json(after(&app, &call, job).await?))
}

/// Reads `job_inputs`: values by name.
fn inputs(reader: &mut Reader<'_>) -> Vec<(String, serde_json::Value)> {
    let given = reader.hash("job_inputs");
    let values = |hash: &Hash| {
        hash.iter()
            .map(|(name, value)| (name.clone(), value.to_json()))
            .collect()
    };
    given.map(values).unwrap_or_default()
}

fn variable(reader: &mut Reader<'_>) -> GivenVariable {
    GivenVariable {
        key: reader.required_text("key"),
        value: reader.required_text("value"),
        kind: VariableKind::EnvVar,
        raw: false,
    }
}

/// A job as it is after something was done to it.
async fn after(app: &App, call: &Call, job: model::Job) -> app::Result<Job> {
    let shown = read::get(app, call.caller.clone(), call.project()?, job.id).await?;
    Ok(full(app, &shown))
}

pub(super) fn job_id<P>(call: &Call<P>) -> app::Result<JobId> {
    Ok(JobId(call.id("job_id")?))
}

pub(super) fn full(app: &App, shown: &Shown) -> Job {
    present::job::shown(&app.settings.external_url, shown, app.clock.now())
}

fn bridge(app: &App, shown: &Shown) -> Bridge {
    present::job::shown_bridge(&app.settings.external_url, shown, app.clock.now())
}
