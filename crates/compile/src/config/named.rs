//! Does a configuration refer to a variable where the server itself looks, directly or through others?
//!
//! What scripts and images say is the runner's business and does not count.

use std::collections::HashSet;

use model::definition::YamlVariable;

use super::{Condition, ConfigJob};
use crate::entry::policy::Policy;
use crate::entry::rules::Rule;
use crate::entry::workflow::Workflow;
use crate::variables::references;

/// Whether `wanted` is named by a rule, or by a name that is expanded when the pipeline is made.
pub(super) fn names(workflow: &Workflow, root: &[YamlVariable], jobs: &[ConfigJob], wanted: &str) -> bool {
    let mut open: Vec<&str> = workflow.name.iter().flat_map(|name| references(name)).collect();
    for job in jobs {
        of_job(job, &mut open);
    }
    let of_rules = workflow.rules.iter().flatten().flat_map(|rule| &rule.variables);
    let of_jobs = jobs.iter().flat_map(|job| &job.definition.variables);
    let variables: Vec<&YamlVariable> = root.iter().chain(of_rules).chain(of_jobs).collect();
    let mut seen: HashSet<&str> = HashSet::new();
    while let Some(name) = open.pop() {
        if name == wanted {
            return true;
        }
        if seen.insert(name) {
            let values = variables
                .iter()
                .filter(|variable| variable.key == name && !variable.raw);
            open.extend(values.flat_map(|variable| references(&variable.value)));
        }
    }
    false
}

fn of_job<'a>(job: &'a ConfigJob, found: &mut Vec<&'a str>) {
    let definition = &job.definition;
    let names = definition.environment.iter().map(|environment| &environment.name);
    let texts = names.chain(&definition.resource_group).chain(&definition.tags);
    found.extend(texts.flat_map(|text| references(text)));
    match &job.condition {
        Condition::Always => {}
        Condition::Rules(rules) => rules.iter().for_each(|rule| of_rule(rule, found)),
        Condition::Policies { only, except } => {
            let expressions = only
                .iter()
                .chain(except)
                .filter_map(|policy: &Policy| policy.variables.as_ref());
            found.extend(expressions.flatten().flat_map(|expression| expression.variables()));
        }
    }
}

fn of_rule<'a>(rule: &'a Rule, found: &mut Vec<&'a str>) {
    found.extend(rule.condition.iter().flat_map(|condition| condition.variables()));
    let changes = rule
        .changes
        .iter()
        .flat_map(|one| one.paths.iter().chain(&one.compare_to));
    let exists = rule
        .exists
        .iter()
        .flat_map(|one| one.paths.iter().chain(&one.project).chain(&one.git_ref));
    found.extend(changes.chain(exists).flat_map(|text| references(text)));
}
