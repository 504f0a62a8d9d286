//! Project webhooks and what they were told (rest-api.md 13).

use serde::Serialize;
use serde_json::{Map, Value};

use crate::time::Time;

/// A webhook of a project. Its tokens are never part of it.
#[derive(Clone, Debug, Serialize)]
pub struct Hook {
    /// Id.
    pub id: i64,
    /// Address, with `{names}` of variables.
    pub url: String,
    /// Name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: Time,
    /// The project.
    pub project_id: i64,
    /// `push_events` and all others, on or off.
    #[serde(flatten)]
    pub events: Map<String, Value>,
    /// Whether the other side must prove who it is.
    pub enable_ssl_verification: bool,
    /// Which branches a push must be to.
    pub push_events_branch_filter: Option<String>,
    /// How the filter is read.
    pub branch_filter_strategy: String,
    /// `executable`, `temporarily_disabled` or `disabled`.
    pub alert_status: String,
    /// Until when it is left alone.
    pub disabled_until: Option<Time>,
    /// Variables of the address, by name.
    pub url_variables: Vec<Key>,
    /// Template of the payload.
    pub custom_webhook_template: Option<String>,
    /// Further headers, by name.
    pub custom_headers: Vec<Key>,
    /// Whether there is a secret token.
    pub token_present: bool,
    /// Whether there is a signing token.
    pub signing_token_present: bool,
}

/// The name of something whose value is not shown.
#[derive(Clone, Debug, Serialize)]
pub struct Key {
    /// The name.
    pub key: String,
}

/// Something that a hook was told.
#[derive(Clone, Debug, Serialize)]
pub struct HookEvent {
    /// Id.
    pub id: i64,
    /// Address, with `{names}` of variables.
    pub url: String,
    /// `push_hooks` …
    pub trigger: String,
    /// Headers that were sent, secrets left out.
    pub request_headers: Map<String, Value>,
    /// The payload.
    pub request_data: Value,
    /// Headers of the answer.
    pub response_headers: Map<String, Value>,
    /// Body of the answer, cut.
    pub response_body: String,
    /// Seconds that it took.
    pub execution_duration: f64,
    /// HTTP status, or `internal error`.
    pub response_status: String,
    /// When it happened.
    pub created_at: Time,
}

/// The answer to telling something again.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Resent {
    /// HTTP status.
    pub response_status: u16,
}
