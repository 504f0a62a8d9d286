//! Personal and impersonation access tokens: create, list, rotate, revoke (rest-api.md 15).

use model::{AccessToken, AccessTokenId, Timestamp, User, UserId};
pub use store::ops::access_tokens::OrderBy;
use store::ops::access_tokens::{AccessTokenFilter, NewAccessToken};
use store::ops::members::Place;
use store::ops::page::{Page, Sort};
use store::{Tx, ops};

use crate::App;
use crate::audit::{self, Event};
use crate::caller::{Caller, Credential};
use crate::error::{Error, Result};
use crate::keys::{ACCESS_TOKEN_PREFIX, new_token};

/// Scopes that a token may have.
pub const SCOPES: &[&str] = &[
    "api",
    "read_api",
    "read_user",
    "create_runner",
    "manage_runner",
    "k8s_proxy",
    "self_rotate",
    "read_repository",
    "write_repository",
    "read_registry",
    "write_registry",
    "ai_features",
    "sudo",
    "admin_mode",
];

/// Scopes that a user may give a token of their own through the API; all others take the administrator's way.
pub const OWN_SCOPES: &[&str] = &["k8s_proxy", "self_rotate"];

/// Days that a rotated token lives when nothing else is said.
pub(crate) const ROTATED_DAYS: i64 = 7;

/// Longest description in characters.
pub(crate) const MAX_DESCRIPTION: usize = 255;

pub(crate) const DAY: i64 = 86_400_000_000;

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Scopes; each is one of [`SCOPES`].
    pub scopes: Vec<String>,
    /// From when on it is refused; `None` = as late as allowed.
    pub expires_at: Option<Timestamp>,
    /// Whether an administrator makes it to act as the user.
    pub impersonation: bool,
}

/// A token that was just made, with its text, which is never shown again.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its record.
    pub token: AccessToken,
    /// The token itself.
    pub text: String,
}

/// Which tokens to list.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only of this user; only administrators may name another one.
    pub user_id: Option<UserId>,
    /// Only (in)active ones.
    pub active: Option<bool>,
    /// Only (un)revoked ones.
    pub revoked: Option<bool>,
    /// Part of the name.
    pub search: Option<String>,
    /// Created after, before.
    pub created: (Option<Timestamp>, Option<Timestamp>),
    /// Last used after, before.
    pub last_used: (Option<Timestamp>, Option<Timestamp>),
    /// Expires after, before.
    pub expires: (Option<Timestamp>, Option<Timestamp>),
    /// By what they are listed.
    pub order_by: OrderBy,
    /// In which direction.
    pub sort: Sort,
}

impl Wanted {
    /// The filter of the store; `bots_of` makes it one of project or group access tokens.
    pub(crate) fn filter(&self, now: Timestamp, bots_of: Option<Place>) -> AccessTokenFilter<'_> {
        AccessTokenFilter {
            user_id: self.user_id,
            bots_of,
            revoked: self.revoked,
            active_at: self.active.map(|active| (active, now)),
            search: self.search.as_deref(),
            impersonation: Some(false),
            created: self.created,
            last_used: self.last_used,
            expires: self.expires,
            order_by: self.order_by,
            sort: self.sort,
        }
    }
}

/// Which token a call is about.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// The one that was presented.
    Presented,
    /// The one with this id.
    Id(AccessTokenId),
}

/// Returns the administrator who calls.
///
/// # Errors
///
/// 401 for nobody, 403 for anybody else.
pub fn require_admin(caller: &Caller) -> Result<&User> {
    let user = caller.user().ok_or(Error::Unauthorized)?;
    if caller.is_admin() {
        Ok(user)
    } else {
        Err(Error::forbidden())
    }
}

/// Creates a token for a user, as an administrator.
///
/// # Errors
///
/// 401, 403; 404 for an unknown user; 400 for values out of range.
pub async fn create_for(app: &App, caller: &Caller, user_id: UserId, new: NewToken) -> Result<Made> {
    require_admin(caller)?;
    create(app, caller, user_id, new).await
}

/// Creates a token for the caller, with few scopes: a token must not be able to make a stronger one.
///
/// # Errors
///
/// 401; 400 for values out of range.
pub async fn create_own(app: &App, caller: &Caller, new: NewToken) -> Result<Made> {
    let user = caller.user().ok_or(Error::Unauthorized)?;
    if user.is_bot {
        return Err(Error::forbidden());
    }
    if new.scopes.iter().any(|scope| !OWN_SCOPES.contains(&scope.as_str())) {
        return Err(Error::parameter("scopes does not have a valid value"));
    }
    create(app, caller, user.id, new).await
}

