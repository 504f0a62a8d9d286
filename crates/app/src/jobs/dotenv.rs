//! The dotenv report: variables that a job sets for the jobs after it (rules-and-variables 5).

/// Largest report in bytes (GitLab's default).
pub const MAX_BYTES: usize = 5 * 1024;

/// Most variables of one report (GitLab's default).
pub const MAX_VARIABLES: usize = 20;

/// The report is refused, with GitLab's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDotenv {
    /// Too large.
    #[error("Dotenv Artifact Too Big. Maximum Allowable Size: {MAX_BYTES}")]
    TooBig,
    /// Too many variables.
    #[error("Dotenv files cannot have more than {MAX_VARIABLES} variables")]
    TooMany,
    /// A line that is not `KEY=VALUE`.
    #[error("Invalid Format")]
    Format,
    /// A key with other characters than letters, digits and `_`.
    #[error("Validation failed: Key can contain only letters, digits and '_'.")]
    Key,
    /// Not UTF-8.
    #[error("Dotenv artifact is not valid UTF-8")]
    Encoding,
}

/// Reads a report. There are no comments, quotes or empty lines; of equal keys the last wins.
///
/// # Errors
///
/// [`InvalidDotenv`], the first thing that is wrong.
pub fn parse(bytes: &[u8]) -> Result<Vec<(String, String)>, InvalidDotenv> {
    if bytes.len() > MAX_BYTES {
        return Err(InvalidDotenv::TooBig);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| InvalidDotenv::Encoding)?;
    let mut variables: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let (key, value) = line.split_once('=').ok_or(InvalidDotenv::Format)?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(InvalidDotenv::Key);
        }
        variables.retain(|known| known.0 != key);
        variables.push((key.to_owned(), value.to_owned()));
    }
    if variables.len() > MAX_VARIABLES {
        return Err(InvalidDotenv::TooMany);
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_keys_and_values_taken_literally() {
        let parsed = parse(b"A=1\n B = x=y \nC=\"q\"\nA=2\nEMPTY=\n").unwrap();
        let parsed: Vec<_> = parsed
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(parsed, [("B", "x=y"), ("C", "\"q\""), ("A", "2"), ("EMPTY", "")]);
        assert_eq!(parse(b""), Ok(vec![]));
    }

    #[test]
    fn anything_else_is_refused() {
        let many: String = (0..=MAX_VARIABLES).map(|n| format!("K{n}=v\n")).collect();
        for (text, expected) in [
            ("no equals sign", InvalidDotenv::Format),
            ("A=1\n\nB=2", InvalidDotenv::Format),
            ("# comment", InvalidDotenv::Format),
            ("A-B=1", InvalidDotenv::Key),
            ("=1", InvalidDotenv::Key),
            (&many, InvalidDotenv::TooMany),
            (&"x".repeat(MAX_BYTES + 1), InvalidDotenv::TooBig),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(expected), "{text:.20}");
        }
        assert_eq!(parse(&[b'A', b'=', 0xff]), Err(InvalidDotenv::Encoding));
    }
}
