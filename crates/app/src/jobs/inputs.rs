//! Values of a job's inputs (`${{ job.inputs.NAME }}`): those it was started with, otherwise their defaults.
//!
//! The runner fills them in; what it is given has been checked here against what the configuration declares.

use compile::regex::Pattern;
use model::definition::{JobDefinition, JobInput};
use serde_json::Value as Json;

use crate::error::{Error, Result};

/// Largest value in bytes of its JSON: a script line with it must still be one that a shell takes.
const MAX_BYTES: usize = 64 << 10;

/// A value as the runner gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The input's name.
    pub name: String,
    /// `string`, `number`, `boolean`, `array`.
    pub kind: String,
    /// Its value, never `null`.
    pub value: Json,
}

/// Checks values that somebody gives to a job.
///
/// # Errors
///
/// 400 with everything that is wrong: unknown names, other types, values that are not among the options.
pub(super) fn check(definition: &JobDefinition, given: &[(String, Json)]) -> Result<()> {
    let problems: Vec<String> = given
        .iter()
        .filter_map(
            |(name, value)| match definition.inputs.iter().find(|input| input.name == *name) {
                Some(input) => problem(input, value).map(|problem| format!("`{name}` input: {problem}")),
                None => Some(unknown(definition, name)),
            },
        )
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::BadRequest(problems.join(", ")))
}

fn unknown(definition: &JobDefinition, name: &str) -> String {
    let known: Vec<&str> = definition.inputs.iter().map(|input| input.name.as_str()).collect();
    if known.is_empty() {
        return format!("the job has no input `{name}`: it declares none");
    }
    format!("the job has no input `{name}`, only `{}`", known.join("`, `"))
}

fn problem(input: &JobInput, value: &Json) -> Option<String> {
    let is_of_kind = match input.kind.as_str() {
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        _ => value.is_string(),
    };
    if !is_of_kind {
        let article = if input.kind == "array" { "an" } else { "a" };
        return Some(format!("provided value is not {article} {}", input.kind));
    }
    let text = value.to_string();
    if text.len() > MAX_BYTES {
        return Some(format!("provided value is longer than {MAX_BYTES} bytes"));
    }
    let is_option = |option: &String| serde_json::from_str::<Json>(option).is_ok_and(|option| option == *value);
    if !input.options.is_empty() && !input.options.iter().any(is_option) {
        let shown = value.as_str().unwrap_or(&text);
        return Some(format!(
            "`{shown}` cannot be used because it is not in the list of allowed options"
        ));
    }
    let (Some(regex), Some(text)) = (&input.regex, value.as_str()) else {
        return None;
    };
    // A pattern that is none was refused with the configuration.
    let matches = Pattern::new(regex, "").is_ok_and(|pattern| pattern.is_match(text));
    (!matches).then(|| format!("provided value does not match required RE2 pattern `{regex}`"))
}

/// Returns the values that a job has; an input whose default cannot be read is left out, for the runner takes no `null`.
#[must_use]
pub(crate) fn resolve(definition: &JobDefinition, given: &[(String, Json)]) -> Vec<Value> {
    let value_of = |input: &JobInput| {
        let given = given.iter().rfind(|(name, _)| *name == input.name);
        let value = match given {
            Some((_, value)) => value.clone(),
            None => serde_json::from_str(&input.default).ok()?,
        };
        (!value.is_null()).then(|| Value {
            name: input.name.clone(),
            kind: input.kind.clone(),
            value,
        })
    };
    definition.inputs.iter().filter_map(value_of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition() -> JobDefinition {
        let input = |name: &str, kind: &str, default: Json| JobInput {
            name: name.to_owned(),
            kind: kind.to_owned(),
            default: default.to_string(),
            ..JobInput::default()
        };
        let mut place = input("place", "string", json!("eu"));
        place.options = vec![json!("eu").to_string(), json!("us").to_string()];
        let mut version = input("version", "string", json!("1"));
        version.regex = Some("^[0-9.]+$".to_owned());
        JobDefinition {
            inputs: vec![
                place,
                version,
                input("count", "number", json!(3)),
                input("loud", "boolean", json!(false)),
                input("parts", "array", json!(["a"])),
            ],
            ..JobDefinition::default()
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (name, value, expected) in [
            ("place", json!("us"), ""),
            ("version", json!("2.0"), ""),
            ("count", json!(1.5), ""),
            ("loud", json!(true), ""),
            ("parts", json!([]), ""),
            (
                "place",
                json!("mars"),
                "`place` input: `mars` cannot be used because it is not in the list of allowed options",
            ),
            ("place", json!(1), "`place` input: provided value is not a string"),
            ("place", Json::Null, "`place` input: provided value is not a string"),
            (
                "version",
                json!("x"),
                "`version` input: provided value does not match required RE2 pattern `^[0-9.]+$`",
            ),
            ("count", json!("3"), "`count` input: provided value is not a number"),
            ("loud", json!("true"), "`loud` input: provided value is not a boolean"),
            ("parts", json!("a"), "`parts` input: provided value is not an array"),
            (
                "other",
                json!("a"),
                "the job has no input `other`, only `place`, `version`, `count`, `loud`, `parts`",
            ),
        ] {
            let found = check(&definition(), &[(name.to_owned(), value.clone())]);
            let text = found.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(
                text.ends_with(expected) && text.is_empty() == expected.is_empty(),
                "{name} {value}: {text}"
            );
        }
        let long = json!("1".repeat(MAX_BYTES));
        assert!(check(&definition(), &[("version".to_owned(), long)]).is_err());
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let values = resolve(&definition(), &[("count".to_owned(), json!(7))]);
        let values: Vec<(&str, Json)> = values
            .iter()
            .map(|one| (one.name.as_str(), one.value.clone()))
            .collect();
        assert_eq!(
            values,
            [
                ("place", json!("eu")),
                ("version", json!("1")),
                ("count", json!(7)),
                ("loud", json!(false)),
                ("parts", json!(["a"]))
            ]
        );
    }
}
