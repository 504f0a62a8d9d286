//! What holds for all routes: answers to addresses that do not exist, and the envelope.

use std::sync::Arc;

use app::App;
use axum::Router;
use axum::extract::{OriginalUri, Request};
use axum::http::{StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt as _;

use crate::routing::Endpoint;
use crate::{api, compression, cors, envelope, git, health, moved, pages, respond, routing};

/// Returns everything this crate serves.
pub fn router(app: App) -> Router {
    let routes = direct()
        .into_axum()
        .layer(from_fn_with_state(app.clone(), moved::send_on));
    // What the API does not know is an address of a page, or of nothing.
    let pages = pages::service(app.clone());
    let other = move |request: Request| other(pages.clone(), request);
    let routes = routes.method_not_allowed_fallback(other.clone()).fallback(other);
    let root = app.settings.external_url.path().to_owned();
    // A layer sees only the answers that are there already: git comes after those for unknown addresses.
    let routes = wrap(git::add(routes, app.clone())).with_state(app);
    if root.is_empty() { routes } else { below(root, routes) }
}

/// Serves below a path: what comes in loses it. Addresses without it are answered as well, for the embedded runner
/// and for proxies that take it away.
fn below(root: String, routes: Router) -> Router {
    let root: Arc<str> = root.into();
    Router::new().fallback(move |mut request: Request| {
        let (root, routes) = (Arc::clone(&root), routes.clone());
        async move {
            if let Some(uri) = without(&root, request.uri()) {
                request.extensions_mut().insert(OriginalUri(uri.clone()));
                *request.uri_mut() = uri;
            }
            let Ok(response) = routes.oneshot(request).await;
            response
        }
    })
}

fn without(root: &str, uri: &Uri) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(root)?;
    match rest.as_bytes().first() {
        Some(b'/') => rest.parse().ok(),
        None | Some(b'?') => format!("/{rest}").parse().ok(),
        Some(_) => None,
    }
}

/// Everything whose address a route can say as it is.
fn direct() -> routing::Router {
    routing::Router::new()
        .merge(health::routes())
        .nest("/api/v4", api::routes().layer(compression::of_lists()))
}

/// Returns everything this crate serves, sorted: the table of permissions has a row for each.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    let mut all = direct().into_endpoints();
    all.extend(pages::endpoints());
    all.extend(git::endpoints());
    all.sort();
    all
}

/// Adds the answers for unknown addresses and methods, and wraps every call in the envelope.
pub fn finish<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    wrap(with_answers_for_unknown(routes))
}

fn with_answers_for_unknown<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.method_not_allowed_fallback(unknown).fallback(unknown)
}

fn wrap<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.layer(from_fn(cors::allow)).layer(from_fn(envelope::wrap))
}

/// An address that no route of the API has.
async fn other(pages: Router, request: Request) -> Response {
    if is_api(request.uri()) || is_below(request.uri().path(), "/api") {
        return unknown(request).await;
    }
    let Ok(response) = pages.oneshot(request).await;
    response
}

