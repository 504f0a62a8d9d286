//! Which of the jobs of a resource group gets the resource once it is free.

use std::cmp::Reverse;

use model::{PipelineId, ProcessMode, Status};

/// A job of the resource group that has not got the resource yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upcoming {
    /// Its pipeline.
    pub pipeline_id: PipelineId,
    /// `waiting_for_resource`, or `created` or `scheduled` for one whose turn will come.
    pub status: Status,
}

/// Returns the index of the job that gets the free resource; `None` when nobody does now.
///
/// In the modes that keep an order the resource waits for a job that is not ready yet. Among equals
/// the first of the slice wins, so it should be ordered by job id.
#[must_use]
pub fn choose(mode: ProcessMode, upcoming: &[Upcoming]) -> Option<usize> {
    let waiting = |job: &Upcoming| job.status == Status::WaitingForResource;
    let relevant = |job: &Upcoming| waiting(job) || matches!(job.status, Status::Created | Status::Scheduled);
    let jobs = || upcoming.iter().enumerate().filter(move |(_, job)| relevant(job));
    let chosen = match mode {
        ProcessMode::Unordered => jobs().find(|(_, job)| waiting(job)),
        ProcessMode::OldestFirst => jobs().min_by_key(|(_, job)| (job.pipeline_id, !waiting(job))),
        ProcessMode::NewestFirst => jobs().min_by_key(|(_, job)| (Reverse(job.pipeline_id), !waiting(job))),
        ProcessMode::NewestReadyFirst => jobs()
            .filter(|(_, job)| waiting(job))
            .min_by_key(|(_, job)| Reverse(job.pipeline_id)),
    };
    chosen.filter(|(_, job)| waiting(job)).map(|(index, _)| index)
}
