//! Members of projects and groups, and the role that follows from all of them.

use model::{AccessLevel, NamespaceId, ProjectId, Timestamp, UserId};

use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// A membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The member.
    pub user_id: UserId,
    /// The role.
    pub level: AccessLevel,
    /// Who added the member.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// When the membership ends.
    pub expires_at: Option<Timestamp>,
}

/// Where somebody is a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A project.
    Project(ProjectId),
    /// A group.
    Group(NamespaceId),
}

macro_rules! around {
    () => {
        "WITH RECURSIVE up (id, parent_id, user_id) AS ( \
             SELECT n.id, n.parent_id, n.user_id FROM namespaces n JOIN projects p ON p.namespace_id = n.id WHERE p.id = ?1 \
             UNION ALL SELECT n.id, n.parent_id, n.user_id FROM namespaces n JOIN up ON n.id = up.parent_id)"
    };
}

statements! {
    LEVEL_IN_PROJECT = concat!(around!(), " SELECT COALESCE(MAX(level), 0) FROM ( \
            SELECT level FROM project_members WHERE project_id = ?1 AND user_id = ?2 AND (expires_at IS NULL OR expires_at > ?3) \
            UNION ALL SELECT m.level FROM group_members m JOIN up ON m.namespace_id = up.id \
                WHERE m.user_id = ?2 AND (m.expires_at IS NULL OR m.expires_at > ?3) \
            UNION ALL SELECT 50 FROM up WHERE up.user_id = ?2) AS roles");
    LEVEL_IN_GROUP = "WITH RECURSIVE up (id, parent_id, user_id) AS ( \
             SELECT id, parent_id, user_id FROM namespaces WHERE id = ?1 \
             UNION ALL SELECT n.id, n.parent_id, n.user_id FROM namespaces n JOIN up ON n.id = up.parent_id) \
        SELECT COALESCE(MAX(level), 0) FROM ( \
            SELECT m.level FROM group_members m JOIN up ON m.namespace_id = up.id \
                WHERE m.user_id = ?2 AND (m.expires_at IS NULL OR m.expires_at > ?3) \
            UNION ALL SELECT 50 FROM up WHERE up.user_id = ?2) AS roles";
    PROJECTS_BELOW = "WITH RECURSIVE below (id) AS (SELECT CAST(?1 AS BIGINT) \
             UNION ALL SELECT n.id FROM namespaces n JOIN below ON n.parent_id = below.id), \
         mine (id) AS (SELECT namespace_id FROM group_members WHERE user_id = ?2 AND level >= ?3 AND (expires_at IS NULL OR expires_at > ?4) \
             UNION SELECT n.id FROM namespaces n JOIN mine ON n.parent_id = mine.id) \
        SELECT projects.id FROM projects JOIN below ON projects.namespace_id = below.id \
        WHERE projects.namespace_id IN (SELECT id FROM mine) OR projects.id IN (SELECT project_id FROM project_members \
            WHERE user_id = ?2 AND level >= ?3 AND (expires_at IS NULL OR expires_at > ?4)) ORDER BY projects.id LIMIT ?5";
    ADD_TO_PROJECT = "INSERT INTO project_members (project_id, user_id, level, created_by, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
        ON CONFLICT DO NOTHING";
    ADD_TO_GROUP = "INSERT INTO group_members (namespace_id, user_id, level, created_by, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
        ON CONFLICT DO NOTHING";
    UPDATE_IN_PROJECT = "UPDATE project_members SET level = ?3, expires_at = ?4 WHERE project_id = ?1 AND user_id = ?2";
    UPDATE_IN_GROUP = "UPDATE group_members SET level = ?3, expires_at = ?4 WHERE namespace_id = ?1 AND user_id = ?2";
    REMOVE_FROM_PROJECT = "DELETE FROM project_members WHERE project_id = ?1 AND user_id = ?2";
    REMOVE_FROM_GROUP = "DELETE FROM group_members WHERE namespace_id = ?1 AND user_id = ?2";
    OF_PROJECT = "SELECT user_id, level, created_by, created_at, expires_at FROM project_members WHERE project_id = ?1 \
        ORDER BY user_id LIMIT ?2 OFFSET ?3";
    OF_GROUP = "SELECT user_id, level, created_by, created_at, expires_at FROM group_members WHERE namespace_id = ?1 \
        ORDER BY user_id LIMIT ?2 OFFSET ?3";
    ALL_OF_PROJECT = concat!(around!(), " SELECT user_id, level, created_by, created_at, expires_at FROM ( \
            SELECT user_id, level, created_by, created_at, expires_at, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY level DESC, created_at) AS rank FROM ( \
                SELECT user_id, level, created_by, created_at, expires_at FROM project_members WHERE project_id = ?1 \
                UNION ALL SELECT m.user_id, m.level, m.created_by, m.created_at, m.expires_at FROM group_members m JOIN up ON m.namespace_id = up.id \
            ) AS each_role) AS ranked WHERE rank = 1 ORDER BY user_id LIMIT ?2 OFFSET ?3");
    GET_OF_PROJECT = "SELECT user_id, level, created_by, created_at, expires_at FROM project_members WHERE project_id = ?1 AND user_id = ?2";
    GET_OF_GROUP = "SELECT user_id, level, created_by, created_at, expires_at FROM group_members WHERE namespace_id = ?1 AND user_id = ?2";
}

