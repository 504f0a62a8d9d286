//! Creating, listing, changing and revoking trigger tokens (rest-api.md 1.6, 1.7).

use std::time::Duration;

use model::{Project, ProjectId, Timestamp, TriggerLimits, TriggerToken, TriggerTokenId, User};
use store::ops::members::Place;
use store::ops::page::Page;
use store::{Tx, ops};

use crate::App;
use crate::access::Ability;
use crate::audit::{self, Entity, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::keys::{TRIGGER_TOKEN_PREFIX, new_token};
use crate::lookup::{self, ProjectKey};
use crate::triggers::given::{Limiting, unacceptable};
use crate::triggers::limits::Fixed;
use crate::triggers::run::ENDS_SOON;

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
    /// The whole token for its owner if it can be shown, otherwise its visible part.
    pub text: String,
    /// Whether that is the whole token.
    pub is_whole: bool,
    /// Variables and inputs that every call gets.
    pub fixed: Fixed,
    /// Whether it ends within a week.
    pub ends_soon: bool,
}

/// What a new trigger token is to be.
#[derive(Clone, Debug, Default)]
pub struct NewTrigger {
    /// Free text.
    pub description: String,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Whether it is shown now and never again: no copy is kept then.
    pub show_once: bool,
    /// What it may be used for.
    pub limiting: Limiting,
}

/// What changes about a trigger token. `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Free text; the inner `None` clears it.
    pub description: Option<Option<String>>,
    /// Whether it is never shown again. There is no way back: the copy is gone.
    pub show_once: Option<bool>,
    /// What it may be used for.
    pub limiting: Limiting,
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

/// Lists the trigger tokens that were not used for some time, nor made in it, and their number.
///
/// # Errors
///
/// As [`list`].
pub async fn unused(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    unused_for: Duration,
    page: Page,
) -> Result<(Vec<Shown>, i64)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?;
            let since = this.clock.now() - unused_for;
            let (tokens, total) = ops::trigger_tokens::unused_since(tx, access.project.id, since, page)?;
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
            let draft = draft(&this, access.project.id, owner, &new, &text)?;
            let token = ops::trigger_tokens::create(
                tx,
                &ops::trigger_tokens::NewTriggerToken {
                    project_id: draft.project_id,
                    owner_id: draft.owner_id,
                    digest: &this.keys.digest(&text),
                    description: draft.description.as_deref(),
                    short: &draft.short,
                    sealed: &draft.sealed,
                    created_at: draft.created_at,
                    expires_at: draft.expires_at,
                    limits: &draft.limits,
                    fixed: draft.fixed.as_deref(),
                },
            )?;
            note(&this, tx, &caller, &access.project, "pipeline_trigger_created", &token)?;
            Ok(Shown {
                text: text.clone(),
                is_whole: true,
                ..show(&this, tx, &caller, token)?
            })
        })
        .await
}

/// A token as it will be stored, but for its id.
fn draft(app: &App, project: ProjectId, owner: &User, new: &NewTrigger, text: &str) -> Result<TriggerToken> {
    let now = app.clock.now();
    let mut token = TriggerToken {
        id: TriggerTokenId(0),
        project_id: project,
        owner_id: owner.id,
        description: Some(new.description.clone()),
        short: short(text).to_owned(),
        sealed: sealed(app, text, new.show_once),
        created_at: now,
        updated_at: now,
        last_used_at: None,
        expires_at: new.expires_at,
        limits: TriggerLimits::default(),
        fixed: None,
        previous: None,
    };
    new.limiting.apply(app, &mut token)?;
    Ok(token)
}

/// The copy of a token from which it is shown again; of one that is shown once there is none.
pub(super) fn sealed(app: &App, text: &str, show_once: bool) -> Vec<u8> {
    if show_once {
        return Vec::new();
    }
    app.keys.seal(SEALED_FOR, text.as_bytes())
}

/// Changes a trigger token.
///
/// # Errors
///
/// As [`get`]; 403 when the caller does not own the token; 400 for a limit that is none, or when a token that is
/// shown once is to be shown again.
pub async fn update(app: &App, caller: Caller, key: ProjectKey, id: TriggerTokenId, changes: Changes) -> Result<Shown> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let mut token = find_own(&this, tx, &caller, &key, id)?;
            let before = token.clone();
            if let Some(description) = &changes.description {
                if description
                    .as_ref()
                    .is_some_and(|text| text.chars().count() > MAX_DESCRIPTION)
                {
                    let reason = "Attempted to update the pipeline trigger token but failed";
                    return Err(Error::BadRequest(reason.to_owned()));
                }
                token.description.clone_from(description);
            }
            match changes.show_once {
                Some(true) => token.sealed = Vec::new(),
                Some(false) if token.is_shown_once() => {
                    return Err(unacceptable(
                        "show_once",
                        "cannot be undone: no copy of the token was kept",
                    ));
                }
                _ => {}
            }
            changes.limiting.apply(&this, &mut token)?;
            token.updated_at = this.clock.now();
            ops::trigger_tokens::update(tx, &token)?;
            note_changes(&this, tx, &caller, &before, &token)?;
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
            note_of(&this, tx, &caller, "pipeline_trigger_revoked", &token)
        })
        .await
}

