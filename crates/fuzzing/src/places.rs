//! Positions lie inside the text that they are about.

use compile::yaml::{Node, Span, Value};

/// The lines of a text and how long each is.
#[derive(Debug)]
pub struct Lines {
    /// Length in characters, line by line.
    lengths: Vec<usize>,
}

impl Lines {
    /// Measures a text; lines end as YAML sees them.
    #[must_use]
    pub fn of(text: &str) -> Lines {
        let text = text.replace("\r\n", "\n");
        let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
        Lines {
            lengths: lines.map(|line| line.chars().count()).collect(),
        }
    }

    /// Checks one place: the end of a line, and of the text, is still inside.
    ///
    /// # Panics
    ///
    /// When there is no such place.
    pub fn check(&self, line: u32, column: u32) {
        let index = (line as usize).checked_sub(1).expect("lines count from 1");
        let length = *self
            .lengths
            .get(index)
            .unwrap_or_else(|| panic!("line {line} of {} lines", self.lengths.len()));
        let inside = (1..=length + 1).contains(&(column as usize));
        assert!(inside, "column {column} of line {line}, which has {length} characters");
    }

    /// Checks a place that may be none.
    ///
    /// # Panics
    ///
    /// As [`Lines::check`].
    pub fn check_span(&self, span: Span) {
        if span.line > 0 {
            self.check(span.line, span.column);
        }
    }

    /// Checks the places of a tree, as many as `budget` allows: aliases make trees much larger than their text.
    ///
    /// # Panics
    ///
    /// As [`Lines::check`].
    pub fn check_tree(&self, node: &Node, budget: &mut usize) {
        if *budget == 0 {
            return;
        }
        *budget -= 1;
        self.check_span(node.span);
        match &node.value {
            Value::Sequence(items) | Value::Reference(items) => {
                items.iter().for_each(|item| self.check_tree(item, budget));
            }
            Value::Mapping(mapping) => {
                for (_, entry) in mapping.iter() {
                    self.check_span(entry.key_span);
                    self.check_tree(&entry.value, budget);
                }
            }
            _ => {}
        }
    }
}
