//! A pipeline with its jobs under a lock: the only place where the status of a stored job changes.
//!
//! Facts happen to single jobs ([`LockedPipeline::happen`], [`LockedPipeline::rerun`]); then
//! [`LockedPipeline::settle`] asks `schedule` what follows for all of them and writes everything in
//! the same transaction. What concerns other pipelines comes after the commit ([`Settled`]).

use std::collections::{BTreeSet, HashSet};

use model::{
    FailureReason, InvalidTransition, Job, JobEvent, JobId, Pipeline, PipelineId, RunnerManagerId, Source, StageState,
    Status, Timestamp, UserId,
};
use schedule::auto_cancel::on_job_failure;
use schedule::rerun::Rerun;
use schedule::{Before, Change, JobState};
use store::ops::jobs::NewJob;
use store::{StoreError, Tx, ops};

use crate::environments;
use crate::hooks::happened;

/// Feature of a runner's process that runs `after_script` when its job is canceled.
const CANCEL_GRACEFULLY: &str = "cancel_gracefully";

/// A pipeline and the newest attempts of its jobs, kept from others until the commit.
#[derive(Debug)]
pub struct LockedPipeline {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Its jobs; change them through the methods only.
    pub jobs: Vec<Job>,
    changed: HashSet<JobId>,
    /// Jobs that have entered a status, for those who want to be told.
    moved: HashSet<JobId>,
    /// Attempts that ended and were replaced.
    replaced: Vec<Job>,
    cancel_rest: bool,
    cancel_children: bool,
    taken_up: bool,
}

/// What was stored, and what is to be done now that it is.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The pipeline as stored.
    pub pipeline: Pipeline,
    /// Its jobs as stored.
    pub jobs: Vec<Job>,
    /// Whether the pipeline's status is another one than before.
    pub status_changed: bool,
    /// Resource groups in which somebody waits or something became free.
    pub resource_groups: BTreeSet<String>,
    /// Bridges that are to start their downstream pipelines.
    pub bridges: Vec<JobId>,
    /// Jobs after which their environments are to be written down.
    pub environment_updates: Vec<JobId>,
    /// Whether jobs were retried or played, so that a bridge that waits for this pipeline waits again.
    pub taken_up: bool,
    /// Child pipelines that were canceled with it.
    pub children: Vec<Settled>,
}

