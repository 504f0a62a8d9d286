//! One value of a parameter, whatever it came from.

use axum::body::Bytes;
use indexmap::IndexMap;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use app::{Error, Result};

/// Parameters by name, in the order in which they were first named.
pub type Hash = IndexMap<String, Value>;

/// A value: text from a form, anything from JSON, a file from a multipart body.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON `null`, or a form name without `=`.
    Null,
    /// JSON `true` or `false`.
    Bool(bool),
    /// A JSON number.
    Number(serde_json::Number),
    /// Text.
    Text(String),
    /// `name[]=…`, or a JSON array.
    Array(Vec<Value>),
    /// `name[key]=…`, or a JSON object.
    Hash(Hash),
    /// A part of a multipart body that has a file name.
    File(File),
}

/// An uploaded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The client's name for it. Never a path of ours.
    pub name: String,
    /// The client's content type.
    pub content_type: Option<String>,
    /// Its content.
    pub content: Bytes,
}

impl Value {
    /// Returns the text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the hash, if it is one.
    #[must_use]
    pub const fn as_hash(&self) -> Option<&Hash> {
        match self {
            Value::Hash(hash) => Some(hash),
            _ => None,
        }
    }

    /// Returns the value as JSON; a file is its name. The order of keys is lost:
    /// where it matters, serialize the value itself.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(yes) => (*yes).into(),
            Value::Number(number) => number.clone().into(),
            Value::Text(text) => text.as_str().into(),
            Value::Array(items) => items.iter().map(Value::to_json).collect(),
            Value::Hash(hash) => hash.iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
            Value::File(file) => file.name.as_str().into(),
        }
    }

    /// The kind of value in the words of Rack's messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Value::Null => "NilClass",
            Value::Bool(_) => "Boolean",
            Value::Number(_) => "Numeric",
            Value::Text(_) => "String",
            Value::Array(_) => "Array",
            Value::Hash(_) => "Hash",
            Value::File(_) => "File",
        }
    }
}

/// JSON with the keys in their order; a file is its name.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(yes) => serializer.serialize_bool(*yes),
            Value::Number(number) => number.serialize(serializer),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Array(items) => serializer.collect_seq(items),
            Value::Hash(hash) => {
                let mut map = serializer.serialize_map(Some(hash.len()))?;
                for (key, value) in hash {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            Value::File(file) => serializer.serialize_str(&file.name),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

/// Checks a text from outside. The databases keep no NUL in text, and nothing that may be sent here has a use for one.
pub(super) fn text(text: String) -> Result<Value> {
    check(&text)?;
    Ok(Value::Text(text))
}

pub(super) fn check(text: &str) -> Result<()> {
    if text.bytes().any(|byte| byte == 0) {
        return Err(Error::BadRequest("a parameter contains a null byte".to_owned()));
    }
    Ok(())
}
