//! Runners: those that serve a project, and those of the whole server.

use std::sync::Arc;

use ::pages::Tab;
use ::pages::views::{Part, RunnerRow, RunnersPage};
use app::access::{Ability, ProjectAccess};
use app::runners::manage::{self, Changes, Of, Shown, Wanted};
use app::runners::registry::{self, Draft, Serves};
use app::runners::standing::State;
use app::{Error, Rows, access_tokens, projects};
use axum::http::StatusCode;
use model::{RunnerId, RunnerType};

use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Most runners on a page.
const MOST: i64 = 500;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/settings/ci_cd/runners", read(show).merge(act(create)))
        .route("/p/{project}/settings/ci_cd/runners/{id}/pause", act(pause))
        .route("/p/{project}/settings/ci_cd/runners/{id}/delete", act(delete))
        .route("/r/admin/runners", read(show).merge(act(create)))
        .route("/r/admin/runners/{id}/pause", act(pause))
        .route("/r/admin/runners/{id}/delete", act(delete))
}

/// Whose runners a page is about: a project's, or the server's.
async fn place(visit: &Visit) -> app::Result<Option<ProjectAccess>> {
    if visit.text("project").is_empty() {
        return match access_tokens::require_admin(&visit.caller) {
            Ok(_) => Ok(None),
            Err(Error::Forbidden(_)) => Err(Error::NotFoundPlain),
            Err(error) => Err(error),
        };
    }
    projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::AdminProject)
        .await
        .map(Some)
}

fn here(place: Option<&ProjectAccess>) -> String {
    match place {
        Some(access) => format!("/{}/-/settings/ci_cd/runners", access.project.full_path),
        None => "/admin/runners".to_owned(),
    }
}

async fn show(visit: Arc<Visit>) -> PageResult {
    let place = place(&visit).await?;
    Ok(visit.page(&page(&visit, place.as_ref(), None).await?))
}

async fn page(visit: &Visit, place: Option<&ProjectAccess>, token: Option<String>) -> app::Result<RunnersPage> {
    let t = visit.language();
    let of = match place {
        Some(_) => Of::Project(visit.project()),
        None => Of::Server,
    };
    let rows = Rows { limit: MOST, offset: 0 };
    let (found, _) = manage::list(&visit.app, visit.caller.clone(), of, Wanted::default(), rows).await?;
    let url = visit.app.settings.external_url.base();
    let register = token
        .as_ref()
        .map(|token| format!("gitlab-runner register --url {url} --token {token}"));
    let register_own = token.map(|token| format!("tripline runner --url {url} --token {token}"));
    Ok(RunnersPage {
        f: match place {
            Some(access) => visit.project_frame(t.runners(), access, Tab::Settings),
            None => visit.frame(t.runners()),
        },
        here: here(place),
        path: place.map(|access| access.project.full_path.clone()),
        part: Part::Runners,
        rows: found.into_iter().map(|shown| row(visit, place, shown)).collect(),
        register,
        register_own: register_own.unwrap_or_default(),
    })
}

fn row(visit: &Visit, place: Option<&ProjectAccess>, shown: Shown) -> RunnerRow {
    let t = visit.language();
    let runner = shown.runner;
    let is_of_project = runner.runner_type == RunnerType::Project;
    RunnerRow {
        id: runner.id.0,
        serves: match runner.runner_type {
            RunnerType::Instance => t.serves_instance(),
            RunnerType::Group => t.serves_group(),
            RunnerType::Project => t.serves_project(),
        },
        is_online: State::of(runner.contacted_at, runner.created_at, visit.app.clock.now()) == State::Online,
        paused: runner.paused,
        tags: runner.tags,
        contacted_at: runner.contacted_at,
        may_change: place.is_none() || is_of_project,
        description: runner.description.unwrap_or_default(),
    }
}

async fn create(visit: Arc<Visit>) -> PageResult {
    let place = place(&visit).await?;
    let tags = visit
        .text("tag_list")
        .split(',')
        .map(str::trim)
        .filter(|tag| !tag.is_empty());
    let draft = Draft {
        description: visit.filled("description"),
        tags: tags.map(str::to_owned).collect(),
        run_untagged: Some(visit.is_ticked("run_untagged")),
        ..Draft::default()
    };
    let serves = match &place {
        Some(access) => Serves::Project(access.project.id),
        None => Serves::Instance,
    };
    let (_, token) = registry::create(&visit.app, visit.caller.clone(), serves, draft).await?;
    let page = page(&visit, place.as_ref(), Some(token)).await?;
    Ok(visit.page_with(StatusCode::CREATED, &page))
}

async fn pause(visit: Arc<Visit>) -> PageResult {
    let place = place(&visit).await?;
    let paused = visit.is_ticked("paused");
    let changes = Changes {
        paused: Some(paused),
        ..Changes::default()
    };
    manage::update(&visit.app, visit.caller.clone(), RunnerId(visit.id()?), changes).await?;
    let done = if paused {
        Done::RunnerPaused
    } else {
        Done::RunnerResumed
    };
    Ok(visit.done(&here(place.as_ref()), done))
}

async fn delete(visit: Arc<Visit>) -> PageResult {
    let place = place(&visit).await?;
    manage::delete(&visit.app, visit.caller.clone(), RunnerId(visit.id()?)).await?;
    Ok(visit.done(&here(place.as_ref()), Done::RunnerDeleted))
}
