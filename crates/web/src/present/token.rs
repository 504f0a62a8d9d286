//! Trigger tokens and access tokens.

use app::ExternalUrl;
use app::resource_tokens::{self, Place};
use app::triggers::Shown;
use model::{AccessToken, Timestamp};
use wire::Day;
use wire::token::{AccessToken as AccessTokenJson, PreviousTrigger, ResourceAccessToken, Trigger, TriggerLimits};

use super::{maybe_time, time, user};

/// A trigger token as its reader may see it.
#[must_use]
pub fn shown(url: &ExternalUrl, shown: Shown, now: Timestamp) -> Trigger {
    let token = &shown.token;
    let limits = token.limits.clone();
    let previous = token.previous.as_ref().filter(|previous| previous.until > now);
    let limits = TriggerLimits {
        show_once: token.is_shown_once(),
        allowed_refs: limits.refs,
        allowed_variables: limits.variables,
        allowed_inputs: limits.inputs,
        fixed_variables: shown
            .fixed
            .variables
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect(),
        fixed_inputs: shown.fixed.inputs.iter().cloned().collect(),
        allowed_networks: limits.networks,
        max_uses_per_minute: limits.uses_per_minute,
        previous: previous.map(|previous| PreviousTrigger {
            token: previous.short.clone(),
            expires_at: time(previous.until),
        }),
        expires_soon: shown.ends_soon,
    };
    Trigger {
        id: token.id.0,
        token: shown.text,
        description: token.description.clone(),
        created_at: time(token.created_at),
        updated_at: time(token.updated_at),
        last_used: maybe_time(token.last_used_at),
        expires_at: maybe_time(token.expires_at),
        owner: Some(user::basic(url, &shown.owner)),
        limits,
    }
}

/// An access token; `whole` is the token itself, only when it was just made.
#[must_use]
pub fn access_token(token: &AccessToken, now: Timestamp, whole: Option<String>) -> AccessTokenJson {
    let expired = token.expires_at.is_some_and(|at| at <= now);
    AccessTokenJson {
        id: token.id.0,
        name: token.name.clone(),
        revoked: token.revoked_at.is_some(),
        created_at: time(token.created_at),
        description: token.description.clone(),
        scopes: token.scopes.clone(),
        user_id: token.user_id.0,
        last_used_at: maybe_time(token.last_used_at),
        active: token.revoked_at.is_none() && !expired,
        expires_at: token.expires_at.map(|at| Day(at.0)),
        impersonation: token.impersonation.then_some(true),
        token: whole,
    }
}

/// A project or group access token; `whole` as in [`access_token`].
#[must_use]
pub fn resource_token(shown: &resource_tokens::Shown, now: Timestamp, whole: Option<String>) -> ResourceAccessToken {
    let (resource_type, resource_id) = match shown.place {
        Place::Project(id) => ("project", id.0),
        Place::Group(id) => ("group", id.0),
    };
    ResourceAccessToken {
        token: access_token(&shown.token, now, whole),
        access_level: shown.level.number(),
        resource_type,
        resource_id,
    }
}
