//! A bridge takes over what becomes of its downstream pipeline. Level-triggered: whoever sees a change of
//! the downstream lets the bridge look at it again, and the sweep does for those that nobody saw.

use model::{JobEvent, JobId, Pipeline, PipelineId, Status, Timestamp};
use schedule::bridge::{Follow, Strategy, follow};
use store::{Tx, ops};

use crate::App;
use crate::error::{Error, Result};
use crate::jobs::finish::{Outcome, finish};
use crate::jobs::locked::{LockedPipeline, Settled};
use crate::jobs::settle;

/// Lets the bridge of a pipeline that changed look at it; `None` when there is no such bridge.
///
/// With `taken_up` also a canceled bridge goes on: somebody retried or played a job downstream.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn after(app: &App, downstream: &Pipeline, taken_up: bool) -> Result<Option<Settled>> {
    let (Some(upstream), Some(job)) = (downstream.upstream_pipeline_id, downstream.upstream_job_id) else {
        return Ok(None);
    };
    let found = app.store.read(move |tx| ops::jobs::by_id(tx, job)).await?;
    // A job that used its token waits for nobody.
    if !found.is_some_and(|job| job.is_bridge && !job.retried) {
        return Ok(None);
    }
    take_over(app, upstream, job, taken_up).await
}

/// Lets the bridges that mirror a pipeline which changed look at it.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn mirrors(app: &App, mirrored: PipelineId, taken_up: bool) -> Result<Vec<Settled>> {
    let bridges = app.store.read(move |tx| ops::bridges::mirrors_of(tx, mirrored)).await?;
    let mut settled = Vec::new();
    for (bridge, pipeline) in bridges {
        settled.extend(take_over(app, pipeline, bridge, taken_up).await?);
    }
    Ok(settled)
}

/// Lets a bridge look at the pipeline that it follows, and looks after what that sets off.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn look(app: &App, pipeline: PipelineId, bridge: JobId, taken_up: bool) -> Result<()> {
    if let Some(settled) = take_over(app, pipeline, bridge, taken_up).await? {
        settle::follow_up(app, settled).await?;
    }
    Ok(())
}

async fn take_over(app: &App, pipeline: PipelineId, bridge: JobId, taken_up: bool) -> Result<Option<Settled>> {
    let now = app.clock.now();
    let done = settle::once(app, pipeline, move |tx, locked| {
        if taken_up {
            ops::bridges::noticed(tx, bridge)?;
        }
        let Some(index) = locked.find(bridge) else {
            return Ok(());
        };
        let Some((strategy, status)) = followed(tx, locked, index)? else {
            return Ok(());
        };
        let goes_on = taken_up && strategy != Strategy::None && status != Status::Canceled;
        if goes_on && locked.jobs[index].status == Status::Canceled {
            locked.take_over(tx, index, Status::Running, now)?;
        }
        apply(tx, locked, index, (strategy, status), now)
    });
    Ok(done.await?.map(|((), settled)| settled))
}

/// How a bridge follows, and the status of what it follows; `None` when there is nothing yet.
fn followed(tx: &mut dyn Tx, locked: &LockedPipeline, index: usize) -> Result<Option<(Strategy, Status)>> {
    let bridge = locked.jobs[index].id;
    if let Some(downstream) = ops::pipelines::downstream_of_jobs(tx, locked.pipeline.id, &[bridge])?.pop() {
        return Ok(Some((strategy(tx, locked, index)?, downstream.status)));
    }
    let Some(mirrored) = ops::bridges::mirrored(tx, bridge)? else {
        return Ok(None);
    };
    // What was deleted will never end by itself.
    let status = ops::pipelines::by_id(tx, mirrored)?.map_or(Status::Failed, |mirrored| mirrored.status);
    Ok(Some((Strategy::Mirror, status)))
}

/// Gives a bridge the status to which that of the pipeline it follows leads.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(super) fn apply(
    tx: &mut dyn Tx,
    locked: &mut LockedPipeline,
    index: usize,
    (strategy, followed): (Strategy, Status),
    now: Timestamp,
) -> Result<()> {
    match follow(strategy, locked.jobs[index].status, followed) {
        Follow::Stay => Ok(()),
        Follow::Event(JobEvent::Drop) => fail(tx, locked, index, now),
        Follow::Event(event) => locked.happen(index, event, now).map(drop).map_err(Error::internal),
        Follow::Enter(status) => Ok(locked.take_over(tx, index, status, now)?),
    }
}

/// The reason is the downstream pipeline's, so the bridge has none of its own.
fn fail(tx: &mut dyn Tx, locked: &mut LockedPipeline, index: usize, now: Timestamp) -> Result<()> {
    finish(
        tx,
        locked,
        index,
        Outcome::failed(model::FailureReason::UnknownFailure),
        now,
    )?;
    locked.edit(index, now, |job| job.failure_reason = None);
    Ok(())
}

/// How a bridge follows the pipeline that it started.
pub(super) fn strategy(tx: &mut dyn Tx, locked: &LockedPipeline, index: usize) -> Result<Strategy> {
    let definition = ops::definitions::get(tx, locked.jobs[index].definition_id)?;
    let trigger = definition.as_ref().and_then(|definition| definition.trigger.as_ref());
    Ok(Strategy::from_word(
        trigger.and_then(|trigger| trigger.strategy.as_deref()),
    ))
}
