//! Paths that projects had once, so that old addresses still lead to them.

use model::ProjectId;

use super::key;
use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    FIND = "SELECT project_id FROM redirect_routes WHERE path_key = ?1";
    SAVE = "INSERT INTO redirect_routes (path_key, project_id) VALUES (?1, ?2) \
            ON CONFLICT (path_key) DO UPDATE SET project_id = excluded.project_id";
    FORGET = "DELETE FROM redirect_routes WHERE path_key = ?1";
    FORGET_BELOW = "DELETE FROM redirect_routes WHERE substr(path_key, 1, length(?1)) = ?1";
}

/// Returns the project that had this path last, letter case ignored.
///
/// # Errors
///
/// What the database said.
pub fn find(tx: &mut dyn Tx, full_path: &str) -> Result<Option<ProjectId>, StoreError> {
    tx.optional(&FIND, params![&key(full_path)], column)
}

/// Notes that a project has another path now.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the project does not exist.
pub fn moved(tx: &mut dyn Tx, id: ProjectId, from: &str, to: &str) -> Result<(), StoreError> {
    let (from, to) = (key(from), key(to));
    if from == to {
        return Ok(());
    }
    tx.execute(&SAVE, params![&from, id])?;
    tx.execute(&FORGET, params![&to])?;
    Ok(())
}

/// Forgets who had a path, and those below it: something new has it.
///
/// # Errors
///
/// What the database said.
pub(super) fn taken_over(tx: &mut dyn Tx, full_path: &str) -> Result<(), StoreError> {
    tx.execute(&FORGET, params![&key(full_path)])?;
    tx.execute(&FORGET_BELOW, params![&format!("{}/", key(full_path))])?;
    Ok(())
}
