//! One pipeline, and why it is as it is.

use askama::Template;
use model::{Job, Pipeline, Status};

use super::{TokenView, short_sha};
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::html::{Html, url_value};
use crate::language::Language;

/// A job in the table of a pipeline.
#[derive(Debug)]
pub struct JobRow {
    /// The job.
    pub job: Job,
    /// Address of its page, or of the pipeline that it started.
    pub href: String,
    /// Seconds it took so far.
    pub seconds: Option<f64>,
    /// Whether it may be canceled now.
    pub may_cancel: bool,
    /// Whether it may be run again now.
    pub may_retry: bool,
    /// Whether it may be started now.
    pub may_play: bool,
    /// Name, size and status of the group of jobs that begins here.
    pub begins: Option<(String, usize, Status)>,
    /// Whether it is one of a group.
    pub in_group: bool,
}

/// A stage of the table.
#[derive(Debug)]
pub struct StageRows {
    /// Its index among the columns of the graph.
    pub index: usize,
    /// Name.
    pub name: String,
    /// Status.
    pub status: Status,
    /// Its jobs.
    pub jobs: Vec<JobRow>,
}

/// Another pipeline next to this one.
#[derive(Debug)]
pub struct LinkView {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Path of its project; `None` when the reader may not see it.
    pub project: Option<String>,
    /// Whether it is a child in the same project.
    pub is_child: bool,
    /// The job that started it, or that started this one.
    pub job: Option<String>,
}

/// A failed job and the end of its log.
#[derive(Debug)]
pub struct Failure {
    /// Name.
    pub name: String,
    /// Stage.
    pub stage: String,
    /// Address of its page.
    pub href: String,
    /// Why it failed.
    pub reason: String,
    /// The last lines.
    pub tail: Html,
}

/// What was given to a pipeline.
#[derive(Debug, Default)]
pub struct GivenView {
    /// Names and, for those who may read them, values.
    pub variables: Vec<(String, Option<String>)>,
    /// Inputs and their values.
    pub inputs: Vec<(String, String)>,
    /// Whether values may be read.
    pub may_read: bool,
    /// The trigger payload: whether there is one, and its text when values are shown.
    pub payload: Option<Option<String>>,
    /// Whether values are shown.
    pub revealed: bool,
    /// Address that shows (or hides) them.
    pub reveal_href: String,
}

/// The head that all pages of one pipeline share.
#[derive(Debug)]
pub struct PipelineHead {
    /// Full path of the project.
    pub path: String,
    /// The pipeline.
    pub pipeline: Pipeline,
    /// First line of the commit's message.
    pub title: Option<String>,
    /// Name of its user.
    pub username: Option<String>,
    /// The trigger token, if one started it.
    pub token: Option<TokenView>,
    /// Whether a job failed that was allowed to.
    pub has_warnings: bool,
    /// Number of jobs.
    pub jobs: usize,
    /// Seconds from its creation to its first job.
    pub queued: Option<i64>,
    /// Whether it may be canceled now.
    pub may_cancel: bool,
    /// Whether something of it may run again now.
    pub may_retry: bool,
    /// Whether it may be deleted.
    pub may_delete: bool,
    /// Whether the reader may see why.
    pub may_explain: bool,
    /// Whether this is the page that says why.
    pub is_why: bool,
}

impl PipelineHead {
    /// Address of the pipeline.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/{}/-/pipelines/{}", self.path, self.pipeline.id)
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
}

/// A pipeline.
#[derive(Debug, Template)]
#[template(path = "pipeline.html")]
pub struct PipelinePage {
    /// Around the page.
    pub f: Frame,
    /// What all its pages share.
    pub head: PipelineHead,
    /// Address of its live events, while there will be any.
    pub events: Option<String>,
    /// The graph.
    pub graph: Html,
    /// The jobs by stage.
    pub stages: Vec<StageRows>,
    /// Failed jobs.
    pub failures: Vec<Failure>,
    /// The pipeline that started this one.
    pub upstream: Option<LinkView>,
    /// The pipelines that this one started.
    pub downstream: Vec<LinkView>,
    /// What it was given.
    pub given: GivenView,
}

/// A condition of a rule.
#[derive(Debug)]
pub struct WhyClause {
    /// `if`, `changes`, `exists`, ….
    pub kind: String,
    /// What was written.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// Variables in it and their values.
    pub values: Vec<(String, String)>,
    /// More about it.
    pub note: Option<String>,
}

/// A rule and whether it decided.
#[derive(Debug)]
pub struct WhyRule {
    /// Number from 1, 0 for `only` and `except`.
    pub number: usize,
    /// File and line.
    pub location: Option<String>,
    /// Whether it matched.
    pub matched: bool,
    /// Its conditions.
    pub clauses: Vec<WhyClause>,
}

/// A job of the configuration and why it is in or out.
#[derive(Debug)]
pub struct WhyJob {
    /// Name.
    pub name: String,
    /// Stage.
    pub stage: String,
    /// File and line.
    pub location: Option<String>,
    /// Whether it is in.
    pub is_in: bool,
    /// In one word.
    pub verdict: String,
    /// In one sentence.
    pub reason: String,
    /// Its rules.
    pub rules: Vec<WhyRule>,
}

/// Why a pipeline is as it is.
#[derive(Debug)]
pub struct WhyView {
    /// Whether there is a pipeline.
    pub runs: bool,
    /// Why.
    pub reason: String,
    /// The rules of the workflow.
    pub rules: Vec<WhyRule>,
    /// The jobs.
    pub jobs: Vec<WhyJob>,
}

/// Why a pipeline is as it is.
#[derive(Debug, Template)]
#[template(path = "why.html")]
pub struct WhyPage {
    /// Around the page.
    pub f: Frame,
    /// What all its pages share.
    pub head: PipelineHead,
    /// What is wrong with the configuration.
    pub errors: Vec<String>,
    /// The explanation.
    pub why: Option<WhyView>,
}
