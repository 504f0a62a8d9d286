//! Jobs and bridges: insert all of a pipeline at once, find, change.

mod insert;
mod list;
mod resource_group;

use model::job::Need;
use model::{FailureReason, Job, JobId, PipelineId, ProjectId, Timestamp};

use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, Param, params};
use crate::wake::Wake;

pub(crate) use insert::STATEMENTS as INSERT_STATEMENTS;
pub use insert::{NewJob, insert, insert_all};
pub use list::{JobFilter, JobOf, count, list, list_ids};
pub(crate) use resource_group::STATEMENTS as RESOURCE_GROUP_STATEMENTS;
pub use resource_group::{InResourceGroup, lock_resource_group, of_resource_group};

macro_rules! columns {
    () => {
        "id, project_id, pipeline_id, name, stage, stage_index, definition_id, is_bridge, status, run_when, allow_failure, \
         allow_failure_exit_codes, needs, rule_variables, tags, environment, resource_group, interruptible, protected, \
         start_in_seconds, scheduled_at, enqueue_immediately, user_id, runner_id, runner_manager_id, claim, acknowledged, failure_reason, exit_code, \
         retried, timeout_seconds, coverage, created_at, updated_at, queued_at, started_at, finished_at, erased_at"
    };
}
pub(crate) use columns as job_columns;

statements! {
    GET = concat!("SELECT ", columns!(), " FROM jobs WHERE project_id = ?1 AND id = ?2");
    BY_ID = concat!("SELECT ", columns!(), " FROM jobs WHERE id = ?1");
    GET_MANY = concat!("SELECT ", columns!(), " FROM jobs WHERE id = ANY(?1)");
    LOCK = both(
        concat!("SELECT ", columns!(), " FROM jobs WHERE id = ?1"),
        concat!("SELECT ", columns!(), " FROM jobs WHERE id = ?1 FOR UPDATE"),
    );
    CURRENT = concat!("SELECT ", columns!(), " FROM jobs WHERE pipeline_id = ?1 AND NOT retried ORDER BY id");
    LOCK_CURRENT = both(
        concat!("SELECT ", columns!(), " FROM jobs WHERE pipeline_id = ?1 AND NOT retried ORDER BY id"),
        concat!("SELECT ", columns!(), " FROM jobs WHERE pipeline_id = ?1 AND NOT retried ORDER BY id FOR UPDATE"),
    );
    OF_PIPELINES = concat!("SELECT ", columns!(), " FROM jobs WHERE pipeline_id = ANY(?1) AND NOT retried ORDER BY id");
    SAVE = both(
        "UPDATE jobs SET status = ?2, allow_failure = ?3, scheduled_at = ?4, user_id = ?5, runner_id = ?6, runner_manager_id = ?7, \
            claim = ?8, acknowledged = ?9, failure_reason = ?10, exit_code = ?11, retried = ?12, timeout_seconds = ?13, coverage = ?14, \
            updated_at = ?15, queued_at = ?16, started_at = ?17, finished_at = ?18, erased_at = ?19, enqueue_immediately = ?20 WHERE id = ?1",
        "UPDATE jobs SET status = n.status, allow_failure = n.allow_failure, scheduled_at = n.scheduled_at, user_id = n.user_id, \
            runner_id = n.runner_id, runner_manager_id = n.runner_manager_id, claim = n.claim, acknowledged = n.acknowledged, \
            failure_reason = n.failure_reason, exit_code = n.exit_code, retried = n.retried, timeout_seconds = n.timeout_seconds, \
            coverage = n.coverage, updated_at = n.updated_at, queued_at = n.queued_at, started_at = n.started_at, \
            finished_at = n.finished_at, erased_at = n.erased_at, \
            enqueue_immediately = n.enqueue_immediately \
         FROM unnest(?1::bigint[], ?2::text[], ?3::boolean[], ?4::bigint[], ?5::bigint[], ?6::bigint[], ?7::bigint[], ?8::bigint[], \
            ?9::boolean[], ?10::text[], ?11::bigint[], ?12::boolean[], ?13::bigint[], ?14::double precision[], ?15::bigint[], \
            ?16::bigint[], ?17::bigint[], ?18::bigint[], ?19::bigint[], ?20::boolean[]) \
            AS n (id, status, allow_failure, scheduled_at, user_id, runner_id, runner_manager_id, claim, acknowledged, failure_reason, \
            exit_code, retried, timeout_seconds, coverage, updated_at, queued_at, started_at, finished_at, erased_at, enqueue_immediately) \
         WHERE jobs.id = n.id",
    );
    TOUCH = "UPDATE jobs SET updated_at = ?2 WHERE id = ?1";
    SET_COVERAGE = "UPDATE jobs SET coverage = ?2 WHERE id = ?1";
    IDS_OF_PIPELINE = "SELECT id FROM jobs WHERE pipeline_id = ?1 ORDER BY id";
    COUNT_RETRIED = "SELECT COUNT(*) FROM jobs WHERE pipeline_id = ?1 AND name = ?2 AND retried";
    COUNT_EARLIER = "SELECT COUNT(*) FROM jobs WHERE pipeline_id = ?1 AND name = ?2 AND id < ?3";
    FAIL = "UPDATE jobs SET failure_reason = ?2, finished_at = ?3 WHERE id = ANY(?1)";
    MARK_RETRIED = "UPDATE jobs SET retried = TRUE, updated_at = ?2 WHERE id = ANY(?1)";
}

