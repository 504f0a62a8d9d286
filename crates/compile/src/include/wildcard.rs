//! Wildcards of `include:local`: `**/` any folders or none, `**` anything, `*` anything without
//! a slash; everything else is literal.

/// Whether the whole path matches.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches('/');
    let parts = tokens(pattern);
    // Which positions of the path are reachable after each token: linear in pattern × path.
    let mut reachable = vec![false; path.len() + 1];
    reachable[0] = true;
    for token in parts {
        reachable = step(&token, path, &reachable);
    }
    reachable[path.len()]
}

enum Token<'a> {
    Literal(&'a str),
    Folders,
    Anything,
    Segment,
}

fn tokens(pattern: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("**/") {
            tokens.push(Token::Folders);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            tokens.push(Token::Anything);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('*') {
            tokens.push(Token::Segment);
            rest = after;
        } else {
            let end = rest.find('*').unwrap_or(rest.len());
            tokens.push(Token::Literal(&rest[..end]));
            rest = &rest[end..];
        }
    }
    tokens
}

fn step(token: &Token<'_>, path: &str, from: &[bool]) -> Vec<bool> {
    let mut to = vec![false; from.len()];
    match token {
        Token::Literal(text) => {
            for start in 0..from.len() {
                if from[start] && path.as_bytes()[start..].starts_with(text.as_bytes()) {
                    to[start + text.len()] = true;
                }
            }
        }
        Token::Folders => {
            let mut open = false;
            for at in 0..from.len() {
                let after_slash = at > 0 && path.as_bytes()[at - 1] == b'/';
                to[at] = from[at] || open && after_slash;
                open |= from[at];
            }
        }
        Token::Anything | Token::Segment => {
            let mut open = false;
            for at in 0..from.len() {
                if matches!(token, Token::Segment) && at > 0 && path.as_bytes()[at - 1] == b'/' {
                    open = false;
                }
                open |= from[at];
                to[at] = open;
            }
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stop_at_slashes_and_double_stars_do_not() {
        for (pattern, path, expected) in [
            ("ci/*.yml", "ci/a.yml", true),
            ("ci/*.yml", "ci/x/a.yml", false),
            ("ci/**.yml", "ci/x/a.yml", true),
            ("ci/**/*.yml", "ci/a.yml", true),
            ("ci/**/*.yml", "ci/x/y/a.yml", true),
            ("/ci/*.yml", "ci/a.yml", true),
            ("*.yml", "a.yaml", false),
            ("c?/*.yml", "ci/a.yml", false),
            ("ci/[a].*", "ci/[a].yml", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
