//! What tags do to values, as Psych's `safe_load` with the classes that GitLab permits.

use std::fmt;
use std::sync::Arc;

use super::events::Scalar;
use super::node::{Mapping, Node, Value};
use super::scalar::{self, Refusal};

/// The tag of a string.
pub(super) const STR: &str = "tag:yaml.org,2002:str";

/// Why a tagged node is refused; `Display` is Psych's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TagRefusal {
    /// A class that is not permitted.
    Class(String),
    /// Ruby's conversion fails.
    Invalid,
}

impl From<Refusal> for TagRefusal {
    fn from(refusal: Refusal) -> TagRefusal {
        match refusal {
            Refusal::Class(class) => TagRefusal::Class(class.to_owned()),
            Refusal::Invalid => TagRefusal::Invalid,
        }
    }
}

impl fmt::Display for TagRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TagRefusal::Class(class) => write!(f, "Tried to load unspecified class: {class}"),
            TagRefusal::Invalid => f.write_str("Invalid YAML syntax"),
        }
    }
}

fn refused(class: &str) -> TagRefusal {
    TagRefusal::Class(class.to_owned())
}

/// The value of a scalar: by its tag if it has one, else by its text.
pub(super) fn scalar(scalar: &Scalar<'_>) -> Result<Value, TagRefusal> {
    let text = scalar.text;
    let Some(tag) = scalar.properties.tag else {
        return if scalar.quoted {
            Ok(string(text))
        } else {
            Ok(scalar::resolve(text)?)
        };
    };
    match tag {
        "!reference" => Ok(invalid_reference(string(text))),
        "!binary" | "tag:yaml.org,2002:binary" => Ok(string(&scalar::decode_base64(text))),
        STR | "!str" | "!ruby/string" => Ok(string(text)),
        "tag:yaml.org,2002:float" | "!float" => Ok(scalar::to_float(&scalar::resolve(text)?)?),
        "!ruby/class" | "!ruby/module" => Err(refused(text)),
        "!ruby/encoding" => Err(refused("Encoding")),
        "!ruby/regexp" => Err(refused("Regexp")),
        "!ruby/range" => Err(refused("Range")),
        "!ruby/object:BigDecimal" | "!ruby/object:DateTime" | "!ruby/object:Complex" | "!ruby/object:Rational" => {
            Err(refused(tag.trim_start_matches("!ruby/object:")))
        }
        _ if tag.starts_with("!ruby/sym") => Ok(Value::Symbol(text.into())),
        _ => match class_of(tag, &["!str:", "!ruby/string:"]) {
            Some(class) => Err(refused(class)),
            None => Ok(scalar::resolve(text)?),
        },
    }
}

/// The value of a sequence.
pub(super) fn sequence(tag: Option<&str>, items: Vec<Node>) -> Result<Value, TagRefusal> {
    match tag {
        Some("!reference") => Ok(Value::Reference(Arc::new(items))),
        Some("!omap" | "tag:yaml.org,2002:omap") => ordered_mapping(&items),
        Some(tag) if class_of(tag, &["!seq:", "!ruby/array:"]).is_some() => {
            Err(refused(class_of(tag, &["!seq:", "!ruby/array:"]).unwrap_or_default()))
        }
        _ => Ok(Value::Sequence(Arc::new(items))),
    }
}

/// `!!omap [a: 1, b: 2]`: the first pair of each item.
fn ordered_mapping(items: &[Node]) -> Result<Value, TagRefusal> {
    let mut mapping = Mapping::new();
    for item in items {
        let (key, entry) = item
            .as_mapping()
            .and_then(|pair| pair.iter().next())
            .ok_or(TagRefusal::Invalid)?;
        mapping.entries.insert(key.clone(), entry.clone());
    }
    Ok(Value::Mapping(Arc::new(mapping)))
}

/// Refuses mappings that stand for Ruby objects, before their content is looked at.
pub(super) fn check_mapping(tag: Option<&str>) -> Result<(), TagRefusal> {
    let Some(tag) = tag else { return Ok(()) };
    let class = match tag {
        "!ruby/object:Hash" => return Ok(()),
        "!set" | "tag:yaml.org,2002:set" => "Psych::Set",
        "!omap" | "tag:yaml.org,2002:omap" => "Psych::Omap",
        "!ruby/range" => "Range",
        "!ruby/object" | "!ruby/object:" => "Object",
        "!ruby/struct" | "!ruby/struct:" => "Struct",
        "!ruby/exception" | "!ruby/exception:" => "Exception",
        "!ruby/data" | "!ruby/data-with-ivars" => "Data",
        _ => {
            const NAMED: &[&str] = &[
                "!ruby/object:",
                "!ruby/struct:",
                "!ruby/exception:",
                "!ruby/data:",
                "!ruby/data-with-ivars:",
                "!ruby/array:",
                "!ruby/hash-with-ivars:",
                "!ruby/hash:",
                "!ruby/marshalable:",
                "!ruby/string:",
                "!str:",
                "!map:",
            ];
            match class_of(tag, NAMED) {
                Some(class) => class,
                None => return Ok(()),
            }
        }
    };
    Err(refused(class))
}

/// The value of a mapping that was not refused.
pub(super) fn mapping(tag: Option<&str>, mapping: Mapping) -> Value {
    let value = Value::Mapping(Arc::new(mapping));
    match tag {
        Some("!reference") => invalid_reference(value),
        Some(STR | "!str" | "!ruby/string") => match &value {
            Value::Mapping(members) => members.get("str").map_or(Value::Null, |text| text.value.clone()),
            _ => value,
        },
        _ => value,
    }
}

/// The class that a tag names behind one of the prefixes.
fn class_of<'t>(tag: &'t str, prefixes: &[&str]) -> Option<&'t str> {
    prefixes.iter().find_map(|prefix| tag.strip_prefix(prefix))
}

/// A `!reference` that is no list: a reference whose only item is a reference to the value, so
/// that it can never be taken for a valid one and its value can still be shown.
fn invalid_reference(value: Value) -> Value {
    let wrap = |value| Value::Reference(Arc::new(vec![Node::new(value, super::node::Span::default())]));
    wrap(wrap(value))
}

/// The keys of a `!reference`, or Ruby's `inspect` of what stands there instead.
pub(super) fn reference_keys(items: &[Node]) -> Result<Vec<&str>, String> {
    if let [
        Node {
            value: Value::Reference(wrapped),
            ..
        },
    ] = items
        && let [inner] = &wrapped[..]
    {
        // Nothing behind the tag shows as the empty list that Psych keeps for it.
        return Err(if inner.is_blank() {
            "[]".to_owned()
        } else {
            inner.inspect()
        });
    }
    let keys: Option<Vec<&str>> = items.iter().map(Node::as_str).collect();
    keys.filter(|keys| !keys.is_empty())
        .ok_or_else(|| super::ruby::inspect_list(items))
}

fn string(text: &str) -> Value {
    Value::String(text.into())
}
