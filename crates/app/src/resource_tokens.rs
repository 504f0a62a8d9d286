//! Project and group access tokens: each acts as a bot, a user of its own that is a member of the project or group with
//! the role that was chosen.
//!
//! A bot has no password and does nothing that its token does not do. When its last token has ended it may do nothing
//! more, and neither may the trigger tokens and schedules that it made; it is kept for [`KEPT`], so that its tokens can
//! be listed, and then deleted.

use std::collections::HashMap;
use std::time::Duration;

use model::{AccessLevel, AccessToken, AccessTokenId, Timestamp, User, UserId};
use store::ops::access_tokens::NewAccessToken;
use store::ops::members::Member;
pub use store::ops::members::Place;
use store::ops::page::Page;
use store::ops::users::NewUser;
use store::{Tx, ops};

use crate::access::Ability;
use crate::access_tokens::{self, DAY, MAX_DESCRIPTION, ROTATED_DAYS, Wanted};
use crate::audit::{self, Entity, Event};
use crate::caller::{Caller, Credential};
use crate::error::{Error, Result};
use crate::keys::{ACCESS_TOKEN_PREFIX, new_token, random_bytes};
use crate::members::Of;
use crate::{App, groups, lookup};

/// Scopes that such a token may have.
pub const SCOPES: &[&str] = &[
    "api",
    "read_api",
    "create_runner",
    "manage_runner",
    "k8s_proxy",
    "self_rotate",
    "read_repository",
    "write_repository",
    "read_registry",
    "write_registry",
    "ai_features",
];

/// How long a bot stays after its last token has ended (GitLab's default).
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Bots deleted in one sweep; the rest comes with the next.
const BATCH: i64 = 100;

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Name, of the bot as well.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Scopes; each is one of [`SCOPES`].
    pub scopes: Vec<String>,
    /// From when on it is refused; `None` = as late as allowed.
    pub expires_at: Option<Timestamp>,
    /// The bot's role.
    pub level: AccessLevel,
}

/// A token with what its bot is.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The token.
    pub token: AccessToken,
    /// The bot's role.
    pub level: AccessLevel,
    /// Where the bot belongs to.
    pub place: Place,
}

/// A token that was just made, with its text, which is never shown again.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its record.
    pub shown: Shown,
    /// The token itself.
    pub text: String,
}

/// A project or group, and what the caller may do with its tokens.
struct Found {
    place: Place,
    /// `project` or `group`, as GitLab's messages say it.
    kind: &'static str,
    role: AccessLevel,
    is_admin: bool,
    /// See and revoke them.
    may_manage: bool,
    /// A token must not make another one.
    is_bot: bool,
}

impl Found {
    /// Nobody makes a token that may do more than themselves.
    fn holds(&self, level: AccessLevel) -> bool {
        self.is_admin || self.role >= level
    }
}

/// Lists the tokens of a project or group and their number.
///
/// # Errors
///
/// 401 for nobody and for who may not, 404 for a place that the caller may not see.
pub async fn list(app: &App, caller: &Caller, of: Of, wanted: Wanted, page: Page) -> Result<(Vec<Shown>, i64)> {
    let (this, caller, now) = (app.clone(), caller.clone(), app.clock.now());
    app.store
        .read(move |tx| {
            let found = find(&this, tx, &caller, &of)?;
            if !found.may_manage {
                return Err(Error::Unauthorized);
            }
            let filter = wanted.filter(now, Some(found.place));
            let total = ops::access_tokens::count(tx, &filter)?;
            let mut levels: HashMap<UserId, AccessLevel> = HashMap::new();
            let mut all = Vec::new();
            for token in ops::access_tokens::list(tx, &filter, page)? {
                let level = match levels.get(&token.user_id) {
                    Some(level) => *level,
                    None => level_of(tx, found.place, token.user_id)?,
                };
                levels.insert(token.user_id, level);
                all.push(Shown {
                    token,
                    level,
                    place: found.place,
                });
            }
            Ok((all, total))
        })
        .await
}

