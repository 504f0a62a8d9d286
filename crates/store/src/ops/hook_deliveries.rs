//! What waits for webhooks: events as they happened, and what each hook is told of them.
//!
//! An event is written in the transaction of what happened. Whoever deletes it makes the deliveries, in one
//! transaction too, so an event becomes deliveries once, on however many servers.

use model::{
    Hook, HookDelivery, HookDeliveryId, HookEvent, HookEventId, HookId, HookKinds, HookOutcome, PipelineId, ProjectId,
    Timestamp,
};

use super::hooks;
use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};
use crate::wake::Wake;

/// A delivery to be made.
#[derive(Clone, Debug)]
pub struct NewDelivery<'a> {
    /// The hook.
    pub hook_id: HookId,
    /// Of which kind.
    pub trigger: &'a str,
    /// `Idempotency-Key`.
    pub key: &'a str,
    /// `X-Gitlab-Event-UUID`.
    pub event_key: &'a str,
    /// The payload.
    pub request: &'a str,
    /// The pipeline that it tells of.
    pub pipeline_id: Option<PipelineId>,
    /// Now.
    pub created_at: Timestamp,
    /// When it is first tried; `None` = whoever inserts it does that.
    pub next_attempt_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, hook_id, kind, delivery_key, event_key, request, attempts, created_at, outcome, pipeline_id"
    };
}

statements! {
    INSERT_EVENT = "INSERT INTO hook_events (project_id, kinds, body) VALUES (?1, ?2, ?3)";
    EVENTS = "SELECT id, project_id, kinds, body FROM hook_events ORDER BY id LIMIT ?1";
    TAKE_EVENT = "DELETE FROM hook_events WHERE id = ?1";
    INSERT = "INSERT INTO hook_deliveries (hook_id, kind, delivery_key, event_key, request, attempts, created_at, next_attempt_at, \
        pipeline_id) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8) RETURNING id";
    DUE = "SELECT hook_id FROM hook_deliveries WHERE next_attempt_at IS NOT NULL AND next_attempt_at <= ?1 \
        AND (claimed_until IS NULL OR claimed_until <= ?1) GROUP BY hook_id ORDER BY MIN(id) LIMIT ?2";
    NEXT = "SELECT id FROM hook_deliveries WHERE hook_id = ?1 AND next_attempt_at IS NOT NULL AND next_attempt_at <= ?2 \
        AND (claimed_until IS NULL OR claimed_until <= ?2) ORDER BY id LIMIT 1";
    POSTPONE = "UPDATE hook_deliveries SET claimed_until = NULL, next_attempt_at = ?2, attempts = attempts - 1 WHERE id = ?1";
    CLAIM = "UPDATE hook_deliveries SET claimed_until = ?3, attempts = attempts + 1 WHERE id = ?1 \
        AND next_attempt_at IS NOT NULL AND (claimed_until IS NULL OR claimed_until <= ?2)";
    HOOK_OF = "SELECT h.id, h.project_id, h.kinds, h.settings, h.sealed, h.failures, h.disabled_until, h.created_at \
        FROM hook_deliveries d JOIN hooks h ON h.id = d.hook_id WHERE d.id = ?1";
    BY_ID = concat!("SELECT ", columns!(), " FROM hook_deliveries WHERE id = ?1");
    GET = concat!("SELECT ", columns!(), " FROM hook_deliveries WHERE hook_id = ?1 AND id = ?2");
    FINISH = "UPDATE hook_deliveries SET claimed_until = NULL, next_attempt_at = ?2, status_code = ?3, outcome = ?4 WHERE id = ?1";
    OF_HOOK = concat!("SELECT ", columns!(), " FROM hook_deliveries WHERE hook_id = ?1 AND outcome IS NOT NULL AND created_at >= ?2 \
        ORDER BY id DESC LIMIT ?3 OFFSET ?4");
    COUNT_OF_HOOK = "SELECT COUNT(*) FROM hook_deliveries WHERE hook_id = ?1 AND outcome IS NOT NULL AND created_at >= ?2";
    OF_HOOK_BY_STATUS = concat!("SELECT ", columns!(), " FROM hook_deliveries WHERE hook_id = ?1 AND outcome IS NOT NULL AND created_at >= ?2 \
        AND status_code >= ?5 AND status_code <= ?6 ORDER BY id DESC LIMIT ?3 OFFSET ?4");
    COUNT_BY_STATUS = "SELECT COUNT(*) FROM hook_deliveries WHERE hook_id = ?1 AND outcome IS NOT NULL AND created_at >= ?2 \
        AND status_code >= ?3 AND status_code <= ?4";
    PRUNE = "DELETE FROM hook_deliveries WHERE created_at < ?1 AND next_attempt_at IS NULL";
}

/// Writes down that something happened which hooks are to be told of.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the project does not exist.
pub fn happened(tx: &mut dyn Tx, project: ProjectId, kinds: HookKinds, body: &str) -> Result<(), StoreError> {
    tx.execute(&INSERT_EVENT, params![project, kinds.0, body])?;
    tx.notify(Wake::Hooks);
    Ok(())
}

