//! Retry and play: what a person (or an automatic retry) does to jobs that have stopped.
//!
//! Both take up work again, so skipped jobs that come after it are reset and decided anew. The
//! caller applies the answer and then calls [`advance`](crate::advance()); to decide in memory
//! first, [`Rerun::apply`] changes the views likewise.

use model::{FailureReason, JobEvent, Status};

use crate::graph::Graph;
use crate::job_state::JobState;

/// Jobs to be made anew and jobs to be reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rerun {
    /// Each gets a new attempt with status `created`; the old one is marked retried.
    pub clones: Vec<NewAttempt>,
    /// Skipped jobs that go back to `created` ([`JobEvent::Reset`]).
    pub resets: Vec<usize>,
}

/// A new attempt of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewAttempt {
    /// The job that is retried.
    pub job: usize,
    /// Whether the new one starts in its turn without waiting for a person or a time.
    pub enqueue_immediately: bool,
}

impl Rerun {
    /// Changes the views as the database will be changed: a new attempt takes the old one's place.
    pub fn apply(&self, jobs: &mut [JobState<'_>]) {
        for clone in &self.clones {
            let job = &mut jobs[clone.job];
            job.status = Status::Created;
            job.enqueue_immediately = clone.enqueue_immediately;
            job.failure_reason = None;
        }
        for reset in &self.resets {
            jobs[*reset].status = Status::Created;
        }
    }
}

/// The job cannot be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRetryable {
    /// It has not ended.
    #[error("the job is {0}, only a job that ended or is being canceled can be retried")]
    NotEnded(Status),
    /// It would fail in the same way again.
    #[error("a trigger job that failed with {0} can not be retried")]
    Hopeless(FailureReason),
}

/// Retries one job, by a person or automatically: the skipped jobs after it are decided anew.
///
/// # Errors
///
/// [`NotRetryable`] when it has not ended, or is a bridge that would fail again.
pub fn retry_job(jobs: &[JobState<'_>], job: usize) -> Result<Rerun, NotRetryable> {
    check_retryable(&jobs[job])?;
    let clone = NewAttempt {
        job,
        enqueue_immediately: jobs[job].is_action(),
    };
    Ok(Rerun {
        clones: vec![clone],
        resets: skipped_after(jobs, job),
    })
}

/// Retries a pipeline: every failed or canceled job is made anew, every skipped one decided anew.
///
/// A manual job becomes manual again; it does not start.
#[must_use]
pub fn retry_pipeline(jobs: &[JobState<'_>]) -> Rerun {
    let mut rerun = Rerun::default();
    for (index, job) in jobs.iter().enumerate() {
        match job.status {
            Status::Failed | Status::Canceled | Status::Canceling if check_retryable(job).is_ok() => {
                rerun.clones.push(NewAttempt {
                    job: index,
                    enqueue_immediately: false,
                });
            }
            Status::Skipped => rerun.resets.push(index),
            _ => {}
        }
    }
    rerun
}

/// What follows when a job that had ended goes on by itself: a bridge whose downstream was taken up again.
#[must_use]
pub fn resume(jobs: &[JobState<'_>], job: usize) -> Rerun {
    Rerun {
        clones: Vec::new(),
        resets: skipped_after(jobs, job),
    }
}

/// What playing a job does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Play {
    /// The job itself starts.
    Start {
        /// Always [`JobEvent::Enqueue`].
        event: JobEvent,
        /// The status that leads to.
        status: Status,
        /// Skipped jobs that go back to `created`.
        resets: Vec<usize>,
    },
    /// The job has run before: a new attempt starts.
    Retry(Rerun),
}

/// The job cannot be played: it is not manual or delayed, or has no use for it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the job is {status} and {}", if *.is_action { "can not be started now" } else { "does not wait for anybody" })]
pub struct Unplayable {
    /// Its status.
    pub status: Status,
    /// Whether people may start it in other statuses.
    pub is_action: bool,
}

/// Starts a manual job, or a delayed one before its time; one that has ended is retried.
///
/// # Errors
///
/// [`Unplayable`] when the job is neither manual nor delayed, or is on its way already.
pub fn play(jobs: &[JobState<'_>], job: usize) -> Result<Play, Unplayable> {
    let state = &jobs[job];
    let unplayable = Unplayable {
        status: state.status,
        is_action: state.is_action(),
    };
    if !state.is_action() {
        return Err(unplayable);
    }
    if state.status.is_blocked() {
        let event = JobEvent::Enqueue(state.enqueue_to());
        let status = state.status.on(event).map_err(|_| unplayable)?;
        return Ok(Play::Start {
            event,
            status,
            resets: skipped_after(jobs, job),
        });
    }
    retry_job(jobs, job).map(Play::Retry).map_err(|_| unplayable)
}

/// The skipped jobs of later stages and those that need `job`, directly or through others.
fn skipped_after(jobs: &[JobState<'_>], job: usize) -> Vec<usize> {
    let mut after = Graph::new(jobs).dependants(&[job]);
    after.extend((0..jobs.len()).filter(|other| jobs[*other].stage_index > jobs[job].stage_index));
    after.retain(|other| jobs[*other].status == Status::Skipped);
    after.sort_unstable();
    after.dedup();
    after
}

fn check_retryable(job: &JobState<'_>) -> Result<(), NotRetryable> {
    use {FailureReason as R, Status as S};
    match (job.status, job.failure_reason) {
        (S::Failed, Some(reason @ (R::PipelineLoopDetected | R::ReachedMaxDescendantPipelinesDepth)))
            if job.is_bridge =>
        {
            Err(NotRetryable::Hopeless(reason))
        }
        (S::Success | S::Failed | S::Canceled | S::Canceling, _) => Ok(()),
        (status, _) => Err(NotRetryable::NotEnded(status)),
    }
}
