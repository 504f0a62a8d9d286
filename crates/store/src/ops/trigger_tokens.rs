//! Trigger tokens, found by their keyed digest.

use model::{PreviousToken, ProjectId, Timestamp, TriggerLimits, TriggerToken, TriggerTokenId, UserId};

use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};

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
    /// The token, encrypted; empty when it cannot be shown again.
    pub sealed: &'a [u8],
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// What it may be used for.
    pub limits: &'a TriggerLimits,
    /// Variables and inputs that every call gets, encrypted.
    pub fixed: Option<&'a [u8]>,
    /// Now.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, project_id, owner_id, description, short, sealed, created_at, updated_at, last_used_at, expires_at, limits, fixed, \
         previous_short, previous_until"
    };
}

statements! {
    INSERT = "INSERT INTO trigger_tokens (project_id, owner_id, digest, description, short, sealed, created_at, updated_at, expires_at, limits, fixed) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10) RETURNING id";
    BY_PREVIOUS_DIGEST = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE previous_digest = ?1");
    BY_DIGEST = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE digest = ?1");
    GET = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE project_id = ?1 AND id = ?2");
    BY_ID = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE id = ?1");
    OF_PROJECT = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE project_id = ?1 ORDER BY id LIMIT ?2 OFFSET ?3");
    COUNT = "SELECT COUNT(*) FROM trigger_tokens WHERE project_id = ?1";
    UNUSED = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE project_id = ?1 \
        AND COALESCE(last_used_at, created_at) < ?2 ORDER BY id LIMIT ?3 OFFSET ?4");
    COUNT_UNUSED = "SELECT COUNT(*) FROM trigger_tokens WHERE project_id = ?1 AND COALESCE(last_used_at, created_at) < ?2";
    UPDATE = "UPDATE trigger_tokens SET description = ?2, sealed = ?3, limits = ?4, fixed = ?5, updated_at = ?6 WHERE id = ?1";
    ROTATE = "UPDATE trigger_tokens SET previous_digest = CASE WHEN CAST(?6 AS BIGINT) IS NULL THEN NULL ELSE digest END, \
        previous_short = CASE WHEN CAST(?6 AS BIGINT) IS NULL THEN NULL ELSE short END, previous_until = ?6, \
        digest = ?2, short = ?3, sealed = ?4, expires_at = ?5, expiry_told = FALSE, updated_at = ?7 WHERE id = ?1";
    EXPIRING = concat!("SELECT ", columns!(), " FROM trigger_tokens WHERE expires_at IS NOT NULL AND NOT expiry_told \
        AND expires_at > ?1 AND expires_at <= ?2 ORDER BY expires_at LIMIT ?3");
    TELL_EXPIRY = "UPDATE trigger_tokens SET expiry_told = TRUE WHERE id = ?1 AND NOT expiry_told";
    USE = "INSERT INTO trigger_token_uses (token_id, started_at, uses) VALUES (?1, ?2, 1) \
        ON CONFLICT (token_id) DO UPDATE SET \
        uses = CASE WHEN trigger_token_uses.started_at > ?3 THEN trigger_token_uses.uses + 1 ELSE 1 END, \
        started_at = CASE WHEN trigger_token_uses.started_at > ?3 THEN trigger_token_uses.started_at ELSE ?2 END \
        RETURNING started_at, uses";
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
            new.expires_at,
            limits_text(new.limits).as_deref(),
            new.fixed
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
        limits: new.limits.clone(),
        fixed: new.fixed.map(<[u8]>::to_vec),
        previous: None,
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

/// Returns the token whose digest was that before its last rotation, however long ago that was.
///
/// # Errors
///
/// What the database said.
pub fn by_previous_digest(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<Option<TriggerToken>, StoreError> {
    tx.optional(&BY_PREVIOUS_DIGEST, params![digest], read)
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

/// Lists the tokens of a project that were not used since a moment, nor made since, by id; and counts them.
///
/// # Errors
///
/// What the database said.
pub fn unused_since(
    tx: &mut dyn Tx,
    project: ProjectId,
    since: Timestamp,
    page: Page,
) -> Result<(Vec<TriggerToken>, i64), StoreError> {
    Ok((
        tx.all(&UNUSED, params![project, since, page.limit, page.offset], read)?,
        tx.one(&COUNT_UNUSED, params![project, since], column)?,
    ))
}

/// Stores description, limits and fixed values, and whether the token can be shown again.
///
/// # Errors
///
/// What the database said.
pub fn update(tx: &mut dyn Tx, token: &TriggerToken) -> Result<bool, StoreError> {
    super::restrict(
        tx,
        &UPDATE,
        params![
            token.id,
            token.description.as_deref(),
            &token.sealed,
            limits_text(&token.limits).as_deref(),
            token.fixed.as_deref(),
            token.updated_at
        ],
    )
}

/// What a token becomes by a rotation.
#[derive(Clone, Debug)]
pub struct Rotation<'a> {
    /// Keyed digest of the new token.
    pub digest: &'a [u8; 32],
    /// First four characters after the prefix.
    pub short: &'a str,
    /// The new token, encrypted; empty when it cannot be shown again.
    pub sealed: &'a [u8],
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// How long the old one may still be used; `None` = no longer.
    pub previous_until: Option<Timestamp>,
    /// Now.
    pub at: Timestamp,
}

/// Replaces a token; what an earlier rotation left ends.
///
/// # Errors
///
/// What the database said.
pub fn rotate(tx: &mut dyn Tx, id: TriggerTokenId, new: &Rotation<'_>) -> Result<bool, StoreError> {
    super::restrict(
        tx,
        &ROTATE,
        params![
            id,
            new.digest,
            new.short,
            new.sealed,
            new.expires_at,
            new.previous_until,
            new.at
        ],
    )
}

/// Lists tokens that expire between two moments and of which nobody was told.
///
/// # Errors
///
/// What the database said.
pub fn expiring(
    tx: &mut dyn Tx,
    after: Timestamp,
    until: Timestamp,
    most: i64,
) -> Result<Vec<TriggerToken>, StoreError> {
    tx.all(&EXPIRING, params![after, until, most], read)
}

/// Notes that somebody is told of a token's end; false when that was done before.
///
/// # Errors
///
/// What the database said.
pub fn tell_expiry(tx: &mut dyn Tx, id: TriggerTokenId) -> Result<bool, StoreError> {
    Ok(tx.execute(&TELL_EXPIRY, params![id])? > 0)
}

/// Counts a use of a token on all servers together; returns when its period began and the uses in it.
/// A period that began at or before `lapsed` is over.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when there is no such token any more.
pub fn count_use(
    tx: &mut dyn Tx,
    id: TriggerTokenId,
    now: Timestamp,
    lapsed: Timestamp,
) -> Result<(Timestamp, i64), StoreError> {
    tx.one(&USE, params![id, now, lapsed], |row| Ok((row.read()?, row.read()?)))
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
        limits: row
            .read::<Option<Json<TriggerLimits>>>()?
            .map(|json| json.0)
            .unwrap_or_default(),
        fixed: row.read()?,
        previous: {
            let (short, until): (Option<String>, Option<Timestamp>) = (row.read()?, row.read()?);
            short.zip(until).map(|(short, until)| PreviousToken { short, until })
        },
    })
}

fn limits_text(limits: &TriggerLimits) -> Option<String> {
    (!limits.is_empty()).then(|| Json::text(limits))
}
