//! What use cases refuse, said to people: GitLab's words for programs, with what to do, in both languages.
//!
//! `{}` in a pattern stands for any text, which goes to the same place of the translation. What no pattern fits is
//! said as it is.

mod fields;
mod whole;

use fields::{FIELDS, OF_FIELDS};
use whole::WHOLE;

use crate::language::Language;

/// A message of a use case, and how it is said in English and Japanese.
type Said = (&'static str, &'static str, &'static str);

impl Language {
    /// Says a message of a use case.
    #[must_use]
    pub fn refusal(self, message: &str) -> String {
        let message = message.strip_prefix("400 Bad request - ").unwrap_or(message);
        // Configurations say in front which file they mean.
        if let Some((file, rest)) = message.split_once("`: ")
            && file.starts_with('`')
            && let Some(said) = self.translated(WHOLE, rest)
        {
            return said;
        }
        if let Some(said) = self.translated(WHOLE, message) {
            return said;
        }
        match message.split_once(' ') {
            Some((field, text)) if FIELDS.iter().any(|(name, ..)| *name == field) => self.problem_of(field, text),
            _ => self
                .translated(OF_FIELDS, message)
                .unwrap_or_else(|| message.to_owned()),
        }
    }

    /// Says what is wrong with a field, with the field's name in front.
    #[must_use]
    pub fn problem_of(self, field: &str, message: &str) -> String {
        if field == "base" {
            return self.refusal(message);
        }
        let (name, problem) = (self.field_name(field), self.problem(message));
        match self {
            Language::English => format!("{name} {problem}"),
            Language::Japanese if problem.starts_with('「') || problem.starts_with(|c: char| c.is_ascii()) => {
                format!("{name}: {problem}")
            }
            Language::Japanese => format!("{name}{problem}"),
        }
    }

    /// The name of a field.
    #[must_use]
    pub fn field_name(self, field: &str) -> String {
        let found = FIELDS.iter().find(|(name, ..)| *name == field);
        match (found, self) {
            (Some((_, english, _)), Language::English) => (*english).to_owned(),
            (Some((.., japanese)), Language::Japanese) => (*japanese).to_owned(),
            (None, _) => field.replace('_', " "),
        }
    }

    fn problem(self, message: &str) -> String {
        let message = message.trim();
        let known = self
            .translated(OF_FIELDS, message)
            .or_else(|| self.translated(WHOLE, message));
        known.unwrap_or_else(|| message.to_owned())
    }

    fn translated(self, table: &[Said], message: &str) -> Option<String> {
        table.iter().find_map(|(pattern, english, japanese)| {
            let parts = fit(pattern, message)?;
            Some(fill(if self == Language::English { english } else { japanese }, &parts))
        })
    }
}

/// The texts that stand for `{}` when a message fits a pattern.
fn fit<'a>(pattern: &str, message: &'a str) -> Option<Vec<&'a str>> {
    let mut literals = pattern.split("{}");
    let mut rest = message.strip_prefix(literals.next()?)?;
    let mut parts = Vec::new();
    let mut literals = literals.peekable();
    while let Some(literal) = literals.next() {
        let at = if literals.peek().is_none() {
            rest.len()
                .checked_sub(literal.len())
                .filter(|at| rest.is_char_boundary(*at) && rest[*at..] == *literal)?
        } else {
            rest.find(literal)?
        };
        parts.push(&rest[..at]);
        rest = &rest[at + literal.len()..];
    }
    rest.is_empty().then_some(parts)
}

/// Puts texts into the places of a translation: in turn, or by number. Places that a text brings stay as they are.
fn fill(text: &str, parts: &[&str]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut rest, mut next) = (text, 0);
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let Some((number, behind)) = after
            .split_once('}')
            .filter(|(inner, _)| inner.bytes().all(|b| b.is_ascii_digit()))
        else {
            out.push('{');
            rest = after;
            continue;
        };
        let index = number.parse().unwrap_or(next);
        out.push_str(parts.get(index).copied().unwrap_or_default());
        next = index + 1;
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_said_with_what_they_name() {
        for (message, english, japanese) in [
            (
                "name can't be blank",
                "Name must not be empty",
                "名前を入力してください",
            ),
            (
                "description is too long (maximum is 255 characters)",
                "Description is too long: at most 255 characters",
                "説明が長すぎます（最大255文字）",
            ),
            (
                "key (A) has already been taken",
                "Key A is there already: remove it first, or choose another",
                "キー: 「A」はすでにあります。先に削除するか、別の名前にしてください",
            ),
            (
                "400 Bad request - Reference not found",
                "There is no such branch or tag. Push it first, or choose another.",
                "そのブランチまたはタグはありません。先にプッシュするか、別のものを選んでください。",
            ),
            (
                "`.gitlab-ci.yml`: `version` input: provided value is not a number",
                "version must be a number.",
                "version には数値を入力してください。",
            ),
            (
                "Maximum number of pipeline triggers (10) exceeded",
                "There can be at most 10 of these here. Remove one first.",
                "ここに登録できるのは最大10件です。先にどれかを削除してください。",
            ),
            ("something new", "something new", "something new"),
        ] {
            assert_eq!(Language::English.refusal(message), english);
            assert_eq!(Language::Japanese.refusal(message), japanese);
        }
    }

    #[test]
    fn every_place_of_a_translation_is_filled() {
        for (pattern, english, japanese) in OF_FIELDS.iter().chain(WHOLE) {
            let count = pattern.matches("{}").count();
            let parts: Vec<String> = (0..count).map(|index| format!("<{index}>")).collect();
            let message = parts
                .iter()
                .fold((*pattern).to_owned(), |text, part| text.replacen("{}", part, 1));
            assert_eq!(
                fit(pattern, &message).map(|found| found.len()),
                Some(count),
                "{pattern}"
            );
            for said in [english, japanese] {
                let filled = fill(said, &parts.iter().map(String::as_str).collect::<Vec<_>>());
                assert!(!filled.contains("{}"), "{filled}");
                assert!(said.matches("{}").count() <= count, "{said}");
            }
            let is_japanese = |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}');
            assert!(
                *pattern == "line {}: {}" || japanese.contains(is_japanese),
                "{japanese}"
            );
        }
    }

    #[test]
    fn texts_of_users_are_not_taken_for_places() {
        assert_eq!(fill("a {} b {}", &["{}", "{1}"]), "a {} b {1}");
        assert_eq!(fit("a {} b", "a é b"), Some(vec!["é"]));
        assert_eq!(fit("a {} b", "a b"), None);
    }
}
