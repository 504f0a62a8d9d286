//! Integers in four bases, base-60 numbers and floats, as Psych reads them.

use super::scan::Scan;
use super::{Refusal, string};
use crate::yaml::node::Value;

/// Digits of an integer beyond which it stays text; converting to decimal is quadratic.
const MAX_INTEGER_DIGITS: usize = 4096;

/// The number a scalar is, or its text.
pub(super) fn number(text: &str) -> Result<Value, Refusal> {
    if let Some(value) = sexagesimal(text) {
        return Ok(value);
    }
    if is_float(text.as_bytes()) {
        return float(text);
    }
    Ok(integer(text).unwrap_or_else(|| string(text)))
}

/// `1:30`, `12:30:15`, `12:30.5`: the first field counts hours.
fn sexagesimal(text: &str) -> Option<Value> {
    let mut scan = Scan(text.as_bytes());
    scan.sign();
    if !scan.eat(|byte| byte.is_ascii_digit()) {
        return None;
    }
    scan.skip(|byte| byte.is_ascii_digit() || byte == b'_');
    let mut fields = 0;
    while scan.0.first() == Some(&b':') {
        scan.0 = &scan.0[1..];
        let digits = scan.skip_up_to(2, |byte| byte.is_ascii_digit());
        let first = scan_back(text, &scan, digits);
        if digits == 0 || (digits == 2 && first > b'5') {
            return None;
        }
        fields += 1;
    }
    if !(1..=2).contains(&fields) {
        return None;
    }
    if scan.is_done() {
        return sexagesimal_integer(text);
    }
    let fraction = scan.eat(|byte| byte == b'.') && {
        scan.skip(|byte| byte.is_ascii_digit() || byte == b'_');
        scan.is_done()
    };
    fraction.then(|| Value::Float(weighted(text, ruby_to_f)))
}

/// The byte `back` places before the cursor.
fn scan_back(text: &str, scan: &Scan<'_>, back: usize) -> u8 {
    text.as_bytes()
        .get(text.len() - scan.0.len() - back)
        .copied()
        .unwrap_or_default()
}

fn sexagesimal_integer(text: &str) -> Option<Value> {
    let mut sum: i64 = 0;
    for (field, weight) in text.split(':').zip([3600, 60, 1]) {
        sum = ruby_to_i(field)?.checked_mul(weight)?.checked_add(sum)?;
    }
    Some(Value::Integer(sum))
}

fn weighted(text: &str, convert: impl Fn(&str) -> f64) -> f64 {
    text.split(':')
        .zip([3600.0, 60.0, 1.0])
        .map(|(field, weight)| convert(field) * weight)
        .sum()
}

/// Ruby's `to_i`: digits with single underscores between, as far as they go.
fn ruby_to_i(text: &str) -> Option<i64> {
    digits_before_junk(text).parse().ok()
}

/// Ruby's `to_f`, for text that starts with digits.
fn ruby_to_f(text: &str) -> f64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = digits_before_junk(whole);
    // A broken group ends the number, the fraction included.
    let fraction = if digits.len() == whole.replace('_', "").len() {
        digits_before_junk(fraction)
    } else {
        String::new()
    };
    format!("{digits}.{fraction}").parse().unwrap_or_default()
}

fn digits_before_junk(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_digit = false;
    for c in text.chars() {
        match c {
            '+' | '-' if out.is_empty() => out.push(c),
            '0'..='9' => {
                out.push(c);
                after_digit = true;
            }
            '_' if after_digit => after_digit = false,
            _ => break,
        }
    }
    out
}

/// Digits with `_` and `,`, a dot, digits, an exponent with a sign.
fn is_float(bytes: &[u8]) -> bool {
    let mut scan = Scan(bytes);
    scan.sign();
    if scan.eat(|byte| byte.is_ascii_digit()) {
        scan.skip(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b','));
    }
    if !scan.eat(|byte| byte == b'.') {
        return false;
    }
    scan.skip(|byte| byte.is_ascii_digit());
    if scan.is_done() {
        return true;
    }
    scan.eat(|byte| matches!(byte, b'e' | b'E'))
        && scan.eat(|byte| matches!(byte, b'-' | b'+'))
        && scan.skip(|byte| byte.is_ascii_digit()) > 0
        && scan.is_done()
}

