//! The limits of a trigger token as somebody writes them, checked before they are stored.

use model::TriggerToken;
use serde_json::Value as Json;

use crate::App;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::pipelines::request::MAX_INPUTS;
use crate::triggers::limits::Fixed;

/// Entries of one list.
const MAX_ENTRIES: usize = 100;

/// Longest name or pattern, in bytes: that of a variable's name in GitLab.
const MAX_PATTERN: usize = 255;

/// Stars in one pattern: more say nothing more.
const MAX_STARS: usize = 10;

/// Fixed variables of one token.
const MAX_FIXED: usize = 100;

/// Longest fixed value, in bytes: that of a CI/CD variable in GitLab.
const MAX_VALUE: usize = 10_000;

/// Most uses a minute that can be asked for.
const MAX_USES: i64 = 1_000_000;

/// Limits of a trigger token that somebody sets. The outer `None` leaves one as it is, the inner one takes it away.
#[derive(Clone, Debug, Default)]
pub struct Limiting {
    /// Branches and tags, with `*`.
    pub refs: Option<Option<Vec<String>>>,
    /// Names of variables, with `*`; an empty list allows none.
    pub variables: Option<Option<Vec<String>>>,
    /// Names of inputs, with `*`; an empty list allows none.
    pub inputs: Option<Option<Vec<String>>>,
    /// Networks.
    pub networks: Option<Option<Vec<String>>>,
    /// Uses in a minute.
    pub uses_per_minute: Option<Option<i64>>,
    /// Variables that every call gets.
    pub fixed_variables: Option<Vec<(String, String)>>,
    /// Inputs that every call gets.
    pub fixed_inputs: Option<Vec<(String, Json)>>,
}

impl Limiting {
    /// Checks what is set and puts it into the token.
    ///
    /// # Errors
    ///
    /// 400 with the field and what is wrong with it.
    pub(super) fn apply(&self, app: &App, token: &mut TriggerToken) -> Result<()> {
        let limits = &mut token.limits;
        if let Some(refs) = &self.refs {
            limits.refs = checked("allowed_refs", refs.as_deref(), false)?;
        }
        if let Some(names) = &self.variables {
            limits.variables = checked("allowed_variables", names.as_deref(), true)?;
        }
        if let Some(names) = &self.inputs {
            limits.inputs = checked("allowed_inputs", names.as_deref(), true)?;
        }
        if let Some(networks) = &self.networks {
            let texts = checked("allowed_networks", networks.as_deref(), false)?;
            limits.networks = texts.map(|texts| parsed(&texts)).transpose()?;
        }
        if let Some(uses) = self.uses_per_minute {
            limits.uses_per_minute = uses.map(uses_per_minute).transpose()?;
        }
        if self.fixed_variables.is_none() && self.fixed_inputs.is_none() {
            return Ok(());
        }
        let mut fixed = Fixed::of(app, token)?;
        if let Some(variables) = &self.fixed_variables {
            fixed.variables = fixed_variables(variables)?;
        }
        if let Some(inputs) = &self.fixed_inputs {
            fixed.inputs = fixed_inputs(inputs)?;
        }
        token.fixed = fixed.seal(app)?;
        Ok(())
    }
}

/// Checks a list of names and patterns. Where an empty one would mean "nothing at all", it must be allowed.
fn checked(field: &str, texts: Option<&[String]>, may_be_empty: bool) -> Result<Option<Vec<String>>> {
    let Some(texts) = texts else { return Ok(None) };
    if texts.len() > MAX_ENTRIES {
        return Err(unacceptable(
            field,
            &format!("has too many entries (maximum is {MAX_ENTRIES})"),
        ));
    }
    let mut list: Vec<String> = Vec::new();
    for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        if text.len() > MAX_PATTERN {
            return Err(unacceptable(
                field,
                &format!("has an entry that is too long (maximum is {MAX_PATTERN} bytes)"),
            ));
        }
        if text.matches('*').count() > MAX_STARS {
            return Err(unacceptable(
                field,
                &format!("has an entry with more than {MAX_STARS} `*`"),
            ));
        }
        if text.chars().any(char::is_control) {
            return Err(unacceptable(field, "has an entry with control characters"));
        }
        if !list.iter().any(|known| known == text) {
            list.push(text.to_owned());
        }
    }
    if list.is_empty() && !may_be_empty {
        return Err(unacceptable(field, "must have an entry; null takes the limit away"));
    }
    Ok(Some(list))
}

fn parsed(texts: &[String]) -> Result<Vec<String>> {
    let one = |text: &String| match text.parse::<Network>() {
        Ok(network) => Ok(network.to_string()),
        Err(error) => Err(unacceptable("allowed_networks", &error.to_string())),
    };
    texts.iter().map(one).collect()
}

fn uses_per_minute(uses: i64) -> Result<u32> {
    let fits = u32::try_from(uses).ok().filter(|_| (1..=MAX_USES).contains(&uses));
    fits.ok_or_else(|| unacceptable("max_uses_per_minute", &format!("must be between 1 and {MAX_USES}")))
}

