//! `multipart/form-data` bodies, already in memory.
//!
//! Strict where the standard is (CRLF, a closing delimiter), so that a body that was cut short is
//! never taken for a whole one.

use app::Result;
use axum::body::Bytes;

use super::value::{self, File, Hash, Value};
use super::{malformed, nested, too_many};

/// Most parts of one body (Rack: 4096).
const MAX_PARTS: usize = 4096;

/// Most bytes of the headers of one part.
const MAX_PART_HEADERS: usize = 16 << 10;

/// Parses a body whose content type (with its boundary) is `content_type`.
///
/// # Errors
///
/// 400 when the boundary is missing, a part is malformed or text is not UTF-8.
pub(super) fn parse(content_type: &str, body: &[u8]) -> Result<Hash> {
    let boundary = parameter(content_type, "boundary").filter(|b| !b.is_empty() && b.len() <= 70);
    let boundary = boundary.ok_or_else(|| bad("the boundary is missing"))?;
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut hash = Hash::new();
    let mut rest = opening(body, &delimiter)?;
    for _ in 0..=MAX_PARTS {
        if rest.starts_with(b"--") {
            return Ok(hash);
        }
        let inner = skip_line_end(rest)?;
        let end = find(inner, &delimiter).ok_or_else(|| bad("a part does not end"))?;
        part(&inner[..end], &mut hash)?;
        rest = &inner[end + delimiter.len()..];
    }
    Err(too_many())
}

/// Returns what stands behind the first delimiter, which may open the body without a line break.
fn opening<'a>(body: &'a [u8], delimiter: &[u8]) -> Result<&'a [u8]> {
    if let Some(rest) = body.strip_prefix(&delimiter[2..]) {
        return Ok(rest);
    }
    let at = find(body, delimiter).ok_or_else(|| bad("the boundary does not appear"))?;
    Ok(&body[at + delimiter.len()..])
}

fn skip_line_end(text: &[u8]) -> Result<&[u8]> {
    let padding = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    text[padding..]
        .strip_prefix(b"\r\n")
        .ok_or_else(|| bad("a delimiter line does not end"))
}

fn part(text: &[u8], hash: &mut Hash) -> Result<()> {
    // A part without headers starts with the empty line itself.
    let (head, content) = match text.strip_prefix(b"\r\n") {
        Some(content) => (&b""[..], content),
        None => {
            let window = &text[..text.len().min(MAX_PART_HEADERS)];
            let end = find(window, b"\r\n\r\n").ok_or_else(|| bad("the headers of a part do not end"))?;
            (&text[..end], &text[end + 4..])
        }
    };
    let head = std::str::from_utf8(head).map_err(|_| bad("the headers of a part are not UTF-8"))?;
    let header = |wanted: &str| {
        head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let Some(disposition) = header("content-disposition") else {
        return Ok(());
    };
    let Some(name) = parameter(disposition, "name") else {
        return Ok(());
    };
    value::check(&name)?;
    let value = match parameter(disposition, "filename") {
        // A file input that was left empty.
        Some(file_name) if file_name.is_empty() && content.is_empty() => return Ok(()),
        Some(file_name) => Value::File(File {
            name: file_name,
            content_type: header("content-type").map(str::to_owned),
            content: Bytes::copy_from_slice(content),
        }),
        None => {
            let text = String::from_utf8(content.to_vec()).map_err(|_| bad("a part is not UTF-8"))?;
            value::text(text)?
        }
    };
    nested::insert(hash, &name, value)
}

/// Returns the parameter of a header value: `form-data; name="a"`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, behind) = rest.split_once('=')?;
        let (value, behind) = match behind.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = behind.find(';').unwrap_or(behind.len());
                (behind[..end].trim().to_owned(), &behind[end..])
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind.split_once(';')?.1;
    }
}

/// Reads a quoted text up to its closing quote. Browsers and curl write `%22` or `\"` for a quote inside.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value.replace("%22", "\""), &text[at + 1..])),
            '\\' if text[at + 1..].starts_with(['"', '\\']) => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    None
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, last) = (needle.first()?, text.len().checked_sub(needle.len())?);
    let mut from = 0;
    while from <= last {
        let at = from + text[from..=last].iter().position(|byte| byte == first)?;
        if text[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn bad(problem: &str) -> app::Error {
    malformed(format!("invalid multipart body: {problem}"))
}