/// Lists events that nobody has looked at, the oldest first.
///
/// # Errors
///
/// What the database said.
pub fn events(tx: &mut dyn Tx, most: i64) -> Result<Vec<HookEvent>, StoreError> {
    tx.all(&EVENTS, params![most], |row| {
        Ok(HookEvent {
            id: row.read()?,
            project_id: row.read()?,
            kinds: HookKinds(row.read()?),
            body: row.read()?,
        })
    })
}

/// Takes an event; false when somebody else was faster.
///
/// # Errors
///
/// What the database said.
pub fn take_event(tx: &mut dyn Tx, id: HookEventId) -> Result<bool, StoreError> {
    Ok(tx.execute(&TAKE_EVENT, params![id])? > 0)
}

/// Stores a delivery.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the hook does not exist.
pub fn insert(tx: &mut dyn Tx, new: &NewDelivery<'_>) -> Result<HookDeliveryId, StoreError> {
    tx.one(
        &INSERT,
        params![
            new.hook_id,
            new.trigger,
            new.key,
            new.event_key,
            new.request,
            new.created_at,
            new.next_attempt_at,
            new.pipeline_id
        ],
        column,
    )
}

/// Lists hooks for which something is to be tried now, those that wait longest first.
///
/// # Errors
///
/// What the database said.
pub fn due(tx: &mut dyn Tx, now: Timestamp, most: i64) -> Result<Vec<HookId>, StoreError> {
    tx.all(&DUE, params![now, most], column)
}

/// Returns what a hook is to be told next, in the order in which things happened.
///
/// # Errors
///
/// What the database said.
pub fn next(tx: &mut dyn Tx, hook: HookId, now: Timestamp) -> Result<Option<HookDeliveryId>, StoreError> {
    tx.optional(&NEXT, params![hook, now], column)
}

/// Gives an attempt back that was claimed and not made; `None` = it is never made.
///
/// # Errors
///
/// What the database said.
pub fn postpone(tx: &mut dyn Tx, id: HookDeliveryId, until: Option<Timestamp>) -> Result<(), StoreError> {
    tx.execute(&POSTPONE, params![id, until])?;
    Ok(())
}

/// Begins an attempt: nobody else begins one before `until`. `None` when there is nothing to do (any more).
///
/// # Errors
///
/// What the database said.
pub fn claim(
    tx: &mut dyn Tx,
    id: HookDeliveryId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<(HookDelivery, Hook)>, StoreError> {
    if tx.execute(&CLAIM, params![id, now, until])? == 0 {
        return Ok(None);
    }
    let hook = tx.optional(&HOOK_OF, params![id], hooks::read)?;
    let delivery = tx.optional(&BY_ID, params![id], read)?;
    Ok(delivery.zip(hook))
}

/// Returns a delivery of a hook.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, hook: HookId, id: HookDeliveryId) -> Result<Option<HookDelivery>, StoreError> {
    tx.optional(&GET, params![hook, id], read)
}

/// Ends an attempt; `next_attempt_at` is `None` when it was the last.
///
/// # Errors
///
/// What the database said.
pub fn finish(
    tx: &mut dyn Tx,
    id: HookDeliveryId,
    next_attempt_at: Option<Timestamp>,
    outcome: &HookOutcome,
) -> Result<(), StoreError> {
    let text = Json::text(outcome);
    let code: i64 = outcome.status.parse().unwrap_or(0);
    tx.execute(&FINISH, params![id, next_attempt_at, code, &text])?;
    Ok(())
}

/// Lists what a hook was told since `since`, the newest first, and counts it.
///
/// # Errors
///
/// What the database said.
pub fn of_hook(
    tx: &mut dyn Tx,
    hook: HookId,
    since: Timestamp,
    status: Option<(i64, i64)>,
    page: Page,
) -> Result<(Vec<HookDelivery>, i64), StoreError> {
    let (limit, offset) = (page.limit, page.offset);
    Ok(match status {
        None => (
            tx.all(&OF_HOOK, params![hook, since, limit, offset], read)?,
            tx.one(&COUNT_OF_HOOK, params![hook, since], column)?,
        ),
        Some((from, to)) => (
            tx.all(&OF_HOOK_BY_STATUS, params![hook, since, limit, offset, from, to], read)?,
            tx.one(&COUNT_BY_STATUS, params![hook, since, from, to], column)?,
        ),
    })
}

/// Removes what was told before a moment.
///
/// # Errors
///
/// What the database said.
pub fn prune(tx: &mut dyn Tx, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&PRUNE, params![before])
}

fn read(row: &Row<'_>) -> Result<HookDelivery, StoreError> {
    Ok(HookDelivery {
        id: row.read()?,
        hook_id: row.read()?,
        trigger: row.read()?,
        key: row.read()?,
        event_key: row.read()?,
        request: row.read()?,
        attempts: row.read()?,
        created_at: row.read()?,
        outcome: row.read::<Option<Json<HookOutcome>>>()?.map(|json| json.0),
        pipeline_id: row.read()?,
    })
}
