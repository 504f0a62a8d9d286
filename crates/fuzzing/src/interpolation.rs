//! `spec:inputs` and `$[[ … ]]`: a header and a content that uses it.

use compile::facts::Component;
use compile::inputs::{Context, Given, Header, IncludeVariable, InputValues, interpolate};
use compile::yaml::{Limits, Node, Value, load};
use indexmap::IndexMap;

use crate::Verdict;
use crate::places::Lines;

/// Nodes of a tree that are looked at.
const MAX_NODES: usize = 600_000;

/// Reads the bytes as a file with a header, checks inputs, fills the content.
///
/// Holds: positions lie in the text; a schema can always be made; filling in what has no block changes
/// nothing; defaults that are given as values are accepted again and give the same content.
///
/// # Panics
///
/// When one of these is broken.
pub fn run(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else {
        return Verdict::NotText;
    };
    let lines = Lines::of(text);
    let Ok(documents) = load(text, 0, &Limits::default()) else {
        return Verdict::Refused;
    };
    let header = match documents.header.as_ref().map(Header::parse) {
        None => Header::default(),
        Some(Ok(header)) => header,
        Some(Err(errors)) => {
            assert!(!errors.is_empty(), "a refusal has a reason");
            errors.iter().for_each(|error| lines.check_span(error.span));
            return Verdict::Refused;
        }
    };
    assert!(header.json_schema().is_object(), "a schema is an object");
    let values = match header.resolve(&IndexMap::new()) {
        Ok(values) => values,
        Err(errors) => {
            assert!(!errors.is_empty(), "a refusal has a reason");
            return Verdict::Refused;
        }
    };
    let filled = fill(&documents.content, &values, &header);
    let given = values
        .iter()
        .map(|(name, value)| (name.clone(), Given::Value(value.clone())))
        .collect();
    if let Ok(again) = header.resolve(&given) {
        assert_eq!(fill(&documents.content, &again, &header).ok(), filled.clone().ok());
    }
    match filled {
        Ok(filled) => {
            lines.check_tree(&filled, &mut MAX_NODES.clone());
            if !text.contains("$[[") && !has_symbols(&documents.content) {
                assert!(filled == documents.content, "there is nothing to fill in");
            }
            Verdict::Accepted
        }
        Err((message, span)) => {
            lines.check_span(span);
            assert!(!message.is_empty(), "a refusal has a message");
            Verdict::Refused
        }
    }
}

type Refusal = (String, compile::yaml::Span);

fn fill(content: &Node, values: &InputValues, header: &Header) -> Result<Node, Refusal> {
    let component = Component {
        name: "name".to_owned(),
        version: "1.0.0".to_owned(),
        sha: "0123456789012345678901234567890123456789".to_owned(),
        reference: "1".to_owned(),
        path: "templates/name.yml".to_owned(),
    };
    let context = Context {
        inputs: values,
        component: Some(&component),
        component_fields: &header.component,
        variables: &|name| {
            let (value, masked) = match name {
                "A" => ("a $B", false),
                "B" => ("b\\0", false),
                "SECRET" => ("hidden", true),
                _ => return None,
            };
            Some(IncludeVariable {
                value: value.into(),
                masked,
            })
        },
    };
    interpolate(content, &context).map_err(|error| (error.message, error.span))
}

fn has_symbols(node: &Node) -> bool {
    match &node.value {
        Value::Symbol(_) => true,
        Value::Sequence(items) | Value::Reference(items) => items.iter().any(has_symbols),
        Value::Mapping(mapping) => mapping.values().any(has_symbols),
        _ => false,
    }
}
