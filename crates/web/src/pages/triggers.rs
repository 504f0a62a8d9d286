//! Trigger tokens of a project: made, limited, replaced, revoked.

use std::sync::Arc;
use std::time::Duration;

use ::pages::html::url_path;
use ::pages::views::{Part, Problems, TokenLimits, TriggerPage, TriggerRow, TriggersPage};
use ::pages::{Notice, Tab};
use app::access::{Ability, ProjectAccess};
use app::triggers::{self, Changes, Limiting, NewTrigger, Rotating, Shown};
use app::{Error, Rows, projects};
use axum::http::StatusCode;
use model::TriggerTokenId;
use serde_json::Value as Json;

use crate::pages::failed::{by_field, told};
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Most tokens on the page.
const MOST_TOKENS: i64 = 500;

/// For how long a token must not have been used to be called unused.
const UNUSED_AFTER: Duration = Duration::from_secs(90 * 24 * 3600);

/// For how long the old text of a token that is replaced here is good: whoever has it must be given the new one.
const GRACE: Duration = Duration::from_secs(24 * 3600);

pub(super) fn routes() -> Router {
    Router::new()
        .route("/p/{project}/settings/ci_cd", read(list))
        .route("/p/{project}/triggers", act(create))
        .route("/p/{project}/triggers/{id}", act(change))
        .route("/p/{project}/triggers/{id}/edit", read(edit))
        .route("/p/{project}/triggers/{id}/revoke", act(revoke))
        .route("/p/{project}/triggers/{id}/rotate", act(rotate))
}

async fn list(visit: Arc<Visit>) -> PageResult {
    Ok(visit.private_page(&page(&visit).await?))
}

async fn managed(visit: &Visit) -> app::Result<ProjectAccess> {
    projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::ManageTriggers).await
}

async fn page(visit: &Visit) -> app::Result<TriggersPage> {
    let access = managed(visit).await?;
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
        expires_at: String::new(),
        limits: TokenLimits::default(),
        problems: Problems::default(),
        project_id: access.project.id.0,
        trigger_url: format!("{api}/trigger/pipeline"),
        webhook_url: format!("{api}/ref/{}/trigger/pipeline", url_path(&branch).replace('/', "%2F")),
        branch,
    })
}

fn row(visit: &Visit, shown: Shown) -> TriggerRow {
    let now = visit.app.clock.now();
    let token = &shown.token;
    let used = token.last_used_at.unwrap_or(token.created_at);
    let is_expired = token.expires_at.is_some_and(|at| at <= now);
    let previous = token.previous.as_ref().filter(|previous| previous.until > now);
    TriggerRow {
        limits: limits(&shown),
        is_own: visit.caller.user().is_some_and(|user| user.id == token.owner_id),
        ends_soon: shown.ends_soon,
        is_unused: !is_expired && used + UNUSED_AFTER <= now,
        replaced: previous.map(|previous| (previous.short.clone(), previous.until)),
        id: token.id.0,
        is_whole: shown.is_whole,
        text: shown.text,
        description: token.description.clone().unwrap_or_default(),
        owner: shown.owner.name,
        created_at: token.created_at,
        last_used_at: token.last_used_at,
        expires_at: token.expires_at,
        is_expired,
    }
}

/// The limits of a token as they are typed.
fn limits(shown: &Shown) -> TokenLimits {
    let limits = &shown.token.limits;
    let listed = |list: &Option<Vec<String>>| list.as_deref().unwrap_or_default().join(" ");
    // A list without entries allows nothing, which is not the same as no limit.
    let is_none = |list: &Option<Vec<String>>| list.as_ref().is_some_and(Vec::is_empty);
    let line = |name: &str, value: &str| format!("{name}={value}\n");
    let variables = shown.fixed.variables.iter().map(|(key, value)| line(key, value));
    let inputs = shown.fixed.inputs.iter().map(|(name, value)| match value {
        Json::String(text) => line(name, text),
        other => line(name, &other.to_string()),
    });
    TokenLimits {
        refs: listed(&limits.refs),
        variables: listed(&limits.variables),
        no_variables: is_none(&limits.variables),
        inputs: listed(&limits.inputs),
        no_inputs: is_none(&limits.inputs),
        networks: listed(&limits.networks),
        uses: limits.uses_per_minute.map(|uses| uses.to_string()).unwrap_or_default(),
        fixed_variables: variables.collect(),
        fixed_inputs: inputs.collect(),
    }
}

/// The limits as they were sent.
fn tried(visit: &Visit) -> TokenLimits {
    let text = |name: &str| visit.text(name).to_owned();
    TokenLimits {
        refs: text("allowed_refs"),
        variables: text("allowed_variables"),
        no_variables: visit.is_ticked("no_variables"),
        inputs: text("allowed_inputs"),
        no_inputs: visit.is_ticked("no_inputs"),
        networks: text("allowed_networks"),
        uses: text("uses_per_minute"),
        fixed_variables: text("fixed_variables"),
        fixed_inputs: text("fixed_inputs"),
    }
}

