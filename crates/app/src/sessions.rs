//! Signing in with a password, and the sessions of browsers.
//!
//! A session is a random text in a cookie; stored is its keyed digest only. Who guesses passwords is
//! slowed down per name and address, and learns nothing about which names exist: a wrong name takes as
//! long as a wrong password and is answered the same.

use std::time::Duration;

use model::{Session, SessionId, Timestamp, User};
use store::ops::preferences;
pub use store::ops::preferences::Preferences;
use store::ops::sessions::{self, NewSession};
use store::{StoreError, Tx, ops};
use tokio::sync::Semaphore;

use crate::App;
use crate::audit::{self, Entity, Event};
use crate::caller::{Caller, Credential, UserCaller};
use crate::error::{Error, Result};
use crate::keys::new_token;
use crate::{setup, users};

/// How long a session lives without being used (GitLab's default).
pub const IDLE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Least time between two notes of a session's use.
const TOUCH_EVERY: Duration = Duration::from_secs(10 * 60);

/// Time in which failures are counted, and after which they are forgotten.
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// Failures in [`WINDOW`] for one name from one address (GitLab locks an account after ten).
const MOST_FOR_BOTH: i64 = 10;

/// Failures for one name from anywhere: more than one person's, so that nobody locks another one out easily.
const MOST_FOR_NAME: i64 = 100;

/// Failures from one address, which may be that of a whole office.
const MOST_FOR_ADDRESS: i64 = 200;

/// Longest name that is looked up, in characters.
const MAX_LOGIN: usize = 255;

/// Longest description of a browser that is kept, in characters.
const MAX_USER_AGENT: usize = 255;

/// Passwords hashed at a time: each takes 19 MiB and a processor.
static HASHING: Semaphore = Semaphore::const_new(2);

/// How long a try to sign in may wait for its turn.
const HASHING_PATIENCE: Duration = Duration::from_secs(5);

/// A hash that nobody's password has: verified where there is no user, so that it takes as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LWhhcy10aGlz$2p6GgGyN8hr2hbrpZJqdXtTxjzbJt6yWPR5HqEk4mXM";

/// A try to sign in.
#[derive(Clone)]
pub struct Attempt {
    /// User name or mail address.
    pub login: String,
    /// Password.
    pub password: String,
    /// Where from.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
    /// The session that the browser had before; it ends.
    pub before: Option<String>,
}

/// What became of an [`Attempt`].
#[derive(Clone)]
pub enum Outcome {
    /// A session began; its text is for the cookie.
    SignedIn(String),
    /// Wrong name or password, or a user who may not sign in.
    Refused,
}

/// A browser's session and who is behind it.
#[derive(Clone, Debug)]
pub struct Current {
    /// The session.
    pub session: Session,
    /// Its user, as a caller of use cases.
    pub caller: Caller,
    /// How they like the pages.
    pub preferences: Preferences,
}

/// Signs in.
///
/// # Errors
///
/// [`Error::TooMany`] after too many failures of that name or address.
pub async fn sign_in(app: &App, attempt: Attempt) -> Result<Outcome> {
    let now = app.clock.now();
    let buckets = Buckets::new(app, &attempt);
    let (counted, login) = (buckets.clone(), attempt.login.clone());
    let (user, hash) = app
        .store
        .write(move |tx| {
            counted.count(tx, now)?;
            find(tx, &login)
        })
        .await?;
    let is_right = buckets.verified(app, attempt.password, hash).await?;
    let Some(user) = user.filter(|user| is_right && user.is_active() && !user.is_bot) else {
        let this = app.clone();
        app.store
            .write(move |tx| note_failure(&this, tx, &attempt.login, attempt.address.clone()))
            .await?;
        return Ok(Outcome::Refused);
    };
    let text = new_token("") + &new_token("");
    let (this, digest) = (app.clone(), app.keys.digest(&text));
    let before = attempt.before.map(|before| app.keys.digest(&before));
    let user_agent: Option<String> = attempt
        .user_agent
        .map(|text| text.chars().take(MAX_USER_AGENT).collect());
    app.store
        .write(move |tx| {
            if let Some(before) = &before {
                sessions::delete_by_digest(tx, before)?;
            }
            sessions::delete_expired(tx, now)?;
            buckets.forget(tx)?;
            let new = NewSession {
                user_id: user.id,
                digest: &digest,
                address: attempt.address.as_deref(),
                user_agent: user_agent.as_deref(),
                created_at: now,
                expires_at: now + IDLE,
            };
            sessions::create(tx, &new)?;
            let event = Event::new("authenticated_with_password", "Signed in with standard authentication")
                .with("with", "standard");
            audit::write(&this, tx, Some(&user), attempt.address.clone(), (&user).into(), event)
        })
        .await?;
    Ok(Outcome::SignedIn(text))
}

