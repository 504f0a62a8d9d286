//! The whole file as entries: root keywords, `default`, `workflow`, jobs.

use crate::yaml::{Key, Mapping, Node, Span, Value};

use super::checks::{Checked, Checks, Finding};
use super::default::{self, Defaults};
use super::job::{self, JobEntry, Kind, Surroundings};
use super::variables::{self, RootVariable};
use super::workflow::{Workflow, workflow};
use super::{hint, include, small};

/// Keywords that can never be jobs.
const RESERVED: [&str; 8] = [
    "include",
    "before_script",
    "image",
    "services",
    "after_script",
    "variables",
    "stages",
    "cache",
];
/// Keywords that are jobs if they look like one.
const UNRESERVED: [&str; 2] = ["default", "workflow"];

/// A checked file.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) stages: Vec<String>,
    /// Those that a job can name: a symbol is in the list but equals no name.
    pub(crate) nameable_stages: Vec<String>,
    pub(crate) variables: Vec<RootVariable>,
    pub(crate) workflow: Workflow,
    pub(crate) jobs: Vec<JobEntry>,
}

/// Checks the merged tree.
///
/// # Errors
///
/// One finding that ends everything: a keyword both at the root and under `default`.
pub(crate) fn root(tree: &Node, warnings: &mut Vec<Finding>) -> Result<Checked<Root>, Finding> {
    let empty = Mapping::new();
    let mapping = tree.as_mapping().unwrap_or(&empty);
    let keyword = |key: &str| {
        let node = mapping.get(key)?;
        let is_job = UNRESERVED.contains(&key) && job::kind(&Key::Text(key.into()), node).is_some();
        (!node.is_null() && !is_job).then_some(node)
    };
    let mut found = Vec::new();
    let defaults = defaults(tree, keyword("default"), &mut found)?;
    if let Some(node) = keyword("include") {
        include::includes(node, "include", None).take(&mut found);
    }
    root_messages(
        &keyword,
        &defaults,
        &mut found,
        &["before_script", "image", "services", "after_script"],
    );
    let variables = keyword("variables").and_then(|node| variables::root(node, "variables").take(&mut found));
    let stages = match keyword("stages") {
        Some(node) => small::stages(node, "stages").take(&mut found).unwrap_or_default(),
        None => [".pre", "build", "test", "deploy", ".post"].map(str::to_owned).to_vec(),
    };
    let symbols: Vec<Node> = keyword("stages").map(super::checks::flatten).unwrap_or_default();
    let is_symbol = |stage: &String| {
        symbols
            .iter()
            .any(|node| matches!(&node.value, Value::Symbol(text) if **text == **stage))
            && !symbols.iter().any(|node| node.as_str() == Some(stage))
    };
    let nameable_stages = stages.iter().filter(|stage| !is_symbol(stage)).cloned().collect();
    root_messages(&keyword, &defaults, &mut found, &["cache"]);
    let workflow_node = keyword("workflow");
    let workflow = workflow_node
        .and_then(|node| workflow(node, "workflow").take(&mut found))
        .unwrap_or_default();
    let workflow_has_rules = workflow_node.is_some_and(|node| node.get("rules").is_some());
    let around = Surroundings {
        defaults: &defaults,
        workflow_has_rules,
    };
    let jobs = jobs(tree, mapping, &around, &mut found, warnings);
    let value = found.is_empty().then_some(Root {
        stages,
        nameable_stages,
        variables: variables.unwrap_or_default(),
        workflow,
        jobs,
    });
    Ok(Checked { value, found })
}

/// Reads `default` with the root keywords; all messages of `default` come first.
fn defaults(tree: &Node, node: Option<&Node>, found: &mut Vec<Finding>) -> Result<Defaults, Finding> {
    let mut defaults = node.map(|node| default::default(node, found)).unwrap_or_default();
    if let Err(key) = defaults.add_root(tree) {
        let text = format!("{key} is defined in top-level and `default:` entry");
        return Err(Finding::new(text, tree.get(key).map_or(tree.span, |node| node.span)));
    }
    defaults.messages(found);
    Ok(defaults)
}

/// The messages of a root keyword, once more for itself.
fn root_messages<'a>(
    keyword: &dyn Fn(&str) -> Option<&'a Node>,
    defaults: &Defaults,
    found: &mut Vec<Finding>,
    keys: &[&str],
) {
    for key in keys.iter().filter(|key| keyword(key).is_some()) {
        let messages = match *key {
            "before_script" => defaults.before_script.as_ref().map(|checked| &checked.found),
            "after_script" => defaults.after_script.as_ref().map(|checked| &checked.found),
            "image" => defaults.image.as_ref().map(|checked| &checked.found),
            "services" => defaults.services.as_ref().map(|checked| &checked.found),
            _ => defaults.caches.as_ref().map(|checked| &checked.found),
        };
        found.extend(messages.into_iter().flatten().cloned());
    }
}

fn jobs(
    tree: &Node,
    mapping: &Mapping,
    around: &Surroundings<'_>,
    found: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Vec<JobEntry> {
    let mut kinds: Vec<(&Key, Span, &Node, Option<Kind>)> = Vec::new();
    for (key, entry) in mapping.iter() {
        let text = key.as_text().unwrap_or_default();
        let kind = job::kind(key, &entry.value);
        let is_keyword = RESERVED.contains(&text) || UNRESERVED.contains(&text) && kind.is_none();
        if !is_keyword {
            kinds.push((key, entry.key_span, &entry.value, kind));
        }
    }
    if !are_jobs(tree, &kinds, found) {
        return Vec::new();
    }
    let mut jobs = Vec::new();
    for (key, span, node, kind) in kinds {
        match kind {
            Some(Kind::Hidden) => hidden(key, node, found),
            Some(kind) => {
                let checked = job::job(key, span, node, kind == Kind::Bridge, around, warnings);
                jobs.extend(checked.take(found));
            }
            None => {}
        }
    }
    jobs
}

/// Every root key must be something, and one of them visible.
fn are_jobs(tree: &Node, kinds: &[(&Key, Span, &Node, Option<Kind>)], found: &mut Vec<Finding>) -> bool {
    let before = found.len();
    for (key, span, node, _) in kinds.iter().filter(|(.., kind)| kind.is_none()) {
        let name = key.to_string();
        let shown = name.to_lowercase();
        let is_plain = shown.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_whitespace());
        let shown = if is_plain { shown.replace(' ', "_") } else { shown };
        let text = format!("jobs {shown} config should implement the script:, run:, or trigger: keyword");
        let keywords = RESERVED.into_iter().chain(UNRESERVED);
        found.push(Finding {
            text,
            span: *span,
            hint: hint::did_you_mean(&name, keywords).or_else(|| misspelled_script(node)),
        });
    }
    if !kinds
        .iter()
        .any(|(.., kind)| matches!(kind, Some(Kind::Job | Kind::Bridge)))
    {
        found.push(Finding::new(
            "jobs config should contain at least one visible job",
            tree.span,
        ));
    }
    found.len() == before
}

/// A key that is nearly one of those that make a job.
fn misspelled_script(node: &Node) -> Option<String> {
    let keys = node.as_mapping()?.iter().filter_map(|(key, _)| key.as_text());
    let mut near = keys.filter_map(|key| Some((key, hint::did_you_mean(key, ["script", "trigger", "run"])?)));
    near.next().map(|(key, meant)| format!("it has `{key}`: {meant}"))
}

fn hidden(key: &Key, node: &Node, found: &mut Vec<Finding>) {
    let at = format!("jobs:{key}");
    let mut checks = Checks::new(node, &at);
    checks.present();
    found.extend(checks.found);
}
