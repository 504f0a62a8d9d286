//! Lists of groups that somebody may see.

use model::{AccessLevel, Namespace, NamespaceId, Timestamp};

use super::read;
use crate::error::StoreError;
use crate::ops::filter::Filter;
use crate::ops::page::Page;
use crate::ops::projects::Viewer;
use crate::row::column;
use crate::tx::Tx;

/// Which namespaces to list.
#[derive(Clone, Debug)]
pub struct NamespaceFilter<'a> {
    /// Who looks.
    pub viewer: Viewer,
    /// Now, to leave out expired memberships.
    pub now: Timestamp,
    /// Part of name or path.
    pub search: Option<&'a str>,
    /// Only those in which the viewer has at least this role.
    pub min_access_level: Option<AccessLevel>,
    /// Only those directly in this group.
    pub parent_id: Option<NamespaceId>,
    /// Only those in no group.
    pub top_level: bool,
    /// Also personal namespaces, of which everybody but an administrator sees their own.
    pub personal: bool,
}

impl NamespaceFilter<'_> {
    /// All groups that `viewer` may see.
    #[must_use]
    pub fn new(viewer: Viewer, now: Timestamp) -> Self {
        NamespaceFilter {
            viewer,
            now,
            search: None,
            min_access_level: None,
            parent_id: None,
            top_level: false,
            personal: false,
        }
    }
}

/// Lists namespaces by path.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, filter: &NamespaceFilter<'_>, page: Page) -> Result<Vec<Namespace>, StoreError> {
    let search = filter.search.map(crate::ops::like);
    let mut query = select(
        concat!("SELECT ", super::namespace_columns!(), " FROM namespaces"),
        filter,
        search.as_deref(),
    );
    query.push("ORDER BY namespaces.path_key");
    query.page(page);
    let (sql, params) = query.finish("namespaces::list");
    tx.all(&sql, &params, read)
}

/// Counts what [`list`] would give, up to [`COUNTED`](crate::ops::page::COUNTED) + 1.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, filter: &NamespaceFilter<'_>) -> Result<i64, StoreError> {
    let search = filter.search.map(crate::ops::like);
    let query = select("SELECT 1 FROM namespaces", filter, search.as_deref()).count();
    let (sql, params) = query.finish("namespaces::count");
    tx.one(&sql, &params, column)
}

fn select<'a>(select: &str, filter: &NamespaceFilter<'a>, search: Option<&'a str>) -> Filter<'a> {
    let mut query = Filter::new(select);
    visible(&mut query, filter);
    query.and_some(
        "(lower(namespaces.name) LIKE ? ESCAPE '\\' OR namespaces.path_key LIKE ? ESCAPE '\\')",
        search,
    );
    query.and_some("namespaces.parent_id = ?", filter.parent_id);
    if filter.top_level {
        query.and("namespaces.parent_id IS NULL");
    }
    query
}

fn visible(query: &mut Filter<'_>, filter: &NamespaceFilter<'_>) {
    let own = |query: &mut Filter<'_>, viewer| match viewer {
        Viewer::Admin(_) => "namespaces.user_id IS NOT NULL".to_owned(),
        Viewer::User(id) => format!("namespaces.user_id = {}", query.param(id)),
        Viewer::Anonymous => "1 = 0".to_owned(),
    };
    let groups = match (filter.viewer, filter.min_access_level) {
        (Viewer::Anonymous, Some(_)) => "1 = 0".to_owned(),
        (Viewer::Anonymous, None) => "namespaces.visibility = 'public'".to_owned(),
        (Viewer::Admin(_), None) => "1 = 1".to_owned(),
        (Viewer::Admin(id) | Viewer::User(id), level) => {
            let mine = member_of(query, id, filter.now, level.unwrap_or(AccessLevel::Guest));
            match level {
                Some(_) => mine,
                None => format!("(namespaces.visibility IN ('public', 'internal') OR {mine})"),
            }
        }
    };
    let groups = format!("(namespaces.user_id IS NULL AND {groups})");
    if filter.personal {
        let own = own(query, filter.viewer);
        query.and(&format!("({groups} OR {own})"));
    } else {
        query.and(&groups);
    }
}

/// Returns the condition "the user has at least this role in the group or one around it".
fn member_of(query: &mut Filter<'_>, user: model::UserId, now: Timestamp, level: AccessLevel) -> String {
    let (user, now, level) = (query.param(user), query.param(now), query.param(level));
    format!(
        "namespaces.id IN (WITH RECURSIVE mine (id) AS ( \
             SELECT namespace_id FROM group_members \
             WHERE user_id = {user} AND level >= {level} AND (expires_at IS NULL OR expires_at > {now}) \
             UNION SELECT n.id FROM namespaces n JOIN mine ON n.parent_id = mine.id) SELECT id FROM mine)"
    )
}
