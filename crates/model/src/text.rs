//! Names that come from outside, checked once: commit ids and refs.

use std::fmt;
use std::str::FromStr;

/// A full commit id: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha(String);

/// The text is not a full commit id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a full commit id: expected 40 or 64 lower-case hex digits")]
pub struct InvalidSha {
    /// What was given.
    pub text: String,
}

impl Sha {
    /// Number of characters of the short form shown to people (`CI_COMMIT_SHORT_SHA`).
    pub const SHORT: usize = 8;

    /// Returns the id of "no commit": 40 zeros, the `before_sha` of a new ref.
    #[must_use]
    pub fn zero() -> Sha {
        Sha("0".repeat(40))
    }

    /// Returns the full id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first [`Sha::SHORT`] characters.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..Self::SHORT]
    }

    /// Says whether this is the id of "no commit".
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|b| b == b'0')
    }
}

impl FromStr for Sha {
    type Err = InvalidSha;

    fn from_str(text: &str) -> Result<Sha, InvalidSha> {
        let is_hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match text.len() {
            40 | 64 if is_hex => Ok(Sha(text.to_owned())),
            _ => Err(InvalidSha { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A branch or a tag by its short name: what a pipeline runs on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GitRef {
    /// Short name, e.g. `main` or `v1.0`, never with `refs/heads/` in front.
    pub name: String,
    /// Whether the name is that of a tag.
    pub is_tag: bool,
}

impl GitRef {
    /// A branch.
    #[must_use]
    pub fn branch(name: impl Into<String>) -> GitRef {
        GitRef {
            name: name.into(),
            is_tag: false,
        }
    }

    /// A tag.
    #[must_use]
    pub fn tag(name: impl Into<String>) -> GitRef {
        GitRef {
            name: name.into(),
            is_tag: true,
        }
    }

    /// Returns the full name, `refs/heads/…` or `refs/tags/…`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("refs/{}/{}", if self.is_tag { "tags" } else { "heads" }, self.name)
    }

    /// Reads a full name; `None` when it is neither a branch nor a tag.
    #[must_use]
    pub fn from_full_name(text: &str) -> Option<GitRef> {
        if let Some(name) = text.strip_prefix("refs/heads/") {
            return Some(GitRef::branch(name));
        }
        text.strip_prefix("refs/tags/").map(GitRef::tag)
    }

    /// Returns the slug of the name (`CI_COMMIT_REF_SLUG`).
    #[must_use]
    pub fn slug(&self) -> String {
        slug(&self.name)
    }
}

/// Returns GitLab's slug of a text: lower-case, everything but `a`–`z`, `0`–`9` becomes `-`,
/// cut to 63 bytes, no `-` at either end.
#[must_use]
pub fn slug(text: &str) -> String {
    let replaced: String = text
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '-'
            }
        })
        .take(63)
        .collect();
    replaced.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sha_is_forty_or_sixty_four_lower_case_hex_digits() {
        assert!("0123456789abcdef0123456789abcdef01234567".parse::<Sha>().is_ok());
        assert!("0".repeat(64).parse::<Sha>().is_ok());
        for bad in ["", "0123", &"A".repeat(40), &"0".repeat(41), &"g".repeat(40)] {
            assert!(bad.parse::<Sha>().is_err(), "{bad}");
        }
    }

    #[test]
    fn slugs_are_lower_case_and_trimmed() {
        assert_eq!(slug("Feature/Foo_Bar!"), "feature-foo-bar");
        assert_eq!(slug(&"x/".repeat(50)), "x-".repeat(31) + "x");
        assert_eq!(slug("--"), "");
    }

    #[test]
    fn full_names_round_trip() {
        for full in ["refs/heads/a/b", "refs/tags/v1"] {
            assert_eq!(
                GitRef::from_full_name(full).map(|r| r.full_name()).as_deref(),
                Some(full)
            );
        }
        assert_eq!(GitRef::from_full_name("refs/merge-requests/1/head"), None);
    }
}
