//! Is a job in the pipeline, and how (rules-and-variables.md 2).

use model::When;

use crate::config::{Condition, ConfigJob};

use super::Session;
use super::policy::{self, Kind};
use super::rules::{self, ClauseTrace, RuleTrace, Verdict};
use super::scope::Table;

/// What was decided about a job.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    pub(crate) job: &'a ConfigJob,
    pub(crate) outcome: Outcome,
    /// Index of the matching rule.
    pub(crate) rule: Option<usize>,
    /// `environment:name`, expanded.
    pub(crate) environment: Option<String>,
    /// With tracing: every rule up to the one that decided.
    pub(crate) rules: Vec<RuleTrace>,
    /// With tracing: the kinds of `only` and `except`.
    pub(crate) only: Vec<ClauseTrace>,
    pub(crate) except: Vec<ClauseTrace>,
}

/// In, out, or something else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    In(When),
    Out,
    /// A fact is missing.
    Unknown,
    /// A clause cannot be evaluated.
    Failed(String),
}

impl Decision<'_> {
    pub(crate) fn is_in(&self) -> bool {
        matches!(self.outcome, Outcome::In(_))
    }
}

/// Decides about one job.
pub(crate) fn decide<'a>(session: &Session<'a>, table: &Table<'a>, job: &'a ConfigJob, trace: bool) -> Decision<'a> {
    let scope = table.of_job(job);
    let mut decision = Decision {
        job,
        outcome: Outcome::In(job.when),
        rule: None,
        environment: scope.environment().map(str::to_owned),
        rules: Vec::new(),
        only: Vec::new(),
        except: Vec::new(),
    };
    match &job.condition {
        Condition::Always => {}
        Condition::Rules(list) => {
            decision.outcome = match rules::first_match(session, &scope, list, trace, &mut decision.rules) {
                Ok(Verdict::Rule(index)) => {
                    decision.rule = Some(index);
                    match list[index].when.unwrap_or(job.when) {
                        When::Never => Outcome::Out,
                        when => Outcome::In(when),
                    }
                }
                Ok(Verdict::None) => Outcome::Out,
                Ok(Verdict::Unknown) => Outcome::Unknown,
                Err(message) => Outcome::Failed(message),
            };
        }
        Condition::Policies { only, except } => {
            let kept = only.as_ref().map_or(Some(true), |policy| {
                policy::holds(session, &scope, policy, Kind::Only, trace.then_some(&mut decision.only))
            });
            let dropped = except
                .as_ref()
                .filter(|_| kept != Some(false))
                .map_or(Some(false), |policy| {
                    policy::holds(
                        session,
                        &scope,
                        policy,
                        Kind::Except,
                        trace.then_some(&mut decision.except),
                    )
                });
            decision.outcome = match (kept, dropped) {
                (Some(false), _) | (_, Some(true)) => Outcome::Out,
                (Some(true), Some(false)) => Outcome::In(job.when),
                _ => Outcome::Unknown,
            };
        }
    }
    decision
}
