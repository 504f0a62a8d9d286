//! Brings a job's log and state to the server while the job runs, and its end.
//!
//! Sent at once where somebody may wait for it (the first words, the first output of the
//! script), in batches otherwise. Each answer may say that the job was canceled; a silent job
//! asks for that regularly.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};
use wire::runner::{JobState, LastWords, TraceOutput, UpdateJob};

use super::log::TraceLog;
use crate::client::{Client, JobReply};

/// Time between two patches until the server names another.
const INTERVAL: Duration = Duration::from_millis(200);

/// Longest time between two patches: a server may ask for a minute when nobody watches.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// Up to this interval (whole seconds by GitLab's header) somebody watches, and [`INTERVAL`] is better.
const WATCHED_INTERVAL: Duration = Duration::from_secs(3);

/// How long output of the script waits for more of it.
const URGENT_DELAY: Duration = Duration::from_millis(1);

/// How long the runner's own words wait for more: a short job needs one patch only.
const CALM_DELAY: Duration = Duration::from_millis(20);

/// Patches that may be sent in a row before the interval counts.
const BURST: u32 = 3;

/// Silence after which the runner asks whether the job is still wanted.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Bytes of one patch.
const PATCH_SIZE: usize = 1 << 20;

/// Bytes at the end of a log that are sent with the job's end, where the server takes them: mostly that is all of it.
const LAST_WORDS: u64 = 64 << 10;

/// Pause after a failed call while the job is ending.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause between two tries of the final update.
const LONGEST_RETRY_PAUSE: Duration = Duration::from_secs(60);

/// Tries of a call at the end of the job.
const FINAL_TRIES: u32 = 10;

/// How long the server may be away when a job is to begin; it has given the job to somebody else by then.
const ANNOUNCING: Duration = Duration::from_secs(5 * 60);

/// Pause after the first announcement that was not answered; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Longest pause between two announcements.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What the server wants with a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// It goes on.
    #[default]
    Run,
    /// It is canceled: stop the script, run `after_script`.
    Cancel,
    /// It is over for the server: stop everything.
    Abort,
}

/// The job as the server knows it.
#[derive(Clone)]
pub(crate) struct JobHandle {
    pub(crate) client: Arc<Client>,
    pub(crate) id: i64,
    pub(crate) token: String,
    /// The job prints secrets by itself (`CI_DEBUG_TRACE`).
    pub(crate) debug: bool,
    /// Whether the server takes the end of the log with the end of the job.
    pub(crate) log_in_update: bool,
}

/// How a job ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Why it failed; `None` = success.
    pub(crate) failure_reason: Option<String>,
    /// Exit code of the script, 0 = none to report.
    pub(crate) exit_code: i32,
}

/// Sends one job's log and state.
pub(crate) struct Uploader {
    job: JobHandle,
    log: Arc<TraceLog>,
    verdict: watch::Sender<Verdict>,
    sent: u64,
    interval: Duration,
    last_contact: Instant,
    /// Patches that may be sent at once; grows by one per interval.
    allowance: u32,
    allowance_since: Instant,
    lost: bool,
}

enum Patch {
    Stored,
    Again,
    GiveUp,
}

impl Uploader {
    pub(crate) fn new(job: JobHandle, log: Arc<TraceLog>, verdict: watch::Sender<Verdict>) -> Uploader {
        let now = Instant::now();
        Uploader {
            job,
            log,
            verdict,
            sent: 0,
            interval: INTERVAL,
            last_contact: now,
            allowance: BURST,
            allowance_since: now,
            lost: false,
        }
    }

