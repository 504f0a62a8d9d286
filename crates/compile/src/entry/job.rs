//! A job or bridge as written: its own checks, its keywords, what it takes from `default`.

use model::When;
use model::definition::{Inherit, JobDefinition, YamlVariable};

use crate::duration;
use crate::inputs::Header;
use crate::yaml::{Key, Mapping, Node, Span};

use super::checks::{Checked, Checks, Finding, is_nested_array};
use super::default::Defaults;
use super::keywords::Keywords;
use super::needs::Needs;
use super::parallel::Parallel;
use super::policy::Policy;
use super::rules::Rule;
use super::{script, small};

const COMMON_KEYS: [&str; 13] = [
    "extends",
    "stage",
    "only",
    "except",
    "rules",
    "variables",
    "inherit",
    "allow_failure",
    "when",
    "needs",
    "resource_group",
    "environment",
    "interruptible",
];
const JOB_KEYS: [&str; 21] = [
    "tags",
    "script",
    "image",
    "services",
    "start_in",
    "artifacts",
    "cache",
    "dependencies",
    "before_script",
    "after_script",
    "hooks",
    "coverage",
    "retry",
    "parallel",
    "timeout",
    "inputs",
    "release",
    "id_tokens",
    "publish",
    "pages",
    "manual_confirmation",
];
/// Keywords of GitLab's paid tiers that change nothing here but are no mistake.
const PAID_KEYS: [&str; 3] = ["secrets", "identity", "dast_configuration"];

/// A job or bridge, before `parallel` is expanded.
#[derive(Clone, Debug)]
pub(crate) struct JobEntry {
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) span: Span,
    pub(crate) stage: String,
    pub(crate) stage_span: Span,
    /// Everything that needs no expansion; name, stage and variables are filled in later.
    pub(crate) definition: JobDefinition,
    pub(crate) when: Option<When>,
    pub(crate) start_in_seconds: Option<i64>,
    pub(crate) allow_failure: bool,
    pub(crate) needs: Option<Needs>,
    pub(crate) dependencies: Option<Vec<(String, Span)>>,
    pub(crate) parallel: Option<Parallel>,
    pub(crate) only: Option<Policy>,
    pub(crate) except: Option<Policy>,
    pub(crate) rules: Option<Vec<Rule>>,
    /// The job's own variables.
    pub(crate) variables: Vec<YamlVariable>,
    pub(crate) interruptible: Option<bool>,
    /// Jobs whose artifacts `trigger:include` reads.
    pub(crate) trigger_jobs: Vec<(String, Span)>,
    /// Both `publish` and `pages:publish` are written.
    pub(crate) publishes_twice: bool,
}

/// What a job sees of the rest of the file.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) defaults: &'a Defaults,
    pub(crate) workflow_has_rules: bool,
}

/// What a root key is (ci-yaml.md 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hidden,
    Job,
    Bridge,
}

/// Returns what the value under a root key is; `None` when it is none of them.
pub(crate) fn kind(key: &Key, node: &Node) -> Option<Kind> {
    if key.to_string().starts_with('.') {
        return Some(Kind::Hidden);
    }
    let mapping = node.as_mapping()?;
    if mapping.has("script") || mapping.has("run") {
        return Some(Kind::Job);
    }
    (mapping.has("trigger") || mapping.has("needs")).then_some(Kind::Bridge)
}

/// Checks a job or bridge.
pub(crate) fn job(
    key: &Key,
    key_span: Span,
    node: &Node,
    is_bridge: bool,
    around: &Surroundings<'_>,
    warnings: &mut Vec<Finding>,
) -> Checked<JobEntry> {
    let name = key.to_string();
    let at = format!("jobs:{}", key.place(if is_bridge { "bridge" } else { "job" }));
    let mut checks = Checks::new(node, &at);
    let default_needs = Needs::default();
    common_checks(&mut checks, key, key_span, &name, node);
    if is_bridge {
        bridge_checks(&mut checks);
    } else {
        job_checks(&mut checks, &name, node);
    }
    // What stands inside names the key as it is, blank or not.
    let inside = format!("jobs:{name}");
    let mut entry = new_entry(name, key_span, node);
    let mut inner = Keywords {
        node,
        at: &inside,
        around,
        inherits: Inherit::All,
        found: Vec::new(),
    };
    if checks.ok() {
        inner.common(&mut entry);
        let trigger_written = if is_bridge {
            inner.bridge(&mut entry)
        } else {
            inner.job(&mut entry)
        };
        if is_bridge {
            let mirrors = &entry.needs.as_ref().unwrap_or(&default_needs).mirrors;
            if !trigger_written && mirrors.is_empty() {
                checks.config("should contain either a trigger or a needs:pipeline");
            }
            if mirrors.len() > 1 {
                checks.config("should contain at most one bridge need");
            }
        } else {
            composed_checks(&mut checks, &entry, node);
        }
        warn(&entry, &at, node, around, warnings);
    } else if is_bridge {
        checks.config("should contain either a trigger or a needs:pipeline");
    }
    checks.found.extend(inner.found);
    checks.done(Some(entry))
}

