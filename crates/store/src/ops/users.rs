//! Users.

use model::{NamespaceId, Timestamp, User, UserId, UserState};

use super::filter::Filter;
use super::key;
use super::page::{Page, Sort};
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// A user to be created. The personal namespace is created with it.
#[derive(Clone, Debug)]
pub struct NewUser<'a> {
    /// Unique name, also the path of the personal namespace.
    pub username: &'a str,
    /// Display name.
    pub name: &'a str,
    /// Mail address.
    pub email: &'a str,
    /// Whether the user administers the server.
    pub is_admin: bool,
    /// Whether this is a bot.
    pub is_bot: bool,
    /// Hash of the password; `None` = cannot sign in with one.
    pub password_hash: Option<&'a str>,
    /// Now.
    pub created_at: Timestamp,
}

/// Which users to list.
#[derive(Clone, Debug, Default)]
pub struct UserFilter<'a> {
    /// Exact name, letter case ignored.
    pub username: Option<&'a str>,
    /// Part of user name or display name, or the exact mail address.
    pub search: Option<&'a str>,
    /// Order by id.
    pub sort: Sort,
}

macro_rules! columns {
    () => {
        "users.id, users.username, users.name, users.email, users.state, users.is_admin, users.is_bot, users.namespace_id, users.created_at"
    };
}
pub(crate) use columns as user_columns;

statements! {
    INSERT = "INSERT INTO users (username, username_key, name, email, email_key, state, is_admin, is_bot, namespace_id, password_hash, created_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id";
    OWN_NAMESPACE = "UPDATE namespaces SET user_id = ?2 WHERE id = ?1";
    GET = concat!("SELECT ", columns!(), " FROM users WHERE id = ?1");
    GET_MANY = concat!("SELECT ", columns!(), " FROM users WHERE id = ANY(?1)");
    BY_USERNAME = concat!("SELECT ", columns!(), " FROM users WHERE username_key = ?1");
    BY_EMAIL = concat!("SELECT ", columns!(), " FROM users WHERE email_key = ?1");
    PASSWORD_HASH = "SELECT password_hash FROM users WHERE id = ?1";
    SET_PASSWORD_HASH = "UPDATE users SET password_hash = ?2 WHERE id = ?1";
    SET_STATE = "UPDATE users SET state = ?2 WHERE id = ?1";
    SET_ADMIN = "UPDATE users SET is_admin = ?2 WHERE id = ?1";
    DELETE = "DELETE FROM users WHERE id = ?1";
    DELETE_NAMESPACE = "DELETE FROM namespaces WHERE user_id = ?1 \
                        AND NOT EXISTS (SELECT 1 FROM projects WHERE projects.namespace_id = namespaces.id)";
    COUNT = "SELECT COUNT(*) FROM users";
}

/// Creates a user and the personal namespace of the same name.
///
/// # Errors
///
/// [`StoreError::Unique`] when the name, its path or the mail address is taken.
pub fn create(tx: &mut dyn Tx, new: &NewUser<'_>) -> Result<User, StoreError> {
    let namespace = super::namespaces::create(
        tx,
        &super::namespaces::NewNamespace {
            parent_id: None,
            user_id: None,
            name: new.name,
            path: new.username,
            full_path: new.username,
            visibility: model::Visibility::Public,
            created_at: new.created_at,
        },
    )?;
    let (username_key, email_key) = (key(new.username), key(new.email));
    let id: UserId = tx.one(
        &INSERT,
        params![
            new.username,
            &username_key,
            new.name,
            new.email,
            &email_key,
            UserState::Active,
            new.is_admin,
            new.is_bot,
            namespace.id,
            new.password_hash,
            new.created_at
        ],
        column,
    )?;
    tx.execute(&OWN_NAMESPACE, params![namespace.id, id])?;
    Ok(User {
        id,
        username: new.username.to_owned(),
        name: new.name.to_owned(),
        email: new.email.to_owned(),
        state: UserState::Active,
        is_admin: new.is_admin,
        is_bot: new.is_bot,
        namespace_id: namespace.id,
        created_at: new.created_at,
    })
}

/// Returns the user.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, id: UserId) -> Result<Option<User>, StoreError> {
    tx.optional(&GET, params![id], read)
}

/// Returns those of the users that exist, in any order, for the answers of lists.
///
/// # Errors
///
/// What the database said.
pub fn get_many(tx: &mut dyn Tx, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.all(&GET_MANY, params![ids.as_slice()], read)
}