fn fixed_variables(given: &[(String, String)]) -> Result<Vec<(String, String)>> {
    let field = "fixed_variables";
    if given.len() > MAX_FIXED {
        return Err(unacceptable(
            field,
            &format!("has too many entries (maximum is {MAX_FIXED})"),
        ));
    }
    let mut fixed: Vec<(String, String)> = Vec::new();
    for (key, value) in given {
        let key = key.trim();
        let is_name = (1..=MAX_PATTERN).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            return Err(unacceptable(
                field,
                "has a name that is not 1 to 255 letters, digits and '_'",
            ));
        }
        if value.len() > MAX_VALUE {
            return Err(unacceptable(
                field,
                &format!("has a value that is too long (maximum is {MAX_VALUE} bytes)"),
            ));
        }
        if fixed.iter().any(|(known, _)| known == key) {
            return Err(unacceptable(field, &format!("has `{key}` twice")));
        }
        fixed.push((key.to_owned(), value.clone()));
    }
    Ok(fixed)
}

fn fixed_inputs(given: &[(String, Json)]) -> Result<Vec<(String, Json)>> {
    let field = "fixed_inputs";
    if given.len() > MAX_INPUTS {
        return Err(unacceptable(
            field,
            &format!("has too many entries (maximum is {MAX_INPUTS})"),
        ));
    }
    for (name, value) in given {
        if name.is_empty() || name.len() > MAX_PATTERN {
            return Err(unacceptable(field, "has a name that is empty or too long"));
        }
        if value.to_string().len() > MAX_VALUE {
            return Err(unacceptable(
                field,
                &format!("has a value that is too long (maximum is {MAX_VALUE} bytes)"),
            ));
        }
    }
    Ok(given.to_vec())
}

/// `400 Bad request - {"field":["text"]}`: the form these endpoints use.
pub(super) fn unacceptable(field: &str, text: &str) -> Error {
    Error::BadRequest(serde_json::json!({ field: [text] }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[track_caller]
    fn problem<T: std::fmt::Debug>(result: Result<T>, expected: &str) {
        assert_eq!(result.unwrap_err().to_string(), format!("400 Bad request - {expected}"));
    }

    #[test]
    fn lists_are_trimmed_and_have_each_entry_once() {
        let list = checked("x", Some(&texts(&[" a ", "", "b", "a"])), false).unwrap();
        assert_eq!(list, Some(texts(&["a", "b"])));
        assert_eq!(checked("x", Some(&[]), true).unwrap(), Some(Vec::new()));
        assert_eq!(checked("x", None, false).unwrap(), None);
    }

    #[test]
    fn hostile_lists_are_refused() {
        let huge: Vec<String> = (0..10_000).map(|number| format!("NAME_{number}")).collect();
        problem(
            checked("x", Some(&huge), true),
            r#"{"x":["has too many entries (maximum is 100)"]}"#,
        );
        let long = "a".repeat(256);
        problem(
            checked("x", Some(&[long]), true),
            r#"{"x":["has an entry that is too long (maximum is 255 bytes)"]}"#,
        );
        let stars = "*a".repeat(11);
        problem(
            checked("x", Some(&[stars]), true),
            r#"{"x":["has an entry with more than 10 `*`"]}"#,
        );
        problem(
            checked("x", Some(&texts(&["a\nb"])), true),
            r#"{"x":["has an entry with control characters"]}"#,
        );
        problem(
            checked("x", Some(&texts(&[""])), false),
            r#"{"x":["must have an entry; null takes the limit away"]}"#,
        );
    }

    #[test]
    fn fixed_values_have_good_names_and_fit() {
        let variable = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(fixed_variables(&[variable(" A ", "1")]).unwrap(), [variable("A", "1")]);
        let bad = r#"{"fixed_variables":["has a name that is not 1 to 255 letters, digits and '_'"]}"#;
        for key in ["", "A-B", "É", "A B"] {
            problem(fixed_variables(&[variable(key, "1")]), bad);
        }
        problem(
            fixed_variables(&[variable("A", "1"), variable("A ", "2")]),
            r#"{"fixed_variables":["has `A` twice"]}"#,
        );
        problem(
            fixed_variables(&[variable("A", &"x".repeat(10_001))]),
            r#"{"fixed_variables":["has a value that is too long (maximum is 10000 bytes)"]}"#,
        );
        let inputs: Vec<(String, Json)> = (0..21).map(|number| (format!("i{number}"), Json::Null)).collect();
        problem(
            fixed_inputs(&inputs),
            r#"{"fixed_inputs":["has too many entries (maximum is 20)"]}"#,
        );
    }

    #[test]
    fn uses_are_a_positive_number() {
        assert_eq!(uses_per_minute(1).unwrap(), 1);
        for uses in [0, -1, 1_000_001, i64::MAX] {
            problem(
                uses_per_minute(uses),
                r#"{"max_uses_per_minute":["must be between 1 and 1000000"]}"#,
            );
        }
    }
}
