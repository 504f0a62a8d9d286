//! Runners as the REST API shows them (rest-api.md 19). What runners themselves speak is in `runner`.

use serde::{Deserialize, Serialize};

use crate::project::ProjectShort;
use crate::time::Time;
use crate::user::UserBasic;

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

/// A runner in a list of runners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedRunner {
    /// What jobs show too.
    #[serde(flatten)]
    pub runner: Runner,
    /// Who created it; `null` when it was made with a registration token.
    pub created_by: Option<UserBasic>,
    /// `active` while it works on a job, else `idle`.
    pub job_execution_status: String,
}

/// A runner in full.
#[derive(Clone, Debug, Serialize)]
pub struct RunnerDetails {
    /// What lists show too.
    #[serde(flatten)]
    pub listed: ListedRunner,
    /// Tags.
    pub tag_list: Vec<String>,
    /// Takes jobs without tags.
    pub run_untagged: bool,
    /// May not be assigned to further projects.
    pub locked: bool,
    /// Upper limit of a job's timeout in seconds.
    pub maximum_timeout: Option<i64>,
    /// `not_protected`, `ref_protected`.
    pub access_level: String,
    /// Version of the process that was heard of last.
    pub version: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
    /// `linux` …
    pub platform: Option<String>,
    /// `amd64` …
    pub architecture: Option<String>,
    /// When it last asked.
    pub contacted_at: Option<Time>,
    /// Note of the administrator; only for those who may change the runner.
    pub maintenance_note: Option<String>,
    /// The projects it is assigned to.
    pub projects: Vec<ProjectShort>,
    /// Its group.
    pub groups: Vec<RunnerGroup>,
}

/// The group of a runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerGroup {
    /// Id.
    pub id: i64,
    /// Page.
    pub web_url: String,
    /// Display name.
    pub name: String,
}

/// A process of a runner in a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedManager {
    /// What jobs show too.
    #[serde(flatten)]
    pub manager: RunnerManager,
    /// `active` while it works on a job, else `idle`.
    pub job_execution_status: String,
}

/// What identifies a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectIdentity {
    /// Id.
    pub id: i64,
    /// Free text.
    pub description: Option<String>,
    /// Display name.
    pub name: String,
    /// Display names with those of the namespaces around.
    pub name_with_namespace: String,
    /// Last part of the path.
    pub path: String,
    /// Whole path.
    pub path_with_namespace: String,
    /// When it was created.
    pub created_at: Time,
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
