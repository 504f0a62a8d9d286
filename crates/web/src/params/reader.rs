//! Typed values out of parameters, with GitLab's words for what is wrong with them.
//!
//! A reader collects *all* problems (`a is missing, b is invalid`) in the order of reading. Until
//! [`Reader::finish`] said yes, a required value that could not be read is an empty stand-in:
//! read everything, finish, then use.

use std::str::FromStr;

use app::{Error, Result};
use jiff::civil;
use jiff::tz::TimeZone;
use model::Timestamp;

use super::value::{Hash, Value};

/// Reads the parameters of one call, or of one hash inside them.
#[derive(Debug)]
pub struct Reader<'a> {
    values: &'a Hash,
    prefix: Option<String>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Starts reading.
    #[must_use]
    pub const fn new(values: &'a Hash) -> Reader<'a> {
        Reader {
            values,
            prefix: None,
            problems: Vec::new(),
        }
    }

    /// Ends reading.
    ///
    /// # Errors
    ///
    /// 400 with all problems, joined with `, `.
    pub fn finish(self) -> Result<()> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Error::Parameters(self.problems))
        }
    }

    /// Whether the parameter was sent at all, also as null.
    #[must_use]
    pub fn given(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether the parameter was sent as null or as an empty text.
    #[must_use]
    pub fn is_blank(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(Value::Null) => true,
            Some(Value::Text(text)) => text.is_empty(),
            _ => false,
        }
    }

    /// Adds a problem of the caller's own: `NAME is invalid`, `NAME does not have a valid value` …
    pub fn problem(&mut self, name: &str, what: &str) {
        let name = self.full_name(name);
        self.problems.push(format!("{name} {what}"));
    }

    /// Reads a text. Numbers and booleans count as their text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.read(name, as_text)
    }

    /// Reads a text that must be there; it may be empty.
    pub fn required_text(&mut self, name: &str) -> String {
        let text = self.text(name);
        self.required(name, text)
    }

    /// Reads a text that must be there and say something.
    pub fn filled_text(&mut self, name: &str) -> String {
        if !self.given(name) {
            self.problem(name, "is missing");
            self.problem(name, "is empty");
            return String::new();
        }
        let text = self.required_text(name);
        if text.trim().is_empty() && self.values.get(name).and_then(Value::as_text).is_some() {
            self.problem(name, "is empty");
        }
        text
    }

    /// Reads a text that an update may clear: `None` = not sent, `Some(None)` = null.
    pub fn clearable_text(&mut self, name: &str) -> Option<Option<String>> {
        let text = self.text(name);
        self.given(name).then_some(text)
    }

    /// Reads a whole number. Digits beyond 64 bits become the nearest number that fits: no record has such an id.
    pub fn int(&mut self, name: &str) -> Option<i64> {
        self.read(name, as_int)
    }

    /// Reads a whole number that must be there.
    pub fn required_int(&mut self, name: &str) -> i64 {
        let number = self.int(name);
        self.required(name, number)
    }

    /// Reads a boolean in any of GitLab's spellings.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        self.read(name, as_bool)
    }

    /// Reads one of a closed set of words.
    pub fn choice<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        let word = text.parse().ok();
        if word.is_none() {
            self.problem(name, "does not have a valid value");
        }
        word
    }

    /// Reads one of a few words without a type of their own.
    pub fn one_of(&mut self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(name)?;
        let word = words.iter().copied().find(|word| *word == text);
        if word.is_none() {
            self.problem(name, "does not have a valid value");
        }
        word
    }

    /// Reads some of a closed set of words: `a[]=x&a[]=y`, or a single one.
    pub fn choices<T: FromStr>(&mut self, name: &str) -> Vec<T> {
        let texts = self.texts(name).unwrap_or_default();
        let words: Option<Vec<T>> = texts.iter().map(|text| text.parse().ok()).collect();
        if words.is_none() {
            self.problem(name, "does not have a valid value");
        }
        words.unwrap_or_default()
    }

    /// Reads a day: `YYYY-MM-DD`.
    pub fn date(&mut self, name: &str) -> Option<civil::Date> {
        self.read(name, as_date)
    }

    /// Reads a moment in ISO 8601; without an offset it is UTC.
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        self.read(name, as_time)
    }

    /// Reads an array of texts; a single text is an array of one.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        self.read(name, |value| match value {
            Value::Text(text) if text.is_empty() => Parsed::Absent,
            Value::Array(items) => items
                .iter()
                .map(|item| as_text(item).ok())
                .collect::<Option<_>>()
                .into(),
            other => match as_text(other) {
                Parsed::Ok(text) => Parsed::Ok(vec![text]),
                _ => Parsed::Invalid,
            },
        })
    }

    /// Reads an array of texts that may also come as one text with commas.
    pub fn texts_or_commas(&mut self, name: &str) -> Option<Vec<String>> {
        let texts = self.texts(name)?;
        let parts = texts.iter().flat_map(|text| text.split(','));
        Some(
            parts
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect(),
        )
    }

    /// Reads an array of whole numbers that may also come as one text with commas.
    pub fn ints_or_commas(&mut self, name: &str) -> Option<Vec<i64>> {
        let texts = self.texts_or_commas(name)?;
        let numbers: Option<Vec<i64>> = texts.iter().map(|text| parse_int(text)).collect();
        if numbers.is_none() {
            self.problem(name, "is invalid");
        }
        numbers
    }

    /// Reads a hash; null counts as not sent.
    pub fn hash(&mut self, name: &str) -> Option<&'a Hash> {
        match self.values.get(name)? {
            Value::Null => None,
            Value::Hash(hash) => Some(hash),
            _ => {
                self.problem(name, "is invalid");
                None
            }
        }
    }

    /// Reads an array of hashes, `a[][k]=…`, `a[0][k]=…` or JSON: each with its name for messages.
    pub fn hashes(&mut self, name: &str) -> Option<Vec<(String, &'a Hash)>> {
        let hashes: Option<Vec<&'a Hash>> = match self.values.get(name)? {
            Value::Null => return None,
            Value::Text(text) if text.is_empty() => return None,
            Value::Array(items) => items.iter().map(Value::as_hash).collect(),
            Value::Hash(hash) if hash.keys().all(|key| is_index(key)) => hash.values().map(Value::as_hash).collect(),
            _ => None,
        };
        let Some(hashes) = hashes else {
            self.problem(name, "is invalid");
            return None;
        };
        let name = self.full_name(name);
        Some(
            hashes
                .into_iter()
                .enumerate()
                .map(|(index, hash)| (format!("{name}[{index}]"), hash))
                .collect(),
        )
    }

    /// Reads a hash that [`Reader::hashes`] gave; its problems become this reader's.
    pub fn inside<T>(&mut self, named: &(String, &'a Hash), read: impl FnOnce(&mut Reader<'a>) -> T) -> T {
        let mut inner = Reader {
            values: named.1,
            prefix: Some(named.0.clone()),
            problems: Vec::new(),
        };
        let value = read(&mut inner);
        self.problems.append(&mut inner.problems);
        value
    }

    /// Demands that at least one of the parameters was sent.
    pub fn at_least_one_of(&mut self, names: &[&str]) {
        if !names.iter().any(|name| self.given(name)) {
            let verb = if names.len() == 1 { "is" } else { "are" };
            let names = names.join(", ");
            self.problems.push(format!(
                "{names} {verb} missing, at least one parameter must be provided"
            ));
        }
    }

    /// Demands that at most one of the parameters was sent.
    pub fn mutually_exclusive(&mut self, names: &[&str]) {
        let given: Vec<&str> = names.iter().copied().filter(|name| self.given(name)).collect();
        if given.len() > 1 {
            self.problems
                .push(format!("{} are mutually exclusive", given.join(", ")));
        }
    }

    /// Demands that a number lies in a range.
    pub fn check(&mut self, name: &str, is_valid: bool) {
        if !is_valid {
            self.problem(name, "does not have a valid value");
        }
    }

    fn read<T>(&mut self, name: &str, parse: impl FnOnce(&'a Value) -> Parsed<T>) -> Option<T> {
        match parse(self.values.get(name)?) {
            Parsed::Ok(value) => Some(value),
            Parsed::Absent => None,
            Parsed::Invalid => {
                self.problem(name, "is invalid");
                None
            }
        }
    }

    /// Reports a required value that is not there; one that could not be read was reported already.
    fn required<T: Default>(&mut self, name: &str, value: Option<T>) -> T {
        match (value, self.values.get(name)) {
            (Some(value), _) => return value,
            (None, None) => self.problem(name, "is missing"),
            (None, Some(Value::Null)) => self.problem(name, "is empty"),
            (None, Some(Value::Text(text))) if text.is_empty() => self.problem(name, "is empty"),
            (None, Some(_)) => {}
        }
        T::default()
    }

    fn full_name(&self, name: &str) -> String {
        match &self.prefix {
            None => name.to_owned(),
            Some(prefix) => format!("{prefix}[{name}]"),
        }
    }
}

