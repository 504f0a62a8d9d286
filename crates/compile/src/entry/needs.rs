//! `needs` of a job, a bridge or a rule.

use model::definition::CrossNeed;

use crate::yaml::{Node, Span, Value};

use super::checks::{Checked, Checks, flatten, text_of};
use super::parallel::{Parallel, parallel};

/// Whose `needs` they are: decides which kinds are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NeedsOf {
    Job,
    Bridge,
    Rule,
}

/// All needs, by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Needs {
    pub(crate) jobs: Vec<NeedEntry>,
    pub(crate) cross: Vec<CrossNeed>,
    /// `{pipeline: group/project}` of a bridge: mirror that pipeline.
    pub(crate) mirrors: Vec<String>,
}

impl Needs {
    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.cross.is_empty() && self.mirrors.is_empty()
    }
}

/// A need for a job of the same pipeline, before parallel jobs are expanded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NeedEntry {
    pub(crate) name: String,
    pub(crate) artifacts: bool,
    pub(crate) optional: bool,
    pub(crate) parallel: Option<Parallel>,
    pub(crate) span: Span,
}

enum Kind {
    Job(NeedEntry),
    Cross(CrossNeed),
    Mirror(String),
}

/// `needs`.
pub(crate) fn needs(node: &Node, at: &str, of: NeedsOf) -> Checked<Needs> {
    let mut checks = Checks::new(node, at);
    if !node.is_mapping() && !node.is_sequence() {
        checks.config("can only be a hash or an array");
    }
    if node.as_mapping().is_some_and(|mapping| mapping.is_empty()) {
        checks.config("can not be an empty hash");
    }
    let is_number = |item: &Node| {
        matches!(
            item.get("parallel").map(|value| &value.value),
            Some(Value::Integer(_) | Value::BigInt(_) | Value::Float(_))
        )
    };
    let uses_number = match node.as_sequence() {
        Some(items) => items.iter().any(is_number),
        None => is_number(node),
    };
    if uses_number {
        checks.config("cannot use \"parallel: <number>\".");
    }
    let mut needs = Needs::default();
    let mut inner = Vec::new();
    if checks.ok() {
        inner = items(node, &format!("{at}:need"), &mut needs);
    }
    composed_checks(&mut checks, &needs, of);
    checks.found.extend(inner);
    checks.done(Some(needs))
}

fn items(node: &Node, at: &str, needs: &mut Needs) -> Vec<super::Finding> {
    let mut found = Vec::new();
    for item in flatten(node).iter().filter(|item| !item.is_null()) {
        match need(item, at, &mut found) {
            Some(Kind::Job(entry)) => needs.jobs.push(entry),
            Some(Kind::Cross(cross)) => needs.cross.push(cross),
            Some(Kind::Mirror(project)) => needs.mirrors.push(project),
            None => {}
        }
    }
    found
}

/// Checks that look at all items together.
fn composed_checks(checks: &mut Checks<'_>, needs: &Needs, of: NeedsOf) {
    let kinds = [
        ("cross_dependency", !needs.cross.is_empty() && of != NeedsOf::Job),
        ("bridge", !needs.mirrors.is_empty() && of != NeedsOf::Bridge),
    ];
    let extra: Vec<&str> = kinds
        .iter()
        .filter(|(_, extra)| *extra)
        .map(|(kind, _)| *kind)
        .collect();
    if !extra.is_empty() {
        checks.config(format_args!("uses invalid types: {}", extra.join(", ")));
    }
    let of_pipelines = needs
        .cross
        .iter()
        .filter(|need| matches!(need, CrossNeed::Pipeline { .. }))
        .count();
    for count in [of_pipelines, needs.cross.len() - of_pipelines] {
        if count > 5 {
            checks.config("must be less than or equal to 5");
        }
    }
}

/// One item; its kind counts even when something about it is wrong.
fn need(node: &Node, at: &str, found: &mut Vec<super::Finding>) -> Option<Kind> {
    let has = |key: &str| node.get(key).is_some();
    let mut checks = Checks::new(node, at);
    let kind = if node.is_string() {
        checks.present();
        Some(Kind::Job(NeedEntry {
            name: node.to_text(),
            artifacts: true,
            optional: false,
            parallel: None,
            span: node.span,
        }))
    } else if has("job") && !has("project") && !has("ref") && !has("pipeline") {
        Some(Kind::Job(job_need(&mut checks, node, at)))
    } else if has("job") && has("pipeline") && !has("project") {
        Some(Kind::Cross(pipeline_need(&mut checks, node)))
    } else if has("project") || has("ref") {
        Some(Kind::Cross(project_need(&mut checks, node)))
    } else if has("pipeline") {
        checks.allowed_keys(&["pipeline"]);
        checks.required_string("pipeline", "pipeline");
        Some(Kind::Mirror(text_of(node, "pipeline").unwrap_or_default()))
    } else {
        found.push(super::Finding::new(format!("{at} has an unsupported type"), node.span));
        None
    };
    found.extend(checks.found);
    kind
}

fn job_need(checks: &mut Checks<'_>, node: &Node, at: &str) -> NeedEntry {
    checks.present();
    checks.allowed_keys(&["job", "artifacts", "optional", "parallel"]);
    checks.required_string("job", "job");
    for key in ["artifacts", "optional"] {
        if let Some(value) = checks.some(key) {
            checks.boolean(key, value);
        }
    }
    let mut rows = None;
    if checks.ok()
        && let Some(written) = checks.some("parallel")
    {
        rows = parallel(written, &format!("{at}:parallel"), true).take(&mut checks.found);
    }
    NeedEntry {
        name: text_of(node, "job").unwrap_or_default(),
        artifacts: takes_artifacts(node),
        optional: node.get("optional").and_then(Node::as_bool).unwrap_or(false),
        parallel: rows,
        span: node.get("job").map_or(node.span, |job| job.span),
    }
}

fn pipeline_need(checks: &mut Checks<'_>, node: &Node) -> CrossNeed {
    checks.present();
    checks.allowed_keys(&["pipeline", "job", "artifacts"]);
    checks.required_string("pipeline", "pipeline");
    checks.required_string("job", "job");
    if let Some(value) = checks.some("artifacts") {
        checks.boolean("artifacts", value);
    }
    CrossNeed::Pipeline {
        pipeline: text_of(node, "pipeline").unwrap_or_default(),
        job: text_of(node, "job"),
        artifacts: takes_artifacts(node),
    }
}

fn project_need(checks: &mut Checks<'_>, node: &Node) -> CrossNeed {
    checks.present();
    checks.allowed_keys(&["project", "ref", "job", "artifacts"]);
    for key in ["project", "ref", "job"] {
        checks.required_string(key, key);
    }
    if let Some(value) = checks.some("artifacts") {
        checks.boolean("artifacts", value);
    }
    CrossNeed::Project {
        project: text_of(node, "project").unwrap_or_default(),
        git_ref: text_of(node, "ref").unwrap_or_default(),
        job: text_of(node, "job").unwrap_or_default(),
        artifacts: takes_artifacts(node),
    }
}

fn takes_artifacts(node: &Node) -> bool {
    node.get("artifacts").and_then(Node::as_bool).unwrap_or(true)
}
