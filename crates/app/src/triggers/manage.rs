//! Creating, listing, changing and revoking trigger tokens (rest-api.md 1.6, 1.7).

use std::time::Duration;

use model::{Timestamp, TriggerToken, TriggerTokenId, User};
use store::ops::page::Page;
use store::{Tx, ops};

use crate::App;
use crate::access::Ability;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::keys::{TRIGGER_TOKEN_PREFIX, new_token};
use crate::lookup::{self, ProjectKey};

/// Longest description (GitLab's limit), in characters.
const MAX_DESCRIPTION: usize = 2048;

/// Characters of a token that others see.
const SHORT_LENGTH: usize = 4;

/// A trigger token as one caller may see it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The token's record.
    pub token: TriggerToken,
    /// Who owns it.
    pub owner: User,
    /// The whole token for its owner, its visible part for others.
    pub text: String,
}

/// What a new trigger token is to be.
#[derive(Clone, Debug)]
pub struct NewTrigger {
    /// Free text.
    pub description: String,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

/// Lists a project's trigger tokens by id, one page of them, and their number.
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say.
pub async fn list(app: &App, caller: Caller, key: ProjectKey, page: Page) -> Result<(Vec<Shown>, i64)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?;
            let tokens = ops::trigger_tokens::list(tx, access.project.id, page)?;
            let total = ops::trigger_tokens::count(tx, access.project.id)?;
            let shown = tokens
                .into_iter()
                .map(|token| show(&this, tx, &caller, token))
                .collect::<Result<_>>()?;
            Ok((shown, total))
        })
        .await
}

/// Returns one trigger token.
///
/// # Errors
///
/// As [`list`]; `404 Not found` for an id that is not of this project.
pub async fn get(app: &App, caller: Caller, key: ProjectKey, id: TriggerTokenId) -> Result<Shown> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let token = find(&this, tx, &caller, &key, id)?;
            show(&this, tx, &caller, token)
        })
        .await
}

/// Creates a trigger token that the caller owns.
///
/// # Errors
///
/// As [`list`]; 400 for a description that is too long, an expiry out of range or too many tokens.
pub async fn create(app: &App, caller: Caller, key: ProjectKey, new: NewTrigger) -> Result<Shown> {
    let this = app.clone();
    let text = new_token(TRIGGER_TOKEN_PREFIX);
    app.store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?;
            let owner = caller.user().ok_or(Error::Unauthorized)?;
            check(&this, &new)?;
            let most = this.settings.max_trigger_tokens_per_project;
            if ops::trigger_tokens::count(tx, access.project.id)? >= most {
                return Err(unacceptable(
                    "base",
                    &format!("Maximum number of pipeline triggers ({most}) exceeded"),
                ));
            }
            let token = ops::trigger_tokens::create(
                tx,
                &ops::trigger_tokens::NewTriggerToken {
                    project_id: access.project.id,
                    owner_id: owner.id,
                    digest: &this.keys.digest(&text),
                    description: Some(&new.description),
                    short: short(&text),
                    sealed: &this.keys.seal(SEALED_FOR, text.as_bytes()),
                    created_at: this.clock.now(),
                    expires_at: new.expires_at,
                },
            )?;
            Ok(Shown {
                token,
                owner: owner.clone(),
                text: text.clone(),
            })
        })
        .await
}

/// Changes a trigger token's description; none clears it.
///
/// # Errors
///
/// As [`get`]; 403 when the caller does not own the token.
pub async fn update(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    id: TriggerTokenId,
    description: Option<String>,
) -> Result<Shown> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let token = find(&this, tx, &caller, &key, id)?;
            if caller.user().is_none_or(|user| user.id != token.owner_id) {
                let reason = "The current user is not authorized to update the pipeline trigger token";
                return Err(Error::Forbidden(Some(reason.to_owned())));
            }
            if description
                .as_ref()
                .is_some_and(|text| text.chars().count() > MAX_DESCRIPTION)
            {
                let reason = "Attempted to update the pipeline trigger token but failed";
                return Err(Error::BadRequest(reason.to_owned()));
            }
            let now = this.clock.now();
            ops::trigger_tokens::describe(tx, token.id, description.as_deref(), now)?;
            let token = TriggerToken {
                description: description.clone(),
                updated_at: now,
                ..token
            };
            show(&this, tx, &caller, token)
        })
        .await
}

/// Revokes a trigger token, for good. `unmodified_since` is what `If-Unmodified-Since` says.
///
/// # Errors
///
/// As [`get`]; 412 when the token was changed after `unmodified_since`.
pub async fn delete(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    id: TriggerTokenId,
    unmodified_since: Option<Timestamp>,
) -> Result<()> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let token = find(&this, tx, &caller, &key, id)?;
            if unmodified_since.is_some_and(|since| token.updated_at > since + Duration::from_secs(1)) {
                return Err(Error::Status {
                    status: 412,
                    message: "412 Precondition Failed".to_owned(),
                });
            }
            ops::trigger_tokens::delete(tx, token.project_id, token.id)?;
            Ok(())
        })
        .await
}

/// What the stored token is sealed for.
const SEALED_FOR: &str = "trigger_tokens.sealed";

fn find(app: &App, tx: &mut dyn Tx, caller: &Caller, key: &ProjectKey, id: TriggerTokenId) -> Result<TriggerToken> {
    let access = lookup::project_for(app, tx, caller, key, Ability::ManageTriggers)?;
    ops::trigger_tokens::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)
}

fn show(app: &App, tx: &mut dyn Tx, caller: &Caller, token: TriggerToken) -> Result<Shown> {
    let owner = ops::users::get(tx, token.owner_id)?.ok_or(Error::RecordNotFound)?;
    let text = if caller.user().is_some_and(|user| user.id == owner.id) {
        let plain = app.keys.open(SEALED_FOR, &token.sealed).map_err(Error::internal)?;
        String::from_utf8(plain).map_err(Error::internal)?
    } else {
        token.short.clone()
    };
    Ok(Shown { token, owner, text })
}

/// The part of a token that others see.
fn short(token: &str) -> &str {
    let body = token.strip_prefix(TRIGGER_TOKEN_PREFIX).unwrap_or(token);
    body.get(..SHORT_LENGTH).unwrap_or(body)
}

fn check(app: &App, new: &NewTrigger) -> Result<()> {
    if new.description.chars().count() > MAX_DESCRIPTION {
        return Err(unacceptable("description", "is too long (maximum is 2048 characters)"));
    }
    let Some(expires_at) = new.expires_at else {
        return Ok(());
    };
    let now = app.clock.now();
    let days = u64::try_from(app.settings.max_token_lifetime_days).unwrap_or(0);
    let last = now + Duration::from_secs(days * 24 * 60 * 60);
    if expires_at >= last {
        return Err(unacceptable(
            "expires_at",
            &format!("must be before {}", crate::time::date(last)),
        ));
    }
    if expires_at <= now {
        return Err(unacceptable("expires_at", "must be in the future"));
    }
    Ok(())
}

/// `400 Bad request - {"field":["text"]}`: the form these endpoints use.
fn unacceptable(field: &str, text: &str) -> Error {
    Error::BadRequest(serde_json::json!({ field: [text] }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_see_four_characters_after_the_prefix() {
        assert_eq!(short("glptt-1234abcd"), "1234");
        assert_eq!(short("secure_token_2"), "secu");
        assert_eq!(short("ab"), "ab");
    }
}
