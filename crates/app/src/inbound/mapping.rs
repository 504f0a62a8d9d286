//! Fields of a payload become inputs and variables; what does not fit is said with path, type and remedy.

use model::inbound::Place;
use model::{InputType, Mapping};
use serde_json::{Value as Json, json};

use crate::inbound::declare;
use crate::inbound::path;
use crate::inbound::verify::Headers;

/// A value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// `input version`, `variable TAG`, `ref`.
    pub(super) target: String,
    /// Where the value should be.
    pub(super) place: String,
    /// What was expected.
    pub(super) expected: &'static str,
    /// What is there.
    pub(super) found: &'static str,
}

impl Misfit {
    pub(super) fn message(&self) -> String {
        format!(
            "{} needs {} at `{}`, found {}",
            self.target, self.expected, self.place, self.found
        )
    }

    pub(super) fn to_json(&self) -> Json {
        json!({"target": self.target, "path": self.place, "expected": self.expected, "found": self.found})
    }
}

/// A delivery whose fields are looked up.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) payload: &'a Json,
    pub(super) headers: &'a Headers,
}

impl Source<'_> {
    /// Returns the first value at a place.
    fn find(self, place: &Place) -> Option<Json> {
        match place {
            Place::Path(path) => path::find(self.payload, path).first().map(|value| (*value).clone()),
            Place::Header(name) => self.headers.get(&name.to_ascii_lowercase()).map(Json::from),
        }
    }

    /// Returns the inputs.
    pub(super) fn inputs(self, mappings: &[Mapping], misfits: &mut Vec<Misfit>) -> Vec<(String, Json)> {
        self.all(mappings, misfits, "input", |value, mapping| typed(value, mapping.kind))
    }

    /// Returns the variables: text; what is no plain value becomes JSON.
    pub(super) fn variables(self, mappings: &[Mapping], misfits: &mut Vec<Misfit>) -> Vec<(String, String)> {
        self.all(mappings, misfits, "variable", |value, _| {
            let text = path::plain(value).unwrap_or_else(|| value.to_string());
            if text.contains('\0') {
                Err("a text without NUL")
            } else {
                Ok(text)
            }
        })
    }

    /// Returns the ref that a place names.
    pub(super) fn git_ref(self, place: &Place) -> Result<String, Misfit> {
        let found = self.find(place);
        match &found {
            Some(Json::String(text)) if !text.trim().is_empty() && !text.contains('\0') => Ok(text.clone()),
            other => Err(misfit(
                "ref".to_owned(),
                place,
                "the name of a branch or tag",
                other.as_ref(),
            )),
        }
    }

    fn all<T>(
        self,
        mappings: &[Mapping],
        misfits: &mut Vec<Misfit>,
        what: &str,
        convert: impl Fn(&Json, &Mapping) -> Result<T, &'static str>,
    ) -> Vec<(String, T)> {
        let mut made = Vec::with_capacity(mappings.len());
        for mapping in mappings {
            let default = || mapping.default.as_deref().map(Json::from);
            let found = self.find(&mapping.place).or_else(default);
            match &found {
                None if !mapping.required => {}
                None => {
                    let expected = mapping.kind.map_or("a value", expected);
                    misfits.push(misfit(
                        format!("{what} {}", mapping.name),
                        &mapping.place,
                        expected,
                        None,
                    ));
                }
                Some(value) => match convert(value, mapping) {
                    Ok(value) => made.push((mapping.name.clone(), value)),
                    Err(expected) => {
                        let target = format!("{what} {}", mapping.name);
                        misfits.push(misfit(target, &mapping.place, expected, Some(value)));
                    }
                },
            }
        }
        made
    }
}

fn misfit(target: String, place: &Place, expected: &'static str, found: Option<&Json>) -> Misfit {
    Misfit {
        target,
        place: declare::place_text(place),
        expected,
        found: found.map_or("nothing", path::kind),
    }
}

