//! Bridges: which ones wait for work, which ones lag behind, and why some started nothing.

use model::{JobId, Pipeline, PipelineId};

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
    MIRRORS_BEHIND = concat!("SELECT jobs.id, jobs.pipeline_id FROM jobs \
        JOIN bridge_mirrors ON bridge_mirrors.job_id = jobs.id LEFT JOIN pipelines ON pipelines.id = bridge_mirrors.pipeline_id \
        WHERE jobs.status = 'running' AND NOT jobs.retried AND ", at_work!(), " \
        AND (pipelines.id IS NULL OR pipelines.status IN ('success', 'failed', 'canceled', 'skipped')) ORDER BY jobs.id LIMIT ?1");
    MIRROR = "INSERT INTO bridge_mirrors (job_id, pipeline_id) VALUES (?1, ?2)";
    MIRRORED = "SELECT pipeline_id FROM bridge_mirrors WHERE job_id = ?1";
    MIRRORS_OF = "SELECT jobs.id, jobs.pipeline_id FROM bridge_mirrors JOIN jobs ON jobs.id = bridge_mirrors.job_id \
        WHERE bridge_mirrors.pipeline_id = ?1 AND NOT jobs.retried ORDER BY jobs.id";
    TAKE_UP = "INSERT INTO bridges_taken_up (job_id) SELECT id FROM jobs WHERE id = ?1 AND is_bridge AND NOT retried \
        UNION SELECT job_id FROM bridge_mirrors WHERE pipeline_id = ?2 ON CONFLICT (job_id) DO NOTHING";
    TAKEN_UP = "SELECT jobs.id, jobs.pipeline_id FROM bridges_taken_up JOIN jobs ON jobs.id = bridges_taken_up.job_id ORDER BY bridges_taken_up.job_id LIMIT ?1";
    NOTICED = "DELETE FROM bridges_taken_up WHERE job_id = ?1";
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
    let mut behind = tx.all(&BEHIND, params![limit], pair)?;
    behind.extend(tx.all(&MIRRORS_BEHIND, params![limit], pair)?);
    Ok(behind)
}

/// Notes that a bridge follows a pipeline which it did not start.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the bridge does not exist, [`StoreError::Unique`] when it follows one already.
pub fn mirror(tx: &mut dyn Tx, bridge: JobId, pipeline: PipelineId) -> Result<(), StoreError> {
    tx.execute(&MIRROR, params![bridge, pipeline])?;
    Ok(())
}

/// Returns the pipeline that a bridge mirrors, which may have been deleted since.
///
/// # Errors
///
/// What the database said.
pub fn mirrored(tx: &mut dyn Tx, bridge: JobId) -> Result<Option<PipelineId>, StoreError> {
    tx.optional(&MIRRORED, params![bridge], column)
}

/// Lists the bridges that mirror a pipeline, each with its own pipeline.
///
/// # Errors
///
/// What the database said.
pub fn mirrors_of(tx: &mut dyn Tx, pipeline: PipelineId) -> Result<Vec<(JobId, PipelineId)>, StoreError> {
    tx.all(&MIRRORS_OF, params![pipeline], pair)
}

/// Notes that a pipeline went on, for the bridges that follow it: they may have ended with it before.
///
/// # Errors
///
/// What the database said.
pub fn take_up(tx: &mut dyn Tx, pipeline: &Pipeline) -> Result<(), StoreError> {
    tx.execute(&TAKE_UP, params![pipeline.upstream_job_id, pipeline.id])?;
    Ok(())
}

/// Lists bridges that have not noticed that their pipelines went on, each with its own pipeline.
///
/// # Errors
///
/// What the database said.
pub fn taken_up(tx: &mut dyn Tx, limit: i64) -> Result<Vec<(JobId, PipelineId)>, StoreError> {
    tx.all(&TAKEN_UP, params![limit], pair)
}

/// Notes that a bridge has noticed it.
///
/// # Errors
///
/// What the database said.
pub fn noticed(tx: &mut dyn Tx, bridge: JobId) -> Result<(), StoreError> {
    tx.execute(&NOTICED, params![bridge])?;
    Ok(())
}

fn pair(row: &crate::row::Row<'_>) -> Result<(JobId, PipelineId), StoreError> {
    Ok((row.read()?, row.read()?))
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
