//! Inbound hooks of projects, found by the keyed digest of the key in their address.

use model::{InboundHook, InboundHookId, InboundSettings, ProjectId, Timestamp, TriggerTokenId};

use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};

/// A hook to be created.
#[derive(Clone, Debug)]
pub struct NewInboundHook<'a> {
    /// Its project.
    pub project_id: ProjectId,
    /// The trigger token whose owner it acts as.
    pub trigger_token_id: TriggerTokenId,
    /// Keyed digest of the key in its address.
    pub digest: &'a [u8; 32],
    /// What is no secret about it.
    pub settings: &'a InboundSettings,
    /// The rest, encrypted.
    pub sealed: &'a [u8],
    /// Now.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, project_id, trigger_token_id, settings, sealed, created_at, updated_at"
    };
}

statements! {
    INSERT = "INSERT INTO inbound_hooks (project_id, trigger_token_id, digest, settings, sealed, created_at, updated_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) RETURNING id";
    GET = concat!("SELECT ", columns!(), " FROM inbound_hooks WHERE project_id = ?1 AND id = ?2");
    BY_DIGEST = concat!("SELECT ", columns!(), " FROM inbound_hooks WHERE digest = ?1");
    OF_PROJECT = concat!("SELECT ", columns!(), " FROM inbound_hooks WHERE project_id = ?1 ORDER BY id LIMIT ?2 OFFSET ?3");
    COUNT = "SELECT COUNT(*) FROM inbound_hooks WHERE project_id = ?1";
    SAVE = "UPDATE inbound_hooks SET trigger_token_id = ?2, digest = ?3, settings = ?4, sealed = ?5, updated_at = ?6 WHERE id = ?1";
    DELETE = "DELETE FROM inbound_hooks WHERE project_id = ?1 AND id = ?2";
    TOKEN_DIGEST = "SELECT digest FROM trigger_tokens WHERE project_id = ?1 AND id = ?2";
}

/// Creates a hook.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when project or token do not exist.
pub fn create(tx: &mut dyn Tx, new: &NewInboundHook<'_>) -> Result<InboundHook, StoreError> {
    let settings = Json::text(new.settings);
    let params = params![
        new.project_id,
        new.trigger_token_id,
        new.digest,
        &settings,
        new.sealed,
        new.created_at
    ];
    Ok(InboundHook {
        id: tx.one(&INSERT, params, column)?,
        project_id: new.project_id,
        trigger_token_id: new.trigger_token_id,
        settings: new.settings.clone(),
        sealed: new.sealed.to_owned(),
        created_at: new.created_at,
        updated_at: new.created_at,
    })
}

/// Returns a hook of a project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, project: ProjectId, id: InboundHookId) -> Result<Option<InboundHook>, StoreError> {
    tx.optional(&GET, params![project, id], read)
}

/// Returns the hook with that digest.
///
/// # Errors
///
/// What the database said.
pub fn by_digest(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<Option<InboundHook>, StoreError> {
    tx.optional(&BY_DIGEST, params![digest], read)
}

/// Lists hooks of a project, the oldest first.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, project: ProjectId, page: Page) -> Result<Vec<InboundHook>, StoreError> {
    tx.all(&OF_PROJECT, params![project, page.limit, page.offset], read)
}

/// Returns the number of hooks of a project.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, project: ProjectId) -> Result<i64, StoreError> {
    tx.one(&COUNT, params![project], column)
}

/// Changes a hook; `digest` is that of the key in its address.
///
/// # Errors
///
/// What the database said.
pub fn save(tx: &mut dyn Tx, hook: &InboundHook, digest: &[u8; 32]) -> Result<bool, StoreError> {
    let settings = Json::text(&hook.settings);
    let params = params![
        hook.id,
        hook.trigger_token_id,
        digest,
        &settings,
        hook.sealed.as_slice(),
        hook.updated_at
    ];
    Ok(tx.execute(&SAVE, params)? > 0)
}

/// Deletes a hook with its log.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, project: ProjectId, id: InboundHookId) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, params![project, id])? > 0)
}

/// Returns the digest under which the token of a hook is found.
///
/// # Errors
///
/// What the database said.
pub fn token_digest(tx: &mut dyn Tx, project: ProjectId, id: TriggerTokenId) -> Result<Option<[u8; 32]>, StoreError> {
    tx.optional(&TOKEN_DIGEST, params![project, id], column)
}

fn read(row: &Row<'_>) -> Result<InboundHook, StoreError> {
    Ok(InboundHook {
        id: row.read()?,
        project_id: row.read()?,
        trigger_token_id: row.read()?,
        settings: row.read::<Json<InboundSettings>>()?.0,
        sealed: row.read()?,
        created_at: row.read()?,
        updated_at: row.read()?,
    })
}