impl LockedPipeline {
    /// Locks a pipeline and reads its jobs; `None` when it does not exist.
    ///
    /// The jobs' rows themselves stay free, or runners that ask for work meanwhile would not see them.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub fn lock(tx: &mut dyn Tx, id: PipelineId) -> Result<Option<LockedPipeline>, StoreError> {
        let Some(pipeline) = ops::pipelines::lock(tx, id)? else {
            return Ok(None);
        };
        let jobs = ops::jobs::current(tx, id)?;
        Ok(Some(LockedPipeline {
            pipeline,
            jobs,
            changed: HashSet::new(),
            moved: HashSet::new(),
            replaced: Vec::new(),
            cancel_rest: false,
            cancel_children: false,
            taken_up: false,
        }))
    }

    /// Returns the index of a job; `None` when it is not in this pipeline or was retried.
    #[must_use]
    pub fn find(&self, id: JobId) -> Option<usize> {
        self.jobs.iter().position(|job| job.id == id)
    }

    /// Returns the jobs as `schedule` sees them.
    #[must_use]
    pub fn states(&self) -> Vec<JobState<'_>> {
        self.jobs.iter().map(JobState::from).collect()
    }

    /// Lets an event happen to a job.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] when it cannot happen in the job's status; nothing has changed then.
    pub fn happen(&mut self, index: usize, event: JobEvent, now: Timestamp) -> Result<Status, InvalidTransition> {
        let status = self.jobs[index].status.on(event)?;
        self.enter(index, status, now);
        Ok(status)
    }

    /// Changes a job without changing its status.
    pub fn edit(&mut self, index: usize, now: Timestamp, change: impl FnOnce(&mut Job)) {
        let job = &mut self.jobs[index];
        change(job);
        job.updated_at = now;
        self.changed.insert(job.id);
    }

    /// Makes new attempts and resets skipped jobs, in the name of `user`.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub fn rerun(
        &mut self,
        tx: &mut dyn Tx,
        rerun: &Rerun,
        user: Option<UserId>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.taken_up = true;
        let old: Vec<JobId> = rerun.clones.iter().map(|clone| self.jobs[clone.job].id).collect();
        let new: Vec<NewJob<'_>> = rerun
            .clones
            .iter()
            .map(|clone| NewJob {
                enqueue_immediately: clone.enqueue_immediately,
                ..NewJob::retry_of(&self.jobs[clone.job], user, now)
            })
            .collect();
        let attempts = ops::jobs::insert_all(tx, &new)?;
        environments::create::store_attempts(tx, &self.pipeline, &attempts, now)?;
        // An attempt that ended just now leaves the list, so its end is stored here.
        let replaced = rerun.clones.iter().map(|clone| &self.jobs[clone.job]);
        ops::jobs::save_all(tx, replaced.filter(|job| self.changed.contains(&job.id)))?;
        ops::jobs::mark_retried(tx, &old, now)?;
        for (clone, attempt) in rerun.clones.iter().zip(attempts) {
            self.moved.insert(attempt.id);
            let old = std::mem::replace(&mut self.jobs[clone.job], attempt);
            self.changed.remove(&old.id);
            if self.moved.remove(&old.id) {
                self.replaced.push(old);
            }
        }
        for reset in &rerun.resets {
            // Only skipped jobs are reset, and those may be.
            if self.happen(*reset, JobEvent::Reset, now).is_ok() {
                self.jobs[*reset].user_id = user;
            }
        }
        Ok(())
    }

    /// Gives a bridge a status that its downstream pipeline leads to and no event of its own does.
    ///
    /// When it had ended before, the skipped jobs after it are decided anew.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub fn take_over(
        &mut self,
        tx: &mut dyn Tx,
        index: usize,
        status: Status,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.jobs[index].status.is_completed() {
            let resumed = schedule::rerun::resume(&self.states(), index);
            self.rerun(tx, &resumed, self.jobs[index].user_id, now)?;
        }
        self.jobs[index].failure_reason = None;
        self.jobs[index].finished_at = None;
        self.enter(index, status, now);
        Ok(())
    }

    /// Once everything has settled, cancels what is left and the child pipelines: a job failed and
    /// `on_job_failure` wants that.
    pub const fn cancel_rest(&mut self) {
        self.cancel_rest = true;
    }

    /// Cancels every job that can be, and the child pipelines.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub fn cancel_tree(&mut self, tx: &mut dyn Tx, now: Timestamp) -> Result<(), StoreError> {
        self.cancel_children = true;
        self.cancel_all(tx, now)
    }

    /// Cancels every job that can be; running ones get time for their `after_script` where their runner can.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub fn cancel_all(&mut self, tx: &mut dyn Tx, now: Timestamp) -> Result<(), StoreError> {
        let all: Vec<usize> = (0..self.jobs.len()).collect();
        self.cancel(tx, &all, now)
    }

    /// Cancels these jobs as far as they can be.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub fn cancel(&mut self, tx: &mut dyn Tx, jobs: &[usize], now: Timestamp) -> Result<(), StoreError> {
        let graceful = self.graceful(tx, jobs)?;
        let changes = schedule::cancel::cancel_some(&self.states(), jobs, |job| graceful.contains(&job));
        self.apply(&changes, now);
        Ok(())
    }

    /// The running jobs among these whose runner can run `after_script` after a cancel.
    fn graceful(&self, tx: &mut dyn Tx, jobs: &[usize]) -> Result<HashSet<usize>, StoreError> {
        let manager_of = |job: usize| {
            let job = &self.jobs[job];
            job.runner_manager_id.filter(|_| job.status == Status::Running)
        };
        let ids: Vec<RunnerManagerId> = jobs.iter().filter_map(|job| manager_of(*job)).collect();
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let managers = ops::runners::managers_by_id(tx, &ids)?;
        let able = managers
            .iter()
            .filter(|m| m.features.iter().any(|feature| feature == CANCEL_GRACEFULLY));
        let able: HashSet<RunnerManagerId> = able.map(|manager| manager.id).collect();
        Ok(jobs
            .iter()
            .copied()
            .filter(|job| manager_of(*job).is_some_and(|id| able.contains(&id)))
            .collect())
    }

    /// Decides what follows, stores everything that changed, and tells those who watch.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub fn settle(mut self, tx: &mut dyn Tx, now: Timestamp) -> Result<Settled, StoreError> {
        let before = self.pipeline.clone();
        self.advance(now);
        while self.refuse_outdated(tx, now)? {
            self.advance(now);
        }
        if self.cancel_rest {
            self.cancel_tree(tx, now)?;
            self.advance(now);
        }
        ops::jobs::save_all(tx, self.jobs.iter().filter(|job| self.changed.contains(&job.id)))?;
        let moved = self.jobs.iter().filter(|job| self.moved.contains(&job.id));
        let environment_updates =
            environments::follow::settled(tx, &self.pipeline, self.replaced.iter().chain(moved), now)?;
        let status_changed = self.pipeline.status != before.status;
        if !self.changed.is_empty() || self.pipeline != before {
            self.pipeline.updated_at = now;
            ops::pipelines::save(tx, &self.pipeline)?;
        }
        let children = if self.cancel_children {
            cancel_children(tx, &self.pipeline, now)?
        } else {
            Vec::new()
        };
        if self.taken_up {
            // Should this server die before the bridge above has looked, another one will know.
            ops::bridges::take_up(tx, &self.pipeline)?;
        }
        happened::settled(
            tx,
            &self.pipeline,
            status_changed,
            &self.jobs,
            &self.moved,
            &self.replaced,
        )?;
        Ok(Settled {
            status_changed,
            taken_up: self.taken_up,
            children,
            resource_groups: self.resource_groups(),
            bridges: self.pending_bridges(),
            environment_updates,
            pipeline: self.pipeline,
            jobs: self.jobs,
        })
    }

    /// Fails jobs that have become ready but would undo a newer deployment; whether there were any.
    fn refuse_outdated(&mut self, tx: &mut dyn Tx, now: Timestamp) -> Result<bool, StoreError> {
        let is_ready = |job: &&Job| {
            job.environment.is_some()
                && matches!(job.status, Status::Pending | Status::WaitingForResource)
                && self.moved.contains(&job.id)
        };
        let ready: Vec<&Job> = self.jobs.iter().filter(is_ready).collect();
        let outdated = environments::follow::outdated(tx, &ready)?;
        for id in &outdated {
            let Some(index) = self.find(*id) else { continue };
            self.enter(index, Status::Failed, now);
            let job = &mut self.jobs[index];
            job.failure_reason = Some(FailureReason::FailedOutdatedDeploymentJob);
            if on_job_failure(self.pipeline.on_job_failure, job.allow_failure, false) {
                self.cancel_rest = true;
            }
        }
        Ok(!outdated.is_empty())
    }

    fn advance(&mut self, now: Timestamp) {
        let stages: Vec<(u32, Status)> = self
            .pipeline
            .stages
            .iter()
            .map(|stage| (stage.index, stage.status))
            .collect();
        let before = Before {
            pipeline: self.pipeline.status,
            stages: &stages,
        };
        let decisions = schedule::advance(&self.states(), before, now);
        self.apply(&decisions.changes, now);
        self.pipeline.stages = stage_states(&self.jobs, &decisions.stages);
        enter_pipeline(&mut self.pipeline, &self.jobs, decisions.pipeline, now);
    }

    fn apply(&mut self, changes: &[Change], now: Timestamp) {
        for change in changes {
            if change.scheduled_at.is_some() {
                self.jobs[change.job].scheduled_at = change.scheduled_at;
            }
            self.enter(change.job, change.status, now);
        }
    }

    /// Sets a status and the times that go with it.
    fn enter(&mut self, index: usize, status: Status, now: Timestamp) {
        let job = &mut self.jobs[index];
        job.status = status;
        job.updated_at = now;
        match status {
            Status::Pending => job.queued_at = Some(now),
            Status::Running => job.started_at = Some(now),
            Status::Success | Status::Failed | Status::Canceled => job.finished_at = Some(now),
            _ => {}
        }
        self.changed.insert(job.id);
        self.moved.insert(job.id);
    }

    fn resource_groups(&self) -> BTreeSet<String> {
        let freed = |job: &Job| self.changed.contains(&job.id) && job.status.is_completed();
        let looks = |job: &&Job| job.status == Status::WaitingForResource || freed(job);
        self.jobs
            .iter()
            .filter(looks)
            .filter_map(|job| job.resource_group.clone())
            .collect()
    }

    fn pending_bridges(&self) -> Vec<JobId> {
        let starts = |job: &&Job| job.is_bridge && job.status == Status::Pending;
        self.jobs.iter().filter(starts).map(|job| job.id).collect()
    }
}

