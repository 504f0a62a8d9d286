//! One job with its log, and the jobs of a project.

use askama::Template;
use model::{DeploymentStatus, Job, Timestamp};

use super::{Choice, GivenView, TokenView, short_sha};
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::html::{Html, url_value};
use crate::language::Language;

/// A page of a log.
#[derive(Debug)]
pub struct LogView {
    /// The lines.
    pub html: Html,
    /// Number of the first line.
    pub first_line: u64,
    /// Number of the last line.
    pub last_line: u64,
    /// Lines in all.
    pub lines: u64,
    /// Number of the page.
    pub page: u64,
    /// Pages in all.
    pub pages: u64,
    /// Size of the log, as it is read.
    pub size: String,
    /// Size of the log in bytes.
    pub bytes: u64,
    /// Address of what has come since, while the log grows.
    pub grows: Option<String>,
}

impl LogView {
    /// Which lines are shown.
    #[must_use]
    pub fn range(&self, language: &Language) -> String {
        let number = |count: u64| crate::moment::number(i64::try_from(count).unwrap_or(i64::MAX));
        language.lines_of(&number(self.first_line), &number(self.last_line), &number(self.lines))
    }
}

/// A file of a job.
#[derive(Debug)]
pub struct ArtifactView {
    /// What it is: `archive`, `junit`, ….
    pub kind: String,
    /// Its name.
    pub filename: String,
    /// Its size, as it is read.
    pub size: String,
    /// When it expires.
    pub expire_at: Option<Timestamp>,
    /// Where to get it.
    pub href: Option<String>,
    /// Where to look into it.
    pub browse: Option<String>,
}

/// What a job does to its environment.
#[derive(Debug)]
pub struct JobEnvironment {
    /// Id of the environment.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// How far the job's deployment is; `None` for a job that only uses or stops the environment.
    pub status: Option<DeploymentStatus>,
    /// Whether what it deployed is there now.
    pub is_last: bool,
}

impl JobEnvironment {
    /// What is said before the environment's name.
    #[must_use]
    pub fn text(&self, language: &Language) -> &'static str {
        use DeploymentStatus as D;
        match (self.status, self.is_last) {
            (None, _) => language.job_uses_environment(),
            (Some(D::Success), true) => language.job_deployed_last(),
            (Some(D::Success), false) => language.job_deployed_before(),
            (Some(D::Failed | D::Canceled | D::Skipped), _) => language.job_did_not_deploy(),
            (Some(D::Created | D::Running | D::Blocked), _) => language.job_deploys(),
        }
    }
}

/// A job.
#[derive(Debug, Template)]
#[template(path = "job.html")]
pub struct JobPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// The job.
    pub job: Job,
    /// Address of its live events, while there will be any.
    pub events: Option<String>,
    /// Seconds it took so far.
    pub seconds: Option<f64>,
    /// Seconds it waited.
    pub queued: Option<f64>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Why it started nothing, for a bridge.
    pub messages: Vec<String>,
    /// The commit's first digits and first line.
    pub title: Option<String>,
    /// The pipeline.
    pub pipeline: model::Pipeline,
    /// Name of its user.
    pub username: Option<String>,
    /// The runner, as it is read.
    pub runner: Option<String>,
    /// The trigger token, if one started the pipeline.
    pub token: Option<TokenView>,
    /// What the pipeline was given.
    pub given: GivenView,
    /// Its files.
    pub artifacts: Vec<ArtifactView>,
    /// Its environment.
    pub environment: Option<JobEnvironment>,
    /// The pipeline it started, for a bridge.
    pub downstream: Option<(String, String)>,
    /// Other attempts, newest first.
    pub attempts: Vec<Job>,
    /// The newest jobs of the pipeline.
    pub siblings: Vec<Job>,
    /// The log.
    pub log: Option<LogView>,
    /// What was searched for in the log.
    pub search: String,
    /// Lines in which it was found.
    pub found: Vec<(u64, String)>,
    /// Whether there may be more.
    pub found_more: bool,
    /// Whether it may be canceled now.
    pub may_cancel: bool,
    /// Whether it may be run again now.
    pub may_retry: bool,
    /// Whether it may be started now.
    pub may_play: bool,
    /// Whether the artifacts may be kept from expiring.
    pub may_keep: bool,
    /// Whether log and artifacts may be erased.
    pub may_erase: bool,
    /// Variables to run it again with, as lines, when that is asked for.
    pub again: Option<String>,
}

impl JobPage {
    /// Address of the job.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/{}/-/jobs/{}", self.path, self.job.id)
    }

    /// First digits of the commit.
    #[must_use]
    pub fn short_sha(&self) -> &str {
        short_sha(&self.pipeline.sha)
    }

    /// Address of the list of this ref.
    #[must_use]
    pub fn ref_href(&self) -> String {
        format!(
            "/{}/-/pipelines?ref={}",
            self.path,
            url_value(&self.pipeline.git_ref.name)
        )
    }

    /// Number of the log's page on which a line is.
    #[must_use]
    pub fn page_of(&self, line: &u64) -> u64 {
        (line - 1) / 1000 + 1
    }
}

/// A job in the list of a project.
#[derive(Debug)]
pub struct ListedJob {
    /// The job.
    pub job: Job,
    /// Its ref.
    pub git_ref: model::GitRef,
    /// First line of the commit's message.
    pub title: Option<String>,
    /// The trigger token, if one started the pipeline.
    pub triggered: bool,
    /// Seconds it took so far.
    pub seconds: Option<f64>,
    /// Name of its user.
    pub username: Option<String>,
}

/// The jobs of a project.
#[derive(Debug, Template)]
#[template(path = "jobs.html")]
pub struct JobsPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Statuses to choose from, each with an address.
    pub scopes: Vec<Choice>,
    /// The jobs.
    pub rows: Vec<ListedJob>,
    /// Address of older ones.
    pub older: Option<String>,
    /// Address of the newest ones, on later pages.
    pub newest: Option<String>,
}