/// Makes a value of a type; without one, what is there as long as an input can be it.
fn typed(value: &Json, kind: Option<InputType>) -> Result<Json, &'static str> {
    let text = || path::plain(value);
    let made = match kind {
        None => (!value.is_object()).then(|| value.clone()),
        Some(InputType::String) => text().map(Json::from),
        Some(InputType::Number) => text()
            .and_then(|text| serde_json::from_str(text.trim()).ok())
            .filter(Json::is_number),
        Some(InputType::Boolean) => text().and_then(|text| text.trim().parse::<bool>().ok()).map(Json::from),
        Some(InputType::Array) => match value {
            Json::Array(_) => Some(value.clone()),
            Json::String(text) => serde_json::from_str(text).ok().filter(Json::is_array),
            _ => None,
        },
    };
    let has_nul = made.as_ref().is_some_and(|made| made.to_string().contains("\\u0000"));
    match made {
        Some(_) if has_nul => Err("a value without NUL"),
        Some(made) => Ok(made),
        None => Err(kind.map_or("a string, number, boolean or array", expected)),
    }
}

const fn expected(kind: InputType) -> &'static str {
    match kind {
        InputType::String => "a string",
        InputType::Number => "a number",
        InputType::Boolean => "a boolean",
        InputType::Array => "an array",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload() -> Json {
        json!({
            "tag": "v1", "count": 3, "size": "12", "draft": false, "list": [1, 2], "object": {"a": 1}, "nul": "\u{0}",
        })
    }

    fn mapped(line: &str) -> Result<String, String> {
        let (payload, headers) = (payload(), Headers::default());
        let source = Source {
            payload: &payload,
            headers: &headers,
        };
        let mut misfits = Vec::new();
        let mapping = declare::mapping(&json!(line)).unwrap();
        let made = source.inputs(&[mapping], &mut misfits);
        match misfits.first() {
            None => Ok(json!(made).to_string()),
            Some(misfit) => Err(misfit.message()),
        }
    }

    #[test]
    fn values_become_inputs_of_their_type() {
        for (line, expected) in [
            ("x = tag", r#"[["x","v1"]]"#),
            ("x = count", r#"[["x",3]]"#),
            ("x:string = count", r#"[["x","3"]]"#),
            ("x:number = size", r#"[["x",12]]"#),
            ("x:boolean = draft", r#"[["x",false]]"#),
            ("x:array = list", r#"[["x",[1,2]]]"#),
            ("x:number = missing ?? 7", r#"[["x",7]]"#),
            ("x:array = missing ?? [\"a\"]", r#"[["x",["a"]]]"#),
            ("x? = missing", "[]"),
        ] {
            assert_eq!(mapped(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_path() {
        for (line, expected) in [
            ("x = missing", "input x needs a value at `missing`, found nothing"),
            ("x:number = tag", "input x needs a number at `tag`, found a string"),
            (
                "x:boolean = count",
                "input x needs a boolean at `count`, found a number",
            ),
            ("x:array = tag", "input x needs an array at `tag`, found a string"),
            ("x:string = list", "input x needs a string at `list`, found an array"),
            (
                "x = object",
                "input x needs a string, number, boolean or array at `object`, found an object",
            ),
            ("x = nul", "input x needs a value without NUL at `nul`, found a string"),
        ] {
            assert_eq!(mapped(line).unwrap_err(), expected, "{line}");
        }
    }

    #[test]
    fn variables_are_texts() {
        let (payload, headers) = (payload(), [("X-A", "b")].into_iter().collect());
        let source = Source {
            payload: &payload,
            headers: &headers,
        };
        let lines = ["A = count", "B = object", "C = header:x-a", "D = nul"];
        let mappings: Vec<Mapping> = lines.map(|line| declare::mapping(&json!(line)).unwrap()).to_vec();
        let mut misfits = Vec::new();
        let made = source.variables(&mappings, &mut misfits);
        assert_eq!(json!(made).to_string(), r#"[["A","3"],["B","{\"a\":1}"],["C","b"]]"#);
        assert_eq!(
            misfits[0].message(),
            "variable D needs a text without NUL at `nul`, found a string"
        );
    }
}
