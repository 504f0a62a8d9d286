//! Pipelines: insert with a number of their own, find, change, delete.

mod insert;
mod list;
pub mod month;

use model::{GitRef, JobId, Pipeline, PipelineId, PipelineIid, ProjectId, Sha};

use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};
use crate::wake::Wake;

pub(crate) use insert::STATEMENTS as INSERT_STATEMENTS;
pub use insert::{NewPipeline, insert, next_iid, take_iid};
pub use list::{PipelineFilter, PipelineOrder, PipelineScope, count, list};

/// What the caller gave, kept apart from the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// All variables, sealed as one value.
    pub variables: Option<Vec<u8>>,
    /// Inputs as JSON text of an object.
    pub inputs: Option<String>,
}

macro_rules! columns {
    () => {
        "id, iid, project_id, user_id, sha, before_sha, ref_name, is_tag, protected, status, stages, source, name, yaml_errors, failure_reason, \
         on_new_commit, on_job_failure, trigger_token_id, schedule_id, upstream_job_id, upstream_pipeline_id, \
         created_at, updated_at, started_at, finished_at, duration_seconds"
    };
}
pub(crate) use columns as pipeline_columns;

statements! {
    GIVEN = "SELECT variables, inputs FROM pipeline_given WHERE pipeline_id = ?1";
    GET = concat!("SELECT ", columns!(), " FROM pipelines WHERE project_id = ?1 AND id = ?2");
    BY_ID = concat!("SELECT ", columns!(), " FROM pipelines WHERE id = ?1");
    GET_MANY = concat!("SELECT ", columns!(), " FROM pipelines WHERE id = ANY(?1)");
    LOCK = both(
        concat!("SELECT ", columns!(), " FROM pipelines WHERE id = ?1"),
        concat!("SELECT ", columns!(), " FROM pipelines WHERE id = ?1 FOR UPDATE"),
    );
    LATEST = concat!("SELECT ", columns!(), " FROM pipelines WHERE project_id = ?1 AND ref_name = ?2 AND is_tag = ?3 AND sha = ?4 \
        AND source <> 'parent_pipeline' ORDER BY iid DESC LIMIT 1");
    LATEST_OF_REF = concat!("SELECT ", columns!(), " FROM pipelines WHERE project_id = ?1 AND ref_name = ?2 AND is_tag = ?3 \
        AND source <> 'parent_pipeline' ORDER BY iid DESC LIMIT 1");
    UPDATE = "UPDATE pipelines SET status = ?2, name = ?3, yaml_errors = ?4, failure_reason = ?5, updated_at = ?6, started_at = ?7, \
        finished_at = ?8, duration_seconds = ?9, stages = ?10 WHERE id = ?1";
    // `id + 0`: SQLite would walk through all pipelines in the order of their ids.
    ALIVE = concat!("SELECT ", columns!(), " FROM pipelines WHERE ", unfinished!(), " AND id + 0 > ?1 ORDER BY id + 0 LIMIT ?2");
    ALIVE_ON_REF = concat!("SELECT ", columns!(), " FROM pipelines WHERE project_id = ?1 AND ref_name = ?2 AND is_tag = ?3 AND ", unfinished!(),
        " AND iid < ?4 ORDER BY iid");
    PREVIOUS_SHA = "SELECT sha FROM pipelines WHERE project_id = ?1 AND ref_name = ?2 AND is_tag = ?3 AND iid < ?4 \
        AND source <> 'parent_pipeline' ORDER BY iid DESC LIMIT 1";
    ALIVE_JOBS = concat!("SELECT COUNT(*) FROM jobs WHERE NOT retried AND pipeline_id IN (SELECT id FROM pipelines WHERE project_id = ?1 AND ", unfinished!(), ")");
    DOWNSTREAM = concat!("SELECT ", columns!(), " FROM pipelines WHERE upstream_pipeline_id = ?1 ORDER BY id");
    DOWNSTREAM_OF_JOBS = concat!("SELECT ", columns!(), " FROM pipelines WHERE upstream_pipeline_id = ?1 AND upstream_job_id = ANY(?2) ORDER BY id");
    DELETE_JOB_VARIABLES = "DELETE FROM job_variables WHERE job_id IN (SELECT id FROM jobs WHERE pipeline_id = ANY(?1))";
    DELETE_ARTIFACTS = "DELETE FROM job_artifacts WHERE job_id IN (SELECT id FROM jobs WHERE pipeline_id = ANY(?1))";
    DELETE_JOBS = "DELETE FROM jobs WHERE pipeline_id = ANY(?1)";
    // The trigger log can repeat a call when its pipeline is gone.
    KEEP_GIVEN = "UPDATE trigger_log SET \
        variables = (SELECT g.variables FROM pipeline_given g WHERE g.pipeline_id = trigger_log.pipeline_id), \
        inputs = (SELECT g.inputs FROM pipeline_given g WHERE g.pipeline_id = trigger_log.pipeline_id) \
        WHERE pipeline_id = ANY(?1)";
    DELETE = "DELETE FROM pipelines WHERE id = ANY(?1)";
}

