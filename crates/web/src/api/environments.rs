//! Environments.

use std::time::Duration;

use app::environments::manage::{self, Changes, Wanted};
use app::environments::stop;
use app::{App, Error};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::{EnvironmentId, Timestamp};
use serde_json::{Value, json};
use wire::environment::{Environment, ReviewApps};

use crate::call::{Call, OrJobToken};
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, delete, get, post};

/// Shortest text to search for (GitLab's limit).
const MIN_SEARCH: usize = 3;

const DAY: Duration = Duration::from_secs(24 * 3600);

const NO_REVIEW_APPS: &str = "No environments found for scheduled deletion. Either your query did not match any \
                              environments (default parameters match environments that are 30 days or older), or \
                              you have insufficient permissions to delete matching environments.";

pub(crate) fn routes() -> Router {
    let all = "/projects/{id}/environments";
    let one = "/projects/{id}/environments/{environment_id}";
    Router::new()
        .route(all, get(list).post(create))
        .route(&format!("{all}/review_apps"), delete(remove_review_apps))
        .route(&format!("{all}/stop_stale"), post(stop_stale))
        .route(one, get(show).put(update).delete(remove))
        .route(&format!("{one}/stop"), post(stop_one))
}

async fn list(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let wanted = Wanted {
        name: filled(reader.text("name")),
        search: filled(reader.text("search")),
        states: reader.choice("states").into_iter().collect(),
    };
    if reader.given("name") && reader.given("search") {
        reader.problem("name, search", "cannot be used together");
    }
    let page = Page::read(&mut reader);
    reader.finish()?;
    if wanted
        .search
        .as_ref()
        .is_some_and(|text| text.chars().count() < MIN_SEARCH)
    {
        return Err(Error::BadRequest(format!("Search query is less than {MIN_SEARCH} characters")).into());
    }
    let found = manage::list(&app, call.caller.clone(), call.project()?, wanted, page.of_store()?).await?;
    let url = &app.settings.external_url;
    let shown = found
        .environments
        .iter()
        .map(|one| present::environment::with_project(url, &found.project, one))
        .collect();
    Ok(page::answer(url, &call.params, page, page.counted(shown, found.total)))
}

async fn show(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<Environment>> {
    call.user()?;
    let found = manage::get(&app, call.caller.clone(), call.project()?, id(&call)?).await?;
    let now = app.clock.now();
    Ok(Json(present::environment::details(
        &app.settings.external_url,
        &found,
        now,
    )))
}

async fn create(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Created<Environment>> {
    call.user()?;
    let mut reader = call.reader();
    let name = reader.text("name");
    if !reader.given("name") {
        reader.problem("name", "is missing");
    }
    let changes = changes(&mut reader);
    reader.finish()?;
    let (caller, project) = (call.caller.clone(), call.project()?);
    let (project, made) = manage::create(&app, caller, project, name.unwrap_or_default(), changes).await?;
    let url = &app.settings.external_url;
    Ok(Created(present::environment::with_project(url, &project, &made)))
}

async fn update(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<Environment>> {
    call.user()?;
    let mut reader = call.reader();
    let changes = changes(&mut reader);
    reader.finish()?;
    let (caller, project) = (call.caller.clone(), call.project()?);
    let (project, changed) = manage::update(&app, caller, project, id(&call)?, changes).await?;
    let url = &app.settings.external_url;
    Ok(Json(present::environment::with_project(url, &project, &changed)))
}

fn changes(reader: &mut Reader<'_>) -> Changes {
    if reader.given("slug") {
        reader.problem("slug", "is automatically generated and cannot be changed");
    }
    Changes {
        external_url: reader.clearable_text("external_url"),
        tier: reader.choice("tier"),
        description: reader.clearable_text("description"),
        auto_stop_setting: reader.choice("auto_stop_setting"),
    }
}

async fn remove(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<NoContent> {
    call.user()?;
    manage::delete(&app, call.caller.clone(), call.project()?, id(&call)?).await?;
    Ok(NoContent)
}

async fn stop_one(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<Environment>> {
    call.user()?;
    let mut reader = call.reader();
    let force = reader.boolean("force").unwrap_or(false);
    reader.finish()?;
    let (caller, project) = (call.caller.clone(), call.project()?);
    let (project, stopped) = stop::stop(&app, caller, project, id(&call)?, force).await?;
    let url = &app.settings.external_url;
    Ok(Json(present::environment::with_project(url, &project, &stopped)))
}

async fn stop_stale(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<Value>> {
    call.user()?;
    let mut reader = call.reader();
    let before = reader.time("before");
    if !reader.given("before") {
        reader.problem("before", "is missing");
    }
    reader.finish()?;
    let (project, now) = (call.project()?, app.clock.now());
    let before = before.unwrap_or(Timestamp(i64::MAX));
    stop::may_stop_stale(&app, call.caller.clone(), project.clone()).await?;
    if before < now - DAY * 3652 || before > now - DAY * 7 {
        return Err(Error::BadRequest("Invalid Date".to_owned()).into());
    }
    stop::stop_stale(&app, call.caller.clone(), project, before).await?;
    Ok(Json(
        json!({"message": "Successfully scheduled stale environments to stop"}),
    ))
}

async fn remove_review_apps(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let before = reader.time("before");
    let limit = reader.int("limit").unwrap_or(100);
    reader.check("limit", (1..=1000).contains(&limit));
    let dry_run = reader.boolean("dry_run").unwrap_or(true);
    reader.finish()?;
    let before = before.unwrap_or_else(|| app.clock.now() - DAY * 30);
    let (caller, project) = (call.caller.clone(), call.project()?);
    let found = manage::delete_review_apps(&app, caller, project, before, limit, dry_run).await?;
    let (status, message) = if found.is_empty() {
        (StatusCode::BAD_REQUEST, Some(NO_REVIEW_APPS.to_owned()))
    } else {
        (StatusCode::OK, None)
    };
    let answer = ReviewApps {
        message,
        scheduled_entries: found.iter().map(present::environment::basic).collect(),
        unprocessable_entries: Vec::new(),
    };
    Ok((status, Json(answer)).into_response())
}

fn id(call: &Call<OrJobToken>) -> app::Result<EnvironmentId> {
    Ok(EnvironmentId(call.id("environment_id")?))
}
