//! Looks after jobs that nobody reports about: delayed ones that are due, stuck ones, lost ones.
//!
//! Level-triggered and safe to run on several servers at once: everything is decided again under
//! the pipeline's lock. What a dying server left half-done is found here too.

use std::time::Duration;

use model::{EnqueueTo, Job, JobEvent, Runner, Status, Timestamp};
use schedule::timeout::{self, Lost};
use store::ops;
use store::ops::page::Page;
use store::ops::runners::{RunnerFilter, Standing};
use tokio::sync::watch;
use tracing::{error, info};

use crate::error::{Error, Result};
use crate::jobs::finish::{Outcome, finish};
use crate::jobs::{artifacts, settle};
use crate::pipelines::idempotency;
use crate::runners::suitable;
use crate::{App, audit, bridges, resource_tokens};

/// Time between two looks at delayed jobs: how late one may start.
const DUE_EVERY: Duration = Duration::from_secs(1);

/// Time between two looks at everything else.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Time between two looks at expired artifacts.
const ARTIFACTS_EVERY: Duration = Duration::from_secs(5 * 60);

/// Jobs of one kind looked at in one sweep; the rest comes with the next.
const BATCH: i64 = 200;

/// Runners that were heard of within this time count as online (GitLab's limit).
const ONLINE: Duration = Duration::from_secs(2 * 3600);

/// Runners looked at to find one for a stuck job.
const RUNNERS: i64 = 1000;

/// Sweeps until told to stop.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut due = tokio::time::interval(DUE_EVERY);
    let mut all = tokio::time::interval(SWEEP_EVERY);
    let mut expired = tokio::time::interval(ARTIFACTS_EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let swept = tokio::select! {
            () = stopped(&mut stop) => return,
            _ = due.tick() => start_due(&app).await,
            _ = all.tick() => sweep(&app).await,
            _ = expired.tick() => forget_expired(&app).await,
        };
        if let Err(error) = swept {
            error!(
                error = &error as &dyn std::error::Error,
                "could not look after waiting jobs or expired artifacts"
            );
        }
    }
}

async fn forget_expired(app: &App) -> Result<()> {
    artifacts::sweep(app).await?;
    resource_tokens::sweep(app).await?;
    audit::forget(app).await?;
    idempotency::forget(app).await
}

/// Waits until told to stop; the sender's end means the same.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The value is not kept: its guard must not live across an await.
    let _ = stop.wait_for(|stop| *stop).await.is_ok();
}

/// Starts the delayed jobs that are due.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn start_due(app: &App) -> Result<()> {
    let now = app.clock.now();
    let due = app.store.read(move |tx| ops::queue::due(tx, now, BATCH)).await?;
    for job in due {
        // One that is overdue by far could not start for a reason; the sweep drops it.
        if timeout::lost(&job, now, || true).is_none() {
            start_one(app, job, now).await?;
        }
    }
    Ok(())
}

async fn start_one(app: &App, job: Job, now: Timestamp) -> Result<()> {
    let started = settle::change(app, job.pipeline_id, move |_, locked| {
        let Some(index) = locked.find(job.id) else {
            return Ok(());
        };
        let current = &locked.jobs[index];
        let is_due = current.scheduled_at.is_some_and(|due| due <= now);
        if current.status == Status::Scheduled && is_due {
            let to = if current.resource_group.is_some() {
                EnqueueTo::WaitingForResource
            } else {
                EnqueueTo::Pending
            };
            locked
                .happen(index, JobEvent::Enqueue(to), now)
                .map_err(Error::internal)?;
        }
        Ok(())
    });
    started.await.map(drop)
}

