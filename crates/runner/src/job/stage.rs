//! Running one stage of a job: a script in the sandbox, until it ends or has to end.

use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::keeper::{Exit, Keeper, KeeperError, Protection, Run, Stop};
use crate::trace::{Source, TraceLog, Verdict};

/// Why a job is not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A script ended with this code; -1 = by a signal.
    Script(i32),
    /// Something of the runner's did not work.
    System(String),
    /// The job asks for what cannot be.
    Configuration(String),
    /// The job's time was up.
    TimedOut(Duration),
    /// The script's own time was up.
    ScriptTimedOut(Duration),
    /// Canceled: `after_script` may run.
    Canceled,
    /// Over for the server.
    Aborted,
    /// The runner is being stopped.
    Interrupted,
}

/// What can end a stage from outside; the later ones win over the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    StageTime,
    JobTime,
    Cancel,
    Abort,
    Interrupt,
}

/// Watches for whatever may end a job.
pub(super) struct Watch {
    verdict: watch::Receiver<Verdict>,
    deadline: Instant,
    job_time: Duration,
    interrupt: Pin<Box<dyn Future<Output = ()> + Send>>,
    interrupted: bool,
    /// A cancel has been seen and is being acted upon.
    pub(super) cancel_seen: bool,
}

impl Watch {
    pub(super) fn new(
        verdict: watch::Receiver<Verdict>,
        job_time: Duration,
        interrupt: impl Future<Output = ()> + Send + 'static,
    ) -> Watch {
        let deadline = Instant::now() + job_time;
        Watch {
            verdict,
            deadline,
            job_time,
            interrupt: Box::pin(interrupt),
            interrupted: false,
            cancel_seen: false,
        }
    }

    /// Waits for a cause above `seen`.
    async fn next(&mut self, seen: Option<Cause>, stage_deadline: Option<Instant>) -> Cause {
        let wanted = if self.cancel_seen {
            Verdict::Abort
        } else {
            Verdict::Cancel
        };
        let deadline = self.deadline;
        let stage_time = async {
            match stage_deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let verdict = async {
            // Without a sender nobody reports this job any more.
            self.verdict
                .wait_for(|verdict| *verdict >= wanted)
                .await
                .map_or(Verdict::Abort, |verdict| *verdict)
        };
        tokio::select! {
            biased;
            () = &mut self.interrupt, if !self.interrupted => {
                self.interrupted = true;
                Cause::Interrupt
            }
            verdict = verdict, if seen < Some(Cause::Abort) => {
                self.cancel_seen = true;
                if verdict == Verdict::Abort { Cause::Abort } else { Cause::Cancel }
            }
            () = sleep_until(deadline), if seen < Some(Cause::JobTime) => Cause::JobTime,
            () = stage_time, if seen.is_none() => Cause::StageTime,
            else => std::future::pending().await,
        }
    }

    fn failure(&self, cause: Cause, stage_time: Duration) -> Failure {
        match cause {
            Cause::StageTime => Failure::ScriptTimedOut(stage_time),
            Cause::JobTime => Failure::TimedOut(self.job_time),
            Cause::Cancel => Failure::Canceled,
            Cause::Abort => Failure::Aborted,
            Cause::Interrupt => Failure::Interrupted,
        }
    }

    /// Waits for `work`, unless something ends the job before.
    pub(super) async fn guard<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::pin!(work);
        tokio::select! {
            // Whoever is canceled in the very moment does not go on.
            biased;
            cause = self.next(None, None) => Err(self.failure(cause, Duration::ZERO)),
            done = &mut work => Ok(done),
        }
    }
}

/// The shell of one job.
pub(super) struct Shell<'a> {
    pub(super) keeper: &'a mut Keeper,
    pub(super) log: &'a TraceLog,
    pub(super) sections: bool,
    /// Whether the keeper can be used for another job.
    pub(super) healthy: bool,
    pub(super) protection: Option<Protection>,
}

/// A program to run as a stage.
pub(super) struct Program<'a> {
    pub(super) argv: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) dir: &'a Path,
    pub(super) limit: Option<Duration>,
    /// Whether background processes live until the next stage.
    pub(super) keep_rest: bool,
    /// Whose words its output is; people wait for those of their script.
    pub(super) source: Source,
}

impl Shell<'_> {
    /// Runs a program to its end.
    pub(super) async fn run(&mut self, watch: &mut Watch, program: Program<'_>) -> Result<(), Failure> {
        let run = Run {
            argv: program.argv,
            env: program.env,
            dir: program.dir.to_owned(),
            marker: String::new(),
            keep_rest: program.keep_rest,
        };
        let stage_deadline = program.limit.map(|limit| Instant::now() + limit);
        let (stop, mut stopped) = watch::channel(Stop::No);
        let log = self.log;
        let mut cause = None;
        let mut last_byte = b'\n';
        let result = {
            let running = self.keeper.run(run, &mut stopped, |bytes| {
                last_byte = bytes.last().copied().unwrap_or(last_byte);
                log.write(program.source, bytes);
            });
            tokio::pin!(running);
            loop {
                tokio::select! {
                    result = &mut running => break result,
                    found = watch.next(cause, stage_deadline) => {
                        cause = cause.max(Some(found));
                        let how = if found >= Cause::Abort { Stop::AtOnce } else { Stop::Gently };
                        stop.send_if_modified(|current| {
                            let stronger = how > *current;
                            *current = how.max(*current);
                            stronger
                        });
                    }
                }
            }
        };
        if last_byte != b'\n' {
            // A marker or the next title on the same line would wipe it out.
            log.write(program.source, b"\n");
        }
        let ended = match result {
            Ok((exit, protection)) => {
                self.protection = Some(protection);
                match exit {
                    Exit::Code(0) => Ok(()),
                    Exit::Code(code) => Err(Failure::Script(code)),
                    Exit::Signal(_) => Err(Failure::Script(-1)),
                }
            }
            Err(KeeperError::NotStarted(error)) => Err(Failure::System(error)),
            Err(error) => {
                self.healthy = false;
                Err(Failure::System(error.to_string()))
            }
        };
        match cause {
            Some(cause) => Err(watch.failure(cause, program.limit.unwrap_or_default())),
            None => ended,
        }
    }

    /// Opens a section of the log.
    pub(super) fn open(&self, name: &str, title: &str) {
        let marker = if self.sections {
            format!("section_start:{}:{name}\r\x1b[0K", now())
        } else {
            String::new()
        };
        self.log
            .line(&format!("{marker}\x1b[0K\x1b[36;1m{title}\x1b[0;m\x1b[0;m"));
    }

    /// Closes a section of the log.
    pub(super) fn close(&self, name: &str) {
        if self.sections {
            self.log.write(
                Source::Runner,
                format!("section_end:{}:{name}\r\x1b[0K", now()).as_bytes(),
            );
        }
    }

    /// Writes a warning.
    pub(super) fn warn(&self, text: &str) {
        self.log.line(&format!("\x1b[0;33mWARNING: {text}\x1b[0;m"));
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
