//! Protected branches and tags. Few per project: read all, match in memory.

use model::ProjectId;
use model::project::ProtectedRef;

use crate::error::StoreError;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    OF_PROJECT = "SELECT project_id, is_tag, pattern, push_level, merge_level FROM protected_refs WHERE project_id = ?1 ORDER BY is_tag, pattern";
    SAVE = "INSERT INTO protected_refs (project_id, is_tag, pattern, push_level, merge_level) VALUES (?1, ?2, ?3, ?4, ?5) \
        ON CONFLICT (project_id, is_tag, pattern) DO UPDATE SET push_level = excluded.push_level, merge_level = excluded.merge_level";
    DELETE = "DELETE FROM protected_refs WHERE project_id = ?1 AND is_tag = ?2 AND pattern = ?3";
}

/// Returns all protected branches and tags of a project.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, project: ProjectId) -> Result<Vec<ProtectedRef>, StoreError> {
    tx.all(&OF_PROJECT, params![project], |row| {
        Ok(ProtectedRef {
            project_id: row.read()?,
            is_tag: row.read()?,
            pattern: row.read()?,
            push_level: row.read()?,
            merge_level: row.read()?,
        })
    })
}

/// Adds a protection or changes its levels.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the project does not exist.
pub fn save(tx: &mut dyn Tx, protected: &ProtectedRef) -> Result<(), StoreError> {
    tx.execute(
        &SAVE,
        params![
            protected.project_id,
            protected.is_tag,
            &protected.pattern,
            protected.push_level,
            protected.merge_level
        ],
    )?;
    Ok(())
}

/// Removes a protection.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, project: ProjectId, is_tag: bool, pattern: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, params![project, is_tag, pattern])? > 0)
}
