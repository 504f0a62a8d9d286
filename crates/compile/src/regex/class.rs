//! Character classes and escapes of RE2.

use std::fmt::Write as _;

use super::RegexError;
use super::translate::push_literal;

/// Classes in brackets with colons; the same in both engines, ASCII only.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// General categories that RE2 knows, by their short names.
const CATEGORIES: [&str; 37] = [
    "C", "Cc", "Cf", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs", "Any", "Cs",
];

/// Translates `[…]` at the start of `text`; returns what follows.
pub(super) fn translate<'p>(text: &'p str, out: &mut String) -> Result<&'p str, RegexError> {
    let mut rest = &text[1..];
    out.push('[');
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    loop {
        match rest.chars().next() {
            None => return Err(RegexError::new("missing closing ]")),
            Some(']') if !first => {
                out.push(']');
                return Ok(&rest[1..]);
            }
            Some(_) => rest = member(rest, out)?,
        }
        first = false;
    }
}

/// One member: a named class, a shorthand, a character or a range.
fn member<'p>(text: &'p str, out: &mut String) -> Result<&'p str, RegexError> {
    if let Some(rest) = posix(text, out)? {
        return Ok(rest);
    }
    if let Some(rest) = shorthand(text, out)? {
        return Ok(rest);
    }
    let (low, rest) = character(text)?;
    let is_range = rest.starts_with('-') && !rest[1..].starts_with(']') && rest.len() > 1;
    if !is_range {
        push_literal(low, out);
        return Ok(rest);
    }
    let (high, rest) = character(&rest[1..])?;
    if high < low {
        return Err(RegexError::new("invalid character class range"));
    }
    push_literal(low, out);
    out.push('-');
    push_literal(high, out);
    Ok(rest)
}

fn character(text: &str) -> Result<(char, &str), RegexError> {
    match text.chars().next() {
        Some('\\') => escaped_literal(text),
        Some(c) => Ok((c, &text[c.len_utf8()..])),
        None => Err(RegexError::new("missing closing ]")),
    }
}

/// `[:alpha:]` and `[:^alpha:]`.
fn posix<'p>(text: &'p str, out: &mut String) -> Result<Option<&'p str>, RegexError> {
    let Some((name, rest)) = text.strip_prefix("[:").and_then(|body| body.split_once(":]")) else {
        return Ok(None);
    };
    if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(RegexError::new("invalid character class range"));
    }
    _ = write!(out, "[:{name}:]");
    Ok(Some(rest))
}

/// `\d` and its like, `\p{…}`; `None` when the text starts with neither.
pub(super) fn shorthand<'p>(text: &'p str, out: &mut String) -> Result<Option<&'p str>, RegexError> {
    let class = match text.as_bytes() {
        [b'\\', b'd', ..] => "[0-9]",
        [b'\\', b'D', ..] => "[^0-9]",
        [b'\\', b's', ..] => r"[\t\n\x0C\r ]",
        [b'\\', b'S', ..] => r"[^\t\n\x0C\r ]",
        [b'\\', b'w', ..] => "[0-9A-Za-z_]",
        [b'\\', b'W', ..] => "[^0-9A-Za-z_]",
        [b'\\', letter @ (b'p' | b'P'), ..] => return property(&text[2..], *letter == b'P', out).map(Some),
        _ => return Ok(None),
    };
    out.push_str(class);
    Ok(Some(&text[2..]))
}

/// Behind `\p` or `\P`: a letter, `{Name}` or `{^Name}`.
fn property<'p>(text: &'p str, negated: bool, out: &mut String) -> Result<&'p str, RegexError> {
    let unknown = || RegexError::new("invalid character class");
    let (name, rest) = match text.strip_prefix('{') {
        Some(body) => body.split_once('}').ok_or_else(unknown)?,
        None => text.split_at(text.chars().next().ok_or_else(unknown)?.len_utf8()),
    };
    let (name, negated) = name.strip_prefix('^').map_or((name, negated), |name| (name, !negated));
    let letter = if negated { 'P' } else { 'p' };
    match name {
        // No text of ours has surrogates.
        "Cs" if negated => out.push_str(r"[\x00-\x{10FFFF}]"),
        "Cs" => out.push_str(r"[^\x00-\x{10FFFF}]"),
        "Any" if negated => out.push_str(r"[^\x00-\x{10FFFF}]"),
        "Any" => out.push_str(r"[\x00-\x{10FFFF}]"),
        _ if CATEGORIES.contains(&name) => _ = write!(out, "\\{letter}{{gc={name}}}"),
        _ if is_script_name(name) => _ = write!(out, "\\{letter}{{sc={name}}}"),
        _ => return Err(unknown()),
    }
    Ok(rest)
}

/// `Greek`, `Old_Italic`: the only spelling RE2 takes.
fn is_script_name(name: &str) -> bool {
    name.len() > 2
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c == '_' || c.is_ascii_alphabetic())
}

/// The character that an escape at the start of `text` stands for.
pub(super) fn escaped_literal(text: &str) -> Result<(char, &str), RegexError> {
    let bad = || RegexError::new("invalid escape sequence");
    let mut chars = text[1..].chars();
    let c = chars.next().ok_or_else(|| RegexError::new("trailing \\"))?;
    let rest = chars.as_str();
    let literal = match c {
        'a' => '\u{7}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        'x' => return hexadecimal(rest).ok_or_else(bad),
        // A single digit would be a back reference.
        '1'..='7' if !rest.starts_with(|next: char| next.is_digit(8)) => return Err(bad()),
        '0'..='7' => return octal(&text[1..]).ok_or_else(bad),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' => c,
        _ => return Err(bad()),
    };
    Ok((literal, rest))
}

/// `41` or `{1F600}` behind `\x`.
fn hexadecimal(text: &str) -> Option<(char, &str)> {
    let (digits, rest) = match text.strip_prefix('{') {
        Some(body) => body.split_once('}')?,
        None => text.split_at_checked(2)?,
    };
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| valid)?;
    Some((char::from_u32(number)?, rest))
}

/// Up to three octal digits.
fn octal(text: &str) -> Option<(char, &str)> {
    let digits = text
        .bytes()
        .take(3)
        .take_while(|byte| matches!(byte, b'0'..=b'7'))
        .count();
    let (digits, rest) = text.split_at(digits);
    Some((char::from_u32(u32::from_str_radix(digits, 8).ok()?)?, rest))
}
