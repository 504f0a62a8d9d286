//! Trigger tokens, found by their keyed digest.

use model::{ProjectId, Timestamp, TriggerToken, TriggerTokenId, UserId};

use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// A token to be created.
#[derive(Clone, Debug)]
pub struct NewTriggerToken<'a> {
    /// The project.
    pub project_id: ProjectId,
    /// Whose permissions it borrows.
    pub owner_id: UserId,
    /// Keyed digest of the token.
    pub digest: &'a [u8; 32],
    /// Free text.
    pub description: Option<&'a str>,
    /// First four characters after the prefix.
    pub short: &'a str,
    /// The token, encrypted.
    pub sealed: &'a [u8],
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Now.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, project_id, owner_id, description, short, sealed, created_at, updated_at, last_used_at, expires_at"
    };
}

statements! {
    INSERT = "INSERT INTO trigger_tokens (project_id, owner_id, digest, description, short, sealed, created_at, updated_at, expires_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8) RETURNING id";
    BY_DIGEST = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE digest = ?1");
    GET = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE project_id = ?1 AND id = ?2");
    BY_ID = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE id = ?1");
    OF_PROJECT = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE project_id = ?1 ORDER BY id LIMIT ?2 OFFSET ?3");
    COUNT = "SELECT COUNT(*) FROM trigger_tokens WHERE project_id = ?1";
    DESCRIBE = "UPDATE trigger_tokens SET description = ?2, updated_at = ?3 WHERE id = ?1";
    DELETE = "DELETE FROM trigger_tokens WHERE project_id = ?1 AND id = ?2";
    TOUCH = "UPDATE trigger_tokens SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?3)";
}

/// Creates a token.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when project or owner do not exist.
pub fn create(tx: &mut dyn Tx, new: &NewTriggerToken<'_>) -> Result<TriggerToken, StoreError> {
    let id = tx.one(
        &INSERT,
        params![
            new.project_id,
            new.owner_id,
            new.digest,
            new.description,
            new.short,
            new.sealed,
            new.created_at,
            new.expires_at
        ],
        column,
    )?;
    Ok(TriggerToken {
        id,
        project_id: new.project_id,
        owner_id: new.owner_id,
        description: new.description.map(str::to_owned),
        short: new.short.to_owned(),
        sealed: new.sealed.to_owned(),
        created_at: new.created_at,
        updated_at: new.created_at,
        last_used_at: None,
        expires_at: new.expires_at,
    })
}

/// Returns the token with that digest, also when it is expired.
///
/// # Errors
///
/// What the database said.
pub fn by_digest(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<Option<TriggerToken>, StoreError> {
    tx.optional(&BY_DIGEST, params![digest], read)
}

/// Returns a token of a project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, project: ProjectId, id: TriggerTokenId) -> Result<Option<TriggerToken>, StoreError> {
    tx.optional(&GET, params![project, id], read)
}

/// Returns a token by its id alone, for the pipeline that it started.
///
/// # Errors
///
/// What the database said.
pub fn by_id(tx: &mut dyn Tx, id: TriggerTokenId) -> Result<Option<TriggerToken>, StoreError> {
    tx.optional(&BY_ID, params![id], read)
}

/// Lists the tokens of a project by id.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, project: ProjectId, page: Page) -> Result<Vec<TriggerToken>, StoreError> {
    tx.all(&OF_PROJECT, params![project, page.limit, page.offset], read)
}

/// Returns the number of tokens of a project.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, project: ProjectId) -> Result<i64, StoreError> {
    tx.one(&COUNT, params![project], column)
}

/// Sets or clears the description.
///
/// # Errors
///
/// What the database said.
pub fn describe(
    tx: &mut dyn Tx,
    id: TriggerTokenId,
    description: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&DESCRIBE, params![id, description, now])? > 0)
}

/// Deletes a token of a project for good.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, project: ProjectId, id: TriggerTokenId) -> Result<bool, StoreError> {
    super::restrict(tx, &DELETE, params![project, id])
}

/// Least time in microseconds between two writes of "last used": a second, so that a burst writes once.
pub const TOUCH_EVERY: i64 = 1_000_000;

/// Notes when the newest pipeline of the token was created, at most once a second.
/// Look at `last_used_at` first: it spares the write.
///
/// # Errors
///
/// What the database said.
pub fn touch(tx: &mut dyn Tx, id: TriggerTokenId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&TOUCH, params![id, now, now.0 - TOUCH_EVERY])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<TriggerToken, StoreError> {
    Ok(TriggerToken {
        id: row.read()?,
        project_id: row.read()?,
        owner_id: row.read()?,
        description: row.read()?,
        short: row.read()?,
        sealed: row.read()?,
        created_at: row.read()?,
        updated_at: row.read()?,
        last_used_at: row.read()?,
        expires_at: row.read()?,
    })
}
