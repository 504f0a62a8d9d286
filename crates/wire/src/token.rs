//! Trigger tokens and access tokens (rest-api.md 1.7, 15).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::time::{Day, Time};
use crate::user::UserBasic;

/// A trigger token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// Id.
    pub id: i64,
    /// The whole token for its owner, the first four characters after the prefix for others.
    pub token: String,
    /// Free text.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Creation time of the newest pipeline started with it.
    pub last_used: Option<Time>,
    /// When it ends; null = never.
    pub expires_at: Option<Time>,
    /// Who created it.
    pub owner: Option<UserBasic>,
    /// Ours: its limits, and what a rotation left.
    #[serde(flatten)]
    pub limits: TriggerLimits,
}

/// What Tripline adds to a trigger token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TriggerLimits {
    /// Whether it was shown when it was made and cannot be shown again.
    pub show_once: bool,
    /// Branches and tags that it is for; null = all.
    pub allowed_refs: Option<Vec<String>>,
    /// Variables that calls may bring; null = all.
    pub allowed_variables: Option<Vec<String>>,
    /// Inputs that calls may bring; null = all.
    pub allowed_inputs: Option<Vec<String>>,
    /// Variables that every call gets.
    pub fixed_variables: Map<String, Value>,
    /// Inputs that every call gets.
    pub fixed_inputs: Map<String, Value>,
    /// Networks that calls may come from; null = all.
    pub allowed_networks: Option<Vec<String>>,
    /// Calls in a minute; null = any number.
    pub max_uses_per_minute: Option<u32>,
    /// The token before the last rotation, while it is good.
    pub previous: Option<PreviousTrigger>,
    /// Whether it ends within a week.
    pub expires_soon: bool,
}

/// A trigger token that was replaced and may still be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousTrigger {
    /// The first four characters after the prefix.
    pub token: String,
    /// When it ends.
    pub expires_at: Time,
}

/// A personal, project, group or impersonation access token.
#[derive(Clone, Debug, Serialize)]
pub struct AccessToken {
    /// Id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Whether it was revoked.
    pub revoked: bool,
    /// When it was created.
    pub created_at: Time,
    /// Free text.
    pub description: Option<String>,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// Whom it acts as.
    pub user_id: i64,
    /// When it was last used.
    pub last_used_at: Option<Time>,
    /// Whether it works.
    pub active: bool,
    /// Its last day.
    pub expires_at: Option<Day>,
    /// `true` for impersonation tokens, otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonation: Option<bool>,
    /// The token itself; only when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// A project or group access token.
#[derive(Clone, Debug, Serialize)]
pub struct ResourceAccessToken {
    /// What every access token has.
    #[serde(flatten)]
    pub token: AccessToken,
    /// The role of its bot.
    pub access_level: i64,
    /// `project` or `group`.
    pub resource_type: &'static str,
    /// Id of the project or group.
    pub resource_id: i64,
}