/// What became of a value.
enum Parsed<T> {
    Ok(T),
    /// Null, or an empty text where something else is expected: as if not sent.
    Absent,
    Invalid,
}

impl<T> Parsed<T> {
    fn ok(self) -> Option<T> {
        match self {
            Parsed::Ok(value) => Some(value),
            _ => None,
        }
    }
}

impl<T> From<Option<T>> for Parsed<T> {
    fn from(value: Option<T>) -> Parsed<T> {
        value.map_or(Parsed::Invalid, Parsed::Ok)
    }
}

fn as_text(value: &Value) -> Parsed<String> {
    match value {
        Value::Null => Parsed::Absent,
        Value::Text(text) => Parsed::Ok(text.clone()),
        Value::Number(number) => Parsed::Ok(number.to_string()),
        Value::Bool(yes) => Parsed::Ok(yes.to_string()),
        // A file is a hash to GitLab, also one with a line of text in it.
        Value::Array(_) | Value::Hash(_) | Value::File(_) => Parsed::Invalid,
    }
}

fn as_int(value: &Value) -> Parsed<i64> {
    match value {
        Value::Null => Parsed::Absent,
        Value::Text(text) if text.is_empty() => Parsed::Absent,
        Value::Text(text) => parse_int(text).into(),
        Value::Number(number) => parse_int(&number.to_string()).into(),
        _ => Parsed::Invalid,
    }
}

