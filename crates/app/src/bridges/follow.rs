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

/// Lets a bridge look at its downstream pipeline, and looks after what that sets off.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn look(app: &App, upstream: PipelineId, bridge: JobId) -> Result<()> {
    if let Some(settled) = take_over(app, upstream, bridge, false).await? {
        settle::follow_up(app, settled).await?;
    }
    Ok(())
}

async fn take_over(app: &App, upstream: PipelineId, bridge: JobId, taken_up: bool) -> Result<Option<Settled>> {
    let now = app.clock.now();
    let done = settle::once(app, upstream, move |tx, locked| {
        let Some(index) = locked.find(bridge) else {
            return Ok(());
        };
        let Some(downstream) = ops::pipelines::downstream_of_jobs(tx, upstream, &[bridge])?.pop() else {
            return Ok(());
        };
        let strategy = strategy(tx, locked, index)?;
        let goes_on = taken_up && strategy != Strategy::None && !downstream.status.is_completed();
        if goes_on && locked.jobs[index].status == Status::Canceled {
            return Ok(locked.take_over(tx, index, Status::Running, now)?);
        }
        apply(tx, locked, index, downstream.status, now)
    });
    Ok(done.await?.map(|((), settled)| settled))
}

/// Gives a bridge the status that its downstream pipeline's leads to.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(super) fn apply(
    tx: &mut dyn Tx,
    locked: &mut LockedPipeline,
    index: usize,
    downstream: Status,
    now: Timestamp,
) -> Result<()> {
    let strategy = strategy(tx, locked, index)?;
    match follow(strategy, locked.jobs[index].status, downstream) {
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

fn strategy(tx: &mut dyn Tx, locked: &LockedPipeline, index: usize) -> Result<Strategy> {
    let definition = ops::definitions::get(tx, locked.jobs[index].definition_id)?;
    let trigger = definition.as_ref().and_then(|definition| definition.trigger.as_ref());
    Ok(Strategy::from_word(
        trigger.and_then(|trigger| trigger.strategy.as_deref()),
    ))
}
