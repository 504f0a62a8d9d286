//! The YAML front end: libyaml's events, Psych's scalars, a tree with positions.

pub mod node;

pub use node::{Entry, Key, Mapping, Node, Span, Value};
