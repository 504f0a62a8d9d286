//! Deep merge of mappings: how included files and `extends` come together (ci-yaml.md 2).

use std::sync::Arc;

use crate::yaml::{Mapping, Node, Value};

/// Lays `over` onto `base`: mappings merge key by key, anything else replaces, `null` too.
pub(crate) fn deep_merge(base: &mut Mapping, over: &Mapping) {
    for (key, entry) in over.iter() {
        match base.entries.get_mut(key) {
            Some(existing) => {
                existing.key_span = entry.key_span;
                merge_node(&mut existing.value, &entry.value);
            }
            None => {
                base.entries.insert(key.clone(), entry.clone());
            }
        }
    }
}

fn merge_node(base: &mut Node, over: &Node) {
    if let (Value::Mapping(below), Value::Mapping(above)) = (&mut base.value, &over.value) {
        if !Arc::ptr_eq(below, above) {
            deep_merge(Arc::make_mut(below), above);
        }
        base.span = over.span;
    } else {
        *base = over.clone();
    }
}
