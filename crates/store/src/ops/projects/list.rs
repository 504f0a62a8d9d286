//! Lists of projects that somebody may see.

use model::{AccessLevel, NamespaceId, Project, ProjectId, Timestamp, UserId, Visibility};

use super::{project_columns, read};
use crate::error::StoreError;
use crate::ops::filter::Filter;
use crate::ops::page::{Page, Sort};
use crate::row::column;
use crate::tx::Tx;

/// Who looks at the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Nobody in particular: public projects.
    Anonymous,
    /// A user: public and internal projects, and those the user is a member of.
    User(UserId),
    /// An administrator: all. The id is used by filters that ask for "mine".
    Admin(UserId),
}

impl Viewer {
    const fn user(self) -> Option<UserId> {
        match self {
            Viewer::Anonymous => None,
            Viewer::User(id) | Viewer::Admin(id) => Some(id),
        }
    }
}

/// Order of the list; the id decides between equals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProjectOrder {
    /// By id.
    Id,
    /// By display name.
    Name,
    /// By path.
    Path,
    /// By time of creation.
    #[default]
    CreatedAt,
    /// By time of the last change of settings.
    UpdatedAt,
    /// By time of the last activity.
    LastActivityAt,
}

/// Which projects to list (rest-api.md 14).
#[derive(Clone, Debug)]
pub struct ProjectFilter<'a> {
    /// Who looks.
    pub viewer: Viewer,
    /// Now, to leave out expired memberships.
    pub now: Timestamp,
    /// Only (un)archived ones.
    pub archived: Option<bool>,
    /// Only of this visibility.
    pub visibility: Option<Visibility>,
    /// Part of name or path.
    pub search: Option<&'a str>,
    /// Whether `search` also looks at the namespace's path.
    pub search_namespaces: bool,
    /// Only those the viewer owns (personal namespace or role Owner).
    pub owned: bool,
    /// Only those the viewer is a member of.
    pub membership: bool,
    /// Only those where the viewer has at least this role.
    pub min_access_level: Option<AccessLevel>,
    /// Only those directly in this namespace.
    pub namespace_id: Option<NamespaceId>,
    /// Only those in this user's personal namespace.
    pub in_namespace_of: Option<UserId>,
    /// Only ids above.
    pub id_after: Option<ProjectId>,
    /// Only ids below.
    pub id_before: Option<ProjectId>,
    /// Only with activity after.
    pub last_activity_after: Option<Timestamp>,
    /// Only with activity before.
    pub last_activity_before: Option<Timestamp>,
    /// Order.
    pub order: ProjectOrder,
    /// Direction.
    pub sort: Sort,
}

impl ProjectFilter<'_> {
    /// Everything that `viewer` may see.
    #[must_use]
    pub fn new(viewer: Viewer, now: Timestamp) -> Self {
        ProjectFilter {
            viewer,
            now,
            archived: None,
            visibility: None,
            search: None,
            search_namespaces: false,
            owned: false,
            membership: false,
            min_access_level: None,
            namespace_id: None,
            in_namespace_of: None,
            id_after: None,
            id_before: None,
            last_activity_after: None,
            last_activity_before: None,
            order: ProjectOrder::default(),
            sort: Sort::default(),
        }
    }
}

/// Lists projects.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, filter: &ProjectFilter<'_>, page: Page) -> Result<Vec<Project>, StoreError> {
    let search = filter.search.map(crate::ops::like);
    let mut query = select(
        concat!("SELECT ", project_columns!(), " FROM projects"),
        filter,
        search.as_deref(),
    );
    query.push(&order(filter));
    query.page(page);
    let (sql, params) = query.finish("projects::list");
    tx.all(&sql, &params, read)
}

/// Counts what [`list`] would give, up to [`COUNTED`](crate::ops::page::COUNTED) + 1.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, filter: &ProjectFilter<'_>) -> Result<i64, StoreError> {
    let search = filter.search.map(crate::ops::like);
    let query = select("SELECT 1 FROM projects", filter, search.as_deref()).count();
    let (sql, params) = query.finish("projects::count");
    tx.one(&sql, &params, column)
}

