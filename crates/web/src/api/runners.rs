//! Runners as people see them (rest-api.md 19). What runners themselves ask is in `runner_api`.

use app::groups::GroupKey;
use app::runners::manage::{self, Changes, Of, Wanted, WantedJobs};
use app::runners::registration;
use app::runners::standing::State as RunnerState;
use app::{App, Error, Result, Sort};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::{RunnerId, RunnerType, Status};
use wire::runner::TokenDetails;
use wire::runners::{ListedRunner, RunnerDetails};

use super::projects::around;
use crate::call::{Call, ManageRunner};
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, delete, get, post};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/runners", get(of_caller))
        .route("/runners/all", get(of_server))
        .route("/runners/reset_registration_token", post(reset_of_server))
        .route("/runners/{id}", get(show).put(update).delete(remove))
        .route("/runners/{id}/jobs", get(jobs))
        .route("/runners/{id}/managers", get(managers))
        .route("/runners/{id}/reset_authentication_token", post(reset_token))
        .route("/projects/{id}/runners", get(of_project).post(assign))
        .route("/projects/{id}/runners/{runner_id}", delete(unassign))
        .route(
            "/projects/{id}/runners/reset_registration_token",
            post(reset_of_project),
        )
        .route("/groups/{id}/runners", get(of_group))
        .route("/groups/{id}/runners/reset_registration_token", post(reset_of_group))
}

/// States by which lists are filtered; the first two are older words.
const STATES: &[&str] = &["active", "paused", "online", "offline", "never_contacted", "stale"];

/// Older words for what `type`, `status` and `paused` say now.
const SCOPES: &[&str] = &["specific", "shared", "active", "paused", "online"];

async fn of_caller(State(app): State<App>, call: Call) -> ApiResult<Response> {
    list(&app, &call, Of::Caller, STATES).await
}

async fn of_server(State(app): State<App>, call: Call) -> ApiResult<Response> {
    list(&app, &call, Of::Server, SCOPES).await
}

async fn of_project(State(app): State<App>, call: Call) -> ApiResult<Response> {
    let project = call.project()?;
    list(&app, &call, Of::Project(project), SCOPES).await
}

async fn of_group(State(app): State<App>, call: Call) -> ApiResult<Response> {
    let group = GroupKey::parse(&call.segment("id"));
    list(&app, &call, Of::Group(group), &[]).await
}

async fn list(app: &App, call: &Call, of: Of, scopes: &[&'static str]) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let wanted = wanted(&mut reader, scopes);
    reader.finish()?;
    let (found, total) = manage::list(app, call.caller.clone(), of, wanted, page.of_store()?).await?;
    let (url, now) = (&app.settings.external_url, app.clock.now());
    let listed: Vec<ListedRunner> = found
        .iter()
        .map(|shown| present::runner::listed(url, shown, now))
        .collect();
    Ok(page::answer(url, &call.params, page, page.counted(listed, total)))
}

fn wanted(reader: &mut Reader<'_>, scopes: &[&'static str]) -> Wanted {
    let mut wanted = Wanted {
        runner_type: reader.choice("type"),
        tags: reader.texts_or_commas("tag_list").unwrap_or_default(),
        version_prefix: reader.text("version_prefix"),
        ..Wanted::default()
    };
    let is_version = |text: &String| text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '.'));
    let is_valid = wanted.version_prefix.as_ref().is_none_or(is_version);
    if !is_valid {
        reader.problem("version_prefix", "is invalid");
    }
    for word in [reader.one_of("status", STATES), reader.one_of("scope", scopes)]
        .into_iter()
        .flatten()
    {
        narrow(&mut wanted, word);
    }
    if let Some(paused) = reader.boolean("paused") {
        wanted.paused = Some(paused);
    }
    wanted
}

fn narrow(wanted: &mut Wanted, word: &str) {
    match word {
        "active" => wanted.paused = Some(false),
        "paused" => wanted.paused = Some(true),
        "online" => wanted.states.push(RunnerState::Online),
        "offline" => wanted.states.push(RunnerState::Offline),
        "never_contacted" => wanted.states.push(RunnerState::NeverContacted),
        "stale" => wanted.states.push(RunnerState::Stale),
        "shared" => wanted.runner_type = Some(RunnerType::Instance),
        // `specific`: of projects and groups.
        _ => wanted.without_instance = true,
    }
}

async fn show(State(app): State<App>, call: Call<ManageRunner>) -> ApiResult<Json<RunnerDetails>> {
    let found = manage::get(&app, call.caller.clone(), id(&call)?).await?;
    Ok(Json(details(&app, &found)))
}

async fn update(State(app): State<App>, call: Call<ManageRunner>) -> ApiResult<Json<RunnerDetails>> {
    call.user()?;
    let id = id(&call)?;
    let mut reader = call.reader();
    let changes = changes(&mut reader);
    reader.finish()?;
    let changed = manage::update(&app, call.caller.clone(), id, changes).await?;
    Ok(Json(details(&app, &changed)))
}

