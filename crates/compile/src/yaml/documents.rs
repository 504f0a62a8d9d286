//! One file → header and content: documents are split in the raw text (ci-yaml.md 1.1). (Being written.)

use super::error::YamlError;
use super::node::Node;
use super::parse::{DuplicateKey, Limits, parse};

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Documents {
    /// The mapping with `spec`, when the file has a header.
    pub header: Option<Node>,
    /// The content; always a mapping.
    pub content: Node,
    /// Keys written twice.
    pub duplicate_keys: Vec<DuplicateKey>,
}

/// Splits and parses a file. A text of comments only gives an empty mapping.
///
/// # Errors
///
/// [`YamlError`] of the first document that is wrong.
pub fn load(text: &str, file: u32, limits: &Limits) -> Result<Documents, YamlError> {
    let parsed = parse(text, file, limits)?;
    Ok(Documents { header: None, content: parsed.root, duplicate_keys: parsed.duplicate_keys })
}
