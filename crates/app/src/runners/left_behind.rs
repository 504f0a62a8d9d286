//! Jobs of a runner's process that died: a new process of the same name says that it has just started.
//!
//! Foreign runners do not say so; their lost jobs are found by their silence ([`sweep`](crate::jobs::sweep)).

use model::{FailureReason, Job, Runner, RunnerManager, Status};
use store::ops;
use tracing::info;

use crate::App;
use crate::error::Result;
use crate::jobs::finish::{Outcome, finish};
use crate::jobs::settle;

/// Ends the jobs that an earlier process with this name was running, and hands out again those it had not begun.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn end(app: &App, runner: &Runner, manager: &RunnerManager) -> Result<()> {
    let (runner, manager) = (runner.id, manager.id);
    let jobs = app
        .store
        .read(move |tx| ops::queue::with_process(tx, runner, manager))
        .await?;
    for job in jobs {
        info!(job.id = %job.id, "the runner of job {} has started anew without it", job.id);
        if job.status == Status::Pending {
            let now = app.clock.now();
            app.store
                .write(move |tx| ops::queue::release(tx, job.id, job.claim, now))
                .await?;
        } else {
            drop_one(app, &job).await?;
        }
    }
    Ok(())
}

async fn drop_one(app: &App, job: &Job) -> Result<()> {
    app.logs.close(app, job).await?;
    let (id, claim, now) = (job.id, job.claim, app.clock.now());
    let dropped = settle::change(app, job.pipeline_id, move |tx, locked| {
        let is_this = |index: &usize| locked.jobs[*index].claim == claim && locked.jobs[*index].status.is_executing();
        let Some(index) = locked.find(id).filter(is_this) else {
            return Ok(());
        };
        let outcome = Outcome::failed(FailureReason::RunnerSystemFailure);
        finish(tx, locked, index, outcome, now).map(drop)
    });
    dropped.await.map(drop)
}
