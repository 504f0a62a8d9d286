//! Signed-in browsers, found by the keyed digest of what their cookie holds.

use model::{Session, SessionId, Timestamp, User, UserId};

use super::users::{self, user_columns};
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// A session to be created.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Who signed in.
    pub user_id: UserId,
    /// Keyed digest of the cookie's value.
    pub digest: &'a [u8; 32],
    /// From which address.
    pub address: Option<&'a str>,
    /// What the browser calls itself.
    pub user_agent: Option<&'a str>,
    /// Now.
    pub created_at: Timestamp,
    /// When it ends unless it is used before.
    pub expires_at: Timestamp,
}

macro_rules! columns {
    () => {
        "s.id, s.user_id, s.address, s.user_agent, s.created_at, s.last_used_at, s.expires_at"
    };
}

statements! {
    INSERT = "INSERT INTO sessions (user_id, digest, address, user_agent, created_at, last_used_at, expires_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6) RETURNING id";
    BY_DIGEST = concat!("SELECT ", columns!(), ", ", user_columns!(), " FROM sessions s JOIN users ON users.id = s.user_id WHERE s.digest = ?1");
    GET = concat!("SELECT ", columns!(), " FROM sessions s WHERE s.id = ?1");
    OF_USER = concat!("SELECT ", columns!(), " FROM sessions s WHERE s.user_id = ?1 AND s.expires_at > ?2 ORDER BY s.last_used_at DESC, s.id DESC");
    TOUCH = "UPDATE sessions SET last_used_at = ?2, expires_at = ?3 WHERE id = ?1";
    DELETE = "DELETE FROM sessions WHERE user_id = ?1 AND id = ?2";
    DELETE_BY_DIGEST = "DELETE FROM sessions WHERE digest = ?1";
    DELETE_OTHERS = "DELETE FROM sessions WHERE user_id = ?1 AND id <> ?2";
    DELETE_EXPIRED = "DELETE FROM sessions WHERE expires_at <= ?1";
}

/// Creates a session.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the user does not exist.
pub fn create(tx: &mut dyn Tx, new: &NewSession<'_>) -> Result<SessionId, StoreError> {
    tx.one(
        &INSERT,
        params![
            new.user_id,
            new.digest,
            new.address,
            new.user_agent,
            new.created_at,
            new.expires_at
        ],
        column,
    )
}

/// Returns the session with that digest and its user, also when it has ended.
///
/// # Errors
///
/// What the database said.
pub fn by_digest(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<Option<(Session, User)>, StoreError> {
    tx.optional(&BY_DIGEST, params![digest], |row| Ok((read(row)?, users::read(row)?)))
}

/// Returns a session, also when it has ended.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, id: SessionId) -> Result<Option<Session>, StoreError> {
    tx.optional(&GET, params![id], read)
}

/// Lists the sessions of a user that have not ended, the last used one first.
///
/// # Errors
///
/// What the database said.
pub fn of_user(tx: &mut dyn Tx, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    tx.all(&OF_USER, params![user, now], read)
}

/// Notes a use, which puts off the end.
///
/// # Errors
///
/// What the database said.
pub fn touch(tx: &mut dyn Tx, id: SessionId, now: Timestamp, expires_at: Timestamp) -> Result<(), StoreError> {
    tx.execute(&TOUCH, params![id, now, expires_at])?;
    Ok(())
}

/// Ends a session of a user.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, user: UserId, id: SessionId) -> Result<bool, StoreError> {
    super::restrict(tx, &DELETE, params![user, id])
}

/// Ends the session with that digest.
///
/// # Errors
///
/// What the database said.
pub fn delete_by_digest(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<bool, StoreError> {
    super::restrict(tx, &DELETE_BY_DIGEST, params![digest])
}

/// Ends all sessions of a user but one.
///
/// # Errors
///
/// What the database said.
pub fn delete_others(tx: &mut dyn Tx, user: UserId, kept: SessionId) -> Result<bool, StoreError> {
    super::restrict(tx, &DELETE_OTHERS, params![user, kept])
}

/// Removes sessions that have ended.
///
/// # Errors
///
/// What the database said.
pub fn delete_expired(tx: &mut dyn Tx, now: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&DELETE_EXPIRED, params![now])
}

fn read(row: &Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.read()?,
        user_id: row.read()?,
        address: row.read()?,
        user_agent: row.read()?,
        created_at: row.read()?,
        last_used_at: row.read()?,
        expires_at: row.read()?,
    })
}
