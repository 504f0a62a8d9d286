//! Settings of a project: trigger tokens, runners, general.

use std::sync::Arc;
use std::time::Duration;

use ::pages::html::url_path;
use ::pages::views::{Choice, GeneralPage, Part, TokenLimits, TriggerRow, TriggersPage};
use ::pages::{Notice, Tab};
use app::access::{Ability, ProjectAccess};
use app::projects::{self, Changes};
use app::triggers::{self, Limiting, NewTrigger, Rotating, Shown};
use app::{Error, Rows};
use axum::http::StatusCode;
use axum::response::Response;
use model::{OverrideRole, TriggerTokenId, Visibility};

use crate::pages::failed::told;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Most tokens on the page.
const MOST_TOKENS: i64 = 500;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/settings/ci_cd", read(show))
        .route("/p/{project}/triggers", act(create))
        .route("/p/{project}/triggers/{id}/revoke", act(revoke))
        .route("/p/{project}/triggers/{id}/rotate", act(rotate))
        .route("/p/{project}/edit", read(general).merge(act(change)))
        .route("/p/{project}/delete", act(delete))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    Ok(visit.private_page(&page(&visit).await?))
}

async fn page(visit: &Visit) -> app::Result<TriggersPage> {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::ManageTriggers).await?;
    let rows = Rows {
        limit: MOST_TOKENS,
        offset: 0,
    };
    let (found, _) = triggers::list(&visit.app, visit.caller.clone(), visit.project(), rows).await?;
    let branch = access
        .project
        .default_branch
        .clone()
        .unwrap_or_else(|| "main".to_owned());
    let api = format!(
        "{}/api/v4/projects/{}",
        visit.app.settings.external_url.base(),
        access.project.id
    );
    Ok(TriggersPage {
        f: visit.project_frame(visit.language().ci_cd_settings(), &access, Tab::Settings),
        path: access.project.full_path.clone(),
        part: Part::Triggers,
        rows: found.into_iter().map(|shown| row(visit, shown)).collect(),
        new_token: None,
        description: String::new(),
        limits: TokenLimits::default(),
        trigger_url: format!("{api}/trigger/pipeline"),
        webhook_url: format!("{api}/ref/{}/trigger/pipeline", url_path(&branch).replace('/', "%2F")),
        branch,
    })
}

fn row(visit: &Visit, shown: Shown) -> TriggerRow {
    let now = visit.app.clock.now();
    let limits = &shown.token.limits;
    // A list without entries allows nothing, which is not the same as no limit.
    let listed = |list: &Option<Vec<String>>| match list.as_deref() {
        None => String::new(),
        Some([]) => "–".to_owned(),
        Some(entries) => entries.join(" "),
    };
    TriggerRow {
        limits: TokenLimits {
            refs: listed(&limits.refs),
            variables: listed(&limits.variables),
            inputs: listed(&limits.inputs),
            networks: listed(&limits.networks),
            uses: limits.uses_per_minute.map(|uses| uses.to_string()).unwrap_or_default(),
        },
        is_own: visit.caller.user().is_some_and(|user| user.id == shown.token.owner_id),
        ends_soon: shown.ends_soon,
        id: shown.token.id.0,
        is_whole: shown.is_whole,
        text: shown.text,
        description: shown.token.description.unwrap_or_default(),
        owner: shown.owner.name,
        created_at: shown.token.created_at,
        last_used_at: shown.token.last_used_at,
        expires_at: shown.token.expires_at,
        is_expired: shown.token.expires_at.is_some_and(|at| at <= now),
    }
}

async fn create(visit: Arc<Visit>) -> PageResult {
    let made = match limiting(&visit) {
        Ok(limiting) => {
            let new = NewTrigger {
                description: visit.text("description").trim().to_owned(),
                expires_at: expiry(&visit)?,
                show_once: visit.is_ticked("show_once"),
                limiting,
            };
            triggers::create(&visit.app, visit.caller.clone(), visit.project(), new).await
        }
        Err(error) => Err(error),
    };
    told_of(&visit, made).await
}

