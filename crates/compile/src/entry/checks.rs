//! The vocabulary of checks: GitLab's validators with their exact texts (ci-yaml.md 1.4).
//!
//! A check never stops the others: it writes down a [`Finding`] and goes on. Knows no keyword.

use std::fmt::Display;

use crate::duration;
use crate::regex::Pattern;
use crate::yaml::{Mapping, Node, Span, Value};

/// Something wrong, before file names are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// GitLab's text.
    pub(crate) text: String,
    /// The place.
    pub(crate) span: Span,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl Finding {
    pub(crate) fn new(text: impl Into<String>, span: Span) -> Finding {
        Finding {
            text: text.into(),
            span,
            hint: None,
        }
    }
}

/// The result of checking one keyword: its value, if nothing was wrong, and what was.
#[derive(Clone, Debug)]
pub(crate) struct Checked<T> {
    pub(crate) value: Option<T>,
    pub(crate) found: Vec<Finding>,
}

impl<T> Default for Checked<T> {
    fn default() -> Checked<T> {
        Checked {
            value: None,
            found: Vec::new(),
        }
    }
}

impl<T> Checked<T> {
    /// Moves the findings to `found` and gives the value.
    pub(crate) fn take(self, found: &mut Vec<Finding>) -> Option<T> {
        found.extend(self.found);
        self.value
    }

    pub(crate) fn wrong(text: impl Into<String>, span: Span) -> Checked<T> {
        Checked {
            value: None,
            found: vec![Finding::new(text, span)],
        }
    }
}

/// The checks of one entry at one place.
#[derive(Debug)]
pub(crate) struct Checks<'a> {
    at: &'a str,
    node: &'a Node,
    pub(crate) found: Vec<Finding>,
}