/// Creates a token for the caller, with any scopes: only in a session, which could do all of it anyway.
///
/// # Errors
///
/// 401 for nobody, 403 for anything but a session; 400 for values out of range.
pub async fn create_in_session(app: &App, caller: &Caller, new: NewToken) -> Result<Made> {
    match caller {
        Caller::User(user) if matches!(user.credential, Credential::Browser(_) | Credential::Session) => {
            create(app, caller, user.user.id, new).await
        }
        Caller::Anonymous => Err(Error::Unauthorized),
        _ => Err(Error::forbidden()),
    }
}

/// Lists tokens and their number: one's own, or any for administrators.
///
/// # Errors
///
/// 401 for nobody, and for who asks for another's.
pub async fn list(app: &App, caller: &Caller, wanted: Wanted, page: Page) -> Result<(Vec<AccessToken>, i64)> {
    let user = caller.user().ok_or(Error::Unauthorized)?;
    let user_id = match wanted.user_id {
        Some(id) if id != user.id && !caller.is_admin() => return Err(Error::Unauthorized),
        None if !caller.is_admin() => Some(user.id),
        asked => asked,
    };
    let (wanted, now) = (Wanted { user_id, ..wanted }, app.clock.now());
    app.store
        .read(move |tx| {
            let filter = wanted.filter(now, None);
            let tokens = ops::access_tokens::list(tx, &filter, page)?;
            Ok((tokens, ops::access_tokens::count(tx, &filter)?))
        })
        .await
}

/// Returns a token.
///
/// # Errors
///
/// 401 when there is none that the caller may see, 404 for administrators.
pub async fn get(app: &App, caller: &Caller, which: Which) -> Result<AccessToken> {
    let (id, caller) = (id_of(caller, which)?, caller.clone());
    app.store.read(move |tx| find(tx, &caller, id)).await
}

/// Revokes a token and makes one like it.
///
/// # Errors
///
/// As [`get`]; 400 when it is revoked or expired already, or the new end is out of range.
pub async fn rotate(app: &App, caller: &Caller, which: Which, expires_at: Option<Timestamp>) -> Result<Made> {
    let (id, caller) = (id_of(caller, which)?, caller.clone());
    let (this, now) = (app.clone(), app.clock.now());
    let expires_at = match expires_at {
        Some(at) => check_expiry(app, at)?,
        None => Timestamp(start_of_day(now).0 + ROTATED_DAYS * DAY),
    };
    let text = new_token(ACCESS_TOKEN_PREFIX);
    let digest = app.keys.digest(&text);
    let token = app
        .store
        .write(move |tx| {
            let old = find(tx, &caller, id)?;
            let is_over = old.expires_at.is_some_and(|at| at <= now);
            if is_over || !ops::access_tokens::revoke(tx, old.id, now)? {
                return Err(Error::BadRequest("Token already revoked".to_owned()));
            }
            let token = ops::access_tokens::create(
                tx,
                &NewAccessToken {
                    user_id: old.user_id,
                    digest: &digest,
                    name: &old.name,
                    description: old.description.as_deref(),
                    scopes: &old.scopes,
                    impersonation: old.impersonation,
                    expires_at: Some(expires_at),
                    created_at: now,
                },
            )?;
            note(&this, tx, &caller, "personal_access_token_rotated", &token)?;
            Ok::<_, Error>(token)
        })
        .await?;
    Ok(Made { token, text })
}

/// Revokes a token.
///
/// # Errors
///
/// As [`get`].
pub async fn revoke(app: &App, caller: &Caller, which: Which) -> Result<()> {
    let (id, caller) = (id_of(caller, which)?, caller.clone());
    let (this, now) = (app.clone(), app.clock.now());
    app.store
        .write(move |tx| {
            let token = find(tx, &caller, id)?;
            if ops::access_tokens::revoke(tx, token.id, now)? {
                note(&this, tx, &caller, "personal_access_token_revoked", &token)?;
            }
            Ok(())
        })
        .await
}

