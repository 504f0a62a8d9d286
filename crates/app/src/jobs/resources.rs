//! Resource groups: one job of a project and key at a time.

use model::{JobId, PipelineId, ProcessMode, ProjectId, Status};
use schedule::resource::{Upcoming, choose};
use store::ops::jobs::InResourceGroup;
use store::{StoreError, Tx, ops};

/// Returns the job that gets the resource now; `None` when it is taken or nobody may have it.
///
/// # Errors
///
/// What the database said.
pub fn next(tx: &mut dyn Tx, project: ProjectId, key: &str) -> Result<Option<(JobId, PipelineId)>, StoreError> {
    let mode = mode(tx, project, key)?;
    Ok(choose_from(mode, &ops::jobs::of_resource_group(tx, project, key)?))
}

/// As [`next`], and keeps others from choosing until the commit.
///
/// # Errors
///
/// What the database said.
pub fn lock_next(tx: &mut dyn Tx, project: ProjectId, key: &str) -> Result<Option<(JobId, PipelineId)>, StoreError> {
    let mode = mode(tx, project, key)?;
    Ok(choose_from(mode, &ops::jobs::lock_resource_group(tx, project, key)?))
}

fn mode(tx: &mut dyn Tx, project: ProjectId, key: &str) -> Result<ProcessMode, StoreError> {
    let group = ops::resource_groups::get(tx, project, key)?;
    Ok(group.map_or(ProcessMode::Unordered, |group| group.process_mode))
}

/// Whether a job of this status has the resource.
pub(crate) const fn holds(status: Status) -> bool {
    status.is_executing() || matches!(status, Status::Pending | Status::Preparing)
}

fn choose_from(mode: ProcessMode, group: &[InResourceGroup]) -> Option<(JobId, PipelineId)> {
    if group.iter().any(|job| holds(job.status)) {
        return None;
    }
    let upcoming: Vec<Upcoming> = group
        .iter()
        .map(|job| Upcoming {
            pipeline_id: job.pipeline_id,
            status: job.status,
        })
        .collect();
    let chosen = &group[choose(mode, &upcoming)?];
    Some((chosen.id, chosen.pipeline_id))
}
