//! The job keeper: a small process between the runner and the processes of its jobs.
//!
//! One keeper serves one slot, job after job. It is the parent that all processes of a job fall
//! back to (a child subreaper), so that it can end all of them, also those that left their
//! process group or session. It puts each job behind Landlock and another user before the job's
//! first instruction runs. It is started before the first job comes, which keeps the costly part
//! (loading our program) out of the time between a trigger call and the first command.
//!
//! Commands come as JSON lines on standard input; when that ends, the runner is gone and
//! everything is killed. Standard output carries what the jobs print, and after each run the
//! run's marker, which the job cannot know; reports go to standard error.

mod children;
mod client;
mod private;
mod process;
mod protections;
mod sandbox;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use client::{Exit, Keeper, KeeperError, Stop};
pub(crate) use private::FOLDERS as PRIVATE_FOLDERS;
pub(crate) use protections::announce;

/// Time between the first SIGKILL and giving up on processes that do not end (blocked in the kernel).
const REAP_LIMIT: Duration = Duration::from_secs(10);

/// Runs the job shell: what the launcher of [`Config`](crate::Config) must lead to.
///
/// Without arguments it is the keeper of one slot; `pack` and `unpack` handle archives from
/// inside a job's sandbox; the others find out what this system can do.
pub fn job_shell_main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mode = arguments.next();
    match mode.as_ref().and_then(|mode| mode.to_str()) {
        None => process::run(),
        Some("pack") => crate::archive::pack_main(arguments),
        Some("unpack") => crate::archive::unpack_main(arguments),
        Some(PROBE) => private::probe().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Some(PROTECTIONS) => protections::print(),
        Some(_) => {
            eprintln!("the job shell is started by the runner only");
            ExitCode::from(2)
        }
    }
}

/// Argument with which the job shell tries what only another process may try.
const PROBE: &str = "probe";

/// Argument with which the job shell says how jobs are protected on this system.
const PROTECTIONS: &str = "protections";

/// What the runner tells the keeper.
#[derive(Debug, Serialize, Deserialize)]
enum Command {
    /// First: limits of the keeper and all its children.
    Limit(ProcessLimits),
    /// A job begins: what it may touch and as whom.
    Begin(Sandbox),
    /// Start a program inside the job's sandbox.
    Run(Run),
    /// Signal everything the job has started.
    Signal {
        /// SIGKILL instead of SIGTERM.
        force: bool,
    },
    /// The job is over: kill what is left, then write the marker.
    End {
        /// As in [`Run`].
        marker: String,
    },
}

/// Limits that processes inherit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProcessLimits {
    pub(crate) processes: u64,
    pub(crate) file_bytes: u64,
}

/// What a job may touch and as whom it runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sandbox {
    /// User and group id; `None` = as the keeper.
    pub(crate) user: Option<(u32, u32)>,
    /// Folders that may be read and executed from.
    pub(crate) read: Vec<PathBuf>,
    /// Folders that may be written too.
    pub(crate) write: Vec<PathBuf>,
    /// Paths that stay closed although they lie below one of the above.
    pub(crate) denied: Vec<PathBuf>,
    /// Folders and files below denied paths that are the job's own: read.
    pub(crate) own_read: Vec<PathBuf>,
    /// Likewise: written too.
    pub(crate) own_write: Vec<PathBuf>,
    /// Folders of the machine in whose place the job has its own.
    pub(crate) private: Vec<PathBuf>,
    /// Where those may be made.
    pub(crate) scratch: PathBuf,
}

/// A program to start inside the sandbox.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Program and arguments; the program [`SELF`] is the keeper's own.
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) dir: PathBuf,
    /// Bytes that end this run's output; random, and never in the job's reach.
    pub(crate) marker: String,
    /// Whether what the program leaves behind may live on until the job's next run.
    pub(crate) keep_rest: bool,
}

/// Stands for the keeper's own program in [`Run::argv`].
pub(crate) const SELF: &str = "@self";

/// What the keeper answers when a run is over, and its output is out.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    /// Exit code of the program, unless a signal ended it.
    code: Option<i32>,
    /// The signal that ended it.
    signal: Option<i32>,
    /// Why it could not be started.
    error: Option<String>,
    /// How far Landlock holds.
    protection: Protection,
    /// Processes that did not end.
    unkillable: usize,
}

/// How far Landlock holds on this kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Protection {
    /// Completely.
    Full,
    /// An older kernel: files are protected, newer features are missing.
    Partial,
    /// Not at all.
    #[default]
    None,
}
