//! Creating the downstream pipeline of a bridge: the same chain as for any other, and one transaction
//! with what becomes of the bridge.

use std::sync::Arc;

use model::{FailureReason, JobEvent, JobId, Pipeline, Status, Timestamp};
use store::{Tx, ops};
use tracing::info;

use crate::App;
use crate::bridges::follow;
use crate::bridges::origin::Origin;
use crate::bridges::start::Refused;
use crate::bridges::target::Target;
use crate::error::{Error, Result};
use crate::jobs::finish::{Outcome, finish};
use crate::jobs::locked::LockedPipeline;
use crate::jobs::settle;
use crate::pipelines::compiled::Numbering;
use crate::pipelines::create::{Failure, prepare_with};
use crate::pipelines::persist::{self, Row};

/// Creates the pipeline; says why not when the checks refuse it and keep nothing.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(super) async fn create(app: &App, origin: &Origin, target: Target) -> Result<Option<Refused>> {
    let Target {
        request,
        context,
        config,
    } = target;
    let prepared = match prepare_with(app, &request, &context, Numbering::Take, config).await {
        Ok(prepared) => prepared,
        Err(error @ Error::Internal(_)) => return Err(error),
        Err(error) => return Ok(Some(not_created(error.to_string()))),
    };
    let request = Arc::new(request);
    let (row, message) = match prepared {
        Ok(prepared) => (Row::of(app, request, prepared.place, prepared.outcome)?, None),
        Err(Failure { refusal, place }) => {
            let (Some(reason), Some(place)) = (refusal.failure_reason, place) else {
                return Ok(Some(not_created(refusal.message)));
            };
            let row = Row::failed(app, request, place, reason, &refusal)?;
            (row, Some(refusal.message))
        }
    };
    store(app, origin, Arc::new(row), message).await.map(|()| None)
}

fn not_created(message: String) -> Refused {
    Refused::new(FailureReason::DownstreamPipelineCreationFailed, message)
}

/// Writes the pipeline and what becomes of the bridge, unless somebody else was faster.
async fn store(app: &App, origin: &Origin, row: Arc<Row>, message: Option<String>) -> Result<()> {
    let (upstream, bridge) = (origin.job().pipeline_id, origin.job().id);
    let (inserted, now) = (Arc::clone(&row), app.clock.now());
    let written = app
        .store
        .write_for(row.project(), move |tx| {
            // The bridge's pipeline first: it is older, and nobody locks in the other direction.
            let Some(mut locked) = LockedPipeline::lock(tx, upstream)? else {
                return Ok(None);
            };
            let Some(index) = pending(tx, &locked, bridge)? else {
                return Ok(None);
            };
            let written = inserted.insert(tx)?;
            started(tx, &mut locked, index, &written.pipeline, now)?;
            if let Some(message) = &message {
                ops::bridges::explain(tx, bridge, std::slice::from_ref(message))?;
            }
            Ok::<_, Error>(Some((written, locked.settle(tx, now)?)))
        })
        .await?;
    let Some((written, settled)) = written else {
        return Ok(());
    };
    let id = written.pipeline.id;
    info!(pipeline.id = %id, job.id = %bridge, "bridge {bridge} started pipeline {id}");
    persist::after(app, &row, written).await;
    settle::follow_up(app, settled).await.map(drop)
}

/// Returns the index of a bridge that is still to start its pipeline.
pub(super) fn pending(tx: &mut dyn Tx, locked: &LockedPipeline, bridge: JobId) -> Result<Option<usize>> {
    let starts = |index: &usize| locked.jobs[*index].status == Status::Pending;
    let Some(index) = locked.find(bridge).filter(starts) else {
        return Ok(None);
    };
    let started = ops::pipelines::downstream_of_jobs(tx, locked.pipeline.id, &[bridge])?;
    Ok(started.is_empty().then_some(index))
}

/// What becomes of a bridge whose pipeline has just been stored.
fn started(
    tx: &mut dyn Tx,
    locked: &mut LockedPipeline,
    index: usize,
    downstream: &Pipeline,
    now: Timestamp,
) -> Result<()> {
    locked.happen(index, JobEvent::Run, now).map_err(Error::internal)?;
    if downstream.failure_reason.is_some() {
        let failed = Outcome::failed(FailureReason::DownstreamPipelineCreationFailed);
        return finish(tx, locked, index, failed, now).map(drop);
    }
    let strategy = follow::strategy(tx, locked, index)?;
    follow::apply(tx, locked, index, (strategy, downstream.status), now)
}
