//! Why a job is in a pipeline or not: the same engine as [`Config::plan`], with a trace.
//!
//! Masked values never get in here. Text for people, JSON for programs.

use std::fmt::Write as _;

use model::When;
use serde_json::{Value as Json, json};

use crate::config::{Condition, Config, ConfigJob, PlanRequest};
use crate::diagnostic::Location;
use crate::facts::{Facts, Step};
use crate::plan::PlanResult;
use crate::planning::{self, ClauseTrace, Decision, Outcome, RuleTrace, Session, Table};

/// Every decision about one pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What `workflow:rules` decided.
    pub workflow: WorkflowExplanation,
    /// Every job of the file, by stage, then in the order of the file.
    pub jobs: Vec<JobExplanation>,
    /// What became of the pipeline as a whole, in one sentence.
    pub summary: String,
}

/// What `workflow:rules` decided.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowExplanation {
    /// Whether there is a pipeline.
    pub runs: bool,
    /// Why, in one sentence.
    pub reason: String,
    /// The rules up to the one that decided.
    pub rules: Vec<RuleExplanation>,
}

/// What was decided about a job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobExplanation {
    /// Its name.
    pub name: String,
    /// Its stage.
    pub stage: String,
    /// Where it is written.
    pub location: Option<Location>,
    /// In or out, and how.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// Its rules up to the one that decided.
    pub rules: Vec<RuleExplanation>,
    /// The kinds of `only`, up to the one that decided.
    pub only: Vec<ClauseExplanation>,
    /// The kinds of `except`, likewise.
    pub except: Vec<ClauseExplanation>,
}

/// In or out, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It runs by itself.
    In,
    /// A person starts it.
    Manual,
    /// It starts after a delay.
    Delayed,
    /// It is not part of the pipeline.
    Out,
    /// Its rules cannot be evaluated: no pipeline.
    Error,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleExplanation {
    /// Its number, from 1.
    pub number: usize,
    /// Where it is written.
    pub location: Option<Location>,
    /// Whether all its clauses hold.
    pub matched: bool,
    /// Its clauses, up to the first that does not hold.
    pub clauses: Vec<ClauseExplanation>,
}

/// What became of one clause.
#[derive(Clone, Debug, PartialEq)]
pub struct ClauseExplanation {
    /// `if`, `changes`, `exists`, `refs`, `variables`, `kubernetes`.
    pub kind: &'static str,
    /// As written.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// The variables it looked at; `None` = undefined, `[MASKED]` = secret.
    pub values: Vec<(String, Option<String>)>,
    /// More about it.
    pub note: Option<String>,
}

/// See [`Config::explain`].
pub(crate) fn explain(config: &Config, request: &PlanRequest<'_>, facts: &Facts) -> Step<Explanation> {
    let session = Session::new(config, request, facts);
    let mut table = Table::new(config, request);
    let outcome = planning::workflow(&session, &mut table, true);
    if let Some(demands) = session.demands() {
        return Step::Needs(demands);
    }
    let workflow = match outcome {
        Ok(outcome) => workflow_explanation(config, outcome.runs, &outcome.rules),
        Err(message) => WorkflowExplanation {
            runs: false,
            reason: message,
            rules: Vec::new(),
        },
    };
    let decisions: Vec<Decision<'_>> = config
        .jobs
        .iter()
        .map(|job| planning::decide(&session, &table, job, true))
        .collect();
    if let Some(demands) = session.demands() {
        return Step::Needs(demands);
    }
    let jobs = decisions
        .iter()
        .map(|decision| job_explanation(config, decision))
        .collect();
    let summary = match config.plan(request, facts) {
        Step::Done(planned) => summary(&planned.result),
        Step::Needs(demands) => return Step::Needs(demands),
    };
    Step::Done(Explanation {
        workflow,
        jobs,
        summary,
    })
}