/// Cancels the children of a pipeline in its own transaction, so that no crash leaves some behind.
///
/// A pipeline is locked before its children, which are younger: nobody locks in the other direction.
fn cancel_children(tx: &mut dyn Tx, pipeline: &Pipeline, now: Timestamp) -> Result<Vec<Settled>, StoreError> {
    let mut canceled = Vec::new();
    for child in ops::pipelines::downstream(tx, pipeline.id)? {
        if child.source != Source::ParentPipeline || child.status.is_completed() {
            continue;
        }
        if let Some(mut locked) = LockedPipeline::lock(tx, child.id)? {
            locked.cancel_tree(tx, now)?;
            canceled.push(locked.settle(tx, now)?);
        }
    }
    Ok(canceled)
}

/// Gives the stages the names their jobs know.
#[must_use]
pub fn stage_states(jobs: &[Job], statuses: &[(u32, Status)]) -> Vec<StageState> {
    let name = |index: u32| {
        jobs.iter()
            .find(|job| job.stage_index == index)
            .map(|job| job.stage.clone())
    };
    let state = |(index, status): &(u32, Status)| {
        Some(StageState {
            index: *index,
            name: name(*index)?,
            status: *status,
        })
    };
    statuses.iter().filter_map(state).collect()
}

/// Sets a pipeline's status and the times that go with it (rest-api 2.5).
fn enter_pipeline(pipeline: &mut Pipeline, jobs: &[Job], status: Status, now: Timestamp) {
    if pipeline.status == status {
        return;
    }
    pipeline.status = status;
    match status {
        Status::Running => _ = pipeline.started_at.get_or_insert(now),
        Status::Success | Status::Failed | Status::Canceled => pipeline.finished_at = Some(now),
        _ => {}
    }
    let counts = matches!(
        status,
        Status::Success | Status::Failed | Status::Canceled | Status::Manual
    );
    if counts && pipeline.started_at.is_some() {
        pipeline.duration_seconds = Some(schedule::duration::pipeline_seconds(jobs, now));
    }
}
