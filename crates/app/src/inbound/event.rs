//! What the systems that we know say about a delivery: its event, its name, and whether it is one to be left alone.

use model::inbound::Place;
use model::{Condition, Provider};
use serde_json::Value as Json;

use crate::inbound::path;
use crate::inbound::verify::Headers;

/// Most characters of a name that a sender gives.
const MAX_NAME: usize = 255;

/// What is sent when a hook is set up, or looked after.
const PINGS: [&str; 2] = ["ping", "diagnostics:ping"];

/// Returns what the sender calls the event.
pub(super) fn name(provider: Provider, headers: &Headers) -> Option<String> {
    let names: &[&str] = match provider {
        Provider::Github => &["x-github-event"],
        Provider::Gitea => &["x-gitea-event", "x-github-event"],
        Provider::Forgejo => &["x-forgejo-event", "x-gitea-event", "x-github-event"],
        Provider::Bitbucket => &["x-event-key"],
        Provider::Gitlab => &["x-gitlab-event"],
        Provider::Standard | Provider::Generic => &[],
    };
    first(headers, names)
}

/// Returns what the sender calls the delivery: the same when it sends it again.
pub(super) fn delivery(provider: Provider, headers: &Headers) -> Option<String> {
    let names: &[&str] = match provider {
        Provider::Github => &["x-github-delivery"],
        Provider::Gitea => &["x-gitea-delivery", "x-github-delivery"],
        Provider::Forgejo => &["x-forgejo-delivery", "x-gitea-delivery", "x-github-delivery"],
        Provider::Bitbucket => &["x-request-uuid"],
        Provider::Gitlab => &["webhook-id", "idempotency-key"],
        Provider::Standard => &["webhook-id"],
        Provider::Generic => &["idempotency-key", "webhook-id"],
    };
    first(headers, names)
}

/// Whether the signature covers nothing but the body: then a changed header does not make another delivery of it.
pub(super) const fn signs_body_alone(provider: Provider) -> bool {
    matches!(
        provider,
        Provider::Github | Provider::Gitea | Provider::Forgejo | Provider::Bitbucket
    )
}

fn first(headers: &Headers, names: &[&str]) -> Option<String> {
    let text = names.iter().find_map(|name| headers.get(name))?.trim();
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (is_plain && (1..=MAX_NAME).contains(&text.len())).then(|| text.to_owned())
}

/// Whether it only asks whether somebody is there.
pub(super) fn is_ping(event: Option<&str>) -> bool {
    event.is_some_and(|event| PINGS.contains(&event))
}

/// Why a delivery starts nothing, whatever the conditions say.
pub(super) fn left_alone(
    provider: Provider,
    event: Option<&str>,
    payload: &Json,
    conditions: &[Condition],
) -> Option<&'static str> {
    if is_deletion(provider, event, payload) {
        return Some("a branch or tag was deleted");
    }
    let is_pipeline = provider == Provider::Gitlab && event == Some("Pipeline Hook");
    if is_pipeline && !conditions.iter().any(asks_for_kind) {
        return Some(
            "pipeline events start nothing unless a condition asks for them: a pipeline would start the next for ever",
        );
    }
    None
}

/// Whether a condition looks at the kind of the event.
fn asks_for_kind(condition: &Condition) -> bool {
    match &condition.place {
        Place::Path(path) => path.contains("object_kind") || path.contains("object_attributes"),
        Place::Header(name) => name.eq_ignore_ascii_case("x-gitlab-event"),
    }
}

fn is_deletion(provider: Provider, event: Option<&str>, payload: &Json) -> bool {
    let ends_with_nothing = || {
        let after = payload.get("after").and_then(Json::as_str).unwrap_or_default();
        after.len() >= 40 && after.bytes().all(|byte| byte == b'0')
    };
    match provider {
        Provider::Github | Provider::Gitea | Provider::Forgejo => {
            event == Some("delete")
                || (event == Some("push") && (payload.get("deleted") == Some(&Json::Bool(true)) || ends_with_nothing()))
        }
        Provider::Gitlab => matches!(event, Some("Push Hook" | "Tag Push Hook")) && ends_with_nothing(),
        Provider::Bitbucket => is_bitbucket_deletion(payload),
        Provider::Standard | Provider::Generic => false,
    }
}

/// Of a push that changes several refs, all must be gone.
fn is_bitbucket_deletion(payload: &Json) -> bool {
    let cloud = path::find(payload, "push.changes.*");
    let server = path::find(payload, "changes.*");
    let is_gone = |change: &&Json| change.get("new").is_some_and(Json::is_null);
    let is_deleted = |change: &&Json| change.get("type").and_then(Json::as_str) == Some("DELETE");
    (!cloud.is_empty() && cloud.iter().all(is_gone)) || (!server.is_empty() && server.iter().all(is_deleted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::declare;
    use serde_json::json;

    #[test]
    fn deleted_refs_start_nothing() {
        let zeros = "0".repeat(40);
        for (provider, event, payload, expected) in [
            (
                Provider::Github,
                "push",
                json!({"ref": "refs/heads/x", "deleted": true}),
                true,
            ),
            (
                Provider::Github,
                "push",
                json!({"deleted": false, "after": "1".repeat(40)}),
                false,
            ),
            (Provider::Github, "delete", json!({"ref": "x"}), true),
            (Provider::Gitea, "push", json!({ "after": zeros }), true),
            (Provider::Forgejo, "push", json!({ "after": zeros }), true),
            (Provider::Gitlab, "Push Hook", json!({ "after": zeros }), true),
            (Provider::Gitlab, "Note Hook", json!({ "after": zeros }), false),
            (
                Provider::Bitbucket,
                "repo:push",
                json!({"push": {"changes": [{"new": null}]}}),
                true,
            ),
            (
                Provider::Bitbucket,
                "repo:push",
                json!({"push": {"changes": [{"new": null}, {"new": {}}]}}),
                false,
            ),
            (
                Provider::Bitbucket,
                "repo:refs_changed",
                json!({"changes": [{"type": "DELETE"}]}),
                true,
            ),
            (Provider::Bitbucket, "repo:refs_changed", json!({"changes": []}), false),
            (Provider::Generic, "push", json!({"deleted": true}), false),
        ] {
            assert_eq!(
                left_alone(provider, Some(event), &payload, &[]).is_some(),
                expected,
                "{payload}"
            );
        }
    }

    #[test]
    fn pipeline_events_of_gitlab_need_a_condition() {
        let event = Some("Pipeline Hook");
        assert!(left_alone(Provider::Gitlab, event, &json!({}), &[]).is_some());
        let asks = declare::condition(&json!("object_attributes.status equals success")).unwrap();
        assert!(left_alone(Provider::Gitlab, event, &json!({}), &[asks]).is_none());
    }
}
