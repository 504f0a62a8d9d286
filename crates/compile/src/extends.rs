//! `extends`: every root mapping that has the key is laid over its parents (ci-yaml.md 6).
//!
//! Parents are looked up among the root keys, so a file must be merged with its includes first;
//! a `!reference` is still opaque here. Results are kept, so that a chain is walked once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::entry::Finding;
use crate::entry::hint::did_you_mean;
use crate::merge::deep_merge;
use crate::yaml::{Key, Mapping, Node, Span, Value};

/// A mapping may have so many ancestors; one more is an error.
const MOST_ANCESTORS: usize = 10;

/// Resolves every `extends`; the key itself stays.
///
/// # Errors
///
/// GitLab's message for the first mapping that cannot be resolved.
pub(crate) fn resolve(root: &Mapping) -> Result<Mapping, Finding> {
    let keys: Vec<Key> = root
        .iter()
        .filter(|(_, entry)| is_extensible(&entry.value))
        .map(|(key, _)| key.clone())
        .collect();
    let mut extender = Extender {
        root: root.clone(),
        done: HashMap::new(),
    };
    for key in keys {
        extender.extend(&key, &mut Vec::new())?;
    }
    Ok(extender.root)
}

fn is_extensible(node: &Node) -> bool {
    node.get("extends").is_some()
}

struct Extender {
    root: Mapping,
    /// Resolved mappings and the number of `extends` steps below and including them.
    done: HashMap<Key, usize>,
}

impl Extender {
    /// Resolves one mapping and returns its height: 0 when it extends nothing.
    fn extend(&mut self, key: &Key, ancestors: &mut Vec<Key>) -> Result<usize, Finding> {
        let Some(entry) = self.root.entries.get(key) else {
            return Ok(0);
        };
        let node = entry.value.clone();
        if !is_extensible(&node) {
            return Ok(0);
        }
        if let Some(height) = self.done.get(key)
            && ancestors.len() + height <= MOST_ANCESTORS + 1
        {
            return Ok(*height);
        }
        let parents = self.parents(key, &node)?;
        if ancestors.len() > MOST_ANCESTORS {
            return Err(Finding::new(format!("{key}: nesting too deep in `extends`"), node.span));
        }
        if ancestors.contains(key) {
            return Err(Finding::new(
                format!("{key}: circular dependency detected in `extends`"),
                node.span,
            ));
        }
        ancestors.push(key.clone());
        let mut height = 0;
        for parent in &parents {
            height = height.max(self.extend(parent, ancestors)?);
        }
        ancestors.pop();
        let height = height + 1;
        if !self.done.contains_key(key) {
            self.merge(key, &node, &parents);
            self.done.insert(key.clone(), height);
        }
        Ok(height)
    }

    /// Lays the mapping over its parents.
    fn merge(&mut self, key: &Key, node: &Node, parents: &[Key]) {
        let mut merged = Mapping::new();
        for parent in parents {
            if let Some(mapping) = self.root.entries.get(parent).and_then(|entry| entry.value.as_mapping()) {
                deep_merge(&mut merged, mapping);
            }
        }
        if let Some(own) = node.as_mapping() {
            deep_merge(&mut merged, own);
        }
        if let Some(entry) = self.root.entries.get_mut(key) {
            entry.value = Node {
                value: Value::Mapping(Arc::new(merged)),
                span: node.span,
            };
        }
    }

    /// The names under `extends`, all of them mappings of the root.
    fn parents(&self, key: &Key, node: &Node) -> Result<Vec<Key>, Finding> {
        let written = node.get("extends").map_or_else(Vec::new, names);
        let unknown: Vec<&(String, Span)> = written
            .iter()
            .filter(|(name, _)| !self.root.has(name.as_str()))
            .collect();
        if let Some((name, span)) = unknown.first() {
            let visible = self.root.keys().filter_map(Key::as_text);
            return Err(Finding {
                text: format!("{key}: unknown keys in `extends` ({})", join(&unknown)),
                span: *span,
                hint: did_you_mean(name, visible),
            });
        }
        let invalid: Vec<&(String, Span)> = written
            .iter()
            .filter(|(name, _)| !self.root.get(name).is_some_and(Node::is_mapping))
            .collect();
        if let Some((_, span)) = invalid.first() {
            return Err(Finding::new(
                format!("{key}: invalid base hashes in `extends` ({})", join(&invalid)),
                *span,
            ));
        }
        Ok(written
            .iter()
            .map(|(name, _)| Key::Text(name.as_str().into()))
            .collect())
    }
}

fn join(names: &[&(String, Span)]) -> String {
    names
        .iter()
        .map(|(name, _)| name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Ruby's `Array(value).map(&:to_s)`.
fn names(node: &Node) -> Vec<(String, Span)> {
    match &node.value {
        Value::Null => Vec::new(),
        Value::Sequence(items) => items.iter().map(|item| (item.to_text(), item.span)).collect(),
        Value::Mapping(mapping) => mapping
            .iter()
            .map(|(key, entry)| {
                let shown = match key {
                    Key::Text(text) => format!(":{text}"),
                    Key::Other(_) => key.to_string(),
                };
                (format!("[{shown}, {}]", entry.value.inspect()), entry.key_span)
            })
            .collect(),
        _ => vec![(node.to_text(), node.span)],
    }
}
