//! Whether the server lives and can work, and figures for Prometheus.

use std::fmt::Write as _;
use std::net::SocketAddr;

use app::{App, Error};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;
use tracing::warn;

use crate::call::Call;
use crate::envelope;
use crate::respond::ApiResult;
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/-/health", get(|| async { "OK" }))
        .route("/-/liveness", get(liveness))
        .route("/-/readiness", get(readiness))
        .route("/-/metrics", get(metrics))
}

/// The process answers; nothing else is looked at.
async fn liveness() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// The database answers as well.
async fn readiness(State(app): State<App>) -> Response {
    match app::health::check(&app).await {
        Ok(()) => Json(json!({"status": "ok", "master_check": [{"status": "ok"}]})).into_response(),
        Err(error) => {
            warn!(?error, "not ready: the database does not answer");
            let body = json!({"status": "failed", "master_check": [{"status": "failed"}]});
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

/// Figures for Prometheus: for callers on this machine, and for administrators.
async fn metrics(
    State(app): State<App>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    call: Call,
) -> ApiResult<Response> {
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer);
    if !is_local(peer, &headers) && !call.caller.is_admin() {
        return Err(Error::NotFoundPlain.into());
    }
    let figures = app::health::figures(&app).await?;
    let mut text = envelope::metrics();
    text.push_str("# HELP tripline_jobs Unfinished jobs by status.\n# TYPE tripline_jobs gauge\n");
    for (status, count) in figures.jobs {
        writeln!(text, "tripline_jobs{{status=\"{status}\"}} {count}").expect("writing to a text does not fail");
    }
    text.push_str("# HELP tripline_viewers Open streams of pipelines and logs.\n# TYPE tripline_viewers gauge\n");
    writeln!(text, "tripline_viewers {}", app.live.viewers()).expect("writing to a text does not fail");
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

/// Whether the call comes from this machine, and not through a proxy on it.
fn is_local(peer: Option<SocketAddr>, headers: &HeaderMap) -> bool {
    let through_proxy = ["forwarded", "x-forwarded-for", "x-real-ip", "via"]
        .iter()
        .any(|name| headers.contains_key(*name));
    peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) && !through_proxy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_direct_calls_from_this_machine_are_local() {
        let proxied: HeaderMap = [(header::FORWARDED, "for=1.2.3.4".parse().unwrap())]
            .into_iter()
            .collect();
        for (peer, headers, expected) in [
            ("127.0.0.1:1", HeaderMap::new(), true),
            ("[::1]:1", HeaderMap::new(), true),
            ("[::ffff:127.0.0.1]:1", HeaderMap::new(), true),
            ("10.0.0.1:1", HeaderMap::new(), false),
            ("127.0.0.1:1", proxied, false),
        ] {
            assert_eq!(is_local(Some(peer.parse().unwrap()), &headers), expected, "{peer}");
        }
        assert!(!is_local(None, &HeaderMap::new()));
    }
}
