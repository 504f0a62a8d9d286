//! A tree back to YAML text, in the style of Ruby's `to_yaml`: what `merged_yaml` shows.
//!
//! Reading the text again gives the same tree (symbols and mapping keys that are symbols become
//! strings, anchors are written out).

use std::fmt::Write as _;

use super::node::{Key, Mapping, Node, OtherKey, Value};
use super::{ruby, scalar};

/// The tree as a YAML document with a leading `---`; no anchors.
#[must_use]
pub fn to_yaml(root: &Node) -> String {
    let mut out = String::from("---");
    write_value(root, 0, &mut out);
    out
}

/// Writes a value behind `---`, `key:` or `-`, with the space before it and the line end.
fn write_value(node: &Node, indent: usize, out: &mut String) {
    match &node.value {
        Value::Sequence(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Mapping(mapping) if mapping.is_empty() => out.push_str(" {}\n"),
        Value::Sequence(items) => {
            out.push('\n');
            write_items(items, indent, false, out);
        }
        Value::Mapping(mapping) => {
            out.push('\n');
            write_pairs(mapping, indent, false, out);
        }
        Value::Reference(items) => write_reference(items, indent, out),
        _ => {
            write_scalar(&node.value, indent, out);
            out.push('\n');
        }
    }
}

fn write_items(items: &[Node], indent: usize, mut on_line: bool, out: &mut String) {
    for item in items {
        if !on_line {
            pad(indent, out);
        }
        on_line = false;
        out.push('-');
        match &item.value {
            // The first pair or item stands on the line of the dash.
            Value::Mapping(mapping) if !mapping.is_empty() => {
                out.push(' ');
                write_pairs(mapping, indent + 2, true, out);
            }
            Value::Sequence(inner) if !inner.is_empty() => {
                out.push(' ');
                write_items(inner, indent + 2, true, out);
            }
            _ => write_value(item, indent + 2, out),
        }
    }
}

fn write_pairs(mapping: &Mapping, indent: usize, mut on_line: bool, out: &mut String) {
    for (key, entry) in mapping.iter() {
        if !on_line {
            pad(indent, out);
        }
        on_line = false;
        write_key(key, out);
        out.push(':');
        // A list stands as deep as its key, everything else deeper.
        let deeper = if matches!(entry.value.value, Value::Sequence(_) | Value::Reference(_)) {
            indent
        } else {
            indent + 2
        };
        write_value(&entry.value, deeper, out);
    }
}

fn write_reference(items: &[Node], indent: usize, out: &mut String) {
    match super::tag::reference_keys(items) {
        Ok(keys) => {
            out.push_str(" !reference\n");
            for key in keys {
                pad(indent, out);
                out.push('-');
                write_scalar(&Value::String(key.into()), indent, out);
                out.push('\n');
            }
        }
        Err(shown) => {
            out.push_str(" !reference");
            write_scalar(&Value::String(shown.into()), indent, out);
            out.push('\n');
        }
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn write_key(key: &Key, out: &mut String) {
    match key {
        // Otherwise it would be read as a merge key, also in quotes.
        Key::Text(text) if &**text == "<<" => out.push_str("!!str '<<'"),
        Key::Text(text) if is_plain(text) => out.push_str(text),
        Key::Text(text) => write_quoted(text, out),
        // Psych writes `null` as a key like this.
        Key::Other(OtherKey::Null) => out.push('~'),
        Key::Other(OtherKey::List(text, _) | OtherKey::Mapping(text)) => write_quoted(text, out),
        Key::Other(other) => _ = write!(out, "{}", Key::Other(other.clone())),
    }
}

/// Writes a scalar with a space before it.
fn write_scalar(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Null => {}
        Value::Float(float) if float.is_nan() => out.push_str(" .nan"),
        Value::Float(float) if float.is_infinite() => {
            out.push_str(if *float > 0.0 { " .inf" } else { " -.inf" });
        }
        Value::String(text) | Value::Symbol(text) => write_text(text, indent, out),
        value => _ = write!(out, " {}", ruby::inspect_value(value)),
    }
}

fn write_text(text: &str, indent: usize, out: &mut String) {
    if is_literal(text) {
        return write_literal(text, indent, out);
    }
    out.push(' ');
    if is_plain(text) {
        out.push_str(text)
    } else {
        write_quoted(text, out)
    }
}

/// Whether a block scalar can show the text.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && text.chars().all(|c| matches!(c, '\n' | '\t') || is_printable(c))
}

fn write_literal(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    let ends = text.len() - body.len();
    out.push_str(match ends {
        0 => " |-",
        1 => " |",
        _ => " |+",
    });
    // The caller ends the last line.
    let kept = if ends > 1 { &text[..text.len() - 1] } else { body };
    for line in kept.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(indent.max(2), out);
            out.push_str(line);
        }
    }
}

fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{85}')
}

/// Whether the text stands for itself without quotes.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let starts_well = !matches!(
        first,
        '-' | '?'
            | ':'
            | ','
            | '['
            | ']'
            | '{'
            | '}'
            | '#'
            | '&'
            | '*'
            | '!'
            | '|'
            | '>'
            | '\''
            | '"'
            | '%'
            | '@'
            | '`'
            | '='
    ) || (first == '-' && text.chars().nth(1).is_some_and(|c| c.is_alphanumeric()));
    starts_well
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !text.starts_with(' ')
        && text.chars().all(is_printable)
        // These two Psych itself quotes, because YAML 1.1 elsewhere takes them for booleans.
        && !matches!(text, "y" | "n" | "Y" | "N" | "<<")
        && matches!(scalar::resolve(text), Ok(Value::String(_)))
}

/// Single quotes where they can show the text, otherwise double ones.
fn write_quoted(text: &str, out: &mut String) {
    if text.chars().all(is_printable) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) <= 0xff => _ = write!(out, "\\x{:02X}", u32::from(c)),
            c => _ = write!(out, "\\u{:04X}", u32::from(c)),
        }
    }
    out.push('"');
}
