//! What a configuration becomes: the lint API (rest-api.md 12), and dry runs and explanations, which
//! are ours.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::pipeline::Nullable;

/// The answer of the lint API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lint {
    /// Whether there is no error.
    pub valid: bool,
    /// Errors.
    pub errors: Vec<String>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// The whole configuration as YAML.
    pub merged_yaml: Option<String>,
    /// The files it includes.
    pub includes: Vec<Include>,
    /// Its jobs, when they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<Vec<Job>>,
}

/// An included file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Include {
    /// `local`, `file`, `remote`, `template` or `component`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Path, address or name.
    pub location: String,
    /// Its page.
    pub blob: Option<String>,
    /// Its text.
    pub raw: Option<String>,
    /// `project` and `ref` of a file of another project.
    pub extra: Map<String, Json>,
    /// Project of the file that includes it.
    pub context_project: Option<String>,
    /// Commit of the file that includes it.
    pub context_sha: Option<String>,
}

/// A job of the lint API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Name.
    pub name: String,
    /// Stage.
    pub stage: String,
    /// `before_script`.
    pub before_script: Vec<String>,
    /// `script`.
    pub script: Vec<String>,
    /// `after_script`.
    pub after_script: Vec<String>,
    /// Tags.
    pub tag_list: Vec<String>,
    /// `only`; not in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Nullable<Json>>,
    /// `except`; not in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<Nullable<Json>>,
    /// Name of the environment.
    pub environment: Option<String>,
    /// `when`.
    pub when: String,
    /// `allow_failure`.
    pub allow_failure: bool,
    /// `needs`; not in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<Nullable<Vec<Need>>>,
}

/// A need of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The job.
    pub name: String,
    /// Whether its artifacts are taken.
    pub artifacts: bool,
    /// Whether it may be absent.
    pub optional: bool,
}

/// What a call would create.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DryRun {
    /// Always true.
    pub dry_run: bool,
    /// Branch or tag.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// Whether that is a tag.
    pub tag: bool,
    /// Commit.
    pub sha: String,
    /// Name of the pipeline.
    pub name: Option<String>,
    /// Its jobs.
    pub jobs: Vec<PlannedJob>,
    /// Remarks.
    pub warnings: Vec<String>,
    /// Why each job of the file is in or out.
    pub explanation: Option<Json>,
}

/// A job that would be created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedJob {
    /// Name.
    pub name: String,
    /// Stage.
    pub stage: String,
    /// `when`.
    pub when: String,
    /// Seconds to wait before it starts.
    pub start_in: Option<i64>,
    /// `allow_failure`.
    pub allow_failure: bool,
    /// `needs`; null for a job that follows its stage.
    pub needs: Option<Vec<Need>>,
    /// Tags a runner must have.
    pub tag_list: Vec<String>,
    /// Name of the environment.
    pub environment: Option<String>,
    /// Resource group.
    pub resource_group: Option<String>,
    /// Whether it only starts another pipeline.
    pub bridge: bool,
}

/// Why a pipeline has its jobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PipelineExplanation {
    /// The pipeline.
    pub pipeline_id: i64,
    /// Branch or tag.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// Commit.
    pub sha: String,
    /// Why it exists.
    pub source: String,
    /// What is wrong with its configuration, or why else it never had jobs.
    pub errors: Vec<String>,
    /// The explanation; null when rules had no part in it.
    pub explanation: Option<Json>,
}

/// A template in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateName {
    /// What the address of its text ends with.
    pub key: String,
    /// Its name.
    pub name: String,
}

/// A template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its text.
    pub content: String,
}
