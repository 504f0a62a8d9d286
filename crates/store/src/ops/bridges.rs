//! Bridges: which ones wait for work, which ones lag behind, and why some started nothing.

use model::{JobId, PipelineId};

use super::jobs::{job_columns, read};
use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};

/// The words of the partial index `jobs_bridges`.
macro_rules! at_work {
    () => {
        "jobs.is_bridge AND (jobs.status = 'pending' OR jobs.status = 'running')"
    };
}

statements! {
    PENDING = concat!("SELECT id FROM jobs WHERE jobs.status = 'pending' AND ", at_work!(), " ORDER BY id LIMIT ?1");
    BEHIND = concat!("SELECT jobs.id, jobs.pipeline_id FROM jobs \
        JOIN pipelines ON pipelines.upstream_pipeline_id = jobs.pipeline_id AND pipelines.upstream_job_id = jobs.id \
        WHERE jobs.status = 'running' AND NOT jobs.retried AND ", at_work!(), " \
        AND pipelines.status IN ('success', 'failed', 'canceled', 'skipped') ORDER BY jobs.id LIMIT ?1");
    FAMILY_SIZE = "WITH RECURSIVE family (id) AS (SELECT CAST(?1 AS BIGINT) \
        UNION ALL SELECT pipelines.id FROM pipelines JOIN family ON pipelines.upstream_pipeline_id = family.id) \
        SELECT COUNT(*) FROM (SELECT id FROM family LIMIT ?2) AS counted";
    LATEST_SUCCESS = concat!("SELECT ", job_columns!(), " FROM jobs WHERE name = ?4 AND status = 'success' AND NOT retried AND NOT is_bridge \
        AND pipeline_id IN (SELECT id FROM pipelines WHERE project_id = ?1 AND ref_name = ?2 ORDER BY iid DESC LIMIT ?3) \
        ORDER BY id DESC LIMIT 1");
    EXPLAIN = "INSERT INTO bridge_messages (job_id, messages) VALUES (?1, ?2) \
        ON CONFLICT (job_id) DO UPDATE SET messages = excluded.messages";
    MESSAGES = "SELECT job_id, messages FROM bridge_messages WHERE job_id = ANY(?1)";
}

/// Lists bridges that are to start their downstream pipelines, oldest first.
///
/// # Errors
///
/// What the database said.
pub fn pending(tx: &mut dyn Tx, limit: i64) -> Result<Vec<JobId>, StoreError> {
    tx.all(&PENDING, params![limit], column)
}

/// Lists running bridges whose downstream pipeline has ended, each with its own pipeline.
///
/// # Errors
///
/// What the database said.
pub fn behind(tx: &mut dyn Tx, limit: i64) -> Result<Vec<(JobId, PipelineId)>, StoreError> {
    tx.all(&BEHIND, params![limit], |row| Ok((row.read()?, row.read()?)))
}

/// Counts a pipeline and all that it started, directly or through others, up to `limit`.
///
/// # Errors
///
/// What the database said.
pub fn family_size(tx: &mut dyn Tx, root: PipelineId, limit: i64) -> Result<i64, StoreError> {
    tx.one(&FAMILY_SIZE, params![root, limit], column)
}

/// Pipelines of a ref among which a job for `needs:project` is looked for, newest first.
const REACH: i64 = 500;

/// Returns the newest job of a name that succeeded on a ref.
///
/// # Errors
///
/// What the database said.
pub fn latest_success(
    tx: &mut dyn Tx,
    project: model::ProjectId,
    ref_name: &str,
    name: &str,
) -> Result<Option<model::Job>, StoreError> {
    tx.optional(&LATEST_SUCCESS, params![project, ref_name, REACH, name], read)
}

/// Keeps why a bridge started nothing.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the bridge does not exist.
pub fn explain(tx: &mut dyn Tx, bridge: JobId, messages: &[String]) -> Result<(), StoreError> {
    let text = Json::text(&messages);
    tx.execute(&EXPLAIN, params![bridge, &text])?;
    Ok(())
}

/// Returns why these bridges started nothing; those that did are absent.
///
/// # Errors
///
/// What the database said.
pub fn messages(tx: &mut dyn Tx, bridges: &[JobId]) -> Result<Vec<(JobId, Vec<String>)>, StoreError> {
    let ids: Vec<i64> = bridges.iter().map(|id| id.0).collect();
    tx.all(&MESSAGES, params![ids.as_slice()], |row| {
        Ok((row.read()?, row.read::<Json<Vec<String>>>()?.0))
    })
}