/// Returns a token of a project or group.
///
/// # Errors
///
/// As [`list`]; `404 project Access Token Not Found`.
pub async fn get(app: &App, caller: &Caller, of: Of, id: AccessTokenId) -> Result<Shown> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let found = find(&this, tx, &caller, &of)?;
            if !found.may_manage {
                return Err(Error::Unauthorized);
            }
            let token = token_of(tx, found.place, id)?.ok_or_else(|| unknown(&found))?;
            let level = level_of(tx, found.place, token.user_id)?;
            Ok(Shown {
                token,
                level,
                place: found.place,
            })
        })
        .await
}

/// Creates a token with a bot of its own.
///
/// # Errors
///
/// 401 for nobody, 404 for a place that the caller may not see; 400 for who may not, for a role above the caller's and
/// for values out of range.
pub async fn create(app: &App, caller: &Caller, of: Of, new: NewToken) -> Result<Made> {
    let (this, caller) = (app.clone(), caller.clone());
    let text = new_token(ACCESS_TOKEN_PREFIX);
    let digest = app.keys.digest(&text);
    let shown = app
        .store
        .write(move |tx| {
            let found = find(&this, tx, &caller, &of)?;
            if !found.may_manage || found.is_bot {
                return Err(Error::BadRequest(format!(
                    "User does not have permission to create {} access token",
                    found.kind
                )));
            }
            if !found.holds(new.level) {
                return Err(Error::BadRequest(
                    "Access level of the token contains permissions not held by the creating user".to_owned(),
                ));
            }
            check(&new)?;
            let expires_at = match new.expires_at {
                Some(at) => check_expiry(&this, at)?,
                None => access_tokens::latest_expiry(&this),
            };
            let bot = create_bot(&this, tx, &found, &caller, &new)?;
            let token = ops::access_tokens::create(
                tx,
                &NewAccessToken {
                    user_id: bot.id,
                    digest: &digest,
                    name: &new.name,
                    description: new.description.as_deref(),
                    scopes: &new.scopes,
                    impersonation: false,
                    expires_at: Some(expires_at),
                    created_at: this.clock.now(),
                },
            )?;
            note(&this, tx, &caller, found.place, "created", &token)?;
            Ok(Shown {
                token,
                level: new.level,
                place: found.place,
            })
        })
        .await?;
    Ok(Made { shown, text })
}

/// Revokes a token and makes one like it for the same bot.
///
/// # Errors
///
/// 404 for a place that the caller may not see; 401 for who may not and for an unknown token (administrators: 404), and
/// for bots, which may rotate their own token only; 400 when it is revoked already, when the bot's role is above the
/// caller's, or the new end is out of range.
pub async fn rotate(
    app: &App,
    caller: &Caller,
    of: Of,
    id: AccessTokenId,
    expires_at: Option<Timestamp>,
) -> Result<Made> {
    let by = caller.clone();
    let caller = caller.clone();
    replace(app, by, move |app, tx| {
        let found = find(app, tx, &caller, &of)?;
        let token = if found.may_manage && !found.is_bot {
            token_of(tx, found.place, id)?
        } else {
            None
        };
        let token = token.ok_or_else(|| {
            if found.is_admin {
                Error::NotFoundPlain
            } else {
                Error::Unauthorized
            }
        })?;
        let level = level_of(tx, found.place, token.user_id)?;
        if token.revoked_at.is_none() && !found.holds(level) {
            return Err(Error::BadRequest(
                "Not eligible to rotate tokens with permissions not held by the user".to_owned(),
            ));
        }
        Ok((token, level, found.place, expires_at))
    })
    .await
}

/// Revokes the token that was presented and makes one like it.
///
/// # Errors
///
/// 405 for anything but a project or group access token; 404 for a place that it may not see, 401 for one that it does
/// not belong to; 400 when the new end is out of range.
pub async fn rotate_self(app: &App, caller: &Caller, of: Of, expires_at: Option<Timestamp>) -> Result<Made> {
    let id = match caller {
        Caller::User(user) if user.user.is_bot => match &user.credential {
            Credential::AccessToken { id, .. } => *id,
            Credential::Browser(_) | Credential::Session => return Err(not_allowed()),
        },
        Caller::Anonymous => return Err(Error::Unauthorized),
        _ => return Err(not_allowed()),
    };
    let by = caller.clone();
    let caller = caller.clone();
    replace(app, by, move |app, tx| {
        let found = find(app, tx, &caller, &of)?;
        let token = token_of(tx, found.place, id)?.ok_or(Error::Unauthorized)?;
        let level = level_of(tx, found.place, token.user_id)?;
        Ok((token, level, found.place, expires_at))
    })
    .await
}

