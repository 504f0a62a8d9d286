//! Which projects' job tokens a project accepts.

use std::sync::Arc;

use ::pages::views::{AllowedRow, Part, TokenAccessPage};
use ::pages::{Notice, Tab};
use app::access::Ability;
use app::groups::{self, GroupKey};
use app::{Error, ProjectKey, Rows, job_token_scope, projects};
use axum::http::StatusCode;
use model::{NamespaceId, ProjectId};

use crate::pages::failed::told;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Most projects on the list, and most groups.
const MOST: i64 = 200;

pub(super) fn routes() -> Router {
    let here = "/p/{project}/settings/ci_cd/token_access";
    Router::new()
        .route(here, read(show).merge(act(set)))
        .route(&format!("{here}/add"), act(add))
        .route(&format!("{here}/remove"), act(remove))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    Ok(visit.page(&page(&visit).await?))
}

async fn page(visit: &Visit) -> app::Result<TokenAccessPage> {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::AdminProject).await?;
    let (caller, rows) = (|| visit.caller.clone(), || Rows { limit: MOST, offset: 0 });
    let project = job_token_scope::get(&visit.app, caller(), visit.project()).await?;
    let (projects, _) = job_token_scope::projects(&visit.app, caller(), visit.project(), rows()).await?;
    let (groups, _) = job_token_scope::groups(&visit.app, caller(), visit.project(), rows()).await?;
    let project_row = |shown: projects::Shown| AllowedRow {
        id: shown.project.id.0,
        is_own: shown.project.id == project.id,
        path: shown.project.full_path,
        is_group: false,
    };
    let group_row = |group: model::Namespace| AllowedRow {
        id: group.id.0,
        path: group.full_path,
        is_group: true,
        is_own: false,
    };
    let listed = projects.into_iter().map(project_row);
    Ok(TokenAccessPage {
        f: visit.project_frame(visit.language().token_access(), &access, Tab::Settings),
        path: access.project.full_path.clone(),
        part: Part::TokenAccess,
        enabled: project.settings.job_token_inbound,
        rows: listed.chain(groups.into_iter().map(group_row)).collect(),
        tried: visit.text("target").to_owned(),
    })
}

fn here(visit: &Visit) -> String {
    format!("/{}/-/settings/ci_cd/token_access", visit.text("project"))
}

async fn set(visit: Arc<Visit>) -> PageResult {
    let enabled = visit.is_ticked("enabled");
    job_token_scope::set(&visit.app, visit.caller.clone(), visit.project(), enabled).await?;
    Ok(visit.done(&here(&visit), Done::Saved))
}

/// A path is that of a project, or else of a group.
async fn add(visit: Arc<Visit>) -> PageResult {
    let mut page = page(&visit).await?;
    match add_path(&visit).await {
        Ok(()) => Ok(visit.done(&here(&visit), Done::TokenAccessAdded)),
        Err(error @ (Error::BadRequest(_) | Error::Invalid(_) | Error::Status { .. } | Error::NotFound(_))) => {
            let text = match &error {
                Error::NotFound(_) => visit.language().token_access_unknown().to_owned(),
                other => told(visit.language(), other),
            };
            page.f.notices.push(Notice::Problem(text));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}

async fn add_path(visit: &Visit) -> app::Result<()> {
    let path = visit.text("target").trim().trim_matches('/').to_owned();
    let (app, caller) = (&visit.app, &visit.caller);
    let found = projects::find_for(app, caller, ProjectKey::Path(path.clone()), Ability::ReadProject).await;
    match found {
        Ok(target) => job_token_scope::add_project(app, caller.clone(), visit.project(), target.project.id)
            .await
            .map(drop),
        Err(Error::NotFound(_) | Error::Forbidden(_)) => {
            let group = groups::namespace(app, caller, GroupKey::Path(path)).await?;
            job_token_scope::add_group(app, caller.clone(), visit.project(), group.namespace.id)
                .await
                .map(drop)
        }
        Err(error) => Err(error),
    }
}

async fn remove(visit: Arc<Visit>) -> PageResult {
    let id: i64 = visit.text("target").parse().map_err(|_| Error::NotFoundPlain)?;
    let (app, caller) = (&visit.app, visit.caller.clone());
    if visit.text("kind") == "group" {
        job_token_scope::remove_group(app, caller, visit.project(), NamespaceId(id)).await?;
    } else {
        job_token_scope::remove_project(app, caller, visit.project(), ProjectId(id)).await?;
    }
    Ok(visit.done(&here(&visit), Done::TokenAccessRemoved))
}
