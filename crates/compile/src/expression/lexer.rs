//! Text → tokens.

use super::ExpressionError;

/// More tokens than this are refused.
const MAX_TOKENS: usize = 99;

/// A token; texts are those of the expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `$[[ inputs.name ]]`.
    Input(&'t str),
    /// `$name`.
    Variable(&'t str),
    /// The text between quotes.
    Text(&'t str),
    /// `/…/flags`, whole.
    Regex(&'t str),
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A binary operator.
    Binary(Binary),
    /// `!`.
    Not,
}

/// The binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `=~`.
    Match,
    /// `!~`.
    NotMatch,
    /// `&&`.
    And,
    /// `||`.
    Or,
}

/// Cuts the whole text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ExpressionError> {
    let mut tokens = Vec::new();
    let mut rest = skip_space(text);
    while !rest.is_empty() {
        if tokens.len() == MAX_TOKENS {
            return Err(ExpressionError::new("Too many tokens!"));
        }
        let (token, after) = token(rest).ok_or_else(|| ExpressionError::new("Unknown lexeme found!"))?;
        tokens.push(token);
        rest = skip_space(after);
    }
    Ok(tokens)
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
}

fn token(text: &str) -> Option<(Token<'_>, &str)> {
    let found = match text.as_bytes()[0] {
        b'(' => Some((Token::Open, &text[1..])),
        b')' => Some((Token::Close, &text[1..])),
        b'$' => input(text).or_else(|| variable(text)),
        quote @ (b'"' | b'\'') => string(text, char::from(quote)),
        b'/' => regex(text),
        b'n' => text.strip_prefix("null").map(|rest| (Token::Null, rest)),
        b't' => word(text, "true").map(|rest| (Token::Bool(true), rest)),
        b'f' => word(text, "false").map(|rest| (Token::Bool(false), rest)),
        _ => None,
    };
    found.or_else(|| operator(text))
}

fn operator(text: &str) -> Option<(Token<'_>, &str)> {
    const OPERATORS: [(&str, Token<'_>); 7] = [
        ("==", Token::Binary(Binary::Equal)),
        ("=~", Token::Binary(Binary::Match)),
        ("!=", Token::Binary(Binary::NotEqual)),
        ("!~", Token::Binary(Binary::NotMatch)),
        ("&&", Token::Binary(Binary::And)),
        ("||", Token::Binary(Binary::Or)),
        ("!", Token::Not),
    ];
    OPERATORS
        .iter()
        .find_map(|(sign, token)| Some((*token, text.strip_prefix(sign)?)))
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

/// The word, unless it goes on.
fn word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    text.strip_prefix(word)
        .filter(|rest| !rest.starts_with(|c: char| c == '_' || c.is_alphanumeric()))
}

fn variable(text: &str) -> Option<(Token<'_>, &str)> {
    let body = &text[1..];
    let end = body.find(|c| !is_name(c)).unwrap_or(body.len());
    (end > 0).then(|| (Token::Variable(&body[..end]), &body[end..]))
}

fn input(text: &str) -> Option<(Token<'_>, &str)> {
    let body = skip_space(text.strip_prefix("$[[")?).strip_prefix("inputs.")?;
    let end = body.find(|c| !is_name(c) && c != '-').unwrap_or(body.len());
    let rest = skip_space(&body[end..]).strip_prefix("]]")?;
    (end > 0).then(|| (Token::Input(&body[..end]), rest))
}

/// Up to the next quote of the kind, on one line; there are no escapes.
fn string(text: &str, quote: char) -> Option<(Token<'_>, &str)> {
    let (inner, rest) = text[1..].split_once(quote)?;
    (!inner.contains('\n')).then_some((Token::Text(inner), rest))
}

/// `/body/flags` with a body of at least two characters. A slash ends the body unless a backslash
/// stands before it; the last character of the body may be a bare slash.
fn regex(text: &str) -> Option<(Token<'_>, &str)> {
    let bytes = text.as_bytes();
    let first_slash = (1..bytes.len()).find(|at| bytes[*at] == b'/' && bytes[at - 1] != b'\\')?;
    if first_slash == 1 {
        return None;
    }
    let end = if bytes.get(first_slash + 1) == Some(&b'/') {
        first_slash + 1
    } else {
        text[1..first_slash].chars().nth(1)?;
        first_slash
    };
    let flags = bytes[end + 1..]
        .iter()
        .take_while(|flag| matches!(flag, b'i' | b's' | b'm' | b'U'))
        .count();
    let (literal, rest) = text.split_at(end + 1 + flags);
    Some((Token::Regex(literal), rest))
}
