//! Canceling a job or all jobs of a pipeline. The caller then calls [`advance`](crate::advance()).

use model::{InvalidTransition, JobEvent, Status};

use crate::advance::Change;
use crate::job_state::JobState;

/// Cancels one job. A running one becomes `canceling` when its runner can run `after_script` then.
///
/// # Errors
///
/// [`InvalidTransition`] when the job has ended or is being canceled already.
pub fn cancel_job(jobs: &[JobState<'_>], job: usize, graceful: bool) -> Result<Change, InvalidTransition> {
    change(jobs, job, JobEvent::Cancel { graceful })
}

/// Ends a job that is being canceled without waiting for its runner.
///
/// # Errors
///
/// [`InvalidTransition`] when the job is not being canceled.
pub fn force_cancel_job(jobs: &[JobState<'_>], job: usize) -> Result<Change, InvalidTransition> {
    change(jobs, job, JobEvent::ForceCancel)
}

/// Cancels every job that can be; `graceful` says of a job whether its runner can run `after_script` then.
pub fn cancel_pipeline(jobs: &[JobState<'_>], graceful: impl Fn(usize) -> bool) -> Vec<Change> {
    (0..jobs.len())
        .filter_map(|job| cancel_job(jobs, job, graceful(job)).ok())
        .collect()
}

/// Cancels the given jobs as far as they can be.
pub fn cancel_some(jobs: &[JobState<'_>], some: &[usize], graceful: impl Fn(usize) -> bool) -> Vec<Change> {
    some.iter()
        .filter_map(|job| cancel_job(jobs, *job, graceful(*job)).ok())
        .collect()
}

fn change(jobs: &[JobState<'_>], job: usize, event: JobEvent) -> Result<Change, InvalidTransition> {
    let status: Status = jobs[job].status.on(event)?;
    Ok(Change {
        job,
        event,
        status,
        scheduled_at: None,
    })
}
