//! A configuration and the facts of one pipeline → its jobs (ci-yaml.md 2 step 11,
//! rules-and-variables.md 2 and 3).
//!
//! Phases: workflow rules; inclusion of every job; checks against the jobs that are left;
//! expansion of what the server itself needs expanded. Definitions are shared, never copied.
//! A fact that is not known yet becomes a demand, and the other jobs are decided all the same,
//! so that all demands come at once.

mod decide;
mod finish;
mod policy;
mod rules;
mod scope;

use std::cell::RefCell;

use model::job::Need;
use model::{OnJobFailure, OnNewCommit};

use crate::config::{Config, PlanRequest};
use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::entry::needs::NeedEntry;
use crate::entry::rules::AutoCancel;
use crate::explain::{Explained, Writer};
use crate::facts::{Answer, Demand, Facts, Step};
use crate::plan::{Plan, PlanResult, Planned};
use crate::yaml::Span;
use rules::Verdict;
use scope::Table;

use decide::decide;
pub(crate) use decide::{Decision, Outcome};
pub(crate) use rules::{ClauseTrace, RuleTrace};

/// What all phases share: the question, the facts, the demands so far.
pub(crate) struct Session<'a> {
    pub(crate) config: &'a Config,
    pub(crate) request: &'a PlanRequest<'a>,
    facts: &'a Facts,
    demands: RefCell<Vec<Demand>>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(config: &'a Config, request: &'a PlanRequest<'a>, facts: &'a Facts) -> Session<'a> {
        Session {
            config,
            request,
            facts,
            demands: RefCell::default(),
        }
    }

    /// The answer, or `None` after noting that it is needed.
    fn ask(&self, demand: Demand) -> Option<&'a Answer> {
        let answer = self.facts.get(&demand);
        if answer.is_none() && !self.demands.borrow().contains(&demand) {
            self.demands.borrow_mut().push(demand);
        }
        answer
    }

    /// The demands, if there are any.
    pub(crate) fn demands(&self) -> Option<Vec<Demand>> {
        let demands = self.demands.take();
        (!demands.is_empty()).then_some(demands)
    }
}

/// What workflow rules decided.
pub(crate) struct WorkflowOutcome {
    pub(crate) runs: bool,
    pub(crate) auto_cancel: AutoCancel,
    pub(crate) rules: Vec<RuleTrace>,
}

/// See [`Config::plan`].
pub(crate) fn plan(config: &Config, request: &PlanRequest<'_>, facts: &Facts) -> Step<Planned> {
    let session = Session::new(config, request, facts);
    let mut table = Table::new(config, request, false);
    let result = match run(&session, &mut table, None) {
        Ok(result) => result,
        Err(demands) => return Step::Needs(demands),
    };
    Step::Done(planned(result))
}

/// See [`Config::explain`].
pub(crate) fn explain(config: &Config, request: &PlanRequest<'_>, facts: &Facts) -> Step<Explained> {
    let session = Session::new(config, request, facts);
    let mut table = Table::new(config, request, true);
    let mut notes = Notes {
        writer: Writer::new(config),
        looked_at: Vec::new(),
    };
    let result = match run(&session, &mut table, Some(&mut notes)) {
        Ok(result) => result,
        Err(demands) => return Step::Needs(demands),
    };
    Step::Done(Explained {
        explanation: notes.writer.finish(&result),
        looked_at: notes.looked_at,
        planned: planned(result),
    })
}

/// What is written down beside a decision.
struct Notes<'a> {
    writer: Writer<'a>,
    looked_at: Vec<String>,
}

/// All phases; an error is what must be known first.
fn run<'a>(
    session: &Session<'a>,
    table: &mut Table<'a>,
    mut notes: Option<&mut Notes<'_>>,
) -> Result<PlanResult, Vec<Demand>> {
    let workflow = workflow(session, table, notes.is_some());
    if let Some(demands) = session.demands() {
        return Err(demands);
    }
    let mut workflow = match workflow {
        Ok(workflow) => workflow,
        Err(message) => {
            if let Some(notes) = notes {
                notes.writer.workflow_failed(&message);
            }
            let error = diagnostic(session.config, message, Span::default());
            return Ok(PlanResult::Invalid(vec![error]));
        }
    };
    if let Some(notes) = &mut notes {
        notes
            .writer
            .workflow(workflow.runs, std::mem::take(&mut workflow.rules));
    }
    if !workflow.runs {
        return Ok(PlanResult::FilteredByWorkflowRules);
    }
    table.set_iid(session.request.iid);
    let mut decisions = decide_all(session, table, notes.is_some());
    if let Some(demands) = session.demands() {
        return Err(demands);
    }
    if let Some(notes) = notes {
        notes.looked_at = table.take_looked_at();
        for decision in &mut decisions {
            notes.writer.job(decision);
        }
    }
    Ok(result(session, table, decisions, &workflow))
}