/// Reads the limits that a form gives; what is empty is no limit.
fn limiting(visit: &Visit) -> Result<Limiting, Problems> {
    let t = visit.language();
    let mut problems = Problems::default();
    let list = |name: &str| {
        let text = visit.filled(name)?;
        let entries = text.split([' ', ',', '\n', '\t']).filter(|entry| !entry.is_empty());
        Some(entries.map(str::to_owned).collect::<Vec<_>>())
    };
    let names = |name: &str, none: &str| {
        if visit.is_ticked(none) {
            Some(Vec::new())
        } else {
            list(name)
        }
    };
    let mut lines = |name: &str| {
        let mut pairs = Vec::new();
        let filled = visit.text(name).lines().enumerate();
        for (index, line) in filled.filter(|(_, line)| !line.trim().is_empty()) {
            match line.split_once('=') {
                Some((key, value)) => pairs.push((key.trim().to_owned(), value.trim_end_matches('\r').to_owned())),
                None => problems.add(name, t.not_a_line(index + 1)),
            }
        }
        pairs
    };
    let (variables, inputs) = (lines("fixed_variables"), lines("fixed_inputs"));
    let uses = visit.filled("uses_per_minute").map(|text| text.parse::<i64>());
    let uses = uses.transpose().unwrap_or_else(|_| {
        problems.add("max_uses_per_minute", t.no_number());
        None
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Limiting {
        refs: Some(list("allowed_refs")),
        variables: Some(names("allowed_variables", "no_variables")),
        inputs: Some(names("allowed_inputs", "no_inputs")),
        networks: Some(list("allowed_networks")),
        uses_per_minute: Some(uses),
        fixed_variables: Some(variables),
        fixed_inputs: Some(inputs.into_iter().map(|(name, text)| (name, value(text))).collect()),
    })
}

/// A fixed input: an array is JSON, everything else is read as the input's type says.
fn value(text: String) -> Json {
    let array = text
        .trim_start()
        .starts_with('[')
        .then(|| serde_json::from_str(&text).ok());
    array.flatten().unwrap_or(Json::String(text))
}

async fn create(visit: Arc<Visit>) -> PageResult {
    let expires_at = visit.filled("expires_at").map(|text| text.parse::<jiff::civil::Date>());
    let made = match (limiting(&visit), expires_at.transpose()) {
        (Err(problems), _) => Err(problems),
        (Ok(_), Err(_)) => Err(Problems::of_one("expires_at", visit.language().no_date())),
        (Ok(limiting), Ok(day)) => {
            let new = NewTrigger {
                description: visit.text("description").trim().to_owned(),
                expires_at: day.map(crate::params::start_of_day),
                show_once: visit.is_ticked("show_once"),
                limiting,
            };
            let made = triggers::create(&visit.app, visit.caller.clone(), visit.project(), new).await;
            match made {
                Err(error @ (Error::BadRequest(_) | Error::Invalid(_) | Error::Status { .. })) => {
                    Err(by_field(visit.language(), &error))
                }
                made => Ok(made?),
            }
        }
    };
    let mut page = page(&visit).await?;
    match made {
        Ok(shown) => {
            page.new_token = Some(shown.text);
            Ok(visit.page_with(StatusCode::CREATED, &page))
        }
        Err(problems) => {
            page.description = visit.text("description").to_owned();
            page.expires_at = visit.text("expires_at").to_owned();
            page.limits = tried(&visit);
            page.f.notices.push(Notice::Problem(problems.summary(visit.language())));
            page.problems = problems;
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn edit(visit: Arc<Visit>) -> PageResult {
    Ok(visit.private_page(&edit_page(&visit).await?))
}

/// The form of a token. Only its owner may change it, so only they are shown it.
async fn edit_page(visit: &Visit) -> app::Result<TriggerPage> {
    let access = managed(visit).await?;
    let id = TriggerTokenId(visit.id()?);
    let shown = triggers::get(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    if visit.caller.user().is_none_or(|user| user.id != shown.token.owner_id) {
        return Err(Error::forbidden());
    }
    let row = row(visit, shown.clone());
    Ok(TriggerPage {
        f: visit.project_frame(visit.language().edit_token(), &access, Tab::Settings),
        path: access.project.full_path.clone(),
        part: Part::Triggers,
        description: row.description.clone(),
        limits: limits(&shown),
        problems: Problems::default(),
        row,
    })
}

async fn change(visit: Arc<Visit>) -> PageResult {
    let id = TriggerTokenId(visit.id()?);
    let changed = match limiting(&visit) {
        Err(problems) => Err(problems),
        Ok(limiting) => {
            let changes = Changes {
                description: Some(visit.filled("description")),
                show_once: None,
                limiting,
            };
            match triggers::update(&visit.app, visit.caller.clone(), visit.project(), id, changes).await {
                Err(error @ (Error::BadRequest(_) | Error::Invalid(_) | Error::Status { .. })) => {
                    Err(by_field(visit.language(), &error))
                }
                changed => Ok(changed?),
            }
        }
    };
    match changed {
        Ok(_) => {
            let to = format!("/{}/-/settings/ci_cd", visit.text("project"));
            Ok(visit.done(&to, Done::TokenChanged))
        }
        Err(problems) => {
            let mut page = edit_page(&visit).await?;
            page.description = visit.text("description").to_owned();
            page.limits = tried(&visit);
            page.f.notices.push(Notice::Problem(problems.summary(visit.language())));
            page.problems = problems;
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn rotate(visit: Arc<Visit>) -> PageResult {
    let id = TriggerTokenId(visit.id()?);
    let how = Rotating {
        grace: GRACE,
        expires_at: None,
    };
    let made = triggers::rotate(&visit.app, visit.caller.clone(), visit.project(), id, how).await;
    let mut page = page(&visit).await?;
    match made {
        Ok(shown) => {
            page.new_token = Some(shown.text);
            Ok(visit.page_with(StatusCode::CREATED, &page))
        }
        Err(error @ (Error::BadRequest(_) | Error::Invalid(_) | Error::Status { .. })) => {
            page.f.notices.push(Notice::Problem(told(visit.language(), &error)));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}

async fn revoke(visit: Arc<Visit>) -> PageResult {
    let id = TriggerTokenId(visit.id()?);
    triggers::delete(&visit.app, visit.caller.clone(), visit.project(), id, None).await?;
    let to = format!("/{}/-/settings/ci_cd", visit.text("project"));
    Ok(visit.done(&to, Done::TokenRevoked))
}
