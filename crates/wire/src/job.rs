//! Jobs and bridges (rest-api.md 8.3).

use serde::{Deserialize, Serialize};

use crate::pipeline::PipelineBasic;
use crate::repository::Commit;
use crate::runners::{Runner, RunnerManager};
use crate::time::Time;
use crate::user::User;

/// What jobs and bridges have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobBasic {
    /// Id.
    pub id: i64,
    /// Status.
    pub status: String,
    /// Name of the stage.
    pub stage: String,
    /// Name.
    pub name: String,
    /// Short name of the branch or tag.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// Whether the ref is a tag.
    pub tag: bool,
    /// Percent.
    pub coverage: Option<f64>,
    /// Whether its failure does not count.
    pub allow_failure: bool,
    /// When it was created.
    pub created_at: Time,
    /// When a runner started it.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// When its log was erased.
    pub erased_at: Option<Time>,
    /// Seconds.
    pub duration: Option<f64>,
    /// Seconds in the queue.
    pub queued_duration: Option<f64>,
    /// Who it runs as.
    pub user: Option<User>,
    /// Commit.
    pub commit: Option<Commit>,
    /// Its pipeline.
    pub pipeline: PipelineBasic,
    /// Why it failed; absent unless it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// Page.
    pub web_url: String,
    /// A setting of its project.
    pub project: JobProject,
}

/// The one thing a job tells of its project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobProject {
    /// Whether its job tokens may reach other projects.
    pub ci_job_token_scope_enabled: bool,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What bridges have too.
    #[serde(flatten)]
    pub basic: JobBasic,
    /// The archive; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts_file: Option<ArtifactsFile>,
    /// All files, the log among them.
    pub artifacts: Vec<Artifact>,
    /// Who runs or ran it.
    pub runner: Option<Runner>,
    /// Which process of the runner.
    pub runner_manager: Option<RunnerManager>,
    /// When the artifacts go.
    pub artifacts_expire_at: Option<Time>,
    /// Whether it is too old to retry.
    pub archived: bool,
    /// Tags a runner must have, sorted.
    pub tag_list: Vec<String>,
}

/// The archive of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactsFile {
    /// `artifacts.zip`.
    pub filename: String,
    /// Bytes.
    pub size: i64,
}

/// One file of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// `archive`, `trace`, `junit` …
    pub file_type: String,
    /// Bytes.
    pub size: i64,
    /// `artifacts.zip`, `job.log` …
    pub filename: String,
    /// `zip`, `gzip`, `raw`.
    pub file_format: Option<String>,
}

/// A bridge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bridge {
    /// What jobs have too.
    #[serde(flatten)]
    pub basic: JobBasic,
    /// The pipeline it started.
    pub downstream_pipeline: Option<PipelineBasic>,
    /// Why it started nothing, in words; an addition of ours, absent when there is nothing to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downstream_errors: Vec<String>,
}
