//! The runner's side of a keeper: starts it, gives it work, separates output from marker.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;

use super::{Command, ProcessLimits, Protection, Report, Run, Sandbox};
use crate::config::Config;
use crate::random;

/// Time between SIGTERM and SIGKILL for a job that has to stop.
///
/// Long enough for `docker stop`, short enough that a canceled pipeline frees its runner.
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(10);

/// Time the keeper gets, after SIGKILL, to report; it gives up by itself before.
const REPORT_LIMIT: Duration = Duration::from_secs(20);

/// Output is read in pieces of at most this many bytes.
const READ_SIZE: usize = 32 << 10;

/// A running keeper.
pub(crate) struct Keeper {
    _process: Child,
    input: ChildStdin,
    output: ChildStdout,
    reports: BufReader<ChildStderr>,
    buffer: Vec<u8>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// Whether a run has to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// It goes on.
    #[default]
    No,
    /// SIGTERM, and SIGKILL after a while.
    Gently,
    /// SIGKILL.
    AtOnce,
}

/// Why a run could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeeperError {
    /// The keeper could not be started, or is gone.
    #[error("job keeper: {0}")]
    Gone(#[from] io::Error),
    /// The program could not be started; the keeper lives on.
    #[error("{0}")]
    NotStarted(String),
    /// Processes did not end; the keeper is of no more use.
    #[error("{0} processes of the job could not be killed")]
    Unkillable(usize),
}

impl Keeper {
    /// Starts a keeper.
    pub(crate) async fn start(config: &Config) -> Result<Keeper, KeeperError> {
        let (program, arguments) = config
            .launcher
            .split_first()
            .ok_or_else(|| io::Error::other("no launcher is configured"))?;
        let mut process = tokio::process::Command::new(program)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let mut keeper = Keeper {
            input: process.stdin.take().ok_or_else(missing)?,
            output: process.stdout.take().ok_or_else(missing)?,
            reports: BufReader::new(process.stderr.take().ok_or_else(missing)?),
            _process: process,
            buffer: Vec::new(),
        };
        let limits = ProcessLimits {
            processes: config.limits.processes,
            file_bytes: config.limits.file_bytes,
        };
        keeper.send(&Command::Limit(limits)).await?;
        Ok(keeper)
    }

    /// Begins a job: all following runs happen inside `sandbox`.
    pub(crate) async fn begin(&mut self, sandbox: Sandbox) -> Result<(), KeeperError> {
        self.send(&Command::Begin(sandbox)).await
    }

    /// Ends the job: whatever it left is killed. Its last words are handed on.
    pub(crate) async fn end(&mut self, mut output: impl FnMut(&[u8])) -> Result<(), KeeperError> {
        let marker = new_marker();
        self.send(&Command::End { marker: marker.clone() }).await?;
        let marked = async {
            while !self.read(marker.as_bytes(), &mut output).await? {}
            self.report().await.map(drop)
        };
        let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
        tokio::time::timeout(REPORT_LIMIT, marked).await.unwrap_or_else(late)
    }

    /// Runs a program and hands its output on, until it has ended and all its output is out.
    pub(crate) async fn run(
        &mut self,
        mut run: Run,
        stop: &mut watch::Receiver<Stop>,
        mut output: impl FnMut(&[u8]),
    ) -> Result<(Exit, Protection), KeeperError> {
        run.marker = new_marker();
        let marker = run.marker.clone();
        self.send(&Command::Run(run)).await?;

        let mut stopping = Stop::No;
        let mut deadline = None;
        loop {
            let limit = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let stop_wanted = async {
                // When nobody can ask for a stop any more, the job is nobody's.
                stop.wait_for(|wanted| *wanted > stopping)
                    .await
                    .map_or(Stop::AtOnce, |wanted| *wanted)
            };
            tokio::select! {
                marked = self.read(marker.as_bytes(), &mut output) => {
                    if marked? {
                        break;
                    }
                }
                wanted = stop_wanted, if stopping < Stop::AtOnce => {
                    stopping = wanted;
                    self.send(&Command::Signal { force: stopping == Stop::AtOnce }).await?;
                    let grace = if stopping == Stop::AtOnce { REPORT_LIMIT } else { KILL_GRACE };
                    deadline = Some(tokio::time::Instant::now() + grace);
                }
                () = limit => {
                    if stopping == Stop::AtOnce {
                        return Err(io::Error::from(io::ErrorKind::TimedOut).into());
                    }
                    stopping = Stop::AtOnce;
                    self.send(&Command::Signal { force: true }).await?;
                    deadline = Some(tokio::time::Instant::now() + REPORT_LIMIT);
                }
            }
        }
        self.report().await
    }

    /// Reads once and hands on what is surely output; returns whether the marker came. Nothing is lost when dropped.
    async fn read(&mut self, marker: &[u8], output: &mut impl FnMut(&[u8])) -> Result<bool, KeeperError> {
        if self.output.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(self.hand_on(marker, output))
    }

    /// Hands on what is surely output; returns whether the marker was there.
    fn hand_on(&mut self, marker: &[u8], output: &mut impl FnMut(&[u8])) -> bool {
        let found = marker_position(&self.buffer, marker);
        let sure = found.unwrap_or_else(|| self.buffer.len() - marker_start(&self.buffer, marker));
        if sure > 0 {
            output(&self.buffer[..sure]);
        }
        self.buffer
            .drain(..if found.is_some() { sure + marker.len() } else { sure });
        if self.buffer.capacity() < READ_SIZE {
            self.buffer.reserve(READ_SIZE);
        }
        found.is_some()
    }

    async fn report(&mut self) -> Result<(Exit, Protection), KeeperError> {
        let mut line = String::new();
        if self.reports.read_line(&mut line).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let report: Report = serde_json::from_str(&line).map_err(io::Error::other)?;
        if report.unkillable > 0 {
            return Err(KeeperError::Unkillable(report.unkillable));
        }
        match (report.error, report.code, report.signal) {
            (Some(error), _, _) => Err(KeeperError::NotStarted(error)),
            (None, Some(code), _) => Ok((Exit::Code(code), report.protection)),
            (None, None, signal) => Ok((Exit::Signal(signal.unwrap_or_default()), report.protection)),
        }
    }

    async fn send(&mut self, command: &Command) -> Result<(), KeeperError> {
        let mut line = serde_json::to_vec(command).map_err(io::Error::other)?;
        line.push(b'\n');
        Ok(self.input.write_all(&line).await?)
    }
}

/// Returns bytes that no job can know or guess.
fn new_marker() -> String {
    format!("\0{}", random::hex(16))
}

/// Returns where the marker is.
fn marker_position(buffer: &[u8], marker: &[u8]) -> Option<usize> {
    let starts = buffer.iter().enumerate().filter(|(_, byte)| **byte == marker[0]);
    starts.map(|(at, _)| at).find(|at| buffer[*at..].starts_with(marker))
}

/// Returns how many bytes at the end of `buffer` may be the beginning of `marker`.
fn marker_start(buffer: &[u8], marker: &[u8]) -> usize {
    let longest = buffer.len().min(marker.len() - 1);
    (1..=longest)
        .rev()
        .find(|length| buffer[buffer.len() - length..] == marker[..*length])
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_the_marker_is_held_back() {
        assert_eq!(marker_start(b"abc", b"\0xyz"), 0);
        assert_eq!(marker_start(b"abc\0", b"\0xyz"), 1);
        assert_eq!(marker_start(b"abc\0xy", b"\0xyz"), 3);
        assert_eq!(marker_start(b"abc\0a", b"\0xyz"), 0);
    }
}
