//! `!reference [a, b]`: replaced by the value at that path of the whole tree (ci-yaml.md 6).
//!
//! Runs after `extends`. What a reference gives depends on its path only, so each path is
//! resolved once; a path that is met while it is being resolved closes a circle.

use std::collections::HashMap;
use std::sync::Arc;

use crate::entry::Finding;
use crate::yaml::{Entry, Mapping, Node, Value};

/// Resolves every reference of the tree.
///
/// # Errors
///
/// GitLab's message for the first one that cannot be resolved.
pub(crate) fn resolve(root: &Mapping) -> Result<Mapping, Finding> {
    let mut resolver = Resolver {
        root,
        known: HashMap::new(),
        open: Vec::new(),
        has: HashMap::new(),
    };
    let mut result = root.clone();
    for (key, entry) in root.iter() {
        if resolver.has_reference(&entry.value) {
            let value = resolver.node(&entry.value)?;
            result.entries.insert(
                key.clone(),
                Entry {
                    key_span: entry.key_span,
                    value,
                },
            );
        }
    }
    Ok(result)
}

struct Resolver<'a> {
    root: &'a Mapping,
    known: HashMap<Vec<Arc<str>>, Node>,
    open: Vec<Vec<Arc<str>>>,
    /// Whether a shared collection holds a reference, by its address.
    has: HashMap<usize, bool>,
}

impl Resolver<'_> {
    fn node(&mut self, node: &Node) -> Result<Node, Finding> {
        if !self.has_reference(node) {
            return Ok(node.clone());
        }
        let value = match &node.value {
            Value::Sequence(items) => {
                let items = items
                    .iter()
                    .map(|item| self.node(item))
                    .collect::<Result<Vec<Node>, Finding>>()?;
                Value::Sequence(Arc::new(items))
            }
            Value::Mapping(mapping) => {
                let mut resolved = Mapping::new();
                for (key, entry) in mapping.iter() {
                    let value = self.node(&entry.value)?;
                    resolved.entries.insert(
                        key.clone(),
                        Entry {
                            key_span: entry.key_span,
                            value,
                        },
                    );
                }
                Value::Mapping(Arc::new(resolved))
            }
            Value::Reference(path) => return self.reference(path, node),
            _ => return Ok(node.clone()),
        };
        Ok(Node { value, span: node.span })
    }

    fn reference(&mut self, path: &[Node], node: &Node) -> Result<Node, Finding> {
        let shown = || Node::sequence(path.to_vec(), node.span).inspect();
        let fail = |what: &str| Finding::new(format!("!reference {} {what}", shown()), node.span);
        let keys: Vec<Arc<str>> = match node.reference_keys() {
            Some(Err(shown)) => return Err(Finding::new(format!("!reference {shown} is not valid"), node.span)),
            keys => keys
                .and_then(Result::ok)
                .unwrap_or_default()
                .into_iter()
                .map(Arc::from)
                .collect(),
        };
        if let Some(known) = self.known.get(&keys) {
            return Ok(known.clone());
        }
        if self.open.contains(&keys) {
            return Err(fail("is part of a circular chain"));
        }
        let Some(target) = self.target(&keys) else {
            return Err(fail("could not be found"));
        };
        self.open.push(keys.clone());
        let value = self.node(&target)?;
        self.open.pop();
        if matches!(value.value, Value::Null | Value::Bool(false)) {
            return Err(fail("could not be found"));
        }
        self.known.insert(keys, value.clone());
        Ok(value)
    }

    /// Walks mappings only.
    fn target(&self, keys: &[Arc<str>]) -> Option<Node> {
        let (first, rest) = keys.split_first()?;
        let mut node = self.root.get(first)?;
        for key in rest {
            node = node.get(key)?;
        }
        Some(node.clone())
    }

    fn has_reference(&mut self, node: &Node) -> bool {
        let address = match &node.value {
            Value::Reference(_) => return true,
            Value::Sequence(items) => Arc::as_ptr(items) as usize,
            Value::Mapping(mapping) => Arc::as_ptr(mapping) as usize,
            _ => return false,
        };
        if let Some(known) = self.has.get(&address) {
            return *known;
        }
        let has = match &node.value {
            Value::Sequence(items) => items.iter().any(|item| self.has_reference(item)),
            Value::Mapping(mapping) => mapping.values().any(|value| self.has_reference(value)),
            _ => false,
        };
        self.has.insert(address, has);
        has
    }
}
