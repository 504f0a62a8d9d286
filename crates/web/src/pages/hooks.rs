//! Webhooks of a project: the hooks, trying them out, what they were told.

use std::sync::Arc;

use ::pages::views::{DeliveryPage, DeliveryRow, Health, HookFields, HookPage, HookRow, HooksPage, Part};
use ::pages::{Language, Notice, Tab};
use app::access::{Ability, ProjectAccess};
use app::hooks::log;
use app::hooks::manage::{self, Changes, Shown};
use app::{Error, Rows, projects};
use axum::http::StatusCode;
use axum::response::Response;
use model::{Hook, HookDelivery, HookDeliveryId, HookId, HookKind};
use serde_json::Value as Json;

use crate::pages::failed::told;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Most hooks of a project.
const MOST: i64 = 100;

/// Deliveries on a page.
const PER_PAGE: i64 = 30;

/// Furthest page of deliveries.
const MOST_PAGES: i64 = 1_000;

pub(super) fn routes() -> Router {
    let one = "/p/{project}/hooks/{id}";
    Router::new()
        .route("/p/{project}/hooks", read(list).merge(act(create)))
        .route(one, act(change))
        .route(&format!("{one}/edit"), read(show))
        .route(&format!("{one}/delete"), act(delete))
        .route(&format!("{one}/test"), act(test))
        .route(&format!("{one}/hook_logs/{{delivery}}"), read(delivery))
        .route(&format!("{one}/hook_logs/{{delivery}}/retry"), act(resend))
}

async fn list(visit: Arc<Visit>) -> PageResult {
    Ok(visit.page(&list_page(&visit).await?))
}

async fn admin(visit: &Visit) -> app::Result<ProjectAccess> {
    projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::AdminProject).await
}

async fn list_page(visit: &Visit) -> app::Result<HooksPage> {
    let access = admin(visit).await?;
    let rows = Rows { limit: MOST, offset: 0 };
    let (found, _) = manage::list(&visit.app, &visit.caller, visit.project(), rows).await?;
    let t = visit.language();
    let row = |shown: Shown| {
        let (health, state) = state(visit, &shown.hook);
        HookRow {
            id: shown.hook.id.0,
            url: shown.secrets.shown_url(),
            name: shown.hook.settings.name.clone(),
            events: HookKind::ALL
                .into_iter()
                .filter(|kind| shown.hook.kinds.has(*kind))
                .map(|kind| event(t, kind))
                .collect(),
            health,
            state,
        }
    };
    Ok(HooksPage {
        f: visit.project_frame(t.webhooks(), &access, Tab::Settings),
        path: access.project.full_path.clone(),
        part: Part::Webhooks,
        rows: found.into_iter().map(row).collect(),
        hook: tried(visit, HookKind::Push),
        id: None,
    })
}

fn event(t: Language, kind: HookKind) -> &'static str {
    match kind {
        HookKind::Push => t.push_events(),
        HookKind::TagPush => t.tag_push_events(),
        HookKind::Pipeline => t.pipeline_events(),
        HookKind::Job => t.job_events(),
        HookKind::Deployment => t.deployment_events(),
    }
}

fn state(visit: &Visit, hook: &Hook) -> (Health, &'static str) {
    let t = visit.language();
    match hook.alert_status(visit.app.clock.now()) {
        "executable" => (Health::Good, t.hook_executable()),
        "disabled" => (Health::Bad, t.hook_disabled()),
        _ => (Health::Waiting, t.hook_paused()),
    }
}

/// The form as it was sent; `usual` is on in a fresh one.
fn tried(visit: &Visit, usual: HookKind) -> HookFields {
    let t = visit.language();
    let on = |kind: HookKind| {
        if visit.is_get {
            kind == usual
        } else {
            visit.is_ticked(kind.flag())
        }
    };
    HookFields {
        url: visit.text("url").to_owned(),
        name: visit.text("name").to_owned(),
        events: HookKind::ALL
            .into_iter()
            .map(|kind| (kind.flag(), on(kind), event(t, kind)))
            .collect(),
        branch_filter: visit.text("push_events_branch_filter").to_owned(),
        verify_tls: visit.is_get || visit.is_ticked("enable_ssl_verification"),
        template: visit.text("template").to_owned(),
        ..HookFields::default()
    }
}

/// The form as it was sent or, when it was not, with what is stored.
fn fields(visit: &Visit, shown: &Shown) -> HookFields {
    let known = stored(visit, shown);
    if visit.is_get {
        return known;
    }
    HookFields {
        has_token: known.has_token,
        has_signing_token: known.has_signing_token,
        headers: known.headers,
        variables: known.variables,
        ..tried(visit, HookKind::Push)
    }
}

