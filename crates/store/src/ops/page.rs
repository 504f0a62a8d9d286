//! Paging that all lists share.

/// Most rows that are counted for a total; beyond it GitLab gives no total either (rest-api.md 6).
pub const COUNTED: i64 = 10_000;

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Most rows to return.
    pub limit: i64,
    /// Rows to leave out before.
    pub offset: i64,
}

impl Page {
    /// Returns the page of GitLab's `page` (counted from 1) and `per_page`.
    #[must_use]
    pub const fn of(page: i64, per_page: i64) -> Page {
        Page {
            limit: per_page,
            offset: page.saturating_sub(1).saturating_mul(per_page),
        }
    }

    /// Everything there is.
    #[must_use]
    pub const fn all() -> Page {
        Page {
            limit: i64::MAX,
            offset: 0,
        }
    }
}

/// Ascending or descending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Smallest first.
    Asc,
    /// Largest first.
    #[default]
    Desc,
}

impl Sort {
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Sort::Asc => "ASC",
            Sort::Desc => "DESC",
        }
    }
}
