//! `workflow`.

use crate::yaml::Node;

use super::checks::{Checked, Checks};
use super::rules::{AutoCancel, Rule, RulesOf, auto_cancel, rules};

/// `workflow`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workflow {
    /// Stripped, unexpanded.
    pub(crate) name: Option<String>,
    /// `None` = not written (or null): the pipeline always runs.
    pub(crate) rules: Option<Vec<Rule>>,
    pub(crate) auto_cancel: AutoCancel,
}

/// `workflow`.
pub(crate) fn workflow(node: &Node, at: &str) -> Checked<Workflow> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.hash();
    checks.allowed_keys(&["rules", "name", "auto_cancel"]);
    if let Some(name) = checks.some("name") {
        checks.longest("name", name, 255);
    }
    let mut workflow = Workflow {
        name: node.get_some("name").map(|name| name.to_text().trim().to_owned()),
        ..Workflow::default()
    };
    if checks.ok() {
        if let Some(written) = node.get_some("rules") {
            workflow.rules = rules(written, &format!("{at}:rules"), RulesOf::Workflow).take(&mut checks.found);
        }
        if let Some(written) = node.get_some("auto_cancel") {
            let found = auto_cancel(written, &format!("{at}:auto_cancel")).take(&mut checks.found);
            workflow.auto_cancel = found.unwrap_or_default();
        }
    }
    checks.done(Some(workflow))
}
