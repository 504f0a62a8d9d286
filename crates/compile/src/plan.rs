//! The result of a compilation: which jobs a pipeline gets.

use std::borrow::Cow;

use model::job::PlannedJob;
use model::{OnJobFailure, OnNewCommit};
use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;

/// The jobs of a pipeline that does not exist yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// `workflow:name`, expanded; `None` when not written or empty.
    pub name: Option<String>,
    /// All stages of the configuration in order, `.pre` first, `.post` last.
    pub stages: Vec<String>,
    /// The jobs, by stage, then in the order of the file.
    pub jobs: Vec<PlannedJob>,
    /// `workflow:auto_cancel:on_new_commit`, after the matching rule.
    pub on_new_commit: OnNewCommit,
    /// `workflow:auto_cancel:on_job_failure`, after the matching rule.
    pub on_job_failure: OnJobFailure,
}

/// What became of a request for a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanResult {
    /// These jobs.
    Plan(Plan),
    /// `workflow:rules` refused it (rest-api.md 2.1, row 14).
    FilteredByWorkflowRules,
    /// No job is left, or only `.pre` and `.post` ones (row 20).
    Empty,
    /// The configuration does not work for this pipeline (row 15). Never empty.
    Invalid(Vec<Diagnostic>),
}

/// A [`PlanResult`] and what else is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What became of it.
    pub result: PlanResult,
    /// Things worth knowing that stop nothing.
    pub warnings: Vec<Diagnostic>,
}

/// A variable that rules may look at. Values are not expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub key: Cow<'static, str>,
    /// Its value.
    pub value: String,
    /// Whether its own value is taken literally.
    pub raw: bool,
    /// Whether the job gets a file.
    pub file: bool,
    /// Whether it must not be shown.
    pub masked: bool,
    /// Environments it is for; `None` = all.
    pub environment_scope: Option<String>,
    /// Where it comes from.
    pub origin: VariableOrigin,
}

/// Levels of the precedence list (rules-and-variables.md 5), lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableOrigin {
    /// Predefined: project, server, pipeline, commit.
    Predefined,
    /// Written in the configuration.
    Yaml,
    /// `GITLAB_USER_*`.
    User,
    /// From the dotenv reports of needed jobs.
    Dotenv,
    /// Of the instance.
    Instance,
    /// Of a group.
    Group,
    /// Of the project.
    Project,
    /// Given with the call that made the pipeline.
    Pipeline,
    /// Of the schedule.
    Schedule,
    /// Given when a manual job was played.
    ManualJob,
}
