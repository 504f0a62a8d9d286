//! What is wrong with a configuration, for the API and for people.

use serde::{Deserialize, Serialize};

/// Whether a diagnostic stops the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// No pipeline.
    Error,
    /// A pipeline, and a remark.
    Warning,
}

/// A place in a file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// Name of the file as people know it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the pipeline.
    pub severity: Severity,
    /// GitLab's text, exactly: what the API answers.
    pub message: String,
    /// Where; the first is the main place, others are related (where it was included or extended).
    pub locations: Vec<Location>,
    /// What to do, where that is known ("did you mean `build`?").
    pub hint: Option<String>,
}
