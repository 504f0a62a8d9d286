//! What a server makes for itself at its first start: the user `root` with a token.

use model::{AccessTokenId, User};
use store::{Tx, ops};

use crate::App;
use crate::audit::{self, Event};
use crate::error::{Error, Result};
use crate::keys::{ACCESS_TOKEN_PREFIX, new_token};

/// Name of the first administrator.
pub const ROOT: &str = "root";

/// Fewest characters of a password (GitLab's rule).
const MIN_PASSWORD: usize = 8;

/// What was made, to be printed once.
#[derive(Debug)]
pub struct FirstStart {
    /// API token of `root`, when it was generated.
    pub token: Option<String>,
    /// Password of `root`, when it was generated.
    pub password: Option<String>,
}

/// Creates the user `root` if there is no user yet; `None` when there is one.
///
/// `token` and `password` are used when given, otherwise generated.
///
/// # Errors
///
/// [`Error::Parameters`] when a given token or password is too weak.
pub async fn first_start(app: &App, token: Option<String>, password: Option<String>) -> Result<Option<FirstStart>> {
    let made = FirstStart {
        token: token.is_none().then(|| new_token(ACCESS_TOKEN_PREFIX)),
        password: password.is_none().then(|| new_token("")),
    };
    let token = token.or_else(|| made.token.clone()).unwrap_or_default();
    let password = password.or_else(|| made.password.clone()).unwrap_or_default();
    if token.len() < ACCESS_TOKEN_PREFIX.len() + MIN_PASSWORD {
        return Err(Error::parameter(
            "TRIPLINE_ROOT_TOKEN is too short: give at least 14 characters",
        ));
    }
    if password.chars().count() < MIN_PASSWORD {
        return Err(Error::parameter(
            "TRIPLINE_ROOT_PASSWORD is too short: give at least 8 characters",
        ));
    }
    if app.store.read(|tx| ops::users::by_username(tx, ROOT)).await?.is_some() {
        return Ok(None);
    }
    let hash = crate::blocking(move || hash_password(&password)).await?;
    let this = app.clone();
    let is_new = app
        .store
        .write(move |tx| {
            if ops::users::by_username(tx, ROOT)?.is_some() {
                return Ok::<_, Error>(false);
            }
            let user = ops::users::create(
                tx,
                &ops::users::NewUser {
                    username: ROOT,
                    name: "Administrator",
                    email: "root@localhost",
                    is_admin: true,
                    is_bot: false,
                    password_hash: Some(&hash),
                    created_at: this.clock.now(),
                },
            )?;
            let event = Event::new("user_created", "Added the first administrator");
            audit::write(&this, tx, None, None, (&user).into(), event)?;
            insert_token(&this, tx, &user, "root", &["api", "sudo", "admin_mode"], &token)?;
            Ok(true)
        })
        .await?;
    Ok(is_new.then_some(made))
}

/// Stores an access token without an end under its digest.
///
/// # Errors
///
/// What the database said.
pub fn insert_token(
    app: &App,
    tx: &mut dyn Tx,
    user: &User,
    name: &str,
    scopes: &[&str],
    token: &str,
) -> Result<AccessTokenId> {
    let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let token = ops::access_tokens::create(
        tx,
        &ops::access_tokens::NewAccessToken {
            user_id: user.id,
            digest: &app.keys.digest(token),
            name,
            description: None,
            scopes: &scopes,
            impersonation: false,
            expires_at: None,
            created_at: app.clock.now(),
        },
    )?;
    Ok(token.id)
}

/// As [`insert_token`], by whoever administers the machine: written down as an event of the user.
///
/// # Errors
///
/// What the database said.
pub fn issue_token(
    app: &App,
    tx: &mut dyn Tx,
    user: &User,
    name: &str,
    scopes: &[&str],
    token: &str,
) -> Result<AccessTokenId> {
    let id = insert_token(app, tx, user, name, scopes, token)?;
    let event = Event::new(
        "personal_access_token_created",
        "personal access token created on the command line",
    )
    .target("PersonalAccessToken", id, name)
    .with("scopes", scopes.join(" "));
    audit::write(app, tx, None, None, user.into(), event)?;
    Ok(id)
}

/// Returns the argon2id hash of a password in PHC form. Takes some 20 ms of processor time: call it
/// off the async threads.
///
/// # Errors
///
/// [`Error::Internal`] when hashing fails, which only wrong parameters cause.
pub fn hash_password(password: &str) -> Result<String> {
    use argon2::{Argon2, PasswordHasher};
    let hash = Argon2::default().hash_password(password.as_bytes());
    Ok(hash.map_err(|error| Error::internal(error.to_string()))?.to_string())
}

/// Whether a password is the one of a hash; false for a hash that cannot be read. As slow as [`hash_password`].
#[must_use]
pub fn verify_password(password: &str, hash: &str) -> bool {
    use argon2::password_hash::phc::PasswordHash;
    use argon2::{Argon2, PasswordVerifier};
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_verified_by_its_hash_only() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify_password("correct horse", &hash));
        assert!(!verify_password("wrong horse", &hash));
        assert!(!verify_password("correct horse", "nonsense"));
    }
}
