//! Environments and what was deployed to them.

use crate::ids::{DeploymentId, DeploymentIid, EnvironmentId, JobId, PipelineId, ProjectId, UserId};
use crate::status::Status;
use crate::text::{GitRef, Sha};
use crate::time::Timestamp;
use crate::words::words;

words! {
    /// What an environment is for (`deployment_tier`).
    pub enum Tier {
        /// Users work with it.
        Production = "production",
        /// The last stop before.
        Staging = "staging",
        /// Tests run there.
        Testing = "testing",
        /// Somebody tries something.
        Development = "development",
        /// None of these.
        Other = "other",
    }
}

impl Tier {
    /// Returns the tier that GitLab reads from a name when nobody says one: the first set of words that occurs decides.
    #[must_use]
    pub fn guess(name: &str) -> Tier {
        const WORDS: [(Tier, &[&str]); 4] = [
            (Tier::Development, &["dev", "review", "trunk"]),
            (
                Tier::Testing,
                &["test", "tst", "int", "accept", "acpt", "qa", "qc", "control", "quality"],
            ),
            (Tier::Staging, &["stag", "stg", "model", "modl", "pre", "demo", "non"]),
            (Tier::Production, &["prod", "prd", "live"]),
        ];
        let name = name.to_lowercase();
        let found = WORDS
            .iter()
            .find(|(_, words)| words.iter().any(|word| name.contains(word)));
        found.map_or(Tier::Other, |(tier, _)| *tier)
    }
}

words! {
    /// Whether an environment is there.
    pub enum EnvironmentState {
        /// It can be used and deployed to.
        Available = "available",
        /// Its stop job runs.
        Stopping = "stopping",
        /// It is gone; a deployment brings it back.
        Stopped = "stopped",
    }
}

words! {
    /// Which environments stop by themselves.
    pub enum AutoStopSetting {
        /// All whose time has come.
        Always = "always",
        /// Only those with a job that stops them.
        WithAction = "with_action",
    }
}

words! {
    /// How far a deployment is; it follows its job.
    pub enum DeploymentStatus {
        /// Its job has not started.
        Created = "created",
        /// Its job runs.
        Running = "running",
        /// It is there.
        Success = "success",
        /// Its job failed.
        Failed = "failed",
        /// Its job was canceled.
        Canceled = "canceled",
        /// Its job was skipped.
        Skipped = "skipped",
        /// Its job waits for a person.
        Blocked = "blocked",
    }
}

impl DeploymentStatus {
    /// Returns what the status of its job makes of a deployment; `None` when that leaves it as it is.
    #[must_use]
    pub fn follow(self, job: Status) -> Option<DeploymentStatus> {
        use DeploymentStatus as D;
        let next = match job {
            Status::Running => D::Running,
            Status::Success => D::Success,
            Status::Failed => D::Failed,
            Status::Canceled => D::Canceled,
            Status::Skipped => D::Skipped,
            Status::Manual => D::Blocked,
            Status::Created => D::Created,
            _ => return None,
        };
        let possible = match next {
            D::Running => matches!(self, D::Created | D::Blocked),
            D::Blocked => self == D::Created,
            D::Created => self == D::Skipped,
            _ => true,
        };
        (possible && next != self).then_some(next)
    }

    /// Whether its job has ended in a way that says something about the environment.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(
            self,
            DeploymentStatus::Success | DeploymentStatus::Failed | DeploymentStatus::Canceled
        )
    }
}

/// A place that jobs deploy to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its id (`CI_ENVIRONMENT_ID`).
    pub id: EnvironmentId,
    /// Its project.
    pub project_id: ProjectId,
    /// Its name, expanded; one of a kind in the project.
    pub name: String,
    /// Its name for hosts and labels, at most 24 characters.
    pub slug: String,
    /// What it is for.
    pub tier: Tier,
    /// Where it can be looked at.
    pub external_url: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Whether it is there.
    pub state: EnvironmentState,
    /// Whether it stops by itself without a job that stops it.
    pub auto_stop_setting: AutoStopSetting,
    /// When it stops by itself.
    pub auto_stop_at: Option<Timestamp>,
    /// When it is deleted, for stopped review apps.
    pub delete_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Environment {
    /// Longest name, and longest address.
    pub const MAX_TEXT: usize = 255;

    /// Returns the folder that pages sort it into: what is before the first slash.
    #[must_use]
    pub fn folder(name: &str) -> Option<&str> {
        let (folder, rest) = name.split_once('/')?;
        (!rest.is_empty()).then_some(folder)
    }
}

/// One deployment to an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Its number in the project.
    pub iid: DeploymentIid,
    /// Its project.
    pub project_id: ProjectId,
    /// Where to.
    pub environment_id: EnvironmentId,
    /// The pipeline of its job.
    pub pipeline_id: Option<PipelineId>,
    /// The job that deploys; none for one that the API made.
    pub job_id: Option<JobId>,
    /// Who deployed.
    pub user_id: Option<UserId>,
    /// Branch or tag.
    pub git_ref: GitRef,
    /// What is deployed.
    pub sha: Sha,
    /// How far it is.
    pub status: DeploymentStatus,
    /// Name of the job that stops the environment.
    pub on_stop: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_read_from_the_name_when_nobody_says_one() {
        for (name, expected) in [
            ("production", Tier::Production),
            ("PRD-eu", Tier::Production),
            ("live", Tier::Production),
            ("staging", Tier::Staging),
            ("pre-prod", Tier::Staging),
            ("non-production", Tier::Staging),
            ("integration", Tier::Testing),
            ("acceptance", Tier::Testing),
            ("review/x", Tier::Development),
            ("dev-test", Tier::Development),
            ("canary", Tier::Other),
            ("", Tier::Other),
        ] {
            assert_eq!(Tier::guess(name), expected, "{name}");
        }
    }

    #[test]
    fn a_deployment_follows_its_job() {
        use DeploymentStatus as D;
        for (from, job, expected) in [
            (D::Created, Status::Pending, None),
            (D::Created, Status::Running, Some(D::Running)),
            (D::Created, Status::Manual, Some(D::Blocked)),
            (D::Blocked, Status::Pending, None),
            (D::Blocked, Status::Running, Some(D::Running)),
            (D::Running, Status::Canceling, None),
            (D::Running, Status::Canceled, Some(D::Canceled)),
            (D::Running, Status::Success, Some(D::Success)),
            (D::Success, Status::Success, None),
            (D::Skipped, Status::Created, Some(D::Created)),
            (D::Created, Status::Skipped, Some(D::Skipped)),
            (D::Failed, Status::Running, None),
        ] {
            assert_eq!(from.follow(job), expected, "{from} {job}");
        }
    }

    #[test]
    fn what_is_before_the_first_slash_is_the_folder() {
        for (name, expected) in [
            ("review/a", Some("review")),
            ("a/b/c", Some("a")),
            ("production", None),
            ("x/", None),
        ] {
            assert_eq!(Environment::folder(name), expected, "{name}");
        }
    }
}
