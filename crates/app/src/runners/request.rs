//! A runner asks for a job.

use std::time::Duration;

use model::{FailureReason, Job, Runner, RunnerManager};
use tracing::info;

use crate::App;
use crate::error::Result;
use crate::jobs::finish::{Outcome, finish};
use crate::jobs::settle;
use crate::runners::payload::{self, Payload, Unfit};
use crate::runners::report;

/// How long a request without work may be held.
pub const HOLD: Duration = Duration::from_secs(50);

/// Feature of a runner that acknowledges the jobs it gets.
const TWO_PHASE: &str = "two_phase_job_commit";

/// Gives a runner a job; without one it waits for it up to `hold`. A paused runner gets nothing.
///
/// The job stays pending until the runner acknowledges it ([`report`]). A job that
/// turns out not to be runnable fails with the reason, and the runner gets another one.
///
/// # Errors
///
/// Only what is wrong with the server; the job is then handed out again.
pub async fn request(
    app: &App,
    runner: Runner,
    manager: Option<RunnerManager>,
    hold: Option<Duration>,
) -> Result<Option<Payload>> {
    if runner.paused {
        return Ok(None);
    }
    let id = manager.as_ref().map(|manager| manager.id);
    loop {
        let Some(job) = app.desk.ask(runner.clone(), id, hold).await else {
            return Ok(None);
        };
        let handed_out = job.clone();
        match payload::build(app, &runner, manager.as_ref(), job).await {
            Ok(Ok(payload)) => {
                app.logs.open(&payload.job, payload.secrets());
                if !is_two_phase(manager.as_ref()) {
                    report::acknowledge(app, handed_out).await?;
                }
                return Ok(Some(payload));
            }
            Ok(Err(Unfit(reason))) => refuse(app, &handed_out, reason).await?,
            Err(error) => {
                let now = app.clock.now();
                let (id, claim) = (handed_out.id, handed_out.claim);
                app.store
                    .write(move |tx| store::ops::queue::release(tx, id, claim, now))
                    .await?;
                return Err(error);
            }
        }
    }
}

/// Whether the runner acknowledges what it gets; for others a job runs as soon as it is handed out.
fn is_two_phase(manager: Option<&RunnerManager>) -> bool {
    manager.is_some_and(|manager| manager.features.iter().any(|feature| feature == TWO_PHASE))
}

/// Fails a job that cannot run, if it is still in this hand-out.
async fn refuse(app: &App, job: &Job, reason: FailureReason) -> Result<()> {
    info!(job.id = %job.id, "job {} cannot run: {reason}", job.id);
    let (id, claim, now) = (job.id, job.claim, app.clock.now());
    let refused = settle::change(app, job.pipeline_id, move |tx, locked| {
        let is_this = |index: &usize| locked.jobs[*index].claim == claim && !locked.jobs[*index].status.is_completed();
        let Some(index) = locked.find(id).filter(is_this) else {
            return Ok(());
        };
        finish(tx, locked, index, Outcome::failed(reason), now).map(drop)
    });
    refused.await.map(drop)
}
