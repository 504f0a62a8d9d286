//! The queue: the `jobs` table seen by runners, and the jobs that need looking after.
//!
//! [`candidates`] shows what waits, `schedule` chooses, [`claim`] takes. On PostgreSQL the rows
//! that another server is just claiming are skipped instead of waited for.

use std::collections::HashMap;

use model::project::ProjectSettings;
use model::{Job, JobId, NamespaceId, PipelineId, ProjectId, RunnerId, RunnerManagerId, Timestamp};

use super::jobs::{job_columns, read};
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};
use crate::wake::Wake;

/// Which jobs a runner may see at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunnerScope {
    /// Those of projects that use instance runners.
    Instance,
    /// Those of the projects below a group.
    Group(NamespaceId),
    /// Those of the projects the runner is assigned to.
    Projects(RunnerId),
}

/// A pending job as the choice of a runner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The job.
    pub id: JobId,
    /// Its project.
    pub project_id: ProjectId,
    /// Its pipeline.
    pub pipeline_id: PipelineId,
    /// Tags a runner must have.
    pub tags: Vec<String>,
    /// Whether its ref is protected.
    pub protected: bool,
    /// When it became pending.
    pub queued_at: Option<Timestamp>,
}

/// Who takes a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The runner.
    pub runner_id: RunnerId,
    /// Its process.
    pub runner_manager_id: Option<RunnerManagerId>,
    /// Whether the job runs at once; otherwise it waits for the runner's acknowledgement (two-phase hand-out).
    pub acknowledged: bool,
    /// Effective timeout in seconds.
    pub timeout_seconds: i64,
    /// Now.
    pub now: Timestamp,
}

macro_rules! waiting {
    () => {
        "SELECT jobs.id, jobs.project_id, jobs.pipeline_id, jobs.tags, jobs.protected, jobs.queued_at FROM jobs \
         WHERE jobs.status = 'pending' AND NOT jobs.is_bridge AND jobs.runner_id IS NULL AND jobs.id > ?1"
    };
}
macro_rules! in_group {
    () => {
        " AND jobs.project_id IN (WITH RECURSIVE below (id) AS (SELECT CAST(?3 AS BIGINT) \
             UNION ALL SELECT n.id FROM namespaces n JOIN below ON n.parent_id = below.id) \
             SELECT projects.id FROM projects JOIN below ON projects.namespace_id = below.id)"
    };
}
macro_rules! assigned {
    () => {
        " AND jobs.project_id IN (SELECT project_id FROM runner_projects WHERE runner_projects.runner_id = ?3)"
    };
}

