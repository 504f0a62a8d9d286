//! Who belongs to a project or a group.

use std::sync::Arc;

use ::pages::views::{MemberRow, MembersPage};
use ::pages::{Frame, GroupTab, Notice, Tab};
use app::access::Ability;
use app::groups::{self, GroupKey};
use app::members::{self, Of};
use app::{Error, Rows, projects, users};
use axum::http::StatusCode;
use model::{AccessLevel, Timestamp, UserId};

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
    let (project, group) = ("/p/{project}/project_members", "/g/{group}/group_members");
    [project, group].into_iter().fold(Router::new(), |router, path| {
        router
            .route(path, read(show).merge(act(add)))
            .route(&format!("{path}/{{id}}"), act(change))
            .route(&format!("{path}/{{id}}/remove"), act(remove))
    })
}

/// The project or group that the address names.
fn of(visit: &Visit) -> Of {
    match visit.filled("group") {
        Some(group) => Of::Group(GroupKey::Path(group)),
        None => Of::Project(visit.project()),
    }
}

/// What the reader may do there, and what is around the page.
struct Around {
    frame: Frame,
    may_admin: bool,
    may_own: bool,
}

async fn around(visit: &Visit) -> app::Result<Around> {
    let title = visit.language().members();
    match of(visit) {
        Of::Group(key) => {
            if visit.caller.user().is_none() {
                return Err(Error::Unauthorized);
            }
            let (group, role) = groups::with_role(&visit.app, &visit.caller, key).await?;
            Ok(Around {
                frame: visit.group_frame(title, &group.namespace, GroupTab::Members),
                may_admin: role >= AccessLevel::Owner,
                may_own: role >= AccessLevel::Owner,
            })
        }
        Of::Project(key) => {
            let access = projects::find_for(&visit.app, &visit.caller, key, Ability::ReadMembers).await?;
            Ok(Around {
                frame: visit.project_frame(title, &access, Tab::Members),
                may_admin: access.allows(&visit.caller, Ability::AdminProject),
                may_own: access.allows(&visit.caller, Ability::OwnProject),
            })
        }
    }
}

async fn show(visit: Arc<Visit>) -> PageResult {
    Ok(visit.page(&page(&visit).await?))
}

async fn page(visit: &Visit) -> app::Result<MembersPage> {
    let Around {
        frame,
        may_admin,
        may_own,
    } = around(visit).await?;
    let own = members::list(&visit.app, &visit.caller, of(visit), false).await?;
    let all = members::list(&visit.app, &visit.caller, of(visit), true).await?;
    let row = |shown: members::Shown| MemberRow {
        is_inherited: !own.iter().any(|one| one.user.id == shown.user.id),
        id: shown.user.id.0,
        username: shown.user.username,
        name: shown.user.name,
        level: shown.member.level,
        since: shown.member.created_at,
        expires_at: shown.member.expires_at,
        expires_day: shown.member.expires_at.map(day).unwrap_or_default(),
    };
    Ok(MembersPage {
        f: frame,
        here: here(visit),
        may_admin,
        levels: LEVELS
            .iter()
            .copied()
            .filter(|level| *level < AccessLevel::Owner || may_own)
            .collect(),
        rows: all.into_iter().map(row).collect(),
        username: visit.text("username").to_owned(),
        expires_at: if visit.is_get {
            String::new()
        } else {
            visit.text("expires_at").to_owned()
        },
    })
}

/// The day of a moment as a field for days has it.
fn day(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    at.strftime("%Y-%m-%d").to_string()
}

fn level(visit: &Visit) -> app::Result<AccessLevel> {
    let number = visit.text("access_level").parse().unwrap_or(0);
    AccessLevel::from_number(number).ok_or_else(|| Error::parameter("access_level does not have a valid value"))
}

/// The end of a membership: the beginning of a day, as everywhere.
fn end(visit: &Visit) -> app::Result<Option<Timestamp>> {
    let Some(text) = visit.filled("expires_at") else {
        return Ok(None);
    };
    let day: jiff::civil::Date = text.parse().map_err(|_| Error::parameter("expires_at is invalid"))?;
    Ok(Some(crate::params::start_of_day(day)))
}

fn here(visit: &Visit) -> String {
    match visit.filled("group") {
        Some(group) => format!("/groups/{group}/-/group_members"),
        None => format!("/{}/-/project_members", visit.text("project")),
    }
}

async fn add(visit: Arc<Visit>) -> PageResult {
    // Only who may add members is told which users there are.
    let around = around(&visit).await?;
    if !around.may_admin {
        return Err(Error::forbidden());
    }
    let wanted = users::Wanted {
        username: Some(visit.filled("username").unwrap_or_default()),
        search: None,
    };
    let rows = Rows { limit: 1, offset: 0 };
    let (found, _) = users::list(&visit.app, &visit.caller, wanted, rows).await?;
    let problem = match (found.into_iter().next(), end(&visit)) {
        (None, _) => visit.language().no_such_user().to_owned(),
        (_, Err(error)) => told(visit.language(), &error),
        (Some(user), Ok(end)) => {
            match members::add(
                &visit.app,
                &visit.caller,
                of(&visit),
                vec![user.id],
                level(&visit)?,
                end,
            )
            .await
            {
                Ok(_) => return Ok(visit.done(&here(&visit), Done::Saved)),
                Err(error @ (Error::Status { .. } | Error::Invalid(_) | Error::BadRequest(_))) => {
                    told(visit.language(), &error)
                }
                Err(error) => return Err(error),
            }
        }
    };
    let mut page = page(&visit).await?;
    page.f.notices.push(Notice::Problem(problem));
    Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn change(visit: Arc<Visit>) -> PageResult {
    let (id, of) = (UserId(visit.id()?), of(&visit));
    // A form without the field leaves the end as it is.
    let expires_at = match visit.params.text("expires_at") {
        Some(_) => Some(end(&visit)?),
        None => None,
    };
    members::update(&visit.app, &visit.caller, of, id, level(&visit)?, expires_at).await?;
    Ok(visit.done(&here(&visit), Done::MemberChanged))
}

async fn remove(visit: Arc<Visit>) -> PageResult {
    let id = UserId(visit.id()?);
    members::remove(&visit.app, &visit.caller, of(&visit), id).await?;
    let is_oneself = visit.caller.user().is_some_and(|user| user.id == id);
    let to = if is_oneself { "/".to_owned() } else { here(&visit) };
    Ok(visit.done(&to, Done::MemberRemoved))
}
