//! Starting a pipeline from a form, and checking a configuration.

use askama::Template;

use super::{Choice, WhyView};
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::html::Html;
use crate::language::Language;

/// How an input is asked for.
#[derive(Debug)]
pub enum Control {
    /// A line of text.
    Text,
    /// A number.
    Number,
    /// JSON.
    Json,
    /// One of these.
    Select(Vec<Choice>),
}

/// An input of the configuration.
#[derive(Debug)]
pub struct InputField {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How it is asked for.
    pub control: Control,
    /// Its value so far.
    pub value: String,
    /// Whether it has no default.
    pub required: bool,
    /// The pattern it must match.
    pub pattern: Option<String>,
    /// What is wrong with its value.
    pub problem: Option<String>,
}

/// A job that would be made.
#[derive(Debug)]
pub struct PlannedRow {
    /// Name.
    pub name: String,
    /// Stage.
    pub stage: String,
    /// When it would run.
    pub when: String,
    /// Whether its failure would not count.
    pub allow_failure: bool,
    /// Place of its stage.
    pub stage_index: u32,
    /// What it needs; `None` when it follows its stage.
    pub needs: Option<Vec<String>>,
}

impl PlannedRow {
    /// What it needs, as it is read.
    #[must_use]
    pub fn needed(&self) -> String {
        self.needs.as_deref().unwrap_or_default().join(", ")
    }
}

/// What would be made.
#[derive(Debug)]
pub struct PreviewView {
    /// Name of the pipeline.
    pub name: Option<String>,
    /// Its jobs.
    pub jobs: Vec<PlannedRow>,
    /// Their graph.
    pub graph: Html,
    /// Remarks.
    pub warnings: Vec<String>,
    /// Why.
    pub why: Option<WhyView>,
}

/// The form to start a pipeline.
#[derive(Debug, Template)]
#[template(path = "run.html")]
pub struct RunPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Branch or tag.
    pub ref_name: String,
    /// Branches and tags to choose from.
    pub refs: Vec<String>,
    /// What is wrong with the configuration or the call.
    pub problem: Option<String>,
    /// The inputs.
    pub inputs: Vec<InputField>,
    /// Ids and names of the fields that are wrong.
    pub wrong: Vec<(String, String)>,
    /// Variables as lines.
    pub variables: String,
    /// What is wrong with them.
    pub variables_problem: Option<String>,
    /// Whether the reader may give variables.
    pub may_give_variables: bool,
    /// The preview, if it was asked for.
    pub preview: Option<PreviewView>,
}

/// The form to check a configuration.
#[derive(Debug, Template)]
#[template(path = "lint.html")]
pub struct LintPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// The configuration.
    pub content: String,
    /// Branch or tag.
    pub ref_name: String,
    /// What starts that pipeline.
    pub sources: Vec<Choice>,
    /// Whether to go through the creation of a pipeline.
    pub dry_run: bool,
    /// Whether the reader may check texts of their own.
    pub may_check: bool,
    /// What was found.
    pub result: Option<LintResult>,
}

/// What was found.
#[derive(Debug)]
pub struct LintResult {
    /// What stops a pipeline.
    pub errors: Vec<String>,
    /// Remarks.
    pub warnings: Vec<String>,
    /// The whole configuration.
    pub merged: Option<String>,
    /// Files that it includes.
    pub includes: Vec<String>,
    /// Its jobs.
    pub jobs: Vec<PlannedRow>,
    /// Their graph.
    pub graph: Html,
    /// Why each job is in or out, for a chosen source.
    pub why: Option<WhyView>,
}
