//! Paths into a payload: JSON pointers (`/a/b/0`), or names with dots (`a.b.0`, `a.b[0]`, `alerts.*.status`).

use serde_json::Value as Json;

/// Longest path in bytes.
pub const MAX_PATH: usize = 255;

/// Values that a path with `*` may find.
const MAX_FOUND: usize = 10_000;

/// Whether a text is a path.
#[must_use]
pub fn is_path(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.len() <= MAX_PATH && !text.chars().any(char::is_control) && !segments(text).is_empty()
}

/// Returns what is at a path; several values when it has a `*`. Null is nothing.
#[must_use]
pub fn find<'a>(payload: &'a Json, path: &str) -> Vec<&'a Json> {
    let mut found = vec![payload];
    for segment in segments(path.trim()) {
        let mut next = Vec::new();
        for value in found {
            match (value, segment.as_str()) {
                (Json::Array(items), "*") => next.extend(items),
                (Json::Object(fields), "*") => next.extend(fields.values()),
                (Json::Array(items), index) => next.extend(index.parse().ok().and_then(|at: usize| items.get(at))),
                (Json::Object(fields), name) => next.extend(fields.get(name)),
                _ => {}
            }
            next.truncate(MAX_FOUND);
        }
        found = next;
    }
    found.retain(|value| !value.is_null());
    found
}

/// Returns the text of a plain value: text itself, a number, a boolean.
#[must_use]
pub fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// What a value is, in the words of messages.
#[must_use]
pub fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

fn segments(path: &str) -> Vec<String> {
    if let Some(pointer) = path.strip_prefix('/') {
        let unescaped = |part: &str| part.replace("~1", "/").replace("~0", "~");
        return pointer.split('/').map(unescaped).collect();
    }
    let path = path.strip_prefix("$.").or(path.strip_prefix('$')).unwrap_or(path);
    path.split(['.', '['])
        .map(|part| part.strip_suffix(']').unwrap_or(part))
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pointers_and_dotted_names_find_the_same() {
        let payload = json!({"a": {"b": [{"c": 1}, {"c": 2}], "x.y": "dot", "s/l": true}, "n": null});
        for (path, expected) in [
            ("/a/b/0/c", "[1]"),
            ("a.b.0.c", "[1]"),
            ("a.b[1].c", "[2]"),
            ("$.a.b.*.c", "[1,2]"),
            ("/a/x.y", r#"["dot"]"#),
            ("/a/s~1l", "[true]"),
            ("a.b.7.c", "[]"),
            ("a.b.c", "[]"),
            ("n", "[]"),
            ("n.x", "[]"),
            ("a.b.-1", "[]"),
        ] {
            assert_eq!(json!(find(&payload, path)).to_string(), expected, "{path}");
        }
    }

    #[test]
    fn a_path_says_something_and_is_short() {
        assert!(is_path("a") && is_path("/a/b") && is_path("$.a"));
        for bad in ["", " ", "$", ".", "a\nb", &"x".repeat(256)] {
            assert!(!is_path(bad), "{bad:?}");
        }
    }
}