fn summary(result: &PlanResult) -> String {
    match result {
        PlanResult::Plan(plan) if plan.jobs.len() == 1 => "a pipeline with 1 job".to_owned(),
        PlanResult::Plan(plan) => format!("a pipeline with {} jobs", plan.jobs.len()),
        PlanResult::FilteredByWorkflowRules => "no pipeline: `workflow:rules` refuses it".to_owned(),
        PlanResult::Empty => "no pipeline: no job is left, or only jobs of `.pre` and `.post`".to_owned(),
        PlanResult::Invalid(errors) => {
            let texts: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
            format!("no pipeline: {}", texts.join("; "))
        }
    }
}

fn workflow_explanation(config: &Config, runs: bool, rules: &[RuleTrace]) -> WorkflowExplanation {
    let rules: Vec<RuleExplanation> = rules.iter().map(|rule| rule_explanation(config, rule)).collect();
    let reason = match (rules.iter().find(|rule| rule.matched), runs) {
        (Some(rule), true) => format!("rule {} matches", rule.number),
        (Some(rule), false) => format!("rule {} matches and says `when: never`", rule.number),
        (None, true) => "there are no `workflow:rules`".to_owned(),
        (None, false) => "no rule matches".to_owned(),
    };
    WorkflowExplanation { runs, reason, rules }
}

fn job_explanation(config: &Config, decision: &Decision<'_>) -> JobExplanation {
    let definition = &decision.job.definition;
    let verdict = match &decision.outcome {
        Outcome::In(When::Manual) => Verdict::Manual,
        Outcome::In(When::Delayed) => Verdict::Delayed,
        Outcome::In(_) => Verdict::In,
        Outcome::Out | Outcome::Unknown => Verdict::Out,
        Outcome::Failed(_) => Verdict::Error,
    };
    let clauses = |traces: &[ClauseTrace]| traces.iter().cloned().map(clause).collect::<Vec<_>>();
    JobExplanation {
        name: definition.name.clone(),
        stage: definition.stage.clone(),
        location: planning::location(config, decision.job.span),
        verdict,
        reason: reason(decision, decision.job),
        rules: decision
            .rules
            .iter()
            .map(|rule| rule_explanation(config, rule))
            .collect(),
        only: clauses(&decision.only),
        except: clauses(&decision.except),
    }
}

fn reason(decision: &Decision<'_>, job: &ConfigJob) -> String {
    if let Outcome::Failed(message) = &decision.outcome {
        return message.clone();
    }
    let is_in = decision.is_in();
    match (&job.condition, decision.rule) {
        (Condition::Always, _) => "it has no condition".to_owned(),
        (Condition::Rules(_), Some(rule)) => {
            let how = if is_in {
                format!("when: {}", in_words(decision))
            } else {
                "when: never".to_owned()
            };
            format!("rule {} matches (`{how}`)", rule + 1)
        }
        (Condition::Rules(_), None) => "no rule matches".to_owned(),
        (Condition::Policies { only, .. }, _) if is_in => match only {
            Some(only) if only.written => "`only` holds".to_owned(),
            Some(_) => "it has no condition, so it runs for branches and tags".to_owned(),
            None => "`except` does not hold".to_owned(),
        },
        (Condition::Policies { only, .. }, _) => {
            let failed = decision.only.iter().find(|clause| !clause.holds);
            match (failed, decision.except.iter().find(|clause| clause.holds)) {
                (Some(clause), _) if only.as_ref().is_some_and(|only| only.written) => {
                    format!("`only:{}` does not hold", clause.kind)
                }
                (Some(_), _) => "it has no condition, so it runs for branches and tags only".to_owned(),
                (None, Some(clause)) => format!("`except:{}` holds", clause.kind),
                (None, None) => "`only` and `except` leave it out".to_owned(),
            }
        }
    }
}

fn in_words(decision: &Decision<'_>) -> &'static str {
    match decision.outcome {
        Outcome::In(when) => when.as_str(),
        _ => "never",
    }
}

fn rule_explanation(config: &Config, rule: &RuleTrace) -> RuleExplanation {
    RuleExplanation {
        number: rule.index + 1,
        location: planning::location(config, rule.span),
        matched: rule.matched,
        clauses: rule.clauses.iter().cloned().map(clause).collect(),
    }
}

fn clause(trace: ClauseTrace) -> ClauseExplanation {
    let ClauseTrace {
        kind,
        text,
        holds,
        values,
        note,
    } = trace;
    ClauseExplanation {
        kind,
        text,
        holds,
        values,
        note,
    }
}

impl Verdict {
    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::In => "in",
            Verdict::Manual => "manual",
            Verdict::Delayed => "delayed",
            Verdict::Out => "out",
            Verdict::Error => "error",
        }
    }
}

