//! Project webhooks: the hooks, the log of what they were told, trying them out (rest-api.md 13).

use app::hooks::log::{self, Status};
use app::hooks::manage::{self, Changes, OTHER_EVENTS, Pairs};
use app::{App, Error, Result};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::{HookDeliveryId, HookId, HookKind};
use serde_json::{Value, json};
use wire::hook::{Hook, Resent};

use crate::call::Call;
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present::hook;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get, post, put};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/hooks", get(list).post(create))
        .route("/projects/{id}/hooks/{hook_id}", get(show).put(update).delete(remove))
        .route("/projects/{id}/hooks/{hook_id}/test/{trigger}", post(test))
        .route("/projects/{id}/hooks/{hook_id}/events", get(events))
        .route(
            "/projects/{id}/hooks/{hook_id}/events/{hook_event_id}/resend",
            post(resend),
        )
        .route(
            "/projects/{id}/hooks/{hook_id}/custom_headers/{key}",
            put(set_header).delete(remove_header),
        )
        .route(
            "/projects/{id}/hooks/{hook_id}/url_variables/{key}",
            put(set_variable).delete(remove_variable),
        )
}

async fn list(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let page = call.page()?;
    let (found, total) = manage::list(&app, &call.caller, call.project()?, page.of_store()?).await?;
    let now = app.clock.now();
    let listed = page.counted(found, total).map(|shown| hook::hook(&shown, now));
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<Hook>> {
    call.user()?;
    let shown = manage::get(&app, &call.caller, call.project()?, id(&call)?).await?;
    Ok(Json(hook::hook(&shown, app.clock.now())))
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<Hook>> {
    call.user()?;
    let mut reader = call.reader();
    let url = reader.required_text("url");
    let changes = Changes {
        url: Some(url),
        ..changes(&mut reader)
    };
    reader.finish()?;
    let made = manage::create(&app, &call.caller, call.project()?, changes).await?;
    Ok(Created(hook::hook(&made, app.clock.now())))
}

async fn update(State(app): State<App>, call: Call) -> ApiResult<Json<Hook>> {
    call.user()?;
    let mut reader = call.reader();
    let changes = changes(&mut reader);
    reader.finish()?;
    if call.params.is_bare(&["id", "hook_id"]) {
        return Err(Error::StatusError {
            status: 400,
            error: "No parameters provided".to_owned(),
        }
        .into());
    }
    let changed = manage::update(&app, &call.caller, call.project()?, id(&call)?, changes).await?;
    Ok(Json(hook::hook(&changed, app.clock.now())))
}

async fn remove(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    manage::delete(&app, &call.caller, call.project()?, id(&call)?).await?;
    Ok(NoContent)
}

async fn test(State(app): State<App>, call: Call) -> ApiResult<Created<Value>> {
    call.user()?;
    let trigger = call.segment("trigger");
    log::test(&app, &call.caller, call.project()?, id(&call)?, &trigger).await?;
    Ok(Created(json!({ "message": "201 Created" })))
}

async fn events(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let status = status(&mut reader);
    reader.finish()?;
    let found = log::list(
        &app,
        &call.caller,
        call.project()?,
        id(&call)?,
        status,
        page.of_store()?,
    );
    let (found, total) = found.await?;
    let listed = page.counted(found, total).map(hook::event);
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

async fn resend(State(app): State<App>, call: Call) -> ApiResult<Created<Resent>> {
    call.user()?;
    let event = HookDeliveryId(call.id("hook_event_id")?);
    let response_status = log::resend(&app, &call.caller, call.project()?, id(&call)?, event).await?;
    Ok(Created(Resent { response_status }))
}

async fn set_header(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    set_pair(&app, &call, Pairs::Headers).await
}

async fn remove_header(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    remove_pair(&app, &call, Pairs::Headers).await
}

async fn set_variable(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    set_pair(&app, &call, Pairs::Variables).await
}

async fn remove_variable(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    remove_pair(&app, &call, Pairs::Variables).await
}

async fn set_pair(app: &App, call: &Call, pairs: Pairs) -> ApiResult<NoContent> {
    call.user()?;
    let mut reader = call.reader();
    let value = reader.required_text("value");
    reader.finish()?;
    let pair = (call.segment("key"), Some(value));
    manage::set_pair(app, &call.caller, call.project()?, id(call)?, pairs, pair).await?;
    Ok(NoContent)
}

async fn remove_pair(app: &App, call: &Call, pairs: Pairs) -> ApiResult<NoContent> {
    call.user()?;
    let pair = (call.segment("key"), None);
    manage::set_pair(app, &call.caller, call.project()?, id(call)?, pairs, pair).await?;
    Ok(NoContent)
}

fn id(call: &Call) -> Result<HookId> {
    call.id("hook_id").map(HookId)
}

fn changes(reader: &mut Reader<'_>) -> Changes {
    let names = HookKind::ALL.into_iter().map(HookKind::flag);
    let names = names.chain(OTHER_EVENTS.iter().copied());
    let events = names.filter_map(|name| Some((name, reader.boolean(name)?))).collect();
    Changes {
        url: reader.text("url"),
        name: reader.clearable_text("name"),
        description: reader.clearable_text("description"),
        events,
        verify_tls: reader.boolean("enable_ssl_verification"),
        token: reader.clearable_text("token"),
        signing_token: reader.clearable_text("signing_token"),
        branch_filter: reader.clearable_text("push_events_branch_filter"),
        branch_filter_strategy: reader.choice("branch_filter_strategy"),
        template: reader.clearable_text("custom_webhook_template"),
        custom_headers: pairs(reader, "custom_headers"),
        url_variables: pairs(reader, "url_variables"),
    }
}

fn pairs(reader: &mut Reader<'_>, name: &str) -> Option<Vec<(String, String)>> {
    let hashes = reader.hashes(name)?;
    let read = |named| {
        reader.inside(&named, |inner| {
            (inner.required_text("key"), inner.required_text("value"))
        })
    };
    Some(hashes.into_iter().map(read).collect())
}

/// A code, or a word for several.
fn status(reader: &mut Reader<'_>) -> Option<Status> {
    let text = reader.text("status")?;
    let status = match text.as_str() {
        "successful" => Some(Status::Successful),
        "client_failure" => Some(Status::ClientFailure),
        "server_failure" => Some(Status::ServerFailure),
        code => code
            .parse()
            .ok()
            .filter(|code| (100..600).contains(code))
            .map(Status::Code),
    };
    reader.check("status", status.is_some());
    status
}