fn stored(visit: &Visit, shown: &Shown) -> HookFields {
    let (hook, secrets) = (&shown.hook, &shown.secrets);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect();
    HookFields {
        url: secrets.shown_url(),
        name: text(&hook.settings.name),
        events: HookKind::ALL
            .into_iter()
            .map(|kind| (kind.flag(), hook.kinds.has(kind), event(visit.language(), kind)))
            .collect(),
        branch_filter: text(&hook.settings.branch_filter),
        verify_tls: hook.settings.verify_tls,
        template: text(&hook.settings.template),
        has_token: secrets.token.is_some(),
        has_signing_token: secrets.signing_token.is_some(),
        headers: names(&secrets.custom_headers),
        variables: names(&secrets.url_variables),
    }
}

/// What the form asks for. An empty secret is left as it is, unless it is to be taken away.
fn changes(visit: &Visit, known: Option<&Shown>) -> app::Result<Changes> {
    let secret = |name: &str, forget: &str| match visit.filled(name) {
        Some(text) => Some(Some(text)),
        None => visit.is_ticked(forget).then_some(None),
    };
    let url = visit.text("url").trim().to_owned();
    // The form shows the address without user and password: unchanged, it keeps them.
    let is_same = known.is_some_and(|shown| shown.secrets.shown_url() == url);
    Ok(Changes {
        url: (!is_same).then_some(url),
        name: Some(visit.filled("name")),
        events: HookKind::ALL
            .into_iter()
            .map(|kind| (kind.flag(), visit.is_ticked(kind.flag())))
            .collect(),
        verify_tls: Some(visit.is_ticked("enable_ssl_verification")),
        token: secret("token", "forget_token"),
        signing_token: secret("signing_token", "forget_signing_token"),
        branch_filter: Some(visit.filled("push_events_branch_filter")),
        template: Some(visit.filled("template").map(|text| text.replace("\r\n", "\n"))),
        custom_headers: Some(pairs(visit, "headers", ':')?),
        url_variables: Some(pairs(visit, "url_variables", '=')?),
        ..Changes::default()
    })
}

fn pairs(visit: &Visit, name: &str, between: char) -> app::Result<Vec<(String, String)>> {
    let lines = visit.text(name).lines().enumerate();
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    filled
        .map(|(index, line)| match line.split_once(between) {
            Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
            None => Err(Error::Status {
                status: 422,
                message: visit.language().pair_line_bad(index + 1),
            }),
        })
        .collect()
}

/// Whether an error is about what was filled in.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Invalid(_) | Error::BadRequest(_) | Error::Status { .. } | Error::StatusError { .. }
    )
}