/// In GitLab a known path with a wrong method is as unknown as any other.
async fn unknown(request: Request) -> Response {
    let path = request.uri().path();
    if is_below(path, "/api/v3") {
        respond::gone()
    } else if is_below(path, "/api") {
        respond::unknown_route()
    } else {
        (StatusCode::NOT_FOUND, "404 Not Found\n").into_response()
    }
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Says whether the address belongs to the API, whose answers are JSON.
#[must_use]
pub fn is_api(uri: &Uri) -> bool {
    is_below(uri.path(), "/api")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;

    async fn call(method: &str, uri: &str) -> (u16, axum::http::HeaderMap, String) {
        async fn boom() {
            panic!("a bug")
        }
        let routes = Router::new()
            .route("/api/v4/x", get(|| async { "ok" }))
            .route("/api/v4/boom", get(boom));
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        let response = finish(routes).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (
            parts.status.as_u16(),
            parts.headers,
            String::from_utf8(bytes.to_vec()).unwrap(),
        )
    }

    #[test]
    fn every_endpoint_is_listed_once() {
        let all = endpoints();
        let has = |method: &str, path: &str| all.iter().any(|one| one.method == method && one.path == path);
        assert!(has("PUT", "/api/v4/jobs/{id}") && has("DELETE", "/api/v4/projects/{id}/triggers/{trigger_id}"));
        assert!(has("GET", "/-/metrics") && has("POST", "/{project}/-/jobs/{id}/erase"));
        assert!(all.windows(2).all(|two| two[0] != two[1]), "{all:?}");
    }

    #[tokio::test]
    async fn unknown_addresses_and_methods_are_not_found() {
        let unknown = r#"{"error":"404 Not Found"}"#;
        let gone = r#"{"error":"API V3 is no longer supported. Use API V4 instead."}"#;
        for (method, uri, status, body) in [
            ("GET", "/api/v4/x", 200, "ok"),
            ("HEAD", "/api/v4/x", 200, ""),
            ("POST", "/api/v4/x", 404, unknown),
            ("DELETE", "/api/v4/x", 404, unknown),
            ("GET", "/api/v4/y", 404, unknown),
            ("GET", "/api/v4", 404, unknown),
            ("GET", "/api/v3/projects", 410, gone),
            ("GET", "/api/v33", 404, unknown),
            ("GET", "/else", 404, "404 Not Found\n"),
        ] {
            let (got, _, text) = call(method, uri).await;
            assert_eq!((got, text.as_str()), (status, body), "{method} {uri}");
        }
    }

    #[tokio::test]
    async fn scripts_of_other_sites_may_call_the_api_without_cookies() {
        let call = async |method: &str, uri: &str, headers: &[(&str, &str)]| {
            let routes = Router::new().route("/api/v4/x", get(|| async { "ok" }));
            let mut request = Request::builder().method(method).uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            finish(routes)
                .oneshot(request.body(Body::empty()).unwrap())
                .await
                .unwrap()
        };
        let origin = ("origin", "https://other.example");
        let ask = [
            origin,
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "private-token"),
        ];
        for uri in ["/api/v4/x", "/api/v4/unknown"] {
            let answer = call("OPTIONS", uri, &ask).await;
            assert_eq!(answer.status(), 200, "{uri}");
            assert_eq!(answer.headers()["access-control-allow-origin"], "*");
            assert_eq!(answer.headers()["access-control-allow-headers"], "private-token");
            let methods = answer.headers()["access-control-allow-methods"].to_str().unwrap();
            assert!(methods.contains("PUT"), "{methods}");
            assert!(!answer.headers().contains_key("access-control-allow-credentials"));
        }
        let answer = call("GET", "/api/v4/x", &[origin]).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["vary"]),
            (200, &"Origin".parse().unwrap())
        );
        let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap();
        assert!(
            exposed.contains("X-Total-Pages") && exposed.contains("Link"),
            "{exposed}"
        );
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
        for (method, uri, headers) in [
            ("GET", "/api/v4/x", &[][..]),
            ("GET", "/else", &[origin][..]),
            ("OPTIONS", "/else", &ask[..]),
        ] {
            let answer = call(method, uri, headers).await;
            assert!(
                !answer.headers().contains_key("access-control-allow-origin"),
                "{method} {uri}"
            );
        }
    }

    #[test]
    fn a_server_below_a_path_takes_it_away() {
        for (uri, expected) in [
            ("/ci", Some("/")),
            ("/ci/", Some("/")),
            ("/ci/a/b?x=/ci/", Some("/a/b?x=/ci/")),
            ("/ci?x", Some("/?x")),
            ("/cia/b", None),
            ("/a/ci/b", None),
        ] {
            let found = without("/ci", &uri.parse().unwrap()).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{uri}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_500() {
        let (status, _, body) = call("GET", "/api/v4/boom").await;
        assert_eq!(
            (status, body.as_str()),
            (500, r#"{"message":"500 Internal Server Error"}"#)
        );
    }

    #[tokio::test]
    async fn every_answer_has_the_common_headers() {
        for uri in ["/api/v4/x", "/api/v4/unknown", "/api/v4/boom"] {
            let (_, headers, _) = call("GET", uri).await;
            assert_eq!(headers["x-content-type-options"], "nosniff", "{uri}");
            assert_eq!(headers["x-frame-options"], "SAMEORIGIN", "{uri}");
            assert_eq!(headers["vary"], "Origin", "{uri}");
            assert!(
                headers.contains_key("x-request-id") && headers.contains_key("x-runtime"),
                "{uri}"
            );
        }
    }
}
