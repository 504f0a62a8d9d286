//! Runners and their processes.

use crate::ids::{NamespaceId, ProjectId, RunnerId, RunnerManagerId, UserId};
use crate::kinds::{RunnerAccess, RunnerType};
use crate::time::Timestamp;

/// A registered runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// Its id.
    pub id: RunnerId,
    /// Whom it serves.
    pub runner_type: RunnerType,
    /// Free text.
    pub description: Option<String>,
    /// Note of the administrator.
    pub maintenance_note: Option<String>,
    /// Takes no jobs.
    pub paused: bool,
    /// May not be assigned to further projects.
    pub locked: bool,
    /// Takes jobs without tags.
    pub run_untagged: bool,
    /// Tags.
    pub tags: Vec<String>,
    /// Which refs it takes jobs from.
    pub access: RunnerAccess,
    /// Upper limit of a job's timeout in seconds.
    pub maximum_timeout_seconds: Option<i64>,
    /// The group of a group runner.
    pub group_id: Option<NamespaceId>,
    /// The projects of a project runner.
    pub project_ids: Vec<ProjectId>,
    /// The project that a project runner was made for.
    pub owner_project_id: Option<ProjectId>,
    /// Who created it.
    pub creator_id: Option<UserId>,
    /// When its token expires.
    pub token_expires_at: Option<Timestamp>,
    /// Whether it was registered with a registration token (`glrtr-`).
    pub registered_by_token: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last asked for anything, to about a minute.
    pub contacted_at: Option<Timestamp>,
}

impl Runner {
    /// Returns the project that owns a project runner: the one it was made for, else the oldest it serves.
    #[must_use]
    pub fn owner_project(&self) -> Option<ProjectId> {
        let made_for = self.owner_project_id.filter(|id| self.project_ids.contains(id));
        made_for.or_else(|| self.project_ids.first().copied())
    }
}

/// One process (`system_id`) of a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerManager {
    /// Its id.
    pub id: RunnerManagerId,
    /// The runner whose token it uses.
    pub runner_id: RunnerId,
    /// `s_…` or `r_…`; `<legacy>` when it sends none.
    pub system_id: String,
    /// Version of the program.
    pub version: Option<String>,
    /// Revision of the program.
    pub revision: Option<String>,
    /// `linux` …
    pub platform: Option<String>,
    /// `amd64` …
    pub architecture: Option<String>,
    /// `shell`, `docker` …
    pub executor: Option<String>,
    /// Network address.
    pub ip_address: Option<String>,
    /// Names of the features it declared.
    pub features: Vec<String>,
    /// When it first asked.
    pub created_at: Timestamp,
    /// When it last asked, to about a minute.
    pub contacted_at: Option<Timestamp>,
}
