//! Users: list, get, create, delete (rest-api.md 15).

use model::{User, UserId, UserState};
use store::ops::page::Page;
use store::ops::users::{NewUser, UserFilter};
use store::{Tx, ops};

use crate::audit::{self, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::keys::new_token;
use crate::{App, access_tokens, names, setup};

/// Fewest characters of a password (GitLab's rule).
const MIN_PASSWORD: usize = 8;

/// Longest password in characters: hashing reads all of it.
pub(crate) const MAX_PASSWORD: usize = 128;

/// Which users to list.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Exact name.
    pub username: Option<String>,
    /// Part of a name, or the exact mail address.
    pub search: Option<String>,
}

/// What a new user is to be.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Unique name.
    pub username: String,
    /// Display name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Password; `None` = one that nobody knows.
    pub password: Option<String>,
    /// Whether the user administers the server.
    pub is_admin: bool,
}

/// Lists users by id, newest first, and their number. Nobody in particular learns no names, not even whether one is
/// taken, as in a GitLab whose administrator restricts what is public.
///
/// # Errors
///
/// 403 for an anonymous caller.
pub async fn list(app: &App, caller: &Caller, wanted: Wanted, page: Page) -> Result<(Vec<User>, i64)> {
    if !caller.is_authenticated() {
        return Err(Error::Forbidden(Some(
            "Not authorized to access /api/v4/users".to_owned(),
        )));
    }
    app.store
        .read(move |tx| {
            let filter = UserFilter {
                username: wanted.username.as_deref(),
                search: wanted.search.as_deref(),
                ..UserFilter::default()
            };
            Ok((ops::users::list(tx, &filter, page)?, ops::users::count(tx, &filter)?))
        })
        .await
}

/// Returns a user.
///
/// # Errors
///
/// 403 for nobody, who could find out all there are; `404 User Not Found`.
pub async fn get(app: &App, caller: &Caller, id: UserId) -> Result<User> {
    if !caller.is_authenticated() {
        return Err(Error::Forbidden(Some("Not authorized!".to_owned())));
    }
    let found = app.store.read(move |tx| ops::users::get(tx, id)).await?;
    found.ok_or(Error::NotFound("User"))
}

/// Creates a user with a personal namespace.
///
/// # Errors
///
/// 401, 403 for anybody but an administrator; 400 for bad values; 409 when name or address are taken.
pub async fn create(app: &App, caller: &Caller, new: NewAccount) -> Result<User> {
    access_tokens::require_admin(caller)?;
    check(&new)?;
    let password = new.password.clone().unwrap_or_else(|| new_token(""));
    let hash = crate::blocking(move || setup::hash_password(&password)).await?;
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            check_free(tx, &new)?;
            let user = ops::users::create(
                tx,
                &NewUser {
                    username: &new.username,
                    name: &new.name,
                    email: &new.email,
                    is_admin: new.is_admin,
                    is_bot: false,
                    password_hash: Some(&hash),
                    created_at: this.clock.now(),
                },
            )?;
            let event = Event::new("user_created", "Added user").with("admin", new.is_admin);
            audit::note(&this, tx, &caller, &user, event)?;
            Ok(user)
        })
        .await
}

/// Deletes a user with tokens and memberships.
///
/// # Errors
///
/// 401, 403 for anybody but an administrator; 404; 409 while projects are in the user's namespace, and for oneself.
pub async fn delete(app: &App, caller: &Caller, id: UserId) -> Result<()> {
    let admin = access_tokens::require_admin(caller)?;
    if admin.id == id {
        return Err(conflict("You cannot delete your own account"));
    }
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let user = ops::users::get(tx, id)?.ok_or(Error::NotFound("User"))?;
            let own = ops::projects::ProjectFilter {
                in_namespace_of: Some(user.id),
                ..ops::projects::ProjectFilter::new(ops::projects::Viewer::Admin(user.id), user.created_at)
            };
            if ops::projects::count(tx, &own)? > 0 {
                return Err(conflict(
                    "The user's namespace still has projects: delete or move them first",
                ));
            }
            ops::users::delete(tx, user.id)?;
            let event = Event::new("user_destroyed", "Removed user").with("remove", "user");
            Ok(audit::note(&this, tx, &caller, &user, event)?)
        })
        .await
}

