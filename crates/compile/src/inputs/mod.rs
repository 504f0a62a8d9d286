//! `spec:inputs`: what a configuration asks for, the values it gets, and `$[[ … ]]`. (Being written.)
//!
//! [`Header::parse`] reads the header, [`Header::resolve`] checks values, [`interpolate`] fills them in.

use std::borrow::Cow;

use indexmap::IndexMap;

use crate::facts::Component;
use crate::yaml::{Node, Span};

/// One thing wrong with a header or a value; `Display` is GitLab's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InputError {
    /// GitLab's text, complete.
    pub message: String,
    /// Where in the header or content.
    pub span: Span,
}

/// A checked header.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// The declared inputs in order.
    pub inputs: IndexMap<String, InputSpec>,
    /// `spec:include` as written; the caller loads the files and calls [`Header::add_included`].
    pub include: Option<Node>,
    /// `spec:component`: the fields asked for.
    pub component: Vec<String>,
    /// `spec:description`.
    pub description: Option<String>,
}

/// One declared input.
#[derive(Clone, Debug)]
pub struct InputSpec {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// Its description.
    pub description: Option<String>,
}

/// What values are given as.
#[derive(Clone, Debug)]
pub enum Given {
    /// A typed value (JSON, YAML).
    Value(Node),
    /// Text from a form: parsed as JSON when the declared type is not `string`.
    Text(String),
}

/// Checked values by name.
pub type InputValues = IndexMap<String, Node>;

/// A variable that `expand_vars` may use.
#[derive(Clone, Debug)]
pub struct IncludeVariable<'a> {
    /// Its value.
    pub value: Cow<'a, str>,
    /// Whether it is masked and so refused.
    pub masked: bool,
}

/// What interpolation may look at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Values of the inputs.
    pub inputs: &'a InputValues,
    /// The component the file is, if it is one.
    pub component: Option<&'a Component>,
    /// Include-time variables for `expand_vars`.
    pub variables: &'a dyn Fn(&str) -> Option<IncludeVariable<'a>>,
}

impl Header {
    /// Reads the header document (`spec: …`).
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(header: &Node) -> Result<Header, Vec<InputError>> {
        _ = header;
        Ok(Header::default())
    }

    /// Adds the inputs of a `spec:include` file (a mapping with only `inputs`).
    ///
    /// # Errors
    ///
    /// Unknown keys, wrong inputs, names declared twice.
    pub fn add_included(&mut self, location: &str, content: &Node) -> Result<(), Vec<InputError>> {
        _ = (location, content);
        Ok(())
    }

    /// Checks given values and fills in defaults.
    ///
    /// # Errors
    ///
    /// Everything that is wrong; GitLab's message joins the first three with `, `.
    pub fn resolve(&self, given: &IndexMap<String, Given>) -> Result<InputValues, Vec<InputError>> {
        _ = given;
        Ok(InputValues::new())
    }

    /// The inputs as a JSON Schema object.
    #[must_use]
    pub fn json_schema(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// Fills `$[[ … ]]` in keys and values.
///
/// # Errors
///
/// The first block that cannot be filled; GitLab's message.
pub fn interpolate(content: &Node, context: &Context<'_>) -> Result<Node, InputError> {
    _ = context;
    Ok(content.clone())
}