fn new_entry(name: String, span: Span, node: &Node) -> JobEntry {
    let when = node
        .get_some("when")
        .and_then(Node::as_str)
        .and_then(|when| when.parse().ok());
    JobEntry {
        name,
        span,
        stage: "test".to_owned(),
        stage_span: span,
        definition: JobDefinition::default(),
        when,
        start_in_seconds: node.get_some("start_in").and_then(small::seconds),
        allow_failure: when == Some(When::Manual),
        needs: None,
        dependencies: None,
        parallel: None,
        only: None,
        except: None,
        rules: None,
        variables: Vec::new(),
        interruptible: None,
        trigger_jobs: Vec::new(),
        publishes_twice: false,
    }
}

fn common_checks(checks: &mut Checks<'_>, key: &Key, key_span: Span, name: &str, node: &Node) {
    checks.hash();
    checks.present();
    let is_text = key.is_text();
    if name.is_empty() || !is_text && ["false", "[]", "{}"].contains(&name) {
        checks.fail("name", "can't be blank", key_span);
    }
    if !is_text {
        checks.fail("name", "should be a symbol", key_span);
    }
    if name.chars().count() > 255 {
        checks.fail("name", "is too long (maximum is 255 characters)", key_span);
    }
    checks.exclusive_keys(&["script", "trigger"]);
    checks.exclusive_keys(&["run", "trigger"]);
    if node.get_some("rules").is_some() {
        checks.disallowed_keys(
            &["only", "except", "start_in"],
            "key may not be used with `rules`",
            true,
        );
    }
    if let Some(extends) = checks.some("extends") {
        checks.strings_or_string("extends", extends);
    }
    if let Some(rules) = checks.some("rules")
        && !is_nested_array(rules, 10, &Node::is_mapping)
    {
        checks.fail(
            "rules",
            "should be an array containing hashes and arrays of hashes",
            rules.span,
        );
    }
    if let Some(group) = checks.some("resource_group") {
        checks.string("resource group", group);
    }
}

fn job_checks(checks: &mut Checks<'_>, name: &str, node: &Node) {
    let allowed: Vec<&str> = JOB_KEYS
        .into_iter()
        .chain(["run"])
        .chain(COMMON_KEYS)
        .chain(PAID_KEYS)
        .collect();
    checks.allowed_keys(&allowed);
    for pair in [["script", "run"], ["before_script", "run"], ["after_script", "run"]] {
        checks.exclusive_keys(&pair);
    }
    let has = |key: &str| node.get(key).is_some();
    if !has("run") && node.get("script").is_none_or(Node::is_blank) {
        checks.fail("script", "can't be blank", node.get("script").unwrap_or(node).span);
    }
    when_check(checks, &["on_success", "on_failure", "always", "manual", "delayed"]);
    if let Some(dependencies) = checks.some("dependencies") {
        checks.strings("dependencies", dependencies);
    }
    if let Some(allow) = checks.some("allow_failure")
        && !allow.is_mapping()
        && allow.as_bool().is_none()
    {
        checks.fail("allow failure", "should be a hash or a boolean value", allow.span);
    }
    if let Some(text) = checks.some("manual_confirmation") {
        checks.string("manual confirmation", text);
    }
    if let Some(steps) = checks.some("run") {
        script::run(steps, checks);
    }
    let delayed = node.get("when").and_then(Node::as_str) == Some("delayed");
    let missing = Node::null(node.get("when").unwrap_or(node).span);
    let start_in = node.get("start_in").unwrap_or(&missing);
    if delayed {
        checks.duration("start in", start_in, Some(duration::START_IN_LIMIT));
    }
    if (has("rules") || !delayed) && !start_in.is_blank() {
        checks.fail("start in", "must be blank", start_in.span);
    }
    if !is_pages_job(name, node)
        && let Some(publish) = node.get("publish").filter(|publish| !publish.is_blank())
    {
        checks.fail("publish", "can only be used within a `pages` job", publish.span);
    }
}

