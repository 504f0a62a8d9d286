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
    Ok(choose_from(&ops::jobs::of_resource_group(tx, project, key)?))
}

/// As [`next`], and keeps others from choosing until the commit.
///
/// # Errors
///
/// What the database said.
pub fn lock_next(tx: &mut dyn Tx, project: ProjectId, key: &str) -> Result<Option<(JobId, PipelineId)>, StoreError> {
    Ok(choose_from(&ops::jobs::lock_resource_group(tx, project, key)?))
}

fn choose_from(group: &[InResourceGroup]) -> Option<(JobId, PipelineId)> {
    let holds =
        |job: &InResourceGroup| job.status.is_executing() || matches!(job.status, Status::Pending | Status::Preparing);
    if group.iter().any(holds) {
        return None;
    }
    let upcoming: Vec<Upcoming> = group
        .iter()
        .map(|job| Upcoming {
            pipeline_id: job.pipeline_id,
            status: job.status,
        })
        .collect();
    // The mode of a group cannot be set yet; this is what a new group has.
    let chosen = &group[choose(ProcessMode::Unordered, &upcoming)?];
    Some((chosen.id, chosen.pipeline_id))
}
