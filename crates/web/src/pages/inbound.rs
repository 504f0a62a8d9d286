//! Inbound webhooks of a project: the hooks, how to set up their senders, what arrived.

use std::sync::Arc;

use ::pages::views::{Choice, Health, InboundFields, InboundHookPage, InboundHooksPage, InboundRow, Part, ReceivedRow};
use ::pages::{Language, Notice, Tab};
use app::access::{Ability, ProjectAccess};
use app::inbound::manage::{self, Changes, Shown};
use app::inbound::{declare, log};
use app::{Error, Rows, projects};
use axum::http::StatusCode;
use axum::response::Response;
use model::inbound::RefRule;
use model::{InboundDelivery, InboundHookId, InboundOutcome, Provider};
use serde_json::Value as Json;

use crate::pages::failed::told;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::present;
use crate::routing::Router;

/// Most hooks of a project.
const MOST: i64 = 100;

/// Deliveries on a page.
const PER_PAGE: i64 = 30;

/// Furthest page of deliveries.
const MOST_PAGES: i64 = 1_000;

pub(super) fn routes() -> Router {
    let one = "/p/{project}/inbound_hooks/{id}";
    Router::new()
        .route("/p/{project}/inbound_hooks", read(list).merge(act(create)))
        .route(one, act(change))
        .route(&format!("{one}/edit"), read(show))
        .route(&format!("{one}/delete"), act(delete))
}

async fn list(visit: Arc<Visit>) -> PageResult {
    Ok(visit.page(&list_page(&visit).await?))
}

async fn maintained(visit: &Visit) -> app::Result<ProjectAccess> {
    projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::ManageTriggers).await
}

async fn list_page(visit: &Visit) -> app::Result<InboundHooksPage> {
    let access = maintained(visit).await?;
    let rows = Rows { limit: MOST, offset: 0 };
    let (found, _) = manage::list(&visit.app, &visit.caller, visit.project(), rows).await?;
    let row = |shown: Shown| InboundRow {
        id: shown.hook.id.0,
        provider: name(shown.hook.settings.provider),
        owner: shown.owner.name,
        enabled: shown.hook.settings.enabled,
        name: shown.hook.settings.name,
    };
    Ok(InboundHooksPage {
        f: visit.project_frame(visit.language().inbound_hooks(), &access, Tab::Settings),
        path: access.project.full_path.clone(),
        part: Part::Inbound,
        rows: found.into_iter().map(row).collect(),
        hook: tried(visit),
        id: None,
    })
}

/// What a sender is called.
const fn name(provider: Provider) -> &'static str {
    match provider {
        Provider::Github => "GitHub",
        Provider::Gitea => "Gitea",
        Provider::Forgejo => "Forgejo",
        Provider::Bitbucket => "Bitbucket",
        Provider::Gitlab => "GitLab",
        Provider::Standard => "Standard Webhooks",
        Provider::Generic => "JSON (Alertmanager, …)",
    }
}

fn steps(t: Language, provider: Provider) -> &'static str {
    match provider {
        Provider::Github => t.inbound_steps_github(),
        Provider::Gitea | Provider::Forgejo => t.inbound_steps_gitea(),
        Provider::Bitbucket => t.inbound_steps_bitbucket(),
        Provider::Gitlab => t.inbound_steps_gitlab(),
        Provider::Standard => t.inbound_steps_standard(),
        Provider::Generic => t.inbound_steps_generic(),
    }
}

fn providers(chosen: &str) -> Vec<Choice> {
    let one = |provider: Provider| Choice::new(provider.as_str(), name(provider), chosen);
    Provider::ALL.into_iter().map(one).collect()
}

/// The form as it was sent, or a fresh one.
fn tried(visit: &Visit) -> InboundFields {
    let text = |name: &str| visit.text(name).to_owned();
    InboundFields {
        name: text("name"),
        providers: providers(visit.text("provider")),
        git_ref: text("ref"),
        ref_path: text("ref_path"),
        filters: text("filters"),
        inputs: text("inputs"),
        variables: text("variables"),
        pass_payload: visit.is_get || visit.is_ticked("pass_payload"),
        enabled: visit.is_get || visit.is_ticked("enabled"),
    }
}

fn stored(shown: &Shown) -> InboundFields {
    let settings = &shown.hook.settings;
    let (git_ref, ref_path) = match &settings.git_ref {
        RefRule::Default => (String::new(), String::new()),
        RefRule::Fixed(name) => (name.clone(), String::new()),
        RefRule::From(place) => (String::new(), declare::place_text(place)),
    };
    let lines = |lines: Vec<String>| lines.join("\n");
    InboundFields {
        name: settings.name.clone(),
        providers: providers(settings.provider.as_str()),
        git_ref,
        ref_path,
        filters: lines(settings.filters.iter().map(declare::condition_line).collect()),
        inputs: lines(settings.inputs.iter().map(declare::mapping_line).collect()),
        variables: lines(settings.variables.iter().map(declare::mapping_line).collect()),
        pass_payload: settings.pass_payload,
        enabled: settings.enabled,
    }
}

