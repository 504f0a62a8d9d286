//! A job of a pipeline: the planned form and the stored one.

use std::sync::Arc;

use crate::definition::{JobDefinition, YamlVariable};
use crate::ids::{DefinitionId, JobId, PipelineId, ProjectId, RunnerId, RunnerManagerId, UserId};
use crate::kinds::{FailureReason, When};
use crate::status::{CompositeInput, Status};
use crate::time::Timestamp;

/// A need for another job of the same pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Need {
    /// Name of the job, after parallel expansion.
    pub name: String,
    /// Whether to take its artifacts.
    pub artifacts: bool,
    /// Whether it may be absent.
    pub optional: bool,
}

/// A job as the rules of one pipeline decided it, before it has an id.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedJob {
    /// What the configuration fixes; shared between pipelines.
    pub definition: Arc<JobDefinition>,
    /// Index of its stage in the list of stages of the plan, counted from 0 at `.pre`.
    pub stage_index: u32,
    /// When it runs.
    pub when: When,
    /// For `when: delayed`: seconds to wait.
    pub start_in_seconds: Option<i64>,
    /// Whether its failure does not count.
    pub allow_failure: bool,
    /// Whether the definition's `allow_failure:exit_codes` still hold (a rule's `allow_failure` drops them).
    pub allow_failure_exit_codes: bool,
    /// `Some` for a DAG job (also when empty), `None` for a job that follows its stage.
    pub needs: Option<Vec<Need>>,
    /// Variables that the matching workflow rule and job rule add over the definition's.
    pub rule_variables: Vec<YamlVariable>,
    /// `interruptible`.
    pub interruptible: Option<bool>,
    /// `tags`, expanded.
    pub tags: Vec<String>,
    /// `environment:name`, expanded.
    pub environment: Option<String>,
    /// `environment:deployment_tier`, expanded.
    pub environment_tier: Option<String>,
    /// `environment:auto_stop_in`, expanded.
    pub environment_auto_stop_in: Option<String>,
    /// `resource_group`, expanded.
    pub resource_group: Option<String>,
}

/// A stored job or bridge.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Server-wide id.
    pub id: JobId,
    /// Its project.
    pub project_id: ProjectId,
    /// Its pipeline.
    pub pipeline_id: PipelineId,
    /// Full name.
    pub name: String,
    /// Name of its stage.
    pub stage: String,
    /// Index of its stage in the pipeline.
    pub stage_index: u32,
    /// Its definition.
    pub definition_id: DefinitionId,
    /// Whether it only starts a downstream pipeline.
    pub is_bridge: bool,
    /// Current status.
    pub status: Status,
    /// When it runs.
    pub when: When,
    /// Whether its failure does not count; set also when it fails with an allowed exit code.
    pub allow_failure: bool,
    /// Whether `allow_failure:exit_codes` of the definition hold.
    pub allow_failure_exit_codes: bool,
    /// `Some` for a DAG job, `None` for a job that follows its stage.
    pub needs: Option<Vec<Need>>,
    /// Variables that rules added.
    pub rule_variables: Vec<YamlVariable>,
    /// Tags a runner must have.
    pub tags: Vec<String>,
    /// Expanded environment name.
    pub environment: Option<String>,
    /// Expanded resource group key.
    pub resource_group: Option<String>,
    /// `interruptible`.
    pub interruptible: Option<bool>,
    /// Whether its ref was protected when the pipeline was created.
    pub protected: bool,
    /// For `when: delayed`: seconds to wait.
    pub start_in_seconds: Option<i64>,
    /// When a delayed job becomes due.
    pub scheduled_at: Option<Timestamp>,
    /// Whether it starts in its turn without waiting for a person or a time although `when` says so:
    /// set on the retry of a manual or delayed job.
    pub enqueue_immediately: bool,
    /// Who it runs as.
    pub user_id: Option<UserId>,
    /// The runner that has or had it.
    pub runner_id: Option<RunnerId>,
    /// The process of that runner.
    pub runner_manager_id: Option<RunnerManagerId>,
    /// Counts hand-outs; part of the job token, so an old hand-out's token is void.
    pub claim: i32,
    /// Whether the runner has acknowledged the hand-out (two-phase commit).
    pub acknowledged: bool,
    /// Why it failed.
    pub failure_reason: Option<FailureReason>,
    /// Exit status of the script, 0 to 32767.
    pub exit_code: Option<i32>,
    /// Whether a newer attempt exists; such jobs count nowhere.
    pub retried: bool,
    /// Effective timeout in seconds, fixed when a runner takes it.
    pub timeout_seconds: Option<i64>,
    /// Coverage in percent, found in the log.
    pub coverage: Option<f64>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When anything last changed.
    pub updated_at: Timestamp,
    /// When it last became pending.
    pub queued_at: Option<Timestamp>,
    /// When a runner started it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When its log and artifacts were erased.
    pub erased_at: Option<Timestamp>,
}

impl Job {
    /// Returns what [`composite`](crate::status::composite) looks at.
    #[must_use]
    pub const fn composite_input(&self) -> CompositeInput {
        CompositeInput {
            status: self.status,
            allow_failure: self.allow_failure,
        }
    }

    /// Whether the job writes `needs` and so does not wait for its stage.
    #[must_use]
    pub const fn is_dag(&self) -> bool {
        self.needs.is_some()
    }

    /// Returns the run time in seconds so far, to `now` while it runs; `None` before it started.
    #[must_use]
    pub fn duration_seconds(&self, now: Timestamp) -> Option<f64> {
        let started = self.started_at?;
        Some(self.finished_at.unwrap_or(now).since(started).as_secs_f64())
    }

    /// Returns the time in the queue in seconds, to `now` while it waits; `None` before it was queued.
    #[must_use]
    pub fn queued_seconds(&self, now: Timestamp) -> Option<f64> {
        let queued = self.queued_at?;
        Some(
            self.started_at
                .or(self.finished_at)
                .unwrap_or(now)
                .since(queued)
                .as_secs_f64(),
        )
    }
}