impl Explanation {
    /// Returns a text to read: a line per job, below it the rules that were looked at.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.summary);
        if !self.workflow.rules.is_empty() || !self.workflow.runs {
            let runs = if self.workflow.runs { "runs" } else { "refused" };
            _ = writeln!(text, "\nworkflow: {runs}: {}", self.workflow.reason);
            rules_text(&mut text, &self.workflow.rules);
        }
        for job in &self.jobs {
            let place = job
                .location
                .as_ref()
                .map(|at| format!("  ({}:{})", at.file, at.line))
                .unwrap_or_default();
            _ = writeln!(text, "\n{:7} {} [{}]{place}", job.verdict.as_str(), job.name, job.stage);
            _ = writeln!(text, "        {}", job.reason);
            rules_text(&mut text, &job.rules);
            for (name, clauses) in [("only", &job.only), ("except", &job.except)] {
                for clause in clauses {
                    clause_text(&mut text, &format!("{name}:"), clause);
                }
            }
        }
        text
    }

    /// Returns the same as JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({
            "summary": self.summary,
            "workflow": {
                "runs": self.workflow.runs,
                "reason": self.workflow.reason,
                "rules": self.workflow.rules.iter().map(rule_json).collect::<Vec<_>>(),
            },
            "jobs": self.jobs.iter().map(job_json).collect::<Vec<_>>(),
        })
    }
}

fn rules_text(text: &mut String, rules: &[RuleExplanation]) {
    for rule in rules {
        let place = rule
            .location
            .as_ref()
            .map(|at| format!(" ({}:{})", at.file, at.line))
            .unwrap_or_default();
        let matched = if rule.matched { "matches" } else { "does not match" };
        _ = writeln!(text, "        rule {}{place} {matched}", rule.number);
        for clause in &rule.clauses {
            clause_text(text, "", clause);
        }
    }
}

fn clause_text(text: &mut String, prefix: &str, clause: &ClauseExplanation) {
    let holds = if clause.holds { "holds" } else { "does not hold" };
    _ = writeln!(text, "          {prefix}{}: {}  -> {holds}", clause.kind, clause.text);
    for (name, value) in &clause.values {
        let value = value
            .as_ref()
            .map_or_else(|| "undefined".to_owned(), |value| format!("{value:?}"));
        _ = writeln!(text, "            ${name} is {value}");
    }
    if let Some(note) = &clause.note {
        _ = writeln!(text, "            {note}");
    }
}

fn place_json(location: Option<&Location>) -> Json {
    location.map_or(
        Json::Null,
        |at| json!({ "file": at.file, "line": at.line, "column": at.column }),
    )
}

fn job_json(job: &JobExplanation) -> Json {
    json!({
        "name": job.name,
        "stage": job.stage,
        "location": place_json(job.location.as_ref()),
        "verdict": job.verdict.as_str(),
        "reason": job.reason,
        "rules": job.rules.iter().map(rule_json).collect::<Vec<_>>(),
        "only": job.only.iter().map(clause_json).collect::<Vec<_>>(),
        "except": job.except.iter().map(clause_json).collect::<Vec<_>>(),
    })
}

fn rule_json(rule: &RuleExplanation) -> Json {
    json!({
        "number": rule.number,
        "location": place_json(rule.location.as_ref()),
        "matched": rule.matched,
        "clauses": rule.clauses.iter().map(clause_json).collect::<Vec<_>>(),
    })
}

fn clause_json(clause: &ClauseExplanation) -> Json {
    let values = clause
        .values
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect::<serde_json::Map<_, _>>();
    json!({ "kind": clause.kind, "text": clause.text, "holds": clause.holds, "values": values, "note": clause.note })
}
