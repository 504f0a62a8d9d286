//! Pipeline schedules and their variables (rest-api.md 11).

use app::schedules::{self, Change, Details, New, NewVariable};
use app::{App, Sort};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::ScheduleId;
use serde_json::{Value as JsonValue, json};
use wire::pipeline::PipelineVariable;
use wire::schedule::ScheduleDetails;

use crate::call::Call;
use crate::page::{self, Page};
use crate::params::{Reader, Value};
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get, post};

pub(crate) fn routes() -> Router {
    let one = "/projects/{id}/pipeline_schedules/{pipeline_schedule_id}";
    Router::new()
        .route("/projects/{id}/pipeline_schedules", get(list).post(create))
        .route(one, get(show).put(update).delete(remove))
        .route(&format!("{one}/pipelines"), get(pipelines))
        .route(&format!("{one}/play"), post(play))
        .route(&format!("{one}/take_ownership"), post(take_ownership))
        .route(&format!("{one}/variables"), post(create_variable))
        .route(
            &format!("{one}/variables/{{key}}"),
            get(show_variable).put(update_variable).delete(remove_variable),
        )
}

async fn list(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let active = reader
        .one_of("scope", &["active", "inactive"])
        .map(|scope| scope == "active");
    let page = Page::read(&mut reader);
    reader.finish()?;
    let (found, total) = schedules::list(&app, call.caller.clone(), call.project()?, active, page.of_store()?).await?;
    let url = &app.settings.external_url;
    let shown = found.iter().map(|one| present::schedule::basic(url, one)).collect();
    Ok(page::answer(url, &call.params, page, page.counted(shown, total)))
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<ScheduleDetails>> {
    call.user()?;
    let found = schedules::get(&app, call.caller.clone(), call.project()?, id(&call)?).await?;
    Ok(Json(full(&app, found)))
}

async fn pipelines(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let sort = match reader.one_of("sort", &["asc", "desc"]) {
        Some("desc") => Sort::Desc,
        _ => Sort::Asc,
    };
    let page = Page::read(&mut reader);
    reader.finish()?;
    let (caller, project) = (call.caller.clone(), call.project()?);
    let (project, found, total) =
        schedules::pipelines(&app, caller, project, id(&call)?, sort, page.of_store()?).await?;
    let url = &app.settings.external_url;
    let shown = found
        .iter()
        .map(|pipeline| present::pipeline::basic(url, &project.full_path, pipeline))
        .collect();
    Ok(page::answer(url, &call.params, page, page.counted(shown, total)))
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<ScheduleDetails>> {
    let mut reader = call.reader();
    let new = New {
        description: reader.required_text("description"),
        ref_text: reader.filled_text("ref"),
        cron: reader.required_text("cron"),
        change: Change {
            cron_timezone: reader.text("cron_timezone"),
            active: reader.boolean("active"),
            inputs: inputs(&mut reader),
            ..Change::default()
        },
    };
    reader.finish()?;
    let made = schedules::create(&app, call.caller.clone(), call.project()?, new).await?;
    Ok(Created(full(&app, made)))
}

async fn update(State(app): State<App>, call: Call) -> ApiResult<Json<ScheduleDetails>> {
    let mut reader = call.reader();
    let change = Change {
        description: reader.text("description"),
        ref_text: reader.text("ref"),
        cron: reader.text("cron"),
        cron_timezone: reader.text("cron_timezone"),
        active: reader.boolean("active"),
        inputs: inputs(&mut reader),
    };
    reader.finish()?;
    let changed = schedules::update(&app, call.caller.clone(), call.project()?, id(&call)?, change).await?;
    Ok(Json(full(&app, changed)))
}

/// Reads `inputs`: objects with `name`, and `value` or `destroy`.
fn inputs(reader: &mut Reader<'_>) -> Vec<(String, Option<JsonValue>)> {
    let given = reader.hashes("inputs").unwrap_or_default();
    let read = |inner: &mut Reader<'_>, value: Option<&Value>| {
        let name = inner.required_text("name");
        let destroy = inner.boolean("destroy").unwrap_or(false);
        if !destroy && value.is_none() {
            inner.problem("value", "is missing");
        }
        let value = value.filter(|_| !destroy).map(Value::to_json);
        (name, value)
    };
    given
        .iter()
        .map(|named| reader.inside(named, |inner| read(inner, named.1.get("value"))))
        .collect()
}

async fn remove(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    schedules::delete(&app, call.caller.clone(), call.project()?, id(&call)?).await?;
    Ok(NoContent)
}

async fn play(State(app): State<App>, call: Call) -> ApiResult<Response> {
    schedules::play(&app, call.caller.clone(), call.project()?, id(&call)?).await?;
    Ok(Created(json!({"message": "201 Created"})).into_response())
}

async fn take_ownership(State(app): State<App>, call: Call) -> ApiResult<Response> {
    let (taken, changed) = schedules::take_ownership(&app, call.caller.clone(), call.project()?, id(&call)?).await?;
    let status = if changed { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(full(&app, taken))).into_response())
}

async fn create_variable(State(app): State<App>, call: Call) -> ApiResult<Created<PipelineVariable>> {
    let mut reader = call.reader();
    let name = reader.required_text("key");
    let value = reader.required_text("value");
    let new = NewVariable {
        value: Some(value),
        ..variable(&mut reader)
    };
    reader.finish()?;
    let (caller, project) = (call.caller.clone(), call.project()?);
    let made = schedules::create_variable(&app, caller, project, id(&call)?, name, new).await?;
    Ok(Created(present::pipeline::variable(made)))
}

async fn show_variable(State(app): State<App>, call: Call) -> ApiResult<Json<PipelineVariable>> {
    call.user()?;
    let (caller, project) = (call.caller.clone(), call.project()?);
    let found = schedules::get_variable(&app, caller, project, id(&call)?, call.segment("key")).await?;
    Ok(Json(present::pipeline::variable(found)))
}

async fn update_variable(State(app): State<App>, call: Call) -> ApiResult<Json<PipelineVariable>> {
    let mut reader = call.reader();
    let change = variable(&mut reader);
    reader.finish()?;
    let (caller, project) = (call.caller.clone(), call.project()?);
    let changed = schedules::update_variable(&app, caller, project, id(&call)?, call.segment("key"), change).await?;
    Ok(Json(present::pipeline::variable(changed)))
}

async fn remove_variable(State(app): State<App>, call: Call) -> ApiResult<Response> {
    let (caller, project) = (call.caller.clone(), call.project()?);
    let removed = schedules::delete_variable(&app, caller, project, id(&call)?, call.segment("key")).await?;
    Ok((StatusCode::ACCEPTED, Json(present::pipeline::variable(removed))).into_response())
}

fn variable(reader: &mut Reader<'_>) -> NewVariable {
    NewVariable {
        value: reader.text("value"),
        kind: reader.choice("variable_type"),
        raw: reader.boolean("raw"),
    }
}

fn id(call: &Call) -> app::Result<ScheduleId> {
    Ok(ScheduleId(call.id("pipeline_schedule_id")?))
}

fn full(app: &App, details: Details) -> ScheduleDetails {
    present::schedule::full(&app.settings.external_url, details)
}
