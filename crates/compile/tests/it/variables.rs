//! References in values, and the four ways to expand them.

use std::borrow::Cow;

use compile::variables::{Definition, Purpose, Undefined, expand, expand_all, references};

const KNOWN: [(&str, &str); 3] = [("A", "a"), ("EMPTY", ""), ("B", "$A")];

fn lookup(name: &str) -> Option<Cow<'static, str>> {
    KNOWN
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| Cow::Borrowed(*value))
}

#[test]
fn references_are_expanded_once() {
    for (text, blank, kept) in [
        ("plain", "plain", "plain"),
        ("$A ${A} %A%", "a a a", "a a a"),
        ("$B", "$A", "$A"),
        ("[$EMPTY]", "[]", "[]"),
        ("$NO ${NO} %NO%", "  ", "$NO ${NO} %NO%"),
        ("$$A", "$a", "$a"),
        ("%%A%", "%a", "%a"),
        ("$A_x$A-x", "a-x", "$A_xa-x"),
        (
            "$1 ${1} $ 100% ${} ${A",
            "$1 ${1} $ 100% ${} ${A",
            "$1 ${1} $ 100% ${} ${A",
        ),
        ("%A", "%A", "%A"),
        ("é$Aé", "éaé", "éaé"),
    ] {
        assert_eq!(expand(text, Undefined::Blank, &lookup), blank, "{text}");
        assert_eq!(expand(text, Undefined::Keep, &lookup), kept, "{text}");
    }
}

#[test]
fn doubled_signs_are_no_reference_in_nested_expansion() {
    assert_eq!(references("$A $$B %%C% ${D} %E%").collect::<Vec<_>>(), ["A", "D", "E"]);
}

/// `KEY=value` pairs; `!` behind the key: raw, `@`: file.
fn expanded(pairs: &[&str], purpose: Purpose) -> Result<Vec<String>, String> {
    let definitions: Vec<Definition<'_>> = pairs
        .iter()
        .map(|pair| {
            let (key, value) = pair.split_once('=').expect("a pair");
            Definition {
                key: key.trim_end_matches(['!', '@']).into(),
                value: value.into(),
                raw: key.ends_with('!'),
                file: key.ends_with('@'),
            }
        })
        .collect();
    let done = expand_all(&definitions, purpose).map_err(|cycle| cycle.to_string())?;
    Ok(done.iter().map(|each| format!("{}={}", each.key, each.value)).collect())
}

#[test]
fn variables_are_expanded_in_one_another() {
    for (pairs, server, runner) in [
        (&["A=$B", "B=b"][..], &["B=b", "A=b"][..], &["B=b", "A=b"][..]),
        (&["A=$B-$NO"], &["A=-"], &["A=$B-$NO"]),
        (&["R!=$X", "A=$R"], &["R=$X", "A=$X"], &["R=$X", "A=$R"]),
        (
            &["F@=content", "A=$F"],
            &["F=content", "A=content"],
            &["F=content", "A=$F"],
        ),
        (&["A=$$B %%B%", "B=b"], &["A=$$B %%B%", "B=b"], &["A=$$B %%B%", "B=b"]),
        // A variable may take the value of lower precedence that has its own name.
        (
            &["PATH=/bin", "PATH=$PATH:/x"],
            &["PATH=/bin", "PATH=/bin:/x"],
            &["PATH=/bin", "PATH=/bin:/x"],
        ),
        (&["SELF=$SELF"], &["SELF="], &["SELF=$SELF"]),
        (&["A=1", "A=2", "B=$A"], &["A=1", "A=2", "B=2"], &["A=1", "A=2", "B=2"]),
    ] {
        assert_eq!(expanded(pairs, Purpose::Server).expect("no cycle"), server, "{pairs:?}");
        assert_eq!(expanded(pairs, Purpose::Runner).expect("no cycle"), runner, "{pairs:?}");
    }
}

#[test]
fn a_circle_of_two_is_an_error() {
    for (pairs, circle) in [
        (&["A=$B", "B=$A"][..], "[\"A\", \"B\"]"),
        (&["X=x", "A=$B", "B=${C}", "C=%A%"], "[\"A\", \"B\", \"C\"]"),
        (&["A=$B", "B=$A", "C=$D", "D=$C"], "[\"A\", \"B\"], [\"C\", \"D\"]"),
    ] {
        let message = expanded(pairs, Purpose::Server).expect_err("a cycle");
        assert_eq!(
            message,
            format!("circular variable reference detected: {circle}"),
            "{pairs:?}"
        );
    }
    assert!(
        expanded(&["A!=$B", "B=$A"], Purpose::Server).is_ok(),
        "a raw value needs nothing"
    );
}

#[test]
fn doubling_values_do_not_grow_without_end() {
    let pairs: Vec<String> = (0..60)
        .map(|n| {
            if n == 0 {
                "V0=x".to_owned()
            } else {
                format!("V{n}=$V{0}$V{0}", n - 1)
            }
        })
        .collect();
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    assert!(
        expanded(&pairs, Purpose::Server)
            .expect("no cycle")
            .iter()
            .all(|value| value.len() < 5 << 20)
    );
}

#[test]
fn many_values_do_not_repeat_a_large_one_without_end() {
    let large = format!("LARGE={}", "x".repeat(1 << 20));
    let mut pairs = vec![large];
    pairs.extend((0..1000).map(|n| format!("V{n}=before $LARGE after")));
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    for purpose in [Purpose::Server, Purpose::Runner] {
        let done = expanded(&pairs, purpose).expect("no cycle");
        let bytes: usize = done.iter().map(String::len).sum();
        assert!(bytes < 16 << 20, "{bytes}");
        let whole = |value: &&String| value.contains("before ") && value.ends_with(" after");
        assert_eq!(done.iter().filter(whole).count(), 1000, "what was written stays");
    }
}

#[test]
fn a_long_chain_needs_no_stack() {
    let pairs: Vec<String> = (0..20_000).map(|n| format!("V{n}=$V{}", n + 1)).collect();
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    assert_eq!(expanded(&pairs, Purpose::Server).expect("no cycle").len(), 20_000);
}
