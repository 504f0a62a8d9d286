//! Logs that are coming in: checked, masked once more, stored (runner-protocol 3).
//!
//! Secrets that a job knows are kept in memory while its log grows, with the few bytes at its end that
//! may be the beginning of a secret. Both may be lost at any time: the secrets are gathered again, and
//! a runner whose bytes are missing is told from where to send again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use blob::{Append, Change};
use bytes::Bytes;
use model::{FailureReason, Job, JobId, PipelineId, Status};
use tokio::sync::Mutex as AsyncMutex;

use crate::App;
use crate::error::{Error, Result};
use crate::jobs::finish::{Outcome, finish};
use crate::jobs::mask::Masker;
use crate::jobs::settle;
use crate::jobs::token::HandOut;
use crate::runners::{payload, report};

/// Largest log in bytes (GitLab's default); a job that writes more fails.
pub const MAX_LOG_BYTES: u64 = 100 << 20;

/// Logs remembered; beyond it those without undecided bytes are forgotten.
const REMEMBERED: usize = 4096;

/// Logs that are coming in.
#[derive(Debug, Default)]
pub struct Logs {
    open: Mutex<HashMap<(JobId, i32), Arc<Log>>>,
}

/// One log: its secrets, and what is not decided yet.
#[derive(Debug)]
struct Log {
    /// The job's pipeline, while all that is known here is that the job was handed out.
    new_in: Mutex<Option<PipelineId>>,
    masker: Masker,
    /// Bytes at the end that may be the beginning of a secret. The lock also keeps appends in order.
    tail: AsyncMutex<Vec<u8>>,
}

/// What the runner is told about bytes it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Taken.
    Stored {
        /// Bytes of the log now.
        size: u64,
        /// Status of the job.
        status: Status,
        /// Whether somebody reads along.
        watched: bool,
    },
    /// Bytes before these are missing.
    Gap {
        /// From where to send.
        size: u64,
        /// Status of the job.
        status: Status,
    },
    /// The job is not this runner's, or over; its status, if it is this runner's.
    Forbidden(Option<Status>),
}

impl Logs {
    /// Remembers the secrets of a job that is handed out.
    pub fn open<'a>(&self, job: &Job, secrets: impl IntoIterator<Item = &'a str>) {
        let log = Log {
            new_in: Mutex::new(Some(job.pipeline_id)),
            masker: Masker::new(secrets),
            tail: AsyncMutex::default(),
        };
        self.insert(job, Arc::new(log));
    }

    /// Returns the pipeline of a job that this process handed out and whose runner has said nothing yet; once only.
    pub(crate) fn first_word(&self, hand_out: HandOut) -> Option<PipelineId> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let log = open.get(&(hand_out.job, hand_out.claim))?;
        log.new_in.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn insert(&self, job: &Job, log: Arc<Log>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= REMEMBERED {
            open.retain(|_, log| log.tail.try_lock().is_ok_and(|tail| !tail.is_empty()) || Arc::strong_count(log) > 1);
        }
        open.insert((job.id, job.claim), log);
    }

    async fn get(&self, app: &App, job: &Job) -> Result<Arc<Log>> {
        let known = self
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(job.id, job.claim))
            .cloned();
        if let Some(log) = known {
            return Ok(log);
        }
        let secrets = payload::secrets_of(app, job).await?;
        let log = Arc::new(Log {
            new_in: Mutex::default(),
            masker: Masker::new(secrets.iter().map(String::as_str)),
            tail: AsyncMutex::default(),
        });
        self.insert(job, Arc::clone(&log));
        Ok(log)
    }

    /// Stores what is still undecided, makes the log durable and forgets its secrets.
    ///
    /// # Errors
    ///
    /// Only what is wrong with the server.
    pub async fn close(&self, app: &App, job: &Job) -> Result<()> {
        let key = (job.id, job.claim);
        let log = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let mut rest = match &log {
            Some(log) => std::mem::take(&mut *log.tail.lock().await),
            None => Vec::new(),
        };
        let complete = move |_| {
            if let Some(log) = log {
                _ = log.masker.mask(&mut rest, true);
            }
            Change {
                bytes: rest.into(),
                complete: true,
                told: (),
            }
        };
        let traces = &app.blobs.traces;
        traces
            .change(job.id, u64::MAX, complete)
            .await
            .map_err(Error::internal)?;
        Ok(())
    }
}

