//! Number words → digits: `twenty one`, `two hundred`, `one and a half`.
//!
//! A marker stands before every number made from words while the passes run, because only such
//! numbers are added to one another (`twenty one`, but not `20 1`).

use std::fmt::Write as _;

const MARK: &str = "<num>";

const SMALL: [(&str, u32); 21] = [
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("ninteen", 19),
    ("zero", 0),
    ("ten", 10),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
];

const TENS: [(&str, u32); 9] = [
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fourty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
];

const LARGE: [(&str, u64); 5] = [
    ("hundred", 100),
    ("thousand", 1000),
    ("million", 1_000_000),
    ("billion", 1_000_000_000),
    ("trillion", 1_000_000_000_000),
];

const FRACTIONS: [(&str, u32); 9] = [
    ("half", 2),
    ("third", 3),
    ("fourth", 4),
    ("quarter", 4),
    ("fifth", 5),
    ("sixth", 6),
    ("seventh", 7),
    ("eighth", 8),
    ("nineth", 9),
];

/// Replaces number words in lower-case text.
pub(super) fn to_digits(text: &str) -> String {
    let mut text = squeeze(text);
    let has_words = text.contains(|c: char| c.is_ascii_alphabetic());
    if has_words {
        for (word, number) in SMALL {
            replace_word(&mut text, word, number);
        }
        for (ten, number) in TENS {
            for (one, small) in SMALL.iter().rev().take(9) {
                replace_word(&mut text, &format!("{ten}{one}"), number + small);
            }
            replace_word(&mut text, ten, number);
        }
        for (word, denominator) in FRACTIONS {
            replace_fraction(&mut text, word, denominator);
        }
    }
    add_fractions(&mut text);
    if has_words {
        for (word, factor) in LARGE {
            multiply(&mut text, word, factor);
            add_neighbors(&mut text);
        }
        add_neighbors(&mut text);
    }
    text.replace(MARK, "")
}

/// Runs of spaces become one, a hyphen between words too.
fn squeeze(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let hyphen =
            matches!(chars[at..], [before, '-', after, ..] if !before.is_ascii_digit() && !after.is_ascii_digit());
        if chars[at] == ' ' {
            out.push(' ');
            at += chars[at..].iter().take_while(|c| **c == ' ').count();
        } else if hyphen {
            out.extend([chars[at], ' ', chars[at + 2]]);
            at += 3;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

fn is_word_char(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

/// Replaces a whole word by a marked number.
fn replace_word(text: &mut String, word: &str, number: u32) {
    let mut from = 0;
    while let Some(at) = text[from..].find(word).map(|found| from + found) {
        let end = at + word.len();
        let is_whole = !text[..at].ends_with(is_word_char) && !text[end..].starts_with(is_word_char);
        from = end;
        if is_whole {
            let marked = format!("{MARK}{number}");
            text.replace_range(at..end, &marked);
            from = at + marked.len();
        }
    }
}

/// `a half` becomes a marked `1/2`, ` half` and ` halfs` become `/2`.
fn replace_fraction(text: &mut String, word: &str, denominator: u32) {
    let mut from = 0;
    while let Some(at) = text[from..].find(word).map(|found| from + found) {
        let plural = word != "half" && text[at + word.len()..].starts_with('s');
        let end = at + word.len() + usize::from(plural);
        from = end;
        if text[end..].starts_with(is_word_char) {
            continue;
        }
        let (start, written) = if text[..at].ends_with("a ") {
            (at - 2, format!("{MARK}1/{denominator}"))
        } else if text[..at].ends_with(|c: char| c.is_ascii_whitespace()) {
            (at - 1, format!("/{denominator}"))
        } else {
            continue;
        };
        text.replace_range(start..end, &written);
        from = start + written.len();
    }
}

/// `1 1/2`, `1 and 1/2` become `1.5`.
fn add_fractions(text: &mut String) {
    let mut from = 0;
    while let Some(slash) = text[from..].find('/').map(|found| from + found) {
        from = slash + 1;
        let Some((start, whole, numerator)) = before_slash(&text[..slash]) else {
            continue;
        };
        let after = text[slash + 1..].trim_start();
        let denominator_at = text.len() - after.len();
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let Ok(denominator) = after[..digits].parse::<f64>() else {
            continue;
        };
        let mut sum = String::new();
        _ = write!(sum, "{:?}", whole + numerator / denominator);
        text.replace_range(start..denominator_at + digits, &sum);
        from = start + sum.len();
    }
}

/// Start and value of the whole number, and the numerator, when the text ends with both.
fn before_slash(text: &str) -> Option<(usize, f64, f64)> {
    let text = text.trim_end();
    let (rest, numerator) = split_last_number(text)?;
    let mut rest = rest;
    while let Some(shorter) = rest.strip_suffix(MARK) {
        rest = shorter;
    }
    let mut joined = false;
    loop {
        let shorter = [" and ", " ", "-"].iter().find_map(|joiner| rest.strip_suffix(joiner));
        let Some(shorter) = shorter else { break };
        rest = shorter;
        joined = true;
    }
    let (before, whole) = split_last_number(rest)?;
    joined.then_some((before.len(), whole, numerator))
}

fn split_last_number(text: &str) -> Option<(&str, f64)> {
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (rest, number) = text.split_at(text.len() - digits);
    Some((rest, number.parse().ok()?))
}

/// `2 hundred` becomes a marked `200`, `hundred` alone `100`.
fn multiply(text: &mut String, word: &str, factor: u64) {
    let mut from = 0;
    while let Some(at) = text[from..].find(word).map(|found| from + found) {
        let before = text[..at].trim_end_matches(' ');
        let digits = before.bytes().rev().take_while(u8::is_ascii_digit).count();
        let number = &before[before.len() - digits..];
        let head = &before[..before.len() - digits];
        let start = head.strip_suffix(MARK).unwrap_or(head).len();
        let written = match number.parse::<u64>() {
            Ok(count) => format!("{MARK}{}", u128::from(count) * u128::from(factor)),
            Err(_) => factor.to_string(),
        };
        text.replace_range(start..at + word.len(), &written);
        from = start + written.len();
    }
}

/// Adds marked numbers side by side when the first is longer, or `and` stands between.
fn add_neighbors(text: &mut String) {
    let mut from = 0;
    while let Some(at) = text[from..].find(MARK).map(|found| from + found) {
        let first_start = at + MARK.len();
        let first = digits_at(text, first_start);
        from = first_start;
        let behind = &text[first_start + first.len()..];
        let (joiner, rest) = match (behind.strip_prefix(" and "), behind.strip_prefix(' ')) {
            (Some(rest), _) => (" and ", rest),
            (None, Some(rest)) => (" ", rest),
            (None, None) => continue,
        };
        let Some(rest) = rest.strip_prefix(MARK) else { continue };
        let second = digits_at(rest, 0);
        let ends = !rest[second.len()..].starts_with(is_word_char);
        let (Ok(a), Ok(b), true) = (first.parse::<u128>(), second.parse::<u128>(), ends) else {
            continue;
        };
        let end = text.len() - rest.len() + second.len();
        if joiner.len() > 1 || first.len() > second.len() {
            let sum = format!("{MARK}{}", a.saturating_add(b));
            text.replace_range(at..end, &sum);
            from = 0;
        } else {
            from = end;
        }
    }
}

fn digits_at(text: &str, at: usize) -> &str {
    let digits = text[at..].bytes().take_while(u8::is_ascii_digit).count();
    &text[at..at + digits]
}