/// Looks after everything else once.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn sweep(app: &App) -> Result<()> {
    let now = app.clock.now();
    let found = app.store.read(move |tx| suspects(tx, now)).await?;
    let online = online_runners(app, &found.jobs, now).await?;
    for job in found.jobs {
        let has_runner = online.iter().any(|(id, runners)| *id == job.id && *runners);
        match timeout::lost(&job, now, || has_runner) {
            Some(Lost::Release) => release(app, job, now).await?,
            Some(Lost::Drop(reason)) => drop_lost(app, job, Outcome::failed(reason), now).await?,
            None => {}
        }
    }
    for (project, key) in found.waiting {
        if let Some(settled) = settle::assign_resource(app, project, key).await? {
            settle::follow_up(app, settled).await?;
        }
    }
    for bridge in found.bridges {
        app.bridges.add(bridge);
    }
    for (bridge, pipeline) in found.behind {
        bridges::follow::look(app, pipeline, bridge, false).await?;
    }
    for (bridge, pipeline) in found.taken_up {
        bridges::follow::look(app, pipeline, bridge, true).await?;
    }
    Ok(())
}

/// What may need looking after.
struct Suspects {
    jobs: Vec<Job>,
    waiting: Vec<(model::ProjectId, String)>,
    /// Bridges whose downstream pipelines are still to be made.
    bridges: Vec<model::JobId>,
    /// Bridges that have not noticed the end of the pipelines they follow.
    behind: Vec<(model::JobId, model::PipelineId)>,
    /// Bridges that have not noticed that their downstream pipelines went on.
    taken_up: Vec<(model::JobId, model::PipelineId)>,
}

fn suspects(tx: &mut dyn store::Tx, now: Timestamp) -> Result<Suspects> {
    let mut jobs = ops::queue::unacknowledged_since(tx, now - timeout::UNACKNOWLEDGED, BATCH)?;
    jobs.extend(ops::queue::silent_since(tx, now - timeout::SILENT, BATCH)?);
    jobs.extend(ops::queue::overdue(tx, now - timeout::SERVER_SLACK, BATCH)?);
    jobs.extend(ops::queue::pending_since(
        tx,
        now - timeout::PENDING_WITHOUT_RUNNER,
        BATCH,
    )?);
    jobs.extend(ops::queue::due(tx, now - timeout::OVERDUE, BATCH)?);
    jobs.sort_unstable_by_key(|job| job.id);
    jobs.dedup_by_key(|job| job.id);
    Ok(Suspects {
        jobs,
        waiting: ops::queue::waiting_for_resource(tx, BATCH)?,
        bridges: ops::bridges::pending(tx, BATCH)?,
        behind: ops::bridges::behind(tx, BATCH)?,
        taken_up: ops::bridges::taken_up(tx, BATCH)?,
    })
}

/// For each pending job, whether a runner that is online could take it.
async fn online_runners(app: &App, jobs: &[Job], now: Timestamp) -> Result<Vec<(model::JobId, bool)>> {
    let pending: Vec<Job> = jobs
        .iter()
        .filter(|job| job.status == Status::Pending)
        .cloned()
        .collect();
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    app.store
        .read(move |tx| {
            let filter = RunnerFilter {
                standing: vec![Standing::HeardAfter(now - ONLINE)],
                ..RunnerFilter::default()
            };
            let runners: Vec<Runner> = ops::runners::list(tx, &filter, Page::of(1, RUNNERS))?;
            suitable::any_for_each(tx, &pending, &runners)
        })
        .await
}

async fn release(app: &App, job: Job, now: Timestamp) -> Result<()> {
    let released = app
        .store
        .write(move |tx| ops::queue::release(tx, job.id, job.claim, now))
        .await?;
    if released {
        info!(job.id = %job.id, "job {} was not acknowledged by its runner and is handed out again", job.id);
    }
    Ok(())
}

/// Ends a lost job, unless something was heard of it meanwhile.
async fn drop_lost(app: &App, job: Job, outcome: Outcome, now: Timestamp) -> Result<()> {
    info!(job.id = %job.id, ?outcome, "job {} is lost", job.id);
    let dropped = settle::change(app, job.pipeline_id, move |tx, locked| {
        let unchanged = |index: &usize| {
            let current = &locked.jobs[*index];
            current.status == job.status && current.updated_at == job.updated_at && current.claim == job.claim
        };
        let Some(index) = locked.find(job.id).filter(unchanged) else {
            return Ok(());
        };
        finish(tx, locked, index, outcome, now).map(drop)
    });
    dropped.await.map(drop)
}
