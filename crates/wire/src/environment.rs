//! Environments and deployments.

use serde::Serialize;

use crate::job::Job;
use crate::project::ProjectShort;
use crate::time::Time;
use crate::user::UserBasic;

/// An environment in short.
#[derive(Clone, Debug, Serialize)]
pub struct EnvironmentBasic {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its name for hosts and labels.
    pub slug: String,
    /// Where it can be looked at.
    pub external_url: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// An environment.
#[derive(Clone, Debug, Serialize)]
pub struct Environment {
    /// What all answers have.
    #[serde(flatten)]
    pub basic: EnvironmentBasic,
    /// `production`, `staging`, `testing`, `development` or `other`.
    pub tier: String,
    /// Its project, in lists and after changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectShort>,
    /// What is deployed to it, where one environment is asked for; null when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_deployment: Option<Option<Deployment>>,
    /// `available`, `stopping` or `stopped`.
    pub state: String,
    /// When it stops by itself.
    pub auto_stop_at: Option<Time>,
    /// `always` or `with_action`.
    pub auto_stop_setting: String,
    /// Always null: there are no agents for clusters.
    pub kubernetes_namespace: Option<String>,
    /// Always null.
    pub flux_resource_path: Option<String>,
    /// Free text.
    pub description: Option<String>,
}

/// A deployment.
#[derive(Clone, Debug, Serialize)]
pub struct Deployment {
    /// Its id.
    pub id: i64,
    /// Its number in the project.
    pub iid: i64,
    /// Branch or tag.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// What is deployed.
    pub sha: String,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// Who deployed.
    pub user: Option<UserBasic>,
    /// Where to; not inside of an environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentBasic>,
    /// The job that deploys; null for one that another system made.
    pub deployable: Option<Job>,
    /// `created`, `running`, `success`, `failed`, `canceled`, `skipped` or `blocked`.
    pub status: String,
}

/// Review apps that are to be deleted.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewApps {
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Those that will be.
    pub scheduled_entries: Vec<EnvironmentBasic>,
    /// Those that the caller may not delete.
    pub unprocessable_entries: Vec<EnvironmentBasic>,
}
