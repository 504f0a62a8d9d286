//! Keywords of a few lines each: `tags`, `timeout`, `coverage`, `retry`, `id_tokens`, `pages`,
//! `publish`, `stage`, `stages`, `allow_failure`, `interruptible`, `inherit`, job `inputs`.

use model::FailureReason;
use model::definition::{IdToken, Inherit, JobInput, Pages, Retry};

use crate::duration;
use crate::variables::has_reference;
use crate::yaml::{Node, Value};

use super::checks::{Checked, Checks, flatten, is_nested_array, regex_is_valid, text_of, texts};

/// `tags`.
pub(crate) fn tags(node: &Node, at: &str) -> Checked<Vec<String>> {
    let mut checks = Checks::new(node, at);
    checks.strings("config", node);
    let mut tags: Vec<String> = Vec::new();
    for tag in node.as_sequence().into_iter().flatten() {
        // One item may name several tags, separated by commas.
        for name in tag.to_text().split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if !tags.iter().any(|known| known == name) {
                tags.push(name.to_owned());
            }
        }
    }
    if tags.len() >= 50 {
        checks.config("must be less than the limit of 50 tags");
    }
    checks.done(Some(texts(node)))
}

/// `timeout` in seconds.
pub(crate) fn timeout(node: &Node, at: &str) -> Checked<i64> {
    let mut checks = Checks::new(node, at);
    checks.duration("config", node, Some(duration::TIMEOUT_LIMIT));
    checks.done(seconds(node))
}

/// A duration that was checked, in whole seconds.
pub(crate) fn seconds(node: &Node) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "limits keep it far below 2^53; the fraction is dropped"
    )]
    node.as_str().and_then(duration::parse).map(|seconds| seconds as i64)
}

/// `coverage` without its first and last character.
pub(crate) fn coverage(node: &Node, at: &str) -> Checked<String> {
    let mut checks = Checks::new(node, at);
    let text = node.as_str().unwrap_or_default();
    if regex_is_valid(text) != Some(true) {
        checks.config("must be a regular expression with re2 syntax");
    }
    let mut inner = text.chars();
    inner.next();
    inner.next_back();
    checks.done(Some(inner.as_str().to_owned()))
}

/// `retry`. GitLab gives its messages without the job.
pub(crate) fn retry(node: &Node) -> Checked<Retry> {
    match &node.value {
        Value::Integer(_) | Value::BigInt(_) => {
            let mut checks = Checks::new(node, "retry");
            checks.integer_between("config", node, 0, 2);
            let max = node.as_integer().and_then(|max| u32::try_from(max).ok());
            checks.done(Some(Retry {
                max,
                ..Retry::default()
            }))
        }
        Value::Mapping(_) => full_retry(node),
        _ => Checked::wrong("retry config has to be either an integer or a hash", node.span),
    }
}

fn full_retry(node: &Node) -> Checked<Retry> {
    let mut checks = Checks::new(node, "retry");
    checks.allowed_keys(&["max", "when", "exit_codes"]);
    if let Some(max) = checks.some("max") {
        checks.integer_between("max", max, 0, 2);
    }
    let reasons: Vec<&str> = FailureReason::ALL
        .iter()
        .map(|reason| reason.as_str())
        .chain(["always"])
        .collect();
    if let Some(when) = checks.some("when") {
        checks.strings_or_string("when", when);
        if when.is_sequence() {
            checks.allowed_items("when", when, &reasons);
        } else if when.is_string() {
            checks.included("when", when, &reasons, "is not included in the list");
        }
    }
    if let Some(codes) = checks.some("exit_codes") {
        checks.integers_or_integer("exit codes", codes);
    }
    let retry = Retry {
        max: text_of(node, "max").and_then(|max| max.trim().parse().ok()),
        when: node.get_some("when").map(texts).unwrap_or_default(),
        exit_codes: node.get_some("exit_codes").map(integers).unwrap_or_default(),
    };
    checks.done(Some(retry))
}

