//! Keys of calls that made a pipeline, found by their keyed digest.

use model::{PipelineId, ProjectId, Timestamp};

use crate::error::StoreError;
use crate::row::Row;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// A key to be remembered.
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'a> {
    /// The project.
    pub project_id: ProjectId,
    /// Keyed digest of the key and of who may use it.
    pub key: &'a [u8; 32],
    /// Keyed digest of what was sent.
    pub payload: &'a [u8; 32],
    /// The pipeline that was made.
    pub pipeline_id: PipelineId,
    /// Now.
    pub created_at: Timestamp,
    /// A key that was remembered before this moment is free again.
    pub valid_since: Timestamp,
}

/// What is remembered of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Keyed digest of what was sent.
    pub payload: [u8; 32],
    /// The pipeline that was made; it may be deleted by now.
    pub pipeline_id: PipelineId,
}

statements! {
    GET = "SELECT payload_digest, pipeline_id FROM idempotency_keys WHERE project_id = ?1 AND key_digest = ?2 AND created_at >= ?3";
    CLAIM = "INSERT INTO idempotency_keys (project_id, key_digest, payload_digest, pipeline_id, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (project_id, key_digest) DO UPDATE SET payload_digest = excluded.payload_digest, \
        pipeline_id = excluded.pipeline_id, created_at = excluded.created_at WHERE idempotency_keys.created_at < ?6";
    FORGET = "DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM idempotency_keys WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";
}

/// Returns what is remembered of a key since a moment.
///
/// # Errors
///
/// What the database said.
pub fn get(
    tx: &mut dyn Tx,
    project: ProjectId,
    key: &[u8; 32],
    since: Timestamp,
) -> Result<Option<Remembered>, StoreError> {
    tx.optional(&GET, params![project, key, since], read)
}

/// Remembers a key; false when it is remembered already. Waits for a transaction that remembers the same one.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the project does not exist.
pub fn claim(tx: &mut dyn Tx, new: &NewKey<'_>) -> Result<bool, StoreError> {
    let params = params![
        new.project_id,
        new.key,
        new.payload,
        new.pipeline_id,
        new.created_at,
        new.valid_since
    ];
    Ok(tx.execute(&CLAIM, params)? > 0)
}

/// Removes keys that were remembered before a moment, the oldest first and at most so many; returns how many.
///
/// # Errors
///
/// What the database said.
pub fn forget(tx: &mut dyn Tx, before: Timestamp, most: i64) -> Result<u64, StoreError> {
    tx.execute(&FORGET, params![before, most])
}

fn read(row: &Row<'_>) -> Result<Remembered, StoreError> {
    Ok(Remembered {
        payload: row.read()?,
        pipeline_id: row.read()?,
    })
}
