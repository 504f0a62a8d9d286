//! A configuration that passed every check, ready to give the jobs of any number of pipelines.
//!
//! Definitions are made once and shared by all pipelines; expressions and patterns are parsed.
//! What happens to a job in one pipeline is decided in `planning`.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use model::definition::{JobDefinition, YamlVariable};
use model::job::Need;
use model::{GitRef, Source, When};

use crate::entry::policy::Policy;
use crate::entry::rules::Rule;
use crate::entry::variables::RootVariable;
use crate::entry::workflow::Workflow;
use crate::explain::Explained;
use crate::expression::Expression;
use crate::facts::{Facts, Step};
use crate::load::Limits;
use crate::normalize::{NormalJob, visible_variables};
use crate::plan::{Planned, Variable};
use crate::planning;
use crate::variables::has_reference;
use crate::yaml::Span;

/// A checked configuration: immutable, shared between threads, cached by the caller.
#[derive(Debug)]
pub struct Config {
    pub(crate) stages: Vec<String>,
    pub(crate) workflow: Workflow,
    pub(crate) variables: Vec<RootVariable>,
    /// By stage, then in the order of the file.
    pub(crate) jobs: Vec<ConfigJob>,
    /// Names of the files, for people.
    pub(crate) files: Vec<String>,
    names_iid: bool,
}

/// A job before rules decide about it.
#[derive(Debug)]
pub(crate) struct ConfigJob {
    pub(crate) definition: Arc<JobDefinition>,
    pub(crate) stage_index: u32,
    pub(crate) when: When,
    pub(crate) start_in_seconds: Option<i64>,
    pub(crate) allow_failure: bool,
    pub(crate) interruptible: Option<bool>,
    pub(crate) needs: Option<Vec<Need>>,
    pub(crate) condition: Condition,
    /// Keys of the job's own variables; those of workflow rules do not override them.
    pub(crate) own_keys: Vec<String>,
    pub(crate) has_references: bool,
    pub(crate) tags_refer: bool,
    pub(crate) span: Span,
}

/// What decides whether a job is in a pipeline.
#[derive(Debug)]
pub(crate) enum Condition {
    /// Nothing: it always is.
    Always,
    /// `rules`; shared by the instances of a parallel job.
    Rules(Arc<[Rule]>),
    /// `only` and `except`.
    Policies {
        only: Option<Policy>,
        except: Option<Policy>,
    },
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
    /// The pipeline's number in its project (`CI_PIPELINE_IID`), for the rules and names of jobs and the
    /// pipeline's own name; wanted if [`Config::names_iid`]. Workflow rules come before it.
    pub iid: Option<i64>,
    /// Only this job (chat commands).
    pub only_job: Option<&'a str>,
    /// Limits of this server.
    pub limits: &'a Limits,
}

impl Config {
    /// Decides which jobs a pipeline gets.
    ///
    /// Answers [`Step::Needs`] until every fact that a rule asks for (`changes`, `exists`) is known.
    #[must_use]
    pub fn plan(&self, request: &PlanRequest<'_>, facts: &Facts) -> Step<Planned> {
        planning::plan(self, request, facts)
    }

    /// Decides as [`Config::plan`] does and says for every job of the file why.
    #[must_use]
    pub fn explain(&self, request: &PlanRequest<'_>, facts: &Facts) -> Step<Explained> {
        planning::explain(self, request, facts)
    }

    /// Whether anything that is decided or expanded before a pipeline is stored refers to its number.
    #[must_use]
    pub fn names_iid(&self) -> bool {
        self.names_iid
    }

    /// Returns all stages in order, `.pre` first, `.post` last.
    #[must_use]
    pub fn stages(&self) -> &[String] {
        &self.stages
    }

    /// Returns the definitions of all jobs, by stage, then in the order of the file.
    pub fn definitions(&self) -> impl ExactSizeIterator<Item = &Arc<JobDefinition>> {
        self.jobs.iter().map(|job| &job.definition)
    }

    /// Returns the `variables` of the file with what a web form shows of them.
    #[must_use]
    pub fn root_variables(&self) -> &[RootVariable] {
        &self.variables
    }

