//! Webhooks.

use app::hooks::manage::{OTHER_EVENTS, Shown};
use model::{HookDelivery, HookKind, HookOutcome, Timestamp};
use serde_json::{Map, Value};
use wire::hook::{Hook, HookEvent, Key};

use super::time;

/// A hook at a moment: whether it is disabled depends on that.
#[must_use]
pub fn hook(shown: &Shown, now: Timestamp) -> Hook {
    let (hook, settings, secrets) = (&shown.hook, &shown.hook.settings, &shown.secrets);
    let kinds = HookKind::ALL.map(|kind| (kind.flag(), hook.kinds.has(kind)));
    let others = OTHER_EVENTS
        .iter()
        .map(|name| (*name, settings.other_events.iter().any(|other| other == name)));
    // GitLab has this one as well; no project can switch it on.
    let all = kinds
        .into_iter()
        .chain(others)
        .chain([("repository_update_events", false)]);
    let keys = |pairs: &[(String, String)]| pairs.iter().map(|(key, _)| Key { key: key.clone() }).collect();
    Hook {
        id: hook.id.0,
        url: secrets.url.clone(),
        name: settings.name.clone(),
        description: settings.description.clone(),
        created_at: time(hook.created_at),
        project_id: hook.project_id.0,
        events: all.map(|(name, on)| (name.to_owned(), Value::from(on))).collect(),
        enable_ssl_verification: settings.verify_tls,
        push_events_branch_filter: settings.branch_filter.clone(),
        branch_filter_strategy: settings.branch_filter_strategy.as_str().to_owned(),
        alert_status: hook.alert_status(now).to_owned(),
        disabled_until: hook.disabled_until.map(time),
        url_variables: keys(&secrets.url_variables),
        custom_webhook_template: settings.template.clone(),
        custom_headers: keys(&secrets.custom_headers),
        token_present: secrets.token.is_some(),
        signing_token_present: secrets.signing_token.is_some(),
    }
}

/// Something that a hook was told.
#[must_use]
pub fn event(delivery: HookDelivery) -> HookEvent {
    let outcome = delivery.outcome.unwrap_or_else(|| HookOutcome {
        status: String::new(),
        url: String::new(),
        request_headers: Vec::new(),
        response_headers: Vec::new(),
        response_body: String::new(),
        seconds: 0.0,
    });
    let map = |pairs: Vec<(String, String)>| -> Map<String, Value> {
        pairs
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)))
            .collect()
    };
    HookEvent {
        id: delivery.id.0,
        url: outcome.url,
        trigger: delivery.trigger,
        request_headers: map(outcome.request_headers),
        request_data: serde_json::from_str(&delivery.request).unwrap_or(Value::Null),
        response_headers: map(outcome.response_headers),
        response_body: outcome.response_body,
        execution_duration: outcome.seconds,
        response_status: outcome.status,
        created_at: time(delivery.created_at),
    }
}
