//! What arrived at a hook and what came of it, without secrets and without payloads.

use model::{InboundDelivery, InboundHook, InboundHookId, InboundOutcome, PipelineId};
use store::ops::inbound_deliveries::{self, NewInboundDelivery};
use store::ops::page::Page;
use tracing::{error, info};

use crate::App;
use crate::caller::Caller;
use crate::error::Result;
use crate::inbound::manage;
use crate::lookup::ProjectKey;

/// Deliveries of one hook that are kept.
pub const KEPT: i64 = 500;

/// Longest reason in characters.
const MAX_REASON: usize = 1_000;

/// A delivery to be written down.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) outcome: InboundOutcome,
    pub(super) reason: String,
    pub(super) event: Option<String>,
    pub(super) delivery: Option<String>,
    pub(super) digest: [u8; 32],
    pub(super) pipeline: Option<PipelineId>,
}

/// Writes a delivery down. What fails here changes nothing for the sender.
pub(super) async fn write(app: &App, hook: &InboundHook, entry: Entry) {
    let (id, now) = (hook.id, app.clock.now());
    info!(hook.id = %id, outcome = entry.outcome.as_str(), "inbound hook {id}: {}", entry.outcome.as_str());
    let written = app.store.write(move |tx| {
        let reason: String = entry.reason.chars().filter(|c| *c != '\0').take(MAX_REASON).collect();
        let new = NewInboundDelivery {
            hook_id: id,
            outcome: entry.outcome,
            reason: &reason,
            event: entry.event.as_deref(),
            delivery: entry.delivery.as_deref(),
            digest: &entry.digest,
            pipeline_id: entry.pipeline,
            created_at: now,
        };
        inbound_deliveries::note(tx, &new, KEPT)
    });
    if let Err(error) = written.await {
        error!(hook.id = %id, error = &error as &dyn std::error::Error, "could not write down a delivery");
    }
}

/// Lists what arrived at a hook, the newest first, and counts it.
///
/// # Errors
///
/// As [`manage::get`].
pub async fn list(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    id: InboundHookId,
    outcome: Option<InboundOutcome>,
    page: Page,
) -> Result<(Vec<InboundDelivery>, i64)> {
    let hook = manage::find(app, caller, key, id).await?.id;
    Ok(app
        .store
        .read(move |tx| inbound_deliveries::of_hook(tx, hook, outcome, page))
        .await?)
}