fn as_bool(value: &Value) -> Parsed<bool> {
    match value {
        Value::Null => Parsed::Absent,
        Value::Bool(yes) => Parsed::Ok(*yes),
        Value::Number(number) => match number.as_i64() {
            Some(1) => Parsed::Ok(true),
            Some(0) => Parsed::Ok(false),
            _ => Parsed::Invalid,
        },
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "" => Parsed::Absent,
            "true" | "t" | "1" | "on" | "yes" | "y" => Parsed::Ok(true),
            "false" | "f" | "0" | "off" | "no" | "n" => Parsed::Ok(false),
            _ => Parsed::Invalid,
        },
        _ => Parsed::Invalid,
    }
}

fn as_date(value: &Value) -> Parsed<civil::Date> {
    match value {
        Value::Null => Parsed::Absent,
        Value::Text(text) if text.is_empty() => Parsed::Absent,
        Value::Text(text) => text.trim().parse().ok().into(),
        _ => Parsed::Invalid,
    }
}

fn as_time(value: &Value) -> Parsed<Timestamp> {
    match value {
        Value::Null => Parsed::Absent,
        Value::Text(text) if text.is_empty() => Parsed::Absent,
        Value::Text(text) => parse_time(text.trim()).into(),
        _ => Parsed::Invalid,
    }
}

fn parse_time(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = match text.parse() {
        Ok(moment) => moment,
        Err(_) => {
            let local: civil::DateTime = text.parse().ok()?;
            local.to_zoned(TimeZone::UTC).ok()?.timestamp()
        }
    };
    Some(Timestamp(moment.as_microsecond()))
}

/// Reads digits with an optional sign; more than fit become the nearest number.
fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nearest = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Some(text.parse().unwrap_or(nearest))
}

fn is_index(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit())
}
