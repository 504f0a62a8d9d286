//! Environments: the list, and one with what was deployed to it.

use askama::Template;
use model::{Deployment, DeploymentStatus, Environment, EnvironmentState};

use super::short_sha;
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::html::url_value;
use crate::language::Language;

/// A deployment in a list.
#[derive(Debug)]
pub struct DeploymentView {
    /// The deployment.
    pub deployment: Deployment,
    /// Name of the job, as long as it is there.
    pub job: Option<String>,
    /// Name of who deployed.
    pub username: Option<String>,
    /// Whether it is there now.
    pub is_last: bool,
    /// Whether the reader may have its job run again.
    pub may_redeploy: bool,
}

impl DeploymentView {
    /// First digits of the commit.
    #[must_use]
    pub fn short_sha(&self) -> &str {
        short_sha(&self.deployment.sha)
    }

    /// Its number.
    #[must_use]
    pub fn iid(&self) -> i64 {
        self.deployment.iid.0
    }

    /// The job's id.
    #[must_use]
    pub fn job_id(&self) -> i64 {
        self.deployment.job_id.map_or(0, |id| id.0)
    }

    /// What running its job again does.
    #[must_use]
    pub fn again(&self, language: &Language) -> &'static str {
        if self.is_last || self.deployment.status != DeploymentStatus::Success {
            language.deploy_again()
        } else {
            language.roll_back()
        }
    }
}

/// An environment in a list.
#[derive(Debug)]
pub struct EnvironmentView {
    /// The environment.
    pub environment: Environment,
    /// What is deployed to it.
    pub last: Option<DeploymentView>,
    /// Whether the reader may stop it now.
    pub may_stop: bool,
}

/// Returns the address of an environment when a browser may open it: addresses come from configurations.
#[must_use]
pub fn link(environment: &Environment) -> Option<&str> {
    let url = environment.external_url.as_deref()?;
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase())?;
    matches!(scheme.as_str(), "http" | "https").then_some(url)
}

impl EnvironmentView {
    /// Its address, when a browser may open it.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        link(&self.environment)
    }
}

/// The environments of a project.
#[derive(Debug, Template)]
#[template(path = "environments.html")]
pub struct EnvironmentsPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Whether those are listed that are stopped.
    pub stopped: bool,
    /// How many are there, and how many are stopped.
    pub counts: (i64, i64),
    /// The environments.
    pub rows: Vec<EnvironmentView>,
    /// Address of the page before.
    pub previous: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

/// An environment.
#[derive(Debug, Template)]
#[template(path = "environment.html")]
pub struct EnvironmentPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// The environment.
    pub environment: Environment,
    /// Whether the reader may stop it now.
    pub may_stop: bool,
    /// What was deployed to it, the newest first.
    pub rows: Vec<DeploymentView>,
    /// Address of the page before.
    pub previous: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

impl EnvironmentPage {
    /// Its address, when a browser may open it.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        link(&self.environment)
    }

    /// Address of the page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/{}/-/environments/{}", self.path, self.environment.id)
    }

    /// Whether it is not stopped.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.environment.state != EnvironmentState::Stopped
    }

    /// Address of the pipelines of a ref.
    #[must_use]
    pub fn ref_href(&self, name: &str) -> String {
        format!("/{}/-/pipelines?ref={}", self.path, url_value(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AutoStopSetting, EnvironmentId, ProjectId, Tier, Timestamp};

    #[test]
    fn only_addresses_of_the_web_become_links() {
        for (url, expected) in [
            ("https://a.example/x?y", true),
            ("HTTP://a.example", true),
            ("javascript:alert(1)", false),
            ("javascript://a.example/%0aalert(1)", false),
            ("data:text/html,x", false),
            ("a.example", false),
            ("//a.example", false),
        ] {
            let environment = Environment {
                id: EnvironmentId(1),
                project_id: ProjectId(1),
                name: "x".to_owned(),
                slug: "x".to_owned(),
                tier: Tier::Other,
                external_url: Some(url.to_owned()),
                description: None,
                state: EnvironmentState::Available,
                auto_stop_setting: AutoStopSetting::Always,
                auto_stop_at: None,
                delete_at: None,
                created_at: Timestamp(0),
                updated_at: Timestamp(0),
            };
            assert_eq!(link(&environment).is_some(), expected, "{url}");
        }
    }
}