/// Returns the highest role the user has in the project: direct, through the groups around it, or as
/// the owner of the personal namespace. Expired memberships do not count.
///
/// # Errors
///
/// What the database said.
pub fn level_in_project(
    tx: &mut dyn Tx,
    project: ProjectId,
    user: UserId,
    now: Timestamp,
) -> Result<AccessLevel, StoreError> {
    tx.one(&LEVEL_IN_PROJECT, params![project, user, now], column)
}

/// Returns the highest role the user has in the group, direct or through the groups around it.
///
/// # Errors
///
/// What the database said.
pub fn level_in_group(
    tx: &mut dyn Tx,
    group: NamespaceId,
    user: UserId,
    now: Timestamp,
) -> Result<AccessLevel, StoreError> {
    tx.one(&LEVEL_IN_GROUP, params![group, user, now], column)
}

/// Lists projects below a group in which the user has at least this role.
///
/// # Errors
///
/// What the database said.
pub fn projects_below(
    tx: &mut dyn Tx,
    group: NamespaceId,
    user: UserId,
    least: AccessLevel,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<ProjectId>, StoreError> {
    tx.all(&PROJECTS_BELOW, params![group, user, least, now, limit], column)
}

/// Adds a member; `false` when the user is one already, and then nothing changes.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the place or the user does not exist.
pub fn add(tx: &mut dyn Tx, place: Place, member: &Member) -> Result<bool, StoreError> {
    let (sql, id) = match place {
        Place::Project(id) => (&ADD_TO_PROJECT, id.0),
        Place::Group(id) => (&ADD_TO_GROUP, id.0),
    };
    let changed = tx.execute(
        sql,
        params![
            id,
            member.user_id,
            member.level,
            member.created_by,
            member.created_at,
            member.expires_at
        ],
    )?;
    Ok(changed > 0)
}

/// Changes role and end of a membership.
///
/// # Errors
///
/// What the database said.
pub fn update(
    tx: &mut dyn Tx,
    place: Place,
    user: UserId,
    level: AccessLevel,
    expires_at: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let (sql, id) = match place {
        Place::Project(id) => (&UPDATE_IN_PROJECT, id.0),
        Place::Group(id) => (&UPDATE_IN_GROUP, id.0),
    };
    super::restrict(tx, sql, params![id, user, level, expires_at])
}

/// Removes a member.
///
/// # Errors
///
/// What the database said.
pub fn remove(tx: &mut dyn Tx, place: Place, user: UserId) -> Result<bool, StoreError> {
    let (sql, id) = match place {
        Place::Project(id) => (&REMOVE_FROM_PROJECT, id.0),
        Place::Group(id) => (&REMOVE_FROM_GROUP, id.0),
    };
    super::restrict(tx, sql, params![id, user])
}

/// Returns the direct membership of a user.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, place: Place, user: UserId) -> Result<Option<Member>, StoreError> {
    let (sql, id) = match place {
        Place::Project(id) => (&GET_OF_PROJECT, id.0),
        Place::Group(id) => (&GET_OF_GROUP, id.0),
    };
    tx.optional(sql, params![id, user], read)
}

/// Lists the direct members by user id.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, place: Place, page: Page) -> Result<Vec<Member>, StoreError> {
    let (sql, id) = match place {
        Place::Project(id) => (&OF_PROJECT, id.0),
        Place::Group(id) => (&OF_GROUP, id.0),
    };
    tx.all(sql, params![id, page.limit, page.offset], read)
}

/// Lists the members of a project and of the groups around it by user id, each with the highest role.
///
/// # Errors
///
/// What the database said.
pub fn list_with_inherited(tx: &mut dyn Tx, project: ProjectId, page: Page) -> Result<Vec<Member>, StoreError> {
    tx.all(&ALL_OF_PROJECT, params![project, page.limit, page.offset], read)
}

fn read(row: &Row<'_>) -> Result<Member, StoreError> {
    Ok(Member {
        user_id: row.read()?,
        level: row.read()?,
        created_by: row.read()?,
        created_at: row.read()?,
        expires_at: row.read()?,
    })
}