/// Returns a job of a project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, project: ProjectId, id: JobId) -> Result<Option<Job>, StoreError> {
    tx.optional(&GET, params![project, id], read)
}

/// Returns a job by its id alone.
///
/// # Errors
///
/// What the database said.
pub fn by_id(tx: &mut dyn Tx, id: JobId) -> Result<Option<Job>, StoreError> {
    tx.optional(&BY_ID, params![id], read)
}

/// Returns those of the jobs that exist, in any order.
///
/// # Errors
///
/// What the database said.
pub fn get_many(tx: &mut dyn Tx, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.all(&GET_MANY, params![ids.as_slice()], read)
}

/// Returns a job and keeps others from changing it until the commit.
///
/// # Errors
///
/// What the database said.
pub fn lock(tx: &mut dyn Tx, id: JobId) -> Result<Option<Job>, StoreError> {
    tx.optional(&LOCK, params![id], read)
}

/// Returns the jobs of a pipeline that were not retried, by id.
///
/// # Errors
///
/// What the database said.
pub fn current(tx: &mut dyn Tx, pipeline: PipelineId) -> Result<Vec<Job>, StoreError> {
    tx.all(&CURRENT, params![pipeline], read)
}

/// As [`current`], and keeps others from changing them until the commit.
/// Lock the pipeline ([`pipelines::lock`](super::pipelines::lock)) before.
///
/// # Errors
///
/// What the database said.
pub fn lock_current(tx: &mut dyn Tx, pipeline: PipelineId) -> Result<Vec<Job>, StoreError> {
    tx.all(&LOCK_CURRENT, params![pipeline], read)
}

/// Returns the jobs of several pipelines that were not retried, by id.
///
/// # Errors
///
/// What the database said.
pub fn current_of_many(tx: &mut dyn Tx, pipelines: &[PipelineId]) -> Result<Vec<Job>, StoreError> {
    let ids: Vec<i64> = pipelines.iter().map(|id| id.0).collect();
    tx.all(&OF_PIPELINES, params![ids.as_slice()], read)
}

/// Writes everything that can change of these jobs, in one statement on PostgreSQL.
///
/// Read them with [`lock`] or [`lock_current`] in the same transaction, or other changes are lost.
///
/// # Errors
///
/// What the database said.
pub fn save_all<'a>(tx: &mut dyn Tx, jobs: impl IntoIterator<Item = &'a Job>) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for job in jobs {
        rows.extend(changing(job));
        tx.notify(Wake::Job(job.id));
        if job.status == model::Status::Pending && !job.is_bridge {
            tx.notify(Wake::JobsPending);
        }
    }
    if rows.is_empty() {
        Ok(())
    } else {
        tx.execute_rows(&SAVE, CHANGING, &rows)
    }
}

/// As [`save_all`] for one job.
///
/// # Errors
///
/// What the database said.
pub fn save(tx: &mut dyn Tx, job: &Job) -> Result<(), StoreError> {
    save_all(tx, [job])
}

/// Number of parameters of [`SAVE`].
const CHANGING: usize = 20;

