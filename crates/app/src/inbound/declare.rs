//! How conditions and mappings are written: as objects, or each as one line.
//!
//! ```text
//! ref starts_with refs/heads/release/          a condition: place, operator, value
//! header:X-GitHub-Event in push, release       of a header; several values with commas
//! version = release.tag_name                   a mapping: name and place
//! replicas:number = spec.replicas ?? 1         with a type and a default
//! author? = sender.login                       left out when it is not there
//! ```

use compile::regex::Pattern;
use model::inbound::Place;
use model::{Condition, InputType, Mapping, Operator};
use serde_json::{Map, Value as Json, json};

use crate::inbound::path;

/// Conditions of one hook at most.
pub const MAX_CONDITIONS: usize = 30;
/// Inputs, or variables, of one hook at most.
pub const MAX_MAPPINGS: usize = 50;
/// Longest text in a declaration, in bytes.
const MAX_TEXT: usize = 1024;
/// Values that one condition compares with.
const MAX_VALUES: usize = 50;

/// Reads a list of declarations.
///
/// # Errors
///
/// What is wrong, with its place in the list.
pub fn list<T>(value: &Json, most: usize, read: impl Fn(&Json) -> Result<T, String>) -> Result<Vec<T>, String> {
    let items = match value {
        Json::Null => return Ok(Vec::new()),
        Json::Array(items) => items,
        _ => return Err("must be a list".to_owned()),
    };
    if items.len() > most {
        return Err(format!("has more than {most} entries"));
    }
    let one = |(index, item)| read(item).map_err(|problem| format!("[{index}]: {problem}"));
    items.iter().enumerate().map(one).collect()
}

/// Reads a condition.
///
/// # Errors
///
/// What is wrong with it.
pub fn condition(value: &Json) -> Result<Condition, String> {
    let condition = match value {
        Json::String(line) => condition_of_line(line)?,
        Json::Object(fields) => condition_of_object(fields)?,
        _ => return Err("must be a line or an object".to_owned()),
    };
    let (count, operator) = (condition.values.len(), condition.operator.as_str());
    let fits = match condition.operator {
        Operator::Exists | Operator::NotExists => count == 0,
        Operator::In | Operator::NotIn => (1..=MAX_VALUES).contains(&count),
        _ => count == 1,
    };
    if !fits {
        return Err(format!("`{operator}` does not take {count} values"));
    }
    if condition.values.iter().any(|value| value.len() > MAX_TEXT) {
        return Err(format!("a value is longer than {MAX_TEXT} bytes"));
    }
    if matches!(condition.operator, Operator::Matches | Operator::NotMatches) {
        Pattern::new(&condition.values[0], "").map_err(|error| error.to_string())?;
    }
    Ok(condition)
}

fn condition_of_line(line: &str) -> Result<Condition, String> {
    let expected = || format!("expected `PATH OPERATOR VALUE` or `header:NAME OPERATOR VALUE`, got `{line}`");
    let (at, rest) = line.trim().split_once(char::is_whitespace).ok_or_else(expected)?;
    let rest = rest.trim();
    let (word, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (operator, value) = (operator(word)?, value.trim());
    let values = match operator {
        Operator::In | Operator::NotIn => value.split(',').map(|one| one.trim().to_owned()).collect(),
        Operator::Exists | Operator::NotExists if value.is_empty() => Vec::new(),
        _ => vec![value.to_owned()],
    };
    Ok(Condition {
        place: place(at)?,
        operator,
        values,
    })
}

fn condition_of_object(fields: &Map<String, Json>) -> Result<Condition, String> {
    only(fields, &["path", "header", "operator", "value", "values"])?;
    let word = text(fields, "operator")?.unwrap_or_else(|| "equals".to_owned());
    let scalar =
        |value: &Json| path::plain(value).ok_or_else(|| "a value must be a text, number or boolean".to_owned());
    let values = match fields.get("values").or(fields.get("value")) {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(values)) => values.iter().map(scalar).collect::<Result<_, _>>()?,
        Some(value) => vec![scalar(value)?],
    };
    Ok(Condition {
        place: place_of(fields)?,
        operator: operator(&word)?,
        values,
    })
}

fn operator(word: &str) -> Result<Operator, String> {
    word.parse().map_err(|()| {
        let words: Vec<&str> = Operator::ALL.iter().map(|operator| operator.as_str()).collect();
        format!("`{word}` is no operator: expected one of {}", words.join(", "))
    })
}

