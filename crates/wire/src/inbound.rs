//! Inbound hooks: Tripline's own endpoints, written as GitLab writes its.

use serde::Serialize;
use serde_json::Value;

use crate::time::Time;
use crate::user::UserBasic;

/// An inbound hook. Its secret is never part of it, except in the answer to the call that made it up.
#[derive(Clone, Debug, Serialize)]
pub struct InboundHook {
    /// Id.
    pub id: i64,
    /// The project.
    pub project_id: i64,
    /// Name.
    pub name: String,
    /// `github`, `gitea`, `forgejo`, `bitbucket`, `gitlab`, `standard` or `generic`.
    pub provider: String,
    /// Where deliveries go.
    pub url: String,
    /// Whether deliveries start anything.
    pub enabled: bool,
    /// The ref that runs; null = the default branch, or what `ref_path` finds.
    #[serde(rename = "ref")]
    pub git_ref: Option<String>,
    /// Where the payload names the ref that runs.
    pub ref_path: Option<String>,
    /// What must hold.
    pub filters: Vec<Value>,
    /// What becomes inputs.
    pub inputs: Vec<Value>,
    /// What becomes variables.
    pub variables: Vec<Value>,
    /// Whether jobs find the payload in `TRIGGER_PAYLOAD`.
    pub pass_payload: bool,
    /// The trigger token whose owner it acts as.
    pub trigger_id: i64,
    /// That owner.
    pub owner: UserBasic,
    /// Until when the previous secret is good.
    pub previous_secret_expires_at: Option<Time>,
    /// The secret that was made up just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// When it was created.
    pub created_at: Time,
    /// When it was changed.
    pub updated_at: Time,
}

/// Something that arrived at an inbound hook.
#[derive(Clone, Debug, Serialize)]
pub struct InboundDelivery {
    /// Id.
    pub id: i64,
    /// `triggered`, `replayed`, `filtered`, `refused` or `unauthorized`.
    pub outcome: String,
    /// Why.
    pub reason: Option<String>,
    /// What the sender calls the event.
    pub event: Option<String>,
    /// What the sender calls the delivery.
    pub delivery: Option<String>,
    /// SHA-256 of the body.
    pub payload_sha256: String,
    /// The pipeline.
    pub pipeline_id: Option<i64>,
    /// When it arrived.
    pub created_at: Time,
}
