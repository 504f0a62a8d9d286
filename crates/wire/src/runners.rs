//! Runners as the REST API shows them (rest-api.md 19). What runners themselves speak is in `runner`.

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// A runner in a list or a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runner {
    /// Id.
    pub id: i64,
    /// Free text.
    pub description: Option<String>,
    /// Always empty in new versions.
    pub ip_address: String,
    /// Old form of `paused`, negated.
    pub active: bool,
    /// Takes no jobs.
    pub paused: bool,
    /// Whether it serves every project.
    pub is_shared: bool,
    /// `instance_type`, `group_type`, `project_type`.
    pub runner_type: String,
    /// Name of the program.
    pub name: Option<String>,
    /// Whether it was there lately.
    pub online: Option<bool>,
    /// When it was created.
    pub created_at: Time,
    /// `online`, `offline`, `stale`, `never_contacted`.
    pub status: String,
}

/// A process of a runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerManager {
    /// Id.
    pub id: i64,
    /// The process' own name.
    pub system_id: String,
    /// Version of the program.
    pub version: Option<String>,
    /// Revision of the program.
    pub revision: Option<String>,
    /// `linux` …
    pub platform: Option<String>,
    /// `amd64` …
    pub architecture: Option<String>,
    /// When it first asked.
    pub created_at: Time,
    /// When it last asked.
    pub contacted_at: Option<Time>,
    /// Network address.
    pub ip_address: Option<String>,
    /// As of the runner.
    pub status: String,
}
