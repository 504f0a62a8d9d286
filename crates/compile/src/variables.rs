//! References to variables inside values, and the four ways to expand them (rules-and-variables.md 6). (Being written.)

use std::borrow::Cow;

/// A variable as the expander sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    /// Name.
    pub key: Cow<'a, str>,
    /// Value as written.
    pub value: Cow<'a, str>,
    /// Whether its own value is taken literally.
    pub raw: bool,
    /// Whether the job gets a file.
    pub file: bool,
}

/// What happens to references that name no variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undefined {
    /// They vanish (E1).
    Blank,
    /// They stay as written (E2).
    Keep,
}

/// What a nested expansion is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// E3: used by the server itself.
    Server,
    /// E4: sent to the runner; references to file and raw variables stay.
    Runner,
}

/// Variables need each other in a circle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("circular variable reference detected: {keys:?}")]
pub struct Cycle {
    /// The names in the circle.
    pub keys: Vec<String>,
}

/// Whether the text refers to a variable at all.
#[must_use]
pub fn has_reference(text: &str) -> bool {
    text.contains(['$', '%'])
}

/// Expands references once (E1, E2).
#[must_use]
pub fn expand<'t>(text: &'t str, undefined: Undefined, lookup: &dyn Fn(&str) -> Option<Cow<'t, str>>) -> Cow<'t, str> {
    _ = (undefined, lookup);
    Cow::Borrowed(text)
}

/// Expands variables in one another (E3, E4). Input in order of precedence, later wins; the result keeps order and length.
///
/// # Errors
///
/// [`Cycle`] when two or more need each other; nothing is expanded then.
pub fn expand_all<'a>(variables: &[Definition<'a>], purpose: Purpose) -> Result<Vec<Definition<'a>>, Cycle> {
    _ = purpose;
    Ok(variables.to_vec())
}
