//! Deserializers that accept what the other side may send instead of the declared type.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads `null` as the type's zero value, as Go's decoder does.
pub(super) fn null_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(input: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(input)?.unwrap_or_default())
}

/// Reads text; numbers and booleans are taken as their text, `null` as none.
pub(super) fn text<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    Ok(optional_text(input)?.unwrap_or_default())
}

/// Reads text or nothing; an empty text is kept.
pub(super) fn optional_text<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(input)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(flag) => Ok(Some(flag.to_string())),
        Value::Array(_) => Err(Error::custom("expected text, found a list")),
        Value::Object(_) => Err(Error::custom("expected text, found an object")),
    }
}

/// Reads a boolean, also as the words that forms carry; `null` and the empty text are nothing.
pub(super) fn optional_flag<'de, D: Deserializer<'de>>(input: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(input)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::Number(number) if number.as_i64() == Some(0) => Ok(Some(false)),
        Value::Number(number) if number.as_i64() == Some(1) => Ok(Some(true)),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "" => Ok(None),
            "true" | "t" | "1" | "yes" | "y" | "on" => Ok(Some(true)),
            "false" | "f" | "0" | "no" | "n" | "off" => Ok(Some(false)),
            _ => Err(Error::custom(format!("expected a boolean, found `{text}`"))),
        },
        other => Err(Error::custom(format!("expected a boolean, found `{other}`"))),
    }
}

/// Reads an integer, also as text; `null` and the empty text are nothing.
pub(super) fn optional_integer<'de, D: Deserializer<'de>>(input: D) -> Result<Option<i64>, D::Error> {
    match Value::deserialize(input)? {
        Value::Null => Ok(None),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Ok(Some(integer)),
            None => Err(Error::custom(format!("expected an integer, found `{number}`"))),
        },
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => match text.trim().parse() {
            Ok(integer) => Ok(Some(integer)),
            Err(_) => Err(Error::custom(format!("expected an integer, found `{text}`"))),
        },
        other => Err(Error::custom(format!("expected an integer, found `{other}`"))),
    }
}

/// Reads an integer; nothing is 0.
pub(super) fn integer<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
    Ok(optional_integer(input)?.unwrap_or_default())
}

/// Reads a list of words, or one text with commas between them.
pub(super) fn optional_words<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Vec<String>>, D::Error> {
    let words = match Value::deserialize(input)? {
        Value::Null => return Ok(None),
        Value::String(text) => text.split(',').map(str::to_owned).collect(),
        list => serde_json::from_value::<Vec<String>>(list).map_err(Error::custom)?,
    };
    Ok(Some(
        words
            .iter()
            .map(|word| word.trim().to_owned())
            .filter(|word| !word.is_empty())
            .collect(),
    ))
}

/// Reads an object, or its JSON text (a form field); anything else is the zero value.
pub(super) fn object<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(input: D) -> Result<T, D::Error> {
    match Value::deserialize(input)? {
        Value::String(json) => Ok(serde_json::from_str(&json).unwrap_or_default()),
        object @ Value::Object(_) => serde_json::from_value(object).map_err(Error::custom),
        _ => Ok(T::default()),
    }
}
