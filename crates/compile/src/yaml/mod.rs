//! The YAML front end: libyaml's events, Psych's scalars, a tree with positions.
//!
//! [`documents::load`] is the way in for a configuration file; [`parse::parse`] for one document.

pub mod documents;
pub mod emit;
mod error;
mod events;
mod mapping;
pub mod node;
pub mod parse;
pub mod ruby;
mod scalar;
mod tag;
pub(crate) mod weight;

pub use documents::{Documents, load};
pub use emit::to_yaml;
pub use error::YamlError;
pub use node::{Entry, Key, Mapping, Node, OtherKey, Span, Value};
pub use parse::{DuplicateKey, Limits, Parsed, parse};