/// Revokes a token. Its bot may do nothing from then on.
///
/// # Errors
///
/// 401 for nobody; 404 for a place that the caller may not see and for an unknown token; 400 for who may not.
pub async fn revoke(app: &App, caller: &Caller, of: Of, id: AccessTokenId) -> Result<()> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let found = find(&this, tx, &caller, &of)?;
            let token = token_of(tx, found.place, id)?.ok_or_else(|| unknown(&found))?;
            if !found.may_manage {
                let bot = ops::users::get(tx, token.user_id)?.map(|bot| bot.name);
                let name = caller.user().map(|user| user.name.as_str()).unwrap_or_default();
                return Err(Error::BadRequest(format!(
                    "{name} cannot delete {}",
                    bot.unwrap_or_default()
                )));
            }
            if ops::access_tokens::revoke(tx, token.id, this.clock.now())? {
                note(&this, tx, &caller, found.place, "revoked", &token)?;
            }
            Ok(())
        })
        .await
}

/// Deletes bots whose last token ended [`KEPT`] ago.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn sweep(app: &App) -> Result<()> {
    let before = app.clock.now() - KEPT;
    let left = app
        .store
        .read(move |tx| ops::bots::left_behind(tx, before, BATCH))
        .await?;
    for bot in left {
        app.store.write(move |tx| ops::users::delete(tx, bot)).await?;
    }
    Ok(())
}

/// Which token to replace, its role and place, and the end that was asked for.
type Replaced = (AccessToken, AccessLevel, Place, Option<Timestamp>);

async fn replace(
    app: &App,
    caller: Caller,
    mut which: impl FnMut(&App, &mut dyn Tx) -> Result<Replaced> + Send + 'static,
) -> Result<Made> {
    let this = app.clone();
    let now = app.clock.now();
    let text = new_token(ACCESS_TOKEN_PREFIX);
    let digest = app.keys.digest(&text);
    let shown = app
        .store
        .write(move |tx| {
            let (old, level, place, expires_at) = which(&this, tx)?;
            let expires_at = match expires_at {
                Some(at) => check_expiry(&this, at)?,
                None => Timestamp(access_tokens::start_of_day(now).0 + ROTATED_DAYS * DAY),
            };
            if !ops::access_tokens::revoke(tx, old.id, now)? {
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
                    impersonation: false,
                    expires_at: Some(expires_at),
                    created_at: now,
                },
            )?;
            note(&this, tx, &caller, place, "rotated", &token)?;
            Ok::<_, Error>(Shown { token, level, place })
        })
        .await?;
    Ok(Made { shown, text })
}

fn create_bot(app: &App, tx: &mut dyn Tx, found: &Found, caller: &Caller, new: &NewToken) -> Result<User> {
    let (place, now) = (found.place, app.clock.now());
    let id = match place {
        Place::Project(id) => id.0,
        Place::Group(id) => id.0,
    };
    let mut random = [0; 16];
    random_bytes(&mut random);
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let username = format!("{}_{id}_bot_{random}", found.kind);
    let email = format!("{username}@noreply.{}", app.settings.external_url.host());
    let bot = ops::users::create(
        tx,
        &NewUser {
            username: &username,
            name: &new.name,
            email: &email,
            is_admin: false,
            is_bot: true,
            password_hash: None,
            created_at: now,
        },
    )?;
    ops::bots::add(tx, bot.id, place)?;
    let member = Member {
        user_id: bot.id,
        level: new.level,
        created_by: caller.user().map(|user| user.id),
        created_at: now,
        expires_at: None,
    };
    ops::members::add(tx, place, &member)?;
    Ok(bot)
}

