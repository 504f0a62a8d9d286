//! CI/CD variables of a project.

use std::sync::Arc;

use ::pages::views::{Part, VariableRow, VariablesPage};
use ::pages::{Notice, Tab};
use app::access::Ability;
use app::members::Of;
use app::variable_settings::{self, Wanted, Which};
use app::{Error, Rows, projects};
use axum::http::StatusCode;
use model::VariableKind;

use crate::pages::failed::told;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Most variables on the page.
const MOST: i64 = 1_000;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/settings/ci_cd/variables", read(show).merge(act(add)))
        .route("/p/{project}/settings/ci_cd/variables/remove", act(remove))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    Ok(visit.private_page(&page(&visit).await?))
}

async fn page(visit: &Visit) -> app::Result<VariablesPage> {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::AdminProject).await?;
    let rows = Rows { limit: MOST, offset: 0 };
    let of = Of::Project(visit.project());
    let (found, _) = variable_settings::list(&visit.app, &visit.caller, of, rows).await?;
    let revealed = visit.is_get && visit.is_ticked("reveal");
    let row = |shown: variable_settings::Shown| VariableRow {
        key: shown.set.key,
        // What is not asked for stays out of the page.
        value: shown.value.map(|value| if revealed { value } else { String::new() }),
        description: shown.set.description.unwrap_or_default(),
        is_file: shown.set.kind == VariableKind::File,
        protected: shown.set.protected,
        masked: shown.set.masked,
        raw: shown.set.raw,
        scope: shown.set.environment_scope,
    };
    Ok(VariablesPage {
        f: visit.project_frame(visit.language().variables(), &access, Tab::Settings),
        path: access.project.full_path.clone(),
        part: Part::Variables,
        rows: found.into_iter().map(row).collect(),
        revealed,
        key: String::new(),
    })
}

async fn add(visit: Arc<Visit>) -> PageResult {
    let key = visit.text("key").trim().to_owned();
    let wanted = Wanted {
        value: Some(visit.text("value").replace("\r\n", "\n")),
        kind: visit.text("variable_type").parse().ok(),
        protected: Some(visit.is_ticked("protected")),
        masked: Some(visit.is_ticked("masked")),
        masked_and_hidden: Some(visit.is_ticked("masked_and_hidden")),
        raw: Some(!visit.is_ticked("expand")),
        environment_scope: visit.filled("environment_scope"),
        description: Some(visit.filled("description")),
    };
    let of = Of::Project(visit.project());
    match variable_settings::create(&visit.app, &visit.caller, of, key.clone(), wanted).await {
        Ok(_) => Ok(visit.done(&here(&visit), Done::VariableAdded)),
        Err(error @ (Error::BadRequest(_) | Error::Invalid(_) | Error::Parameters(_) | Error::Status { .. })) => {
            let mut page = page(&visit).await?;
            page.key = key;
            page.f.notices.push(Notice::Problem(told(visit.language(), &error)));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}

async fn remove(visit: Arc<Visit>) -> PageResult {
    let which = Which {
        key: visit.text("key").to_owned(),
        environment_scope: visit.filled("environment_scope"),
    };
    variable_settings::delete(&visit.app, &visit.caller, Of::Project(visit.project()), which).await?;
    Ok(visit.done(&here(&visit), Done::VariableRemoved))
}

fn here(visit: &Visit) -> String {
    format!("/{}/-/settings/ci_cd/variables", visit.text("project"))
}
