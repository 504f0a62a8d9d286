//! Addresses of other pages: those of the call itself, with some parameters replaced.

use app::ExternalUrl;

use crate::params::{Params, Value};

/// Returns the address of the same call with some parameters replaced.
pub(super) fn link_url(url: &ExternalUrl, params: &Params, replaced: &[(&str, &str)]) -> String {
    let mut pairs = Vec::new();
    for (name, value) in params.values() {
        if !replaced.iter().any(|(other, _)| other == name) {
            push_pairs(&mut pairs, name, value);
        }
    }
    pairs.extend(replaced.iter().map(|(name, value)| pair(name, value)));
    pairs.sort();
    format!("{}{}?{}", url.base(), params.path(), pairs.join("&"))
}

fn push_pairs(pairs: &mut Vec<String>, name: &str, value: &Value) {
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|item| push_pairs(pairs, &format!("{name}[]"), item)),
        Value::Hash(hash) => hash
            .iter()
            .for_each(|(key, value)| push_pairs(pairs, &format!("{name}[{key}]"), value)),
        Value::Null => pairs.push(pair(name, "")),
        Value::Text(text) => pairs.push(pair(name, text)),
        Value::Number(number) => pairs.push(pair(name, &number.to_string())),
        Value::Bool(yes) => pairs.push(pair(name, &yes.to_string())),
        Value::File(_) => {}
    }
}

fn pair(name: &str, value: &str) -> String {
    let mut text = String::with_capacity(name.len() + value.len() + 1);
    encode(&mut text, name);
    text.push('=');
    encode(&mut text, value);
    text
}

/// Percent-encodes a text for one segment of an address (a slash stays).
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, part) in text.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        encode(&mut out, part);
    }
    out.replace('+', "%20")
}

fn encode(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => write!(out, "%{byte:02X}").expect("writing to a text does not fail"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Hash;

    fn params(pairs: &[(&str, &str)]) -> Params {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        Params::new("/api/v4/projects/a%2Fb/pipelines", pairs.collect::<Hash>())
    }

    #[test]
    fn links_repeat_all_parameters_sorted_and_encoded() {
        let url = "https://ci.example:8443/sub".parse().unwrap();
        let sent = params(&[("scope", "x y"), ("page", "9"), ("id", "a/b")]);
        assert_eq!(
            link_url(&url, &sent, &[("page", "2"), ("per_page", "2")]),
            "https://ci.example:8443/sub/api/v4/projects/a%2Fb/pipelines?id=a%2Fb&page=2&per_page=2&scope=x+y"
        );
    }

    #[test]
    fn arrays_and_hashes_keep_their_brackets() {
        let mut pairs = Vec::new();
        push_pairs(&mut pairs, "a", &Value::Array(vec!["1".into(), "2".into()]));
        push_pairs(
            &mut pairs,
            "h",
            &Value::Hash([("k".to_owned(), "v".into())].into_iter().collect()),
        );
        assert_eq!(pairs, ["a%5B%5D=1", "a%5B%5D=2", "h%5Bk%5D=v"]);
    }
}
