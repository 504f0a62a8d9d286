//! Who belongs to a project.

use std::sync::Arc;

use ::pages::views::{MemberRow, MembersPage};
use ::pages::{Notice, Tab};
use app::access::Ability;
use app::members::{self, Of};
use app::{Error, ProjectKey, Rows, projects, users};
use axum::http::StatusCode;
use model::{AccessLevel, UserId};

use crate::pages::failed::told;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Roles that are worth a choice.
const LEVELS: &[AccessLevel] = &[
    AccessLevel::Guest,
    AccessLevel::Reporter,
    AccessLevel::Developer,
    AccessLevel::Maintainer,
    AccessLevel::Owner,
];

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/project_members", read(show).merge(act(add)))
        .route("/p/{project}/project_members/{id}", act(change))
        .route("/p/{project}/project_members/{id}/remove", act(remove))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    Ok(visit.page(&page(&visit).await?))
}

async fn page(visit: &Visit) -> app::Result<MembersPage> {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::ReadMembers).await?;
    let key = || ProjectKey::Id(access.project.id);
    let own = members::list(&visit.app, &visit.caller, Of::Project(key()), false).await?;
    let all = members::list(&visit.app, &visit.caller, Of::Project(key()), true).await?;
    let row = |shown: members::Shown| MemberRow {
        is_inherited: !own.iter().any(|one| one.user.id == shown.user.id),
        id: shown.user.id.0,
        username: shown.user.username,
        name: shown.user.name,
        level: shown.member.level,
        since: shown.member.created_at,
        expires_at: shown.member.expires_at,
    };
    let may_own = access.allows(&visit.caller, Ability::OwnProject);
    Ok(MembersPage {
        f: visit.project_frame(visit.language().members(), &access, Tab::Members),
        path: access.project.full_path.clone(),
        may_admin: access.allows(&visit.caller, Ability::AdminProject),
        levels: LEVELS
            .iter()
            .copied()
            .filter(|level| *level < AccessLevel::Owner || may_own)
            .collect(),
        rows: all.into_iter().map(row).collect(),
        username: visit.text("username").to_owned(),
    })
}

fn level(visit: &Visit) -> app::Result<AccessLevel> {
    let number = visit.text("access_level").parse().unwrap_or(0);
    AccessLevel::from_number(number).ok_or_else(|| Error::parameter("access_level does not have a valid value"))
}

fn here(visit: &Visit) -> String {
    format!("/{}/-/project_members", visit.text("project"))
}

async fn add(visit: Arc<Visit>) -> PageResult {
    let wanted = users::Wanted {
        username: Some(visit.filled("username").unwrap_or_default()),
        search: None,
    };
    let rows = Rows { limit: 1, offset: 0 };
    // Only who may add members is told which users there are.
    projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::AdminProject).await?;
    let mut page = page(&visit).await?;
    let (found, _) = users::list(&visit.app, &visit.caller, wanted, rows).await?;
    let problem = match found.into_iter().next() {
        None => visit.language().no_such_user().to_owned(),
        Some(user) => {
            let of = Of::Project(visit.project());
            match members::add(&visit.app, &visit.caller, of, vec![user.id], level(&visit)?, None).await {
                Ok(_) => return Ok(visit.done(&here(&visit), Done::Saved)),
                Err(error @ (Error::Status { .. } | Error::Invalid(_) | Error::BadRequest(_))) => told(&error),
                Err(error) => return Err(error),
            }
        }
    };
    page.f.notices.push(Notice::Problem(problem));
    Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn change(visit: Arc<Visit>) -> PageResult {
    let (id, of) = (UserId(visit.id()?), Of::Project(visit.project()));
    let known = members::get(&visit.app, &visit.caller, of.clone(), id, false).await?;
    let expires_at = known.member.expires_at;
    members::update(&visit.app, &visit.caller, of, id, level(&visit)?, Some(expires_at)).await?;
    Ok(visit.done(&here(&visit), Done::MemberChanged))
}

async fn remove(visit: Arc<Visit>) -> PageResult {
    let id = UserId(visit.id()?);
    members::remove(&visit.app, &visit.caller, Of::Project(visit.project()), id).await?;
    let is_oneself = visit.caller.user().is_some_and(|user| user.id == id);
    let to = if is_oneself { "/".to_owned() } else { here(&visit) };
    Ok(visit.done(&to, Done::MemberRemoved))
}
