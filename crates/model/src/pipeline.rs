//! A pipeline: one run of a project's configuration at one commit.

use crate::ids::{JobId, PipelineId, PipelineIid, ProjectId, ScheduleId, TriggerTokenId, UserId};
use crate::kinds::{OnJobFailure, OnNewCommit, PipelineFailureReason, Source};
use crate::status::Status;
use crate::text::{GitRef, Sha};
use crate::time::Timestamp;

/// A stored pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Server-wide id.
    pub id: PipelineId,
    /// Number in the project.
    pub iid: PipelineIid,
    /// Its project.
    pub project_id: ProjectId,
    /// Who it runs as; `None` when that user was deleted.
    pub user_id: Option<UserId>,
    /// The commit.
    pub sha: Sha,
    /// The ref's commit before the push; zeros unless `source` is `push`.
    pub before_sha: Sha,
    /// The branch or tag.
    pub git_ref: GitRef,
    /// Whether the ref was protected when the pipeline was created.
    pub protected: bool,
    /// Current status.
    pub status: Status,
    /// The stages that have jobs, in order, each with its status: what lists show without reading jobs.
    ///
    /// Kept rather than derived because `created` never replaces a stage's earlier status.
    pub stages: Vec<StageState>,
    /// Why it exists.
    pub source: Source,
    /// `workflow:name`, expanded.
    pub name: Option<String>,
    /// What is wrong with the configuration, for a pipeline kept as failed.
    pub yaml_errors: Option<String>,
    /// Why it failed without a job failing.
    pub failure_reason: Option<PipelineFailureReason>,
    /// `workflow:auto_cancel:on_new_commit`.
    pub on_new_commit: OnNewCommit,
    /// `workflow:auto_cancel:on_job_failure`.
    pub on_job_failure: OnJobFailure,
    /// The trigger token that started it.
    pub trigger_token_id: Option<TriggerTokenId>,
    /// The schedule that started it.
    pub schedule_id: Option<ScheduleId>,
    /// The bridge, or the job whose token started it.
    pub upstream_job_id: Option<JobId>,
    /// The pipeline of that job.
    pub upstream_pipeline_id: Option<PipelineId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When anything last changed.
    pub updated_at: Timestamp,
    /// When its first job started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Seconds during which at least one job ran.
    pub duration_seconds: Option<i64>,
}

/// A stage of a pipeline and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StageState {
    /// Position in the plan, counted from 0 at `.pre`.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: Status,
}
