//! Inbound hooks: the hooks, what arrived at them, and the address at which deliveries arrive.

use app::inbound::manage::{self, Changes};
use app::inbound::receive::{self, Delivery, Received};
use app::inbound::{log, verify::Headers};
use app::{App, ProjectKey, Result};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::{InboundHookId, TriggerTokenId};
use serde_json::{Value as JsonValue, json};
use wire::inbound::InboundHook;

use super::idempotency;
use crate::call::Call;
use crate::client_address;
use crate::page::{self, Page};
use crate::params::{self, Reader};
use crate::present;
use crate::respond::{ApiError, ApiResult, Created, NoContent};
use crate::routing::{Router, get, post};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/inbound_hooks", get(list).post(create))
        .route(
            "/projects/{id}/inbound_hooks/{hook_id}",
            get(show).put(update).delete(remove),
        )
        .route("/projects/{id}/inbound_hooks/{hook_id}/deliveries", get(deliveries))
        .route("/projects/{id}/inbound_hooks/{hook_id}/deliver", post(deliver))
}

async fn list(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let page = call.page()?;
    let (found, total) = manage::list(&app, &call.caller, call.project()?, page.of_store()?).await?;
    let url = &app.settings.external_url;
    let listed = page
        .counted(found, total)
        .map(|shown| present::inbound::hook(url, shown));
    Ok(page::answer(url, &call.params, page, listed))
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<InboundHook>> {
    call.user()?;
    let shown = manage::get(&app, &call.caller, call.project()?, id(&call)?).await?;
    Ok(Json(present::inbound::hook(&app.settings.external_url, shown)))
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<InboundHook>> {
    call.user()?;
    let mut reader = call.reader();
    let name = reader.filled_text("name");
    if !reader.given("provider") {
        reader.problem("provider", "is missing");
    }
    let changes = Changes {
        name: Some(name),
        ..changes(&mut reader, &call)
    };
    reader.finish()?;
    let made = manage::create(&app, &call.caller, call.project()?, changes).await?;
    Ok(Created(present::inbound::hook(&app.settings.external_url, made)))
}

async fn update(State(app): State<App>, call: Call) -> ApiResult<Json<InboundHook>> {
    call.user()?;
    let mut reader = call.reader();
    let changes = Changes {
        name: reader.text("name"),
        ..changes(&mut reader, &call)
    };
    reader.finish()?;
    let changed = manage::update(&app, &call.caller, call.project()?, id(&call)?, changes).await?;
    Ok(Json(present::inbound::hook(&app.settings.external_url, changed)))
}

async fn remove(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    manage::delete(&app, &call.caller, call.project()?, id(&call)?).await?;
    Ok(NoContent)
}

async fn deliveries(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let outcome = reader.choice("outcome");
    reader.finish()?;
    let rows = page.of_store()?;
    let (found, total) = log::list(&app, &call.caller, call.project()?, id(&call)?, outcome, rows).await?;
    let listed = page.counted(found, total).map(present::inbound::delivery);
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

fn id(call: &Call) -> Result<InboundHookId> {
    call.id("hook_id").map(InboundHookId)
}

fn changes(reader: &mut Reader<'_>, call: &Call) -> Changes {
    reader.mutually_exclusive(&["ref", "ref_path"]);
    let declared = |name: &str| -> Option<JsonValue> { call.params.get(name).map(params::Value::to_json) };
    Changes {
        name: None,
        provider: reader.choice("provider"),
        enabled: reader.boolean("enabled"),
        git_ref: reader.clearable_text("ref"),
        ref_path: reader.clearable_text("ref_path"),
        filters: declared("filters"),
        inputs: declared("inputs"),
        variables: declared("variables"),
        pass_payload: reader.boolean("pass_payload"),
        secret: reader.text("secret"),
        rotate: reader.boolean("rotate_secret").unwrap_or(false),
        overlap_seconds: reader.int("secret_overlap"),
        new_address: reader.boolean("new_address").unwrap_or(false),
        trigger: reader.int("trigger_id").map(TriggerTokenId),
    }
}

/// A delivery: address, headers and the body as it came, because signatures cover its bytes.
struct Raw(Delivery);

impl FromRequest<App> for Raw {
    type Rejection = ApiError;

    async fn from_request(request: Request<Body>, app: &App) -> Result<Raw, ApiError> {
        let (mut parts, body) = request.into_parts();
        let mut delivery = Delivery {
            project: None,
            key: String::new(),
            query_token: None,
            headers: headers(&parts.headers),
            body: Bytes::new(),
            address: client_address::address(&parts.extensions, &parts.headers, &app.settings.trusted_proxies),
        };
        let query = params::query(&parts)?;
        delivery.query_token = query.get("token").and_then(params::Value::as_text).map(str::to_owned);
        let path = RawPathParams::from_request_parts(&mut parts, app).await;
        // What cannot be decoded names nothing.
        for (name, text) in path.iter().flatten() {
            match name {
                "id" => delivery.project = ProjectKey::parse(text),
                _ => text.clone_into(&mut delivery.key),
            }
        }
        delivery.body = params::read_body(body, &parts.headers, params::BODY_LIMIT).await?;
        Ok(Raw(delivery))
    }
}

fn headers(headers: &HeaderMap) -> Headers {
    let pair = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    headers.iter().filter_map(pair).collect()
}

async fn deliver(State(app): State<App>, Raw(delivery): Raw) -> ApiResult<Response> {
    Ok(match receive::receive(&app, delivery).await? {
        Received::Created(created) => idempotency::created(&app, &created),
        Received::Filtered(reason) => {
            (StatusCode::OK, Json(json!({"status": "filtered", "reason": reason}))).into_response()
        }
    })
}
