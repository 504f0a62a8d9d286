//! What an unquoted scalar means: the rules of Ruby's Psych for YAML 1.1 (ci-yaml.md 1.2).
//!
//! Written as byte scanners, because every scalar of a configuration passes here.

use std::sync::Arc;

use super::node::Value;

/// Digits of an integer beyond which it stays text; converting to decimal is quadratic.
const MAX_INTEGER_DIGITS: usize = 4096;

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
    if is_time(bytes) {
        return Err(Refusal::Class("Time"));
    }
    if is_date(bytes) {
        return Err(Refusal::Class("Date"));
    }
    if let Some(float) = special_float(text) {
        return Ok(Value::Float(float));
    }
    if first == b':' && bytes.len() > 1 {
        return Ok(Value::Symbol(symbol_text(&text[1..]).into()));
    }
    number(text)
}

/// The number a scalar is, or its text.
fn number(text: &str) -> Result<Value, Refusal> {
    if let Some(value) = sexagesimal(text) {
        return Ok(value);
    }
    if is_float(text.as_bytes()) {
        return float(text);
    }
    Ok(integer(text).unwrap_or_else(|| string(text)))
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

/// A cursor over the bytes of a scalar.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn skip(&mut self, accept: impl Fn(u8) -> bool) -> usize {
        let count = self.0.iter().take_while(|byte| accept(**byte)).count();
        self.0 = &self.0[count..];
        count
    }

    fn skip_up_to(&mut self, max: usize, accept: impl Fn(u8) -> bool) -> usize {
        let count = self.0.iter().take(max).take_while(|byte| accept(**byte)).count();
        self.0 = &self.0[count..];
        count
    }

    fn eat(&mut self, accept: impl Fn(u8) -> bool) -> bool {
        self.skip_up_to(1, accept) == 1
    }

    fn sign(&mut self) {
        self.eat(|byte| matches!(byte, b'-' | b'+'));
    }

    fn digits(&mut self, least: usize, most: usize) -> bool {
        self.skip_up_to(most, |byte| byte.is_ascii_digit()) >= least
    }

    fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xb | 0xc)
}

/// `2021-01-01 10:00:00`, with fraction and zone.
fn is_time(bytes: &[u8]) -> bool {
    let mut scan = Scan(bytes);
    scan.eat(|byte| byte == b'-');
    let date = scan.digits(4, 4)
        && scan.eat(|byte| byte == b'-')
        && scan.digits(1, 2)
        && scan.eat(|byte| byte == b'-')
        && scan.digits(1, 2);
    if !date || !(scan.eat(|byte| matches!(byte, b'T' | b't')) || scan.skip(is_space) > 0) {
        return false;
    }
    let colon = |byte| byte == b':';
    let time = scan.digits(1, 2) && scan.eat(colon) && scan.digits(2, 2) && scan.eat(colon) && scan.digits(2, 2);
    if !time {
        return false;
    }
    if scan.eat(|byte| byte == b'.') {
        scan.skip(|byte| byte.is_ascii_digit());
    }
    scan.is_done() || is_zone(scan)
}

/// `Z`, `+02`, `+0200`, `+02:00`, `+02:`.
fn is_zone(mut scan: Scan<'_>) -> bool {
    scan.skip(is_space);
    if scan.eat(|byte| byte == b'Z') {
        return scan.is_done();
    }
    if !scan.eat(|byte| matches!(byte, b'-' | b'+')) {
        return false;
    }
    // One or two digits, then maybe a colon, then two or none: all ways to cut are tried.
    (1..=2).any(|hours| {
        let mut rest = Scan(scan.0);
        rest.skip_up_to(hours, |byte| byte.is_ascii_digit()) == hours && {
            rest.eat(|byte| byte == b':');
            rest.is_done() || (rest.digits(2, 2) && rest.is_done())
        }
    })
}

/// `2021-01-31` with a month and day that could be; whether they are does not matter, dates are refused.
fn is_date(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let in_range = |part: &str, most: u8| {
        matches!(part.len(), 1 | 2)
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|number| number <= most)
    };
    year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()) && in_range(month, 12) && in_range(day, 31)
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
