//! CI/CD variables of the instance, of groups and of projects. Values are sealed by the caller.

use model::{NamespaceId, ProjectId, VariableId, VariableKind};

use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// Whose variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VariableOwner {
    /// Every project's.
    Instance,
    /// Those of the projects in a group.
    Group(NamespaceId),
    /// One project's.
    Project(ProjectId),
}

impl VariableOwner {
    const fn columns(self) -> (&'static str, i64) {
        match self {
            VariableOwner::Instance => ("instance", 0),
            VariableOwner::Group(id) => ("group", id.0),
            VariableOwner::Project(id) => ("project", id.0),
        }
    }
}

/// What can be set of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVariable {
    /// Its name.
    pub key: String,
    /// The environments it is for: `*`, a name, or a pattern with `*`.
    pub environment_scope: String,
    /// The value, encrypted.
    pub sealed: Vec<u8>,
    /// Value or file.
    pub kind: VariableKind,
    /// Only for protected refs.
    pub protected: bool,
    /// Hidden in logs.
    pub masked: bool,
    /// Never shown again.
    pub hidden: bool,
    /// Taken literally.
    pub raw: bool,
    /// Free text.
    pub description: Option<String>,
}

/// A stored variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its id.
    pub id: VariableId,
    /// What was set.
    pub set: NewVariable,
}

macro_rules! columns {
    () => {
        "id, key, environment_scope, sealed, kind, protected, masked, hidden, raw, description"
    };
}

statements! {
    INSERT = "INSERT INTO variables (owner_kind, owner_id, key, environment_scope, sealed, kind, protected, masked, hidden, raw, description) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING RETURNING id";
    LIST = concat!("SELECT ", columns!(), " FROM variables WHERE owner_kind = ?1 AND owner_id = ?2 ORDER BY id LIMIT ?3 OFFSET ?4");
    COUNT = "SELECT COUNT(*) FROM variables WHERE owner_kind = ?1 AND owner_id = ?2";
    BY_KEY = concat!("SELECT ", columns!(), " FROM variables WHERE owner_kind = ?1 AND owner_id = ?2 AND key = ?3 ORDER BY id");
    OF_GROUPS = concat!("SELECT owner_id, ", columns!(), " FROM variables WHERE owner_kind = 'group' AND owner_id = ANY(?1) ORDER BY id");
    UPDATE = "UPDATE variables SET environment_scope = ?2, sealed = ?3, kind = ?4, protected = ?5, masked = ?6, hidden = ?7, raw = ?8, \
        description = ?9 WHERE id = ?1";
    DELETE = "DELETE FROM variables WHERE id = ?1";
    ALL_SEALED = concat!("SELECT ", columns!(), " FROM variables WHERE id > ?1 ORDER BY id LIMIT ?2");
    RESEAL = "UPDATE variables SET sealed = ?2 WHERE id = ?1";
}

/// Creates a variable; `None` when the owner has one of that key and scope.
///
/// # Errors
///
/// What the database said.
pub fn create(tx: &mut dyn Tx, owner: VariableOwner, new: &NewVariable) -> Result<Option<VariableId>, StoreError> {
    let (kind, id) = owner.columns();
    tx.optional(
        &INSERT,
        params![
            kind,
            id,
            &new.key,
            &new.environment_scope,
            &new.sealed,
            new.kind,
            new.protected,
            new.masked,
            new.hidden,
            new.raw,
            new.description.as_ref()
        ],
        column,
    )
}

/// Lists the variables of an owner by id.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, owner: VariableOwner, page: Page) -> Result<Vec<Variable>, StoreError> {
    let (kind, id) = owner.columns();
    tx.all(&LIST, params![kind, id, page.limit, page.offset], read)
}

/// Returns the number of variables of an owner.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, owner: VariableOwner) -> Result<i64, StoreError> {
    let (kind, id) = owner.columns();
    tx.one(&COUNT, params![kind, id], column)
}

/// Returns the variables of that key, one for each scope.
///
/// # Errors
///
/// What the database said.
pub fn by_key(tx: &mut dyn Tx, owner: VariableOwner, key: &str) -> Result<Vec<Variable>, StoreError> {
    let (kind, id) = owner.columns();
    tx.all(&BY_KEY, params![kind, id, key], read)
}

/// Returns all variables of several groups, each with its group.
///
/// # Errors
///
/// What the database said.
pub fn of_groups(tx: &mut dyn Tx, groups: &[NamespaceId]) -> Result<Vec<(NamespaceId, Variable)>, StoreError> {
    let ids: Vec<i64> = groups.iter().map(|id| id.0).collect();
    tx.all(&OF_GROUPS, params![ids.as_slice()], |row| Ok((row.read()?, read(row)?)))
}

/// Changes everything except the key.
///
/// # Errors
///
/// [`StoreError::Unique`] when the new scope is taken.
pub fn update(tx: &mut dyn Tx, id: VariableId, set: &NewVariable) -> Result<bool, StoreError> {
    let changed = tx.execute(
        &UPDATE,
        params![
            id,
            &set.environment_scope,
            &set.sealed,
            set.kind,
            set.protected,
            set.masked,
            set.hidden,
            set.raw,
            set.description.as_ref()
        ],
    )?;
    Ok(changed > 0)
}

/// Deletes a variable.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, id: VariableId) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, params![id])? > 0)
}

/// Lists all variables of the server by id, after `after`, for the rotation of the key.
///
/// # Errors
///
/// What the database said.
pub fn all_after(tx: &mut dyn Tx, after: VariableId, limit: i64) -> Result<Vec<Variable>, StoreError> {
    tx.all(&ALL_SEALED, params![after, limit], read)
}

/// Replaces the sealed value.
///
/// # Errors
///
/// What the database said.
pub fn reseal(tx: &mut dyn Tx, id: VariableId, sealed: &[u8]) -> Result<bool, StoreError> {
    Ok(tx.execute(&RESEAL, params![id, sealed])? > 0)
}

fn read(row: &Row<'_>) -> Result<Variable, StoreError> {
    Ok(Variable {
        id: row.read()?,
        set: NewVariable {
            key: row.read()?,
            environment_scope: row.read()?,
            sealed: row.read()?,
            kind: row.read()?,
            protected: row.read()?,
            masked: row.read()?,
            hidden: row.read()?,
            raw: row.read()?,
            description: row.read()?,
        },
    })
}
