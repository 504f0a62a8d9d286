//! Resource groups: one job at a time.

use crate::ids::{ProjectId, ResourceGroupId};
use crate::kinds::ProcessMode;
use crate::time::Timestamp;

/// A resource group of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceGroup {
    /// Its id.
    pub id: ResourceGroupId,
    /// Its project.
    pub project_id: ProjectId,
    /// Its name, expanded.
    pub key: String,
    /// Which waiting job gets the resource.
    pub process_mode: ProcessMode,
    /// When its first job waited.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
