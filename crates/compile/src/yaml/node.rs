//! The tree that every later stage works on: values as GitLab's Ruby sees them, with positions.

use std::sync::Arc;

use indexmap::IndexMap;

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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
}