/// Returns the user of that name, letter case ignored.
///
/// # Errors
///
/// What the database said.
pub fn by_username(tx: &mut dyn Tx, username: &str) -> Result<Option<User>, StoreError> {
    tx.optional(&BY_USERNAME, params![&key(username)], read)
}

/// Returns the user with that mail address, letter case ignored.
///
/// # Errors
///
/// What the database said.
pub fn by_email(tx: &mut dyn Tx, email: &str) -> Result<Option<User>, StoreError> {
    tx.optional(&BY_EMAIL, params![&key(email)], read)
}

/// Lists users by id.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, filter: &UserFilter<'_>, page: Page) -> Result<Vec<User>, StoreError> {
    let texts = Texts::new(filter);
    let mut query = texts.filter(concat!("SELECT ", columns!(), " FROM users"));
    query.push(&format!("ORDER BY users.id {}", filter.sort.sql()));
    query.page(page);
    let (sql, params) = query.finish("users::list");
    tx.all(&sql, &params, read)
}

/// Counts what [`list`] would give, up to [`COUNTED`](super::page::COUNTED) + 1.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, filter: &UserFilter<'_>) -> Result<i64, StoreError> {
    let texts = Texts::new(filter);
    let (sql, params) = texts.filter("SELECT 1 FROM users").count().finish("users::count");
    tx.one(&sql, &params, column)
}

/// Returns the number of users.
///
/// # Errors
///
/// What the database said.
pub fn count_all(tx: &mut dyn Tx) -> Result<i64, StoreError> {
    tx.one(&COUNT, &[], column)
}

/// Returns the hash of the user's password, `None` when there is no user or no password.
///
/// # Errors
///
/// What the database said.
pub fn password_hash(tx: &mut dyn Tx, id: UserId) -> Result<Option<String>, StoreError> {
    Ok(tx.optional(&PASSWORD_HASH, params![id], column)?.flatten())
}

/// Sets or removes the password.
///
/// # Errors
///
/// What the database said.
pub fn set_password_hash(tx: &mut dyn Tx, id: UserId, hash: Option<&str>) -> Result<bool, StoreError> {
    Ok(tx.execute(&SET_PASSWORD_HASH, params![id, hash])? > 0)
}

/// Blocks or unblocks the user.
///
/// # Errors
///
/// What the database said.
pub fn set_state(tx: &mut dyn Tx, id: UserId, state: UserState) -> Result<bool, StoreError> {
    super::restrict(tx, &SET_STATE, params![id, state])
}

/// Makes the user an administrator, or no longer one.
///
/// # Errors
///
/// What the database said.
pub fn set_admin(tx: &mut dyn Tx, id: UserId, is_admin: bool) -> Result<bool, StoreError> {
    super::restrict(tx, &SET_ADMIN, params![id, is_admin])
}

/// Deletes the user with tokens, memberships and the personal namespace, unless that still holds projects.
/// Pipelines and jobs keep the id, which then leads nowhere.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, id: UserId) -> Result<bool, StoreError> {
    tx.execute(&DELETE_NAMESPACE, params![id])?;
    super::restrict(tx, &DELETE, params![id])
}

/// The texts of a filter as the statement compares them.
struct Texts {
    username: Option<String>,
    search: Option<(String, String)>,
}

impl Texts {
    fn new(filter: &UserFilter<'_>) -> Texts {
        Texts {
            username: filter.username.map(key),
            search: filter.search.map(|text| (key(text), super::like(text))),
        }
    }

    fn filter(&self, select: &str) -> Filter<'_> {
        let mut query = Filter::new(select);
        query.and_some("users.username_key = ?", self.username.as_ref());
        if let Some((exact, part)) = &self.search {
            let part = query.param(part);
            let exact = query.param(exact);
            query.and(&format!(
                "(users.username_key LIKE {part} ESCAPE '\\' OR lower(users.name) LIKE {part} ESCAPE '\\' OR users.email_key = {exact})"
            ));
        }
        query
    }
}

/// Makes a user of [`user_columns`].
pub(crate) fn read(row: &Row<'_>) -> Result<User, StoreError> {
    Ok(User {
        id: row.read()?,
        username: row.read()?,
        name: row.read()?,
        email: row.read()?,
        state: row.read()?,
        is_admin: row.read()?,
        is_bot: row.read()?,
        namespace_id: row.read::<NamespaceId>()?,
        created_at: row.read()?,
    })
}