async fn create(app: &App, caller: &Caller, user_id: UserId, new: NewToken) -> Result<Made> {
    check(&new)?;
    let (this, caller, now) = (app.clone(), caller.clone(), app.clock.now());
    let expires_at = match new.expires_at {
        Some(at) => check_expiry(app, at)?,
        None => latest_expiry(app),
    };
    let text = new_token(ACCESS_TOKEN_PREFIX);
    let digest = app.keys.digest(&text);
    let token = app
        .store
        .write(move |tx| {
            let user = ops::users::get(tx, user_id)?.ok_or(Error::NotFound("User"))?;
            let is_for_admins = |scope: &String| matches!(scope.as_str(), "sudo" | "admin_mode");
            if !user.is_admin && new.scopes.iter().any(is_for_admins) {
                return Err(Error::invalid("scopes", "can only contain available scopes"));
            }
            let token = ops::access_tokens::create(
                tx,
                &NewAccessToken {
                    user_id: user.id,
                    digest: &digest,
                    name: &new.name,
                    description: new.description.as_deref(),
                    scopes: &new.scopes,
                    impersonation: new.impersonation,
                    expires_at: Some(expires_at),
                    created_at: now,
                },
            )?;
            note(&this, tx, &caller, "personal_access_token_created", &token)?;
            Ok(token)
        })
        .await?;
    Ok(Made { token, text })
}

/// Writes down what became of a token, as an event of its user.
fn note(app: &App, tx: &mut dyn Tx, caller: &Caller, name: &'static str, token: &AccessToken) -> Result<()> {
    let Some(user) = ops::users::get(tx, token.user_id)? else {
        return Ok(());
    };
    let kind = if token.impersonation {
        "impersonation"
    } else {
        "personal"
    };
    let what = name.rsplit('_').next().unwrap_or_default();
    let event = Event::new(name, format!("{kind} access token {what}"))
        .target("PersonalAccessToken", token.id, token.name.as_str())
        .with("scopes", token.scopes.join(" "));
    Ok(audit::note(app, tx, caller, &user, event)?)
}

fn check(new: &NewToken) -> Result<()> {
    if new.name.trim().is_empty() {
        return Err(Error::invalid("name", "can't be blank"));
    }
    if new.name.chars().count() > 255 {
        return Err(Error::invalid("name", "is too long (maximum is 255 characters)"));
    }
    if new.scopes.is_empty() {
        return Err(Error::invalid("scopes", "can't be blank"));
    }
    if new.scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
        return Err(Error::parameter("scopes does not have a valid value"));
    }
    if new
        .description
        .as_ref()
        .is_some_and(|text| text.chars().count() > MAX_DESCRIPTION)
    {
        return Err(Error::invalid("description", "is too long (maximum is 255 characters)"));
    }
    Ok(())
}

fn check_expiry(app: &App, at: Timestamp) -> Result<Timestamp> {
    let latest = latest_expiry(app);
    if at > latest {
        let day = crate::time::date(latest);
        return Err(Error::invalid("expires_at", format!("must be before {day}")));
    }
    if at <= app.clock.now() {
        return Err(Error::invalid("expires_at", "must be in the future"));
    }
    Ok(at)
}

pub(crate) fn latest_expiry(app: &App) -> Timestamp {
    Timestamp(start_of_day(app.clock.now()).0 + app.settings.max_token_lifetime_days * DAY)
}

pub(crate) const fn start_of_day(now: Timestamp) -> Timestamp {
    Timestamp(now.0 - now.0.rem_euclid(DAY))
}

fn id_of(caller: &Caller, which: Which) -> Result<AccessTokenId> {
    match (which, caller) {
        (Which::Id(id), Caller::User(_)) => Ok(id),
        (Which::Presented, Caller::User(user)) => match &user.credential {
            Credential::AccessToken { id, .. } => Ok(*id),
            Credential::Browser(_) | Credential::Session => Err(Error::NotFoundPlain),
        },
        _ => Err(Error::Unauthorized),
    }
}

fn find(tx: &mut dyn Tx, caller: &Caller, id: AccessTokenId) -> Result<AccessToken> {
    let found = ops::access_tokens::get(tx, id)?;
    if caller.is_admin() {
        return found.ok_or(Error::NotFoundPlain);
    }
    let is_own = |token: &AccessToken| caller.user().is_some_and(|user| user.id == token.user_id);
    found.filter(is_own).ok_or(Error::Unauthorized)
}
