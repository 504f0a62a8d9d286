//! Audit events.

use model::AuditEvent;
use serde_json::{Map, Value};
use wire::audit::AuditEvent as AuditEventJson;

use super::time;

/// Author of what nobody in particular did, as in GitLab.
const NOBODY: i64 = -1;

/// An event. Target ids are numbers where they are numbers.
#[must_use]
pub fn event(event: &AuditEvent) -> AuditEventJson {
    let mut details: Map<String, Value> = event
        .change
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    let target_id = event.target_id.as_ref().map(|id| match id.parse::<i64>() {
        Ok(number) => Value::from(number),
        Err(_) => Value::from(id.as_str()),
    });
    for (name, value) in [
        ("author_name", Value::from(event.author_name.as_str())),
        ("author_email", event.author_email.clone().into()),
        ("target_id", target_id.into()),
        ("target_type", event.target_type.as_str().into()),
        ("target_details", event.target_details.as_str().into()),
        ("ip_address", event.address.clone().into()),
        ("entity_path", event.entity_path.as_str().into()),
    ] {
        details.insert(name.to_owned(), value);
    }
    AuditEventJson {
        id: event.id,
        author_id: event.author_id.map_or(NOBODY, |id| id.0),
        entity_id: event.entity.id(),
        entity_type: event.entity.word(),
        event_name: event.event_name.clone(),
        details,
        created_at: time(event.created_at),
    }
}
