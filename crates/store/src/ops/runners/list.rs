//! Lists of runners (rest-api.md 19): those of a project, a group, a person, or all.

use model::{AccessLevel, NamespaceId, ProjectId, Runner, RunnerType, Timestamp, UserId};

use super::{read, runner_columns, with_projects};
use crate::error::StoreError;
use crate::ops::filter::Filter;
use crate::ops::page::{Page, Sort};
use crate::row::column;
use crate::tx::Tx;
use crate::value::Json;

/// Which runners to list.
#[derive(Clone, Debug, Default)]
pub struct RunnerFilter {
    /// Only those that may serve this project: assigned, of a group around it, or of the instance.
    pub of_project: Option<ProjectId>,
    /// Only those of this group and the groups around it, or of the instance.
    pub of_group: Option<NamespaceId>,
    /// Only those that this user administers: of projects as maintainer, of groups as owner. Now, for memberships that end.
    pub owned_by: Option<(UserId, Timestamp)>,
    /// Without those of the instance.
    pub without_instance: bool,
    /// Without those of groups.
    pub without_group: bool,
    /// Only those created by this user.
    pub creator_id: Option<UserId>,
    /// Only of this type.
    pub runner_type: Option<RunnerType>,
    /// Only (un)paused ones.
    pub paused: Option<bool>,
    /// Only those that have all of these tags.
    pub tags: Vec<String>,
    /// Only those with a process whose version begins so.
    pub version_prefix: Option<String>,
    /// Only those that stand so.
    pub standing: Vec<Standing>,
    /// Order by id.
    pub sort: Sort,
}

/// When a runner was last heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// After this time.
    HeardAfter(Timestamp),
    /// Not after this time, but once.
    HeardUntil(Timestamp),
    /// Never.
    Never,
    /// Created and last heard of, if ever, not after this time.
    SilentSince(Timestamp),
}

/// Lists runners by id.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, filter: &RunnerFilter, page: Page) -> Result<Vec<Runner>, StoreError> {
    let tags = quoted(&filter.tags);
    let mut query = select(concat!("SELECT ", runner_columns!(), " FROM runners"), filter, &tags);
    query.push(&format!("ORDER BY id {}", filter.sort.sql()));
    query.page(page);
    let (sql, params) = query.finish("runners::list");
    let found = tx.all(&sql, &params, read)?;
    with_projects(tx, found)
}

/// Counts what [`list`] would give, up to [`COUNTED`](crate::ops::page::COUNTED) + 1.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, filter: &RunnerFilter) -> Result<i64, StoreError> {
    let tags = quoted(&filter.tags);
    let (sql, params) = select("SELECT 1 FROM runners", filter, &tags)
        .count()
        .finish("runners::count");
    tx.one(&sql, &params, column)
}

/// Groups from the one that `start` selects upwards.
macro_rules! upwards {
    ($start:literal) => {
        concat!(
            "(WITH RECURSIVE up (id) AS (",
            $start,
            " UNION ALL SELECT n.parent_id FROM namespaces n JOIN up ON n.id = up.id) SELECT id FROM up)"
        )
    };
}

/// The tags as they stand in the column, which is a JSON list: quotes within a tag are escaped, so none is found inside another.
fn quoted(tags: &[String]) -> Vec<String> {
    tags.iter().map(Json::text).collect()
}

fn select<'a>(select: &str, filter: &'a RunnerFilter, tags: &'a [String]) -> Filter<'a> {
    let mut query = Filter::new(select);
    query.and_some(
        concat!(
            "(runner_type = 'instance_type' OR id IN (SELECT runner_id FROM runner_projects WHERE project_id = ?) OR group_id IN ",
            upwards!("SELECT namespace_id FROM projects WHERE projects.id = ?"),
            ")"
        ),
        filter.of_project,
    );
    query.and_some(
        concat!(
            "(runner_type = 'instance_type' OR group_id IN ",
            upwards!("SELECT namespaces.id FROM namespaces WHERE namespaces.id = ?"),
            ")"
        ),
        filter.of_group,
    );
    if let Some((user, now)) = filter.owned_by {
        owned(&mut query, user, now);
    }
    if filter.without_instance {
        query.and("runner_type <> 'instance_type'");
    }
    if filter.without_group {
        query.and("runner_type <> 'group_type'");
    }
    query.and_some("creator_id = ?", filter.creator_id);
    query.and_some("runner_type = ?", filter.runner_type);
    query.and_some("paused = ?", filter.paused);
    for tag in tags {
        query.and_with("replace(tags, ?, '') <> tags", tag);
    }
    query.and_some(
        "id IN (SELECT runner_id FROM runner_managers WHERE substr(version, 1, length(CAST(? AS TEXT))) = ?)",
        filter.version_prefix.as_deref(),
    );
    for standing in &filter.standing {
        stands(&mut query, *standing);
    }
    query
}

fn owned(query: &mut Filter<'_>, user: UserId, now: Timestamp) {
    let (user, now) = (query.param(user), query.param(now));
    let groups = |level: AccessLevel| {
        format!(
            "(WITH RECURSIVE mine (id) AS (SELECT namespace_id FROM group_members \
                 WHERE user_id = {user} AND level >= {} AND (expires_at IS NULL OR expires_at > {now}) \
                 UNION SELECT id FROM namespaces WHERE user_id = {user} \
                 UNION SELECT n.id FROM namespaces n JOIN mine ON n.parent_id = mine.id) SELECT id FROM mine)",
            level.number()
        )
    };
    let maintainer = AccessLevel::Maintainer;
    query.and(&format!(
        "(group_id IN {} OR id IN (SELECT runner_id FROM runner_projects JOIN projects ON projects.id = runner_projects.project_id \
             WHERE projects.namespace_id IN {} OR projects.id IN (SELECT project_id FROM project_members \
                 WHERE user_id = {user} AND level >= {} AND (expires_at IS NULL OR expires_at > {now}))))",
        groups(AccessLevel::Owner),
        groups(maintainer),
        maintainer.number(),
    ));
}

fn stands(query: &mut Filter<'_>, standing: Standing) {
    match standing {
        Standing::HeardAfter(time) => query.and_with("contacted_at > ?", time),
        Standing::HeardUntil(time) => query.and_with("contacted_at <= ?", time),
        Standing::Never => query.and("contacted_at IS NULL"),
        Standing::SilentSince(time) => {
            query.and_with("created_at <= ? AND (contacted_at IS NULL OR contacted_at <= ?)", time);
        }
    }
}
