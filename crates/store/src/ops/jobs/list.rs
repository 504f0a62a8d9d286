//! Lists of jobs (rest-api.md 8): of a project or a pipeline, newest first.

use model::{AccessLevel, Job, JobId, PipelineId, ProjectId, RunnerId, RunnerManagerId, Status, Timestamp, UserId};

use super::{job_columns, read};
use crate::error::StoreError;
use crate::ops::filter::Filter;
use crate::ops::page::{Page, Sort};
use crate::ops::projects::member_of;
use crate::row::column;
use crate::tx::Tx;

/// Whose jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOf {
    /// All of a project.
    Project(ProjectId),
    /// Those of a pipeline.
    Pipeline(PipelineId),
    /// Those a runner has or had.
    Runner(RunnerId),
}

/// Which jobs to list.
#[derive(Clone, Debug)]
pub struct JobFilter<'a> {
    /// Whose.
    pub of: JobOf,
    /// `scope`: only these statuses; empty = all.
    pub scope: &'a [Status],
    /// Only jobs (`false`) or only bridges (`true`).
    pub bridges: Option<bool>,
    /// Whether attempts that were retried are listed.
    pub include_retried: bool,
    /// Only ids below (keyset paging).
    pub id_before: Option<JobId>,
    /// Only ids above.
    pub id_after: Option<JobId>,
    /// Only those that this process of a runner has or had.
    pub manager: Option<RunnerManagerId>,
    /// Only those of projects in which this user is a reporter at least. Now, for memberships that end.
    pub readable_by: Option<(UserId, Timestamp)>,
    /// Order by id.
    pub sort: Sort,
}

impl JobFilter<'_> {
    /// Every job without bridges, newest first.
    #[must_use]
    pub fn new(of: JobOf) -> Self {
        JobFilter {
            of,
            scope: &[],
            bridges: Some(false),
            include_retried: true,
            id_before: None,
            id_after: None,
            manager: None,
            readable_by: None,
            sort: Sort::Desc,
        }
    }
}

/// Lists jobs.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, filter: &JobFilter<'_>, page: Page) -> Result<Vec<Job>, StoreError> {
    let scope: Vec<&str> = filter.scope.iter().map(|status| status.as_str()).collect();
    let mut query = select(concat!("SELECT ", job_columns!(), " FROM jobs"), filter, &scope);
    query.push(&format!("ORDER BY id {}", filter.sort.sql()));
    query.page(page);
    let (sql, params) = query.finish("jobs::list");
    tx.all(&sql, &params, read)
}

/// Returns the ids of what [`list`] would give.
///
/// # Errors
///
/// What the database said.
pub fn list_ids(tx: &mut dyn Tx, filter: &JobFilter<'_>, page: Page) -> Result<Vec<JobId>, StoreError> {
    let scope: Vec<&str> = filter.scope.iter().map(|status| status.as_str()).collect();
    let mut query = select("SELECT id FROM jobs", filter, &scope);
    query.push(&format!("ORDER BY id {}", filter.sort.sql()));
    query.page(page);
    let (sql, params) = query.finish("jobs::list_ids");
    tx.all(&sql, &params, column)
}

/// Counts what [`list`] would give, up to [`COUNTED`](crate::ops::page::COUNTED) + 1.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, filter: &JobFilter<'_>) -> Result<i64, StoreError> {
    let scope: Vec<&str> = filter.scope.iter().map(|status| status.as_str()).collect();
    let mut query = select("SELECT 1 FROM jobs", filter, &scope);
    query.push(&format!("ORDER BY id {}", filter.sort.sql()));
    let (sql, params) = query.count().finish("jobs::count");
    tx.one(&sql, &params, column)
}

fn select<'a>(select: &str, filter: &JobFilter<'_>, scope: &'a [&'a str]) -> Filter<'a> {
    let mut query = Filter::new(select);
    match filter.of {
        JobOf::Project(id) => query.and_with("project_id = ?", id),
        JobOf::Pipeline(id) => query.and_with("pipeline_id = ?", id),
        JobOf::Runner(id) => query.and_with("runner_id = ?", id),
    }
    by_status(&mut query, filter.scope, scope);
    query.and_some("is_bridge = ?", filter.bridges);
    if !filter.include_retried {
        query.and("NOT retried");
    }
    query.and_some("id < ?", filter.id_before);
    query.and_some("id > ?", filter.id_after);
    query.and_some("runner_manager_id = ?", filter.manager);
    if let Some((user, now)) = filter.readable_by {
        let mine = member_of(&mut query, user, now, AccessLevel::Reporter);
        query.and(&format!(
            "project_id IN (SELECT projects.id FROM projects WHERE {mine})"
        ));
    }
    query
}

/// Adds the statuses, and where it can, the words that the partial indexes are made for.
fn by_status<'a>(query: &mut Filter<'a>, scope: &[Status], words: &'a [&'a str]) {
    match words {
        [] => {}
        [word] => query.and_with("status = ?", *word),
        words => query.and_with("status = ANY(?)", words),
    }
    let unlucky = |status: &Status| matches!(status, Status::Failed | Status::Canceled | Status::Skipped);
    if !scope.is_empty() && !scope.iter().any(|status| status.is_completed()) {
        query.and(unfinished!());
    } else if scope.len() == 1 && scope.iter().all(unlucky) {
        query.and("(status = 'failed' OR status = 'canceled' OR status = 'skipped')");
    }
}