statements! {
    SEEN_BY_INSTANCE = concat!(waiting!(), " ORDER BY jobs.id LIMIT ?2");
    SEEN_BY_GROUP = concat!(waiting!(), in_group!(), " ORDER BY jobs.id LIMIT ?2");
    SEEN_BY_PROJECTS = concat!(waiting!(), assigned!(), " ORDER BY jobs.id LIMIT ?2");
    FOR_INSTANCE = both(
        concat!(waiting!(), " ORDER BY jobs.id LIMIT ?2"),
        concat!(waiting!(), " ORDER BY jobs.id LIMIT ?2 FOR UPDATE SKIP LOCKED"),
    );
    FOR_GROUP = both(
        concat!(waiting!(), in_group!(), " ORDER BY jobs.id LIMIT ?2"),
        concat!(waiting!(), in_group!(), " ORDER BY jobs.id LIMIT ?2 FOR UPDATE SKIP LOCKED"),
    );
    FOR_PROJECTS = both(
        concat!(waiting!(), assigned!(), " ORDER BY jobs.id LIMIT ?2"),
        concat!(waiting!(), assigned!(), " ORDER BY jobs.id LIMIT ?2 FOR UPDATE SKIP LOCKED"),
    );
    EXECUTING = "SELECT project_id, COUNT(*) FROM jobs WHERE status IN ('running', 'canceling') AND NOT is_bridge GROUP BY project_id";
    PROJECTS = "SELECT id, archived, settings FROM projects WHERE id = ANY(?1)";
    CLAIM = concat!("UPDATE jobs SET status = CASE WHEN ?4 THEN 'running' ELSE status END, runner_id = ?2, runner_manager_id = ?3, \
        acknowledged = ?4, claim = claim + 1, timeout_seconds = ?5, updated_at = ?6, started_at = CASE WHEN ?4 THEN ?6 ELSE started_at END \
        WHERE id = ?1 AND status = 'pending' AND runner_id IS NULL RETURNING ", job_columns!());
    RELEASE = "UPDATE jobs SET runner_id = NULL, runner_manager_id = NULL, updated_at = ?3 \
        WHERE id = ?1 AND claim = ?2 AND status = 'pending' AND runner_id IS NOT NULL";
    WAITING_FOR_RESOURCE = concat!("SELECT DISTINCT project_id, resource_group FROM jobs \
        WHERE resource_group IS NOT NULL AND status = 'waiting_for_resource' AND ", unfinished!(), " ORDER BY project_id, resource_group LIMIT ?1");
    SILENT = concat!("SELECT ", job_columns!(), " FROM jobs WHERE status IN ('running', 'canceling') AND NOT is_bridge AND updated_at < ?1 ORDER BY updated_at LIMIT ?2");
    OVERDUE = concat!("SELECT ", job_columns!(), " FROM jobs WHERE status IN ('running', 'canceling') AND NOT is_bridge \
        AND started_at + timeout_seconds * 1000000 < ?1 ORDER BY started_at LIMIT ?2");
    PENDING_SINCE = concat!("SELECT ", job_columns!(), " FROM jobs WHERE status = 'pending' AND runner_id IS NULL AND queued_at < ?1 ORDER BY id LIMIT ?2");
    UNACKNOWLEDGED = concat!("SELECT ", job_columns!(), " FROM jobs WHERE status = 'pending' AND runner_id IS NOT NULL AND updated_at < ?1 ORDER BY id LIMIT ?2");
    DUE = concat!("SELECT ", job_columns!(), " FROM jobs WHERE status = 'scheduled' AND scheduled_at <= ?1 ORDER BY scheduled_at LIMIT ?2");
    NEXT_DUE = "SELECT MIN(scheduled_at) FROM jobs WHERE status = 'scheduled'";
    WITH_PROCESS = concat!("SELECT ", job_columns!(), " FROM jobs WHERE status IN ('running', 'canceling') AND NOT is_bridge AND runner_id = ?1 AND runner_manager_id = ?2 \
        UNION ALL SELECT ", job_columns!(), " FROM jobs WHERE status = 'pending' AND runner_id = ?1 AND runner_manager_id = ?2 ORDER BY id");
    WAITING = concat!("SELECT ", job_columns!(), " FROM jobs WHERE status = 'pending' AND id > ?1 ORDER BY id LIMIT ?2");
    COUNT_BY_STATUS = "SELECT status, COUNT(*) FROM jobs WHERE status = 'pending' GROUP BY status \
        UNION ALL SELECT status, COUNT(*) FROM jobs WHERE status IN ('running', 'canceling') AND NOT is_bridge GROUP BY status";
}

/// Lists pending jobs of the whole server, the oldest first, after `after`.
///
/// # Errors
///
/// What the database said.
pub fn waiting(tx: &mut dyn Tx, after: JobId, limit: i64) -> Result<Vec<Job>, StoreError> {
    tx.all(&WAITING, params![after, limit], read)
}

/// Lists pending jobs that nobody has, by id, after `after`; locked until the commit on PostgreSQL.
///
/// # Errors
///
/// What the database said.
pub fn candidates(tx: &mut dyn Tx, scope: RunnerScope, after: JobId, limit: i64) -> Result<Vec<Candidate>, StoreError> {
    match scope {
        RunnerScope::Instance => tx.all(&FOR_INSTANCE, params![after, limit], read_candidate),
        RunnerScope::Group(group) => tx.all(&FOR_GROUP, params![after, limit, group], read_candidate),
        RunnerScope::Projects(runner) => tx.all(&FOR_PROJECTS, params![after, limit, runner], read_candidate),
    }
}

/// As [`candidates`], without locking anything: whether there is work is asked far more often than there is.
///
/// # Errors
///
/// What the database said.
pub fn peek(tx: &mut dyn Tx, scope: RunnerScope, after: JobId, limit: i64) -> Result<Vec<Candidate>, StoreError> {
    match scope {
        RunnerScope::Instance => tx.all(&SEEN_BY_INSTANCE, params![after, limit], read_candidate),
        RunnerScope::Group(group) => tx.all(&SEEN_BY_GROUP, params![after, limit, group], read_candidate),
        RunnerScope::Projects(runner) => tx.all(&SEEN_BY_PROJECTS, params![after, limit, runner], read_candidate),
    }
}

fn read_candidate(row: &Row<'_>) -> Result<Candidate, StoreError> {
    Ok(Candidate {
        id: row.read()?,
        project_id: row.read()?,
        pipeline_id: row.read()?,
        tags: row.read_list()?,
        protected: row.read()?,
        queued_at: row.read()?,
    })
}

/// Returns how many jobs each project has with runners; projects without any are absent.
///
/// # Errors
///
/// What the database said.
pub fn executing_by_project(tx: &mut dyn Tx) -> Result<HashMap<ProjectId, i64>, StoreError> {
    Ok(tx
        .all(&EXECUTING, &[], |row| Ok((row.read()?, row.read()?)))?
        .into_iter()
        .collect())
}

