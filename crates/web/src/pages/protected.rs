//! Protected branches and tags of a project.

use std::sync::Arc;

use ::pages::views::{Part, ProtectedPage};
use ::pages::{Notice, Tab};
use app::access::Ability;
use app::protected_refs::{self, Kind, Levels};
use app::{Error, projects};
use axum::http::StatusCode;
use model::AccessLevel;

use crate::pages::failed::told;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Who may be let through; none is nobody.
const LEVELS: &[AccessLevel] = &[AccessLevel::Maintainer, AccessLevel::Developer, AccessLevel::None];

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/settings/repository", read(show))
        .route("/p/{project}/protected", act(add))
        .route("/p/{project}/protected/remove", act(remove))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    Ok(visit.page(&page(&visit).await?))
}

async fn page(visit: &Visit) -> app::Result<ProtectedPage> {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::AdminProject).await?;
    let list = async |kind| {
        let found = protected_refs::list(&visit.app, &visit.caller, visit.project(), kind).await?;
        Ok::<_, Error>(found.into_iter().map(|(_, rule)| rule).collect())
    };
    Ok(ProtectedPage {
        f: visit.project_frame(visit.language().repository_settings(), &access, Tab::Settings),
        path: access.project.full_path.clone(),
        part: Part::Repository,
        branches: list(Kind::Branches).await?,
        tags: list(Kind::Tags).await?,
        levels: LEVELS.to_vec(),
    })
}

fn kind(visit: &Visit) -> Kind {
    match visit.text("kind") {
        "tag" => Kind::Tags,
        _ => Kind::Branches,
    }
}

fn level(visit: &Visit, name: &str) -> Option<AccessLevel> {
    let level = visit.text(name).parse().ok().and_then(AccessLevel::from_number)?;
    (level > AccessLevel::None).then_some(level)
}

async fn add(visit: Arc<Visit>) -> PageResult {
    let levels = Levels {
        push: level(&visit, "push"),
        merge: level(&visit, "merge"),
    };
    let pattern = visit.text("name").trim().to_owned();
    match protected_refs::create(
        &visit.app,
        &visit.caller,
        visit.project(),
        kind(&visit),
        pattern,
        levels,
    )
    .await
    {
        Ok(_) => Ok(visit.done(&here(&visit), Done::RefProtected)),
        Err(error @ (Error::Status { .. } | Error::Invalid(_) | Error::BadRequest(_) | Error::Parameters(_))) => {
            let mut page = page(&visit).await?;
            page.f.notices.push(Notice::Problem(told(visit.language(), &error)));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}

async fn remove(visit: Arc<Visit>) -> PageResult {
    let pattern = visit.text("name").to_owned();
    protected_refs::delete(&visit.app, &visit.caller, visit.project(), kind(&visit), pattern).await?;
    Ok(visit.done(&here(&visit), Done::RefUnprotected))
}

fn here(visit: &Visit) -> String {
    format!("/{}/-/settings/repository", visit.text("project"))
}
