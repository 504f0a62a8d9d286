//! Who changed what, newest first.

use model::{AuditEntity, AuditEvent, Timestamp, UserId};

use super::filter::Filter;
use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};

/// Which events to list.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only those of entities of this kind.
    pub entity_type: Option<&'static str>,
    /// Only those of this entity of the kind.
    pub entity_id: Option<i64>,
    /// Only what this user did.
    pub author: Option<UserId>,
    /// Only what happened from then on.
    pub created_after: Option<Timestamp>,
    /// Only what happened until then.
    pub created_before: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, created_at, author_id, author_name, author_email, entity_type, entity_id, entity_path, event_name, target_type, \
         target_id, target_details, address, change"
    };
}

statements! {
    INSERT = "INSERT INTO audit_events (created_at, author_id, author_name, author_email, entity_type, entity_id, entity_path, \
        event_name, target_type, target_id, target_details, address, change) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    GET = concat!("SELECT ", columns!(), " FROM audit_events WHERE id = ?1");
    FORGET = "DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";
}

/// Writes an event down; its id is the database's.
///
/// # Errors
///
/// What the database said.
pub fn add(tx: &mut dyn Tx, event: &AuditEvent) -> Result<(), StoreError> {
    let entity_id = event.entity.id();
    tx.execute(
        &INSERT,
        params![
            event.created_at,
            event.author_id,
            event.author_name.as_str(),
            event.author_email.as_deref(),
            event.entity.word(),
            entity_id,
            event.entity_path.as_str(),
            event.event_name.as_str(),
            event.target_type.as_str(),
            event.target_id.as_deref(),
            event.target_details.as_str(),
            event.address.as_deref(),
            &Json::text(&event.change)
        ],
    )?;
    Ok(())
}

/// Returns an event.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, id: i64) -> Result<Option<AuditEvent>, StoreError> {
    tx.optional(&GET, params![id], read)
}

/// Lists events, newest first.
///
/// # Errors
///
/// What the database said.
pub fn list(tx: &mut dyn Tx, filter: &AuditFilter, page: Page) -> Result<Vec<AuditEvent>, StoreError> {
    let mut query = select(concat!("SELECT ", columns!(), " FROM audit_events"), filter);
    query.push("ORDER BY id DESC");
    query.page(page);
    let (sql, params) = query.finish("audit_events::list");
    tx.all(&sql, &params, read)
}

/// Counts what [`list`] would give, up to [`COUNTED`](super::page::COUNTED) + 1.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, filter: &AuditFilter) -> Result<i64, StoreError> {
    let (sql, params) = select("SELECT 1 FROM audit_events", filter)
        .count()
        .finish("audit_events::count");
    tx.one(&sql, &params, column)
}

/// Deletes some of the events from before a time; returns how many.
///
/// # Errors
///
/// What the database said.
pub fn forget(tx: &mut dyn Tx, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.execute(&FORGET, params![before, limit])
}

fn select<'a>(select: &str, filter: &AuditFilter) -> Filter<'a> {
    let mut query = Filter::new(select);
    query.and_some("entity_type = ?", filter.entity_type);
    query.and_some("entity_id = ?", filter.entity_id);
    query.and_some("author_id = ?", filter.author);
    query.and_some("created_at >= ?", filter.created_after);
    query.and_some("created_at <= ?", filter.created_before);
    query
}

fn read(row: &Row<'_>) -> Result<AuditEvent, StoreError> {
    Ok(AuditEvent {
        id: row.read()?,
        created_at: row.read()?,
        author_id: row.read()?,
        author_name: row.read()?,
        author_email: row.read()?,
        entity: {
            let (word, id): (String, i64) = (row.read()?, row.read()?);
            AuditEntity::of(&word, id)
        },
        entity_path: row.read()?,
        event_name: row.read()?,
        target_type: row.read()?,
        target_id: row.read()?,
        target_details: row.read()?,
        address: row.read()?,
        change: row.read::<Json<Vec<(String, String)>>>()?.0,
    })
}
