//! Whatever comes in: no panic, and what is written can be read again.

use std::borrow::Cow;

use compile::duration;
use compile::expression::Expression;
use compile::glob::Glob;
use compile::inputs::{Context, Header, interpolate};
use compile::regex::Pattern;
use compile::variables::{Definition, Purpose, Undefined, expand, expand_all};
use compile::yaml::{Limits, Mapping, Node, Span, Value, load, parse, to_yaml};
use proptest::prelude::*;

/// Text from pieces that mean something to a language, with noise between.
fn soup(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => prop::sample::select(words).prop_map(str::to_owned), 1 => ".{0,3}"];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

const YAML: &[&str] = &[
    "a",
    "b: ",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "&x ",
    "*x",
    "<<: ",
    "!reference ",
    "!!str ",
    "'",
    "\"",
    "|\n",
    ">-\n",
    "# ",
    "---\n",
    "...\n",
    "1:30",
    ".5",
    "0x1",
    "2021-01-01",
    ":s",
    "~",
    "yes",
    "\t",
    "? ",
    "\\",
];
const EXPRESSION: &[&str] = &[
    "$A",
    "$B",
    "$[[ inputs.x ]]",
    "\"a\"",
    "'/a./i'",
    "/ab/",
    "/a\\/b/",
    "null",
    "true",
    "false",
    " == ",
    " != ",
    " =~ ",
    " !~ ",
    " && ",
    " || ",
    "!",
    "(",
    ")",
    " ",
    "/",
    "\"",
    "\n",
];
const BLOCK: &[&str] = &[
    "$[[",
    " ",
    "]]",
    "inputs",
    ".",
    "x",
    "list",
    "[0]",
    "[",
    "]",
    "|",
    "truncate(1,2)",
    "expand_vars",
    "posix_escape",
    "matrix",
    "component",
    "sha",
    "$A",
    "\\",
    "\n",
    "é",
];
const REGEX: &[&str] = &[
    "a",
    "(",
    ")",
    "(?i)",
    "(?:",
    "(?P<n>",
    "[",
    "]",
    "^",
    "-",
    "\\d",
    "\\b",
    "\\Q",
    "\\E",
    "\\x{41}",
    "\\p{L}",
    "{2}",
    "{",
    "}",
    "*",
    "+",
    "?",
    "|",
    ".",
    "$",
    "[:alpha:]",
    "&&",
    "\\",
    "é",
    "\\1",
    "\\12",
];
const GLOB: &[&str] = &[
    "a", "b", "/", "*", "**", "**/", "?", "[", "]", "{", "}", ",", "!", "^", "-", "\\", ".", "é",
];
const DURATION: &[&str] = &[
    "1", "2.5", " ", "hour", "min", "s", "and", "a", "half", "twenty", "one", "hundred", "third", "/", "-", ":", ",",
    "never",
];

/// Any tree, with texts that are hard to write down.
fn node() -> impl Strategy<Value = Node> {
    let span = Span::default();
    let text = prop_oneof![
        "[ -~]{0,12}",
        "\\PC{0,8}",
        prop::sample::select(vec![
            "yes", "1", "1.5", "", " ", "a: b", "- a", "a\nb", "a\n", "\n", "x #y", "<<", ":s", "~", "a\tb"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Node::null(span)),
        any::<bool>().prop_map(move |value| Node::new(Value::Bool(value), span)),
        any::<i64>().prop_map(move |value| Node::new(Value::Integer(value), span)),
        (-1.0e15..1.0e15f64).prop_map(move |value| Node::new(Value::Float(value), span)),
        text.clone().prop_map(move |text| Node::text(text, span)),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(move |items| Node::sequence(items, span)),
            prop::collection::vec((text.clone(), inner), 0..5).prop_map(move |pairs| {
                let mut mapping = Mapping::new();
                for (key, value) in pairs {
                    mapping.insert(key, span, value);
                }
                Node::mapping(mapping, span)
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn yaml_never_panics(text in soup(YAML)) {
        let limits = Limits::default();
        if let Ok(parsed) = parse(&text, 0, &limits) {
            _ = (parsed.root.inspect(), parsed.root.to_json(), to_yaml(&parsed.root));
        }
        _ = load(&text, 0, &limits);
    }

    #[test]
    fn what_is_written_as_yaml_reads_as_the_same_tree(node in node()) {
        let written = to_yaml(&node);
        let read = parse(&written, 0, &Limits::default());
        prop_assert_eq!(read.map(|parsed| parsed.root), Ok(node), "{}", written);
    }

    #[test]
    fn expressions_never_panic_and_are_valid_only_when_they_parse(text in soup(EXPRESSION)) {
        let lookup = |name: &str| (name == "A").then_some(Cow::Borrowed("/a/"));
        match Expression::parse(&text) {
            Ok(expression) => _ = expression.evaluate(&lookup),
            Err(_) => prop_assert!(!Expression::is_valid(&text)),
        }
    }

    #[test]
    fn interpolation_never_panics(text in soup(BLOCK)) {
        let span = Span::default();
        let list = Node::sequence(vec![Node::text("a", span)], span);
        let values = [("x".to_owned(), Node::text("a\\'b", span)), ("list".to_owned(), list)].into_iter().collect();
        let context = Context { inputs: &values, component: None, component_fields: &[], variables: &|_| None };
        _ = interpolate(&Node::sequence(vec![Node::text(text, span)], span), &context);
    }

    #[test]
    fn headers_never_panic(node in node()) {
        let mut mapping = Mapping::new();
        mapping.insert("inputs", Span::default(), node);
        let mut header = Mapping::new();
        header.insert("spec", Span::default(), Node::mapping(mapping, Span::default()));
        if let Ok(header) = Header::parse(&Node::mapping(header, Span::default())) {
            _ = (header.resolve(&indexmap::IndexMap::new()), header.json_schema());
        }
    }

    #[test]
    fn a_translated_pattern_always_compiles_or_is_refused(source in soup(REGEX), text in ".{0,8}") {
        if let Ok(pattern) = Pattern::new(&source, "") {
            _ = pattern.is_match(&text);
        }
    }

    #[test]
    fn globs_never_panic(pattern in soup(GLOB), path in "[ab/.é]{0,12}") {
        _ = Glob::new(&pattern).matches(&path);
    }

    #[test]
    fn durations_never_panic(text in soup(DURATION)) {
        _ = duration::parse(&text);
    }

    #[test]
    fn expansion_keeps_what_it_does_not_know(text in "[$%{}A-C a]{0,24}") {
        prop_assert_eq!(expand(&text, Undefined::Keep, &|_| None), text.as_str());
        let one = Definition { key: "A".into(), value: text.as_str().into(), raw: false, file: false };
        _ = expand_all(&[one], Purpose::Runner);
    }
}
