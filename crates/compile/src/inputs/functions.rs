//! The functions behind `|` in `$[[ … ]]`.

use super::Context;
use crate::variables::{Undefined, expand};
use crate::yaml::Node;

/// A function with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// `expand_vars`.
    ExpandVars,
    /// `posix_escape`.
    PosixEscape,
    /// `truncate(offset, length)`, in characters.
    Truncate {
        /// Characters left out in front.
        offset: usize,
        /// Characters taken.
        length: usize,
    },
}

impl Function {
    /// Reads a call.
    pub(super) fn parse(call: &str) -> Option<Function> {
        match call {
            "expand_vars" => return Some(Function::ExpandVars),
            "posix_escape" => return Some(Function::PosixEscape),
            _ => {}
        }
        let arguments = call.strip_prefix("truncate(")?;
        // The closing parenthesis may be missing.
        let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
        let (offset, length) = arguments.split_once(',')?;
        Some(Function::Truncate {
            offset: number(offset)?,
            length: number(length)?,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Function::ExpandVars => "expand_vars",
            Function::PosixEscape => "posix_escape",
            Function::Truncate { .. } => "truncate",
        }
    }

    /// Applies the function; the error is GitLab's message.
    pub(super) fn apply(self, value: &Node, context: &Context<'_>) -> Result<Node, String> {
        let name = self.name();
        let Some(text) = value.as_str() else {
            return Err(format!(
                "error in `{name}` function: invalid input type: {name} can only be used with string inputs"
            ));
        };
        let text = match self {
            Function::ExpandVars => expand_vars(text, context)
                .map_err(|text| format!("error in `{name}` function: variable expansion error: {text}"))?,
            Function::PosixEscape => posix_escape(text),
            Function::Truncate { offset, length } => text.chars().skip(offset).take(length).collect(),
        };
        Ok(Node::text(text, value.span))
    }
}

/// Digits with white space around; a number too large to matter is the largest.
fn number(text: &str) -> Option<usize> {
    let digits = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}

fn expand_vars(text: &str, context: &Context<'_>) -> Result<String, &'static str> {
    let masked = crate::variables::single_references(text)
        .any(|name| (context.variables)(name).is_some_and(|variable| variable.masked));
    if masked {
        return Err("masked variables cannot be expanded");
    }
    let lookup = |name: &str| (context.variables)(name).map(|variable| variable.value.into_owned().into());
    Ok(expand(text, Undefined::Keep, &lookup).into_owned())
}

/// A backslash before everything that a Bourne shell might take for more than itself.
fn posix_escape(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("'\n'"),
            c if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ',' | ':' | '+' | '/' | '@') => out.push(c),
            c => out.extend(['\\', c]),
        }
    }
    out
}
