//! Why a job is in a pipeline or not: what [`Config::explain`] wrote down while it decided.
//!
//! Masked values never get in here. Which other values somebody may see is for the caller to say
//! ([`Explanation::hide`]). Text for people and JSON for programs are in [`show`], the form in
//! which an explanation is kept is in [`stored`].

mod show;
pub mod stored;

use std::collections::HashMap;

use model::When;
use serde::{Deserialize, Serialize};

use crate::config::{Condition, Config, ConfigJob};
use crate::diagnostic::Location;
use crate::plan::{PlanResult, Planned, VariableOrigin};
use crate::planning::{self, ClauseTrace, Decision, Outcome, RuleTrace};

/// What stands for a value that must not be shown.
pub const MASKED: &str = "[MASKED]";

/// A decision about a pipeline, and why it is as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The decision.
    pub planned: Planned,
    /// Why.
    pub explanation: Explanation,
    /// Names of all variables that had a part in deciding which jobs there are, sorted. With the
    /// same values of these, the same source, ref and facts, the explanation is the same.
    pub looked_at: Vec<String>,
}

/// Every decision about one pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What `workflow:rules` decided.
    pub workflow: WorkflowExplanation,
    /// Every job of the file, by stage, then in the order of the file.
    pub jobs: Vec<JobExplanation>,
    /// What became of the pipeline as a whole, in one sentence.
    pub summary: String,
    /// The variables that clauses looked at, once each; clauses refer to them.
    #[serde(skip)]
    pub variables: Vec<SeenVariable>,
}

/// A variable as a clause saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SeenVariable {
    /// Its name.
    pub name: String,
    /// Its value; `None` = undefined, [`MASKED`] = secret.
    pub value: Option<String>,
    /// Where the value comes from; `None` when it is undefined or the job's own name, stage and so on.
    pub origin: Option<VariableOrigin>,
}

/// What `workflow:rules` decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowExplanation {
    /// Whether there is a pipeline.
    pub runs: bool,
    /// Why, in one sentence.
    pub reason: String,
    /// The rules up to the one that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleExplanation>,
}

/// What was decided about a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobExplanation {
    /// Its name.
    pub name: String,
    /// Its stage.
    pub stage: String,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// In or out, and how.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// Its rules up to the one that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleExplanation>,
    /// The kinds of `only`, up to the one that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<ClauseExplanation>,
    /// The kinds of `except`, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<ClauseExplanation>,
}

/// In or out, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleExplanation {
    /// Its number, from 1.
    pub number: usize,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Whether all its clauses hold.
    pub matched: bool,
    /// Its clauses, up to the first that does not hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<ClauseExplanation>,
}

/// What became of one clause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClauseExplanation {
    /// Which keyword it is.
    pub kind: ClauseKind,
    /// As written.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// The variables it looked at, as indexes of [`Explanation::variables`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<usize>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The keyword of a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClauseKind {
    /// `if`
    If,
    /// `changes`
    Changes,
    /// `exists`
    Exists,
    /// `refs`
    Refs,
    /// `variables`
    Variables,
    /// `kubernetes`
    Kubernetes,
}

impl Explanation {
    /// Replaces the values of variables from these places.
    pub fn hide(&mut self, hidden: impl Fn(VariableOrigin) -> bool) {
        for variable in &mut self.variables {
            if variable.value.is_some() && variable.origin.is_some_and(&hidden) {
                variable.value = Some(MASKED.to_owned());
            }
        }
    }

    /// Returns the variables that a clause looked at.
    pub fn values<'a>(&'a self, clause: &'a ClauseExplanation) -> impl Iterator<Item = &'a SeenVariable> {
        clause.values.iter().filter_map(|index| self.variables.get(*index))
    }
}

