//! A tree back to YAML text, in the style of Ruby's `to_yaml`. (Being written.)

use super::node::Node;

/// The tree as a YAML document with a leading `---`; no anchors, no tags.
#[must_use]
pub fn to_yaml(root: &Node) -> String {
    format!("--- {}\n", root.to_json())
}
