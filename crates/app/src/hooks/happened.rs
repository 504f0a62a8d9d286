//! Writing down what hooks are to be told of, in the transaction in which it happens.
//!
//! Only what changes is written: statuses and times. The rest is looked up when payloads are made.

use std::collections::HashSet;

use model::{
    Deployment, DeploymentStatus, HookKind, HookKinds, Job, JobId, Pipeline, Project, ProjectId, Sha, Status,
    Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use store::{StoreError, Tx, ops};

/// Refs of one push above which hooks are told of none (GitLab's `push_event_hooks_limit`).
pub const MAX_REFS: usize = 3;

/// Something that happened.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum Event {
    /// A branch or tag moved.
    Push(Push),
    /// A pipeline has another status.
    Pipeline(PipelineThen),
    /// A job has another status.
    Job {
        /// The job.
        job: JobThen,
        /// Its pipeline.
        pipeline: PipelineThen,
    },
    /// A deployment started or ended.
    Deployment {
        /// Which.
        id: i64,
        /// How far it was then.
        status: DeploymentStatus,
        /// When it got so far.
        at: Timestamp,
    },
}

/// A ref that moved.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Push {
    /// Full name.
    pub git_ref: String,
    /// Old object, zeros on creation.
    pub before: String,
    /// New object, zeros on deletion.
    pub after: String,
    /// Who pushed.
    pub user: i64,
    /// Whether no pipeline was wanted.
    pub skip_ci: bool,
}

/// A pipeline as it was.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PipelineThen {
    /// Which.
    pub id: i64,
    /// Its status then.
    pub status: Status,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How long it ran.
    pub duration_seconds: Option<i64>,
    /// The newest attempts of its jobs; none for the event of one job.
    pub jobs: Vec<JobThen>,
}

/// A job as it was.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct JobThen {
    /// Which.
    pub id: i64,
    /// Its status then.
    pub status: Status,
    /// When it was queued.
    pub queued_at: Option<Timestamp>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it failed.
    pub failure_reason: Option<model::FailureReason>,
}

impl From<&Job> for JobThen {
    fn from(job: &Job) -> JobThen {
        JobThen {
            id: job.id.0,
            status: job.status,
            queued_at: job.queued_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            failure_reason: job.failure_reason,
        }
    }
}

impl PipelineThen {
    /// The pipeline as it is, with these jobs.
    #[must_use]
    pub fn new<'a>(pipeline: &Pipeline, jobs: impl IntoIterator<Item = &'a Job>) -> PipelineThen {
        PipelineThen {
            id: pipeline.id.0,
            status: pipeline.status,
            started_at: pipeline.started_at,
            finished_at: pipeline.finished_at,
            duration_seconds: pipeline.duration_seconds,
            jobs: jobs
                .into_iter()
                .filter(|job| !job.is_bridge)
                .map(JobThen::from)
                .collect(),
        }
    }
}

/// Writes down refs that moved.
///
/// # Errors
///
/// What the database said.
pub fn pushed(tx: &mut dyn Tx, project: &Project, pushes: &[Push]) -> Result<(), StoreError> {
    if pushes.len() > MAX_REFS {
        return Ok(());
    }
    for push in pushes {
        let kind = push_kind(&push.git_ref);
        if project.settings.hook_kinds.has(kind) {
            write(tx, project.id, kind, &Event::Push(push.clone()))?;
        }
    }
    Ok(())
}

/// Of which kind a moved ref is.
#[must_use]
pub fn push_kind(git_ref: &str) -> HookKind {
    if git_ref.starts_with("refs/tags/") {
        HookKind::TagPush
    } else {
        HookKind::Push
    }
}

/// What moved, as [`pushed`] wants it.
#[must_use]
pub fn push(git_ref: &str, before: &Sha, after: &Sha, user: UserId, skip_ci: bool) -> Push {
    Push {
        git_ref: git_ref.to_owned(),
        before: before.to_string(),
        after: after.to_string(),
        user: user.0,
        skip_ci,
    }
}

/// Writes down a new pipeline and its jobs; on the way of every trigger call, so the project's row decides.
///
/// # Errors
///
/// What the database said.
pub fn created(tx: &mut dyn Tx, project: &Project, pipeline: &Pipeline) -> Result<(), StoreError> {
    let kinds = project.settings.hook_kinds;
    if kinds.has_none_of(HookKind::Pipeline, HookKind::Job) {
        return Ok(());
    }
    let jobs = ops::jobs::current(tx, pipeline.id)?;
    write_pipeline(tx, kinds, pipeline, &jobs, true, jobs.iter())
}

/// Writes down what a settled change did: to the pipeline, to the jobs that `moved`, to attempts that were replaced.
///
/// # Errors
///
/// What the database said.
pub fn settled(
    tx: &mut dyn Tx,
    pipeline: &Pipeline,
    status_changed: bool,
    jobs: &[Job],
    moved: &HashSet<JobId>,
    replaced: &[Job],
) -> Result<(), StoreError> {
    if !status_changed && moved.is_empty() && replaced.is_empty() {
        return Ok(());
    }
    let kinds = ops::hooks::kinds(tx, pipeline.project_id)?;
    if kinds.has_none_of(HookKind::Pipeline, HookKind::Job) {
        return Ok(());
    }
    let moved = jobs.iter().filter(|job| moved.contains(&job.id));
    write_pipeline(tx, kinds, pipeline, jobs, status_changed, replaced.iter().chain(moved))
}

/// Writes down that a deployment started or ended.
///
/// # Errors
///
/// What the database said.
pub fn deployed(
    tx: &mut dyn Tx,
    project: ProjectId,
    deployment: &Deployment,
    now: Timestamp,
) -> Result<(), StoreError> {
    let is_told = deployment.status == DeploymentStatus::Running || deployment.status.is_finished();
    if !is_told || !ops::hooks::kinds(tx, project)?.has(HookKind::Deployment) {
        return Ok(());
    }
    let event = Event::Deployment {
        id: deployment.id.0,
        status: deployment.status,
        at: now,
    };
    write(tx, project, HookKind::Deployment, &event)
}

fn write_pipeline<'a>(
    tx: &mut dyn Tx,
    kinds: HookKinds,
    pipeline: &Pipeline,
    jobs: &[Job],
    status_changed: bool,
    moved: impl Iterator<Item = &'a Job>,
) -> Result<(), StoreError> {
    let project = pipeline.project_id;
    if kinds.has(HookKind::Job) {
        let then = PipelineThen::new(pipeline, []);
        for job in moved.filter(|job| !job.is_bridge) {
            let event = Event::Job {
                job: JobThen::from(job),
                pipeline: then.clone(),
            };
            write(tx, project, HookKind::Job, &event)?;
        }
    }
    if kinds.has(HookKind::Pipeline) && status_changed {
        let event = Event::Pipeline(PipelineThen::new(pipeline, jobs));
        write(tx, project, HookKind::Pipeline, &event)?;
    }
    Ok(())
}

fn write(tx: &mut dyn Tx, project: ProjectId, kind: HookKind, event: &Event) -> Result<(), StoreError> {
    let body = serde_json::to_string(event).expect("an event is plain data");
    ops::hook_deliveries::happened(tx, project, HookKinds(kind.bit()), &body)
}