/// Writes down which parts of a token changed.
fn note_changes(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    before: &TriggerToken,
    after: &TriggerToken,
) -> Result<()> {
    let fixed = |token| Fixed::of(app, token).map(|fixed| (fixed.variables, fixed.inputs));
    let same_fixed = fixed(before)? == fixed(after)?;
    let changed: Vec<&str> = [
        ("description", before.description != after.description),
        ("show_once", before.is_shown_once() != after.is_shown_once()),
        ("limits", before.limits != after.limits),
        ("fixed values", !same_fixed),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let event = event("pipeline_trigger_updated", after).with("change", changed.join(", "));
    let entity = Entity::of_place(tx, Place::Project(after.project_id))?;
    Ok(audit::note(app, tx, caller, entity, event)?)
}

/// Writes down what became of a token.
pub(super) fn note_of(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    name: &'static str,
    token: &TriggerToken,
) -> Result<()> {
    let entity = Entity::of_place(tx, Place::Project(token.project_id))?;
    Ok(audit::note(app, tx, caller, entity, event(name, token))?)
}

fn note(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    project: &Project,
    name: &'static str,
    token: &TriggerToken,
) -> Result<()> {
    Ok(audit::note(app, tx, caller, project, event(name, token))?)
}

/// Says which token by the part of it that everybody may see.
fn event(name: &'static str, token: &TriggerToken) -> Event {
    let what = name.rsplit('_').next().unwrap_or_default();
    let description = token.description.clone().unwrap_or_default();
    Event::new(name, format!("pipeline trigger token {what}"))
        .target("Ci::Trigger", token.id, description)
        .with("token", &token.short)
}

/// What the stored token is sealed for.
const SEALED_FOR: &str = "trigger_tokens.sealed";

fn find(app: &App, tx: &mut dyn Tx, caller: &Caller, key: &ProjectKey, id: TriggerTokenId) -> Result<TriggerToken> {
    let access = lookup::project_for(app, tx, caller, key, Ability::ManageTriggers)?;
    ops::trigger_tokens::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)
}

/// Finds a token that the caller may change: only its owner, whose access it lends.
pub(super) fn find_own(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    key: &ProjectKey,
    id: TriggerTokenId,
) -> Result<TriggerToken> {
    let token = find(app, tx, caller, key, id)?;
    if caller.user().is_none_or(|user| user.id != token.owner_id) {
        let reason = "The current user is not authorized to update the pipeline trigger token";
        return Err(Error::Forbidden(Some(reason.to_owned())));
    }
    Ok(token)
}

pub(super) fn show(app: &App, tx: &mut dyn Tx, caller: &Caller, token: TriggerToken) -> Result<Shown> {
    let owner = ops::users::get(tx, token.owner_id)?.ok_or(Error::RecordNotFound)?;
    let is_whole = !token.is_shown_once() && caller.user().is_some_and(|user| user.id == owner.id);
    let text = if is_whole {
        let plain = app.keys.open(SEALED_FOR, &token.sealed).map_err(Error::internal)?;
        String::from_utf8(plain).map_err(Error::internal)?
    } else {
        token.short.clone()
    };
    let now = app.clock.now();
    Ok(Shown {
        fixed: Fixed::of(app, &token)?,
        ends_soon: token.expires_at.is_some_and(|end| end > now && end <= now + ENDS_SOON),
        token,
        owner,
        text,
        is_whole,
    })
}

/// The part of a token that others see.
pub(super) fn short(token: &str) -> &str {
    let body = token.strip_prefix(TRIGGER_TOKEN_PREFIX).unwrap_or(token);
    body.get(..SHORT_LENGTH).unwrap_or(body)
}

fn check(app: &App, new: &NewTrigger) -> Result<()> {
    if new.description.chars().count() > MAX_DESCRIPTION {
        return Err(unacceptable("description", "is too long (maximum is 2048 characters)"));
    }
    check_end(app, new.expires_at)
}

/// Checks the end of a token that is made or made anew.
pub(super) fn check_end(app: &App, expires_at: Option<Timestamp>) -> Result<()> {
    let Some(expires_at) = expires_at else {
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
