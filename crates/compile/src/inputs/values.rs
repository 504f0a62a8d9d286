//! Given values against declared inputs: types, options, patterns, rules, defaults.

use std::cell::RefCell;

use indexmap::IndexMap;

use super::{Header, InputError, InputRule, InputSpec, InputType, InputValues};
use crate::expression::Scope;
use crate::yaml::{Node, Span, Value};

/// Checks and completes all values.
pub(super) fn resolve(header: &Header, given: &IndexMap<&str, Node>) -> Result<InputValues, Vec<InputError>> {
    let mut errors = Vec::new();
    let unknown: Vec<&str> = given
        .keys()
        .copied()
        .filter(|name| header.inputs.get(*name).is_none_or(|spec| spec.kind.is_none()))
        .collect();
    if !unknown.is_empty() {
        let message = format!("unknown input arguments: {}", unknown.join(", "));
        errors.push(InputError {
            message,
            span: Span::default(),
        });
    }
    // Declared with a type that fits nothing: GitLab names these first.
    for spec in header.inputs.values().filter(|spec| spec.kind.is_none()) {
        let message = format!(
            "unknown input specification for `{}` (valid types: array, boolean, number, string)",
            spec.name
        );
        errors.push(InputError {
            message,
            span: spec.span,
        });
    }
    let mut values = InputValues::with_capacity(header.inputs.len());
    for (name, spec) in &header.inputs {
        let Some(kind) = spec.kind else { continue };
        let check = Check {
            spec,
            kind,
            given,
            resolved: &values,
            errors: RefCell::new(&mut errors),
        };
        let value = check.value(given.get(name.as_str()));
        values.insert(name.clone(), value);
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

/// One input while its value is found.
struct Check<'a> {
    spec: &'a InputSpec,
    kind: InputType,
    given: &'a IndexMap<&'a str, Node>,
    resolved: &'a InputValues,
    errors: RefCell<&'a mut Vec<InputError>>,
}

/// Where a value comes from, as messages say it.
#[derive(Clone, Copy)]
enum Source {
    Default,
    Provided,
}

impl Check<'_> {
    fn value(&self, given: Option<&Node>) -> Node {
        let rules = self.spec.rules.as_deref();
        let given = given
            .filter(|value| !value.is_null())
            // An empty text is no choice where rules give the choices.
            .filter(|value| !(rules.is_some() && value.as_text() == Some("")));
        let rule = self.matching_rule();
        let is_required =
            self.spec.default.is_none() && !rules.unwrap_or_default().iter().any(|rule| rule.default.is_some());
        if is_required && given.is_none() {
            self.error("required value has not been provided");
            return Node::null(self.spec.span);
        }
        let default = rule
            .and_then(|rule| rule.default.as_ref())
            .filter(|default| !default.is_null())
            .or(self.spec.default.as_ref())
            .filter(|default| !default.is_null());
        if let Some(default) = default {
            self.validate(default, rule, Source::Default);
        }
        if let Some(given) = given {
            self.validate(given, rule, Source::Provided);
        }
        match given.or(default) {
            Some(value) => coerce(self.kind, value),
            None if self.kind == InputType::String => Node::text("", self.spec.span),
            None => Node::null(self.spec.span),
        }
    }

    fn matching_rule(&self) -> Option<&InputRule> {
        let input = |name: &str| self.resolved.get(name).or_else(|| self.given.get(name)).cloned();
        let scope = Scope {
            variable: &|_| None,
            input: Some(&input),
            regexes: None,
        };
        let holds = |rule: &InputRule| {
            rule.condition
                .as_ref()
                .is_none_or(|condition| condition.evaluate_in(&scope))
        };
        self.spec.rules.iter().flatten().find(|rule| holds(rule))
    }

    fn validate(&self, value: &Node, rule: Option<&InputRule>, source: Source) {
        let value = coerce(self.kind, value);
        let said = match source {
            Source::Default => "default",
            Source::Provided => "provided",
        };
        let options = rule
            .and_then(|rule| rule.options.as_ref())
            .or(self.spec.options.as_ref());
        match self.kind {
            InputType::String => self.validate_string(&value, options, said),
            InputType::Number => {
                if !matches!(value.value, Value::Integer(_) | Value::BigInt(_) | Value::Float(_)) {
                    self.error(&format!("{said} value is not a number"));
                }
                if let Some(options) = options
                    && !value.is_null()
                    && value.as_bool() != Some(false)
                    && !options.contains(&value)
                {
                    let text = value.to_text();
                    self.error(&format!(
                        "`{text}` cannot be used because it is not in the list of the allowed options"
                    ));
                }
                self.no_regex();
            }
            InputType::Boolean => {
                if value.as_bool().is_none() {
                    self.error(&format!("{said} value is not a boolean"));
                }
                self.no_options();
                self.no_regex();
            }
            InputType::Array => {
                if !value.is_sequence() {
                    self.error(&format!("{said} value is not an array"));
                }
                self.no_options();
                self.no_regex();
            }
        }
    }

    fn validate_string(&self, value: &Node, options: Option<&Vec<Node>>, said: &str) {
        let text = value.as_str().unwrap_or_default();
        if let Some(options) = options
            && !options.iter().any(|option| option.to_text() == text)
        {
            self.error(&format!(
                "`{text}` cannot be used because it is not in the list of allowed options"
            ));
        }
        match &self.spec.regex {
            Some((_, Some(pattern))) if !pattern.is_match(text) => {
                self.error(&format!("{said} value does not match required RegEx pattern"));
            }
            Some((_, None)) => self.error("invalid regular expression"),
            Some((_, Some(_))) | None => {}
        }
    }

    fn no_options(&self) {
        if self.spec.options.is_some() {
            self.error("Options can only be used with string and number inputs");
        }
    }

    fn no_regex(&self) {
        if self.spec.regex.is_some() {
            self.error("RegEx validation can only be used with string inputs");
        }
    }

    fn error(&self, text: &str) {
        let message = format!("`{}` input: {text}", self.spec.name);
        self.errors.borrow_mut().push(InputError {
            message,
            span: self.spec.span,
        });
    }
}

/// The value in its type: strings take anything as text, the others read text as JSON.
fn coerce(kind: InputType, value: &Node) -> Node {
    if kind == InputType::String {
        return Node::text(value.to_text(), value.span);
    }
    match value.as_text().map(serde_json::from_str::<serde_json::Value>) {
        Some(Ok(json)) => Node::from_json(&json, value.span),
        Some(Err(_)) | None => value.clone(),
    }
}