fn bridge_checks(checks: &mut Checks<'_>) {
    let allowed: Vec<&str> = ["trigger", "parallel"].into_iter().chain(COMMON_KEYS).collect();
    checks.allowed_keys(&allowed);
    when_check(checks, &["on_success", "on_failure", "always", "manual"]);
    if let Some(allow) = checks.some("allow_failure") {
        checks.boolean("allow failure", allow);
    }
}

fn when_check(checks: &mut Checks<'_>, words: &[&str]) {
    if let Some(when) = checks.some("when") {
        checks.word("when", when, words, &format!("should be one of: {}", words.join(", ")));
    }
}

pub(super) fn is_pages_job(name: &str, node: &Node) -> bool {
    match node.get("pages") {
        Some(pages) if !pages.is_blank() => true,
        Some(pages) => name == "pages" && pages.as_bool() != Some(false),
        None => name == "pages",
    }
}

/// Checks that need the values of several keywords.
fn composed_checks(checks: &mut Checks<'_>, entry: &JobEntry, node: &Node) {
    let dependencies = entry.dependencies.as_deref().unwrap_or_default();
    if !dependencies.is_empty()
        && let Some(needs) = entry.needs.as_ref().filter(|needs| !needs.is_empty())
    {
        let span = node.get("dependencies").unwrap_or(node).span;
        if needs.jobs.is_empty() {
            checks.fail(
                "needs",
                "corresponding to dependencies must be from the same pipeline",
                span,
            );
        } else {
            let missing: Vec<&str> = dependencies
                .iter()
                .map(|(name, _)| name.as_str())
                .filter(|name| !needs.jobs.iter().any(|need| need.name == *name))
                .collect();
            if !missing.is_empty() {
                let text = format!("the {} should be part of needs", missing.join(", "));
                checks.fail("dependencies", text, span);
            }
        }
    }
    if let Some(inputs) = node.get_some("inputs").filter(|inputs| inputs.is_mapping()) {
        if inputs.as_mapping().is_some_and(|mapping| mapping.len() > 50) {
            checks.fail("inputs", "has too many entries (maximum 50)", inputs.span);
        } else if !entry.definition.inputs.is_empty() {
            input_values(checks, inputs);
        }
    }
}

/// The defaults of job inputs must fit their own rules.
fn input_values(checks: &mut Checks<'_>, inputs: &Node) {
    let wrap = |key: &str, node: Node| {
        let mut mapping = Mapping::new();
        mapping.insert(key, inputs.span, node);
        Node::mapping(mapping, inputs.span)
    };
    let header = wrap("spec", wrap("inputs", with_types(inputs)));
    let errors = match Header::parse(&header) {
        Ok(header) => header.resolve(&indexmap::IndexMap::new()).err().unwrap_or_default(),
        Err(_) => return,
    };
    for error in errors {
        checks.fail("inputs", error.message.replacen(" input:", ":", 1), error.span);
    }
}

/// The inputs without types that are `null`: the usual type is meant.
fn with_types(inputs: &Node) -> Node {
    let Some(mapping) = inputs.as_mapping() else {
        return inputs.clone();
    };
    let mut typed = mapping.clone();
    for entry in typed.entries.values_mut() {
        if entry.value.get("type").is_some_and(Node::is_null)
            && let Some(mut input) = entry.value.as_mapping().cloned()
        {
            input.remove("type");
            entry.value = Node::mapping(input, entry.value.span);
        }
    }
    Node::mapping(typed, inputs.span)
}

/// Remarks that stop nothing.
fn warn(entry: &JobEntry, at: &str, node: &Node, around: &Surroundings<'_>, warnings: &mut Vec<Finding>) {
    let last = entry.rules.as_ref().and_then(|rules| rules.last());
    if let Some(last) = last.filter(|last| last.is_catch_all && !around.workflow_has_rules) {
        let text = format!(
            "{at} may allow multiple pipelines to run for a single action due to `rules:when` clause with no \
             `workflow:rules` - read more: https://docs.gitlab.com/ee/ci/jobs/job_troubleshooting.html#job-may-allow-\
             multiple-pipelines-to-run-for-a-single-action-warning"
        );
        warnings.push(Finding::new(text, last.span));
    }
    let mapping = node.as_mapping().into_iter().flat_map(Mapping::iter);
    for (key, written) in mapping.filter(|(key, _)| key.as_text().is_some_and(|key| PAID_KEYS.contains(&key))) {
        let end = match key.as_text() {
            Some("dast_configuration") => "it is ignored",
            _ => "the job fails instead of running without it",
        };
        let text = format!("{at} `{key}` is a keyword of GitLab's paid tiers that Tripline does not have: {end}");
        warnings.push(Finding::new(text, written.key_span));
    }
}