fn float(text: &str) -> Result<Value, Refusal> {
    if matches!(text, "." | "-." | "+.") {
        return Ok(string(text));
    }
    let cleaned: String = text.chars().filter(|c| !matches!(c, '_' | ',')).collect();
    // `.e+3` has no digit at all: Ruby's conversion fails.
    let mantissa = cleaned.split(['e', 'E']).next().unwrap_or_default();
    if !mantissa.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::Invalid);
    }
    cleaned.parse().map(Value::Float).map_err(|_| Refusal::Invalid)
}

/// The integer a scalar is: binary, octal, decimal, hexadecimal, with `_` and `,`.
fn integer(text: &str) -> Option<Value> {
    let (negative, body) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = integer_form(body)?;
    let digits: Vec<u8> = digits.bytes().filter(|byte| !matches!(byte, b'_' | b',')).collect();
    if digits.len() > MAX_INTEGER_DIGITS {
        return None;
    }
    let digits = std::str::from_utf8(&digits).ok()?;
    if let Ok(magnitude) = i64::from_str_radix(digits, radix) {
        return Some(Value::Integer(if negative { -magnitude } else { magnitude }));
    }
    let magnitude = decimal_text(digits, radix);
    let text = if negative { format!("-{magnitude}") } else { magnitude };
    Some(
        text.parse()
            .map_or_else(|_| Value::BigInt(text.as_str().into()), Value::Integer),
    )
}

/// Radix and digits of an unsigned integer.
fn integer_form(body: &str) -> Option<(u32, &str)> {
    let separator = |byte: u8| matches!(byte, b'_' | b',');
    let after_prefix = |rest: &str, digit: fn(u8) -> bool| {
        let mut scan = Scan(rest.as_bytes());
        scan.skip(separator);
        scan.eat(digit) && {
            scan.skip(|byte| digit(byte) || separator(byte));
            scan.is_done()
        }
    };
    if let Some(rest) = body.strip_prefix("0b") {
        return after_prefix(rest, |byte| matches!(byte, b'0' | b'1')).then_some((2, rest));
    }
    if let Some(rest) = body.strip_prefix("0x") {
        return after_prefix(rest, |byte| byte.is_ascii_hexdigit()).then_some((16, rest));
    }
    if body == "0" {
        return Some((10, body));
    }
    if let Some(rest) = body.strip_prefix('0') {
        return after_prefix(rest, |byte| matches!(byte, b'0'..=b'7')).then_some((8, rest));
    }
    is_decimal(body.as_bytes()).then_some((10, body))
}

/// Digits with single separators, each followed by a digit.
fn is_decimal(bytes: &[u8]) -> bool {
    let mut after_digit = false;
    for byte in bytes {
        match byte {
            b'0'..=b'9' => after_digit = true,
            b'_' | b',' if after_digit => after_digit = false,
            _ => return false,
        }
    }
    after_digit
}

/// A number of any size in decimal.
fn decimal_text(digits: &str, radix: u32) -> String {
    const GROUP: u64 = 1_000_000_000;
    if radix == 10 {
        return digits.trim_start_matches('0').to_owned();
    }
    let mut groups = vec![0u64];
    for digit in digits.chars().filter_map(|c| c.to_digit(radix)) {
        let mut carry = u64::from(digit);
        for group in &mut groups {
            let value = *group * u64::from(radix) + carry;
            *group = value % GROUP;
            carry = value / GROUP;
        }
        if carry > 0 {
            groups.push(carry);
        }
    }
    let mut out = groups.pop().unwrap_or_default().to_string();
    for group in groups.iter().rev() {
        out.push_str(&format!("{group:09}"));
    }
    out
}
