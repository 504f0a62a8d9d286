//! Child processes of git: what they may see, and that they end.
//!
//! A child gets an empty environment but for `PATH`, no configuration but ours, a process group
//! of its own, and ends with its handle.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::serve::Protocol;
use crate::{Error, Repository};

/// Name of the file below the root that is the only configuration our git processes see.
const CONFIGURATION: &str = "git.config";

/// What every git process of ours is told.
///
/// The administrator attaches repositories of other users on purpose, hence `safe.directory`.
/// Housekeeping is never started by a push. Refs of the server are fetched but not pushed; what
/// an attached work tree keeps for itself (`refs/remotes`, `refs/stash`) is not offered.
const SETTINGS: &str = "\
# Written at every start; changes are lost.
[safe]
\tdirectory = *
[core]
\tuseReplaceRefs = false
\tfsync = committed,reference
[gc]
\tauto = 0
[maintenance]
\tauto = false
[pack]
\tthreads = 2
[transfer]
\tfsckObjects = true
[receive]
\tautogc = false
\tadvertisePushOptions = true
\thideRefs = refs/pipelines
\thideRefs = refs/keep-around
\thideRefs = refs/merge-requests
\thideRefs = refs/environments
\thideRefs = refs/replace
\thideRefs = refs/tmp
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
\thideRefs = refs/keep-around
\thideRefs = refs/remotes
\thideRefs = refs/stash
\thideRefs = refs/tmp
";

/// Time that an interrupted push has to end by itself before SIGKILL.
///
/// Git removes the objects of a push that ends early, but not when a signal ends it.
const GRACE: Duration = Duration::from_secs(2);

/// Bytes of a child's error output that are kept for the log.
const MAX_STDERR: usize = 4096;

/// Writes the configuration file, in one step: another process may be starting git on the same folder.
pub(crate) fn write_configuration(root: &Path) -> Result<(), Error> {
    let path = configuration(root);
    let fresh = root.join(format!("{CONFIGURATION}.{}", std::process::id()));
    std::fs::write(&fresh, SETTINGS).map_err(Error::io("write", &fresh))?;
    std::fs::rename(&fresh, &path).map_err(Error::io("write", &path))
}

fn configuration(root: &Path) -> PathBuf {
    root.join(CONFIGURATION)
}

/// A running git; dropping it ends the whole process group.
pub(crate) struct Git {
    child: Option<Child>,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: JoinHandle<String>,
    /// How long it may go on after its handle is dropped.
    grace: Duration,
}

impl Git {
    /// Starts `git <options> <git folder>` to read; it can be killed at any time.
    pub(crate) fn start_reader<S: AsRef<OsStr>>(
        repo: &Repository,
        protocol: Option<Protocol>,
        options: impl IntoIterator<Item = S>,
    ) -> std::io::Result<Git> {
        Git::start(command(repo, protocol, options), Duration::ZERO)
    }

    /// Starts `git <options> <git folder>` to write; it gets the chance to clean up after itself.
    pub(crate) fn start_writer<S: AsRef<OsStr>>(
        repo: &Repository,
        options: impl IntoIterator<Item = S>,
    ) -> std::io::Result<Git> {
        Git::start(command(repo, None, options), GRACE)
    }

    fn start(mut command: Command, grace: Duration) -> std::io::Result<Git> {
        let mut child = command.spawn()?;
        let missing = || std::io::Error::other("a pipe to git is missing");
        let stderr = tokio::spawn(collect(child.stderr.take().ok_or_else(missing)?));
        Ok(Git {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr,
            child: Some(child),
            grace,
        })
    }

    /// Reads what git says; 0 = it has said everything. May be dropped and called again.
    pub(crate) async fn read(&mut self, buffer: &mut BytesMut) -> std::io::Result<usize> {
        match &mut self.stdout {
            Some(stdout) => stdout.read_buf(buffer).await,
            None => Ok(0),
        }
    }

    /// Waits for the end; returns the status and the beginning of the error output.
    pub(crate) async fn wait(&mut self) -> std::io::Result<(ExitStatus, String)> {
        self.stdin = None;
        let child = self
            .child
            .as_mut()
            .ok_or_else(|| std::io::Error::other("git was waited for twice"))?;
        let status = child.wait().await?;
        self.child = None;
        let errors = tokio::time::timeout(GRACE, &mut self.stderr).await;
        Ok((status, errors.ok().and_then(Result::ok).unwrap_or_default()))
    }

    /// Ends the process group and waits until it has ended.
    pub(crate) async fn stop(&mut self) {
        self.stdin = None;
        let stdout = self.stdout.take();
        if let Some(child) = self.child.take() {
            end(child, stdout, self.grace).await;
        }
    }
}

impl Drop for Git {
    fn drop(&mut self) {
        self.stdin = None;
        self.stderr.abort();
        let stdout = self.stdout.take();
        let Some(child) = self.child.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.grace.is_zero() => drop(runtime.spawn(end(child, stdout, self.grace))),
            _ => kill(&child),
        }
    }
}

/// Waits for a child that has nothing more to read, then kills its group.
async fn end(mut child: Child, stdout: Option<ChildStdout>, grace: Duration) {
    let by_itself = async {
        if let Some(mut stdout) = stdout {
            // A full pipe would keep it from ending.
            let _ = tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await;
        }
        let _ = child.wait().await;
    };
    if tokio::time::timeout(grace, by_itself).await.is_err() {
        kill(&child);
        let _ = child.wait().await;
    }
}

/// Kills the process group of a child. Without an id the child has been reaped, and its number may
/// belong to somebody else.
fn kill(child: &Child) {
    if let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

fn command<S: AsRef<OsStr>>(
    repo: &Repository,
    protocol: Option<Protocol>,
    options: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = Command::new("git");
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    // A repository's own configuration is stronger than ours, but not stronger than `-c`.
    command.args(["-c", "core.hooksPath=/dev/null"]);
    command.args(options).arg("--").arg(repo.git_dir());
    command.current_dir(repo.git_dir());
    command.env("HOME", repo.root().join("no-home")).env("LC_ALL", "C");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_ATTR_NOSYSTEM", "1");
    command.env("GIT_CONFIG_GLOBAL", configuration(repo.root()));
    if let Some(protocol) = protocol {
        command.env("GIT_PROTOCOL", protocol.as_str());
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    command
}

/// Reads everything, keeps the beginning.
async fn collect(mut stderr: ChildStderr) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        let room = MAX_STDERR.saturating_sub(kept.len()).min(length);
        kept.extend_from_slice(&buffer[..room]);
    }
    String::from_utf8_lossy(&kept).trim_end().to_owned()
}
