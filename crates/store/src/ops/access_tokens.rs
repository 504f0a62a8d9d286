//! Personal, project and group access tokens, found by their keyed digest.

use model::{AccessToken, AccessTokenId, Timestamp, User, UserId};

use super::filter::Filter;
use super::members::Place;
use super::page::{Page, Sort};
use super::users::{self, user_columns};
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};

/// A token to be created.
#[derive(Clone, Debug)]
pub struct NewAccessToken<'a> {
    /// Whom it acts as.
    pub user_id: UserId,
    /// Keyed digest of the token.
    pub digest: &'a [u8; 32],
    /// Name.
    pub name: &'a str,
    /// Free text.
    pub description: Option<&'a str>,
    /// Scopes.
    pub scopes: &'a [String],
    /// Made by an administrator to act as the user.
    pub impersonation: bool,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Now.
    pub created_at: Timestamp,
}

/// What tokens are listed by; those that are equal in it by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// Id.
    #[default]
    Id,
    /// When they were created.
    Created,
    /// When they end; those without an end last.
    Expires,
    /// When they were last used; those that never were last.
    LastUsed,
    /// Name.
    Name,
}

impl OrderBy {
    const fn sql(self) -> &'static str {
        match self {
            OrderBy::Id => "",
            OrderBy::Created => "t.created_at @, ",
            OrderBy::Expires => "t.expires_at IS NULL, t.expires_at @, ",
            OrderBy::LastUsed => "t.last_used_at IS NULL, t.last_used_at @, ",
            OrderBy::Name => "lower(t.name) @, ",
        }
    }
}

/// Which tokens to list (rest-api.md 15).
#[derive(Clone, Debug, Default)]
pub struct AccessTokenFilter<'a> {
    /// Only of this user.
    pub user_id: Option<UserId>,
    /// Only of the bots of this project or group.
    pub bots_of: Option<Place>,
    /// Only revoked or not revoked ones.
    pub revoked: Option<bool>,
    /// Only those that work (or not) at this time.
    pub active_at: Option<(bool, Timestamp)>,
    /// Part of the name.
    pub search: Option<&'a str>,
    /// Only impersonation tokens or only others.
    pub impersonation: Option<bool>,
    /// Created after, before.
    pub created: (Option<Timestamp>, Option<Timestamp>),
    /// Last used after, before.
    pub last_used: (Option<Timestamp>, Option<Timestamp>),
    /// Expires after, before.
    pub expires: (Option<Timestamp>, Option<Timestamp>),
    /// By what they are listed.
    pub order_by: OrderBy,
    /// In which direction.
    pub sort: Sort,
}

macro_rules! columns {
    () => {
        "t.id, t.user_id, t.name, t.description, t.scopes, t.impersonation, t.revoked_at, t.expires_at, t.last_used_at, t.created_at"
    };
}

statements! {
    INSERT = "INSERT INTO access_tokens (user_id, digest, name, description, scopes, impersonation, expires_at, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id";
    BY_DIGEST = concat!("SELECT ", columns!(), ", ", user_columns!(), " FROM access_tokens t JOIN users ON users.id = t.user_id WHERE t.digest = ?1");
    GET = concat!("SELECT ", columns!(), " FROM access_tokens t WHERE t.id = ?1");
    REVOKE = "UPDATE access_tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
    TOUCH = "UPDATE access_tokens SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?3)";
}

/// Creates a token.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the user does not exist.
pub fn create(tx: &mut dyn Tx, new: &NewAccessToken<'_>) -> Result<AccessToken, StoreError> {
    let id = tx.one(
        &INSERT,
        params![
            new.user_id,
            new.digest,
            new.name,
            new.description,
            &Json::text(new.scopes),
            new.impersonation,
            new.expires_at,
            new.created_at
        ],
        column,
    )?;
    Ok(AccessToken {
        id,
        user_id: new.user_id,
        name: new.name.to_owned(),
        description: new.description.map(str::to_owned),
        scopes: new.scopes.to_owned(),
        impersonation: new.impersonation,
        revoked_at: None,
        expires_at: new.expires_at,
        last_used_at: None,
        created_at: new.created_at,
    })
}

