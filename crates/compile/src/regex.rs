//! RE2 patterns, as users write them, on the `regex` crate. (Being written.)

use std::sync::Arc;

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression: {reason}")]
pub struct RegexError {
    /// What is wrong with it.
    pub reason: String,
}

/// A compiled RE2 pattern. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Arc<::regex::Regex>,
}

impl Pattern {
    /// Compiles RE2 text without slashes; `flags` out of `ismU`.
    ///
    /// # Errors
    ///
    /// [`RegexError`] when RE2 would refuse it or it is too large.
    pub fn new(source: &str, flags: &str) -> Result<Pattern, RegexError> {
        _ = flags;
        let regex = ::regex::Regex::new(source).map_err(|error| RegexError { reason: error.to_string() })?;
        Ok(Pattern { regex: Arc::new(regex) })
    }

    /// Compiles `/source/flags`; `None` when the text does not have that form.
    ///
    /// # Errors
    ///
    /// [`RegexError`] as for [`Pattern::new`].
    #[must_use]
    pub fn delimited(text: &str) -> Option<Result<Pattern, RegexError>> {
        let rest = text.strip_prefix('/')?;
        let (source, flags) = rest.rsplit_once('/')?;
        Some(Pattern::new(source, flags))
    }

    /// Whether the pattern matches anywhere in `text`.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// Compiled patterns by text, bounded. The caller owns it.
#[derive(Debug, Default)]
pub struct RegexCache {}

impl RegexCache {
    /// [`Pattern::delimited`], remembered.
    #[must_use]
    pub fn delimited(&self, text: &str) -> Option<Result<Pattern, RegexError>> {
        Pattern::delimited(text)
    }
}
