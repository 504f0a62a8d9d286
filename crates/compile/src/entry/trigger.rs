//! `trigger` of a bridge.

use model::definition::{Trigger, TriggerInclude};

use crate::yaml::{Node, Span, Value};

use super::checks::{Checked, Checks, text_of};
use super::include;

/// `trigger`, and the jobs its artifacts come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct TriggerEntry {
    pub(crate) trigger: Trigger,
    pub(crate) jobs: Vec<(String, Span)>,
}

/// `trigger`, as a project or a map.
pub(crate) fn trigger(node: &Node, at: &str) -> Checked<TriggerEntry> {
    let mut checks = Checks::new(node, at);
    let mut entry = TriggerEntry::default();
    match &node.value {
        Value::String(project) => {
            checks.present();
            entry.trigger.project = Some(project.to_string());
        }
        Value::Mapping(_) if node.get("include").is_some() => child(node, at, &mut checks, &mut entry),
        Value::Mapping(_) => other_project(node, at, &mut checks, &mut entry.trigger),
        _ => return Checked::wrong(format!("{at} has to be either a string or a hash"), node.span),
    }
    checks.done(Some(entry))
}

fn other_project(node: &Node, at: &str, checks: &mut Checks<'_>, trigger: &mut Trigger) {
    checks.present();
    checks.allowed_keys(&["project", "branch", "strategy", "forward", "inputs"]);
    if let Some(inputs) = checks.some("inputs")
        && !inputs.is_mapping()
    {
        checks.fail("inputs", "should be a hash", inputs.span);
    }
    checks.required_string("project", "project");
    if let Some(branch) = checks.some("branch") {
        checks.string("branch", branch);
    }
    strategy(checks);
    trigger.project = text_of(node, "project");
    trigger.branch = text_of(node, "branch");
    trigger.inputs = node.get_some("inputs").map(|inputs| inputs.to_json().to_string());
    let children = checks.ok();
    common(node, at, children, checks, trigger);
}

fn child(node: &Node, at: &str, checks: &mut Checks<'_>, entry: &mut TriggerEntry) {
    checks.present();
    checks.allowed_keys(&["strategy", "include", "forward"]);
    strategy(checks);
    let children = checks.ok();
    if children && let Some(written) = node.get_some("include") {
        include::includes(written, &format!("{at}:include"), Some(3)).take(&mut checks.found);
        for item in written.as_sequence().unwrap_or(std::slice::from_ref(written)) {
            if let Some(job) = item.get_some("job").filter(|job| job.as_bool() != Some(false)) {
                entry.jobs.push((job.to_text(), job.span));
            }
            entry.trigger.includes.push(include_of(item));
        }
    }
    common(node, at, children, checks, &mut entry.trigger);
}

fn include_of(item: &Node) -> TriggerInclude {
    match (item.get_some("artifact"), item.get_some("job")) {
        (Some(artifact), Some(job)) => TriggerInclude::Artifact {
            artifact: artifact.to_text(),
            job: job.to_text(),
            inputs: item.get_some("inputs").map(|inputs| inputs.to_json().to_string()),
        },
        _ => TriggerInclude::Entry(item.to_json().to_string()),
    }
}

fn strategy(checks: &mut Checks<'_>) {
    if let Some(strategy) = checks.some("strategy") {
        checks.word(
            "strategy",
            strategy,
            &["depend", "mirror"],
            "should be depend or mirror",
        );
    }
}

/// What both forms share: `strategy` and `forward`.
fn common(node: &Node, at: &str, children: bool, checks: &mut Checks<'_>, trigger: &mut Trigger) {
    trigger.strategy = text_of(node, "strategy");
    let Some(forward) = node.get_some("forward").filter(|_| children) else {
        return;
    };
    let place = format!("{at}:forward");
    let mut inner = Checks::new(forward, &place);
    inner.allowed_keys(&["yaml_variables", "pipeline_variables"]);
    for (key, attribute) in [
        ("yaml_variables", "yaml variables"),
        ("pipeline_variables", "pipeline variables"),
    ] {
        if let Some(value) = inner.some(key) {
            inner.boolean(attribute, value);
        }
    }
    checks.found.extend(inner.found);
    trigger.forward_yaml_variables = forward.get("yaml_variables").and_then(Node::as_bool);
    trigger.forward_pipeline_variables = forward.get("pipeline_variables").and_then(Node::as_bool);
}
