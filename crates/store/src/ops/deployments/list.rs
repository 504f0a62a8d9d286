//! Lists of deployments, each order with an index of its own.

use model::{Deployment, DeploymentStatus, EnvironmentId, ProjectId, Timestamp};

use super::{deployment_columns, read};
use crate::error::StoreError;
use crate::ops::filter::Filter;
use crate::ops::page::{Page, Sort};
use crate::row::column;
use crate::tx::Tx;

/// What a list is ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeploymentOrder {
    /// Their ids; their numbers and the times they were made have the same order.
    #[default]
    Id,
    /// When they last changed.
    Updated,
    /// When they ended.
    Finished,
    /// Name of the branch or tag.
    Ref,
}

/// Which deployments to list.
#[derive(Clone, Debug)]
pub struct DeploymentFilter {
    /// Of which project.
    pub project: ProjectId,
    /// Only those to this environment.
    pub environment: Option<EnvironmentId>,
    /// Only those that are so far.
    pub status: Option<DeploymentStatus>,
    /// Changed at or after.
    pub updated_after: Option<Timestamp>,
    /// Changed at or before.
    pub updated_before: Option<Timestamp>,
    /// Ended at or after.
    pub finished_after: Option<Timestamp>,
    /// Ended before.
    pub finished_before: Option<Timestamp>,
    /// In which order.
    pub order: DeploymentOrder,
    /// In which direction.
    pub sort: Sort,
}

impl DeploymentFilter {
    /// All deployments of a project by id.
    #[must_use]
    pub fn new(project: ProjectId) -> DeploymentFilter {
        DeploymentFilter {
            project,
            environment: None,
            status: None,
            updated_after: None,
            updated_before: None,
            finished_after: None,
            finished_before: None,
            order: DeploymentOrder::Id,
            sort: Sort::Asc,
        }
    }
}

/// Lists deployments.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, filter: &DeploymentFilter, page: Page) -> Result<Vec<Deployment>, StoreError> {
    let mut query = select(concat!("SELECT ", deployment_columns!(), " FROM deployments"), filter);
    let sort = filter.sort.sql();
    query.push(&match filter.order {
        DeploymentOrder::Id => format!("ORDER BY id {sort}"),
        DeploymentOrder::Updated => format!("ORDER BY updated_at {sort}, id DESC"),
        DeploymentOrder::Finished => format!("ORDER BY finished_at {sort}, id {sort}"),
        DeploymentOrder::Ref => format!("ORDER BY ref_name {sort}, id {sort}"),
    });
    query.page(page);
    let (sql, params) = query.finish("deployments::list");
    tx.all(&sql, &params, read)
}

/// Counts what [`list`] would give, up to [`COUNTED`](crate::ops::page::COUNTED) + 1.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, filter: &DeploymentFilter) -> Result<i64, StoreError> {
    let query = select("SELECT 1 FROM deployments", filter);
    let (sql, params) = query.count().finish("deployments::count");
    tx.one(&sql, &params, column)
}

fn select<'a>(select: &str, filter: &DeploymentFilter) -> Filter<'a> {
    let mut query = Filter::new(select);
    query.and_with("project_id = ?", filter.project);
    query.and_some("environment_id = ?", filter.environment);
    query.and_some("status = ?", filter.status);
    query.and_some("updated_at >= ?", filter.updated_after);
    query.and_some("updated_at <= ?", filter.updated_before);
    query.and_some("finished_at >= ?", filter.finished_after);
    query.and_some("finished_at < ?", filter.finished_before);
    query
}