/// Writes down what became of a token, as an event of its project or group.
fn note(app: &App, tx: &mut dyn Tx, caller: &Caller, place: Place, what: &str, token: &AccessToken) -> Result<()> {
    let (kind, names) = match place {
        Place::Project(_) => (
            "project",
            [
                "project_access_token_created",
                "project_access_token_rotated",
                "project_access_token_revoked",
            ],
        ),
        Place::Group(_) => (
            "group",
            [
                "group_access_token_created",
                "group_access_token_rotated",
                "group_access_token_revoked",
            ],
        ),
    };
    let name = names.into_iter().find(|name| name.ends_with(what)).unwrap_or(names[0]);
    let event = Event::new(name, format!("{kind} access token {what}"))
        .target("PersonalAccessToken", token.id, token.name.as_str())
        .with("scopes", token.scopes.join(" "));
    let entity = Entity::of_place(tx, place)?;
    Ok(audit::note(app, tx, caller, entity, event)?)
}

/// The words of a record that is not valid, as one sentence: GitLab joins them here.
fn check(new: &NewToken) -> Result<()> {
    let problem = |text: &str| Err(Error::BadRequest(text.to_owned()));
    if new.name.trim().is_empty() {
        return problem("Name can't be blank");
    }
    if new.name.chars().count() > 255 {
        return problem("Name is too long (maximum is 255 characters)");
    }
    if new.scopes.is_empty() {
        return problem("Scopes can't be blank");
    }
    if new.scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
        return Err(Error::parameter("scopes does not have a valid value"));
    }
    if new
        .description
        .as_ref()
        .is_some_and(|text| text.chars().count() > MAX_DESCRIPTION)
    {
        return problem("Description is too long (maximum is 255 characters)");
    }
    Ok(())
}

fn check_expiry(app: &App, at: Timestamp) -> Result<Timestamp> {
    let latest = access_tokens::latest_expiry(app);
    if at > latest {
        let day = crate::time::date(latest);
        return Err(Error::BadRequest(format!("Expires at must be before {day}")));
    }
    if at <= app.clock.now() {
        return Err(Error::BadRequest("Expires at must be in the future".to_owned()));
    }
    Ok(at)
}

fn find(app: &App, tx: &mut dyn Tx, caller: &Caller, of: &Of) -> Result<Found> {
    let user = caller.user().ok_or(Error::Unauthorized)?;
    let (is_admin, is_bot) = (caller.is_admin(), user.is_bot);
    match of {
        Of::Project(key) => {
            let access = lookup::project(app, tx, caller, key)?;
            Ok(Found {
                place: Place::Project(access.project.id),
                kind: "project",
                role: access.role,
                is_admin,
                may_manage: access.allows(caller, Ability::AdminProject),
                is_bot,
            })
        }
        Of::Group(key) => {
            let (group, role) = groups::find(app, tx, caller, key)?;
            Ok(Found {
                place: Place::Group(group.id),
                kind: "group",
                role,
                is_admin,
                may_manage: is_admin || role >= AccessLevel::Owner,
                is_bot,
            })
        }
    }
}

fn token_of(tx: &mut dyn Tx, place: Place, id: AccessTokenId) -> Result<Option<AccessToken>> {
    let Some(token) = ops::access_tokens::get(tx, id)? else {
        return Ok(None);
    };
    let is_of_place = ops::bots::place(tx, token.user_id)? == Some(place);
    Ok(Some(token).filter(|token| is_of_place && !token.impersonation))
}

fn level_of(tx: &mut dyn Tx, place: Place, bot: UserId) -> Result<AccessLevel> {
    let member = ops::members::get(tx, place, bot)?;
    Ok(member.map_or(AccessLevel::None, |member| member.level))
}

fn unknown(found: &Found) -> Error {
    Error::NotFound(match found.place {
        Place::Project(_) => "project Access Token",
        Place::Group(_) => "group Access Token",
    })
}

fn not_allowed() -> Error {
    Error::Status {
        status: 405,
        message: "405 Method Not Allowed".to_owned(),
    }
}