/// Writes down a try that failed. What was typed may be a password in the wrong field: a name is written only when
/// there is such a user.
fn note_failure(app: &App, tx: &mut dyn Tx, login: &str, address: Option<String>) -> Result<()> {
    let (known, _) = find(tx, login)?;
    let event = Event::new(
        "login_failed_with_standard_authentication",
        "Failed to login with STANDARD authentication",
    )
    .with("failed_login", "STANDARD");
    let entity = known.as_ref().map_or_else(Entity::server, Entity::from);
    Ok(audit::write(app, tx, None, address, entity, event)?)
}

/// Returns who is behind a cookie; `None` when the session has ended or its user may not sign in any more.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn current(app: &App, text: &str) -> Result<Option<Current>> {
    let (digest, now) = (app.keys.digest(text), app.clock.now());
    let found = app.store.read(move |tx| {
        let Some((session, user)) = sessions::by_digest(tx, &digest)? else {
            return Ok(None);
        };
        let chosen = preferences::get(tx, user.id)?;
        Ok::<_, StoreError>(Some((session, user, chosen)))
    });
    let is_good = |(session, user, _): &(Session, User, Preferences)| session.expires_at > now && user.is_active();
    let Some((session, user, preferences)) = found.await?.filter(is_good) else {
        return Ok(None);
    };
    if now.since(session.last_used_at) >= TOUCH_EVERY {
        let id = session.id;
        app.store
            .write(move |tx| sessions::touch(tx, id, now, now + IDLE))
            .await?;
    }
    let credential = Credential::Browser(session.id);
    let caller = Caller::User(Box::new(UserCaller {
        user,
        credential,
        address: None,
    }));
    Ok(Some(Current {
        session,
        caller,
        preferences,
    }))
}

/// Keeps how the caller likes the pages.
///
/// # Errors
///
/// 401 for nobody.
pub async fn prefer(app: &App, caller: &Caller, chosen: Preferences) -> Result<()> {
    let user = caller.user().ok_or(Error::Unauthorized)?.id;
    Ok(app.store.write(move |tx| preferences::save(tx, user, &chosen)).await?)
}

/// Ends the session of a cookie.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn sign_out(app: &App, text: &str) -> Result<()> {
    let digest = app.keys.digest(text);
    app.store
        .write(move |tx| sessions::delete_by_digest(tx, &digest))
        .await?;
    Ok(())
}

/// Lists the caller's sessions, the last used one first.
///
/// # Errors
///
/// 401 for nobody.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Session>> {
    let user = caller.user().ok_or(Error::Unauthorized)?.id;
    let now = app.clock.now();
    Ok(app.store.read(move |tx| sessions::of_user(tx, user, now)).await?)
}

/// Ends one of the caller's sessions.
///
/// # Errors
///
/// 401 for nobody, 404 for a session of somebody else.
pub async fn revoke(app: &App, caller: &Caller, id: SessionId) -> Result<()> {
    let user = caller.user().ok_or(Error::Unauthorized)?.id;
    let found = app.store.write(move |tx| sessions::delete(tx, user, id)).await?;
    if found { Ok(()) } else { Err(Error::RecordNotFound) }
}

/// Gives the user of a session another password and ends all other sessions of theirs.
///
/// # Errors
///
/// 400 when the present password is wrong or the new one too short or too long; [`Error::TooMany`] after too many tries.
pub async fn change_password(app: &App, current: &Current, old: String, new: String) -> Result<()> {
    users::check_password(&new)?;
    let user = current.caller.user().ok_or(Error::Unauthorized)?.clone();
    let whole = user.clone();
    let now = app.clock.now();
    let attempt = Attempt {
        login: user.username,
        password: String::new(),
        address: None,
        user_agent: None,
        before: None,
    };
    let buckets = Buckets::new(app, &attempt);
    let counted = buckets.clone();
    let hash = app
        .store
        .write(move |tx| {
            counted.count(tx, now)?;
            Ok::<_, Error>(ops::users::password_hash(tx, user.id)?)
        })
        .await?;
    if !buckets.verified(app, old, hash).await? {
        return Err(Error::invalid("current_password", "is wrong"));
    }
    let hash = crate::blocking(move || setup::hash_password(&new)).await?;
    let (this, caller, user) = (app.clone(), current.caller.clone(), whole);
    let kept = current.session.id;
    app.store
        .write(move |tx| {
            buckets.take_back(tx)?;
            ops::users::set_password_hash(tx, user.id, Some(&hash))?;
            let event = Event::new("user_password_updated", "Changed password").with("change", "password");
            audit::note(&this, tx, &caller, &user, event)?;
            sessions::delete_others(tx, user.id, kept)
        })
        .await?;
    Ok(())
}

