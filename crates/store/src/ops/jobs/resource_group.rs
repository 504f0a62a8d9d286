//! The jobs of a resource group: who has the resource, who waits for it.

use model::{JobId, PipelineId, ProjectId, Status};

use crate::error::StoreError;
use crate::row::Row;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// A job of a resource group that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InResourceGroup {
    /// The job.
    pub id: JobId,
    /// Its pipeline.
    pub pipeline_id: PipelineId,
    /// Its status.
    pub status: Status,
}

macro_rules! select {
    () => {
        concat!(
            "SELECT id, pipeline_id, status FROM jobs WHERE project_id = ?1 AND resource_group = ?2 AND NOT retried AND ",
            unfinished!(),
            " AND status IN ('created', 'scheduled', 'waiting_for_resource', 'preparing', 'pending', 'running', 'canceling') ORDER BY id"
        )
    };
}

statements! {
    OF_GROUP = select!();
    LOCK_GROUP = both(select!(), concat!(select!(), " FOR UPDATE"));
}

/// Lists the jobs of a resource group that have not ended and are not manual, by id.
///
/// # Errors
///
/// What the database said.
pub fn of_resource_group(tx: &mut dyn Tx, project: ProjectId, key: &str) -> Result<Vec<InResourceGroup>, StoreError> {
    tx.all(&OF_GROUP, params![project, key], read)
}

/// As [`of_resource_group`], and keeps others from changing them until the commit.
///
/// # Errors
///
/// What the database said.
pub fn lock_resource_group(tx: &mut dyn Tx, project: ProjectId, key: &str) -> Result<Vec<InResourceGroup>, StoreError> {
    tx.all(&LOCK_GROUP, params![project, key], read)
}

fn read(row: &Row<'_>) -> Result<InResourceGroup, StoreError> {
    Ok(InResourceGroup {
        id: row.read()?,
        pipeline_id: row.read()?,
        status: row.read()?,
    })
}
