//! Lists of pipelines with every filter of GitLab's API (rest-api.md 3.2), each on an index.

use model::{Pipeline, PipelineId, PipelineIid, ProjectId, Source, Status, Timestamp, TriggerTokenId};

use super::{pipeline_columns, read};
use crate::error::StoreError;
use crate::ops::filter::Filter;
use crate::ops::page::{Page, Sort};
use crate::row::column;
use crate::tx::Tx;

/// `scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineScope<'a> {
    /// Running ones.
    Running,
    /// Pending ones.
    Pending,
    /// Success, failed, canceled.
    Finished,
    /// The newest pipeline of each of these branches.
    Branches(&'a [&'a str]),
    /// The newest pipeline of each of these tags.
    Tags(&'a [&'a str]),
}

/// `order_by`; the number decides between equals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PipelineOrder {
    /// By id.
    #[default]
    Id,
    /// By status.
    Status,
    /// By ref.
    Ref,
    /// By time of the last change.
    UpdatedAt,
    /// By user.
    UserId,
}

/// Which pipelines to list.
#[derive(Clone, Debug)]
pub struct PipelineFilter<'a> {
    /// Their project.
    pub project_id: ProjectId,
    /// `scope`.
    pub scope: Option<PipelineScope<'a>>,
    /// `status`.
    pub status: Option<Status>,
    /// `ref`, exact.
    pub ref_name: Option<&'a str>,
    /// `sha`, exact.
    pub sha: Option<&'a str>,
    /// `name`, exact.
    pub name: Option<&'a str>,
    /// `username`, exact.
    pub username: Option<&'a str>,
    /// `source`; without it child pipelines are left out.
    pub source: Option<Source>,
    /// `yaml_errors`: with or without configuration errors.
    pub yaml_errors: Option<bool>,
    /// Last changed after.
    pub updated_after: Option<Timestamp>,
    /// Last changed before.
    pub updated_before: Option<Timestamp>,
    /// Created after.
    pub created_after: Option<Timestamp>,
    /// Created before.
    pub created_before: Option<Timestamp>,
    /// This one only.
    pub id: Option<PipelineId>,
    /// Beginning of `sha`.
    pub sha_prefix: Option<&'a str>,
    /// Started by this trigger token.
    pub trigger_token_id: Option<TriggerTokenId>,
    /// Only numbers below (keyset paging).
    pub iid_before: Option<PipelineIid>,
    /// Only numbers above.
    pub iid_after: Option<PipelineIid>,
    /// `order_by`.
    pub order: PipelineOrder,
    /// `sort`.
    pub sort: Sort,
}

impl PipelineFilter<'_> {
    /// Every pipeline of a project except child pipelines, newest first.
    #[must_use]
    pub fn new(project_id: ProjectId) -> Self {
        PipelineFilter {
            project_id,
            scope: None,
            status: None,
            ref_name: None,
            sha: None,
            name: None,
            username: None,
            source: None,
            yaml_errors: None,
            updated_after: None,
            updated_before: None,
            created_after: None,
            created_before: None,
            id: None,
            sha_prefix: None,
            trigger_token_id: None,
            iid_before: None,
            iid_after: None,
            order: PipelineOrder::default(),
            sort: Sort::default(),
        }
    }
}

/// Lists pipelines.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, filter: &PipelineFilter<'_>, page: Page) -> Result<Vec<Pipeline>, StoreError> {
    let username = filter.username.map(crate::ops::key);
    let select_all = concat!("SELECT ", pipeline_columns!(), " FROM pipelines");
    let mut query = select(tx.is_postgres(), select_all, filter, username.as_deref());
    query.push(&order(filter));
    query.page(page);
    let (sql, params) = query.finish("pipelines::list");
    tx.all(&sql, &params, read)
}

