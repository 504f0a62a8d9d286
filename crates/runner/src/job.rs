//! One job from its payload to its end.

mod cache;
mod collect;
mod context;
mod dependencies;
mod dirs;
mod git;
mod inputs;
mod outcome;
mod removal;
mod run;
mod script;
mod settings;
mod sources;
mod stage;
mod steps;
mod uploads;
mod variables;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::client::Client;
use crate::config::Config;
use crate::keeper::Protection;

pub(crate) use run::run;

/// What all jobs of this runner share.
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) prepared: Prepared,
    warned: AtomicBool,
    /// Temporary folders that were left clean by the last job there.
    swept: Mutex<HashSet<PathBuf>>,
}

/// What was settled at start.
pub(crate) struct Prepared {
    pub(crate) system_id: String,
    /// The characters of the token that name folders.
    pub(crate) short_token: String,
    pub(crate) host: String,
    pub(crate) builds_dir: PathBuf,
    pub(crate) cache_dir: PathBuf,
    /// As whom jobs run; `None` = as the runner.
    pub(crate) account: Option<Account>,
    pub(crate) shell: PathBuf,
    pub(crate) shell_name: String,
    /// Variables of every job, weaker than its own.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) readable: Vec<PathBuf>,
    pub(crate) writable: Vec<PathBuf>,
    /// Folders of the machine in whose place each job has its own, where the system can do that.
    pub(crate) private: Vec<PathBuf>,
    pub(crate) denied: Vec<PathBuf>,
}

/// A user of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Where a job runs.
pub(crate) struct Place {
    pub(crate) client: Arc<Client>,
    pub(crate) site: Arc<Site>,
    pub(crate) slot: usize,
}

impl Site {
    pub(crate) fn new(config: Config, prepared: Prepared) -> Site {
        Site {
            config,
            prepared,
            warned: AtomicBool::new(false),
            swept: Mutex::default(),
        }
    }

    /// Notes that a job's temporary folders are clean, and nobody is left who could change that.
    fn note_swept(&self, temporary: &Path) {
        self.swept().insert(temporary.to_owned());
    }

    /// Whether they are; they are in use from now on.
    fn take_swept(&self, temporary: &Path) -> bool {
        self.swept().remove(temporary)
    }

    fn swept(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.swept.lock().expect("nothing panics while holding it")
    }

    /// Says once that jobs are less protected than they should be.
    fn warn_about_protection(&self, protection: Protection) {
        if self.warned.swap(true, Ordering::Relaxed) {
            return;
        }
        if protection == Protection::None {
            tracing::warn!("this kernel has no Landlock: jobs can read whatever their user can");
        } else {
            tracing::info!("this kernel has an older Landlock: files are protected, signals between jobs may not be");
        }
    }
}
