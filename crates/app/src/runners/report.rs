//! A runner reports what has become of its job (`PUT jobs/:id`, runner-protocol 4).

use bytes::Bytes;
use model::{FailureReason, Job, JobEvent, JobId, PipelineId, Status, Timestamp};
use store::{StoreError, Tx, ops};

use crate::App;
use crate::error::{Error, Result};
use crate::jobs::finish::{Outcome, finish};
use crate::jobs::locked::LockedPipeline;
use crate::jobs::token::{self, HandOut};
use crate::jobs::{coverage, settle};
use crate::lookup;
use crate::runners::logs;

/// Signs of life are written at most this often: microseconds.
const TOUCH_EVERY: i64 = 60_000_000;

/// What a runner says about its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It is still preparing.
    Pending,
    /// It has begun, or goes on.
    Running,
    /// It is over.
    Over(Outcome),
}

impl Report {
    /// Reads the words of the protocol; `None` when `state` is none of them.
    #[must_use]
    pub fn of_words(state: &str, failure_reason: Option<&str>, exit_code: Option<i64>) -> Option<Report> {
        Some(match state {
            "pending" => Report::Pending,
            "running" => Report::Running,
            "success" => Report::Over(Outcome::Success),
            "failed" => {
                let reason = failure_reason.map_or(FailureReason::UnknownFailure, FailureReason::from_runner);
                Report::Over(Outcome::Failed { reason, exit_code })
            }
            _ => return None,
        })
    }
}

/// What the runner is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Noted; this is the job's status now.
    Noted(Status),
    /// The job is not this runner's, or over; its status, if it is this runner's.
    Forbidden(Option<Status>),
    /// `pending` for a job that has begun.
    Conflict(Status),
    /// The log lacks bytes before the last ones: the job goes on until it is complete.
    Incomplete(Status),
}

/// The end of a log that comes with the report of the job's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWords {
    /// Where it begins.
    pub start: u64,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Whether a job is with the runner that has its token: running, being canceled, or handed out and not acknowledged.
#[must_use]
pub const fn is_with_runner(job: &Job) -> bool {
    job.status.is_executing() || (matches!(job.status, Status::Pending) && job.runner_id.is_some())
}

/// Takes a report. A second report of the end is forbidden, which ends the runner's retries.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn report(app: &App, id: JobId, token: &str, report: Report, log: Option<LastWords>) -> Result<Answer> {
    if report == Report::Running
        && let Some(hand_out) = token::read(&app.keys, token).filter(|hand_out| hand_out.job == id)
        && let Some(pipeline) = app.logs.first_word(hand_out)
    {
        // Handed out by this very process: what the transaction looks at anyway need not be read before.
        return start(app, hand_out, pipeline).await;
    }
    let is_end = matches!(report, Report::Over(_));
    let (this, token) = (app.clone(), token.to_owned());
    let found = app.store.read(move |tx| {
        let Some(job) = lookup::job_of_token(&this, tx, &token)?.filter(|job| job.id == id) else {
            return Ok(None);
        };
        let expression = if is_end { coverage::expression(tx, &job)? } else { None };
        Ok::<_, StoreError>(Some((job, expression)))
    });
    let Some((job, expression)) = found.await? else {
        return Ok(Answer::Forbidden(None));
    };
    if !is_with_runner(&job) {
        return Ok(Answer::Forbidden(Some(job.status)));
    }
    match report {
        Report::Pending if job.status != Status::Pending => Ok(Answer::Conflict(job.status)),
        Report::Running if job.status == Status::Pending => acknowledge(app, job).await,
        Report::Pending | Report::Running => sign_of_life(app, &job).await.map(|()| Answer::Noted(job.status)),
        Report::Over(outcome) => {
            if let Some(LastWords { start, bytes }) = log {
                match logs::add(app, job.clone(), start, bytes).await? {
                    logs::Appended::Stored { .. } => {}
                    logs::Appended::Gap { .. } => return Ok(Answer::Incomplete(job.status)),
                    logs::Appended::Forbidden(status) => return Ok(Answer::Forbidden(status)),
                }
            }
            over(app, job, outcome, expression).await
        }
    }
}

/// Finds the job of a token; `None` when the token is not for this job or an earlier hand-out of it.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn find(app: &App, id: JobId, token: &str) -> Result<Option<Job>> {
    let (this, token) = (app.clone(), token.to_owned());
    let job = app
        .store
        .read(move |tx| lookup::job_of_token(&this, tx, &token))
        .await?;
    Ok(job.filter(|job| job.id == id))
}

/// The runner has the job and starts it.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn acknowledge(app: &App, job: Job) -> Result<Answer> {
    start(app, HandOut::of(&job), job.pipeline_id).await
}

async fn start(app: &App, hand_out: HandOut, pipeline: PipelineId) -> Result<Answer> {
    let now = app.clock.now();
    in_hand_out(app, hand_out, pipeline, move |_, locked, index| run(locked, index, now)).await
}

fn run(locked: &mut LockedPipeline, index: usize, now: Timestamp) -> Result<()> {
    if locked.jobs[index].status == Status::Pending {
        locked.happen(index, JobEvent::Run, now).map_err(Error::internal)?;
        locked.edit(index, now, |job| job.acknowledged = true);
    }
    Ok(())
}

/// Notes that the runner is alive, at most once a minute.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn sign_of_life(app: &App, job: &Job) -> Result<()> {
    let (id, now) = (job.id, app.clock.now());
    if now.0 - job.updated_at.0 >= TOUCH_EVERY {
        app.store.write(move |tx| ops::jobs::touch(tx, id, now)).await?;
    }
    Ok(())
}

async fn over(app: &App, job: Job, outcome: Outcome, expression: Option<String>) -> Result<Answer> {
    app.logs.close(app, &job).await?;
    let coverage = match expression {
        Some(expression) => coverage::find(app, &job, &expression).await?,
        None => None,
    };
    let now = app.clock.now();
    in_hand_out(app, HandOut::of(&job), job.pipeline_id, move |tx, locked, index| {
        run(locked, index, now)?;
        if coverage.is_some() {
            locked.edit(index, now, |job| job.coverage = coverage);
        }
        finish(tx, locked, index, outcome, now).map(drop)
    })
    .await
}

/// Lets something happen to a job if it is still in this hand-out; answers with its status then.
async fn in_hand_out<F>(app: &App, hand_out: HandOut, pipeline: PipelineId, mut fact: F) -> Result<Answer>
where
    F: FnMut(&mut dyn Tx, &mut LockedPipeline, usize) -> Result<()> + Send + 'static,
{
    let HandOut { job: id, claim } = hand_out;
    let done = settle::change(app, pipeline, move |tx, locked| {
        let is_this = |index: &usize| locked.jobs[*index].claim == claim;
        let Some(index) = locked.find(id).filter(is_this) else {
            return Ok(Answer::Forbidden(None));
        };
        if !is_with_runner(&locked.jobs[index]) {
            return Ok(Answer::Forbidden(Some(locked.jobs[index].status)));
        }
        fact(tx, locked, index)?;
        // An automatic retry has put a new attempt in the place of the job.
        let job = &locked.jobs[index];
        Ok(Answer::Noted(if job.id == id { job.status } else { Status::Failed }))
    });
    Ok(done.await?.map_or(Answer::Forbidden(None), |(answer, _)| answer))
}
