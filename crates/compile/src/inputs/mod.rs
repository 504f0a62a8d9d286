//! `spec:inputs`: what a configuration asks for, the values it gets, and `$[[ … ]]` (ci-yaml.md 5).
//!
//! [`Header::parse`] reads the header document, [`Header::resolve`] checks given values and fills in
//! defaults, [`interpolate()`] puts them into the content. Files of `spec:include` are fetched by the
//! caller. Messages are GitLab's, complete with their prefix.

mod access;
mod check;
mod functions;
mod interpolate;
mod schema;
mod values;

use std::borrow::Cow;

use indexmap::IndexMap;

use crate::expression::Expression;
use crate::facts::Component;
use crate::regex::Pattern;
use crate::yaml::{Node, Span};

pub use interpolate::interpolate;

/// One thing wrong with a header or a value; `Display` is GitLab's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InputError {
    /// GitLab's text, complete.
    pub message: String,
    /// Where in the header or content.
    pub span: Span,
}

/// GitLab's one message for several: at most the first three, with commas.
#[must_use]
pub fn joined_message(errors: &[InputError]) -> String {
    errors
        .iter()
        .take(3)
        .map(|error| error.message.as_str())
        .collect::<Vec<_>>()
        .join(", ")
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
    /// How many of `inputs` came from included files; these stand first.
    included: usize,
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
    /// Its type; `None` = written as `null`, which fits no value.
    pub kind: Option<InputType>,
    /// The default; `None` = not written. An explicit `null` is a default.
    pub default: Option<Node>,
    /// The values allowed.
    pub options: Option<Vec<Node>>,
    /// What a string must match, as written, and compiled.
    pub regex: Option<(Node, Option<Pattern>)>,
    /// Rules that choose options and default; `None` = not written.
    pub rules: Option<Vec<InputRule>>,
}

/// The types of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputType {
    /// `string`, the default.
    String,
    /// `number`.
    Number,
    /// `boolean`.
    Boolean,
    /// `array`.
    Array,
}

/// A rule of an input.
#[derive(Clone, Debug)]
pub struct InputRule {
    /// When it holds; `None` = always.
    pub condition: Option<Expression>,
    /// The values allowed then.
    pub options: Option<Vec<Node>>,
    /// The default then.
    pub default: Option<Node>,
}

/// What values are given as.
#[derive(Clone, Debug)]
pub enum Given {
    /// A typed value (JSON, YAML). Text is text here as well.
    Value(Node),
    /// Text from a form or a command line.
    Text(String),
}

/// Checked values by name, in the order of the header.
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
pub struct Context<'a> {
    /// Values of the inputs.
    pub inputs: &'a InputValues,
    /// The component the file is, if it is one.
    pub component: Option<&'a Component>,
    /// The fields of it that the header asks for ([`Header::component`]).
    pub component_fields: &'a [String],
    /// Include-time variables for `expand_vars`.
    pub variables: &'a dyn Fn(&str) -> Option<IncludeVariable<'a>>,
}

impl Given {
    fn to_node(&self) -> Node {
        match self {
            Given::Value(node) => node.clone(),
            Given::Text(text) => Node::text(text.as_str(), Span::default()),
        }
    }
}

impl InputType {
    /// GitLab's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            InputType::String => "string",
            InputType::Number => "number",
            InputType::Boolean => "boolean",
            InputType::Array => "array",
        }
    }

    /// The type of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<InputType> {
        [
            InputType::String,
            InputType::Number,
            InputType::Boolean,
            InputType::Array,
        ]
        .into_iter()
        .find(|kind| kind.name() == word)
    }
}

impl Header {
    /// Reads the header document (`spec: …`).
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(header: &Node) -> Result<Header, Vec<InputError>> {
        check::header(header)
    }

    /// Adds the inputs of a `spec:include` file (a mapping with only `inputs`), before those that
    /// the header itself declares.
    ///
    /// # Errors
    ///
    /// Unknown keys, wrong inputs, names declared twice.
    pub fn add_included(&mut self, location: &str, content: &Node) -> Result<(), Vec<InputError>> {
        let added = check::included(location, content)?;
        let twice: Vec<&str> = added
            .keys()
            .map(String::as_str)
            .filter(|name| self.inputs.contains_key(*name))
            .collect();
        if !twice.is_empty() {
            let message = format!(
                "Duplicate input keys found: {}. Input keys must be unique across all included files and inline specifications.",
                twice.join(", ")
            );
            return Err(vec![InputError {
                message,
                span: content.span,
            }]);
        }
        for (name, spec) in added {
            self.inputs.shift_insert(self.included, name, spec);
            self.included += 1;
        }
        Ok(())
    }

    /// Checks given values and fills in defaults. Text for an input that is not a string is read as
    /// JSON.
    ///
    /// # Errors
    ///
    /// Everything that is wrong; [`joined_message`] makes GitLab's message of it.
    pub fn resolve(&self, given: &IndexMap<String, Given>) -> Result<InputValues, Vec<InputError>> {
        let given = given
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_node()))
            .collect();
        values::resolve(self, &given)
    }

    /// The inputs as a JSON Schema object. Rules, which JSON Schema cannot express, are in `x-rules`.
    #[must_use]
    pub fn json_schema(&self) -> serde_json::Value {
        schema::of(self)
    }
}