/// The integers of a list, or the one.
pub(crate) fn integers(node: &Node) -> Vec<i64> {
    match node.as_sequence() {
        Some(items) => items.iter().filter_map(Node::as_integer).collect(),
        None => node.as_integer().into_iter().collect(),
    }
}

/// `id_tokens`.
pub(crate) fn id_tokens(node: &Node, at: &str) -> Checked<Vec<IdToken>> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    let mut tokens = Vec::new();
    if let Some(mapping) = node.as_mapping() {
        for (key, entry) in mapping.iter() {
            let name = key.to_string();
            let value = if entry.value.is_null() {
                Node::mapping(Default::default(), entry.value.span)
            } else {
                entry.value.clone()
            };
            let place = format!("{at}:{}", key.place("id token"));
            let mut inner = Checks::new(&value, &place);
            inner.required_keys(&["aud"]);
            inner.allowed_keys(&["aud"]);
            match value.get("aud") {
                Some(audience) => inner.strings_or_string("aud", audience),
                None => inner.fail("aud", "should be an array of strings or a string", value.span),
            }
            checks.found.extend(inner.found);
            tokens.push(IdToken {
                name,
                audiences: value.get("aud").map(texts).unwrap_or_default(),
            });
        }
    }
    checks.done(Some(tokens))
}

/// `pages` as a map or boolean; `None` inside when it is switched off.
pub(crate) fn pages(node: &Node, at: &str) -> Checked<Option<Pages>> {
    let mut checks = Checks::new(node, at);
    if !node.is_mapping() && node.as_bool().is_none() {
        checks.config("should be a hash or a boolean value");
    }
    checks.allowed_keys(&["path_prefix", "expire_in", "publish"]);
    if let Some(prefix) = checks.some("path_prefix") {
        checks.string("path prefix", prefix);
    }
    if let Some(expiry) = checks.some("expire_in")
        && !has_reference(&expiry.to_text())
    {
        checks.expiry("expire in", expiry);
    }
    if let Some(publish) = checks.some("publish") {
        checks.string("publish", publish);
    }
    let pages = Pages {
        publish: text_of(node, "publish"),
        path_prefix: text_of(node, "path_prefix"),
        expire_in: text_of(node, "expire_in"),
    };
    checks.done(Some((node.as_bool() != Some(false)).then_some(pages)))
}

/// A keyword whose value must be a string: `stage`, `publish`.
pub(crate) fn text(node: &Node, at: &str) -> Checked<String> {
    let mut checks = Checks::new(node, at);
    checks.string("config", node);
    checks.done(Some(node.to_text()))
}

/// A keyword whose value must be a boolean: `interruptible`.
pub(crate) fn boolean(node: &Node, at: &str) -> Checked<bool> {
    let mut checks = Checks::new(node, at);
    checks.boolean("config", node);
    checks.done(node.as_bool())
}

/// `stages`, flattened.
pub(crate) fn stages(node: &Node, at: &str) -> Checked<Vec<String>> {
    let mut checks = Checks::new(node, at);
    if !is_nested_array(node, 10, &|leaf| leaf.as_text().is_some()) {
        checks.config("should be an array of strings or a nested array of strings up to 10 levels deep");
    }
    checks.done(Some(flatten(node).iter().map(Node::to_text).collect()))
}

/// `allow_failure` of a job: the flag, or exit codes.
pub(crate) fn allow_failure(node: &Node, at: &str) -> Checked<(bool, Option<Vec<i64>>)> {
    let mut checks = Checks::new(node, at);
    if !node.is_mapping() && node.as_bool().is_none() {
        checks.config("should be a hash or a boolean value");
    }
    checks.allowed_keys(&["exit_codes"]);
    if let Some(codes) = checks.some("exit_codes") {
        checks.integers_or_integer("exit codes", codes);
    }
    let value = match node.as_bool() {
        Some(flag) => (flag, None),
        None => (
            false,
            Some(node.get_some("exit_codes").map(integers).unwrap_or_default()),
        ),
    };
    checks.done(Some(value))
}

