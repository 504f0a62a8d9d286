//! `cache`: one or several.

use model::definition::{Cache, CacheKey};

use crate::yaml::{Node, Value};

use super::checks::{Checked, Checks, flatten, is_array_of_strings, text_of, texts};

const KEYS: [&str; 7] = [
    "key",
    "untracked",
    "paths",
    "when",
    "policy",
    "unprotect",
    "fallback_keys",
];
const MOST: usize = 4;

/// `cache` at `parent` (GitLab leaves its own name out of the location of one cache).
pub(crate) fn caches(node: &Node, parent: &str) -> Checked<Vec<Cache>> {
    let join = |name: &str| {
        if parent.is_empty() {
            name.to_owned()
        } else {
            format!("{parent}:{name}")
        }
    };
    let at = join("caches");
    let mut checks = Checks::new(node, &at);
    if !node.is_mapping() && !node.is_sequence() {
        checks.config("can only be a hash or an array");
    }
    if node.as_sequence().is_some_and(|items| items.len() > MOST) {
        checks.config("no more than 4 caches can be created");
    }
    let mut caches = Vec::new();
    if checks.ok() {
        let at = join("cache");
        for item in flatten(node).iter().filter(|item| !item.is_null()) {
            caches.extend(cache(item, &at).take(&mut checks.found));
        }
    }
    checks.done(Some(caches))
}

fn cache(node: &Node, at: &str) -> Checked<Cache> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.hash();
    checks.allowed_keys(&KEYS);
    if let Some(policy) = checks.some("policy").filter(|policy| !policy.is_blank()) {
        checks.string("policy", policy);
        let text = policy.to_text();
        if !["push", "pull", "$"].iter().any(|part| text.contains(part)) {
            checks.fail(
                "policy",
                "should be a variable or one of: pull-push, push, pull",
                policy.span,
            );
        }
    }
    if let Some(when) = checks.some("when") {
        let words = ["on_success", "on_failure", "always"];
        checks.word("when", when, &words, "should be one of: on_success, on_failure, always");
    }
    if let Some(keys) = checks.some("fallback_keys")
        && length(keys) > 5
    {
        checks.fail("fallback keys", "has to many entries (maximum 5)", keys.span);
    }
    let mut cache = Cache::default();
    if checks.ok() {
        cache = children(node, at, &mut checks);
    }
    checks.done(Some(cache))
}

fn children(node: &Node, at: &str, checks: &mut Checks<'_>) -> Cache {
    let mut key = CacheKey::Default;
    if let Some(written) = node.get_some("key") {
        key = cache_key(written, &format!("{at}:key"))
            .take(&mut checks.found)
            .unwrap_or_default();
    }
    for name in ["unprotect", "untracked"] {
        if let Some(value) = node.get_some(name) {
            let place = format!("{at}:{name}");
            let mut inner = Checks::new(value, &place);
            inner.boolean("config", value);
            checks.found.extend(inner.found);
        }
    }
    for name in ["paths", "fallback_keys"] {
        if let Some(value) = node.get_some(name) {
            let place = format!("{at}:{name}");
            let mut inner = Checks::new(value, &place);
            inner.strings("config", value);
            checks.found.extend(inner.found);
        }
    }
    let is = |name: &str| node.get_some(name).and_then(Node::as_bool).unwrap_or(false);
    Cache {
        key,
        paths: node.get_some("paths").map(texts).unwrap_or_default(),
        untracked: is("untracked"),
        policy: text_of(node, "policy").filter(|policy| policy != "false"),
        when: text_of(node, "when").and_then(|when| when.parse().ok()),
        unprotect: is("unprotect"),
        fallback_keys: node.get_some("fallback_keys").map(texts).unwrap_or_default(),
    }
}

fn cache_key(node: &Node, at: &str) -> Checked<CacheKey> {
    match &node.value {
        Value::String(text) | Value::Symbol(text) => {
            let mut checks = Checks::new(node, at);
            plain_key(node, &mut checks);
            checks.done(Some(CacheKey::Text(text.to_string())))
        }
        Value::Mapping(_) => key_of_files(node, at),
        _ => Checked::wrong(format!("{at} should be a hash, a string or a symbol"), node.span),
    }
}

/// A key or prefix: text without a slash, also when it is written as `%2F`.
fn plain_key(node: &Node, checks: &mut Checks<'_>) {
    let Some(text) = node.as_text() else {
        return checks.config("should be a string or symbol");
    };
    let path = unescape(text);
    if path.contains('/') {
        checks.config("cannot contain the \"/\" character");
    } else if path == "." || path == ".." {
        checks.config("cannot be \".\" or \"..\"");
    }
}

fn key_of_files(node: &Node, at: &str) -> Checked<CacheKey> {
    let mut checks = Checks::new(node, at);
    checks.allowed_keys(&["files", "files_commits", "prefix"]);
    let kinds: Vec<&str> = ["files", "files_commits"]
        .into_iter()
        .filter(|key| node.get(key).is_some())
        .collect();
    if kinds.len() != 1 {
        checks.config("must use exactly one of these keys: files, files_commits");
    }
    let mut files = Vec::new();
    if checks.ok() {
        if let Some(written) = node.get_some(kinds[0]) {
            let found = self::files(written, &format!("{at}:{}", kinds[0])).take(&mut checks.found);
            files = found.unwrap_or_default();
        }
        if let Some(prefix) = node.get_some("prefix") {
            let place = format!("{at}:prefix");
            let mut inner = Checks::new(prefix, &place);
            plain_key(prefix, &mut inner);
            checks.found.extend(inner.found);
        }
    }
    let by_commit = kinds.first() == Some(&"files_commits");
    checks.done(Some(CacheKey::Files {
        files,
        prefix: text_of(node, "prefix"),
        by_commit,
    }))
}

fn files(node: &Node, at: &str) -> Checked<Vec<String>> {
    let mut checks = Checks::new(node, at);
    checks.strings("config", node);
    match length(node) {
        0 => checks.config("requires at least 1 item"),
        1 | 2 => {}
        _ => checks.config("has too many items (maximum is 2)"),
    }
    let paths = if is_array_of_strings(node) {
        texts(node)
    } else {
        Vec::new()
    };
    checks.done(Some(
        paths
            .iter()
            .map(|path| path.trim_start_matches('/').to_owned())
            .collect(),
    ))
}

fn length(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => items.len(),
        Value::Mapping(mapping) => mapping.len(),
        _ => node.to_text().chars().count(),
    }
}

/// Ruby's `CGI.unescape`: `+` is a space, `%2F` a slash.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = (bytes[index] == b'%')
            .then(|| text.get(index + 1..index + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (bytes[index], hex) {
            (_, Some(byte)) => {
                out.push(byte);
                index += 2;
            }
            (b'+', None) => out.push(b' '),
            (byte, None) => out.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
