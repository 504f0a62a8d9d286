//! General settings of a project.

use std::sync::Arc;

use ::pages::views::{Choice, GeneralPage, Part};
use ::pages::{Notice, Tab};
use app::Error;
use app::access::{Ability, ProjectAccess};
use app::projects::{self, Changes};
use axum::http::StatusCode;
use model::{AccessLevel, NamespaceId, OverrideRole, Visibility};

use crate::pages::failed::told;
use crate::pages::projects::namespaces;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/edit", read(general).merge(act(change)))
        .route("/p/{project}/transfer", act(transfer))
        .route("/p/{project}/delete", act(delete))
}

/// Reads the day a form gives as an end.
pub(super) fn expiry(visit: &Visit) -> app::Result<Option<model::Timestamp>> {
    let Some(text) = visit.filled("expires_at") else {
        return Ok(None);
    };
    let day: jiff::civil::Date = text.parse().map_err(|_| Error::parameter("expires_at is invalid"))?;
    Ok(Some(crate::params::start_of_day(day)))
}

async fn general(visit: Arc<Visit>) -> PageResult {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::AdminProject).await?;
    Ok(visit.page(&general_page(&visit, &access).await?))
}

async fn general_page(visit: &Visit, access: &ProjectAccess) -> app::Result<GeneralPage> {
    let t = visit.language();
    let project = access.project.clone();
    let role = project.settings.variables_override_role.as_str();
    let role_name = |one: &OverrideRole| match one {
        OverrideRole::Developer => "Developer",
        OverrideRole::Maintainer => "Maintainer",
        OverrideRole::Owner => "Owner",
        OverrideRole::NoOneAllowed => t.no_one(),
    };
    let visibility = project.visibility.as_str();
    let may_own = access.allows(&visit.caller, Ability::OwnProject);
    let mut targets = match visit.caller.user() {
        Some(user) if may_own => namespaces(visit, user, visit.text("namespace"), AccessLevel::Maintainer).await?,
        _ => Vec::new(),
    };
    let own = project.namespace_id.to_string();
    targets.retain(|target| target.value != own);
    Ok(GeneralPage {
        f: visit.project_frame(t.project_settings(), access, Tab::Settings),
        targets,
        part: Part::General,
        override_roles: OverrideRole::ALL
            .iter()
            .map(|one| Choice::new(one.as_str(), role_name(one), role))
            .collect(),
        visibilities: Visibility::ALL
            .iter()
            .map(|one| Choice::new(one.as_str(), t.visibility(*one), visibility))
            .collect(),
        may_delete: may_own,
        project,
    })
}

async fn change(visit: Arc<Visit>) -> PageResult {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::AdminProject).await?;
    let minutes: Option<i64> = visit.text("build_timeout").parse().ok();
    let changes = Changes {
        name: visit.filled("name"),
        description: Some(visit.filled("description")),
        visibility: visit.text("visibility").parse().ok(),
        default_branch: visit
            .filled("default_branch")
            .filter(|branch| access.project.default_branch.as_ref() != Some(branch)),
        config_path: Some(visit.filled("ci_config_path")),
        build_timeout_seconds: minutes.map(|minutes| minutes.saturating_mul(60)),
        auto_cancel_pending: Some(visit.is_ticked("auto_cancel")),
        public_jobs: Some(visit.is_ticked("public_jobs")),
        variables_override_role: visit
            .text("override_role")
            .parse()
            .ok()
            .filter(|role| *role != access.project.settings.variables_override_role),
        ..Changes::default()
    };
    match projects::update(&visit.app, &visit.caller, visit.project(), changes).await {
        Ok(shown) => Ok(visit.done(&format!("/{}/-/edit", shown.project.full_path), Done::Saved)),
        Err(error @ (Error::BadRequest(_) | Error::Invalid(_) | Error::Parameters(_) | Error::Status { .. })) => {
            refused(&visit, &access, told(visit.language(), &error)).await
        }
        Err(error) => Err(error),
    }
}

async fn refused(visit: &Visit, access: &ProjectAccess, problem: String) -> PageResult {
    let mut page = general_page(visit, access).await?;
    page.f.notices.push(Notice::Problem(problem));
    Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// Moves the project, when its path was typed.
async fn transfer(visit: Arc<Visit>) -> PageResult {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::OwnProject).await?;
    if visit.text("confirm") != access.project.full_path {
        return refused(&visit, &access, visit.language().path_differs().to_owned()).await;
    }
    let to = NamespaceId(visit.text("namespace").parse().unwrap_or(0));
    match projects::transfer(&visit.app, &visit.caller, visit.project(), to).await {
        Ok(shown) => Ok(visit.done(&format!("/{}", shown.project.full_path), Done::ProjectTransferred)),
        Err(error @ (Error::BadRequest(_) | Error::Invalid(_) | Error::Status { .. })) => {
            refused(&visit, &access, told(visit.language(), &error)).await
        }
        Err(error) => Err(error),
    }
}

async fn delete(visit: Arc<Visit>) -> PageResult {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::OwnProject).await?;
    if visit.text("confirm") != access.project.full_path {
        return refused(&visit, &access, visit.language().path_differs().to_owned()).await;
    }
    projects::delete(&visit.app, &visit.caller, visit.project()).await?;
    Ok(visit.done("/", Done::ProjectDeleted))
}
