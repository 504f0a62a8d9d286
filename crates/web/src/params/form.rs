//! `application/x-www-form-urlencoded`: queries and form bodies.

use app::{Error, Result};

use super::value::{self, Hash, Value};
use super::{MAX_VALUES, nested, too_many};

/// Parses `a=1&b[c]=2`.
///
/// # Errors
///
/// 400 for broken percent encoding, text that is not UTF-8, and names that contradict each other.
pub(super) fn parse(text: &[u8]) -> Result<Hash> {
    let mut hash = Hash::new();
    for (count, pair) in text.split(|byte| *byte == b'&').enumerate() {
        if count >= MAX_VALUES {
            return Err(too_many());
        }
        if pair.is_empty() {
            continue;
        }
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (&pair[..at], value::text(decode(&pair[at + 1..])?)?),
            None => (pair, Value::Null),
        };
        let name = decode(name)?;
        value::check(&name)?;
        nested::insert(&mut hash, &name, value)?;
    }
    Ok(hash)
}

/// Fails on a `%` that two hex digits do not follow.
pub(super) fn check_encoding(text: &[u8]) -> Result<()> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        hex_pair(&rest[at + 1..])?;
        rest = &rest[at + 3..];
    }
    Ok(())
}

pub(super) fn bad_encoding() -> Error {
    Error::BadRequest("invalid percent encoding or UTF-8".to_owned())
}

fn decode(text: &[u8]) -> Result<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                out.push(hex_pair(rest)?);
                rest = &rest[2..];
            }
            byte => out.push(*byte),
        }
    }
    String::from_utf8(out).map_err(|_| bad_encoding())
}

fn hex_pair(text: &[u8]) -> Result<u8> {
    let digit = |at: usize| {
        let byte = text.get(at)?;
        char::from(*byte).to_digit(16)
    };
    match (digit(0), digit(1)) {
        (Some(high), Some(low)) => Ok(u8::try_from(high * 16 + low).expect("two hex digits are a byte")),
        _ => Err(bad_encoding()),
    }
}