/// What the form asks for.
fn changes(visit: &Visit) -> Changes {
    let lines = |name: &str| -> Option<Json> {
        let lines = visit.text(name).lines().map(str::trim);
        Some(lines.filter(|line| !line.is_empty()).map(Json::from).collect())
    };
    Changes {
        name: Some(visit.text("name").to_owned()),
        provider: visit.text("provider").parse().ok(),
        enabled: Some(visit.is_ticked("enabled")),
        git_ref: Some(visit.filled("ref")),
        ref_path: Some(visit.filled("ref_path")),
        filters: lines("filters"),
        inputs: lines("inputs"),
        variables: lines("variables"),
        pass_payload: Some(visit.is_ticked("pass_payload")),
        secret: visit.filled("secret"),
        rotate: visit.is_ticked("rotate_secret"),
        new_address: visit.is_ticked("new_address"),
        ..Changes::default()
    }
}

/// Whether an error is about what was filled in.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Invalid(_) | Error::BadRequest(_) | Error::Status { .. })
}

async fn create(visit: Arc<Visit>) -> PageResult {
    maintained(&visit).await?;
    match manage::create(&visit.app, &visit.caller, visit.project(), changes(&visit)).await {
        Ok(shown) if shown.made_secret.is_some() => made(&visit, StatusCode::CREATED, shown).await,
        Ok(shown) => Ok(visit.done(&href(&visit, shown.hook.id), Done::InboundHookAdded)),
        Err(error) if is_refusal(&error) => {
            let mut page = list_page(&visit).await?;
            page.f.notices.push(Notice::Problem(told(visit.language(), &error)));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}

/// The page of a hook whose secret is shown this once.
async fn made(visit: &Visit, status: StatusCode, shown: Shown) -> app::Result<Response> {
    let mut page = page(visit, &shown, stored(&shown)).await?;
    page.new_secret = shown.made_secret;
    Ok(visit.page_with(status, &page))
}

fn href(visit: &Visit, id: InboundHookId) -> String {
    format!("/{}/-/inbound_hooks/{id}/edit", visit.text("project"))
}

async fn get(visit: &Visit) -> app::Result<Shown> {
    let id = InboundHookId(visit.id()?);
    manage::get(&visit.app, &visit.caller, visit.project(), id).await
}

async fn show(visit: Arc<Visit>) -> PageResult {
    let shown = get(&visit).await?;
    Ok(visit.page(&page(&visit, &shown, stored(&shown)).await?))
}

async fn page(visit: &Visit, shown: &Shown, hook: InboundFields) -> app::Result<InboundHookPage> {
    let t = visit.language();
    let access = maintained(visit).await?;
    let id = shown.hook.id;
    let number = visit.text("page").parse().unwrap_or(1).clamp(1, MOST_PAGES);
    let rows = Rows {
        limit: PER_PAGE,
        offset: (number - 1) * PER_PAGE,
    };
    let (found, total) = log::list(&visit.app, &visit.caller, visit.project(), id, None, rows).await?;
    let path = access.project.full_path.clone();
    let link = |number: i64| format!("/{path}/-/inbound_hooks/{id}/edit?page={number}#deliveries");
    Ok(InboundHookPage {
        f: visit.project_frame(t.edit_inbound_hook(), &access, Tab::Settings),
        part: Part::Inbound,
        id: Some(id.0),
        hook,
        may_change: visit.caller.user().is_some_and(|user| user.id == shown.owner.id),
        new_secret: None,
        previous_until: shown.previous_until,
        url: present::inbound::address(&visit.app.settings.external_url, shown),
        steps: steps(t, shown.hook.settings.provider),
        rows: found.into_iter().map(|one| row(t, one)).collect(),
        previous: (number > 1).then(|| link(number - 1)),
        next: (number * PER_PAGE < total).then(|| link(number + 1)),
        path,
    })
}

fn row(t: Language, delivery: InboundDelivery) -> ReceivedRow {
    let (health, outcome) = match delivery.outcome {
        InboundOutcome::Triggered => (Health::Good, t.outcome_triggered()),
        InboundOutcome::Replayed => (Health::Good, t.outcome_replayed()),
        InboundOutcome::Filtered => (Health::Waiting, t.outcome_filtered()),
        InboundOutcome::Refused => (Health::Bad, t.outcome_refused()),
        InboundOutcome::Unauthorized => (Health::Bad, t.outcome_unauthorized()),
    };
    ReceivedRow {
        at: delivery.created_at,
        health,
        outcome,
        event: delivery.event.unwrap_or_else(|| "–".to_owned()),
        reason: delivery.reason,
        pipeline: delivery.pipeline_id.map(|id| id.0),
    }
}

async fn change(visit: Arc<Visit>) -> PageResult {
    let known = get(&visit).await?;
    let id = known.hook.id;
    match manage::update(&visit.app, &visit.caller, visit.project(), id, changes(&visit)).await {
        Ok(shown) if shown.made_secret.is_some() => made(&visit, StatusCode::OK, shown).await,
        Ok(_) => Ok(visit.done(&href(&visit, id), Done::Saved)),
        Err(error) if is_refusal(&error) => {
            let mut page = page(&visit, &known, tried(&visit)).await?;
            page.f.notices.push(Notice::Problem(told(visit.language(), &error)));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}

async fn delete(visit: Arc<Visit>) -> PageResult {
    let id = InboundHookId(visit.id()?);
    manage::delete(&visit.app, &visit.caller, visit.project(), id).await?;
    Ok(visit.done(
        &format!("/{}/-/inbound_hooks", visit.text("project")),
        Done::InboundHookDeleted,
    ))
}
