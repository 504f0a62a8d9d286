//! `image`, `services` and their options.

use model::definition::{Image, YamlVariable};

use crate::yaml::{Node, Value};

use super::checks::{Checked, Checks, flatten, texts};
use super::script;
use super::variables;

const KEYS: [&str; 6] = ["docker", "kubernetes", "name", "entrypoint", "ports", "pull_policy"];
const SERVICE_KEYS: [&str; 9] = [
    "command",
    "alias",
    "variables",
    "docker",
    "kubernetes",
    "name",
    "entrypoint",
    "ports",
    "pull_policy",
];

/// `image`.
pub(crate) fn image(node: &Node, at: &str) -> Checked<Image> {
    let mut checks = Checks::new(node, at);
    own_checks(&mut checks, node);
    checks.allowed_keys(&KEYS);
    let mut image = Image::default();
    if checks.ok() {
        image = read(node, at, &mut checks);
    }
    checks.done(Some(image))
}

/// `services`; null items vanish.
pub(crate) fn services(node: &Node, at: &str) -> Checked<Vec<Image>> {
    let mut checks = Checks::new(node, at);
    checks.array();
    let mut services = Vec::new();
    if checks.ok() {
        let at = format!("{at}:service");
        for item in flatten(node).iter().filter(|item| !item.is_null()) {
            services.extend(service(item, &at).take(&mut checks.found));
        }
    }
    checks.done(Some(services))
}

fn service(node: &Node, at: &str) -> Checked<Image> {
    let mut checks = Checks::new(node, at);
    own_checks(&mut checks, node);
    checks.allowed_keys(&SERVICE_KEYS);
    if let Some(alias) = node.get_some("alias") {
        checks.string("alias", alias);
    }
    if node.get("ports").is_some_and(|ports| !ports.is_blank()) {
        checks.required_string("alias", "alias");
    }
    let mut image = Image::default();
    if checks.ok() {
        image = read(node, at, &mut checks);
        if let Some(given) = node.get_some("variables") {
            let found = variables::service(given, &format!("{at}:variables")).take(&mut checks.found);
            image.variables = found.unwrap_or_default();
        }
        if let Some(command) = node.get_some("command") {
            image.command = script::commands(command, &format!("{at}:command")).take(&mut checks.found);
        }
        image.alias = node.get_some("alias").map(Node::to_text);
    }
    checks.done(Some(image))
}

/// What image and service share; written as GitLab orders its checks.
fn own_checks(checks: &mut Checks<'_>, node: &Node) {
    if !node.is_mapping() && !node.is_string() {
        checks.config("should be a hash or a string");
    }
    checks.disallowed_keys(&["ports"], "contains disallowed keys", false);
    if !node.is_string() {
        checks.required_string("name", "name");
    } else if node.is_blank() {
        checks.fail("name", "can't be blank", node.span);
    }
    if let Some(entrypoint) = node.get_some("entrypoint") {
        checks.strings("entrypoint", entrypoint);
    }
    for (executor, keys) in [("docker", &["platform", "user"][..]), ("kubernetes", &["user"][..])] {
        if let Some(options) = node.get_some(executor) {
            executor_options(checks, executor, options, keys);
        }
    }
}

fn executor_options(checks: &mut Checks<'_>, executor: &str, options: &Node, keys: &[&str]) {
    let attribute = "executor opts";
    let Some(mapping) = options.as_mapping() else {
        return checks.fail(
            attribute,
            format_args!("value at `/{executor}` is not an object"),
            options.span,
        );
    };
    for (key, entry) in mapping.iter() {
        let (name, value) = (key.to_string(), &entry.value);
        if !keys.contains(&name.as_str()) {
            let text = format!("object property at `/{executor}/{name}` is a disallowed additional property");
            checks.fail(attribute, text, entry.key_span);
            continue;
        }
        let most = if name == "platform" { 64 } else { 255 };
        match &value.value {
            Value::Integer(_) | Value::BigInt(_) if executor == "kubernetes" => {}
            Value::String(text) if text.is_empty() => {
                checks.fail(
                    attribute,
                    format_args!("string length at `/{executor}/{name}` is less than: 1"),
                    value.span,
                );
            }
            Value::String(text) if text.chars().count() > most => {
                let text = format!("string length at `/{executor}/{name}` is greater than: {most}");
                checks.fail(attribute, text, value.span);
            }
            Value::String(_) => {}
            _ => checks.fail(
                attribute,
                format_args!("value at `/{executor}/{name}` is not a string"),
                value.span,
            ),
        }
    }
}

fn read(node: &Node, at: &str, checks: &mut Checks<'_>) -> Image {
    if let Some(name) = node.as_str() {
        return Image {
            name: name.to_owned(),
            ..Image::default()
        };
    }
    let options: serde_json::Map<String, serde_json::Value> = ["docker", "kubernetes"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), node.get_some(key)?.to_json())))
        .collect();
    Image {
        name: node.get_some("name").map(Node::to_text).unwrap_or_default(),
        entrypoint: node.get_some("entrypoint").map(texts),
        pull_policy: node
            .get_some("pull_policy")
            .and_then(|policy| pull_policy(policy, &format!("{at}:pull_policy")).take(&mut checks.found))
            .unwrap_or_default(),
        executor_options: (!options.is_empty()).then(|| serde_json::Value::Object(options).to_string()),
        alias: None,
        command: None,
        variables: Vec::<YamlVariable>::new(),
    }
}

fn pull_policy(node: &Node, at: &str) -> Checked<Vec<String>> {
    const POLICIES: [&str; 3] = ["always", "never", "if-not-present"];
    let mut checks = Checks::new(node, at);
    checks.strings_or_string("config", node);
    if node.is_sequence() {
        checks.allowed_items("config", node, &POLICIES);
        checks.present();
    }
    if node.is_string() {
        checks.included("config", node, &POLICIES, "is not included in the list");
    }
    checks.done(Some(texts(node)))
}