async fn create(visit: Arc<Visit>) -> PageResult {
    admin(&visit).await?;
    let made = match changes(&visit, None) {
        Ok(changes) => manage::create(&visit.app, &visit.caller, visit.project(), changes).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(shown) => Ok(visit.done(&href(&visit, shown.hook.id), Done::WebhookAdded)),
        Err(error) if is_refusal(&error) => {
            let mut page = list_page(&visit).await?;
            page.f.notices.push(Notice::Problem(told(visit.language(), &error)));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}

fn href(visit: &Visit, id: HookId) -> String {
    format!("/{}/-/hooks/{id}/edit", visit.text("project"))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    let shown = get(&visit).await?;
    Ok(visit.page(&page(&visit, &shown).await?))
}

async fn get(visit: &Visit) -> app::Result<Shown> {
    manage::get(&visit.app, &visit.caller, visit.project(), HookId(visit.id()?)).await
}

async fn page(visit: &Visit, shown: &Shown) -> app::Result<HookPage> {
    let t = visit.language();
    let access = admin(visit).await?;
    let id = shown.hook.id;
    let number = visit.text("page").parse().unwrap_or(1).clamp(1, MOST_PAGES);
    let rows = Rows {
        limit: PER_PAGE,
        offset: (number - 1) * PER_PAGE,
    };
    let (found, total) = log::list(&visit.app, &visit.caller, visit.project(), id, None, rows).await?;
    let path = access.project.full_path.clone();
    let link = |number: i64| format!("/{path}/-/hooks/{id}/edit?page={number}#deliveries");
    let (health, state) = state(visit, &shown.hook);
    let failures = shown.hook.failures;
    Ok(HookPage {
        f: visit.project_frame(t.edit_webhook(), &access, Tab::Settings),
        part: Part::Webhooks,
        id: Some(id.0),
        health: if failures > 0 && health == Health::Good {
            Health::Waiting
        } else {
            health
        },
        state: match (health, failures) {
            (Health::Good, 1..) => t.failed_in_a_row(failures),
            _ => state.to_owned(),
        },
        hook: fields(visit, shown),
        rows: found.iter().map(|one| row(visit, one)).collect(),
        previous: (number > 1).then(|| link(number - 1)),
        next: (number * PER_PAGE < total).then(|| link(number + 1)),
        path,
    })
}

fn row(visit: &Visit, delivery: &HookDelivery) -> DeliveryRow {
    let t = visit.language();
    let outcome = delivery.outcome.as_ref();
    let (health, status) = match outcome.map(|outcome| (outcome, outcome.status.parse::<u16>())) {
        None => (Health::Waiting, t.waiting_delivery().to_owned()),
        Some((_, Ok(code))) if (200..400).contains(&code) => (Health::Good, code.to_string()),
        Some((_, Ok(code))) => (Health::Bad, code.to_string()),
        Some((_, Err(_))) => (Health::Bad, t.no_answer().to_owned()),
    };
    DeliveryRow {
        id: delivery.id.0,
        at: delivery.created_at,
        event: HookKind::of_trigger(&delivery.trigger).map_or("–", |kind| event(t, kind)),
        health,
        status,
        seconds: outcome.map(|outcome| outcome.seconds),
    }
}

async fn change(visit: Arc<Visit>) -> PageResult {
    let known = get(&visit).await?;
    let id = known.hook.id;
    let changed = match changes(&visit, Some(&known)) {
        Ok(changes) => manage::update(&visit.app, &visit.caller, visit.project(), id, changes).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => Ok(visit.done(&href(&visit, id), Done::Saved)),
        Err(error) if is_refusal(&error) => problem(&visit, &known, &error).await,
        Err(error) => Err(error),
    }
}

async fn problem(visit: &Visit, shown: &Shown, error: &Error) -> app::Result<Response> {
    let mut page = page(visit, shown).await?;
    page.f.notices.push(Notice::Problem(told(visit.language(), error)));
    Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn delete(visit: Arc<Visit>) -> PageResult {
    manage::delete(&visit.app, &visit.caller, visit.project(), HookId(visit.id()?)).await?;
    Ok(visit.done(&format!("/{}/-/hooks", visit.text("project")), Done::WebhookDeleted))
}

async fn test(visit: Arc<Visit>) -> PageResult {
    let id = HookId(visit.id()?);
    match log::test(&visit.app, &visit.caller, visit.project(), id, visit.text("trigger")).await {
        Ok(()) => Ok(visit.done(&href(&visit, id), Done::WebhookTold)),
        Err(error) if is_refusal(&error) => {
            let shown = get(&visit).await?;
            let mut page = page(&visit, &shown).await?;
            // The form was not sent: it shows what is stored.
            page.hook = stored(&visit, &shown);
            page.f.notices.push(Notice::Problem(told(visit.language(), &error)));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error),
    }
}

async fn delivery(visit: Arc<Visit>) -> PageResult {
    let access = admin(&visit).await?;
    let hook = HookId(visit.id()?);
    let found = log::get(&visit.app, &visit.caller, visit.project(), hook, delivery_id(&visit)?).await?;
    let page = DeliveryPage {
        f: visit.project_frame(visit.language().delivery_number(found.id), &access, Tab::Settings),
        path: access.project.full_path.clone(),
        part: Part::Webhooks,
        hook: hook.0,
        row: row(&visit, &found),
        attempts: found.attempts.min(Hook::MAX_FAILURES),
        request: pretty(&found.request),
        url: found
            .outcome
            .as_ref()
            .map(|outcome| outcome.url.clone())
            .unwrap_or_default(),
        request_headers: found
            .outcome
            .as_ref()
            .map(|one| one.request_headers.clone())
            .unwrap_or_default(),
        response_headers: found
            .outcome
            .as_ref()
            .map(|one| one.response_headers.clone())
            .unwrap_or_default(),
        response: found
            .outcome
            .map(|outcome| pretty(&outcome.response_body))
            .unwrap_or_default(),
    };
    Ok(visit.page(&page))
}

/// JSON with a line for each field; other texts as they are.
fn pretty(text: &str) -> String {
    let read: Option<Json> = serde_json::from_str(text).ok();
    read.and_then(|json| serde_json::to_string_pretty(&json).ok())
        .unwrap_or_else(|| text.to_owned())
}

fn delivery_id(visit: &Visit) -> app::Result<HookDeliveryId> {
    let id = visit.text("delivery").parse().map_err(|_| Error::NotFoundPlain)?;
    Ok(HookDeliveryId(id))
}

async fn resend(visit: Arc<Visit>) -> PageResult {
    let (hook, id) = (HookId(visit.id()?), delivery_id(&visit)?);
    log::resend(&visit.app, &visit.caller, visit.project(), hook, id).await?;
    Ok(visit.done(&href(&visit, hook), Done::WebhookResent))
}
