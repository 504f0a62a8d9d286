//! Durations in words, as `timeout`, `start_in` and `expire_in` take them (ci-yaml.md 1.5).
//!
//! The rules are those of the gem that GitLab uses, oddities included: a number that another
//! number follows counts nothing, `1:30` are minutes and seconds, a unit alone counts once.

mod words;

/// Limit of `start_in`: one week, in seconds.
pub const START_IN_LIMIT: f64 = 604_800.0;
/// Limit of a job's `timeout`: one month, in seconds.
pub const TIMEOUT_LIMIT: f64 = 2_629_746.0;

/// Texts longer than this are no durations; nobody writes them.
const MAX_BYTES: usize = 1024;

/// The duration in seconds; `None` when the text is none (also for zero and blank text).
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let text = words::to_digits(&text.to_lowercase());
    let text = spell_out_colons(&text)?;
    let seconds = sum(&known_words(&space_numbers(&text))?);
    (seconds > 0.0).then_some(seconds)
}

/// Whether the text is a duration of at most `limit` seconds.
#[must_use]
pub fn is_within(text: &str, limit: f64) -> bool {
    parse(text).is_some_and(|seconds| seconds <= limit)
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
    if text.eq_ignore_ascii_case("never") {
        Some(Expiry::Never)
    } else {
        parse(text).map(Expiry::After)
    }
}

/// Something in the text that counts.
#[derive(Clone, Copy)]
enum Word {
    Number(f64),
    /// A unit, as its seconds.
    Unit(f64),
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;
const WEEK: f64 = 7.0 * DAY;
const MONTH: f64 = 30.0 * DAY;
const YEAR: f64 = 31_557_600.0;

fn unit(word: &str) -> Option<f64> {
    Some(match word {
        "seconds" | "second" | "secs" | "sec" | "s" => 1.0,
        "minutes" | "minute" | "mins" | "min" | "m" => MINUTE,
        "hours" | "hour" | "hrs" | "hr" | "h" => HOUR,
        "days" | "day" | "dy" | "d" => DAY,
        "weeks" | "week" | "wks" | "wk" | "w" => WEEK,
        "months" | "month" | "mos" | "mo" => MONTH,
        "years" | "year" | "yrs" | "yr" | "y" => YEAR,
        _ => return None,
    })
}

/// `3:41:59` as words, the last field seconds. More than six fields are no duration.
fn spell_out_colons(text: &str) -> Option<String> {
    const UNITS: [&str; 6] = ["seconds", "minutes", "hours", "days", "months", "years"];
    let dense: String = text.chars().filter(|c| *c != ' ').collect();
    if !has_colon_between_numbers(&dense) {
        return Some(text.to_owned());
    }
    // Ruby drops empty fields at the end.
    let fields: Vec<&str> = dense.trim_end_matches(':').split(':').collect();
    if fields.len() > UNITS.len() {
        return None;
    }
    let spelled: Vec<String> = fields
        .iter()
        .zip(UNITS[..fields.len()].iter().rev())
        .map(|(field, unit)| format!("{field} {unit}"))
        .collect();
    Some(spelled.join(" "))
}

fn has_colon_between_numbers(dense: &str) -> bool {
    dense.match_indices(':').any(|(at, _)| {
        let after = &dense[at + 1..];
        let after = after.strip_prefix('.').unwrap_or(after);
        dense[..at].ends_with(|c: char| c.is_ascii_digit()) && after.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// Puts spaces around every number.
fn space_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match number_bytes(rest) {
            0 => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
            bytes => {
                out.push(' ');
                out.push_str(&rest[..bytes]);
                out.push(' ');
                rest = &rest[bytes..];
            }
        }
    }
    out
}

/// Length of a number at the start: digits, maybe a dot with digits behind it.
fn number_bytes(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let fraction = text[whole..].strip_prefix('.').map_or(0, digits);
    if fraction > 0 { whole + 1 + fraction } else { whole }
}

/// The words that count; `None` when one is neither known nor a joiner.
fn known_words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    for word in text.split_ascii_whitespace() {
        if number_bytes(word) > 0 {
            words.push(Word::Number(word.parse::<f64>().ok()?.min(f64::MAX)));
            continue;
        }
        let bare = word.strip_prefix(',').unwrap_or(word);
        let bare = bare.strip_suffix(',').unwrap_or(bare);
        match unit(bare) {
            Some(seconds) => words.push(Word::Unit(seconds)),
            None if matches!(bare, "and" | "with" | "plus") => {}
            None => return None,
        }
    }
    if matches!(words.first(), Some(Word::Unit(_))) {
        words.insert(0, Word::Number(1.0));
    }
    Some(words)
}

fn sum(words: &[Word]) -> f64 {
    words
        .iter()
        .enumerate()
        .map(|(at, word)| match (word, words.get(at + 1)) {
            (Word::Number(number), Some(Word::Unit(seconds))) => number * seconds,
            (Word::Number(number), None) => *number,
            (Word::Number(_), Some(Word::Number(_))) | (Word::Unit(_), _) => 0.0,
        })
        .sum()
}
