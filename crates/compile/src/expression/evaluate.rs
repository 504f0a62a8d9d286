//! The value of a tree.

use std::borrow::Cow;
use std::cell::RefCell;

use super::lexer::Binary;
use super::parser::Tree;
use super::{ExpressionError, Scope};
use crate::regex::Pattern;
use crate::yaml::{Node, Value as NodeValue, ruby};

/// What a tree may evaluate to.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    /// Undefined, or `null`.
    Nil,
    /// Text.
    Text(Cow<'a, str>),
    /// A boolean.
    Bool(bool),
    /// A regular expression.
    Regex(&'a Pattern),
    /// An input that is none of these: a number or a list.
    Other(Node),
}

/// Where the variables that were looked at are written down.
pub(super) type Record = RefCell<Vec<(String, Option<String>)>>;

/// Evaluates; the error is one that GitLab would raise while evaluating.
pub(super) fn evaluate<'e, 'a: 'e>(
    tree: &'e Tree,
    scope: &Scope<'a>,
    record: Option<&Record>,
) -> Result<Value<'e>, ExpressionError> {
    Ok(match tree {
        Tree::Null => Value::Nil,
        Tree::Bool(value) => Value::Bool(*value),
        Tree::Text(text) => Value::Text(Cow::Borrowed(text)),
        Tree::Regex(pattern) => Value::Regex(pattern),
        Tree::Variable(name) => variable(name, scope, record),
        Tree::Input(name) => scope
            .input
            .and_then(|lookup| lookup(name))
            .map_or(Value::Nil, Value::from_node),
        Tree::Not(operand) => Value::Bool(!evaluate(operand, scope, record)?.is_present()),
        Tree::Binary(operator, operands) => binary(*operator, operands, scope, record)?,
    })
}

fn variable<'a>(name: &str, scope: &Scope<'a>, record: Option<&Record>) -> Value<'a> {
    let value = (scope.variable)(name);
    if let Some(record) = record {
        let mut seen = record.borrow_mut();
        if !seen.iter().any(|(known, _)| known == name) {
            seen.push((name.to_owned(), value.as_deref().map(str::to_owned)));
        }
    }
    value.map_or(Value::Nil, Value::Text)
}

fn binary<'e, 'a: 'e>(
    operator: Binary,
    operands: &'e (Tree, Tree),
    scope: &Scope<'a>,
    record: Option<&Record>,
) -> Result<Value<'e>, ExpressionError> {
    let left = evaluate(&operands.0, scope, record)?;
    match operator {
        Binary::And if !left.is_truthy() => return Ok(left),
        Binary::Or if left.is_truthy() => return Ok(left),
        _ => {}
    }
    let right = evaluate(&operands.1, scope, record)?;
    Ok(match operator {
        Binary::And | Binary::Or => right,
        Binary::Equal => Value::Bool(left.equals(&right)),
        Binary::NotEqual => Value::Bool(!left.equals(&right)),
        Binary::Match => Value::Bool(matches(&left, &right, scope)?),
        // Here GitLab only lets null pass, `=~` lets everything pass that is not true.
        Binary::NotMatch if matches!(right, Value::Bool(_)) => return Err(no_text()),
        Binary::NotMatch => Value::Bool(!matches(&left, &right, scope)?),
    })
}

/// `text =~ pattern`. A plain text on the right is searched for the left one, the other way round
/// than people think.
fn matches(text: &Value<'_>, pattern: &Value<'_>, scope: &Scope<'_>) -> Result<bool, ExpressionError> {
    let text = text.to_text();
    match pattern {
        Value::Nil | Value::Bool(false) => Ok(false),
        Value::Regex(pattern) => Ok(pattern.is_match(&text)),
        Value::Text(source) => {
            let compiled = match scope.regexes {
                Some(cache) => cache.delimited(source),
                None => Pattern::delimited(source),
            };
            match compiled {
                Some(Ok(pattern)) => Ok(pattern.is_match(&text)),
                Some(Err(_)) | None => Ok(source.contains(&*text)),
            }
        }
        Value::Bool(true) | Value::Other(_) => Err(no_text()),
    }
}

fn no_text() -> ExpressionError {
    ExpressionError::new("the right side of =~ is no text")
}

impl<'a> Value<'a> {
    fn from_node(node: Node) -> Value<'a> {
        match &node.value {
            NodeValue::Null => Value::Nil,
            NodeValue::Bool(value) => Value::Bool(*value),
            NodeValue::String(text) => Value::Text(Cow::Owned(text.to_string())),
            _ => Value::Other(node),
        }
    }

    /// Whether Rails calls the value present; the truth of a whole expression.
    pub(super) fn is_present(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Text(text) => !ruby::is_blank(text),
            Value::Bool(value) => *value,
            Value::Regex(_) => true,
            Value::Other(node) => !node.is_blank(),
        }
    }

    /// Whether Ruby calls the value true; what `&&` and `||` ask. Empty text is true.
    fn is_truthy(&self) -> bool {
        !matches!(self, Value::Nil | Value::Bool(false))
    }

    fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Nil, Value::Nil) => true,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Bool(a), Value::Text(b)) | (Value::Text(b), Value::Bool(a)) => {
                b == if *a { "true" } else { "false" }
            }
            (Value::Regex(a), Value::Regex(b)) => a == b,
            (Value::Other(a), Value::Other(b)) => a == b,
            _ => false,
        }
    }

    fn to_text(&self) -> Cow<'_, str> {
        match self {
            Value::Nil => Cow::Borrowed(""),
            Value::Text(text) => Cow::Borrowed(text),
            Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Value::Regex(pattern) => Cow::Borrowed(pattern.source()),
            Value::Other(node) => Cow::Owned(node.to_text()),
        }
    }
}