fn changes(reader: &mut Reader<'_>) -> Changes {
    reader.at_least_one_of(&[
        "description",
        "active",
        "paused",
        "tag_list",
        "run_untagged",
        "locked",
        "access_level",
        "maximum_timeout",
        "maintenance_note",
    ]);
    reader.mutually_exclusive(&["active", "paused"]);
    let active = reader.boolean("active");
    let maximum = reader.int("maximum_timeout");
    Changes {
        description: reader.clearable_text("description"),
        maintenance_note: reader.clearable_text("maintenance_note"),
        paused: reader.boolean("paused").or(active.map(|active| !active)),
        locked: reader.boolean("locked"),
        run_untagged: reader.boolean("run_untagged"),
        tags: reader.texts_or_commas("tag_list"),
        protected_only: reader
            .one_of("access_level", &["not_protected", "ref_protected"])
            .map(|level| level == "ref_protected"),
        maximum_timeout_seconds: reader.given("maximum_timeout").then_some(maximum),
    }
}

async fn remove(State(app): State<App>, call: Call<ManageRunner>) -> ApiResult<NoContent> {
    manage::delete(&app, call.caller.clone(), id(&call)?).await?;
    Ok(NoContent)
}

async fn managers(State(app): State<App>, call: Call<ManageRunner>) -> ApiResult<Response> {
    let page = call.page()?;
    let found = manage::managers(&app, call.caller.clone(), id(&call)?, page.of_store_and_one()?).await?;
    let now = app.clock.now();
    let listed = page.uncounted(found);
    let listed = listed.map(|(manager, busy)| present::runner::listed_manager(&manager, busy, now));
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

async fn jobs(State(app): State<App>, call: Call<ManageRunner>) -> ApiResult<Response> {
    let id = id(&call)?;
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let status: Option<Status> = reader.choice("status");
    let system_id = reader.text("system_id").filter(|text| !text.is_empty());
    let _only_id = reader.one_of("order_by", &["id"]);
    let sort = match reader.one_of("sort", &["asc", "desc"]) {
        Some("asc") => Sort::Asc,
        _ => Sort::Desc,
    };
    reader.finish()?;
    let wanted = WantedJobs {
        status,
        system_id,
        sort,
    };
    let (found, total) = manage::jobs(&app, call.caller.clone(), id, wanted, page.of_store()?).await?;
    let (url, now) = (&app.settings.external_url, app.clock.now());
    let listed = found
        .iter()
        .map(|(shown, name)| present::job::of_runner(url, shown, name, now))
        .collect::<serde_json::Result<Vec<_>>>()
        .map_err(Error::internal)?;
    Ok(page::answer(url, &call.params, page, page.counted(listed, total)))
}

async fn reset_token(State(app): State<App>, call: Call<ManageRunner>) -> ApiResult<Created<TokenDetails>> {
    let token = manage::reset_token(&app, call.caller.clone(), id(&call)?).await?;
    Ok(Created(shown_once(token)))
}

async fn assign(State(app): State<App>, call: Call) -> ApiResult<Created<ListedRunner>> {
    call.user()?;
    let runner = RunnerId(call.id("runner_id")?);
    let assigned = manage::assign(&app, call.caller.clone(), call.project()?, runner).await?;
    let url = &app.settings.external_url;
    Ok(Created(present::runner::listed(url, &assigned, app.clock.now())))
}

async fn unassign(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    let runner = RunnerId(call.id("runner_id")?);
    manage::unassign(&app, call.caller.clone(), call.project()?, runner).await?;
    Ok(NoContent)
}

async fn reset_of_server(State(app): State<App>, call: Call) -> ApiResult<Created<TokenDetails>> {
    reset(&app, call, registration::Of::Server).await
}

async fn reset_of_project(State(app): State<App>, call: Call) -> ApiResult<Created<TokenDetails>> {
    let project = call.project()?;
    reset(&app, call, registration::Of::Project(project)).await
}

async fn reset_of_group(State(app): State<App>, call: Call) -> ApiResult<Created<TokenDetails>> {
    let group = GroupKey::parse(&call.segment("id"));
    reset(&app, call, registration::Of::Group(group)).await
}

async fn reset(app: &App, call: Call, of: registration::Of) -> ApiResult<Created<TokenDetails>> {
    let token = registration::reset(app, call.caller, of).await?;
    Ok(Created(shown_once(token)))
}

const fn shown_once(token: String) -> TokenDetails {
    TokenDetails {
        token,
        token_expires_at: None,
    }
}

fn id<P>(call: &Call<P>) -> Result<RunnerId> {
    Ok(RunnerId(call.id("id")?))
}

fn details(app: &App, found: &manage::Details) -> RunnerDetails {
    let url = &app.settings.external_url;
    let projects = found
        .projects
        .iter()
        .map(|shown| present::project::short(url, &shown.project, &around(shown)))
        .collect();
    present::runner::details(url, found, projects, app.clock.now())
}