    pub(crate) fn new(
        stages: Vec<String>,
        workflow: Workflow,
        variables: Vec<RootVariable>,
        jobs: IndexMap<String, NormalJob>,
        files: Vec<String>,
    ) -> Config {
        let root: Vec<YamlVariable> = variables.iter().map(|root| root.variable.clone()).collect();
        let mut shared = Shared::default();
        let mut jobs: Vec<ConfigJob> = jobs
            .into_values()
            .map(|job| config_job(job, &stages, &root, &files, &mut shared))
            .collect();
        jobs.sort_by_key(|job| job.stage_index);
        Config {
            names_iid: named::names(&workflow, &root, &jobs, "CI_PIPELINE_IID"),
            stages,
            workflow,
            variables,
            jobs,
            files,
        }
    }
}

mod named;

/// What many jobs have in common. A regular expression takes tens of kilobytes once it was used, and
/// thousands of jobs may say the same: equal expressions are one.
#[derive(Default)]
struct Shared {
    /// By name of the job in the file, before it becomes several.
    rules: HashMap<String, Arc<[Rule]>>,
    /// By text.
    expressions: HashMap<String, Expression>,
}

impl Shared {
    fn rules(&mut self, job: String, mut rules: Vec<Rule>) -> Arc<[Rule]> {
        if let Some(known) = self.rules.get(&job) {
            return Arc::clone(known);
        }
        for condition in rules.iter_mut().filter_map(|rule| rule.condition.as_mut()) {
            self.share(condition);
        }
        let rules: Arc<[Rule]> = rules.into();
        self.rules.insert(job, Arc::clone(&rules));
        rules
    }

    fn policy(&mut self, mut policy: Policy) -> Policy {
        for expression in policy.variables.iter_mut().flatten() {
            self.share(expression);
        }
        policy
    }

    fn share(&mut self, expression: &mut Expression) {
        match self.expressions.get(expression.text()) {
            Some(known) => *expression = known.clone(),
            None => {
                self.expressions
                    .insert(expression.text().to_owned(), expression.clone());
            }
        }
    }
}

fn config_job(
    job: NormalJob,
    stages: &[String],
    root: &[YamlVariable],
    files: &[String],
    shared: &mut Shared,
) -> ConfigJob {
    let NormalJob { entry, name, instance } = job;
    let stage_index = stages
        .iter()
        .position(|stage| *stage == entry.stage)
        .unwrap_or_default();
    let mut definition = entry.definition;
    definition.name = name;
    definition.stage = entry.stage;
    definition.parallel = instance;
    definition.variables = visible_variables(root, &definition.inherit_variables, &entry.variables);
    definition.dependencies = entry
        .dependencies
        .map(|list| list.into_iter().map(|(name, _)| name).collect());
    definition.location = files
        .get(entry.span.file as usize)
        .map(|file| (file.clone(), entry.span.line));
    let mut needs = None;
    if let Some(written) = entry.needs {
        definition.cross_needs = written.cross;
        if let Some(project) = written.mirrors.into_iter().next() {
            definition.cross_needs.push(model::definition::CrossNeed::Pipeline {
                pipeline: project,
                job: None,
                artifacts: false,
            });
        } else {
            needs = Some(written.jobs.into_iter().map(planning::need).collect());
        }
    }
    let condition = match (entry.rules, entry.only, entry.except) {
        (Some(rules), ..) => Condition::Rules(shared.rules(entry.name, rules)),
        (None, None, None) => Condition::Always,
        (None, only, except) => Condition::Policies {
            only: only.map(|policy| shared.policy(policy)),
            except: except.map(|policy| shared.policy(policy)),
        },
    };
    ConfigJob {
        stage_index: u32::try_from(stage_index).unwrap_or(u32::MAX),
        when: entry.when.unwrap_or(When::OnSuccess),
        start_in_seconds: entry.start_in_seconds,
        allow_failure: entry.allow_failure,
        interruptible: entry.interruptible,
        needs,
        condition,
        has_references: entry
            .variables
            .iter()
            .any(|variable| !variable.raw && has_reference(&variable.value)),
        own_keys: entry.variables.into_iter().map(|variable| variable.key).collect(),
        tags_refer: definition.tags.iter().any(|tag| has_reference(tag)),
        span: entry.span,
        definition: Arc::new(definition),
    }
}
