//! How long a job may run, wait or be silent.

use std::time::Duration;

use model::{FailureReason, Job, Status, Timestamp};

/// A pending job that no runner which is online could take.
pub const PENDING_WITHOUT_RUNNER: Duration = Duration::from_secs(3600);

/// A pending job, whatever the runners do.
pub const PENDING: Duration = Duration::from_secs(24 * 3600);

/// A running job from whose runner nothing is heard.
pub const SILENT: Duration = Duration::from_secs(3600);

/// A delayed job that could not start although it was due.
pub const OVERDUE: Duration = Duration::from_secs(3600);

/// A job handed out that its runner did not acknowledge is handed out again.
pub const UNACKNOWLEDGED: Duration = Duration::from_secs(120);

/// What the server leaves a runner beyond the job's own timeout, for its report to arrive.
pub const SERVER_SLACK: Duration = Duration::from_secs(15 * 60);

/// Returns a job's timeout in seconds: its own if written, else the project's; never more than the runner's.
#[must_use]
pub fn effective_seconds(job: Option<i64>, project: i64, runner_maximum: Option<i64>) -> i64 {
    let wanted = job.unwrap_or(project);
    runner_maximum
        .filter(|maximum| *maximum > 0)
        .map_or(wanted, |maximum| wanted.min(maximum))
}

/// What has become of a job that nothing was heard of for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It fails (or, while being canceled, is canceled) with this reason.
    Drop(FailureReason),
    /// Its runner never acknowledged it: somebody else may have it.
    Release,
}

/// Decides about a job that may be stuck or lost; `None` when it may go on.
///
/// `runner_online` says of a pending job whether a runner that is online could take it; it is only
/// asked when that matters.
pub fn lost(job: &Job, now: Timestamp, runner_online: impl FnOnce() -> bool) -> Option<Lost> {
    let waited = now.since(job.queued_at.unwrap_or(job.created_at));
    let silent = now.since(job.updated_at);
    let running = now.since(job.started_at.unwrap_or(job.updated_at));
    let stuck = Some(Lost::Drop(FailureReason::StuckOrTimeoutFailure));
    if job.is_bridge {
        // No runner has it: it waits for its downstream pipeline, however long that takes.
        return stuck.filter(|_| job.status == Status::Pending && waited > PENDING);
    }
    match job.status {
        Status::Pending if job.runner_id.is_some() => (silent > UNACKNOWLEDGED).then_some(Lost::Release),
        Status::Pending if waited > PENDING => stuck,
        Status::Pending if waited > PENDING_WITHOUT_RUNNER && !runner_online() => stuck,
        Status::Running | Status::Canceling if is_over_time(job, running) => {
            Some(Lost::Drop(FailureReason::JobExecutionTimeout))
        }
        Status::Running | Status::Canceling if silent > SILENT => stuck,
        Status::Scheduled if job.scheduled_at.is_some_and(|due| now.since(due) > OVERDUE) => {
            Some(Lost::Drop(FailureReason::StaleSchedule))
        }
        _ => None,
    }
}

fn is_over_time(job: &Job, running: Duration) -> bool {
    let limit = job.timeout_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    limit.is_some_and(|seconds| running > Duration::from_secs(seconds) + SERVER_SLACK)
}
