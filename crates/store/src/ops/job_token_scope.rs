//! Whose job tokens a project accepts: other projects, and groups with all projects below them.

use model::{Namespace, NamespaceId, Project, ProjectId, Timestamp, UserId};

use super::namespaces::{self, namespace_columns};
use super::page::Page;
use super::projects::{self, project_columns};
use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    ALLOWS = "WITH RECURSIVE above (id, parent_id) AS ( \
            SELECT namespaces.id, namespaces.parent_id FROM namespaces JOIN projects ON projects.namespace_id = namespaces.id WHERE projects.id = ?2 \
            UNION ALL SELECT namespaces.id, namespaces.parent_id FROM namespaces JOIN above ON above.parent_id = namespaces.id) \
        SELECT EXISTS (SELECT 1 FROM job_token_projects WHERE project_id = ?1 AND target_id = ?2) \
            OR EXISTS (SELECT 1 FROM job_token_groups WHERE project_id = ?1 AND target_id IN (SELECT id FROM above))";
    PROJECTS = concat!("SELECT ", project_columns!(), " FROM job_token_projects JOIN projects ON projects.id = job_token_projects.target_id \
        WHERE job_token_projects.project_id = ?1 ORDER BY projects.id LIMIT ?2 OFFSET ?3");
    GROUPS = concat!("SELECT ", namespace_columns!(), " FROM job_token_groups JOIN namespaces ON namespaces.id = job_token_groups.target_id \
        WHERE job_token_groups.project_id = ?1 ORDER BY namespaces.id LIMIT ?2 OFFSET ?3");
    COUNT_PROJECTS = "SELECT COUNT(*) FROM job_token_projects WHERE project_id = ?1";
    COUNT_GROUPS = "SELECT COUNT(*) FROM job_token_groups WHERE project_id = ?1";
    ADD_PROJECT = "INSERT INTO job_token_projects (project_id, target_id, added_by, created_at) VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT (project_id, target_id) DO NOTHING";
    ADD_GROUP = "INSERT INTO job_token_groups (project_id, target_id, added_by, created_at) VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT (project_id, target_id) DO NOTHING";
    REMOVE_PROJECT = "DELETE FROM job_token_projects WHERE project_id = ?1 AND target_id = ?2";
    REMOVE_GROUP = "DELETE FROM job_token_groups WHERE project_id = ?1 AND target_id = ?2";
}

/// Who adds an entry, and when.
#[derive(Clone, Copy, Debug)]
pub struct Added {
    /// Who.
    pub by: Option<UserId>,
    /// Now.
    pub at: Timestamp,
}

/// Whether `project` accepts job tokens of `source`, itself or by a group above it.
///
/// # Errors
///
/// What the database said.
pub fn allows(tx: &mut dyn Tx, project: ProjectId, source: ProjectId) -> Result<bool, StoreError> {
    tx.one(&ALLOWS, params![project, source], column)
}

/// Lists the projects on a project's list, by id.
///
/// # Errors
///
/// What the database said.
pub fn projects(tx: &mut dyn Tx, project: ProjectId, page: Page) -> Result<Vec<Project>, StoreError> {
    tx.all(&PROJECTS, params![project, page.limit, page.offset], projects::read)
}

/// Lists the groups on a project's list, by id.
///
/// # Errors
///
/// What the database said.
pub fn groups(tx: &mut dyn Tx, project: ProjectId, page: Page) -> Result<Vec<Namespace>, StoreError> {
    tx.all(&GROUPS, params![project, page.limit, page.offset], namespaces::read)
}

/// Counts the projects on a project's list.
///
/// # Errors
///
/// What the database said.
pub fn count_projects(tx: &mut dyn Tx, project: ProjectId) -> Result<i64, StoreError> {
    tx.one(&COUNT_PROJECTS, params![project], column)
}

/// Counts the groups on a project's list.
///
/// # Errors
///
/// What the database said.
pub fn count_groups(tx: &mut dyn Tx, project: ProjectId) -> Result<i64, StoreError> {
    tx.one(&COUNT_GROUPS, params![project], column)
}

/// Puts a project on the list; `false` when it is there already.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when one of them does not exist.
pub fn add_project(tx: &mut dyn Tx, project: ProjectId, target: ProjectId, added: Added) -> Result<bool, StoreError> {
    Ok(tx.execute(&ADD_PROJECT, params![project, target, added.by, added.at])? > 0)
}

/// Puts a group on the list; `false` when it is there already.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when one of them does not exist.
pub fn add_group(tx: &mut dyn Tx, project: ProjectId, target: NamespaceId, added: Added) -> Result<bool, StoreError> {
    Ok(tx.execute(&ADD_GROUP, params![project, target, added.by, added.at])? > 0)
}

/// Takes a project off the list; `false` when it is not there.
///
/// # Errors
///
/// What the database said.
pub fn remove_project(tx: &mut dyn Tx, project: ProjectId, target: ProjectId) -> Result<bool, StoreError> {
    Ok(tx.execute(&REMOVE_PROJECT, params![project, target])? > 0)
}

/// Takes a group off the list; `false` when it is not there.
///
/// # Errors
///
/// What the database said.
pub fn remove_group(tx: &mut dyn Tx, project: ProjectId, target: NamespaceId) -> Result<bool, StoreError> {
    Ok(tx.execute(&REMOVE_GROUP, params![project, target])? > 0)
}
