//! `environment`.

use model::definition::Environment;

use crate::yaml::Node;

use super::checks::{Checked, Checks, text_of};

const KEYS: [&str; 7] = [
    "name",
    "url",
    "action",
    "on_stop",
    "auto_stop_in",
    "kubernetes",
    "deployment_tier",
];
const NAME_RULE: &str = "can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, but it \
                         cannot start or end with '/'";

/// `environment`, as a name or a map.
pub(crate) fn environment(node: &Node, at: &str) -> Checked<Environment> {
    let mut checks = Checks::new(node, at);
    if !node.is_mapping() && !node.is_string() {
        checks.config("should be a hash or a string");
    }
    let name = if node.is_string() {
        Some(node)
    } else {
        node.get_some("name")
    };
    name_checks(&mut checks, name, node);
    if node.is_mapping() {
        map_checks(&mut checks);
    }
    if checks.ok()
        && let Some(kubernetes) = node.get_some("kubernetes")
    {
        self::kubernetes(kubernetes, &format!("{at}:kubernetes")).take(&mut checks.found);
    }
    let value = checks.ok().then(|| read(node));
    checks.done(value)
}

fn name_checks(checks: &mut Checks<'_>, name: Option<&Node>, node: &Node) {
    let span = name.unwrap_or(node).span;
    if name.is_none_or(Node::is_blank) {
        checks.fail("name", "can't be blank", span);
    }
    if !name.is_some_and(Node::is_string) {
        checks.fail("name", NAME_RULE, span);
    }
    if !name.is_some_and(|name| is_name(&name.to_text())) {
        checks.fail("name", NAME_RULE, span);
    }
}

fn map_checks(checks: &mut Checks<'_>) {
    checks.allowed_keys(&KEYS);
    if let Some(url) = checks.some("url") {
        checks.string("url", url);
        checks.longest("url", url, 255);
    }
    // GitLab reads a false action as the usual one.
    if let Some(action) = checks.some("action").filter(|action| action.as_bool() != Some(false)) {
        let words = ["start", "stop", "prepare", "verify", "access"];
        checks.word(
            "action",
            action,
            &words,
            "should be start, stop, prepare, verify, or access",
        );
    }
    for (key, attribute) in [("deployment_tier", "deployment tier"), ("on_stop", "on stop")] {
        if let Some(value) = checks.some(key) {
            checks.string(attribute, value);
        }
    }
    if let Some(kubernetes) = checks.some("kubernetes")
        && !kubernetes.is_mapping()
    {
        checks.fail("kubernetes", "should be a hash", kubernetes.span);
    }
    if let Some(value) = checks.some("auto_stop_in") {
        checks.string("auto stop in", value);
    }
}

/// Whether an environment can have that name: letters, digits and a few signs; a slash neither first nor last.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_sign = |c: char| matches!(c, '_' | '$' | '{' | '}' | '.' | ' ' | '-' | '/' | '\\');
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || is_sign(c))
        && !text.contains('\\')
        && !text.starts_with('/')
        && !text.ends_with('/')
}

fn read(node: &Node) -> Environment {
    if let Some(name) = node.as_str() {
        return Environment {
            name: name.to_owned(),
            action: Some("start".to_owned()),
            ..Environment::default()
        };
    }
    Environment {
        name: text_of(node, "name").unwrap_or_default(),
        url: text_of(node, "url"),
        action: text_of(node, "action"),
        on_stop: text_of(node, "on_stop"),
        auto_stop_in: text_of(node, "auto_stop_in"),
        deployment_tier: text_of(node, "deployment_tier"),
        kubernetes: node.get_some("kubernetes").map(|value| value.to_json().to_string()),
    }
}

fn kubernetes(node: &Node, at: &str) -> Checked<()> {
    const KEYS: [&str; 5] = [
        "namespace",
        "agent",
        "flux_resource_path",
        "managed_resources",
        "dashboard",
    ];
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.present();
    checks.allowed_keys(&KEYS);
    let present = |key: &str| node.get_some(key).filter(|value| !value.is_blank());
    let flux = present("flux_resource_path");
    let dashboard = present("dashboard");
    let managed = node.get_some("managed_resources");
    let manages = managed.is_some_and(|value| value.get("enabled").and_then(Node::as_bool) == Some(true));
    for (key, required) in [
        ("namespace", flux.is_some()),
        ("agent", flux.is_some() || dashboard.is_some() || manages),
        ("flux_resource_path", false),
    ] {
        let attribute = key.replace('_', " ");
        if let Some(value) = node.get_some(key) {
            checks.string(&attribute, value);
        }
        if required && present(key).is_none() {
            checks.fail(&attribute, "can't be blank", node.span);
        }
    }
    for (key, value) in [("managed resources", managed), ("dashboard", dashboard)] {
        if let Some(value) = value.filter(|value| !value.is_mapping()) {
            checks.fail(key, "value at root is not an object", value.span);
        }
    }
    for key in ["namespace", "flux_resource_path"] {
        if present(key).is_some()
            && dashboard
                .and_then(|d| d.get_some(key))
                .is_some_and(|value| !value.is_blank())
        {
            let attribute = key.replace('_', " ");
            checks.fail(
                &attribute,
                format_args!("cannot be specified when dashboard.{key} is set"),
                node.span,
            );
        }
    }
    checks.done(Some(()))
}
