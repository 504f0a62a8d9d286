//! What follows inclusion: checks against the jobs that are left, and the planned jobs.

use std::collections::HashMap;

use model::When;
use model::definition::Environment;
use model::job::PlannedJob;

use crate::config::Condition;
use crate::diagnostic::Diagnostic;
use crate::entry::rules::Rule;
use crate::variables::Undefined;

use super::decide::{Decision, Outcome};
use super::scope::Table;
use super::{Session, diagnostic};

/// Everything that keeps the pipeline from being made, in GitLab's order.
pub(super) fn errors<'a>(session: &Session<'a>, table: &Table<'a>, decisions: &[Decision<'a>]) -> Vec<Diagnostic> {
    let mut present: HashMap<&str, u32> = HashMap::with_capacity(decisions.len());
    let mut stages: Vec<u32> = Vec::new();
    for decision in decisions.iter().filter(|decision| decision.is_in()) {
        present.insert(&decision.job.definition.name, decision.job.stage_index);
        if stages.last() != Some(&decision.job.stage_index) {
            stages.push(decision.job.stage_index);
        }
    }
    let mut errors = Vec::new();
    // A stage without any job of this pipeline is not looked at.
    for decision in decisions
        .iter()
        .filter(|decision| stages.contains(&decision.job.stage_index))
    {
        let name = &decision.job.definition.name;
        let mut fail = |text: String| errors.push(diagnostic(session.config, text, decision.job.span));
        if let Outcome::Failed(message) = &decision.outcome {
            fail(format!("Failed to parse rule for {name}: {message}"));
        }
        if decision.is_in() {
            needs_errors(session, decision, &present, &mut fail);
            if let Some(cycle) = table.of_job_in(decision.job, decision.environment.clone()).cycle() {
                fail(format!("{name}: {cycle}"));
            }
        }
    }
    errors
}

/// The needs written at the job (not those of a rule) must be in the pipeline.
fn needs_errors(
    session: &Session<'_>,
    decision: &Decision<'_>,
    present: &HashMap<&str, u32>,
    fail: &mut dyn FnMut(String),
) {
    let name = &decision.job.definition.name;
    let Some(needs) = &decision.job.needs else { return };
    let limit = session.request.limits.needs;
    if needs.len() > limit {
        return fail(format!(
            "{name}: one job can only need {limit} others, but you have listed {}. See needs keyword documentation \
             for more details",
            needs.len()
        ));
    }
    for need in needs.iter().filter(|need| !need.optional) {
        let other = &need.name;
        if present
            .get(other.as_str())
            .is_none_or(|stage| *stage > decision.job.stage_index)
        {
            fail(format!(
                "'{name}' job needs '{other}' job, but '{other}' does not exist in the pipeline. This might be \
                 because of the only, except, or rules keywords. To need a job that sometimes does not exist in the \
                 pipeline, use needs:optional."
            ));
        }
    }
}

/// `workflow:name`, expanded; `None` when nothing is left of it.
pub(super) fn pipeline_name(session: &Session<'_>, table: &Table<'_>) -> Option<String> {
    let written = session.config.workflow.name.as_ref()?;
    let name: String = table
        .global()
        .expand_nested(written, Undefined::Blank)
        .trim()
        .chars()
        .take(255)
        .collect();
    (!name.is_empty()).then_some(name)
}

/// The job as the pipeline gets it; `None` when it is out.
pub(super) fn planned_job<'a>(table: &Table<'a>, decision: Decision<'a>) -> Option<PlannedJob> {
    let Outcome::In(when) = decision.outcome else {
        return None;
    };
    let job = decision.job;
    let rule = rule(&decision);
    let definition = &job.definition;
    let rule_allows = rule.and_then(|rule| rule.allow_failure);
    let start_in = rule.and_then(|rule| rule.start_in_seconds).or(job.start_in_seconds);
    let scope = || table.of_job_in(job, decision.environment.clone());
    let tags = if job.tags_refer {
        let scope = scope();
        definition.tags.iter().map(|tag| scope.expand_once(tag)).collect()
    } else {
        definition.tags.clone()
    };
    let mut rule_variables = Vec::new();
    for variable in table.workflow() {
        let overridden = job.own_keys.contains(&variable.key) || !definition.inherit_variables.includes(&variable.key);
        if !overridden {
            rule_variables.push(variable.clone());
        }
    }
    for variable in rule.map(|rule| rule.variables.as_slice()).unwrap_or_default() {
        rule_variables.retain(|known| known.key != variable.key);
        rule_variables.push(variable.clone());
    }
    let needs = match rule.map(|rule| rule.needs.as_slice()) {
        Some(needs) if !needs.is_empty() => Some(needs.iter().cloned().map(super::need).collect()),
        _ => job.needs.clone(),
    };
    let of_environment = |part: fn(&Environment) -> Option<&str>| {
        let written = part(definition.environment.as_ref()?)?;
        Some(scope().expand_nested(written, Undefined::Blank))
    };
    Some(PlannedJob {
        stage_index: job.stage_index,
        when,
        start_in_seconds: start_in.filter(|_| when == When::Delayed),
        allow_failure: rule_allows.unwrap_or(job.allow_failure),
        allow_failure_exit_codes: rule_allows.is_none() && !definition.allow_failure_exit_codes.is_empty(),
        needs,
        rule_variables,
        interruptible: rule.and_then(|rule| rule.interruptible).or(job.interruptible),
        tags,
        environment: decision.environment.clone(),
        environment_tier: of_environment(|environment| environment.deployment_tier.as_deref()),
        environment_auto_stop_in: of_environment(|environment| environment.auto_stop_in.as_deref()),
        resource_group: definition
            .resource_group
            .as_ref()
            .map(|group| scope().expand_nested(group, Undefined::Blank))
            .filter(|group| !group.is_empty()),
        definition: definition.clone(),
    })
}

fn rule<'d>(decision: &'d Decision<'_>) -> Option<&'d Rule> {
    match &decision.job.condition {
        Condition::Rules(rules) => rules.get(decision.rule?),
        _ => None,
    }
}