/// Returns what decides whether jobs of these projects may be handed out: archived, and the settings.
///
/// # Errors
///
/// What the database said.
pub fn projects(tx: &mut dyn Tx, ids: &[ProjectId]) -> Result<HashMap<ProjectId, (bool, ProjectSettings)>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = tx.all(&PROJECTS, params![ids.as_slice()], |row| {
        Ok((row.read()?, (row.read()?, row.read::<Json<ProjectSettings>>()?.0)))
    })?;
    Ok(rows.into_iter().collect())
}

/// Gives a pending job to a runner; `None` when somebody else has it or it is no longer pending.
///
/// # Errors
///
/// What the database said.
pub fn claim(tx: &mut dyn Tx, job: JobId, claim: Claim) -> Result<Option<Job>, StoreError> {
    let claimed = tx.optional(
        &CLAIM,
        params![
            job,
            claim.runner_id,
            claim.runner_manager_id,
            claim.acknowledged,
            claim.timeout_seconds,
            claim.now
        ],
        read,
    )?;
    if claimed.is_some() {
        tx.notify(Wake::Job(job));
    }
    Ok(claimed)
}

/// Takes a job that was handed out and not acknowledged back into the queue; `false` when that hand-out is over.
///
/// # Errors
///
/// What the database said.
pub fn release(tx: &mut dyn Tx, job: JobId, claim: i32, now: Timestamp) -> Result<bool, StoreError> {
    let released = tx.execute(&RELEASE, params![job, claim, now])? > 0;
    if released {
        tx.notify(Wake::JobsPending);
    }
    Ok(released)
}

/// Lists the resource groups for which jobs wait.
///
/// # Errors
///
/// What the database said.
pub fn waiting_for_resource(tx: &mut dyn Tx, limit: i64) -> Result<Vec<(ProjectId, String)>, StoreError> {
    tx.all(&WAITING_FOR_RESOURCE, params![limit], |row| {
        Ok((row.read()?, row.read()?))
    })
}

/// Lists jobs with a runner that gave no sign of life since `since`.
///
/// # Errors
///
/// What the database said.
pub fn silent_since(tx: &mut dyn Tx, since: Timestamp, limit: i64) -> Result<Vec<Job>, StoreError> {
    tx.all(&SILENT, params![since, limit], read)
}

/// Lists jobs with a runner whose timeout passed before `now`.
///
/// # Errors
///
/// What the database said.
pub fn overdue(tx: &mut dyn Tx, now: Timestamp, limit: i64) -> Result<Vec<Job>, StoreError> {
    tx.all(&OVERDUE, params![now, limit], read)
}

/// Lists jobs that are pending since before `since`.
///
/// # Errors
///
/// What the database said.
pub fn pending_since(tx: &mut dyn Tx, since: Timestamp, limit: i64) -> Result<Vec<Job>, StoreError> {
    tx.all(&PENDING_SINCE, params![since, limit], read)
}

/// Lists jobs that were handed out before `since` and whose runner did not acknowledge them.
///
/// # Errors
///
/// What the database said.
pub fn unacknowledged_since(tx: &mut dyn Tx, since: Timestamp, limit: i64) -> Result<Vec<Job>, StoreError> {
    tx.all(&UNACKNOWLEDGED, params![since, limit], read)
}

/// Lists delayed jobs that are due.
///
/// # Errors
///
/// What the database said.
pub fn due(tx: &mut dyn Tx, now: Timestamp, limit: i64) -> Result<Vec<Job>, StoreError> {
    tx.all(&DUE, params![now, limit], read)
}

/// Returns when the next delayed job becomes due.
///
/// # Errors
///
/// What the database said.
pub fn next_due(tx: &mut dyn Tx) -> Result<Option<Timestamp>, StoreError> {
    tx.one(&NEXT_DUE, &[], column)
}

/// Lists the jobs that a process of a runner was given and has not ended, acknowledged or not.
///
/// # Errors
///
/// What the database said.
pub fn with_process(tx: &mut dyn Tx, runner: RunnerId, manager: RunnerManagerId) -> Result<Vec<Job>, StoreError> {
    tx.all(&WITH_PROCESS, params![runner, manager], read)
}

/// Counts the jobs that are pending, running and canceling, for the metrics.
///
/// # Errors
///
/// What the database said.
pub fn count_by_status(tx: &mut dyn Tx) -> Result<Vec<(model::Status, i64)>, StoreError> {
    tx.all(&COUNT_BY_STATUS, &[], |row| Ok((row.read()?, row.read()?)))
}
