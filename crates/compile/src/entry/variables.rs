//! `variables` at every place where they may be written.

use indexmap::IndexMap;
use model::definition::YamlVariable;

use crate::yaml::{Key, Node, OtherKey, Span, Value};

use super::checks::{Checked, Checks, is_array_of_strings, texts};

/// A root variable with what the web form shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootVariable {
    /// Name, value, rawness.
    pub variable: YamlVariable,
    /// `description`.
    pub description: Option<String>,
    /// `options`.
    pub options: Vec<String>,
    /// File and line are found through this.
    pub(crate) span: Span,
}

/// `variables` of the file.
pub(crate) fn root(node: &Node, at: &str) -> Checked<Vec<RootVariable>> {
    all(node, at, &["value", "description", "expand", "options"])
}

/// `variables` of a job.
pub(crate) fn job(node: &Node, at: &str) -> Checked<Vec<YamlVariable>> {
    plain(all(node, at, &["value", "expand"]))
}

/// `variables` of a rule or a service: values only.
pub(crate) fn service(node: &Node, at: &str) -> Checked<Vec<YamlVariable>> {
    plain(all(node, at, &[]))
}

fn plain(checked: Checked<Vec<RootVariable>>) -> Checked<Vec<YamlVariable>> {
    let value = checked
        .value
        .map(|list| list.into_iter().map(|root| root.variable).collect());
    Checked {
        value,
        found: checked.found,
    }
}

fn all(node: &Node, at: &str, data_keys: &[&str]) -> Checked<Vec<RootVariable>> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    let mut variables: IndexMap<String, RootVariable> = IndexMap::new();
    if let Some(mapping) = node.as_mapping() {
        for (key, entry) in mapping.iter() {
            let found = one(key, entry.key_span, &entry.value, at, data_keys).take(&mut checks.found);
            if let Some(variable) = found {
                variables.insert(variable.variable.key.clone(), variable);
            }
        }
    }
    checks.done(Some(variables.into_values().collect()))
}

fn one(key: &Key, key_span: Span, value: &Node, at: &str, data_keys: &[&str]) -> Checked<RootVariable> {
    let name = key.to_string();
    let kind = if value.is_mapping() || value.is_null() {
        "complex variable"
    } else {
        "simple variable"
    };
    let place = format!("{at}:{}", key.place(kind));
    let mut checks = Checks::new(value, &place);
    if !matches!(key, Key::Text(_) | Key::Other(OtherKey::Integer(_))) {
        checks.fail("key", "must be an alphanumeric string", key_span);
    }
    let mut variable = RootVariable {
        variable: YamlVariable {
            key: name.clone(),
            value: String::new(),
            raw: false,
        },
        description: None,
        options: Vec::new(),
        span: key_span,
    };
    match &value.value {
        Value::Sequence(_) | Value::Reference(_) => {
            return Checked::wrong("variable definition must be either a string or a hash", value.span);
        }
        Value::Mapping(_) | Value::Null => complex(value, data_keys, &mut checks, &mut variable),
        _ => variable.variable.value = value.to_text(),
    }
    checks.done(Some(variable))
}

/// A variable written as a map; null is an empty one.
fn complex(node: &Node, data_keys: &[&str], checks: &mut Checks<'_>, into: &mut RootVariable) {
    if let Some(value) = node.get_some("value") {
        if is_scalar(value) {
            into.variable.value = value.to_text();
        } else {
            checks.fail("config value", "must be a scalar", value.span);
        }
    }
    if let Some(description) = node.get_some("description") {
        if description.as_text().is_none() && !description.is_integer() {
            checks.fail("config description", "must be an alphanumeric string", description.span);
        }
        into.description = Some(description.to_text());
    }
    if let Some(expand) = node.get("expand") {
        if !expand.is_null() {
            checks.boolean("config expand", expand);
        }
        // An explicit null is as good as false.
        into.variable.raw = expand.as_bool() != Some(true);
    }
    let options = node.get_some("options");
    if let Some(options) = options {
        checks.strings("config options", options);
        into.options = if is_array_of_strings(options) {
            texts(options)
        } else {
            Vec::new()
        };
    }
    if data_keys.is_empty() {
        checks.config("must be a string");
    } else if let Some(mapping) = node.as_mapping() {
        let extra: Vec<String> = mapping
            .keys()
            .map(ToString::to_string)
            .filter(|key| !data_keys.contains(&key.as_str()))
            .collect();
        if !extra.is_empty() {
            checks.config(format_args!("uses invalid data keys: {}", extra.join(", ")));
        }
    }
    if let Some(options) = options.filter(|options| !options.is_blank()) {
        let value = node.get("value");
        let among = match options.as_sequence() {
            // A variable without a value has none: `null`.
            Some(items) => value.map_or_else(|| items.iter().any(Node::is_null), |value| items.contains(value)),
            None => value
                .and_then(Node::as_str)
                .is_some_and(|value| options.to_text().contains(value)),
        };
        if !among {
            checks.config("value must be present in options");
        }
    }
}

fn is_scalar(node: &Node) -> bool {
    matches!(
        node.value,
        Value::String(_) | Value::Symbol(_) | Value::Integer(_) | Value::BigInt(_) | Value::Float(_) | Value::Bool(_)
    )
}
