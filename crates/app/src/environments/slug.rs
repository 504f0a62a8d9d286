//! An environment's name for hosts and labels.

use sha2::{Digest as _, Sha256};

/// Returns an environment's name for hosts and labels (`CI_ENVIRONMENT_SLUG`), GitLab's form: at most 24
/// characters, and a suffix from the name whenever that was changed.
#[must_use]
pub fn slug(name: &str) -> String {
    const LONGEST: usize = 24;
    let mut text = String::with_capacity(name.len() + 4);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        text.push_str("env-");
    }
    for c in name.to_lowercase().chars() {
        let c = if c.is_ascii_lowercase() || c.is_ascii_digit() {
            c
        } else {
            '-'
        };
        if !(c == '-' && text.ends_with('-')) {
            text.push(c);
        }
    }
    if text.len() <= LONGEST && text == name {
        return text.strip_suffix('-').unwrap_or(&text).to_owned();
    }
    with_suffix(text, name)
}

/// Returns what to take when somebody else's name has that slug already, which a name that ends in `-` can bring about.
#[must_use]
pub(super) fn other_slug(name: &str) -> String {
    with_suffix(slug(name), &format!("{name}\0"))
}

fn with_suffix(mut text: String, of: &str) -> String {
    const CUT: usize = 17;
    text.truncate(CUT);
    if !text.ends_with('-') {
        text.push('-');
    }
    text + &slug_suffix(of)
}

/// The last six digits, to base 36, of the name's SHA-256 as a number.
fn slug_suffix(name: &str) -> String {
    const BASE: u64 = 36;
    let last_six = Sha256::digest(name)
        .iter()
        .fold(0, |number, byte| (number * 256 + u64::from(*byte)) % BASE.pow(6));
    let digit = |place: u32| {
        let value = last_six / BASE.pow(place) % BASE;
        char::from_digit(u32::try_from(value).expect("less than 36"), 36).expect("less than 36")
    };
    (0..6).rev().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_slug_is_short_and_unique() {
        assert_eq!(slug("production"), "production");
        assert_eq!(slug("review-1"), "review-1");
        for (name, start) in [
            ("review/Feature", "review-feature-"),
            ("1st", "env-1st-"),
            ("a--b", "a-b-"),
        ] {
            let made = slug(name);
            assert!(made.starts_with(start) && made.len() == start.len() + 6, "{made}");
        }
        let long = slug("a-very-long-environment-name");
        assert!(long.starts_with("a-very-long-envir-") && long.len() == 24, "{long}");
        assert_ne!(slug("review/a"), slug("review-a"));
        assert_eq!((slug("a-").as_str(), slug("a").as_str()), ("a", "a"));
        assert!(other_slug("a-").starts_with("a-") && other_slug("a-").len() == 8);
    }
}
