//! Whose job tokens a project accepts (rest-api.md 18).

use app::{App, job_token_scope as scope};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::{NamespaceId, ProjectId};
use wire::project::{GroupName, JobTokenGroup, JobTokenProject, JobTokenScope};

use super::projects::around;
use crate::call::Call;
use crate::page;
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, delete, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/job_token_scope", get(show).patch(change))
        .route(
            "/projects/{id}/job_token_scope/allowlist",
            get(projects).post(add_project),
        )
        .route(
            "/projects/{id}/job_token_scope/allowlist/{target_project_id}",
            delete(remove_project),
        )
        .route(
            "/projects/{id}/job_token_scope/groups_allowlist",
            get(groups).post(add_group),
        )
        .route(
            "/projects/{id}/job_token_scope/groups_allowlist/{target_group_id}",
            delete(remove_group),
        )
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<JobTokenScope>> {
    call.user()?;
    let project = scope::get(&app, call.caller.clone(), call.project()?).await?;
    Ok(Json(JobTokenScope {
        inbound_enabled: project.settings.job_token_inbound,
        outbound_enabled: false,
    }))
}

async fn change(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    let mut reader = call.reader();
    let enabled = match reader.text("enabled") {
        Some(text) if !text.trim().is_empty() => reader.boolean("enabled"),
        _ => {
            let what = if reader.given("enabled") {
                "is empty"
            } else {
                "is missing"
            };
            reader.problem("enabled", what);
            None
        }
    };
    reader.finish()?;
    scope::set(&app, call.caller.clone(), call.project()?, enabled.unwrap_or_default()).await?;
    Ok(NoContent)
}

async fn projects(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let (page, url) = (call.page()?, &app.settings.external_url);
    let (listed, total) = scope::projects(&app, call.caller.clone(), call.project()?, page.of_store()?).await?;
    let shown = listed.iter();
    let shown = shown
        .map(|one| present::project::short(url, &one.project, &around(one)))
        .collect();
    Ok(page::answer(url, &call.params, page, page.counted(shown, total)))
}

async fn add_project(State(app): State<App>, call: Call) -> ApiResult<Created<JobTokenProject>> {
    call.user()?;
    let mut reader = call.reader();
    let target = reader.required_int("target_project_id");
    reader.finish()?;
    let source = scope::add_project(&app, call.caller.clone(), call.project()?, ProjectId(target)).await?;
    Ok(Created(JobTokenProject {
        source_project_id: source.0,
        target_project_id: target,
    }))
}

async fn remove_project(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    let target = ProjectId(call.id("target_project_id")?);
    scope::remove_project(&app, call.caller.clone(), call.project()?, target).await?;
    Ok(NoContent)
}

async fn groups(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let (page, url) = (call.page()?, &app.settings.external_url);
    let (listed, total) = scope::groups(&app, call.caller.clone(), call.project()?, page.of_store()?).await?;
    let shown = listed.iter().map(|group| GroupName {
        id: group.id.0,
        web_url: present::project::namespace_url(url, group),
        name: group.name.clone(),
    });
    Ok(page::answer(
        url,
        &call.params,
        page,
        page.counted(shown.collect(), total),
    ))
}

async fn add_group(State(app): State<App>, call: Call) -> ApiResult<Created<JobTokenGroup>> {
    call.user()?;
    let mut reader = call.reader();
    let target = reader.required_int("target_group_id");
    reader.finish()?;
    let source = scope::add_group(&app, call.caller.clone(), call.project()?, NamespaceId(target)).await?;
    Ok(Created(JobTokenGroup {
        source_project_id: source.0,
        target_group_id: target,
    }))
}

async fn remove_group(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    let target = NamespaceId(call.id("target_group_id")?);
    scope::remove_group(&app, call.caller.clone(), call.project()?, target).await?;
    Ok(NoContent)
}
