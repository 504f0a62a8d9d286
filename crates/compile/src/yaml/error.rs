//! Why a text is not a configuration, with Ruby's words.

use super::node::Span;

/// Why a document could not be loaded. `Display` is GitLab's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// libyaml refuses the text: `(<unknown>): … at line L column C`.
    #[error("{message}")]
    Syntax {
        /// The whole message.
        message: String,
        /// Where the problem is.
        span: Span,
    },
    /// Psych refuses a value: dates, Ruby objects, unknown aliases.
    #[error("{message}")]
    Refused {
        /// The whole message.
        message: String,
        /// Where the value is.
        span: Span,
    },
    /// More bytes than [`super::Limits::bytes`].
    #[error("The provided YAML is too big")]
    TextTooBig,
    /// Too deep, or too large after aliases are followed.
    #[error("The parsed YAML is too big")]
    TreeTooBig {
        /// Where the limit was crossed.
        span: Span,
    },
    /// A document is not a mapping.
    #[error("Invalid configuration format")]
    NotAMapping {
        /// Where the document starts.
        span: Span,
    },
}

impl YamlError {
    /// Where the problem is; line 0 when it is the whole text.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            YamlError::Syntax { span, .. }
            | YamlError::Refused { span, .. }
            | YamlError::TreeTooBig { span }
            | YamlError::NotAMapping { span } => *span,
            YamlError::TextTooBig => Span::default(),
        }
    }
}
