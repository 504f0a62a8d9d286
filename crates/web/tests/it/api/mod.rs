//! The REST API resource by resource, without a network: requests go straight into the router.

mod artifacts;
mod audit_events;
mod authentication;
mod bad_input;
mod environments;
mod explanation;
mod groups;
mod hooks;
mod hostile_runners;
mod job_token_scope;
mod lint;
mod live;
mod members;
mod moved;
mod projects;
mod remembered;
mod repository;
mod resource_tokens;
mod runners;
mod schedules;
mod settings;
mod throttle;
mod tokens;
mod users;

use app::setup;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::fixture::{Server, TOKEN};

/// Token of the administrator.
pub(crate) const ROOT: &str = "glpat-root-token-0123456";

/// A server, and callers of its API.
pub(crate) struct Api {
    pub(crate) server: Server,
    pub(crate) router: Router,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Api {
    pub(crate) async fn start() -> Api {
        let server = Server::start().await;
        let password = Some("a long password".to_owned());
        let made = setup::first_start(&server.app, Some(ROOT.to_owned()), password).await;
        assert!(made.unwrap().is_some());
        let router = web::router(server.app.clone());
        Api { server, router }
    }

    /// Calls `METHOD PATH` below `/api/v4` with a token (empty = none) and a JSON body (null = none).
    pub(crate) async fn call(&self, line: &str, token: &str, body: Value) -> Answer {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let mut request = Request::builder().method(method).uri(format!("/api/v4{path}"));
        if !token.is_empty() {
            request = request.header("private-token", token);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Calls as the owner of `ada/tool`.
    pub(crate) async fn ada(&self, line: &str, body: Value) -> Answer {
        self.call(line, TOKEN, body).await
    }

    /// Calls as the administrator.
    pub(crate) async fn root(&self, line: &str, body: Value) -> Answer {
        self.call(line, ROOT, body).await
    }

    /// Calls without a body.
    async fn get(&self, line: &str, token: &str) -> Answer {
        self.call(line, token, Value::Null).await
    }
}

impl Answer {
    /// Checks the status and returns the JSON.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    /// Checks the status and that there is no body.
    #[track_caller]
    fn empty(&self, status: u16) {
        assert_eq!((self.status, self.text.as_str()), (status, ""));
    }

    /// The status and the body in one line.
    fn shown(&self) -> String {
        format!("{} {}", self.status, self.text)
    }

    /// One field of every object of a list, in its order.
    #[track_caller]
    fn each(&self, field: &str) -> String {
        let list = self.json(200);
        let list = list.as_array().expect("a list");
        let texts = list.iter().map(|one| match &one[field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        texts.collect::<Vec<_>>().join(" ")
    }
}
