//! YAML text: read, written and read again.

use compile::yaml::{Limits, Node, Value, load, parse, to_yaml};

use crate::Verdict;
use crate::places::Lines;

/// Nodes of a tree that are looked at.
const MAX_NODES: usize = 100_000;

/// Reads the bytes as YAML.
///
/// Holds: positions lie in the text; what is written of a tree reads as the same tree; writing what
/// was read again changes nothing.
///
/// # Panics
///
/// When one of these is broken.
pub fn run(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else {
        return Verdict::NotText;
    };
    let limits = Limits::default();
    let lines = Lines::of(text);
    match load(text, 0, &limits) {
        Ok(documents) => {
            assert!(documents.content.is_mapping(), "the content of a file is a mapping");
            lines.check_tree(&documents.content, &mut MAX_NODES.clone());
            documents
                .header
                .iter()
                .for_each(|header| lines.check_tree(header, &mut MAX_NODES.clone()));
            for key in &documents.duplicate_keys {
                lines.check_span(key.first);
                lines.check_span(key.last);
            }
        }
        Err(error) => lines.check_span(error.span()),
    }
    match parse(text, 0, &limits) {
        Ok(parsed) => {
            lines.check_tree(&parsed.root, &mut MAX_NODES.clone());
            let mut left = MAX_NODES;
            let kind = kind(&parsed.root, &mut left);
            if left > 0 {
                reads_as_written(&parsed.root, kind, &limits);
            }
            Verdict::Accepted
        }
        Err(error) => {
            assert!(!error.to_string().is_empty(), "a refusal has a message");
            lines.check_span(error.span());
            Verdict::Refused
        }
    }
}

fn reads_as_written(tree: &Node, kind: Kind, limits: &Limits) {
    _ = (tree.inspect(), tree.to_json());
    let written = to_yaml(tree);
    // Without aliases a tree may take more text, and its text more memory, than may be read.
    let roomy = Limits {
        bytes: usize::MAX,
        parsed_bytes: usize::MAX,
        ..*limits
    };
    let read = parse(&written, 0, &roomy).unwrap_or_else(|error| panic!("{error}: {written}"));
    if kind == Kind::Plain {
        assert!(read.root == *tree, "another tree: {written}");
        assert_eq!(to_yaml(&read.root), written, "another text the second time");
    }
}

/// Whether a tree can be written without loss.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It can.
    Plain,
    /// Ruby symbols become text, collections as keys their inspection, `!reference` with other
    /// things than texts a text; not-a-number equals nothing.
    Lossy,
}

fn kind(node: &Node, left: &mut usize) -> Kind {
    let Some(fewer) = left.checked_sub(1) else {
        return Kind::Lossy;
    };
    *left = fewer;
    let is_lossy = match &node.value {
        Value::Symbol(_) => true,
        Value::Float(float) => float.is_nan(),
        Value::Reference(_) => node.reference_keys().is_none_or(|keys| keys.is_err()),
        Value::Sequence(items) => items.iter().any(|item| kind(item, left) == Kind::Lossy),
        Value::Mapping(mapping) => mapping
            .iter()
            .any(|(key, entry)| !key.is_text() || kind(&entry.value, left) == Kind::Lossy),
        _ => false,
    };
    if is_lossy { Kind::Lossy } else { Kind::Plain }
}
