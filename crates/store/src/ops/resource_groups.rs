//! Resource groups: in which order their jobs get the resource.

use model::resource::ResourceGroup;
use model::{ProcessMode, ProjectId, Timestamp};

use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

macro_rules! columns {
    () => {
        "id, project_id, key, process_mode, created_at, updated_at"
    };
}

statements! {
    ENSURE = "INSERT INTO resource_groups (project_id, key, process_mode, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING";
    GET = concat!("SELECT ", columns!(), " FROM resource_groups WHERE project_id = ?1 AND key = ?2");
    LIST = concat!("SELECT ", columns!(), " FROM resource_groups WHERE project_id = ?1 ORDER BY id LIMIT ?2 OFFSET ?3");
    COUNT = "SELECT COUNT(*) FROM resource_groups WHERE project_id = ?1";
    SET_MODE = "UPDATE resource_groups SET process_mode = ?3, updated_at = ?4 WHERE project_id = ?1 AND key = ?2";
}

/// Makes a group unless it is there.
///
/// # Errors
///
/// What the database said.
pub fn ensure(tx: &mut dyn Tx, project: ProjectId, key: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&ENSURE, params![project, key, ProcessMode::Unordered, now])?;
    Ok(())
}

/// Returns a group of a project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, project: ProjectId, key: &str) -> Result<Option<ResourceGroup>, StoreError> {
    tx.optional(&GET, params![project, key], read)
}

/// Lists the groups of a project by id.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, project: ProjectId, page: Page) -> Result<Vec<ResourceGroup>, StoreError> {
    tx.all(&LIST, params![project, page.limit, page.offset], read)
}

/// Counts the groups of a project.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, project: ProjectId) -> Result<i64, StoreError> {
    tx.one(&COUNT, params![project], column)
}

/// Changes the order of a group; `false` when there is none.
///
/// # Errors
///
/// What the database said.
pub fn set_mode(
    tx: &mut dyn Tx,
    project: ProjectId,
    key: &str,
    mode: ProcessMode,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&SET_MODE, params![project, key, mode, now])? > 0)
}

fn read(row: &Row<'_>) -> Result<ResourceGroup, StoreError> {
    Ok(ResourceGroup {
        id: row.read()?,
        project_id: row.read()?,
        key: row.read()?,
        process_mode: row.read()?,
        created_at: row.read()?,
        updated_at: row.read()?,
    })
}
