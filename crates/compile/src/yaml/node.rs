//! The tree that every later stage works on: values as GitLab's Ruby sees them, with positions.
//!
//! Knows nothing about YAML text: [`super::parse()`] builds these trees, [`super::emit`] writes them.
//! Equality (`==`) of nodes is Ruby's deep equality of the values; positions do not count.

use std::sync::Arc;

pub use super::mapping::{Entry, Key, Mapping, OtherKey};
use super::{ruby, tag};

/// Where a node stands. Copied along when nodes are merged, so that an error in an extended or
/// included place still knows its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Span {
    /// Index of the file in the list of files of the compilation.
    pub file: u32,
    /// First line, from 1; 0 = not from a file.
    pub line: u32,
    /// First column in characters, from 1.
    pub column: u32,
}

/// A value and its place. Cheap to clone: collections are shared.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// A YAML value, resolved by the rules of ci-yaml.md 1.2.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer that fits; larger ones become `BigInt`.
    Integer(i64),
    /// An integer beyond 64 bits, as decimal text.
    BigInt(Arc<str>),
    /// A float.
    Float(f64),
    /// A string.
    String(Arc<str>),
    /// A Ruby symbol (`:foo`).
    Symbol(Arc<str>),
    /// A sequence.
    Sequence(Arc<Vec<Node>>),
    /// A mapping.
    Mapping(Arc<Mapping>),
    /// `!reference [a, b]`: resolved late, opaque before.
    Reference(Arc<Vec<Node>>),
}

impl Node {
    /// A node with a place.
    #[must_use]
    pub fn new(value: Value, span: Span) -> Node {
        Node { value, span }
    }

    /// `null` at `span`.
    #[must_use]
    pub fn null(span: Span) -> Node {
        Node::new(Value::Null, span)
    }

    /// A string at `span`.
    #[must_use]
    pub fn text(text: impl Into<Arc<str>>, span: Span) -> Node {
        Node::new(Value::String(text.into()), span)
    }

    /// A sequence at `span`.
    #[must_use]
    pub fn sequence(items: Vec<Node>, span: Span) -> Node {
        Node::new(Value::Sequence(Arc::new(items)), span)
    }

    /// A mapping at `span`.
    #[must_use]
    pub fn mapping(mapping: Mapping, span: Span) -> Node {
        Node::new(Value::Mapping(Arc::new(mapping)), span)
    }

    /// The value under a text key, when this is a mapping that has it. An explicit `null` is
    /// `Some`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key)
    }

    /// The value under a text key, unless it is absent or `null`.
    #[must_use]
    pub fn get_some(&self, key: &str) -> Option<&Node> {
        self.get(key).filter(|node| !node.is_null())
    }

    /// The text of a string (not of a symbol).
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string or symbol.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) | Value::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The integer, when it fits into 64 bits.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self.value {
            Value::Integer(value) => Some(value),
            _ => None,
        }
    }

    /// The items of a sequence.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The mapping.
    #[must_use]
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The keys of a `!reference`.
    #[must_use]
    pub fn as_reference(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Reference(items) => Some(items),
            _ => None,
        }
    }

    /// The keys of a valid `!reference`, a list of strings; otherwise Ruby's `inspect` of what
    /// stands behind the tag, for `!reference … is not valid`. `None` when this is none.
    #[must_use]
    pub fn reference_keys(&self) -> Option<Result<Vec<&str>, String>> {
        self.as_reference().map(tag::reference_keys)
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Whether this is a string.
    #[must_use]
    pub fn is_string(&self) -> bool {
        matches!(self.value, Value::String(_))
    }

    /// Whether this is a mapping.
    #[must_use]
    pub fn is_mapping(&self) -> bool {
        matches!(self.value, Value::Mapping(_))
    }

    /// Whether this is a sequence.
    #[must_use]
    pub fn is_sequence(&self) -> bool {
        matches!(self.value, Value::Sequence(_))
    }

    /// Whether this is an integer of any size.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        matches!(self.value, Value::Integer(_) | Value::BigInt(_))
    }

    /// Whether Rails calls the value blank: null, false, `""`, white space, `[]`, `{}`.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match &self.value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => ruby::is_blank(text),
            Value::Symbol(text) => text.is_empty(),
            Value::Sequence(items) => items.is_empty(),
            Value::Mapping(mapping) => mapping.is_empty(),
            Value::Bool(true) | Value::Integer(_) | Value::BigInt(_) | Value::Float(_) | Value::Reference(_) => false,
        }
    }

    /// Ruby's `to_s`: what a scalar becomes as a variable or inside a longer text.
    #[must_use]
    pub fn to_text(&self) -> String {
        ruby::to_s(self)
    }

    /// The node as a part of Ruby's `Array#join`: lists inside lists lose their brackets.
    #[must_use]
    pub fn joined(&self, separator: &str) -> String {
        ruby::joined(self, separator)
    }

    /// Ruby's `inspect` (3.3: `{:a=>1}`, strings quoted), as messages print values.
    #[must_use]
    pub fn inspect(&self) -> String {
        ruby::inspect(self)
    }

    /// The value as JSON. Infinity and NaN become text; a `!reference` becomes its list.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        ruby::to_json(self)
    }

    /// The tree of a JSON value, every node at `span`.
    #[must_use]
    pub fn from_json(json: &serde_json::Value, span: Span) -> Node {
        ruby::from_json(json, span)
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::BigInt(a), Value::BigInt(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            #[expect(
                clippy::cast_precision_loss,
                reason = "Ruby compares 1 == 1.0 by value; beyond 2^53 it is close enough"
            )]
            (Value::Integer(a), Value::Float(b)) | (Value::Float(b), Value::Integer(a)) => *a as f64 == *b,
            (Value::String(a), Value::String(b)) | (Value::Symbol(a), Value::Symbol(b)) => a == b,
            (Value::Sequence(a), Value::Sequence(b)) | (Value::Reference(a), Value::Reference(b)) => {
                Arc::ptr_eq(a, b) || a == b
            }
            (Value::Mapping(a), Value::Mapping(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}
