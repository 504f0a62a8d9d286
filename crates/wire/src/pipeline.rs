//! Pipelines (rest-api.md 3.3).

use serde::{Deserialize, Serialize};

use crate::time::Time;
use crate::user::UserBasic;

/// A pipeline in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineBasic {
    /// Server-wide id.
    pub id: i64,
    /// Number in the project.
    pub iid: i64,
    /// Its project.
    pub project_id: i64,
    /// Commit.
    pub sha: String,
    /// Short name of the branch or tag.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// Status.
    pub status: String,
    /// Why it exists.
    pub source: String,
    /// When it was created.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Page.
    pub web_url: String,
    /// `workflow:name`; only in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Nullable<String>>,
}

/// A pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Server-wide id.
    pub id: i64,
    /// Number in the project.
    pub iid: i64,
    /// Its project.
    pub project_id: i64,
    /// Commit.
    pub sha: String,
    /// Short name of the branch or tag.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// Status.
    pub status: String,
    /// Why it exists.
    pub source: String,
    /// When it was created.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Page.
    pub web_url: String,
    /// The ref's commit before a push; zeros otherwise.
    pub before_sha: String,
    /// Whether the ref is a tag.
    pub tag: bool,
    /// What is wrong with the configuration.
    pub yaml_errors: Option<String>,
    /// Who it runs as.
    pub user: Option<UserBasic>,
    /// When its first job started.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// Always null, as in GitLab.
    pub committed_at: Option<Time>,
    /// Whole seconds during which jobs ran.
    pub duration: Option<i64>,
    /// Whole seconds until the first job started.
    pub queued_duration: Option<i64>,
    /// Percent with two decimals, as text.
    pub coverage: Option<String>,
    /// Status for people.
    pub detailed_status: DetailedStatus,
    /// Whether it is too old to retry.
    pub archived: bool,
    /// `workflow:name`; absent in answers of create, trigger, retry and cancel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Nullable<String>>,
}

/// A value that may be null, where the field itself may also be absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nullable<T>(pub Option<T>);

/// A status for people, with its icon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailedStatus {
    /// `status_success` …
    pub icon: String,
    /// `Passed` …
    pub text: String,
    /// `passed` …
    pub label: String,
    /// `success` …
    pub group: String,
    /// As label.
    pub tooltip: String,
    /// Whether the reader may see the page.
    pub has_details: bool,
    /// Path of the page.
    pub details_path: Option<String>,
    /// Picture of an empty log; none.
    pub illustration: Option<Illustration>,
    /// Small icon.
    pub favicon: String,
}

/// Picture shown instead of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Illustration {
    /// Address.
    pub image: String,
}

/// A variable that was given to a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineVariable {
    /// `env_var` or `file`.
    pub variable_type: String,
    /// Name.
    pub key: String,
    /// Value.
    pub value: String,
    /// Whether its value is taken literally.
    pub raw: bool,
}
