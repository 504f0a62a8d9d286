//! Builds the WHERE clause of a list from fixed parts, so that every list uses the index that suits it.

use crate::sql::Sql;
use crate::value::Param;

/// Conditions joined by AND, and their parameters in the order of their placeholders.
pub(crate) struct Filter<'a> {
    text: String,
    params: Vec<Param<'a>>,
}

impl<'a> Filter<'a> {
    /// Starts with `select`, which ends before `WHERE`.
    pub(crate) fn new(select: &str) -> Filter<'a> {
        Filter {
            text: select.to_owned(),
            params: Vec::new(),
        }
    }

    /// Adds a condition without parameters.
    pub(crate) fn and(&mut self, condition: &str) {
        self.text
            .push_str(if self.text.ends_with(' ') { "AND " } else { " WHERE " });
        self.text.push_str(condition);
        self.text.push(' ');
    }

    /// Adds a condition with one parameter, written `?` (any number of times).
    pub(crate) fn and_with(&mut self, condition: &str, param: impl Into<Param<'a>>) {
        let number = self.param(param);
        self.and(&condition.replace('?', &number));
    }

    /// Adds the condition when there is a value.
    pub(crate) fn and_some<P: Into<Param<'a>>>(&mut self, condition: &str, param: Option<P>) {
        if let Some(param) = param {
            self.and_with(condition, param);
        }
    }

    /// Adds a parameter and returns its placeholder.
    pub(crate) fn param(&mut self, param: impl Into<Param<'a>>) -> String {
        self.params.push(param.into());
        format!("?{}", self.params.len())
    }

    /// Adds what follows the conditions (ORDER BY).
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push(' ');
        self.text.push_str(text);
    }

    /// Adds LIMIT and OFFSET.
    pub(crate) fn page(&mut self, page: super::page::Page) {
        let (limit, offset) = (self.param(page.limit), self.param(page.offset));
        self.push(&format!("LIMIT {limit} OFFSET {offset}"));
    }

    /// Wraps the whole into a count that stops at [`COUNTED`](super::page::COUNTED) + 1.
    pub(crate) fn count(mut self) -> Filter<'a> {
        self.text = format!(
            "SELECT COUNT(*) FROM ({} LIMIT {}) AS counted",
            self.text,
            super::page::COUNTED + 1
        );
        self
    }

    /// Returns the statement and its parameters.
    pub(crate) fn finish(self, name: &'static str) -> (Sql, Vec<Param<'a>>) {
        (Sql::built(name, self.text), self.params)
    }
}
