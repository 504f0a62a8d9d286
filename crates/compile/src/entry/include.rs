//! `include` as an entry: the shape of its items. What they mean is in [`crate::include`].

use crate::duration;
use crate::yaml::Node;

use super::checks::{Checked, Checks, flatten};
use super::rules::{RulesOf, rules};

const KEYS: [&str; 12] = [
    "local",
    "file",
    "remote",
    "project",
    "ref",
    "integrity",
    "cache",
    "template",
    "artifact",
    "inputs",
    "job",
    "rules",
];

/// `include`; `trigger:include` takes at most three.
pub(crate) fn includes(node: &Node, at: &str, most: Option<usize>) -> Checked<()> {
    let mut checks = Checks::new(node, at);
    if !node.is_sequence() && !node.is_string() {
        checks.config("should be an array or a string");
    }
    if let (Some(most), Some(items)) = (most, node.as_sequence())
        && items.len() > most
    {
        checks.config(format_args!("is too long (maximum is {most})"));
    }
    if checks.ok() {
        let at = format!("{at}:include");
        for item in flatten(node).iter().filter(|item| !item.is_null()) {
            include(item, &at).take(&mut checks.found);
        }
    }
    checks.done(Some(()))
}

fn include(node: &Node, at: &str) -> Checked<()> {
    let mut checks = Checks::new(node, at);
    if !node.is_mapping() && !node.is_string() {
        checks.config("should be a hash or a string");
    }
    if node.is_mapping() {
        source_checks(&mut checks, node);
    }
    let allowed: Vec<&str> = KEYS.into_iter().chain(["component"]).collect();
    checks.allowed_keys(&allowed);
    let is_blank = |key: &str| node.get(key).is_none_or(Node::is_blank);
    if node
        .get_some("artifact")
        .is_some_and(|value| value.as_bool() != Some(false))
        && is_blank("job")
    {
        checks.config("must specify the job where to fetch the artifact from");
    }
    let written = node.get_some("rules");
    if let Some(written) = written
        && !written
            .as_sequence()
            .is_some_and(|items| items.iter().all(Node::is_mapping))
    {
        checks.fail("rules", "should be an array of hashes", written.span);
    }
    if checks.ok()
        && let Some(written) = written
    {
        rules(written, &format!("{at}:rules"), RulesOf::Include).take(&mut checks.found);
    }
    checks.done(Some(()))
}

/// Checks of `project`, `integrity` and `cache`.
pub(crate) fn source_checks(checks: &mut Checks<'_>, node: &Node) {
    let is_blank = |key: &str| node.get(key).is_none_or(Node::is_blank);
    let truthy = |key: &str| node.get_some(key).filter(|value| value.as_bool() != Some(false));
    if truthy("project").is_some() && is_blank("file") {
        checks.config("must specify the file where to fetch the config from");
    }
    if let Some(integrity) = truthy("integrity") {
        if is_blank("remote") {
            checks.config("integrity can only be specified for remote includes");
        }
        match integrity.as_str().and_then(|text| text.strip_prefix("sha256-")) {
            None => checks.config("integrity hash must start with 'sha256-'"),
            Some(hash) if !is_base64(hash) => checks.config("integrity hash must be base64 encoded"),
            Some(_) => {}
        }
    }
    if let Some(cache) = node.get("cache").filter(|cache| !cache.is_blank()) {
        if is_blank("remote") {
            checks.config("cache can only be specified for remote includes");
        }
        match (
            cache.as_bool(),
            cache.as_str().map(|text| (text, duration::parse(text))),
        ) {
            (Some(true), _) => {}
            (_, None) => checks.config("cache must be a boolean or a duration string"),
            (_, Some((text, None))) if text.eq_ignore_ascii_case("never") => {}
            (_, Some((_, None))) => checks.config("cache contains an invalid duration"),
            (_, Some((_, Some(seconds)))) if seconds < 60.0 => {
                checks.config("cache duration must be at least 1 minute")
            }
            (_, Some((_, Some(_)))) => {}
        }
    }
}

/// Strict base64: padded, nothing else.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}
