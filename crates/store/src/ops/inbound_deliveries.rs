//! What arrived at inbound hooks, and what came of it: the newest of each hook.

use model::{InboundDelivery, InboundDeliveryId, InboundHookId, InboundOutcome, PipelineId, Timestamp};

use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// A delivery that arrived.
#[derive(Clone, Debug)]
pub struct NewInboundDelivery<'a> {
    /// The hook.
    pub hook_id: InboundHookId,
    /// What came of it.
    pub outcome: InboundOutcome,
    /// Why, in words.
    pub reason: &'a str,
    /// What the sender calls the event.
    pub event: Option<&'a str>,
    /// What the sender calls the delivery.
    pub delivery: Option<&'a str>,
    /// SHA-256 of the body.
    pub digest: &'a [u8; 32],
    /// The pipeline.
    pub pipeline_id: Option<PipelineId>,
    /// Now.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, hook_id, outcome, reason, event, delivery, digest, pipeline_id, created_at"
    };
}

statements! {
    INSERT = "INSERT INTO inbound_deliveries (hook_id, outcome, reason, event, delivery, digest, pipeline_id, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id";
    OF_HOOK = concat!("SELECT ", columns!(), " FROM inbound_deliveries WHERE hook_id = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3");
    COUNT = "SELECT COUNT(*) FROM inbound_deliveries WHERE hook_id = ?1";
    OF_HOOK_BY_OUTCOME = concat!("SELECT ", columns!(), " FROM inbound_deliveries WHERE hook_id = ?1 AND outcome = ?4 \
        ORDER BY id DESC LIMIT ?2 OFFSET ?3");
    COUNT_BY_OUTCOME = "SELECT COUNT(*) FROM inbound_deliveries WHERE hook_id = ?1 AND outcome = ?2";
    CUT = "DELETE FROM inbound_deliveries WHERE hook_id = ?1 AND id <= (SELECT id FROM inbound_deliveries WHERE hook_id = ?1 \
        ORDER BY id DESC LIMIT 1 OFFSET ?2)";
}

/// Writes a delivery down and forgets all of the hook but the newest `kept`.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the hook does not exist.
pub fn note(tx: &mut dyn Tx, new: &NewInboundDelivery<'_>, kept: i64) -> Result<InboundDeliveryId, StoreError> {
    let params = params![
        new.hook_id,
        new.outcome,
        new.reason,
        new.event,
        new.delivery,
        new.digest,
        new.pipeline_id,
        new.created_at
    ];
    let id = tx.one(&INSERT, params, column)?;
    tx.execute(&CUT, params![new.hook_id, kept])?;
    Ok(id)
}

/// Lists what arrived at a hook, the newest first, and counts it.
///
/// # Errors
///
/// What the database said.
pub fn of_hook(
    tx: &mut dyn Tx,
    hook: InboundHookId,
    outcome: Option<InboundOutcome>,
    page: Page,
) -> Result<(Vec<InboundDelivery>, i64), StoreError> {
    let (limit, offset) = (page.limit, page.offset);
    Ok(match outcome.map(InboundOutcome::as_str) {
        None => (
            tx.all(&OF_HOOK, params![hook, limit, offset], read)?,
            tx.one(&COUNT, params![hook], column)?,
        ),
        Some(word) => (
            tx.all(&OF_HOOK_BY_OUTCOME, params![hook, limit, offset, word], read)?,
            tx.one(&COUNT_BY_OUTCOME, params![hook, word], column)?,
        ),
    })
}

fn read(row: &Row<'_>) -> Result<InboundDelivery, StoreError> {
    Ok(InboundDelivery {
        id: row.read()?,
        hook_id: row.read()?,
        outcome: row.read()?,
        reason: row.read()?,
        event: row.read()?,
        delivery: row.read()?,
        digest: row.read()?,
        pipeline_id: row.read()?,
        created_at: row.read()?,
    })
}