/// Reads what becomes an input or a variable.
///
/// # Errors
///
/// What is wrong with it.
pub fn mapping(value: &Json) -> Result<Mapping, String> {
    let mapping = match value {
        Json::String(line) => mapping_of_line(line)?,
        Json::Object(fields) => mapping_of_object(fields)?,
        _ => return Err("must be a line or an object".to_owned()),
    };
    if mapping.name.is_empty() || mapping.name.len() > 255 || mapping.name.chars().any(char::is_whitespace) {
        return Err("a name must have 1 to 255 characters and no blanks".to_owned());
    }
    if mapping.default.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
        return Err(format!("a default is longer than {MAX_TEXT} bytes"));
    }
    Ok(mapping)
}

fn mapping_of_line(line: &str) -> Result<Mapping, String> {
    let expected = || format!("expected `NAME = PATH`, got `{line}`");
    let (left, right) = line.split_once('=').ok_or_else(expected)?;
    let (at, default) = match right.split_once("??") {
        Some((at, default)) => (at, Some(default.trim().to_owned())),
        None => (right, None),
    };
    let left = left.trim();
    let (left, required) = match left.strip_suffix('?') {
        Some(left) => (left, false),
        None => (left, true),
    };
    let (name, kind) = match left.split_once(':') {
        Some((name, word)) => (name, Some(input_type(word.trim())?)),
        None => (left, None),
    };
    Ok(Mapping {
        name: name.trim().to_owned(),
        place: place(at.trim())?,
        kind,
        default,
        required,
    })
}

fn mapping_of_object(fields: &Map<String, Json>) -> Result<Mapping, String> {
    only(fields, &["name", "path", "header", "type", "default", "required"])?;
    let default = match fields.get("default") {
        None | Some(Json::Null) => None,
        Some(value) => Some(path::plain(value).unwrap_or_else(|| value.to_string())),
    };
    let required = match fields.get("required") {
        None | Some(Json::Null) => true,
        Some(Json::Bool(yes)) => *yes,
        Some(Json::String(text)) if text == "true" || text == "false" => text == "true",
        Some(_) => return Err("`required` must be true or false".to_owned()),
    };
    Ok(Mapping {
        name: text(fields, "name")?.ok_or("`name` is missing")?,
        place: place_of(fields)?,
        kind: text(fields, "type")?.map(|word| input_type(&word)).transpose()?,
        default,
        required,
    })
}

fn input_type(word: &str) -> Result<InputType, String> {
    let unknown = |()| format!("`{word}` is no type: expected string, number, boolean or array");
    word.parse().map_err(unknown)
}

/// Reads `header:NAME` or a path.
///
/// # Errors
///
/// When it is neither.
pub fn place(text: &str) -> Result<Place, String> {
    if let Some(name) = text.strip_prefix("header:") {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_name = (1..=path::MAX_PATH).contains(&name.len()) && name.bytes().all(plain);
        return if is_name {
            Ok(Place::Header(name.to_owned()))
        } else {
            Err(format!("`{name}` is not the name of a header"))
        };
    }
    if path::is_path(text) {
        Ok(Place::Path(text.trim().to_owned()))
    } else {
        Err(format!(
            "`{text}` is not a path: expected names with dots, or a JSON pointer"
        ))
    }
}

fn place_of(fields: &Map<String, Json>) -> Result<Place, String> {
    match (text(fields, "path")?, text(fields, "header")?) {
        (Some(path), None) => place(&path),
        (None, Some(name)) => place(&format!("header:{name}")),
        _ => Err("expected either `path` or `header`".to_owned()),
    }
}

fn only(fields: &Map<String, Json>, known: &[&str]) -> Result<(), String> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(format!("`{name}` is unknown: expected {}", known.join(", "))),
    }
}