/// Returns the token with that digest and its user, also when it is revoked or expired.
///
/// # Errors
///
/// What the database said.
pub fn by_digest(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<Option<(AccessToken, User)>, StoreError> {
    tx.optional(&BY_DIGEST, params![digest], |row| Ok((read(row)?, users::read(row)?)))
}

/// Returns the token.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, id: AccessTokenId) -> Result<Option<AccessToken>, StoreError> {
    tx.optional(&GET, params![id], read)
}

/// Lists tokens.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, filter: &AccessTokenFilter<'_>, page: Page) -> Result<Vec<AccessToken>, StoreError> {
    let search = filter.search.map(super::like);
    let mut query = select(
        concat!("SELECT ", columns!(), " FROM access_tokens t"),
        filter,
        search.as_deref(),
    );
    let by = filter.order_by.sql().replace('@', filter.sort.sql());
    query.push(&format!("ORDER BY {by}t.id {}", filter.sort.sql()));
    query.page(page);
    let (sql, params) = query.finish("access_tokens::list");
    tx.all(&sql, &params, read)
}

/// Counts what [`list`] would give, up to [`COUNTED`](super::page::COUNTED) + 1.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, filter: &AccessTokenFilter<'_>) -> Result<i64, StoreError> {
    let search = filter.search.map(super::like);
    let query = select("SELECT 1 FROM access_tokens t", filter, search.as_deref()).count();
    let (sql, params) = query.finish("access_tokens::count");
    tx.one(&sql, &params, column)
}

/// Revokes a token for good; `false` when it does not exist or is revoked already.
///
/// # Errors
///
/// What the database said.
pub fn revoke(tx: &mut dyn Tx, id: AccessTokenId, now: Timestamp) -> Result<bool, StoreError> {
    super::restrict(tx, &REVOKE, params![id, now])
}

/// Least time in microseconds between two writes of "last used": ten minutes, as GitLab.
pub const TOUCH_EVERY: i64 = 600_000_000;

/// Notes that the token was used, at most every ten minutes. Look at `last_used_at` first: it spares the write.
///
/// # Errors
///
/// What the database said.
pub fn touch(tx: &mut dyn Tx, id: AccessTokenId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&TOUCH, params![id, now, now.0 - TOUCH_EVERY])?;
    Ok(())
}

fn select<'a>(select: &str, filter: &AccessTokenFilter<'_>, search: Option<&'a str>) -> Filter<'a> {
    let mut query = Filter::new(select);
    query.and_some("t.user_id = ?", filter.user_id);
    match filter.bots_of {
        Some(Place::Project(id)) => {
            query.and_with(
                "t.user_id IN (SELECT user_id FROM resource_bots WHERE project_id = ?)",
                id,
            );
        }
        Some(Place::Group(id)) => {
            query.and_with(
                "t.user_id IN (SELECT user_id FROM resource_bots WHERE namespace_id = ?)",
                id,
            );
        }
        None => {}
    }
    match filter.revoked {
        Some(true) => query.and("t.revoked_at IS NOT NULL"),
        Some(false) => query.and("t.revoked_at IS NULL"),
        None => {}
    }
    match filter.active_at {
        Some((true, now)) => query.and_with(
            "t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > ?)",
            now,
        ),
        Some((false, now)) => query.and_with("(t.revoked_at IS NOT NULL OR t.expires_at <= ?)", now),
        None => {}
    }
    query.and_some("lower(t.name) LIKE ? ESCAPE '\\'", search);
    query.and_some("t.impersonation = ?", filter.impersonation);
    query.and_some("t.created_at > ?", filter.created.0);
    query.and_some("t.created_at < ?", filter.created.1);
    query.and_some("t.last_used_at > ?", filter.last_used.0);
    query.and_some("t.last_used_at < ?", filter.last_used.1);
    query.and_some("t.expires_at > ?", filter.expires.0);
    query.and_some("t.expires_at < ?", filter.expires.1);
    query
}

fn read(row: &Row<'_>) -> Result<AccessToken, StoreError> {
    Ok(AccessToken {
        id: row.read()?,
        user_id: row.read()?,
        name: row.read()?,
        description: row.read()?,
        scopes: row.read::<Json<Vec<String>>>()?.0,
        impersonation: row.read()?,
        revoked_at: row.read()?,
        expires_at: row.read()?,
        last_used_at: row.read()?,
        created_at: row.read()?,
    })
}