/// Blocks a user, whose tokens no longer work then, or lets them in again.
///
/// # Errors
///
/// 401, 403 for anybody but an administrator; 404; 403 for oneself.
pub async fn set_blocked(app: &App, caller: &Caller, id: UserId, blocked: bool) -> Result<()> {
    let admin = access_tokens::require_admin(caller)?;
    if blocked && admin.id == id {
        return Err(Error::Forbidden(Some(
            "The API initiating user cannot be blocked by the API".to_owned(),
        )));
    }
    let state = if blocked { UserState::Blocked } else { UserState::Active };
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let user = ops::users::get(tx, id)?.ok_or(Error::NotFound("User"))?;
            ops::users::set_state(tx, id, state)?;
            let event = match blocked {
                true => Event::new("user_blocked", "Blocked user"),
                false => Event::new("user_unblocked", "Unblocked user"),
            };
            Ok(audit::note(&this, tx, &caller, &user, event)?)
        })
        .await
}

fn check(new: &NewAccount) -> Result<()> {
    names::check_root_path("username", &new.username)?;
    if new.name.trim().is_empty() {
        return Err(Error::invalid("name", "can't be blank"));
    }
    if new.name.chars().count() > 255 {
        return Err(Error::invalid("name", "is too long (maximum is 255 characters)"));
    }
    let is_address = |text: &str| match text.split_once('@') {
        Some((user, host)) => !user.is_empty() && !host.is_empty() && !text.contains(|c: char| c.is_whitespace()),
        None => false,
    };
    if !is_address(&new.email) || new.email.len() > 254 {
        return Err(Error::invalid("email", "is invalid"));
    }
    match &new.password {
        Some(password) => check_password(password),
        None => Ok(()),
    }
}

/// Checks the length of a password.
///
/// # Errors
///
/// 400 for one that is too short or too long.
pub(crate) fn check_password(password: &str) -> Result<()> {
    let length = password.chars().count();
    if length < MIN_PASSWORD {
        return Err(Error::invalid(
            "password",
            format!("is too short (minimum is {MIN_PASSWORD} characters)"),
        ));
    }
    if length > MAX_PASSWORD {
        return Err(Error::invalid(
            "password",
            format!("is too long (maximum is {MAX_PASSWORD} characters)"),
        ));
    }
    Ok(())
}

fn check_free(tx: &mut dyn Tx, new: &NewAccount) -> Result<()> {
    if ops::users::by_email(tx, &new.email)?.is_some() {
        return Err(conflict("Email has already been taken"));
    }
    let is_taken = ops::users::by_username(tx, &new.username)?.is_some();
    if is_taken || ops::namespaces::path_taken(tx, &new.username)? {
        return Err(conflict("Username has already been taken"));
    }
    Ok(())
}

fn conflict(message: &str) -> Error {
    Error::Status {
        status: 409,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl FnOnce(&mut NewAccount)) -> String {
        let mut new = NewAccount {
            username: "ann".to_owned(),
            name: "Ann".to_owned(),
            email: "ann@example.com".to_owned(),
            password: None,
            is_admin: false,
        };
        change(&mut new);
        match check(&new) {
            Ok(()) => "fine".to_owned(),
            Err(Error::Invalid(fields)) => fields.into_keys().collect(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn accounts_are_checked_field_by_field() {
        assert_eq!(problem(|_| {}), "fine");
        assert_eq!(problem(|new| new.username = "api".to_owned()), "username");
        assert_eq!(problem(|new| new.name = " ".to_owned()), "name");
        for bad in ["", "ann", "@x", "ann@", "a b@c"] {
            assert_eq!(problem(|new| new.email = bad.to_owned()), "email", "{bad}");
        }
        assert_eq!(problem(|new| new.password = Some("short".to_owned())), "password");
        assert_eq!(problem(|new| new.password = Some("x".repeat(129))), "password");
    }
}
