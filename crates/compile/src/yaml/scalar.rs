//! What an unquoted scalar means: the rules of Ruby's Psych for YAML 1.1 (ci-yaml.md 1.2).
//!
//! Written as byte scanners, because every scalar of a configuration passes here.

mod number;
mod scan;
mod time;

use std::sync::Arc;

use super::node::Value;

/// Why a scalar is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A value of a class that a configuration may not contain.
    Class(&'static str),
    /// Ruby's conversion fails.
    Invalid,
}

/// The value of an unquoted scalar.
pub(super) fn resolve(text: &str) -> Result<Value, Refusal> {
    let bytes = text.as_bytes();
    let Some(&first) = bytes.first() else {
        return Ok(Value::Null);
    };
    // The short cut that most scalars take.
    if first.is_ascii_alphabetic() && bytes.len() > 5 && bytes.is_ascii() {
        return Ok(string(text));
    }
    if looks_like_text(text) {
        return Ok(word(text));
    }
    if time::is_time(bytes) {
        return Err(Refusal::Class("Time"));
    }
    if time::is_date(bytes) {
        return Err(Refusal::Class("Date"));
    }
    if let Some(float) = special_float(text) {
        return Ok(Value::Float(float));
    }
    if first == b':' && bytes.len() > 1 {
        return Ok(Value::Symbol(symbol_text(&text[1..]).into()));
    }
    number::number(text)
}

fn string(text: &str) -> Value {
    Value::String(Arc::from(text))
}

/// Whether the text starts like a word: a letter or one of Psych's signs, maybe behind one other
/// character that no number starts with.
fn looks_like_text(text: &str) -> bool {
    if text.contains('\n') {
        return true;
    }
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return false };
    if is_word_char(first) {
        return true;
    }
    !matches!(first, '0'..='9' | '.' | ':' | '-') && chars.next().is_some_and(is_word_char)
}

fn is_word_char(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '_' | ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' => true,
        '!' | '@' | '#' | '$' | '%' | '^' | '&' | '*' | '(' | ')' | '{' | '}' | '<' | '>' | '|' | '/' | '\\' | '~'
        | ';' | '=' => true,
        c => !c.is_ascii() && c.is_alphabetic(),
    }
}

/// A boolean, null or the text; only short words can be more than text.
fn word(text: &str) -> Value {
    if text.chars().nth(5).is_some() || !lines_start_like_keywords(text) {
        return string(text);
    }
    let any_line = |words: &[&str]| {
        text.lines()
            .any(|line| words.iter().any(|word| line.eq_ignore_ascii_case(word)))
    };
    if text == "~" || any_line(&["null"]) {
        Value::Null
    } else if any_line(&["yes", "true", "on"]) {
        Value::Bool(true)
    } else if any_line(&["no", "false", "off"]) {
        Value::Bool(false)
    } else {
        string(text)
    }
}

/// Whether every line starts with a letter that a keyword starts with. (Ruby's `^` is any line.)
fn lines_start_like_keywords(text: &str) -> bool {
    let keyword = |c: char| matches!(c.to_ascii_lowercase(), 'y' | 't' | 'o' | 'n' | 'f' | '~');
    text.chars().next().is_some_and(keyword)
        && text
            .match_indices('\n')
            .all(|(at, _)| text[at + 1..].chars().next().is_none_or(keyword))
}

fn special_float(text: &str) -> Option<f64> {
    let plain = text.strip_prefix('+').unwrap_or(text);
    if plain.eq_ignore_ascii_case(".inf") {
        Some(f64::INFINITY)
    } else if text.eq_ignore_ascii_case("-.inf") {
        Some(f64::NEG_INFINITY)
    } else {
        text.eq_ignore_ascii_case(".nan").then_some(f64::NAN)
    }
}

/// The name of a symbol; quotes around it vanish with whatever follows them.
fn symbol_text(name: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some((inner, _)) = name.strip_prefix(quote).and_then(|rest| rest.rsplit_once(quote)) {
            return inner.strip_prefix(':').unwrap_or(inner);
        }
    }
    name
}

/// Ruby's `Float(value)` of what a scalar resolved to.
pub(super) fn to_float(value: &Value) -> Result<Value, Refusal> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "Ruby rounds too")]
        Value::Integer(value) => Ok(Value::Float(*value as f64)),
        Value::BigInt(text) | Value::String(text)
            if text
                .bytes()
                .all(|byte| !byte.is_ascii_alphabetic() || matches!(byte, b'e' | b'E')) =>
        {
            text.trim().parse().map(Value::Float).map_err(|_| Refusal::Invalid)
        }
        Value::Float(value) => Ok(Value::Float(*value)),
        _ => Err(Refusal::Invalid),
    }
}

/// Ruby's `unpack("m")`: base64 that skips what is none and stops at `=`.
pub(super) fn decode_base64(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => continue,
        };
        buffer = (buffer << 6 | u32::from(value)) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits & 0xff) as u8);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
