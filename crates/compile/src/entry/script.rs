//! `script`, `before_script`, `after_script`, `hooks` and `run`.

use crate::yaml::{Node, Value};

use super::checks::{Checked, Checks, flatten, is_nested_array};

const LEVELS: usize = 10;

/// A script: one entry per line, flattened.
pub(crate) fn commands(node: &Node, at: &str) -> Checked<Vec<String>> {
    let mut checks = Checks::new(node, at);
    if node.as_text().is_none() && !is_nested_array(node, LEVELS, &|leaf| leaf.as_text().is_some()) {
        checks.config("should be a string or a nested array of strings up to 10 levels deep");
    }
    let lines = flatten(node).iter().map(Node::to_text).collect();
    checks.done(Some(lines))
}

/// `hooks`: the lines of `pre_get_sources_script`.
pub(crate) fn hooks(node: &Node, at: &str) -> Checked<Vec<String>> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.hash();
    checks.allowed_keys(&["pre_get_sources_script"]);
    let mut lines = None;
    if checks.ok()
        && let Some(script) = node.get_some("pre_get_sources_script")
    {
        lines = commands(script, &format!("{at}:pre_get_sources_script")).take(&mut checks.found);
    }
    checks.done(Some(lines.unwrap_or_default()))
}

/// Checks `run` by the rules of GitLab's JSON schema of steps; messages as its validator words them.
pub(crate) fn run(node: &Node, checks: &mut Checks<'_>) {
    let Some(steps) = node.as_sequence() else {
        checks.fail("run", "value at root is not an array", node.span);
        return;
    };
    for (index, step) in steps.iter().enumerate() {
        run_step(step, index, checks);
    }
}

fn run_step(step: &Node, index: usize, checks: &mut Checks<'_>) {
    let Some(mapping) = step.as_mapping() else {
        checks.fail("run", format_args!("value at `/{index}` is not an object"), step.span);
        return;
    };
    if step.get("name").is_none() {
        checks.fail(
            "run",
            format_args!("object at `/{index}` is missing required properties: name"),
            step.span,
        );
    }
    let kinds: Vec<&str> = ["script", "step", "func"]
        .into_iter()
        .filter(|kind| step.get(kind).is_some())
        .collect();
    if kinds.is_empty() {
        checks.fail(
            "run",
            format_args!("object at `/{index}` is missing required properties: script"),
            step.span,
        );
    }
    let is_script = kinds.first() == Some(&"script");
    for (key, entry) in mapping.iter() {
        let key = key.to_string();
        let known = match key.as_str() {
            "name" | "env" => true,
            "inputs" => !is_script,
            other => kinds.first() == Some(&other),
        };
        if !known {
            let text = format!("object property at `/{index}/{key}` is a disallowed additional property");
            checks.fail("run", text, entry.key_span);
            continue;
        }
        run_property(&key, &entry.value, index, checks);
    }
}

fn run_property(key: &str, value: &Node, index: usize, checks: &mut Checks<'_>) {
    let at = format!("/{index}/{key}");
    match key {
        "name" | "script" => match value.as_str() {
            None => checks.fail("run", format_args!("value at `{at}` is not a string"), value.span),
            Some(name) if key == "name" && !is_step_name(name) => {
                checks.fail(
                    "run",
                    format_args!("string at `{at}` does not match pattern: ^[a-zA-Z_][a-zA-Z0-9_]*$"),
                    value.span,
                );
            }
            Some("") => checks.fail(
                "run",
                format_args!("string length at `{at}` is less than: 1"),
                value.span,
            ),
            Some(_) => {}
        },
        "step" | "func" if !value.is_string() && !value.is_mapping() => {
            checks.fail("run", format_args!("value at `{at}` is not a string"), value.span);
        }
        "env" => match value.as_mapping() {
            None => checks.fail("run", format_args!("value at `{at}` is not an object"), value.span),
            Some(mapping) => {
                for (name, entry) in mapping
                    .iter()
                    .filter(|(_, entry)| !matches!(entry.value.value, Value::String(_)))
                {
                    checks.fail(
                        "run",
                        format_args!("value at `{at}/{name}` is not a string"),
                        entry.value.span,
                    );
                }
            }
        },
        "inputs" if !value.is_mapping() => {
            checks.fail("run", format_args!("value at `{at}` is not an object"), value.span);
        }
        _ => {}
    }
}

fn is_step_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
