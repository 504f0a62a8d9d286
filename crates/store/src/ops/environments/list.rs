//! Lists of environments by id.

use model::{Environment, EnvironmentState, ProjectId};

use super::{environment_columns, read};
use crate::error::StoreError;
use crate::ops::filter::Filter;
use crate::ops::key;
use crate::ops::page::Page;
use crate::row::column;
use crate::tx::Tx;

/// Which environments to list.
#[derive(Clone, Debug)]
pub struct EnvironmentFilter {
    /// Of which project.
    pub project: ProjectId,
    /// Only the one of this name.
    pub name: Option<String>,
    /// Only those whose names begin like this; letter case does not matter.
    pub search: Option<String>,
    /// Only those in one of these states; empty = all.
    pub states: Vec<EnvironmentState>,
}

/// Lists environments.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, filter: &EnvironmentFilter, page: Page) -> Result<Vec<Environment>, StoreError> {
    let texts = Texts::of(filter);
    let mut query = select(
        concat!("SELECT ", environment_columns!(), " FROM environments"),
        filter,
        &texts,
    );
    query.push("ORDER BY id");
    query.page(page);
    let (sql, params) = query.finish("environments::list");
    tx.all(&sql, &params, read)
}

/// Counts what [`list`] would give, up to [`COUNTED`](crate::ops::page::COUNTED) + 1.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, filter: &EnvironmentFilter) -> Result<i64, StoreError> {
    let texts = Texts::of(filter);
    let query = select("SELECT 1 FROM environments", filter, &texts);
    let (sql, params) = query.count().finish("environments::count");
    tx.one(&sql, &params, column)
}

/// What a filter compares with, kept as long as the query.
struct Texts {
    beginning: Option<String>,
    states: Vec<&'static str>,
}

impl Texts {
    fn of(filter: &EnvironmentFilter) -> Texts {
        Texts {
            beginning: filter.search.as_deref().map(beginning),
            states: filter.states.iter().map(|state| state.as_str()).collect(),
        }
    }
}

fn select<'a>(select: &str, filter: &'a EnvironmentFilter, texts: &'a Texts) -> Filter<'a> {
    let mut query = Filter::new(select);
    query.and_with("project_id = ?", filter.project);
    query.and_some("name = ?", filter.name.as_ref());
    query.and_some("name_key LIKE ? ESCAPE '\\'", texts.beginning.as_ref());
    match texts.states.as_slice() {
        [] => {}
        [state] => query.and_with("state = ?", *state),
        states => query.and_with("state = ANY(?)", states),
    }
    query
}

/// The LIKE pattern for texts that begin like `text`.
fn beginning(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for c in key(text).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
