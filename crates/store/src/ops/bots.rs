//! Users that exist for the access tokens of a project or a group.

use model::{NamespaceId, ProjectId, Timestamp, UserId};

use super::members::Place;
use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    ADD = "INSERT INTO resource_bots (user_id, project_id, namespace_id) VALUES (?1, ?2, ?3)";
    PLACE = "SELECT project_id, namespace_id FROM resource_bots WHERE user_id = ?1";
    OF_PROJECT = "SELECT user_id FROM resource_bots WHERE project_id = ?1";
    OF_GROUP = "SELECT user_id FROM resource_bots WHERE namespace_id = ?1";
    IS_ALIVE = "SELECT EXISTS (SELECT 1 FROM access_tokens \
        WHERE user_id = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2))";
    LEFT_BEHIND = "SELECT b.user_id FROM resource_bots b WHERE NOT EXISTS (SELECT 1 FROM access_tokens t \
        WHERE t.user_id = b.user_id AND (t.revoked_at IS NULL OR t.revoked_at > ?1) AND (t.expires_at IS NULL OR t.expires_at > ?1)) \
        ORDER BY b.user_id LIMIT ?2";
}

/// Notes that a user is the bot of a project or group.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when one of them does not exist, [`StoreError::Unique`] when it is a bot already.
pub fn add(tx: &mut dyn Tx, user: UserId, place: Place) -> Result<(), StoreError> {
    let (project, group) = match place {
        Place::Project(id) => (Some(id), None),
        Place::Group(id) => (None, Some(id)),
    };
    tx.execute(&ADD, params![user, project, group])?;
    Ok(())
}

/// Returns the project or group whose bot the user is.
///
/// # Errors
///
/// What the database said.
pub fn place(tx: &mut dyn Tx, user: UserId) -> Result<Option<Place>, StoreError> {
    let found = tx.optional(&PLACE, params![user], |row| {
        Ok((row.read::<Option<ProjectId>>()?, row.read::<Option<NamespaceId>>()?))
    })?;
    Ok(match found {
        Some((Some(project), _)) => Some(Place::Project(project)),
        Some((None, Some(group))) => Some(Place::Group(group)),
        Some((None, None)) | None => None,
    })
}

/// Whether a user has an access token that works.
///
/// # Errors
///
/// What the database said.
pub fn is_alive(tx: &mut dyn Tx, user: UserId, now: Timestamp) -> Result<bool, StoreError> {
    tx.one(&IS_ALIVE, params![user, now], column)
}

/// Deletes the bots of a project or group that is about to be deleted.
///
/// # Errors
///
/// What the database said.
pub fn delete_of(tx: &mut dyn Tx, place: Place) -> Result<(), StoreError> {
    let users: Vec<UserId> = match place {
        Place::Project(id) => tx.all(&OF_PROJECT, params![id], column)?,
        Place::Group(id) => tx.all(&OF_GROUP, params![id], column)?,
    };
    for user in users {
        super::users::delete(tx, user)?;
    }
    Ok(())
}

/// Returns bots whose tokens had all ended before a time.
///
/// # Errors
///
/// What the database said.
pub fn left_behind(tx: &mut dyn Tx, before: Timestamp, limit: i64) -> Result<Vec<UserId>, StoreError> {
    tx.all(&LEFT_BEHIND, params![before, limit], column)
}