/// Evaluates `workflow:rules` and adds the variables of the matching rule to the table.
fn workflow<'a>(session: &Session<'a>, table: &mut Table<'a>, trace: bool) -> Result<WorkflowOutcome, String> {
    let workflow = &session.config.workflow;
    let mut outcome = WorkflowOutcome {
        runs: true,
        auto_cancel: workflow.auto_cancel,
        rules: Vec::new(),
    };
    let Some(list) = &workflow.rules else {
        return Ok(outcome);
    };
    let scope = table.global();
    let matched = rules::first_match(session, &scope, list, trace, &mut outcome.rules)?;
    match matched {
        Verdict::Rule(index) => {
            let rule = &list[index];
            outcome.runs = rule.when != Some(model::When::Never);
            outcome.auto_cancel = AutoCancel {
                on_new_commit: rule.auto_cancel.on_new_commit.or(workflow.auto_cancel.on_new_commit),
                on_job_failure: rule.auto_cancel.on_job_failure.or(workflow.auto_cancel.on_job_failure),
            };
            table.set_workflow(&rule.variables);
        }
        Verdict::None => outcome.runs = false,
        Verdict::Unknown => {}
    }
    Ok(outcome)
}

/// Decides about every job; with `only_job`, about that one.
fn decide_all<'a>(session: &Session<'a>, table: &Table<'a>, trace: bool) -> Vec<Decision<'a>> {
    let jobs = session.config.jobs.iter();
    let wanted = jobs.filter(|job| session.request.only_job.is_none_or(|name| job.definition.name == name));
    wanted.map(|job| decide(session, table, job, trace)).collect()
}

fn result<'a>(
    session: &Session<'a>,
    table: &Table<'a>,
    decisions: Vec<Decision<'a>>,
    workflow: &WorkflowOutcome,
) -> PlanResult {
    let config = session.config;
    let errors = finish::errors(session, table, &decisions);
    if !errors.is_empty() {
        return PlanResult::Invalid(errors);
    }
    let edge = |name: &str| name == ".pre" || name == ".post";
    let mut included = decisions.iter().filter(|decision| decision.is_in());
    if !included.any(|decision| !edge(&decision.job.definition.stage)) {
        return PlanResult::Empty;
    }
    let count = decisions.iter().filter(|decision| decision.is_in()).count();
    let limit = session.request.limits.jobs;
    if limit > 0 && count > limit {
        let text = format!(
            "The number of jobs has exceeded the limit of {limit}. Try splitting the configuration with \
             parent-child-pipelines"
        );
        return PlanResult::Invalid(vec![diagnostic(config, text, Span::default())]);
    }
    let mut jobs = Vec::with_capacity(count);
    jobs.extend(
        decisions
            .into_iter()
            .filter_map(|decision| finish::planned_job(table, decision)),
    );
    PlanResult::Plan(Plan {
        name: finish::pipeline_name(session, table),
        stages: config.stages.clone(),
        jobs,
        on_new_commit: workflow.auto_cancel.on_new_commit.unwrap_or(OnNewCommit::Conservative),
        on_job_failure: workflow.auto_cancel.on_job_failure.unwrap_or(OnJobFailure::None),
    })
}

fn planned(result: PlanResult) -> Planned {
    Planned {
        result,
        warnings: Vec::new(),
    }
}

pub(crate) fn diagnostic(config: &Config, message: String, span: Span) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        message,
        locations: location(config, span).into_iter().collect(),
        hint: None,
    }
}

pub(crate) fn location(config: &Config, span: Span) -> Option<Location> {
    let file = config.files.get(span.file as usize).filter(|_| span.line > 0)?;
    Some(Location {
        file: file.clone(),
        line: span.line,
        column: span.column,
    })
}

/// A need as the plan has it.
pub(crate) fn need(entry: NeedEntry) -> Need {
    Need {
        name: entry.name,
        artifacts: entry.artifacts,
        optional: entry.optional,
    }
}