/// Writes down what was decided.
pub(crate) struct Writer<'a> {
    config: &'a Config,
    variables: HashMap<SeenVariable, usize>,
    explanation: Explanation,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(config: &'a Config) -> Writer<'a> {
        Writer {
            config,
            variables: HashMap::new(),
            explanation: Explanation {
                workflow: WorkflowExplanation {
                    runs: true,
                    reason: String::new(),
                    rules: Vec::new(),
                },
                jobs: Vec::new(),
                summary: String::new(),
                variables: Vec::new(),
            },
        }
    }

    pub(crate) fn workflow(&mut self, runs: bool, rules: Vec<RuleTrace>) {
        let rules: Vec<RuleExplanation> = rules.into_iter().map(|rule| self.rule(rule)).collect();
        let reason = match (rules.iter().find(|rule| rule.matched), runs) {
            (Some(rule), true) => format!("rule {} matches", rule.number),
            (Some(rule), false) => format!("rule {} matches and says `when: never`", rule.number),
            (None, true) => "there are no `workflow:rules`".to_owned(),
            (None, false) => "no rule matches".to_owned(),
        };
        self.explanation.workflow = WorkflowExplanation { runs, reason, rules };
        if !runs {
            self.no_jobs("`workflow:rules` refuses the pipeline");
        }
    }

    /// The workflow rules cannot be evaluated.
    pub(crate) fn workflow_failed(&mut self, message: &str) {
        self.explanation.workflow = WorkflowExplanation {
            runs: false,
            reason: message.to_owned(),
            rules: Vec::new(),
        };
        self.no_jobs("`workflow:rules` cannot be evaluated");
    }

    fn no_jobs(&mut self, reason: &str) {
        let config = self.config;
        let out = |job: &ConfigJob| JobExplanation {
            name: job.definition.name.clone(),
            stage: job.definition.stage.clone(),
            location: planning::location(config, job.span),
            verdict: Verdict::Out,
            reason: reason.to_owned(),
            rules: Vec::new(),
            only: Vec::new(),
            except: Vec::new(),
        };
        self.explanation.jobs = config.jobs.iter().map(out).collect();
    }

    /// Takes what a decision wrote down.
    pub(crate) fn job(&mut self, decision: &mut Decision<'_>) {
        let reason = reason(decision);
        let [only, except] = [&mut decision.only, &mut decision.except].map(std::mem::take);
        let rules = std::mem::take(&mut decision.rules);
        let definition = &decision.job.definition;
        let job = JobExplanation {
            name: definition.name.clone(),
            stage: definition.stage.clone(),
            location: planning::location(self.config, decision.job.span),
            verdict: verdict(&decision.outcome),
            reason,
            rules: rules.into_iter().map(|rule| self.rule(rule)).collect(),
            only: only.into_iter().map(|clause| self.clause(clause)).collect(),
            except: except.into_iter().map(|clause| self.clause(clause)).collect(),
        };
        self.explanation.jobs.push(job);
    }

    pub(crate) fn finish(mut self, result: &PlanResult) -> Explanation {
        self.explanation.summary = summary(result);
        self.explanation
    }

    fn rule(&mut self, rule: RuleTrace) -> RuleExplanation {
        RuleExplanation {
            number: rule.index + 1,
            location: planning::location(self.config, rule.span),
            matched: rule.matched,
            clauses: rule.clauses.into_iter().map(|clause| self.clause(clause)).collect(),
        }
    }

    fn clause(&mut self, trace: ClauseTrace) -> ClauseExplanation {
        let seen = &mut self.explanation.variables;
        let mut index = |variable: SeenVariable| {
            *self.variables.entry(variable).or_insert_with_key(|variable| {
                seen.push(variable.clone());
                seen.len() - 1
            })
        };
        ClauseExplanation {
            kind: trace.kind,
            text: trace.text,
            holds: trace.holds,
            values: trace.values.into_iter().map(&mut index).collect(),
            note: trace.note,
        }
    }
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

fn verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::In(When::Manual) => Verdict::Manual,
        Outcome::In(When::Delayed) => Verdict::Delayed,
        Outcome::In(_) => Verdict::In,
        Outcome::Out | Outcome::Unknown => Verdict::Out,
        Outcome::Failed(_) => Verdict::Error,
    }
}

fn reason(decision: &Decision<'_>) -> String {
    let job: &ConfigJob = decision.job;
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
                    format!("`only:{}` does not hold", clause.kind.as_str())
                }
                (Some(_), _) => "it has no condition, so it runs for branches and tags only".to_owned(),
                (None, Some(clause)) => format!("`except:{}` holds", clause.kind.as_str()),
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
