//! `script`, `before_script`, `after_script`, `hooks` and `run`.

use crate::yaml::{Mapping, Node, Value};

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
        "step" | "func" => run_reference(value, &at, checks),
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

/// Where a step comes from: a text, or a place in a repository or registry.
fn run_reference(value: &Node, at: &str, checks: &mut Checks<'_>) {
    const PLACES: [(&str, &[&str]); 2] = [("git", &["url", "rev"]), ("oci", &["registry", "repository", "tag"])];
    if value.is_string() {
        return;
    }
    let Some(mapping) = value.as_mapping() else {
        checks.fail("run", format_args!("value at `{at}` is not a string"), value.span);
        return;
    };
    let place = PLACES.into_iter().find(|(kind, _)| mapping.has(kind));
    let Some((kind, required)) = place else {
        let text = format!("object at `{at}` is missing required properties: git");
        return checks.fail("run", text, value.span);
    };
    for (key, entry) in mapping.iter().filter(|(key, _)| key.as_text() != Some(kind)) {
        let text = format!("object property at `{at}/{key}` is a disallowed additional property");
        checks.fail("run", text, entry.key_span);
    }
    let Some(inner) = value.get(kind) else { return };
    let at = format!("{at}/{kind}");
    if !inner.is_mapping() {
        return checks.fail("run", format_args!("value at `{at}` is not an object"), inner.span);
    }
    let missing: Vec<&str> = required
        .iter()
        .copied()
        .filter(|key| inner.get(key).is_none())
        .collect();
    if !missing.is_empty() {
        let text = format!(
            "object at `{at}` is missing required properties: {}",
            missing.join(", ")
        );
        checks.fail("run", text, inner.span);
    }
    for (key, entry) in inner.as_mapping().into_iter().flat_map(Mapping::iter) {
        let name = key.to_string();
        if !required.contains(&name.as_str()) && name != "dir" && name != "file" {
            let text = format!("object property at `{at}/{name}` is a disallowed additional property");
            checks.fail("run", text, entry.key_span);
        } else if !entry.value.is_string() {
            checks.fail(
                "run",
                format_args!("value at `{at}/{name}` is not a string"),
                entry.value.span,
            );
        }
    }
}

fn is_step_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