/// Takes bytes of a log that belong at `start`. The first ones also acknowledge the job.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn append(app: &App, id: JobId, token: &str, start: u64, bytes: Bytes) -> Result<Appended> {
    let Some(mut job) = report::find(app, id, token).await? else {
        return Ok(Appended::Forbidden(None));
    };
    if !report::is_with_runner(&job) {
        return Ok(Appended::Forbidden(Some(job.status)));
    }
    if job.status == Status::Pending {
        match report::acknowledge(app, job.clone()).await? {
            report::Answer::Noted(status) => job.status = status,
            report::Answer::Forbidden(status) => return Ok(Appended::Forbidden(status)),
            report::Answer::Conflict(status) | report::Answer::Incomplete(status) => {
                return Ok(Appended::Forbidden(Some(status)));
            }
        }
    } else {
        report::sign_of_life(app, &job).await?;
    }
    add(app, job, start, bytes).await
}

/// Takes bytes of the log of a job that is with its runner.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(crate) async fn add(app: &App, job: Job, start: u64, bytes: Bytes) -> Result<Appended> {
    let log = app.logs.get(app, &job).await?;
    match store(app, log, &job, start, bytes).await? {
        Append::Appended { size } => Ok(Appended::Stored {
            size,
            status: job.status,
            watched: app.blobs.traces.is_watched(job.id),
        }),
        Append::Gap { size } => Ok(Appended::Gap {
            size,
            status: job.status,
        }),
        Append::TooLarge { .. } => too_large(app, job).await,
    }
}

/// Masks and stores; sizes count the undecided bytes too, for the runner has sent them.
async fn store(app: &App, log: Arc<Log>, job: &Job, start: u64, bytes: Bytes) -> Result<Append> {
    let mut tail = log.tail.lock().await;
    let (known_log, mut open) = (Arc::clone(&log), tail.clone());
    let decide = move |stored: u64| {
        let size = stored + open.len() as u64;
        let known = usize::try_from(size.saturating_sub(start)).unwrap_or(usize::MAX);
        if start > size || known >= bytes.len() {
            return Change {
                bytes: Bytes::new(),
                complete: false,
                told: (open, start > size),
            };
        }
        open.extend_from_slice(&bytes[known..]);
        let decided = known_log.masker.mask(&mut open, false);
        let undecided = open.split_off(decided);
        Change {
            bytes: open.into(),
            complete: false,
            told: (undecided, false),
        }
    };
    let traces = &app.blobs.traces;
    let changed = traces.change(job.id, MAX_LOG_BYTES, decide).await;
    let (appended, (undecided, is_gap)) = changed.map_err(Error::internal)?;
    Ok(match appended {
        Append::Appended { size } => {
            let size = size + undecided.len() as u64;
            *tail = undecided;
            if is_gap {
                Append::Gap { size }
            } else {
                Append::Appended { size }
            }
        }
        other => other,
    })
}

async fn too_large(app: &App, job: Job) -> Result<Appended> {
    let (id, claim, now) = (job.id, job.claim, app.clock.now());
    app.logs.close(app, &job).await?;
    let dropped = settle::change(app, job.pipeline_id, move |tx, locked| {
        let is_this = |index: &usize| locked.jobs[*index].claim == claim && locked.jobs[*index].status.is_executing();
        let Some(index) = locked.find(id).filter(is_this) else {
            return Ok(());
        };
        finish(
            tx,
            locked,
            index,
            Outcome::failed(FailureReason::TraceSizeExceeded),
            now,
        )
        .map(drop)
    });
    dropped.await?;
    Ok(Appended::Forbidden(Some(Status::Failed)))
}
