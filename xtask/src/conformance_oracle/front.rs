//! Rows about the front end: scalars, expressions, patterns, durations, inputs.

use std::borrow::Cow;
use std::collections::HashMap;

use compile::duration::{self, Expiry};
use compile::expression::Expression;
use compile::glob::{self, Glob};
use compile::inputs::{self, Context, Given, Header, IncludeVariable, InputError};
use compile::yaml::{self, Limits, Node, Span, Value};
use serde_json::{Value as Json, json};

use crate::Result;

/// Answers "as recorded", or what was expected and what came.
fn same(what: &str, expected: &Json, got: &Json) -> Result<()> {
    if equal(expected, got) {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected}, got {got}"))
    }
}

/// Equality with numbers by value: JSON tables do not keep `3` and `3.0` apart.
fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

fn text<'r>(row: &'r Json, key: &str) -> &'r str {
    row[key].as_str().unwrap_or_default()
}

fn texts(row: &Json, key: &str) -> Vec<String> {
    row[key]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect()
}

pub(super) fn yaml_scalar(row: &Json) -> Result<()> {
    let document = format!("k: {}\n", text(row, "text"));
    let parsed = match yaml::parse(&document, 0, &Limits::default()) {
        Ok(parsed) => parsed.root,
        Err(error) => {
            same("type", &row["type"], &json!("error"))?;
            return same("error", &row["error"], &json!(error.to_string()));
        }
    };
    let Some(node) = parsed.get("k") else {
        return Err("no key `k`".to_owned());
    };
    same("type", &row["type"], &json!(type_name(node)))?;
    match &node.value {
        Value::Float(_) => same("to_s", &row["to_s"], &json!(node.to_text())),
        Value::Integer(_) | Value::BigInt(_) if row.get("integer_text").is_some() => {
            same("integer", &row["integer_text"], &json!(node.to_text()))
        }
        _ => same("value", &row["value"], &node.to_json()),
    }
}

fn type_name(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Integer(_) | Value::BigInt(_) => "integer",
        Value::Float(_) => "float",
        Value::String(_) => "string",
        Value::Symbol(_) => "symbol",
        Value::Sequence(_) | Value::Reference(_) => "array",
        Value::Mapping(_) => "mapping",
    }
}

pub(super) fn expression(row: &Json) -> Result<()> {
    let written = text(row, "expression");
    same("valid", &row["valid"], &json!(Expression::is_valid(written)))?;
    let variables = variables(row);
    let truth = Expression::parse(written).is_ok_and(|expression| {
        Expression::is_valid(written)
            && expression.evaluate(&|name| variables.get(name).map(|variable| variable.value.clone()))
    });
    same("truth", &row["truth"], &json!(truth))
}

fn variables(row: &Json) -> HashMap<&str, IncludeVariable<'_>> {
    let variable = |variable: &'_ Json| variable["masked"].as_bool().unwrap_or_default();
    row["variables"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|each| {
            let value = Cow::Borrowed(text(each, "value"));
            (
                text(each, "key"),
                IncludeVariable {
                    value,
                    masked: variable(each),
                },
            )
        })
        .collect()
}

pub(super) fn glob(row: &Json) -> Result<()> {
    let matched = Glob::new(text(row, "pattern")).matches(text(row, "path"));
    same("matched", &row["matched"], &json!(matched))
}

pub(super) fn exists(row: &Json) -> Result<()> {
    let mut files = texts(row, "files");
    files.sort();
    same(
        "matched",
        &row["matched"],
        &json!(glob::exists(&texts(row, "paths"), &files)),
    )
}

pub(super) fn duration(row: &Json) -> Result<()> {
    let written = text(row, "text");
    let seconds = duration::parse(written);
    same("valid", &row["valid"], &json!(seconds.is_some()))?;
    if let Some(seconds) = seconds {
        same("seconds", &row["seconds"], &json!(seconds))?;
    }
    let expiry: Option<Expiry> = duration::parse_expiry(written);
    same("never_form_valid", &row["never_form_valid"], &json!(expiry.is_some()))?;
    let within = |limit| json!(duration::is_within(written, limit));
    same(
        "within_1_week",
        &row["within_1_week"],
        &within(duration::START_IN_LIMIT),
    )?;
    same(
        "within_job_timeout_limit",
        &row["within_job_timeout_limit"],
        &within(duration::TIMEOUT_LIMIT),
    )
}

pub(super) fn inputs(row: &Json) -> Result<()> {
    let content = fill(row);
    same("ok", &row["ok"], &json!(content.is_ok()))?;
    match content {
        Ok(content) => same("content", &row["content"], &content.to_json()),
        Err(message) => same("error", &row["error"], &json!(message)),
    }
}

/// Loads, checks and interpolates one file as GitLab does; the error is its message.
fn fill(row: &Json) -> Result<Node> {
    let documents = yaml::load(text(row, "yaml"), 0, &Limits::default()).map_err(|error| error.to_string())?;
    let given = given(row);
    let Some(header) = &documents.header else {
        return if given.is_empty() {
            Ok(documents.content)
        } else {
            Err("Given inputs not defined in the `spec` section of the included configuration file".to_owned())
        };
    };
    let joined = |errors: Vec<InputError>| inputs::joined_message(&errors);
    let header = Header::parse(header).map_err(joined)?;
    let values = header.resolve(&given).map_err(joined)?;
    let variables = variables(row);
    let context = Context {
        inputs: &values,
        component: None,
        component_fields: &header.component,
        variables: &|name| variables.get(name).cloned(),
    };
    inputs::interpolate(&documents.content, &context).map_err(|error| error.message)
}

fn given(row: &Json) -> indexmap::IndexMap<String, Given> {
    let members = row["inputs"].as_object().into_iter().flatten();
    members
        .map(|(name, value)| (name.clone(), Given::Value(Node::from_json(value, Span::default()))))
        .collect()
}
