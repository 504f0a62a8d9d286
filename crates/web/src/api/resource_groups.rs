//! Resource groups (rest-api.md 20).

use app::{App, resource_groups};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use wire::job::JobBasic;
use wire::resource_group::ResourceGroup;

use crate::call::Call;
use crate::page;
use crate::present;
use crate::respond::ApiResult;
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    let one = "/projects/{id}/resource_groups/{key}";
    Router::new()
        .route("/projects/{id}/resource_groups", get(list))
        .route(one, get(show).put(update))
        .route(&format!("{one}/current_job"), get(current_job))
        .route(&format!("{one}/upcoming_jobs"), get(upcoming_jobs))
}

async fn list(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let page = call.page()?;
    let (found, total) = resource_groups::list(&app, call.caller.clone(), call.project()?, page.of_store()?).await?;
    let shown = found.into_iter().map(group).collect();
    let listed = page.counted(shown, total);
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<ResourceGroup>> {
    call.user()?;
    let key = call.segment("key");
    let found = resource_groups::get(&app, call.caller.clone(), call.project()?, key).await?;
    Ok(Json(group(found)))
}

async fn update(State(app): State<App>, call: Call) -> ApiResult<Json<ResourceGroup>> {
    let key = call.segment("key");
    let mut reader = call.reader();
    let mode = reader.choice("process_mode");
    reader.finish()?;
    let (caller, project) = (call.caller.clone(), call.project()?);
    let found = match mode {
        Some(mode) => resource_groups::update(&app, caller, project, key, mode).await?,
        None => resource_groups::get(&app, caller, project, key).await?,
    };
    Ok(Json(group(found)))
}

async fn current_job(State(app): State<App>, call: Call) -> ApiResult<Json<Option<JobBasic>>> {
    call.user()?;
    let key = call.segment("key");
    let found = resource_groups::current_job(&app, call.caller.clone(), call.project()?, key).await?;
    Ok(Json(found.map(|shown| basic(&app, &shown))))
}

async fn upcoming_jobs(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let (key, page) = (call.segment("key"), call.page()?);
    let (caller, project) = (call.caller.clone(), call.project()?);
    let (found, total) = resource_groups::upcoming_jobs(&app, caller, project, key, page.of_store()?).await?;
    let shown = found.iter().map(|shown| basic(&app, shown)).collect();
    let listed = page.counted(shown, total);
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

fn basic(app: &App, shown: &app::jobs::read::Shown) -> JobBasic {
    present::job::shown(&app.settings.external_url, shown, app.clock.now()).basic
}

fn group(group: model::resource::ResourceGroup) -> ResourceGroup {
    ResourceGroup {
        id: group.id.0,
        key: group.key,
        process_mode: group.process_mode.to_string(),
        created_at: present::time(group.created_at),
        updated_at: present::time(group.updated_at),
    }
}