/// Returns what the caller gave; empty when nothing.
///
/// # Errors
///
/// What the database said.
pub fn given(tx: &mut dyn Tx, id: PipelineId) -> Result<Given, StoreError> {
    let found = tx.optional(&GIVEN, params![id], |row| {
        Ok(Given {
            variables: row.read()?,
            inputs: row.read()?,
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// Returns a pipeline of a project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, project: ProjectId, id: PipelineId) -> Result<Option<Pipeline>, StoreError> {
    tx.optional(&GET, params![project, id], read)
}

/// Returns a pipeline by its id alone.
///
/// # Errors
///
/// What the database said.
pub fn by_id(tx: &mut dyn Tx, id: PipelineId) -> Result<Option<Pipeline>, StoreError> {
    tx.optional(&BY_ID, params![id], read)
}

/// Returns a pipeline and those above it that started each other, nearest first, at most `limit`.
///
/// # Errors
///
/// What the database said.
pub fn ancestry(tx: &mut dyn Tx, own: Pipeline, limit: usize) -> Result<Vec<Pipeline>, StoreError> {
    let mut next = own.upstream_pipeline_id;
    let mut chain = vec![own];
    while let Some(id) = next.filter(|_| chain.len() < limit) {
        let Some(upstream) = by_id(tx, id)? else { break };
        next = upstream.upstream_pipeline_id;
        chain.push(upstream);
    }
    Ok(chain)
}

/// Returns those of the pipelines that exist, in any order.
///
/// # Errors
///
/// What the database said.
pub fn get_many(tx: &mut dyn Tx, ids: &[PipelineId]) -> Result<Vec<Pipeline>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.all(&GET_MANY, params![ids.as_slice()], read)
}

/// Returns a pipeline and keeps others from changing it until the commit. Lock it before its jobs.
///
/// # Errors
///
/// What the database said.
pub fn lock(tx: &mut dyn Tx, id: PipelineId) -> Result<Option<Pipeline>, StoreError> {
    tx.optional(&LOCK, params![id], read)
}

/// Returns the newest pipeline of a ref at a commit, child pipelines left out.
///
/// # Errors
///
/// What the database said.
pub fn latest(
    tx: &mut dyn Tx,
    project: ProjectId,
    git_ref: &GitRef,
    sha: &Sha,
) -> Result<Option<Pipeline>, StoreError> {
    tx.optional(&LATEST, params![project, &git_ref.name, git_ref.is_tag, sha], read)
}

/// Returns the newest pipeline of a ref at any commit, child pipelines left out.
///
/// # Errors
///
/// What the database said.
pub fn latest_of_ref(tx: &mut dyn Tx, project: ProjectId, git_ref: &GitRef) -> Result<Option<Pipeline>, StoreError> {
    tx.optional(&LATEST_OF_REF, params![project, &git_ref.name, git_ref.is_tag], read)
}

/// Writes what can change: status, name, errors, times.
///
/// # Errors
///
/// What the database said.
pub fn save(tx: &mut dyn Tx, pipeline: &Pipeline) -> Result<bool, StoreError> {
    let changed = tx.execute(
        &UPDATE,
        params![
            pipeline.id,
            pipeline.status,
            pipeline.name.as_ref(),
            pipeline.yaml_errors.as_ref(),
            pipeline.failure_reason,
            pipeline.updated_at,
            pipeline.started_at,
            pipeline.finished_at,
            pipeline.duration_seconds,
            Json::text_unless_empty(&pipeline.stages).as_ref()
        ],
    )?;
    tx.notify(Wake::Pipeline(pipeline.id));
    Ok(changed > 0)
}

/// Lists the pipelines of all projects that have not ended, by id, after `after`: what a starting server looks at.
///
/// # Errors
///
/// What the database said.
pub fn alive(tx: &mut dyn Tx, after: PipelineId, limit: i64) -> Result<Vec<Pipeline>, StoreError> {
    tx.all(&ALIVE, params![after, limit], read)
}

/// Lists the pipelines of a ref that are older than `before` and have not ended, oldest first (auto-cancel).
///
/// # Errors
///
/// What the database said.
pub fn alive_on_ref(
    tx: &mut dyn Tx,
    project: ProjectId,
    git_ref: &GitRef,
    before: PipelineIid,
) -> Result<Vec<Pipeline>, StoreError> {
    tx.all(
        &ALIVE_ON_REF,
        params![project, &git_ref.name, git_ref.is_tag, before],
        read,
    )
}

/// Returns the commit of the pipeline before this one on its ref, child pipelines left out.
///
/// # Errors
///
/// What the database said.
pub fn previous_sha(tx: &mut dyn Tx, pipeline: &Pipeline) -> Result<Option<Sha>, StoreError> {
    let git_ref = &pipeline.git_ref;
    tx.optional(
        &PREVIOUS_SHA,
        params![pipeline.project_id, &git_ref.name, git_ref.is_tag, pipeline.iid],
        column,
    )
}

/// Counts the jobs in the project's pipelines that have not ended (rest-api.md 2.1, row 17).
///
/// # Errors
///
/// What the database said.
pub fn count_alive_jobs(tx: &mut dyn Tx, project: ProjectId) -> Result<i64, StoreError> {
    tx.one(&ALIVE_JOBS, params![project], column)
}

/// Lists the pipelines that jobs of this one started.
///
/// # Errors
///
/// What the database said.
pub fn downstream(tx: &mut dyn Tx, upstream: PipelineId) -> Result<Vec<Pipeline>, StoreError> {
    tx.all(&DOWNSTREAM, params![upstream], read)
}

/// Lists the pipelines that these jobs of one pipeline started.
///
/// # Errors
///
/// What the database said.
pub fn downstream_of_jobs(tx: &mut dyn Tx, upstream: PipelineId, jobs: &[JobId]) -> Result<Vec<Pipeline>, StoreError> {
    let jobs: Vec<i64> = jobs.iter().map(|id| id.0).collect();
    tx.all(&DOWNSTREAM_OF_JOBS, params![upstream, jobs.as_slice()], read)
}

/// Deletes a pipeline with its jobs. Traces and artifacts are not rows: read their keys before
/// ([`artifacts::of_pipeline`](super::artifacts::of_pipeline)) and delete them after the commit.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, pipeline: &Pipeline) -> Result<bool, StoreError> {
    tx.notify(Wake::Project(pipeline.project_id));
    Ok(delete_many(tx, &[pipeline.id.0])? > 0)
}

pub(crate) fn delete_many(tx: &mut dyn Tx, ids: &[i64]) -> Result<u64, StoreError> {
    for sql in [&KEEP_GIVEN, &DELETE_JOB_VARIABLES, &DELETE_ARTIFACTS, &DELETE_JOBS] {
        tx.execute(sql, params![ids])?;
    }
    tx.execute(&DELETE, params![ids])
}

pub(crate) fn read(row: &Row<'_>) -> Result<Pipeline, StoreError> {
    Ok(Pipeline {
        id: row.read()?,
        iid: row.read()?,
        project_id: row.read()?,
        user_id: row.read()?,
        sha: row.read()?,
        before_sha: row.read()?,
        git_ref: GitRef {
            name: row.read()?,
            is_tag: row.read()?,
        },
        protected: row.read()?,
        status: row.read()?,
        stages: row.read_list()?,
        source: row.read()?,
        name: row.read()?,
        yaml_errors: row.read()?,
        failure_reason: row.read()?,
        on_new_commit: row.read()?,
        on_job_failure: row.read()?,
        trigger_token_id: row.read()?,
        schedule_id: row.read()?,
        upstream_job_id: row.read()?,
        upstream_pipeline_id: row.read()?,
        created_at: row.read()?,
        updated_at: row.read()?,
        started_at: row.read()?,
        finished_at: row.read()?,
        duration_seconds: row.read()?,
    })
}
