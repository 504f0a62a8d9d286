//! Mappings: keys in the order of the file, looked up by text without allocating.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use indexmap::{Equivalent, IndexMap};

use super::node::{Node, Span, Value};
use super::ruby;

/// A mapping in the order of the file; of equal keys the last won.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// Key to entry.
    pub entries: IndexMap<Key, Entry>,
}

/// One key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// A mapping key. Strings and symbols are the same key; others keep their type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A string or symbol.
    Text(Arc<str>),
    /// Anything else, by Ruby's `to_s` of it and its type (`123` integer ≠ `"123"`).
    Other(OtherKey),
}

/// A key that is not text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OtherKey {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer, as decimal text.
    Integer(String),
    /// A float, as Ruby prints it.
    Float(String),
    /// A list, as Ruby inspects it, and with its items joined by `:` as places name them.
    List(String, String),
    /// A mapping, as Ruby inspects it.
    Mapping(String),
}

impl Mapping {
    /// An empty mapping.
    #[must_use]
    pub fn new() -> Mapping {
        Mapping::default()
    }

    /// The value under a text key. An explicit `null` is `Some`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The entry under a text key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Whether there is such a text key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Sets a key; an existing one keeps its place in the order, as in Ruby.
    pub fn insert(&mut self, key: impl Into<Key>, key_span: Span, value: Node) {
        self.entries.insert(key.into(), Entry { key_span, value });
    }

    /// Removes a text key and returns its entry; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        self.entries.shift_remove(key)
    }

    /// Keys and entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Entry)> + DoubleEndedIterator {
        self.entries.iter()
    }

    /// Keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Key> + DoubleEndedIterator {
        self.entries.keys()
    }

    /// Values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Node> + DoubleEndedIterator {
        self.entries.values().map(|entry| &entry.value)
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl PartialEq for Mapping {
    fn eq(&self, other: &Mapping) -> bool {
        self.len() == other.len()
            && self
                .entries
                .iter()
                .all(|(key, entry)| other.entries.get(key).is_some_and(|found| found.value == entry.value))
    }
}

impl FromIterator<(Key, Entry)> for Mapping {
    fn from_iter<I: IntoIterator<Item = (Key, Entry)>>(entries: I) -> Mapping {
        Mapping {
            entries: entries.into_iter().collect(),
        }
    }
}

impl Key {
    /// The text of a string or symbol key.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Key::Text(text) => Some(text),
            Key::Other(_) => None,
        }
    }

    /// The key that a value makes.
    #[must_use]
    pub fn of(value: &Value) -> Key {
        Key::Other(match value {
            Value::String(text) | Value::Symbol(text) => return Key::Text(text.clone()),
            Value::Null => OtherKey::Null,
            Value::Bool(value) => OtherKey::Bool(*value),
            Value::Integer(value) => OtherKey::Integer(value.to_string()),
            Value::BigInt(text) => OtherKey::Integer(text.to_string()),
            Value::Float(value) => OtherKey::Float(ruby::float_to_s(*value)),
            Value::Sequence(items) | Value::Reference(items) => {
                let parts: Vec<String> = items.iter().map(|item| ruby::joined(item, ":")).collect();
                OtherKey::List(ruby::inspect_value(value), parts.join(":"))
            }
            Value::Mapping(_) => OtherKey::Mapping(ruby::inspect_value(value)),
        })
    }

    /// The key as messages name the place of what stands under it; `kind` is GitLab's word for
    /// it, shown where the key is empty.
    #[must_use]
    pub fn place(&self, kind: &str) -> String {
        match self {
            Key::Text(text) if text.is_empty() => kind.to_owned(),
            Key::Other(OtherKey::Null | OtherKey::Bool(false)) => kind.to_owned(),
            Key::Other(OtherKey::List(shown, _) | OtherKey::Mapping(shown)) if shown == "[]" || shown == "{}" => {
                kind.to_owned()
            }
            Key::Other(OtherKey::List(_, joined)) => joined.clone(),
            key => key.to_string(),
        }
    }

    /// Whether this is a key of text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Key::Text(_))
    }
}

/// Ruby's `to_s` of the key.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Text(text) => f.write_str(text),
            Key::Other(OtherKey::Null) => Ok(()),
            Key::Other(OtherKey::Bool(value)) => write!(f, "{value}"),
            Key::Other(
                OtherKey::Integer(text) | OtherKey::Float(text) | OtherKey::List(text, _) | OtherKey::Mapping(text),
            ) => f.write_str(text),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key::Text(text.into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Key {
        Key::Text(text.into())
    }
}

impl From<Arc<str>> for Key {
    fn from(text: Arc<str>) -> Key {
        Key::Text(text)
    }
}

/// By hand, so that a text key hashes like its text and can be looked up by `&str`.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Key::Text(text) => text.hash(state),
            Key::Other(other) => {
                state.write_u8(0xfe);
                other.hash(state);
            }
        }
    }
}

impl Equivalent<Key> for str {
    fn equivalent(&self, key: &Key) -> bool {
        key.as_text() == Some(self)
    }
}
