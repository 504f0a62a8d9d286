//! How Ruby prints values: `to_s`, `inspect`, and the way to and from JSON.

use std::fmt::Write as _;
use std::sync::Arc;

use super::node::{Key, Mapping, Node, OtherKey, Span, Value};

/// Ruby's `to_s` of a node.
#[must_use]
pub fn to_s(node: &Node) -> String {
    match &node.value {
        Value::Null => String::new(),
        Value::String(text) | Value::Symbol(text) => text.to_string(),
        value => inspect_value(value),
    }
}

/// What Ruby's `Array#join` makes of an item.
#[must_use]
pub fn joined(node: &Node, separator: &str) -> String {
    match &node.value {
        Value::Sequence(items) => {
            let parts: Vec<String> = items.iter().map(|item| joined(item, separator)).collect();
            parts.join(separator)
        }
        _ => to_s(node),
    }
}

/// Ruby's `inspect` of a node.
#[must_use]
pub fn inspect(node: &Node) -> String {
    inspect_value(&node.value)
}

/// Ruby's `inspect` of a list.
#[must_use]
pub fn inspect_list(items: &[Node]) -> String {
    let mut out = String::new();
    write_list(items, &mut out);
    out
}

/// Ruby's `inspect` of a value; mappings in the form of Ruby 3.3 (`{:a=>1}`).
#[must_use]
pub fn inspect_value(value: &Value) -> String {
    let mut out = String::new();
    write_inspect(value, &mut out);
    out
}

fn write_inspect(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("nil"),
        Value::Bool(value) => _ = write!(out, "{value}"),
        Value::Integer(value) => _ = write!(out, "{value}"),
        Value::BigInt(text) => out.push_str(text),
        Value::Float(value) => out.push_str(&float_to_s(*value)),
        Value::String(text) => write_quoted(text, out),
        Value::Symbol(text) => write_symbol(text, out),
        Value::Sequence(items) | Value::Reference(items) => write_list(items, out),
        Value::Mapping(mapping) => write_mapping(mapping, out),
    }
}

fn write_list(items: &[Node], out: &mut String) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_inspect(&item.value, out);
    }
    out.push(']');
}

fn write_mapping(mapping: &Mapping, out: &mut String) {
    out.push('{');
    for (index, (key, entry)) in mapping.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        match key {
            Key::Text(text) => write_symbol(text, out),
            Key::Other(OtherKey::Null) => out.push_str("nil"),
            other => _ = write!(out, "{other}"),
        }
        out.push_str("=>");
        write_inspect(&entry.value.value, out);
    }
    out.push('}');
}

fn write_symbol(text: &str, out: &mut String) {
    out.push(':');
    if is_plain_symbol(text) {
        out.push_str(text);
    } else {
        write_quoted(text, out);
    }
}

/// Whether Ruby prints the symbol without quotes (operators aside).
fn is_plain_symbol(text: &str) -> bool {
    let body = text.strip_suffix(['?', '!', '=']).unwrap_or(text);
    let body = body.trim_start_matches('@');
    let mut chars = body.chars();
    chars.next().is_some_and(|first| first == '_' || first.is_alphabetic())
        && chars.all(|c| c == '_' || c.is_alphanumeric())
}

fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            '#' if matches!(chars.peek(), Some('{' | '$' | '@')) => out.push_str("\\#"),
            c if c.is_control() && c.is_ascii() => _ = write!(out, "\\x{:02X}", u32::from(c)),
            c if c.is_control() => _ = write!(out, "\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Ruby's `Float#to_s`: shortest digits, `1.0e+15` from 16 digits on and below a ten-thousandth.
#[must_use]
pub fn float_to_s(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-4..1e15).contains(&magnitude) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{digits}{point}e{sign}{exponent:0>2}")
}

/// Whether Rails calls the text blank: nothing but Unicode white space.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// The value as JSON.
#[must_use]
pub fn to_json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Integer(value) => Json::from(*value),
        Value::BigInt(text) => text
            .parse::<u64>()
            .map_or_else(|_| Json::String(text.to_string()), Json::from),
        Value::Float(value) if value.is_finite() => Json::from(*value),
        Value::Float(value) => Json::String(float_to_s(*value)),
        Value::String(text) | Value::Symbol(text) => Json::String(text.to_string()),
        Value::Sequence(items) | Value::Reference(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Mapping(mapping) => Json::Object(
            mapping
                .iter()
                .map(|(key, entry)| (key.to_string(), to_json(&entry.value)))
                .collect(),
        ),
    }
}

/// The tree of a JSON value, every node at `span`.
#[must_use]
pub fn from_json(json: &serde_json::Value, span: Span) -> Node {
    use serde_json::Value as Json;
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), ..) => Value::Integer(integer),
            (None, Some(large), _) => Value::BigInt(large.to_string().into()),
            (None, None, float) => Value::Float(float.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Array(items) => Value::Sequence(Arc::new(items.iter().map(|item| from_json(item, span)).collect())),
        Json::Object(members) => {
            let mut mapping = Mapping::new();
            for (key, member) in members {
                mapping.insert(key.as_str(), span, from_json(member, span));
            }
            Value::Mapping(Arc::new(mapping))
        }
    };
    Node::new(value, span)
}