impl<'a> Checks<'a> {
    pub(crate) fn new(node: &'a Node, at: &'a str) -> Checks<'a> {
        Checks {
            at,
            node,
            found: Vec::new(),
        }
    }

    pub(crate) fn ok(&self) -> bool {
        self.found.is_empty()
    }

    /// Ends the checks; the value counts only when nothing is wrong.
    pub(crate) fn done<T>(self, value: Option<T>) -> Checked<T> {
        let value = if self.found.is_empty() { value } else { None };
        Checked {
            value,
            found: self.found,
        }
    }

    /// `location attribute text`, all in lower case.
    pub(crate) fn fail(&mut self, attribute: &str, text: impl Display, span: Span) {
        let text = format!("{} {attribute} {text}", self.at).to_lowercase();
        self.found.push(Finding::new(text, span));
    }

    /// What to do about the message before.
    pub(crate) fn hint(&mut self, hint: Option<String>) {
        if let Some(last) = self.found.last_mut() {
            last.hint = hint;
        }
    }

    /// A message about the entry's own value.
    pub(crate) fn config(&mut self, text: impl Display) {
        self.fail("config", text, self.node.span);
    }

    /// A message without an attribute.
    pub(crate) fn base(&mut self, text: impl Display) {
        let text = format!("{} {text}", self.at).to_lowercase();
        self.found.push(Finding::new(text, self.node.span));
    }

    pub(crate) fn hash(&mut self) {
        if !self.node.is_mapping() {
            self.config("should be a hash");
        }
    }

    pub(crate) fn array(&mut self) {
        if !self.node.is_sequence() {
            self.config("should be an array");
        }
    }

    pub(crate) fn present(&mut self) {
        if self.node.is_blank() {
            self.config("can't be blank");
        }
    }

    /// No keys but these; a near miss becomes the hint.
    pub(crate) fn allowed_keys(&mut self, allowed: &[&str]) {
        let Some(mapping) = self.node.as_mapping() else { return };
        let unknown: Vec<(String, Span)> = mapping
            .iter()
            .map(|(key, entry)| (key.to_string(), entry.key_span))
            .filter(|(key, _)| !allowed.contains(&key.as_str()))
            .collect();
        let Some((first, span)) = unknown.first() else { return };
        let names: Vec<&str> = unknown.iter().map(|(name, _)| name.as_str()).collect();
        let text = format!("{} config contains unknown keys: {}", self.at, names.join(", ")).to_lowercase();
        let hint = super::hint::did_you_mean(first, allowed.iter().copied());
        self.found.push(Finding {
            text,
            span: *span,
            hint,
        });
    }

    pub(crate) fn required_keys(&mut self, required: &[&str]) {
        let missing: Vec<&str> = required
            .iter()
            .copied()
            .filter(|key| self.node.get(key).is_none())
            .collect();
        if !missing.is_empty() {
            self.config(format_args!("missing required keys: {}", missing.join(", ")));
        }
    }

    /// The keys out of `among` that are written, in the order of the file.
    pub(crate) fn written<'k>(&'k self, among: &'k [&str]) -> impl Iterator<Item = (&'a str, Span)> + use<'a, 'k> {
        let mapping: Option<&'a Mapping> = self.node.as_mapping();
        mapping
            .into_iter()
            .flat_map(Mapping::iter)
            .filter_map(|(key, entry)| Some((key.as_text()?, entry.key_span)))
            .filter(|(key, _)| among.contains(key))
    }

    pub(crate) fn exclusive_keys(&mut self, keys: &[&str]) {
        let written: Vec<(&str, Span)> = self.written(keys).collect();
        if written.len() > 1 {
            let names: Vec<&str> = written.iter().map(|(key, _)| *key).collect();
            let text = format!("these keys cannot be used together: {}", names.join(", "));
            self.fail("config", text, written[1].1);
        }
    }

    pub(crate) fn disallowed_keys(&mut self, keys: &[&str], message: &str, ignore_null: bool) {
        let written: Vec<(&str, Span)> = self
            .written(keys)
            .filter(|(key, _)| !ignore_null || self.node.get_some(key).is_some())
            .collect();
        if let Some((_, span)) = written.first() {
            let names: Vec<&str> = written.iter().map(|(key, _)| *key).collect();
            let text = format!("{message}: {}", names.join(", "));
            self.fail("config", text, *span);
        }
    }

    /// The value under `key`, unless absent or null.
    pub(crate) fn some(&self, key: &str) -> Option<&'a Node> {
        self.node.get_some(key)
    }

    pub(crate) fn string(&mut self, attribute: &str, value: &Node) {
        if !value.is_string() {
            self.fail(attribute, "should be a string", value.span);
        }
    }

    /// A string is asked for, and `null` is none.
    pub(crate) fn required_string(&mut self, attribute: &str, key: &str) {
        let value = self.some(key);
        if !value.is_some_and(Node::is_string) {
            self.fail(
                attribute,
                "should be a string",
                value.map_or(self.node.span, |v| v.span),
            );
        }
        if value.is_none_or(Node::is_blank) {
            self.fail(attribute, "can't be blank", value.map_or(self.node.span, |v| v.span));
        }
    }

    pub(crate) fn boolean(&mut self, attribute: &str, value: &Node) {
        if value.as_bool().is_none() {
            self.fail(attribute, "should be a boolean value", value.span);
        }
    }

    pub(crate) fn strings(&mut self, attribute: &str, value: &Node) {
        if !is_array_of_strings(value) {
            self.fail(attribute, "should be an array of strings", value.span);
        }
    }

    pub(crate) fn strings_or_string(&mut self, attribute: &str, value: &Node) {
        if !is_array_of_strings(value) && value.as_text().is_none() {
            self.fail(attribute, "should be an array of strings or a string", value.span);
        }
    }

    pub(crate) fn integers_or_integer(&mut self, attribute: &str, value: &Node) {
        let list = value
            .as_sequence()
            .is_some_and(|items| items.iter().all(Node::is_integer));
        if !list && !value.is_integer() {
            self.fail(attribute, "should be an array of integers or an integer", value.span);
        }
    }

    /// Rails' inclusion: of a list, every item must be one of the words.
    pub(crate) fn included(&mut self, attribute: &str, value: &Node, words: &[&str], message: &str) {
        let is_one = |node: &Node| node.as_str().is_some_and(|text| words.contains(&text));
        let ok = match value.as_sequence() {
            Some(items) => items.iter().all(is_one),
            None => is_one(value),
        };
        if !ok {
            let hint = value
                .as_str()
                .and_then(|text| super::hint::did_you_mean(text, words.iter().copied()));
            self.fail(attribute, message, value.span);
            if let Some(last) = self.found.last_mut() {
                last.hint = hint;
            }
        }
    }

    /// A string out of a closed set, with the two checks GitLab makes of it.
    pub(crate) fn word(&mut self, attribute: &str, value: &Node, words: &[&str], message: &str) {
        self.string(attribute, value);
        self.included(attribute, value, words, message);
    }

    /// Items that are not among the words are named.
    pub(crate) fn allowed_items(&mut self, attribute: &str, value: &Node, words: &[&str]) {
        let Some(items) = value.as_sequence() else { return };
        let unknown: Vec<&Node> = items
            .iter()
            .filter(|item| !item.as_str().is_some_and(|text| words.contains(&text)))
            .collect();
        if let Some(first) = unknown.first() {
            let names = unknown.iter().map(|item| item.joined(", "));
            let text = format!("contains unknown values: {}", names.collect::<Vec<_>>().join(", "));
            self.fail(attribute, text, first.span);
        }
    }

    pub(crate) fn duration(&mut self, attribute: &str, value: &Node, limit: Option<f64>) {
        let seconds = value.as_str().and_then(duration::parse);
        if seconds.is_none() {
            self.fail(attribute, "should be a duration", value.span);
        }
        if let Some(limit) = limit
            && !seconds.is_some_and(|seconds| seconds <= limit)
        {
            self.fail(attribute, "should not exceed the limit", value.span);
        }
    }

    pub(crate) fn expiry(&mut self, attribute: &str, value: &Node) {
        let never = value.to_text().eq_ignore_ascii_case("never");
        if !never && value.as_str().and_then(duration::parse).is_none() {
            self.fail(attribute, "should be a duration", value.span);
        }
    }

    /// Rails' numericality with `only_integer` and a range.
    pub(crate) fn integer_between(&mut self, attribute: &str, value: &Node, least: i64, most: i64) {
        let number = match &value.value {
            Value::Integer(number) => *number,
            Value::BigInt(text) if text.starts_with('-') => i64::MIN,
            Value::BigInt(_) => i64::MAX,
            Value::Float(_) => return self.fail(attribute, "must be an integer", value.span),
            Value::String(text) => match (text.trim().parse::<i64>(), text.trim().parse::<f64>()) {
                (Ok(number), _) => number,
                (_, Ok(_)) => return self.fail(attribute, "must be an integer", value.span),
                _ => return self.fail(attribute, "is not a number", value.span),
            },
            _ => return self.fail(attribute, "is not a number", value.span),
        };
        if number < least {
            self.fail(
                attribute,
                format_args!("must be greater than or equal to {least}"),
                value.span,
            );
        }
        if number > most {
            self.fail(
                attribute,
                format_args!("must be less than or equal to {most}"),
                value.span,
            );
        }
    }

    pub(crate) fn longest(&mut self, attribute: &str, value: &Node, most: usize) {
        let length = match &value.value {
            Value::Sequence(items) => items.len(),
            Value::Mapping(mapping) => mapping.len(),
            _ => value.to_text().chars().count(),
        };
        if length > most {
            self.fail(
                attribute,
                format_args!("is too long (maximum is {most} characters)"),
                value.span,
            );
        }
    }
}

