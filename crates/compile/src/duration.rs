//! Durations in words, as `timeout`, `start_in` and `expire_in` take them (ci-yaml.md 1.5). (Being written.)

/// Limit of `start_in`: one week, in seconds.
pub const START_IN_LIMIT: f64 = 604_800.0;
/// Limit of a job's `timeout`: one month, in seconds.
pub const TIMEOUT_LIMIT: f64 = 2_629_746.0;

/// The duration in seconds; `None` when the text is none (also for zero and blank text).
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// What `expire_in` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expiry {
    /// `never`.
    Never,
    /// After so many seconds.
    After(f64),
}

/// As [`parse`], or `never`.
#[must_use]
pub fn parse_expiry(text: &str) -> Option<Expiry> {
    if text.eq_ignore_ascii_case("never") { Some(Expiry::Never) } else { parse(text).map(Expiry::After) }
}
