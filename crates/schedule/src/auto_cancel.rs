//! Which pipelines and jobs become superfluous: by a newer commit, or by a failed job.

use std::time::Duration;

use model::{OnJobFailure, OnNewCommit, PipelineId, Sha, Status, Timestamp};

use crate::job_state::JobState;

/// Older pipelines are left alone.
pub const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// At most so many candidates are looked at, the newest ones, oldest first.
pub const MAX_CANDIDATES: usize = 3000;

/// An older pipeline of the same project and ref.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: PipelineId,
    /// Its commit.
    pub sha: &'a Sha,
    /// Its status.
    pub status: Status,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Whether `candidate` may be canceled because `newer` exists; `head` is the ref's present commit.
#[must_use]
pub fn is_outdated(candidate: Candidate<'_>, newer: Candidate<'_>, head: Option<&Sha>) -> bool {
    candidate.id < newer.id
        && candidate.status.is_cancelable()
        && candidate.sha != newer.sha
        && Some(candidate.sha) != head
        && newer.created_at.since(candidate.created_at) <= MAX_AGE
}

/// What a newer commit does to a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnNewer {
    /// Nothing.
    Keep,
    /// The whole pipeline is canceled.
    CancelAll,
    /// These jobs are canceled.
    CancelJobs(Vec<usize>),
}

/// Decides by the pipeline's own `auto_cancel:on_new_commit`. Here `jobs` may include retried attempts.
#[must_use]
pub fn on_new_commit(setting: OnNewCommit, jobs: &[JobState<'_>]) -> OnNewer {
    match setting {
        OnNewCommit::None => OnNewer::Keep,
        OnNewCommit::Conservative => {
            let must_not_stop =
                |job: &JobState<'_>| job.status.is_started() && !job.is_bridge && job.interruptible != Some(true);
            if jobs.iter().any(must_not_stop) {
                OnNewer::Keep
            } else {
                OnNewer::CancelAll
            }
        }
        OnNewCommit::Interruptible => {
            let stoppable = |job: &JobState<'_>| job.status.is_cancelable() && job.interruptible == Some(true);
            let jobs: Vec<usize> = (0..jobs.len()).filter(|job| stoppable(&jobs[*job])).collect();
            if jobs.is_empty() {
                OnNewer::Keep
            } else {
                OnNewer::CancelJobs(jobs)
            }
        }
    }
}

/// Whether a job that has just failed cancels the rest of its pipeline and its children.
#[must_use]
pub fn on_job_failure(setting: OnJobFailure, allow_failure: bool, will_be_retried: bool) -> bool {
    setting == OnJobFailure::All && !allow_failure && !will_be_retried
}
