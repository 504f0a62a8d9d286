//! Idempotency keys: where calls and webhooks carry them, and the answer to a call that was sent again.

use app::pipelines::Created;
use app::pipelines::idempotency::{Key, Scope};
use app::{App, Result};
use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::present;

/// Headers that name a call, in the order in which they count. The last one names an event of GitLab, of which
/// a project may be told several things.
const HEADERS: [(&str, &str, Scope); 4] = [
    ("Idempotency-Key", "idempotency-key", Scope::Call),
    ("webhook-id", "webhook-id", Scope::Call),
    ("X-GitHub-Delivery", "x-github-delivery", Scope::Call),
    ("X-Gitlab-Event-UUID", "x-gitlab-event-uuid", Scope::Event),
];

/// Says that the answer tells of a pipeline which an earlier call made.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Returns what a call calls itself.
///
/// # Errors
///
/// 400 for a key that is too long or not printable.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<Key>> {
    let mut given = HEADERS
        .iter()
        .filter_map(|(shown, name, scope)| Some((shown, headers.get(*name)?, scope)));
    let key = given.next();
    key.map(|(shown, value, scope)| Key::parse(shown, value.as_bytes(), *scope))
        .transpose()
}

/// Answers with a pipeline: the same body for every call with the same key.
pub(super) fn created(app: &App, created: &Created) -> Response {
    let pipeline = present::pipeline::created(&app.settings.external_url, created);
    if !created.replayed {
        return (StatusCode::CREATED, Json(pipeline)).into_response();
    }
    mark((StatusCode::CREATED, Json(marked(&pipeline))).into_response())
}

/// Adds the header to the answer to a call that was sent again.
pub(super) fn mark(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Adds the field.
fn marked(answer: &impl Serialize) -> Value {
    let mut answer = json!(answer);
    answer["idempotency_replayed"] = json!(true);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_header_that_is_there_counts() {
        let key_of = |headers: &[(&'static str, &'static str)]| {
            let pairs = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            key(&pairs.collect()).unwrap()
        };
        let parsed = |text: &str, scope| Some(Key::parse("", text.as_bytes(), scope).unwrap());
        assert_eq!(key_of(&[]), None);
        assert_eq!(
            key_of(&[
                ("x-gitlab-event-uuid", "e"),
                ("idempotency-key", "k"),
                ("webhook-id", "w")
            ]),
            parsed("k", Scope::Call)
        );
        assert_eq!(key_of(&[("x-github-delivery", "d")]), parsed("d", Scope::Call));
        assert_eq!(key_of(&[("x-gitlab-event-uuid", "e")]), parsed("e", Scope::Event));
    }
}
