//! The use cases, one file each. Who may do what is decided here, and only here.
//!
//! A use case takes the [`App`], the [`Caller`] and what was asked for as checked values, and
//! answers with entities of `model` or an [`Error`] in GitLab's words. It knows neither HTTP nor
//! SQL: those are in `web` and `store`.

pub mod access;
pub mod caller;
pub mod error;
pub mod jobs;
pub mod keys;
pub mod runners;
pub mod settings;
pub mod time;
pub mod variables;

/// Where a project's configuration is unless its settings say otherwise.
pub const DEFAULT_CONFIG_PATH: &str = ".gitlab-ci.yml";

pub use caller::{Caller, Credential, JobCaller, UserCaller};
pub use error::{Error, Result, TokenProblem};
pub use git::{Commit, Signature};
pub use keys::Keys;
pub use settings::{ExternalUrl, Settings};