/// Finds the user of a name or mail address, and the hash of their password.
fn find(tx: &mut dyn Tx, login: &str) -> Result<(Option<User>, Option<String>)> {
    if login.is_empty() || login.chars().count() > MAX_LOGIN {
        return Ok((None, None));
    }
    let user = if login.contains('@') {
        ops::users::by_email(tx, login)?
    } else {
        ops::users::by_username(tx, login)?
    };
    let hash = match &user {
        Some(user) => ops::users::password_hash(tx, user.id)?,
        None => None,
    };
    Ok((user, hash))
}

/// Verifies a password; one without a hash is wrong, but takes as long.
async fn verify(password: String, hash: Option<String>) -> Result<bool> {
    if password.chars().count() > users::MAX_PASSWORD {
        return Ok(false);
    }
    let busy = Error::TooMany { retry_after: 10 };
    let turn = match tokio::time::timeout(HASHING_PATIENCE, HASHING.acquire()).await {
        Ok(turn) => turn.map_err(Error::internal)?,
        Err(_) => return Err(busy),
    };
    let is_right = crate::blocking(move || {
        let is_right = setup::verify_password(&password, hash.as_deref().unwrap_or(NOBODY));
        Ok(is_right && hash.is_some())
    })
    .await;
    drop(turn);
    is_right
}

/// What failures are counted by, each with the most there may be.
#[derive(Clone)]
struct Buckets(Vec<([u8; 32], i64)>);

impl Buckets {
    fn new(app: &App, attempt: &Attempt) -> Buckets {
        let name = attempt.login.to_lowercase();
        let digest = |kind: &str, of: &str| app.keys.digest(&format!("sign in {kind} {of}"));
        let mut buckets = vec![(digest("name", &name), MOST_FOR_NAME)];
        if let Some(address) = &attempt.address {
            buckets.push((digest("both", &format!("{address} {name}")), MOST_FOR_BOTH));
            buckets.push((digest("address", address), MOST_FOR_ADDRESS));
        }
        Buckets(buckets)
    }

    /// Counts a try as a failure before it is one: tries that come at the same time must not all find room.
    ///
    /// # Errors
    ///
    /// [`Error::TooMany`] when there were too many already; this one is not counted then.
    fn count(&self, tx: &mut dyn Tx, now: Timestamp) -> Result<()> {
        ops::sign_in_failures::forget_old(tx, now - WINDOW)?;
        for (digest, most) in &self.0 {
            ops::sign_in_failures::add(tx, digest, now)?;
            let found = ops::sign_in_failures::get(tx, digest)?;
            if let Some(found) = found.filter(|found| found.count > *most) {
                let left = (found.since + WINDOW).since(now);
                return Err(Error::TooMany {
                    retry_after: left.as_secs() + 1,
                });
            }
        }
        Ok(())
    }

    /// Verifies a password; a try that had no turn was none.
    async fn verified(&self, app: &App, password: String, hash: Option<String>) -> Result<bool> {
        let verified = verify(password, hash).await;
        if verified.is_err() {
            let buckets = self.clone();
            app.store.write(move |tx| buckets.take_back(tx)).await?;
        }
        verified
    }

    /// What was counted was no failure.
    fn take_back(&self, tx: &mut dyn Tx) -> Result<(), store::StoreError> {
        for (digest, _) in &self.0 {
            ops::sign_in_failures::take_back(tx, digest)?;
        }
        Ok(())
    }

    /// Forgets what one person did who knows the password after all, but not what an address did to others.
    fn forget(&self, tx: &mut dyn Tx) -> Result<(), store::StoreError> {
        self.take_back(tx)?;
        for (digest, _) in self.0.iter().filter(|(_, most)| *most == MOST_FOR_BOTH) {
            ops::sign_in_failures::forget(tx, digest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_hash_takes_as_long_as_anybodys() {
        use argon2::password_hash::phc::PasswordHash;
        let ours = setup::hash_password("some password").unwrap();
        let (nobody, ours) = (PasswordHash::new(NOBODY).unwrap(), PasswordHash::new(&ours).unwrap());
        assert_eq!((nobody.algorithm, nobody.version), (ours.algorithm, ours.version));
        assert_eq!(nobody.params.to_string(), ours.params.to_string());
        assert!(!setup::verify_password("", NOBODY));
    }
}
