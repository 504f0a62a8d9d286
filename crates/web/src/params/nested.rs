//! What a name with brackets means: Rack's rules (crates.md 5).
//!
//! `a[b]` is a key of a hash, `a[]` appends to an array, `a[][b]` fills the last hash of an array
//! or starts a new one when `b` is already there. Digits are keys like any other. Of equal plain
//! names the last wins, also over a hash; a key under something that is no hash is a conflict.

use app::Result;

use super::value::{Hash, Value};
use super::{MAX_FORM_DEPTH, malformed};

/// Puts a value where its name says.
///
/// # Errors
///
/// 400 when the name nests too deep or contradicts the type of what is already there.
pub(super) fn insert(hash: &mut Hash, name: &str, value: Value) -> Result<()> {
    if name.is_empty() {
        return Ok(());
    }
    // A bracket in the first place belongs to the name itself.
    let start = name.char_indices().skip(1).find(|(_, c)| *c == '[').map(|(at, _)| at);
    let Some(start) = start else {
        hash.insert(name.to_owned(), value);
        return Ok(());
    };
    insert_at(hash, &name[..start], &name[start..], value, 1)
}

/// `key` is a plain key of `hash`, `rest` the brackets behind it, possibly none.
fn insert_at(hash: &mut Hash, key: &str, rest: &str, value: Value, depth: usize) -> Result<()> {
    if depth > MAX_FORM_DEPTH {
        return Err(malformed(
            "exceeded available parameter key space: too many levels of brackets",
        ));
    }
    if rest.is_empty() {
        hash.insert(key.to_owned(), value);
    } else if rest == "[" {
        // An open bracket at the end is part of the name.
        hash.insert(format!("{key}["), value);
    } else if let Some(behind) = rest.strip_prefix("[]") {
        append(array(hash, key)?, behind, value, depth)?;
    } else {
        let (inner, behind) = next_key(rest);
        insert_at(child(hash, key)?, inner, behind, value, depth + 1)?;
    }
    Ok(())
}

/// Appends to an array; `rest` is what stands behind the `[]`.
fn append(items: &mut Vec<Value>, rest: &str, value: Value, depth: usize) -> Result<()> {
    if rest.is_empty() {
        items.push(value);
        return Ok(());
    }
    if depth >= MAX_FORM_DEPTH {
        return Err(malformed(
            "exceeded available parameter key space: too many levels of brackets",
        ));
    }
    if let Some(behind) = rest.strip_prefix("[]") {
        let mut inner = Vec::new();
        append(&mut inner, behind, value, depth + 1)?;
        items.push(Value::Array(inner));
        return Ok(());
    }
    let (key, behind) = next_key(rest);
    if let Some(Value::Hash(last)) = items.last_mut()
        && !has(last, key, behind)
    {
        return insert_at(last, key, behind, value, depth + 1);
    }
    let mut fresh = Hash::new();
    insert_at(&mut fresh, key, behind, value, depth + 1)?;
    items.push(Value::Hash(fresh));
    Ok(())
}

/// Takes the key from the front of `[key]…`; malformed brackets are taken as a plain key.
fn next_key(rest: &str) -> (&str, &str) {
    match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((key, behind)) if !key.is_empty() => (key, behind),
        _ => (rest, ""),
    }
}

/// Whether the place is already taken, so that an array of hashes needs a new element.
fn has(hash: &Hash, key: &str, rest: &str) -> bool {
    if rest.contains("[]") {
        return false;
    }
    match hash.get(key) {
        None => false,
        Some(_) if rest.is_empty() => true,
        Some(Value::Hash(inner)) => {
            let (key, rest) = next_key(rest);
            has(inner, key, rest)
        }
        Some(_) => false,
    }
}

fn array<'a>(hash: &'a mut Hash, key: &str) -> Result<&'a mut Vec<Value>> {
    let slot = hash.entry(key.to_owned()).or_insert(Value::Null);
    if matches!(slot, Value::Null) {
        *slot = Value::Array(Vec::new());
    }
    match slot {
        Value::Array(items) => Ok(items),
        other => Err(conflict("Array", other, key)),
    }
}

fn child<'a>(hash: &'a mut Hash, key: &str) -> Result<&'a mut Hash> {
    let slot = hash.entry(key.to_owned()).or_insert(Value::Null);
    if matches!(slot, Value::Null) {
        *slot = Value::Hash(Hash::new());
    }
    match slot {
        Value::Hash(inner) => Ok(inner),
        other => Err(conflict("Hash", other, key)),
    }
}

fn conflict(expected: &str, found: &Value, key: &str) -> app::Error {
    let found = found.kind();
    malformed(format!("expected {expected} (got {found}) for param `{key}'"))
}
