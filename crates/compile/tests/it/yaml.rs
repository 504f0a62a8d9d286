//! What YAML means to GitLab.

use compile::yaml::{Limits, Node, Value, YamlError, load, parse, to_yaml};

fn root(text: &str) -> Node {
    match parse(text, 0, &Limits::default()) {
        Ok(parsed) => parsed.root,
        Err(error) => panic!("{text:?}: {error}"),
    }
}

fn error(text: &str) -> String {
    match parse(text, 0, &Limits::default()) {
        Ok(parsed) => panic!("{text:?} is {:?}", parsed.root),
        Err(error) => error.to_string(),
    }
}

/// The value of `k` in Ruby's notation.
fn value(text: &str) -> String {
    root(&format!("k: {text}\n")).get("k").expect("the key").inspect()
}

#[test]
fn unquoted_scalars_mean_what_psych_makes_of_them() {
    for (text, expected) in [
        // Booleans in three spellings each; single letters are text.
        ("yes", "true"),
        ("Yes", "true"),
        ("oN", "true"),
        ("TRUE", "true"),
        ("no", "false"),
        ("off", "false"),
        ("False", "false"),
        ("y", "\"y\""),
        ("N", "\"N\""),
        // Null.
        ("", "nil"),
        ("~", "nil"),
        ("null", "nil"),
        ("Null", "nil"),
        ("NULL", "nil"),
        ("nil", "\"nil\""),
        // Integers.
        ("012", "10"),
        ("0777", "511"),
        ("08", "\"08\""),
        ("09", "\"09\""),
        ("0o17", "\"0o17\""),
        ("0x1F", "31"),
        ("-0x1f", "-31"),
        ("0b101", "5"),
        ("0b102", "\"0b102\""),
        ("1_000", "1000"),
        ("1,000", "1000"),
        ("+1", "1"),
        ("1_", "\"1_\""),
        ("1__0", "\"1__0\""),
        ("0x", "\"0x\""),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0xffffffffffffffffff", "4722366482869645213695"),
        ("-07", "-7"),
        ("0,7", "7"),
        // Base 60: the first field counts hours.
        ("1:30", "5400"),
        ("1:30:15", "5415"),
        ("190:20:30", "685230"),
        ("-1:30", "-1800"),
        ("1:60", "\"1:60\""),
        ("1:2:3:4", "\"1:2:3:4\""),
        ("12:30.5", "45030.0"),
        ("1_0:30", "37800"),
        // Floats need a dot, exponents a sign.
        ("1.10", "1.1"),
        ("3.10", "3.1"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("1.", "1.0"),
        ("1.0e+3", "1000.0"),
        ("1.e+3", "1000.0"),
        ("1e3", "\"1e3\""),
        ("1.5e3", "\"1.5e3\""),
        ("1_000.5", "1000.5"),
        (".inf", "Infinity"),
        ("+.INF", "Infinity"),
        ("-.inf", "-Infinity"),
        (".NaN", "NaN"),
        (".", "\".\""),
        ("1.2.3", "\"1.2.3\""),
        ("1.0e+20", "1.0e+20"),
        ("0.00001", "1.0e-05"),
        // Symbols.
        (":foo", ":foo"),
        (":\"foo bar\"", ":\"foo bar\""),
        (":'x'", ":x"),
        ("::x", ":\":x\""),
        (":a-b", ":\"a-b\""),
        // Text.
        ("123abc", "\"123abc\""),
        ("2021-13-01", "\"2021-13-01\""),
        ("2021-01", "\"2021-01\""),
        ("2021-01-01 10:00", "\"2021-01-01 10:00\""),
        ("\u{e9}", "\"\u{e9}\""),
        ("${VAR}", "\"${VAR}\""),
        ("true x", "\"true x\""),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn quoted_and_block_scalars_are_text() {
    for (text, expected) in [
        ("'yes'", "\"yes\""),
        ("\"1\"", "\"1\""),
        ("''", "\"\""),
        ("|\n  yes", "\"yes\\n\""),
        ("|-\n  a\n  b", "\"a\\nb\""),
        (">\n  a\n  b", "\"a b\\n\""),
        ("|+\n  a\n\n", "\"a\\n\\n\\n\""),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn a_block_scalar_at_the_end_of_a_file_without_newline_has_none() {
    assert_eq!(root("k: |\n  a").get("k").expect("the key").as_str(), Some("a"));
}

#[test]
fn tags_change_what_a_scalar_is() {
    for (text, expected) in [
        ("!!str 123", "\"123\""),
        ("!!int '12'", "12"),
        ("!!int abc", "\"abc\""),
        ("!!float 1", "1.0"),
        ("!!float '1.5'", "1.5"),
        ("!!bool 'yes'", "true"),
        ("!!null ''", "nil"),
        ("!!binary aGk=", "\"hi\""),
        ("!foo bar", "\"bar\""),
        ("!foo", "nil"),
        ("! true", "true"),
        ("! '12'", "12"),
        ("!ruby/symbol x", ":x"),
        ("!!omap [a: 1, b: 2]", "{:a=>1, :b=>2}"),
        ("!!map {a: 1}", "{:a=>1}"),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn dates_and_ruby_objects_are_refused() {
    for (text, class) in [
        ("2021-01-01", "Date"),
        ("2021-1-1", "Date"),
        ("2021-02-30", "Date"),
        ("2021-01-01 10:00:00", "Time"),
        ("2021-01-01T00:00:00Z", "Time"),
        ("2021-01-01t10:00:00.5 +02:00", "Time"),
        ("!!timestamp 2021-01-01", "Date"),
        ("!!set {a}", "Psych::Set"),
        ("!ruby/regexp /a/", "Regexp"),
        ("!ruby/object:OpenStruct {a: 1}", "OpenStruct"),
        ("!ruby/object {a: 1}", "Object"),
        ("!ruby/struct:S {a: 1}", "S"),
        ("!ruby/array:A [1]", "A"),
        ("!ruby/class String", "String"),
        ("!str:Foo x", "Foo"),
    ] {
        assert_eq!(
            error(&format!("k: {text}\n")),
            format!("Tried to load unspecified class: {class}"),
            "{text}"
        );
    }
}

#[test]
fn syntax_errors_have_libyamls_words_and_the_place_of_their_context() {
    for (text, expected) in [
        (
            "k: 'a",
            "found unexpected end of stream while scanning a quoted scalar at line 1 column 4",
        ),
        (
            "k: a: b",
            "mapping values are not allowed in this context at line 1 column 5",
        ),
        (
            "k: [a, b",
            "did not find expected ',' or ']' while parsing a flow sequence at line 1 column 4",
        ),
        (
            "k: @",
            "found character that cannot start any token while scanning for the next token at line 1 column 4",
        ),
        (
            "k:\n\t- a",
            "found character that cannot start any token while scanning for the next token at line 2 column 1",
        ),
        (
            "k: [:foo]",
            "did not find expected node content while parsing a flow node at line 1 column 5",
        ),
        ("a\u{1}b", "control characters are not allowed at line 1 column 1"),
    ] {
        assert_eq!(error(text), format!("(<unknown>): {expected}"), "{text:?}");
    }
}

#[test]
fn a_syntax_error_points_at_the_problem_itself() {
    let problem = |text| parse(text, 3, &Limits::default()).expect_err("it is wrong").span();
    let place = problem("a: 1\nb: [1, 2\nc: 3\n");
    assert_eq!((place.file, place.line), (3, 3));
    let place = problem("a: 1\nb: x\u{1}\n");
    assert_eq!((place.line, place.column), (2, 5));
    let place = problem("a: 1\r\nb: 2\rc: x\u{1}\n");
    assert_eq!((place.line, place.column), (3, 5));
}

/// libyaml goes on to a line behind the last one, which nobody could be shown.
#[test]
fn a_place_behind_a_last_line_without_a_line_break_is_its_end() {
    let place = |text| parse(text, 0, &Limits::default()).expect_err("it is wrong").span();
    for (text, line, column) in [
        ("k: [a, b", 1, 9),
        ("k:\n- 'a", 2, 5),
        ("é: 1\n[", 2, 2),
        ("k: [a, b\n", 2, 1),
    ] {
        assert_eq!((place(text).line, place(text).column), (line, column), "{text:?}");
    }
}

#[test]
fn lines_of_a_second_document_count_as_yaml_counts_them() {
    let documents = load("spec:\r  inputs: {}\n---\na: 1\n", 0, &Limits::default());
    let content = documents.expect("it is valid").content;
    let entry = content
        .as_mapping()
        .and_then(|mapping| mapping.iter().next())
        .expect("a key")
        .1;
    assert_eq!((entry.key_span.line, entry.key_span.column), (4, 1));
}

#[test]
fn a_syntax_error_later_in_the_file_comes_before_a_refused_value() {
    assert!(error("a: 2021-01-01\nb: [\n").starts_with("(<unknown>)"));
}

#[test]
fn positions_count_from_one_and_in_characters() {
    let node = root("a: 1\n\u{e9}\u{e9}: {b: [x, y]}\n");
    let inner = node.get("\u{e9}\u{e9}").and_then(|map| map.get("b")).expect("the list");
    let second = &inner.as_sequence().expect("a list")[1];
    assert_eq!((second.span.line, second.span.column), (2, 13));
}

#[test]
fn of_equal_keys_the_last_wins_and_both_places_are_remembered() {
    let parsed = parse("a: 1\nb: 2\na: 3\n", 0, &Limits::default()).expect("it is valid");
    assert_eq!(parsed.root.inspect(), "{:a=>3, :b=>2}");
    let [twice] = &parsed.duplicate_keys[..] else {
        panic!("{:?}", parsed.duplicate_keys)
    };
    assert_eq!((twice.key.as_str(), twice.first.line, twice.last.line), ("a", 1, 3));
}

#[test]
fn merge_keys_apply_where_they_stand() {
    for (text, expected) in [
        ("{x: 1, <<: {x: 2, y: 2}}", "{:x=>2, :y=>2}"),
        ("{<<: {x: 2, y: 2}, x: 1}", "{:x=>1, :y=>2}"),
        ("{<<: [{x: 1}, {x: 2, y: 3}]}", "{:x=>1, :y=>3}"),
        ("{\"<<\": {x: 1}}", "{:x=>1}"),
        ("{!!str <<: {x: 1}}", "{:<<=>{:x=>1}}"),
        ("{<<: 5}", "{:<<=>5}"),
        ("{<<: [{x: 1}, 5]}", "{:<<=>[{:x=>1}, 5]}"),
    ] {
        let expected = expected.replace(":<<=>", ":\"<<\"=>");
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn overriding_a_merged_key_is_no_duplicate() {
    let parsed = parse("a: &a {x: 1}\nb: {<<: *a, x: 2}\n", 0, &Limits::default()).expect("it is valid");
    assert!(parsed.duplicate_keys.is_empty());
}

#[test]
fn anchors_can_be_used_again_and_named_again() {
    assert_eq!(
        root("a: &x [1]\nb: *x\nc: &x 2\nd: *x\n").inspect(),
        "{:a=>[1], :b=>[1], :c=>2, :d=>2}"
    );
    assert_eq!(root("&k a: 1\nb: *k\n").inspect(), "{:a=>1, :b=>\"a\"}");
    assert_eq!(error("a: *nope\n"), "An alias referenced an unknown anchor: nope");
}

#[test]
fn keys_that_are_no_text_keep_their_type() {
    assert_eq!(
        root("1: a\ntrue: b\n~: c\n1.50: d\n:s: e\n[x]: f\n").inspect(),
        "{1=>\"a\", true=>\"b\", nil=>\"c\", 1.5=>\"d\", :s=>\"e\", [\"x\"]=>\"f\"}"
    );
}

#[test]
fn only_the_first_document_is_read() {
    assert_eq!(root("a: 1\n---\nb: [\n").inspect(), "{:a=>1}");
    assert!(root("").is_null());
    assert!(root("# nothing\n").is_null());
}

#[test]
fn references_keep_their_keys_or_what_is_wrong_with_them() {
    for (text, expected) in [
        ("!reference [a, b]", Ok(vec!["a", "b"])),
        ("!reference []", Err("[]")),
        ("!reference [a, 1]", Err("[\"a\", 1]")),
        ("!reference foo", Err("\"foo\"")),
        ("!reference", Err("[]")),
    ] {
        let node = root(&format!("k: {text}\n"));
        let keys = node.get("k").expect("the key").reference_keys().expect("a reference");
        assert_eq!(keys, expected.map_err(str::to_owned), "{text}");
    }
}

#[test]
fn too_much_of_anything_is_refused() {
    let limits = Limits::default();
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&deep(100), 0, &limits).is_ok());
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &('b'..='i')
            .zip('a'..='h')
            .map(|(next, last)| format!("{next}: &{next} [{}]\n", vec![format!("*{last}"); 10].join(", ")))
            .collect::<String>();
    let merges = format!(
        "a: &a {{{}}}\nb: {{<<: [{}]}}\n",
        wide(30_000),
        vec!["*a"; 30_000].join(", ")
    );
    for text in [
        deep(101),
        deep(30_000),
        "a: &a [*a]".to_owned(),
        bomb,
        format!(
            "a: &a [{}]\nb: [{}]",
            vec!["x"; 60_000].join(", "),
            ["*a"; 10].join(", ")
        ),
        merges,
    ] {
        assert!(
            matches!(parse(&text, 0, &limits), Err(YamlError::TreeTooBig { .. })),
            "{} bytes, {}…",
            text.len(),
            &text[..10]
        );
    }
    assert_eq!(
        parse(&"#".repeat(2_097_153), 0, &limits).map(|_| ()),
        Err(YamlError::TextTooBig)
    );
}

fn wide(count: usize) -> String {
    (0..count)
        .map(|number| format!("k{number}: v"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn nodes_compare_by_value_whatever_their_place() {
    assert_eq!(root("{a: [1, x], b: 2}"), root("b: 2\na:\n- 1.0\n- x\n"));
    assert_ne!(root("[1, 2]"), root("[2, 1]"));
    assert_ne!(root("a: x"), root("a: :x"));
}

#[test]
fn blank_is_what_rails_calls_blank() {
    for (text, blank) in [
        ("", true),
        ("false", true),
        ("'  '", true),
        ("[]", true),
        ("{}", true),
        ("0", false),
        ("'0'", false),
    ] {
        assert_eq!(root(text).is_blank(), blank, "{text}");
    }
}

#[test]
fn a_tree_is_written_like_ruby_writes_it() {
    let text = "\
---
stages:
- build
- test
build:
  script:
  - echo 'a: b'
  - |-
    one
    two
  variables:
    'YES': 'yes'
    NUMBER: '1'
    EMPTY: ''
    COLON: 'a: b'
    NONE:
  image: ruby:3.2
  only: []
  cache:
  - key: a
    paths:
    - x
  - - nested
  timeout: 1.5
  needs: !reference
  - a
  - b
";
    let written = to_yaml(&root(text));
    assert_eq!(written, text);
}

#[test]
fn a_large_integer_stays_what_it_is() {
    assert!(matches!(root("12345678901234567890").value, Value::BigInt(_)));
    assert_eq!(
        to_yaml(&root("a: 12345678901234567890")),
        "---\na: 12345678901234567890\n"
    );
}
