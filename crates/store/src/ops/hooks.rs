//! Webhooks of projects. What is secret about them arrives sealed.

use model::{Hook, HookId, HookKinds, HookSettings, Project, ProjectId, Timestamp};

use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};

/// A hook to be created.
#[derive(Clone, Debug)]
pub struct NewHook<'a> {
    /// Its project.
    pub project_id: ProjectId,
    /// What it is told of.
    pub kinds: HookKinds,
    /// What is no secret about it.
    pub settings: &'a HookSettings,
    /// The rest, encrypted.
    pub sealed: &'a [u8],
    /// Now.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, project_id, kinds, settings, sealed, failures, disabled_until, created_at"
    };
}

statements! {
    INSERT = "INSERT INTO hooks (project_id, kinds, settings, sealed, failures, created_at) VALUES (?1, ?2, ?3, ?4, 0, ?5) RETURNING id";
    GET = concat!("SELECT ", columns!(), " FROM hooks WHERE project_id = ?1 AND id = ?2");
    OF_PROJECT = concat!("SELECT ", columns!(), " FROM hooks WHERE project_id = ?1 ORDER BY id LIMIT ?2 OFFSET ?3");
    COUNT = "SELECT COUNT(*) FROM hooks WHERE project_id = ?1";
    KINDS = "SELECT kinds FROM hooks WHERE project_id = ?1";
    SAVE = "UPDATE hooks SET kinds = ?2, settings = ?3, sealed = ?4, failures = ?5, disabled_until = ?6 WHERE id = ?1";
    NOTE = "UPDATE hooks SET failures = ?2, disabled_until = ?3 WHERE id = ?1";
    DELETE = "DELETE FROM hooks WHERE project_id = ?1 AND id = ?2";
}

/// Creates a hook.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the project does not exist.
pub fn create(tx: &mut dyn Tx, new: &NewHook<'_>) -> Result<HookId, StoreError> {
    let settings = Json::text(new.settings);
    tx.one(
        &INSERT,
        params![new.project_id, new.kinds.0, &settings, new.sealed, new.created_at],
        column,
    )
}

/// Returns a hook of a project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, project: ProjectId, id: HookId) -> Result<Option<Hook>, StoreError> {
    tx.optional(&GET, params![project, id], read)
}

/// Lists hooks of a project, the oldest first.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, project: ProjectId, page: Page) -> Result<Vec<Hook>, StoreError> {
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

/// Returns what the hooks of a project want to be told of, all together.
///
/// # Errors
///
/// What the database said.
pub fn kinds(tx: &mut dyn Tx, project: ProjectId) -> Result<HookKinds, StoreError> {
    let all: Vec<i64> = tx.all(&KINDS, params![project], column)?;
    Ok(HookKinds(all.into_iter().fold(0, |sum, kinds| sum | kinds)))
}

/// Writes down in the project's row what its hooks want to be told of.
///
/// # Errors
///
/// What the database said.
pub fn note_kinds(tx: &mut dyn Tx, mut project: Project) -> Result<(), StoreError> {
    project.settings.hook_kinds = kinds(tx, project.id)?;
    super::projects::update(tx, &project)?;
    Ok(())
}

/// Changes a hook.
///
/// # Errors
///
/// What the database said.
pub fn save(tx: &mut dyn Tx, hook: &Hook) -> Result<(), StoreError> {
    let settings = Json::text(&hook.settings);
    let changed = params![
        hook.id,
        hook.kinds.0,
        &settings,
        hook.sealed.as_slice(),
        hook.failures,
        hook.disabled_until
    ];
    tx.execute(&SAVE, changed)?;
    Ok(())
}

/// Writes down how deliveries went.
///
/// # Errors
///
/// What the database said.
pub fn note(tx: &mut dyn Tx, id: HookId, failures: i64, disabled_until: Option<Timestamp>) -> Result<(), StoreError> {
    tx.execute(&NOTE, params![id, failures, disabled_until])?;
    Ok(())
}

/// Deletes a hook with its log.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, project: ProjectId, id: HookId) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, params![project, id])? > 0)
}

pub(super) fn read(row: &Row<'_>) -> Result<Hook, StoreError> {
    Ok(Hook {
        id: row.read()?,
        project_id: row.read()?,
        kinds: HookKinds(row.read()?),
        settings: row.read::<Json<HookSettings>>()?.0,
        sealed: row.read()?,
        failures: row.read()?,
        disabled_until: row.read()?,
        created_at: row.read()?,
    })
}
