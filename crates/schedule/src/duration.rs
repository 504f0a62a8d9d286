//! How long a pipeline ran: the time in which at least one of its jobs did.

use model::{Job, Status, Timestamp};

/// Returns the whole seconds in which at least one of the jobs (newest attempts) was running, up to `now`.
#[must_use]
pub fn pipeline_seconds<'a>(jobs: impl IntoIterator<Item = &'a Job>, now: Timestamp) -> i64 {
    let counts = |job: &&Job| {
        matches!(
            job.status,
            Status::Success | Status::Failed | Status::Running | Status::Canceled
        )
    };
    let interval = |job: &Job| job.started_at.map(|started| (started, job.finished_at.unwrap_or(now)));
    covered_seconds(jobs.into_iter().filter(counts).filter_map(interval).collect())
}

/// Returns the whole seconds covered by the intervals together; gaps do not count, overlaps count once.
#[must_use]
pub fn covered_seconds(mut intervals: Vec<(Timestamp, Timestamp)>) -> i64 {
    intervals.sort_unstable();
    let mut covered = 0;
    let mut end = Timestamp(i64::MIN);
    for (from, to) in intervals {
        let from = from.max(end);
        if to > from {
            covered += to.0 - from.0;
            end = to;
        }
    }
    covered / 1_000_000
}
