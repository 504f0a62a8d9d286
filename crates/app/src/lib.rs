//! The use cases, one file each. Who may do what is decided here, and only here.
//!
//! A use case takes the [`App`], the [`Caller`] and what was asked for as checked values, and
//! answers with entities of `model` or an [`Error`] in GitLab's words. It knows neither HTTP nor
//! SQL: those are in `web` and `store`.

use std::sync::Arc;

use model::Clock;
use store::Store;

pub mod access;
pub mod access_tokens;
pub mod administration;
pub mod audit;
pub mod authenticate;
pub mod bridges;
pub mod caller;
pub mod environments;
pub mod error;
pub mod fetch;
pub mod git_access;
pub mod groups;
pub mod health;
pub mod hooks;
pub mod inbound;
pub mod instance_settings;
pub mod job_token_scope;
pub mod jobs;
pub mod keys;
pub mod lint;
pub mod live;
pub mod lookup;
pub mod members;
pub mod names;
pub mod network;
pub mod pipelines;
pub mod project_variables;
pub mod projects;
pub mod protected_refs;
pub mod push;
pub mod remote_files;
pub mod repository;
pub mod resource_groups;
pub mod resource_tokens;
pub mod runners;
pub mod schedules;
pub mod sessions;
pub mod settings;
pub mod setup;
pub mod templates;
pub mod throttle;
pub mod time;
pub mod triggers;
pub mod users;
pub mod variable_settings;
pub mod variables;

pub use caller::{Caller, Credential, JobCaller, UserCaller};
pub use error::{Error, Refused, Result, TokenProblem};
pub use git::{Action, Commit, EntryKind, Signature, TreeEntry};
pub use keys::Keys;
pub use lookup::ProjectKey;
pub use network::Network;
pub use settings::{ExternalUrl, Settings};
pub use store::ops::page::{Page as Rows, Sort};

/// Where a project's configuration is unless its settings say otherwise.
pub const DEFAULT_CONFIG_PATH: &str = ".gitlab-ci.yml";

/// Everything a use case needs. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What [`App`] is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The repositories.
    pub repositories: git::Repositories,
    /// Traces and artifacts.
    pub blobs: blob::Blobs,
    /// Keys for tokens and sealed values.
    pub keys: Keys,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What the administrator configured.
    pub settings: Settings,
    /// Where requests to other hosts leave from.
    pub outbound: outbound::Client,
    /// Files of other hosts that configurations include.
    pub remote_files: remote_files::RemoteFiles,
    /// Configurations that were compiled lately.
    pub configs: pipelines::config::ConfigCache,
    /// Trigger tokens that were used lately.
    pub known_tokens: triggers::KnownTokens,
    /// Uses of trigger tokens whose uses are limited.
    pub uses: triggers::Uses,
    /// How often somebody asks.
    pub throttle: throttle::Throttle,
    /// Refused trigger calls that are not written down yet.
    pub trigger_log: triggers::log::Queue,
    /// Where runners ask for jobs.
    pub desk: runners::Desk,
    /// Bridges whose downstream pipelines are to be made.
    pub bridges: bridges::Queue,
    /// Logs that are coming in.
    pub logs: runners::Logs,
    /// Who watches what.
    pub live: live::Live,
    /// Where lines of logs begin that were looked at lately.
    pub lines: jobs::log::Lines,
    /// Figures of projects that were looked at lately.
    pub charts: pipelines::chart::Charts,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> App {
        App(Arc::new(parts))
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App(..)")
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Runs work that reads the disk or computes for long, off the async threads.
///
/// # Errors
///
/// The work's own; [`Error::Internal`] when it panicked.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
