//! How large a tree would be in GitLab's memory: the rule that stops alias bombs (ci-yaml.md 1.3).
//!
//! The sizes are those of Ruby objects on a 64-bit machine, near enough. Shared parts count each
//! time they appear, so the walk stops as soon as the limit is passed.

use super::node::{Key, Mapping, Node, OtherKey, Value};
use super::parse::Limits;

/// Whether the tree keeps within size and depth.
pub(crate) fn fits(root: &Node, limits: &Limits) -> bool {
    let mut scale = Scale {
        left: limits.parsed_bytes,
        depth: limits.depth,
    };
    scale.add(root).is_some()
}

struct Scale {
    left: usize,
    depth: usize,
}

impl Scale {
    /// `None` when a limit is passed.
    fn add(&mut self, node: &Node) -> Option<()> {
        match &node.value {
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => Some(()),
            Value::String(text) | Value::Symbol(text) | Value::BigInt(text) => self.take(string_bytes(text)),
            Value::Reference(_) => self.take(40),
            Value::Sequence(items) => {
                self.take(list_bytes(items.len()))?;
                self.nested(|scale| items.iter().try_for_each(|item| scale.add(item)))
            }
            Value::Mapping(mapping) => {
                self.take(mapping_bytes(mapping))?;
                self.nested(|scale| {
                    mapping.iter().try_for_each(|(key, entry)| {
                        scale.take(key_bytes(key))?;
                        scale.add(&entry.value)
                    })
                })
            }
        }
    }

    fn nested(&mut self, add: impl FnOnce(&mut Scale) -> Option<()>) -> Option<()> {
        self.depth = self.depth.checked_sub(1)?;
        add(self)?;
        self.depth += 1;
        Some(())
    }

    fn take(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }
}

fn string_bytes(text: &str) -> usize {
    if text.len() <= 23 { 40 } else { 41 + text.len() }
}

fn key_bytes(key: &Key) -> usize {
    match key {
        Key::Text(text) => string_bytes(text),
        Key::Other(OtherKey::List(text, _) | OtherKey::Mapping(text)) => 40 + text.len(),
        Key::Other(_) => 0,
    }
}

/// Three items fit into the object itself; beyond, Ruby grows the list in steps of a half.
fn list_bytes(items: usize) -> usize {
    if items <= 3 {
        return 40;
    }
    let mut capacity = 20;
    while capacity < items {
        let least = capacity + 1;
        capacity = least + (least / 2).max(16);
    }
    40 + 8 * capacity
}

fn mapping_bytes(mapping: &Mapping) -> usize {
    match mapping.len() {
        0 => 40,
        1..=8 => 168,
        keys => 192 + 48 * keys,
    }
}