/// `inherit`: of defaults and of variables.
pub(crate) fn inherit(node: &Node, at: &str, default_keys: &[&str]) -> Checked<(Inherit, Inherit)> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.allowed_keys(&["default", "variables"]);
    let mut value = (Inherit::All, Inherit::All);
    if checks.ok() {
        if let Some(default) = node.get_some("default") {
            let found = inherit_one(default, &format!("{at}:default"), Some(default_keys)).take(&mut checks.found);
            value.0 = found.unwrap_or_default();
        }
        if let Some(variables) = node.get_some("variables") {
            let found = inherit_one(variables, &format!("{at}:variables"), None).take(&mut checks.found);
            value.1 = found.unwrap_or_default();
        }
    }
    checks.done(Some(value))
}

fn inherit_one(node: &Node, at: &str, words: Option<&[&str]>) -> Checked<Inherit> {
    match &node.value {
        Value::Bool(true) => Checked {
            value: Some(Inherit::All),
            found: Vec::new(),
        },
        Value::Bool(false) => Checked {
            value: Some(Inherit::None),
            found: Vec::new(),
        },
        Value::Sequence(_) => {
            let mut checks = Checks::new(node, at);
            checks.strings("config", node);
            if let Some(words) = words {
                checks.allowed_items("config", node, words);
            }
            checks.done(Some(Inherit::Only(texts(node))))
        }
        _ => Checked::wrong(format!("{at} should be a bool or array of strings"), node.span),
    }
}

/// `inputs` of a job: each with its default.
pub(crate) fn job_inputs(node: &Node, at: &str) -> Checked<Vec<JobInput>> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    let mut inputs = Vec::new();
    if let Some(mapping) = node.as_mapping() {
        for (key, entry) in mapping.iter() {
            let name = key.to_string();
            let value = if entry.value.is_null() {
                Node::mapping(Default::default(), entry.value.span)
            } else {
                entry.value.clone()
            };
            let place = format!("{at}:{}", key.place("job input"));
            let mut inner = Checks::new(&value, &place);
            let key_is_plain = key.is_text() || name.parse::<i64>().is_ok();
            job_input_checks(&mut inner, value.is_mapping(), key_is_plain);
            checks.found.extend(inner.found);
            inputs.push(job_input(name, &value));
        }
    }
    checks.done(Some(inputs))
}

fn job_input_checks(checks: &mut Checks<'_>, is_mapping: bool, key_is_plain: bool) {
    if !key_is_plain {
        checks.base("key must be an alphanumeric string");
    }
    if let Some(description) = checks.some("description")
        && description.as_text().is_none()
        && !description.is_integer()
    {
        checks.fail("input description", "must be an alphanumeric string", description.span);
    }
    if let Some(regex) = checks.some("regex") {
        checks.string("input regex", regex);
    }
    if let Some(kind) = checks.some("type") {
        let text = kind.to_text();
        if !["string", "number", "boolean", "array"].contains(&text.as_str()) {
            checks.fail("input type", format_args!("unknown value: {text}"), kind.span);
        }
    }
    if let Some(options) = checks.some("options") {
        if !options.is_sequence() {
            checks.fail("input options", "should be an array", options.span);
        }
        if options.as_sequence().is_some_and(|items| items.len() > 50) {
            checks.config("cannot define more than 50 options");
        }
        if options
            .as_sequence()
            .is_some_and(|items| items.iter().any(Node::is_null))
        {
            checks.config("options array cannot contain null values");
        }
    }
    checks.hash();
    checks.allowed_keys(&["default", "description", "options", "regex", "type"]);
    if is_mapping && checks.some("default").is_none() {
        checks.base("must have a default value");
    }
}

fn job_input(name: String, node: &Node) -> JobInput {
    JobInput {
        name,
        kind: text_of(node, "type").unwrap_or_else(|| "string".to_owned()),
        default: node
            .get("default")
            .map(|value| value.to_json().to_string())
            .unwrap_or_default(),
        options: node
            .get_some("options")
            .and_then(Node::as_sequence)
            .map(|items| items.iter().map(|item| item.to_json().to_string()).collect())
            .unwrap_or_default(),
        regex: text_of(node, "regex"),
        description: text_of(node, "description"),
    }
}