fn text(fields: &Map<String, Json>, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` must be a text")),
    }
}

/// Returns a place as it is written in a line.
#[must_use]
pub fn place_text(place: &Place) -> String {
    match place {
        Place::Path(path) => path.clone(),
        Place::Header(name) => format!("header:{name}"),
    }
}

/// Returns a condition as one line.
#[must_use]
pub fn condition_line(condition: &Condition) -> String {
    let (at, operator) = (place_text(&condition.place), condition.operator.as_str());
    let values = condition.values.join(", ");
    format!("{at} {operator} {values}").trim_end().to_owned()
}

/// Returns a mapping as one line.
#[must_use]
pub fn mapping_line(mapping: &Mapping) -> String {
    let kind = mapping
        .kind
        .map(|kind| format!(":{}", kind.as_str()))
        .unwrap_or_default();
    let mark = if mapping.required { "" } else { "?" };
    let default = mapping
        .default
        .as_ref()
        .map(|text| format!(" ?? {text}"))
        .unwrap_or_default();
    format!("{}{kind}{mark} = {}{default}", mapping.name, place_text(&mapping.place))
}

/// Returns a condition as an object.
#[must_use]
pub fn condition_json(condition: &Condition) -> Json {
    let mut object = place_json(&condition.place);
    object["operator"] = json!(condition.operator.as_str());
    match condition.operator {
        Operator::Exists | Operator::NotExists => {}
        Operator::In | Operator::NotIn => object["value"] = json!(condition.values),
        _ => object["value"] = json!(condition.values.first()),
    }
    object
}

/// Returns a mapping as an object.
#[must_use]
pub fn mapping_json(mapping: &Mapping) -> Json {
    let mut object = json!({ "name": mapping.name });
    if let (Json::Object(object), Json::Object(at)) = (&mut object, place_json(&mapping.place)) {
        object.extend(at);
    }
    object["type"] = json!(mapping.kind.map(InputType::as_str));
    object["default"] = json!(mapping.default);
    object["required"] = json!(mapping.required);
    object
}

fn place_json(place: &Place) -> Json {
    match place {
        Place::Path(path) => json!({ "path": path }),
        Place::Header(name) => json!({ "header": name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_and_an_object_say_the_same() {
        for (line, object) in [
            (
                "ref equals main",
                json!({"path": "ref", "operator": "equals", "value": "main"}),
            ),
            (
                "header:X-A in a, b",
                json!({"header": "X-A", "operator": "in", "value": ["a", "b"]}),
            ),
            ("a.b exists", json!({"path": "a.b", "operator": "exists"})),
        ] {
            let read = condition(&json!(line)).unwrap();
            assert_eq!(read, condition(&object).unwrap());
            assert_eq!((condition_line(&read).as_str(), condition_json(&read)), (line, object));
        }
        for (line, object) in [
            (
                "v = a.b",
                json!({"name": "v", "path": "a.b", "type": null, "default": null, "required": true}),
            ),
            (
                "n:number? = header:X-N ?? 7",
                json!({"name": "n", "header": "X-N", "type": "number", "default": "7", "required": false}),
            ),
        ] {
            let read = mapping(&json!(line)).unwrap();
            assert_eq!(read, mapping(&object).unwrap());
            assert_eq!((mapping_line(&read).as_str(), mapping_json(&read)), (line, object));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (value, expected) in [
            (
                json!("ref"),
                "expected `PATH OPERATOR VALUE` or `header:NAME OPERATOR VALUE`, got `ref`",
            ),
            (json!("ref exists x"), "`exists` does not take 1 values"),
            (
                json!({"path": "a", "header": "b"}),
                "expected either `path` or `header`",
            ),
            (
                json!({"path": "a", "opera": "in"}),
                "`opera` is unknown: expected path, header, operator, value, values",
            ),
            (
                json!({"path": "a", "value": {}}),
                "a value must be a text, number or boolean",
            ),
            (json!("header:a(b exists"), "`a(b` is not the name of a header"),
            (json!(1), "must be a line or an object"),
        ] {
            assert_eq!(condition(&value).unwrap_err(), expected);
        }
        assert!(
            condition(&json!("a is b"))
                .unwrap_err()
                .starts_with("`is` is no operator: expected one of equals")
        );
        assert!(
            condition(&json!("a matches ("))
                .unwrap_err()
                .starts_with("invalid regular expression")
        );
        for (value, expected) in [
            (json!("v"), "expected `NAME = PATH`, got `v`"),
            (json!(" = a"), "a name must have 1 to 255 characters and no blanks"),
            (
                json!("v:text = a"),
                "`text` is no type: expected string, number, boolean or array",
            ),
            (
                json!("v = "),
                "`` is not a path: expected names with dots, or a JSON pointer",
            ),
            (json!({"path": "a"}), "`name` is missing"),
            (
                json!({"name": "a", "path": "a", "required": 1}),
                "`required` must be true or false",
            ),
        ] {
            assert_eq!(mapping(&value).unwrap_err(), expected);
        }
        assert_eq!(list(&json!({}), 1, mapping).unwrap_err(), "must be a list");
        assert_eq!(
            list(&json!(["a = b", "c = d"]), 1, mapping).unwrap_err(),
            "has more than 1 entries"
        );
        assert_eq!(
            list(&json!(["a = b", "c"]), 2, mapping).unwrap_err(),
            "[1]: expected `NAME = PATH`, got `c`"
        );
    }
}
