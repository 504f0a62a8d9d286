//! Expressions of `rules:if`.

use std::borrow::Cow;

use compile::expression::{Expression, Scope};

use crate::Verdict;

/// Reads the bytes as an expression and evaluates it.
///
/// Holds: what does not parse is not valid; evaluating twice gives the same; the trace agrees with the
/// evaluation and has looked at nothing that the expression does not name, or names twice.
///
/// # Panics
///
/// When one of these is broken.
pub fn run(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else {
        return Verdict::NotText;
    };
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "a refusal has a message");
            assert!(!Expression::is_valid(text), "valid, but does not parse");
            return Verdict::Refused;
        }
    };
    assert_eq!(expression.text(), text, "the text is kept as it was written");
    assert_eq!(
        Expression::is_valid(text),
        expression.is_sound(),
        "one question, two answers"
    );
    let scope = Scope {
        variable: &value,
        input: None,
        regexes: None,
    };
    let trace = expression.trace(&scope);
    assert_eq!(
        trace.value,
        expression.evaluate(&value),
        "the trace sees another result"
    );
    assert_eq!(trace, expression.trace(&scope), "another result the second time");
    let named: Vec<&str> = expression.variables().collect();
    for (index, (name, found)) in trace.looked_at.iter().enumerate() {
        assert!(named.contains(&name.as_str()), "`{name}` is not in the expression");
        assert_eq!(*found, value(name).map(Cow::into_owned), "another value of `{name}`");
        let is_new = trace.looked_at[..index].iter().all(|(earlier, _)| earlier != name);
        assert!(is_new, "`{name}` is reported twice");
    }
    if expression.is_sound() {
        Verdict::Accepted
    } else {
        Verdict::Refused
    }
}

/// Variables of every kind: a text, a pattern, a broken pattern, an empty one, undefined ones.
fn value(name: &str) -> Option<Cow<'static, str>> {
    let text = match name {
        "A" => "a",
        "PATTERN" => "/^a.*b$/i",
        "BROKEN" => "/a(/",
        "EMPTY" => "",
        "CI_COMMIT_BRANCH" => "main",
        _ => return None,
    };
    Some(Cow::Borrowed(text))
}