pub(crate) fn is_array_of_strings(node: &Node) -> bool {
    node.as_sequence()
        .is_some_and(|items| items.iter().all(|item| item.as_text().is_some()))
}

/// Says whether the value is `leaf` or lists of it, nested at most `levels` deep.
pub(crate) fn is_nested(node: &Node, levels: usize, leaf: &dyn Fn(&Node) -> bool) -> bool {
    leaf(node)
        || levels > 0
            && node
                .as_sequence()
                .is_some_and(|items| items.iter().all(|item| is_nested(item, levels - 1, leaf)))
}

/// As [`is_nested`], but the value itself must be a list.
pub(crate) fn is_nested_array(node: &Node, levels: usize, leaf: &dyn Fn(&Node) -> bool) -> bool {
    node.is_sequence() && is_nested(node, levels, leaf)
}

/// All leaves of nested lists in order.
pub(crate) fn flatten(node: &Node) -> Vec<Node> {
    fn collect(node: &Node, into: &mut Vec<Node>) {
        match node.as_sequence() {
            Some(items) => items.iter().for_each(|item| collect(item, into)),
            None => into.push(node.clone()),
        }
    }
    let mut leaves = Vec::new();
    collect(node, &mut leaves);
    leaves
}

/// The texts of a list, or of a single value.
pub(crate) fn texts(node: &Node) -> Vec<String> {
    match node.as_sequence() {
        Some(items) => items.iter().map(Node::to_text).collect(),
        None if node.is_null() => Vec::new(),
        None => vec![node.to_text()],
    }
}

/// The text under a key, unless absent or null.
pub(crate) fn text_of(node: &Node, key: &str) -> Option<String> {
    node.get_some(key).map(Node::to_text)
}

/// Whether a text is `/…/` and compiles; `None` when it does not look like a regular expression.
pub(crate) fn regex_is_valid(text: &str) -> Option<bool> {
    Pattern::delimited(text).map(|pattern| pattern.is_ok())
}
