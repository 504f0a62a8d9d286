//! Trigger tokens and access tokens.

use app::ExternalUrl;
use app::triggers::Shown;
use model::{AccessToken, Timestamp, TriggerToken, User};
use wire::Day;
use wire::token::{AccessToken as AccessTokenJson, Trigger};

use super::{maybe_time, time, user};

/// A trigger token; `whole` is the token itself, for its owner only.
#[must_use]
pub fn trigger(url: &ExternalUrl, token: &TriggerToken, owner: Option<&User>, whole: Option<String>) -> Trigger {
    Trigger {
        id: token.id.0,
        token: whole.unwrap_or_else(|| token.short.clone()),
        description: token.description.clone(),
        created_at: time(token.created_at),
        updated_at: time(token.updated_at),
        last_used: maybe_time(token.last_used_at),
        expires_at: maybe_time(token.expires_at),
        owner: owner.map(|owner| user::basic(url, owner)),
    }
}

/// A trigger token as its reader may see it.
#[must_use]
pub fn shown(url: &ExternalUrl, shown: Shown) -> Trigger {
    trigger(url, &shown.token, Some(&shown.owner), Some(shown.text))
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
