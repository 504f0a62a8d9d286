//! Audit events.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::time::Time;

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEvent {
    /// Id.
    pub id: i64,
    /// Who; -1 for nobody in particular.
    pub author_id: i64,
    /// Id of what it is about.
    pub entity_id: i64,
    /// `User`, `Group`, `Project` or `Gitlab::Audit::InstanceScope`.
    pub entity_type: &'static str,
    /// What happened.
    pub event_name: String,
    /// What changed, and who and what had which names then.
    pub details: Map<String, Value>,
    /// When.
    pub created_at: Time,
}
