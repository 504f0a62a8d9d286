//! The expression language of `rules:if` (rules-and-variables.md 1): parsed once, evaluated often.
//!
//! Knows nothing about rules or where variables come from: values come through a look-up.

use std::borrow::Cow;
use std::sync::Arc;

use crate::regex::RegexCache;

/// A parsed expression. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression {
    text: Arc<str>,
}

/// Why a text is no expression (GitLab's users only see `invalid expression syntax`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// GitLab's inner message.
    pub message: String,
}

/// What an expression may look at.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Value of `$NAME`; `None` = undefined.
    pub variable: &'a dyn Fn(&str) -> Option<Cow<'a, str>>,
    /// Value of `$[[ inputs.NAME ]]`; only input rules have some.
    pub input: Option<&'a dyn Fn(&str) -> Option<Operand>>,
    /// Keeps regular expressions that come from variables.
    pub regexes: Option<&'a RegexCache>,
}

/// A value inside an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Undefined, or `null`.
    Nil,
    /// Text.
    Text(String),
    /// `true`, `false`, the result of a comparison.
    Bool(bool),
}

/// An evaluation that remembers what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The result.
    pub value: bool,
    /// The variables looked at, in order, once each; `None` = undefined.
    pub looked_at: Vec<(String, Option<String>)>,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// [`ExpressionError`] when the text is not an expression.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        Ok(Expression { text: text.into() })
    }

    /// Whether GitLab accepts the text: it parses, and evaluates without variables.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        Expression::parse(text).is_ok()
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the expression holds. An error while evaluating is false.
    #[must_use]
    pub fn evaluate<'a>(&self, lookup: &'a dyn Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        self.evaluate_in(&Scope { variable: lookup, input: None, regexes: None })
    }

    /// Whether the expression holds, with inputs and a cache.
    #[must_use]
    pub fn evaluate_in(&self, scope: &Scope<'_>) -> bool {
        _ = scope;
        false
    }

    /// Evaluates and says which variables were looked at.
    #[must_use]
    pub fn trace(&self, scope: &Scope<'_>) -> Trace {
        Trace { value: self.evaluate_in(scope), looked_at: Vec::new() }
    }

    /// The names of all variables in the expression.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
}
