//! The inputs as a JSON Schema: what a form is made from.

use serde_json::{Map, Value as Json, json};

use super::{Header, InputRule, InputSpec, InputType};
use crate::yaml::Node;

/// The schema of all inputs.
pub(super) fn of(header: &Header) -> Json {
    let properties: Map<String, Json> = header
        .inputs
        .iter()
        .map(|(name, spec)| (name.clone(), property(spec)))
        .collect();
    let required: Vec<&str> = header
        .inputs
        .values()
        .filter(|spec| spec.default.is_none() && spec.rules.as_ref().is_none_or(Vec::is_empty))
        .map(|spec| spec.name.as_str())
        .collect();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    if let (Some(description), Some(members)) = (&header.description, schema.as_object_mut()) {
        members.insert("description".to_owned(), json!(description));
    }
    schema
}

fn property(spec: &InputSpec) -> Json {
    let kind = spec.kind.unwrap_or(InputType::String);
    let mut members = Map::new();
    let mut set = |key: &str, value: Json| _ = members.insert(key.to_owned(), value);
    set("type", json!(kind.name()));
    if let Some(description) = &spec.description {
        set("description", json!(description));
    }
    if let Some(default) = &spec.default {
        set("default", typed(default, kind));
    }
    if let Some(options) = &spec.options {
        set("enum", options.iter().map(|option| typed(option, kind)).collect());
    }
    if let Some((regex, _)) = &spec.regex {
        set("pattern", json!(regex.to_text()));
    }
    if let Some(rules) = &spec.rules {
        set("x-rules", rules.iter().map(|rule| rule_json(rule, kind)).collect());
    }
    Json::Object(members)
}

fn rule_json(rule: &InputRule, kind: InputType) -> Json {
    json!({
        "if": rule.condition.as_ref().map(|condition| condition.text()),
        "options": rule.options.as_ref().map(|options| options.iter().map(|option| typed(option, kind)).collect::<Vec<_>>()),
        "default": rule.default.as_ref().map(|default| typed(default, kind)),
    })
}

/// A string input takes anything as text.
fn typed(node: &Node, kind: InputType) -> Json {
    if kind == InputType::String {
        json!(node.to_text())
    } else {
        node.to_json()
    }
}