/// Reads the limits that a form gives; what is empty is no limit.
fn limiting(visit: &Visit) -> app::Result<Limiting> {
    let list = |name: &str| {
        let text = visit.filled(name)?;
        let entries = text.split([' ', ',', '\n', '\t']).filter(|entry| !entry.is_empty());
        Some(Some(entries.map(str::to_owned).collect()))
    };
    let uses = visit.filled("uses_per_minute").map(|text| text.parse());
    Ok(Limiting {
        refs: list("allowed_refs"),
        variables: list("allowed_variables"),
        inputs: list("allowed_inputs"),
        networks: list("allowed_networks"),
        uses_per_minute: uses
            .transpose()
            .map_err(|_| Error::BadRequest("uses_per_minute is not a number".to_owned()))?
            .map(Some),
        ..Limiting::default()
    })
}

/// Replaces a token; the old one is good for a day, so that whoever holds it can be given the new one.
async fn rotate(visit: Arc<Visit>) -> PageResult {
    let id = TriggerTokenId(visit.id()?);
    let how = Rotating {
        grace: Duration::from_secs(24 * 3600),
        expires_at: None,
    };
    let made = triggers::rotate(&visit.app, visit.caller.clone(), visit.project(), id, how).await;
    told_of(&visit, made).await
}

/// The page with a token that was made, shown this once, or with what was wrong.
async fn told_of(visit: &Visit, made: app::Result<Shown>) -> PageResult {
    let mut page = page(visit).await?;
    match made {
        Ok(shown) => {
            page.new_token = Some(shown.text);
            Ok(visit.page_with(StatusCode::CREATED, &page))
        }
        Err(error @ (Error::BadRequest(_) | Error::Invalid(_) | Error::Status { .. })) => {
            page.description = visit.text("description").to_owned();
            page.limits = TokenLimits {
                refs: visit.text("allowed_refs").to_owned(),
                variables: visit.text("allowed_variables").to_owned(),
                inputs: visit.text("allowed_inputs").to_owned(),
                networks: visit.text("allowed_networks").to_owned(),
                uses: visit.text("uses_per_minute").to_owned(),
            };
            page.f.notices.push(Notice::Problem(told(&error)));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}

/// Reads the day a form gives as an end.
pub(super) fn expiry(visit: &Visit) -> app::Result<Option<model::Timestamp>> {
    let Some(text) = visit.filled("expires_at") else {
        return Ok(None);
    };
    let day: jiff::civil::Date = text.parse().map_err(|_| Error::parameter("expires_at is invalid"))?;
    Ok(Some(crate::params::start_of_day(day)))
}

async fn revoke(visit: Arc<Visit>) -> PageResult {
    let id = TriggerTokenId(visit.id()?);
    triggers::delete(&visit.app, visit.caller.clone(), visit.project(), id, None).await?;
    let to = format!("/{}/-/settings/ci_cd", visit.text("project"));
    Ok(visit.done(&to, Done::TokenRevoked))
}

async fn general(visit: Arc<Visit>) -> PageResult {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::AdminProject).await?;
    Ok(visit.page(&general_page(&visit, &access)))
}

fn general_page(visit: &Visit, access: &ProjectAccess) -> GeneralPage {
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
    GeneralPage {
        f: visit.project_frame(t.project_settings(), access, Tab::Settings),
        part: Part::General,
        override_roles: OverrideRole::ALL
            .iter()
            .map(|one| Choice::new(one.as_str(), role_name(one), role))
            .collect(),
        visibilities: Visibility::ALL
            .iter()
            .map(|one| Choice::new(one.as_str(), t.visibility(*one), visibility))
            .collect(),
        may_delete: access.allows(&visit.caller, Ability::OwnProject),
        project,
    }
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
            Ok(refused(&visit, &access, told(&error)))
        }
        Err(error) => Err(error),
    }
}

fn refused(visit: &Visit, access: &ProjectAccess, problem: String) -> Response {
    let mut page = general_page(visit, access);
    page.f.notices.push(Notice::Problem(problem));
    visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

async fn delete(visit: Arc<Visit>) -> PageResult {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::OwnProject).await?;
    if visit.text("confirm") != access.project.full_path {
        return Ok(refused(&visit, &access, visit.language().path_differs().to_owned()));
    }
    projects::delete(&visit.app, &visit.caller, visit.project()).await?;
    Ok(visit.done("/", Done::ProjectDeleted))
}
