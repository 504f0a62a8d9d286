//! The pages that people see in a browser, at GitLab's addresses.
//!
//! A project's path may have any number of parts, which no route can say; so an address is taken apart here
//! and written anew (`/a/b/-/jobs/9` as `/p/a%2Fb/jobs/9`) before the routes look at it. A page asks the same
//! use cases as the API and fills in a struct of `pages`; nothing is decided here.

mod account;
mod address;
mod admin;
mod artifacts;
mod environments;
mod failed;
mod growing_log;
mod hooks;
mod inbound;
mod job;
mod lint;
mod members;
mod pipeline;
mod pipelines;
mod profile;
mod projects;
mod protected;
mod run;
mod runners;
mod schedules;
mod settings;
mod token_access;
mod trigger_log;
mod triggers;
mod variables;
mod visit;
mod why;

use std::future::Future;
use std::sync::Arc;

use ::pages::assets;
use app::App;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use tower::ServiceExt as _;

use crate::compression;
use crate::routing::{Endpoint, MethodRouter, Router, get, post};
use visit::Visit;

/// What a page's handler gives.
type PageResult = app::Result<Response>;

/// Returns what answers every address of a page, and those of nothing.
pub(crate) fn service(app: App) -> axum::Router {
    let missing = || read(async |_| Err(app::Error::NotFoundPlain)).into_axum();
    let routes = routes()
        .into_axum()
        .method_not_allowed_fallback(read_any(async |_| Err(app::Error::NotFoundPlain)))
        .fallback_service(missing().with_state(app.clone()))
        .layer(compression::of_pages())
        .with_state(app);
    axum::Router::new().fallback(move |request| answer(routes.clone(), request))
}

/// The routes as they are after [`address::rewritten`].
pub(crate) fn routes() -> Router {
    Router::new()
        .merge(account::routes())
        .merge(admin::routes())
        .merge(profile::routes())
        .merge(projects::routes())
        .merge(pipelines::routes())
        .merge(pipeline::routes())
        .merge(why::routes())
        .merge(run::routes())
        .merge(runners::routes())
        .merge(job::routes())
        .merge(environments::routes())
        .merge(lint::routes())
        .merge(members::routes())
        .merge(protected::routes())
        .merge(schedules::routes())
        .merge(settings::routes())
        .merge(hooks::routes())
        .merge(inbound::routes())
        .merge(token_access::routes())
        .merge(trigger_log::routes())
        .merge(triggers::routes())
        .merge(artifacts::routes())
        .merge(variables::routes())
}

/// Returns every page and form at its address.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let at_address = |endpoint: Endpoint| Endpoint {
        path: address::shown(&endpoint.path),
        ..endpoint
    };
    routes().into_endpoints().into_iter().map(at_address).collect()
}

async fn answer(routes: axum::Router, mut request: Request) -> Response {
    if request.uri().path().starts_with(assets::ASSETS) {
        return asset(request.uri().path());
    }
    let original = axum::extract::OriginalUri(request.uri().clone());
    let query = request
        .uri()
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let rewritten = address::rewritten(request.uri().path()) + &query;
    *request.uri_mut() = Uri::try_from(rewritten).unwrap_or_else(|_| Uri::from_static("/none"));
    request.extensions_mut().insert(original);
    let Ok(response) = routes.oneshot(request).await;
    response
}

fn asset(path: &str) -> Response {
    let Some(asset) = assets::find(path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.text.as_str()).into_response()
}

/// A page to look at.
fn read<F, Fut>(handler: F) -> MethodRouter
where
    F: Fn(Arc<Visit>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = PageResult> + Send + 'static,
{
    get(read_any(handler))
}

/// Something that a form does. Forged ones have been refused by the time the handler is called.
fn act<F, Fut>(handler: F) -> MethodRouter
where
    F: Fn(Arc<Visit>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = PageResult> + Send + 'static,
{
    post(read_any(handler))
}

fn read_any<F, Fut>(
    handler: F,
) -> impl Fn(Visit) -> std::pin::Pin<Box<dyn Future<Output = Response> + Send>> + Clone + Send + Sync + 'static
where
    F: Fn(Arc<Visit>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = PageResult> + Send + 'static,
{
    move |visit: Visit| {
        let handler = handler.clone();
        Box::pin(async move {
            let visit = Arc::new(visit);
            let answered = handler(Arc::clone(&visit)).await;
            let response = answered.unwrap_or_else(|error| failed::answer(&visit, error));
            visit.dressed(response)
        })
    }
}

/// What a browser may load for a page: nothing but what this server serves as files.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Adds the headers of every page.
fn secured(response: &mut Response, is_https: bool) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-store"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.append(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
    if is_https {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}
