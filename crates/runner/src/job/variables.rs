//! A job's variables: which wins, what expands, what goes to files.
//!
//! Expansion is that of the public runner (Go's `os.Expand`): one pass, unknown names are
//! empty, `$$` is a dollar sign.

use std::collections::HashMap;

use wire::runner::Variable;

/// Variables of one job; of several with one name the last wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    list: Vec<Variable>,
}

impl Variables {
    /// Appends a variable of the runner, as it is.
    pub(super) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.list.push(Variable {
            key: key.to_owned(),
            value: value.into(),
            raw: true,
            ..Variable::default()
        });
    }

    /// Appends the job's variables. Names no process can have are left out.
    pub(super) fn extend(&mut self, variables: &[Variable]) {
        let usable = |v: &&Variable| !v.key.is_empty() && !v.key.contains(['=', '\0']) && !v.value.contains('\0');
        self.list.extend(variables.iter().filter(usable).cloned());
    }

    /// Appends all of `other`.
    pub(super) fn append(&mut self, mut other: Variables) {
        self.list.append(&mut other.list);
    }

    /// Returns the winning entries, values expanded, those of type file still with their content.
    pub(super) fn expanded(&self, file_path: impl Fn(&str) -> String) -> Vec<Variable> {
        // A job has a hundred of them and more: looking through the list for each would be felt.
        let last: HashMap<&str, usize> = (0..).zip(&self.list).map(|(at, v)| (v.key.as_str(), at)).collect();
        let all = self.list.iter().enumerate();
        let winners = all.filter(|(at, variable)| last.get(variable.key.as_str()) == Some(at));
        let lookup = |name: &str| match last.get(name).map(|at| &self.list[*at]) {
            Some(variable) if variable.file => file_path(name),
            Some(variable) => variable.value.clone(),
            None => String::new(),
        };
        let expand = |variable: &Variable| Variable {
            value: if variable.raw {
                variable.value.clone()
            } else {
                expand(&variable.value, lookup)
            },
            ..variable.clone()
        };
        winners.map(|(_, variable)| expand(variable)).collect()
    }

    /// Returns a value as sent; empty when there is none.
    pub(super) fn get(&self, key: &str) -> &str {
        self.find(key).map_or("", |variable| variable.value.as_str())
    }

    fn find(&self, key: &str) -> Option<&Variable> {
        self.list.iter().rev().find(|variable| variable.key == key)
    }
}

/// Replaces `$NAME` and `${NAME}` in `text`.
pub(super) fn expand(text: &str, lookup: impl Fn(&str) -> String) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        output.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        let (name, eaten) = shell_name(rest);
        match (name, eaten) {
            ("", 0) => output.push('$'),
            ("", _) => {}
            ("$", _) => output.push('$'),
            (name, _) => output.push_str(&lookup(name)),
        }
        rest = &rest[eaten..];
    }
    output.push_str(rest);
    output
}

/// Returns the name at the start of `text` (behind a dollar sign) and the bytes it takes.
fn shell_name(text: &str) -> (&str, usize) {
    let is_special = |byte: u8| b"*#$@!?-0123456789".contains(&byte);
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'{') => {
            if bytes.len() > 2 && is_special(bytes[1]) && bytes[2] == b'}' {
                return (&text[1..2], 3);
            }
            match text.find('}') {
                Some(1) => ("", 2),
                Some(end) => (&text[1..end], end + 1),
                None => ("", 1),
            }
        }
        Some(byte) if is_special(*byte) => (&text[..1], 1),
        _ => {
            let end = bytes
                .iter()
                .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
                .unwrap_or(text.len());
            (&text[..end], end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expansion_is_that_of_go() {
        let lookup = |name: &str| match name {
            "A" => "1".to_owned(),
            "B_2" => "two".to_owned(),
            _ => String::new(),
        };
        for (text, expected) in [
            ("$A ${A} $B_2!", "1 1 two!"),
            ("a$$b", "a$b"),
            ("$unknown-${unknown}", "-"),
            ("100% $", "100% $"),
            ("$ A $. é$é", "$ A $. é$é"),
            ("${} ${A", " A"),
            ("$1$A", "1"),
            ("${*}x", "x"),
            ("$$A", "$A"),
        ] {
            assert_eq!(expand(text, lookup), expected, "{text}");
        }
    }

    #[test]
    fn the_last_of_a_name_wins_raw_stays_and_expansion_is_one_pass() {
        let variable = |key: &str, value: &str, raw, file| Variable {
            key: key.into(),
            value: value.into(),
            raw,
            file,
            ..Variable::default()
        };
        let mut variables = Variables::default();
        variables.extend(&[
            variable("A", "old", false, false),
            variable("B", "$A-$C-$F", false, false),
            variable("C", "$A", true, false),
            variable("F", "content $A", false, true),
            variable("A", "new", false, false),
            variable("BAD=", "x", false, false),
        ]);
        let all: Vec<_> = variables
            .expanded(|name| format!("/f/{name}"))
            .into_iter()
            .map(|v| (v.key, v.value))
            .collect();
        let expected = [("B", "new-$A-/f/F"), ("C", "$A"), ("F", "content new"), ("A", "new")];
        assert_eq!(all, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}