/// Counts what [`list`] would give, up to [`COUNTED`](crate::ops::page::COUNTED) + 1.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, filter: &PipelineFilter<'_>) -> Result<i64, StoreError> {
    let username = filter.username.map(crate::ops::key);
    let mut query = select(tx.is_postgres(), "SELECT 1 FROM pipelines", filter, username.as_deref());
    // The same order as the list: it leads SQLite to the same index.
    query.push(&order(filter));
    let (sql, params) = query.count().finish("pipelines::count");
    tx.one(&sql, &params, column)
}

/// Ids and numbers of a project's pipelines have the same order, so the indexes end in the number.
fn order(filter: &PipelineFilter<'_>) -> String {
    let direction = filter.sort.sql();
    let column = match filter.order {
        PipelineOrder::Id => return format!("ORDER BY iid {direction}"),
        PipelineOrder::Status => "status",
        PipelineOrder::Ref => "ref_name",
        PipelineOrder::UpdatedAt => "updated_at",
        PipelineOrder::UserId => "user_id",
    };
    format!("ORDER BY {column} {direction}, iid {direction}")
}

fn select<'a>(is_postgres: bool, select: &str, filter: &PipelineFilter<'a>, username: Option<&'a str>) -> Filter<'a> {
    let mut query = Filter::new(select);
    query.and_with("project_id = ?", filter.project_id);
    match filter.scope {
        Some(PipelineScope::Running) => query.and("status = 'running'"),
        Some(PipelineScope::Pending) => query.and("status = 'pending'"),
        Some(PipelineScope::Finished) => query.and("status IN ('success', 'failed', 'canceled')"),
        Some(PipelineScope::Branches(names)) => {
            newest_of_each(&mut query, is_postgres, filter.project_id, names, false)
        }
        Some(PipelineScope::Tags(names)) => newest_of_each(&mut query, is_postgres, filter.project_id, names, true),
        None => {}
    }
    query.and_some("status = ?", filter.status);
    query.and_some("ref_name = ?", filter.ref_name);
    query.and_some("sha = ?", filter.sha);
    query.and_some("name = ?", filter.name);
    query.and_some("user_id = (SELECT id FROM users WHERE username_key = ?)", username);
    match filter.source {
        Some(source) => query.and_with("source = ?", source),
        None => query.and("source <> 'parent_pipeline'"),
    }
    match filter.yaml_errors {
        Some(true) => query.and("yaml_errors IS NOT NULL"),
        Some(false) => query.and("yaml_errors IS NULL"),
        None => {}
    }
    query.and_some("updated_at > ?", filter.updated_after);
    query.and_some("updated_at < ?", filter.updated_before);
    query.and_some("created_at > ?", filter.created_after);
    query.and_some("created_at < ?", filter.created_before);
    query.and_some("id = ?", filter.id);
    if let Some(prefix) = filter.sha_prefix {
        // No digit comes after `f`.
        query.and_with("sha >= ? AND sha < (? || 'g')", prefix);
    }
    query.and_some("trigger_token_id = ?", filter.trigger_token_id);
    query.and_some("iid < ?", filter.iid_before);
    query.and_some("iid > ?", filter.iid_after);
    query
}

/// One look into the index for each ref, however many pipelines it has.
fn newest_of_each<'a>(
    query: &mut Filter<'a>,
    is_postgres: bool,
    project: ProjectId,
    names: &'a [&'a str],
    is_tag: bool,
) {
    let (project, names, is_tag) = (query.param(project), query.param(names), query.param(is_tag));
    let refs = if is_postgres {
        format!("unnest(CAST({names} AS TEXT[])) AS refs (value)")
    } else {
        format!("json_each({names}) AS refs")
    };
    query.and(&format!(
        "iid IN (SELECT (SELECT newest.iid FROM pipelines newest WHERE newest.project_id = {project} \
             AND newest.ref_name = refs.value AND newest.is_tag = {is_tag} AND newest.source <> 'parent_pipeline' \
             ORDER BY newest.iid DESC LIMIT 1) FROM {refs})"
    ));
}
