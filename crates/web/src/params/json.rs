//! JSON bodies, parsed straight into [`Value`] with a limit on the number of values.
//!
//! The depth is limited by the parser itself (128 levels). A document that is no object carries
//! no parameters, as in GitLab.

use std::cell::Cell;
use std::fmt;

use app::Result;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::value::{Hash, Value};
use super::{MAX_VALUES, malformed, too_many};

/// GitLab's text for a body that is not JSON although its content type says so.
const NOT_JSON: &str = "Problem:\n  message body does not match declared format\nResolution:\n  when specifying application/json as content-type, you must pass valid application/json in the request's 'body'";

/// Parses a JSON body.
///
/// # Errors
///
/// 400 for anything that is not one JSON document, or one with too many values.
pub(super) fn parse(body: &[u8]) -> Result<Hash> {
    if body.trim_ascii().is_empty() {
        return Ok(Hash::new());
    }
    let left = Cell::new(MAX_VALUES);
    let mut parser = serde_json::Deserializer::from_slice(body);
    let parsed = Seed { left: &left }
        .deserialize(&mut parser)
        .and_then(|value| parser.end().map(|()| value));
    match parsed {
        Ok(Value::Hash(hash)) => Ok(hash),
        Ok(_) => Ok(Hash::new()),
        Err(_) if left.get() == 0 => Err(too_many()),
        Err(_) => Err(malformed(NOT_JSON)),
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.left.get() {
            0 => Err(D::Error::custom("too many values")),
            left => {
                self.left.set(left - 1);
                deserializer.deserialize_any(self)
            }
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        no_nul(&text)?;
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut hash = Hash::new();
        while let Some(key) = map.next_key::<String>()? {
            no_nul(&key)?;
            hash.insert(key, map.next_value_seed(self)?);
        }
        Ok(Value::Hash(hash))
    }
}

fn no_nul<E: serde::de::Error>(text: &str) -> Result<(), E> {
    if text.bytes().any(|byte| byte == 0) {
        return Err(E::custom("a null byte"));
    }
    Ok(())
}