fn order(filter: &ProjectFilter<'_>) -> String {
    let direction = filter.sort.sql();
    let column = match filter.order {
        ProjectOrder::Id => return format!("ORDER BY projects.id {direction}"),
        ProjectOrder::Name => "lower(projects.name)",
        ProjectOrder::Path => "lower(projects.path)",
        ProjectOrder::CreatedAt => "projects.created_at",
        ProjectOrder::UpdatedAt => "projects.updated_at",
        ProjectOrder::LastActivityAt => "projects.last_activity_at",
    };
    format!("ORDER BY {column} {direction}, projects.id {direction}")
}

fn select<'a>(select: &str, filter: &ProjectFilter<'a>, search: Option<&'a str>) -> Filter<'a> {
    let mut query = Filter::new(select);
    visible(&mut query, filter);
    query.and_some("projects.archived = ?", filter.archived);
    query.and_some("projects.visibility = ?", filter.visibility);
    query.and_some(
        if filter.search_namespaces {
            "(lower(projects.name) LIKE ? ESCAPE '\\' OR projects.path_key LIKE ? ESCAPE '\\')"
        } else {
            "(lower(projects.name) LIKE ? ESCAPE '\\' OR lower(projects.path) LIKE ? ESCAPE '\\')"
        },
        search,
    );
    query.and_some("projects.namespace_id = ?", filter.namespace_id);
    query.and_some(
        "projects.namespace_id IN (SELECT id FROM namespaces WHERE user_id = ?)",
        filter.in_namespace_of,
    );
    query.and_some("projects.id > ?", filter.id_after);
    query.and_some("projects.id < ?", filter.id_before);
    query.and_some("projects.last_activity_at > ?", filter.last_activity_after);
    query.and_some("projects.last_activity_at < ?", filter.last_activity_before);
    query
}

/// Adds what the viewer may see, and "mine" when it is asked for.
fn visible(query: &mut Filter<'_>, filter: &ProjectFilter<'_>) {
    let least = match (filter.owned, filter.min_access_level) {
        (true, _) => Some(AccessLevel::Owner),
        (false, Some(level)) => Some(level),
        (false, None) => filter.membership.then_some(AccessLevel::Guest),
    };
    let Some(user) = filter.viewer.user() else {
        query.and("projects.visibility = 'public'");
        if least.is_some() {
            // Nobody in particular is a member of nothing.
            query.and("1 = 0");
        }
        return;
    };
    if let Some(level) = least {
        let mine = member_of(query, user, filter.now, level);
        query.and(&mine);
    } else if let Viewer::User(_) = filter.viewer {
        let mine = member_of(query, user, filter.now, AccessLevel::Guest);
        query.and(&format!("(projects.visibility IN ('public', 'internal') OR {mine})"));
    }
}

/// Returns the condition "the user has at least this role in the project": as a member of it, of a group
/// around it, or as the owner of the personal namespace.
pub(crate) fn member_of(query: &mut Filter<'_>, user: UserId, now: Timestamp, level: AccessLevel) -> String {
    let (user, now, level) = (query.param(user), query.param(now), query.param(level));
    format!(
        "(projects.id IN (SELECT project_id FROM project_members \
             WHERE user_id = {user} AND level >= {level} AND (expires_at IS NULL OR expires_at > {now})) \
         OR projects.namespace_id IN (WITH RECURSIVE mine (id) AS ( \
             SELECT namespace_id FROM group_members \
             WHERE user_id = {user} AND level >= {level} AND (expires_at IS NULL OR expires_at > {now}) \
             UNION SELECT id FROM namespaces WHERE user_id = {user} \
             UNION SELECT n.id FROM namespaces n JOIN mine ON n.parent_id = mine.id) SELECT id FROM mine))"
    )
}
