//! Groups and personal namespaces.

mod list;

use model::{Namespace, NamespaceId, Timestamp, UserId, Visibility};

use super::key;
use super::members::Place;
use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

pub use list::{NamespaceFilter, count, list};

/// A namespace to be created.
#[derive(Clone, Debug)]
pub struct NewNamespace<'a> {
    /// The enclosing group.
    pub parent_id: Option<NamespaceId>,
    /// The user whose personal namespace this is.
    pub user_id: Option<UserId>,
    /// Display name.
    pub name: &'a str,
    /// Last part of the path.
    pub path: &'a str,
    /// Whole path.
    pub full_path: &'a str,
    /// Who may see it.
    pub visibility: Visibility,
    /// Now.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "namespaces.id, namespaces.parent_id, namespaces.user_id, namespaces.name, namespaces.path, namespaces.full_path, \
         namespaces.visibility, namespaces.created_at"
    };
}
pub(crate) use columns as namespace_columns;

statements! {
    INSERT = "INSERT INTO namespaces (parent_id, user_id, name, path, full_path, path_key, visibility, created_at) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id";
    GET = concat!("SELECT ", columns!(), " FROM namespaces WHERE id = ?1");
    GET_MANY = concat!("SELECT ", columns!(), " FROM namespaces WHERE id = ANY(?1)");
    BY_PATH = concat!("SELECT ", columns!(), " FROM namespaces WHERE path_key = ?1");
    CHILDREN = concat!("SELECT ", columns!(), " FROM namespaces WHERE parent_id = ?1 ORDER BY id LIMIT ?2 OFFSET ?3");
    ANCESTORS = "WITH RECURSIVE up (id, parent_id, depth) AS ( \
                     SELECT id, parent_id, 0 FROM namespaces WHERE id = ?1 \
                     UNION ALL SELECT n.id, n.parent_id, up.depth + 1 FROM namespaces n JOIN up ON n.id = up.parent_id) \
                 SELECT id FROM up ORDER BY depth";
    PATH_TAKEN = "SELECT EXISTS (SELECT 1 FROM namespaces WHERE path_key = ?1) OR EXISTS (SELECT 1 FROM projects WHERE path_key = ?1)";
    DELETE = "DELETE FROM namespaces WHERE id = ?1";
}

/// Creates a group or a personal namespace.
///
/// # Errors
///
/// [`StoreError::Unique`] when a namespace or project has that path.
pub fn create(tx: &mut dyn Tx, new: &NewNamespace<'_>) -> Result<Namespace, StoreError> {
    if path_taken(tx, new.full_path)? {
        return Err(StoreError::Unique {
            statement: INSERT.name.to_owned(),
            message: format!("path `{}` is taken", new.full_path),
        });
    }
    let id = tx.one(
        &INSERT,
        params![
            new.parent_id,
            new.user_id,
            new.name,
            new.path,
            new.full_path,
            &key(new.full_path),
            new.visibility,
            new.created_at
        ],
        column,
    )?;
    super::redirect_routes::taken_over(tx, new.full_path)?;
    Ok(Namespace {
        id,
        parent_id: new.parent_id,
        user_id: new.user_id,
        name: new.name.to_owned(),
        path: new.path.to_owned(),
        full_path: new.full_path.to_owned(),
        visibility: new.visibility,
        created_at: new.created_at,
    })
}

/// Returns the namespace.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, id: NamespaceId) -> Result<Option<Namespace>, StoreError> {
    tx.optional(&GET, params![id], read)
}

/// Returns those of the namespaces that exist, in any order.
///
/// # Errors
///
/// What the database said.
pub fn get_many(tx: &mut dyn Tx, ids: &[NamespaceId]) -> Result<Vec<Namespace>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.all(&GET_MANY, params![ids.as_slice()], read)
}

/// Returns the namespace with that whole path, letter case ignored.
///
/// # Errors
///
/// What the database said.
pub fn by_full_path(tx: &mut dyn Tx, full_path: &str) -> Result<Option<Namespace>, StoreError> {
    tx.optional(&BY_PATH, params![&key(full_path)], read)
}

/// Lists the groups directly inside a group, by id.
///
/// # Errors
///
/// What the database said.
pub fn children(tx: &mut dyn Tx, parent: NamespaceId, page: Page) -> Result<Vec<Namespace>, StoreError> {
    tx.all(&CHILDREN, params![parent, page.limit, page.offset], read)
}

/// Returns the namespace's own id and those of the groups around it, innermost first.
///
/// # Errors
///
/// What the database said.
pub fn with_ancestors(tx: &mut dyn Tx, id: NamespaceId) -> Result<Vec<NamespaceId>, StoreError> {
    tx.all(&ANCESTORS, params![id], column)
}

/// Whether a namespace or a project has that whole path, letter case ignored.
///
/// # Errors
///
/// What the database said.
pub fn path_taken(tx: &mut dyn Tx, full_path: &str) -> Result<bool, StoreError> {
    tx.one(&PATH_TAKEN, params![&key(full_path)], column)
}

/// Deletes an empty namespace, with the bots of a group.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when projects or groups are still in it.
pub fn delete(tx: &mut dyn Tx, id: NamespaceId) -> Result<bool, StoreError> {
    super::bots::delete_of(tx, Place::Group(id))?;
    Ok(tx.execute(&DELETE, params![id])? > 0)
}

pub(crate) fn read(row: &Row<'_>) -> Result<Namespace, StoreError> {
    Ok(Namespace {
        id: row.read()?,
        parent_id: row.read()?,
        user_id: row.read()?,
        name: row.read()?,
        path: row.read()?,
        full_path: row.read()?,
        visibility: row.read()?,
        created_at: row.read()?,
    })
}
