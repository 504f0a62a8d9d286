//! The expression language of `rules:if` (rules-and-variables.md 1): parsed once, evaluated often.
//!
//! Three phases: [`lexer`] cuts the text into tokens, [`parser`] builds a tree with the shunting
//! yard that GitLab uses (its oddities are part of the language), [`evaluate`] walks it. Knows
//! nothing about rules or where variables come from: values come through a look-up.

mod evaluate;
mod lexer;
mod parser;

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use crate::regex::RegexCache;
use crate::yaml::Node;
use parser::Tree;

/// A parsed expression. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    text: String,
    tree: Tree,
}

/// Why a text is no expression (GitLab's users only see `invalid expression syntax`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// GitLab's inner message.
    pub message: String,
}

impl ExpressionError {
    fn new(message: impl Into<String>) -> ExpressionError {
        ExpressionError {
            message: message.into(),
        }
    }
}

/// Finds the value of an input; `None` = there is none.
pub type InputLookup<'a> = &'a dyn Fn(&str) -> Option<Node>;

/// What an expression may look at.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Value of `$NAME`; `None` = undefined.
    pub variable: &'a dyn Fn(&str) -> Option<Cow<'a, str>>,
    /// Value of `$[[ inputs.NAME ]]`; only input rules have some.
    pub input: Option<InputLookup<'a>>,
    /// Keeps regular expressions that come from variables.
    pub regexes: Option<&'a RegexCache>,
}

/// An evaluation that remembers what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The result.
    pub value: bool,
    /// The variables looked at, in order, once each; `None` = undefined. What a short cut of `&&`
    /// or `||` left out is not here.
    pub looked_at: Vec<(String, Option<String>)>,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// [`ExpressionError`] when the text is not an expression.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        let tree = parser::parse(lexer::tokens(text)?)?;
        Ok(Expression {
            inner: Arc::new(Inner {
                text: text.to_owned(),
                tree,
            }),
        })
    }

    /// Whether GitLab accepts the text: it parses, and evaluates without variables.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        Expression::parse(text).is_ok_and(|expression| expression.is_sound())
    }

    /// Whether the expression evaluates without variables; the second half of [`Self::is_valid`].
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let scope = Scope {
            variable: &|_| None,
            input: None,
            regexes: None,
        };
        evaluate::evaluate(&self.inner.tree, &scope, None).is_ok()
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// Whether the expression holds. An error while evaluating is false.
    #[must_use]
    pub fn evaluate<'a>(&self, lookup: &'a dyn Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        self.evaluate_in(&Scope {
            variable: lookup,
            input: None,
            regexes: None,
        })
    }

    /// Whether the expression holds, with inputs and a cache.
    #[must_use]
    pub fn evaluate_in(&self, scope: &Scope<'_>) -> bool {
        evaluate::evaluate(&self.inner.tree, scope, None).is_ok_and(|value| value.is_present())
    }

    /// Evaluates and says which variables were looked at.
    #[must_use]
    pub fn trace(&self, scope: &Scope<'_>) -> Trace {
        let looked_at = RefCell::default();
        let value = evaluate::evaluate(&self.inner.tree, scope, Some(&looked_at)).is_ok_and(|value| value.is_present());
        Trace {
            value,
            looked_at: looked_at.into_inner(),
        }
    }

    /// The names of all variables in the expression, in order; a name may come twice.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let mut names = Vec::new();
        self.inner.tree.variables(&mut names);
        names.into_iter()
    }
}
