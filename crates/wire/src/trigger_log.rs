//! The trigger log: all of it is Tripline's own.

use serde::Serialize;

use crate::time::Time;

/// A call to a trigger endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TriggerLogEntry {
    /// Id.
    pub id: i64,
    /// When.
    pub created_at: Time,
    /// `accepted`, `refused`, `replayed` or `dry_run`.
    pub outcome: &'static str,
    /// Why it was refused.
    pub reason_code: Option<&'static str>,
    /// HTTP status of the answer.
    pub status: i32,
    /// The trigger token.
    pub token_id: Option<i64>,
    /// The first four characters of the token that was used.
    pub token: Option<String>,
    /// Its description at that time.
    pub token_description: Option<String>,
    /// The job whose token it was.
    pub job_id: Option<i64>,
    /// As whom.
    pub user_id: Option<i64>,
    /// From where.
    pub address: Option<String>,
    /// Branch or tag.
    #[serde(rename = "ref")]
    pub git_ref: Option<String>,
    /// Whether it is a tag; null when the call was refused.
    pub tag: Option<bool>,
    /// The commit.
    pub sha: Option<String>,
    /// The pipeline.
    pub pipeline_id: Option<i64>,
    /// Keyed digest of the payload, in hexadecimal digits.
    pub payload_digest: Option<String>,
    /// The entry that it repeats.
    pub repeats: Option<i64>,
    /// Calls that the entry stands for.
    pub calls: i64,
}

/// Calls with tokens that nobody made, from one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownTokenCalls {
    /// The address, or the network of it.
    pub address: String,
    /// The first call.
    pub first_at: Time,
    /// The last call.
    pub last_at: Time,
    /// How many.
    pub calls: i64,
}