fn changing(job: &Job) -> [Param<'_>; CHANGING] {
    [
        job.id.into(),
        job.status.into(),
        job.allow_failure.into(),
        job.scheduled_at.into(),
        job.user_id.into(),
        job.runner_id.into(),
        job.runner_manager_id.into(),
        job.claim.into(),
        job.acknowledged.into(),
        job.failure_reason.into(),
        job.exit_code.into(),
        job.retried.into(),
        job.timeout_seconds.into(),
        job.coverage.into(),
        job.updated_at.into(),
        job.queued_at.into(),
        job.started_at.into(),
        job.finished_at.into(),
        job.erased_at.into(),
        job.enqueue_immediately.into(),
    ]
}

/// Notes a sign of life of a running job.
///
/// # Errors
///
/// What the database said.
pub fn touch(tx: &mut dyn Tx, id: JobId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&TOUCH, params![id, now])? > 0)
}

/// Sets the coverage found in the log.
///
/// # Errors
///
/// What the database said.
pub fn set_coverage(tx: &mut dyn Tx, id: JobId, percent: Option<f64>) -> Result<bool, StoreError> {
    Ok(tx.execute(&SET_COVERAGE, params![id, percent])? > 0)
}

/// Returns the ids of all jobs of a pipeline, also of retried ones.
///
/// # Errors
///
/// What the database said.
pub fn ids_of_pipeline(tx: &mut dyn Tx, pipeline: PipelineId) -> Result<Vec<JobId>, StoreError> {
    tx.all(&IDS_OF_PIPELINE, params![pipeline], column)
}

/// Counts the attempts of a name that were retried.
///
/// # Errors
///
/// What the database said.
pub fn count_retried(tx: &mut dyn Tx, pipeline: PipelineId, name: &str) -> Result<i64, StoreError> {
    tx.one(&COUNT_RETRIED, params![pipeline, name], column)
}

/// Counts the attempts of a job's name before it.
///
/// # Errors
///
/// What the database said.
pub fn count_earlier(tx: &mut dyn Tx, job: &Job) -> Result<i64, StoreError> {
    tx.one(&COUNT_EARLIER, params![job.pipeline_id, &job.name, job.id], column)
}

/// Notes why jobs failed that were created as failed.
///
/// # Errors
///
/// What the database said.
pub fn fail(tx: &mut dyn Tx, ids: &[JobId], reason: FailureReason, now: Timestamp) -> Result<(), StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.execute(&FAIL, params![ids.as_slice(), reason, now])?;
    Ok(())
}

/// Marks jobs as replaced by newer attempts.
///
/// # Errors
///
/// What the database said.
pub fn mark_retried(tx: &mut dyn Tx, ids: &[JobId], now: Timestamp) -> Result<(), StoreError> {
    let numbers: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.execute(&MARK_RETRIED, params![numbers.as_slice(), now])?;
    for id in ids {
        tx.notify(Wake::Job(*id));
    }
    Ok(())
}

/// Makes a job of [`job_columns`].
pub(crate) fn read(row: &Row<'_>) -> Result<Job, StoreError> {
    Ok(Job {
        id: row.read()?,
        project_id: row.read()?,
        pipeline_id: row.read()?,
        name: row.read()?,
        stage: row.read()?,
        stage_index: row.read()?,
        definition_id: row.read()?,
        is_bridge: row.read()?,
        status: row.read()?,
        when: row.read()?,
        allow_failure: row.read()?,
        allow_failure_exit_codes: row.read()?,
        needs: row.read::<Option<Json<Vec<Need>>>>()?.map(|json| json.0),
        rule_variables: row.read_list()?,
        tags: row.read_list()?,
        environment: row.read()?,
        resource_group: row.read()?,
        interruptible: row.read()?,
        protected: row.read()?,
        start_in_seconds: row.read()?,
        scheduled_at: row.read()?,
        enqueue_immediately: row.read()?,
        user_id: row.read()?,
        runner_id: row.read()?,
        runner_manager_id: row.read()?,
        claim: row.read()?,
        acknowledged: row.read()?,
        failure_reason: row.read()?,
        exit_code: row.read()?,
        retried: row.read()?,
        timeout_seconds: row.read()?,
        coverage: row.read()?,
        created_at: row.read()?,
        updated_at: row.read()?,
        queued_at: row.read()?,
        started_at: row.read()?,
        finished_at: row.read()?,
        erased_at: row.read()?,
    })
}