    /// Says that the job begins; returns what the server wants with it.
    ///
    /// A server that does not answer is asked again: a job that began without its knowing would be handed out once more.
    pub(crate) async fn announce(&mut self) -> Verdict {
        let until = Instant::now() + ANNOUNCING;
        let mut pause = FIRST_PAUSE;
        while Instant::now() < until {
            let update = self.update(JobState::Running, TraceOutput::default());
            match self.job.client.update_job(self.job.id, update).await {
                Ok(reply) if matches!(reply.status, 403 | 404) => return Verdict::Abort,
                Ok(reply) if reply.status < 500 => {
                    self.contact(&reply);
                    return verdict(&reply);
                }
                Ok(_) | Err(_) => sleep_until(Instant::now() + pause).await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Verdict::Abort
    }

    /// Sends the log as it grows, until it is closed. `nudge` makes it ask the server at once.
    pub(crate) async fn follow(&mut self, nudge: &Notify) {
        let mut waiting_since = None;
        loop {
            let progress = self.log.progress();
            if progress.closed {
                return;
            }
            let pending = progress.size > self.sent && !self.lost;
            let due = if pending {
                let since = *waiting_since.get_or_insert_with(Instant::now);
                self.next_patch(since + if progress.urgent { URGENT_DELAY } else { CALM_DELAY })
            } else {
                waiting_since = None;
                self.last_contact + KEEP_ALIVE
            };
            tokio::select! {
                () = self.log.changed() => continue,
                () = nudge.notified() => {}
                () = sleep_until(due.min(self.last_contact + KEEP_ALIVE)) => {}
            }
            if pending && Instant::now() >= due {
                self.patch(false).await;
                waiting_since = None;
            } else {
                self.keep_alive().await;
            }
        }
    }

    /// Sends the rest of the log and how the job ended; returns when the server has taken it or never will.
    pub(crate) async fn finish(&mut self, outcome: &Outcome) {
        let mut last_words = self.last_words();
        if last_words.is_none() {
            self.rest_of_log().await;
        }
        let mut tries = 0;
        let mut pause = RETRY_PAUSE;
        loop {
            let (checksum, size) = self.log.checksum();
            let output = TraceOutput {
                checksum: Some(checksum.clone()),
                bytesize: Some(i64::try_from(size).unwrap_or(i64::MAX)),
            };
            let state = if outcome.failure_reason.is_some() {
                JobState::Failed
            } else {
                JobState::Success
            };
            let mut update = self.update(state, output);
            update.checksum = Some(checksum);
            update.failure_reason.clone_from(&outcome.failure_reason);
            update.exit_code = Some(i64::from(outcome.exit_code)).filter(|code| *code != 0);
            update.tripline_log.clone_from(&last_words);
            match self.job.client.update_job(self.job.id, update).await {
                Ok(reply) => match reply.status {
                    _ if verdict(&reply) == Verdict::Abort => return,
                    200 | 404 => return,
                    202 => sleep(reply.interval.unwrap_or(WATCHED_INTERVAL)).await,
                    412 => {
                        sleep(reply.interval.unwrap_or(INTERVAL)).await;
                        self.sent = 0;
                        self.lost = false;
                        last_words = None;
                        self.rest_of_log().await;
                    }
                    _ => tries += 1,
                },
                Err(error) => {
                    tracing::warn!(job.id = self.job.id, %error, "cannot report the end of job {}", self.job.id);
                    tries += 1;
                }
            }
            if tries >= FINAL_TRIES {
                tracing::error!(job.id = self.job.id, "gave up reporting the end of job {}", self.job.id);
                return;
            }
            if tries > 0 {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_RETRY_PAUSE);
            }
        }
    }

    /// Returns what of the log was not sent yet, if that is little and the server takes it with the job's end.
    fn last_words(&self) -> Option<LastWords> {
        let rest = self.log.progress().size.checked_sub(self.sent)?;
        if !self.job.log_in_update || self.lost || !(1..=LAST_WORDS).contains(&rest) {
            return None;
        }
        let bytes = self.log.read(self.sent, PATCH_SIZE).ok()?;
        // A piece of a log may begin in the middle of a character.
        let text = String::from_utf8(bytes).ok()?;
        let start = self.sent;
        Some(LastWords { start, text })
    }

    async fn rest_of_log(&mut self) {
        let mut tries = 0;
        while !self.lost && self.log.progress().size > self.sent && tries < FINAL_TRIES {
            match self.patch(true).await {
                Patch::Stored => tries = 0,
                Patch::GiveUp => return,
                Patch::Again => {
                    tries += 1;
                    sleep(RETRY_PAUSE.min(self.interval)).await;
                }
            }
        }
    }

    /// Sends the next piece of the log.
    async fn patch(&mut self, ending: bool) -> Patch {
        let bytes = match self.log.read(self.sent, PATCH_SIZE) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(job.id = self.job.id, %error, "cannot read the log of job {} back", self.job.id);
                self.lost = true;
                return Patch::GiveUp;
            }
        };
        let length = bytes.len() as u64;
        self.allowance = self.allowance.saturating_sub(1);
        let answer = self
            .job
            .client
            .patch_trace(self.job.id, &self.job.token, self.sent, bytes, self.job.debug)
            .await;
        let reply = match answer {
            Ok(reply) => reply,
            Err(error) => {
                tracing::debug!(job.id = self.job.id, %error, "cannot send the log of job {}", self.job.id);
                return Patch::Again;
            }
        };
        self.contact(&reply);
        match reply.status {
            202 => {
                self.sent += length;
                Patch::Stored
            }
            416 => {
                let stored = reply.stored.unwrap_or(0);
                if stored > self.log.progress().size {
                    tracing::error!(
                        job.id = self.job.id,
                        stored,
                        "the server has more log of job {} than there is",
                        self.job.id
                    );
                    self.lost = true;
                    return Patch::GiveUp;
                }
                self.sent = stored;
                Patch::Again
            }
            403 | 404 if ending => Patch::GiveUp,
            _ => Patch::Again,
        }
    }

    async fn keep_alive(&mut self) {
        let (checksum, size) = self.log.checksum();
        let output = TraceOutput {
            checksum: Some(checksum.clone()),
            bytesize: i64::try_from(size).ok(),
        };
        let mut update = self.update(JobState::Running, output);
        update.checksum = Some(checksum);
        // Without an answer the next try comes after the same time, not at once.
        self.last_contact = Instant::now();
        if let Ok(reply) = self.job.client.update_job(self.job.id, update).await {
            self.contact(&reply);
            if reply.status == 404 {
                self.raise(Verdict::Abort);
            }
        }
    }

    fn update(&self, state: JobState, output: TraceOutput) -> UpdateJob {
        UpdateJob {
            token: self.job.token.clone(),
            state: state.as_str().to_owned(),
            output,
            ..UpdateJob::default()
        }
    }

    fn contact(&mut self, reply: &JobReply) {
        self.last_contact = Instant::now();
        if let Some(interval) = reply.interval {
            let watched = interval <= WATCHED_INTERVAL && interval.subsec_millis() == 0;
            self.interval = if watched {
                INTERVAL
            } else {
                interval.min(LONGEST_INTERVAL)
            };
        }
        self.raise(verdict(reply));
    }

    fn raise(&self, verdict: Verdict) {
        self.verdict.send_if_modified(|current| {
            let higher = verdict > *current;
            *current = (*current).max(verdict);
            higher
        });
    }

    /// Returns when the next patch may go, not before `earliest`.
    fn next_patch(&mut self, earliest: Instant) -> Instant {
        let now = Instant::now();
        while self.allowance < BURST && self.allowance_since + self.interval <= now {
            self.allowance += 1;
            self.allowance_since += self.interval;
        }
        if self.allowance == BURST {
            self.allowance_since = now;
        }
        if self.allowance > 0 {
            earliest
        } else {
            earliest.max(self.allowance_since + self.interval)
        }
    }
}

fn verdict(reply: &JobReply) -> Verdict {
    match (reply.status, reply.job_status.as_deref()) {
        (403, _) | (_, Some("canceled" | "failed")) => Verdict::Abort,
        (_, Some("canceling")) => Verdict::Cancel,
        _ => Verdict::Run,
    }
}
