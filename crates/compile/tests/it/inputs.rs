//! `spec:inputs`: headers, values, interpolation.

use compile::facts::Component;
use compile::inputs::{Context, Given, Header, IncludeVariable, InputError, interpolate, joined_message};
use compile::yaml::{Limits, Node, Span, load};
use indexmap::IndexMap;
use serde_json::{Value as Json, json};

fn filled(yaml: &str, given: &Json) -> Result<Json, String> {
    let documents = load(yaml, 0, &Limits::default()).map_err(|error| error.to_string())?;
    let joined = |errors: Vec<InputError>| joined_message(&errors);
    let header = Header::parse(&documents.header.expect("a header")).map_err(joined)?;
    let given: IndexMap<String, Given> = given
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, value)| (name.clone(), Given::Value(Node::from_json(value, Span::default()))))
        .collect();
    let values = header.resolve(&given).map_err(joined)?;
    let component = Component {
        name: "comp".to_owned(),
        version: String::new(),
        sha: "abc".to_owned(),
        reference: "main".to_owned(),
        path: "templates/name.yml".to_owned(),
    };
    let variable = |name: &str| match name {
        "V" => Some(IncludeVariable {
            value: "vv".into(),
            masked: false,
        }),
        "NESTED" => Some(IncludeVariable {
            value: "$V".into(),
            masked: false,
        }),
        "SECRET" => Some(IncludeVariable {
            value: "s".into(),
            masked: true,
        }),
        _ => None,
    };
    let context = Context {
        inputs: &values,
        component: Some(&component),
        component_fields: &header.component,
        variables: &variable,
    };
    interpolate(&documents.content, &context)
        .map(|node| node.to_json())
        .map_err(|error| error.message)
}

/// One input `x` with this declaration, in `k: $[[ inputs.x ]]`.
fn one(declaration: &str, given: Json) -> Result<Json, String> {
    let yaml = format!("spec:\n  inputs:\n    x: {declaration}\n---\nk: $[[ inputs.x ]]\n");
    let given = if given.is_null() {
        json!({})
    } else {
        json!({ "x": given })
    };
    filled(&yaml, &given).map(|content| content["k"].clone())
}

/// A block on the input `x: abcdef`.
fn block(block: &str) -> Result<Json, String> {
    let yaml = format!("spec:\n  inputs:\n    x: {{default: abcdef}}\n---\nk: '{block}'\n");
    filled(&yaml, &json!({})).map(|content| content["k"].clone())
}

#[test]
fn values_take_the_declared_type() {
    for (declaration, given, expected) in [
        ("", json!("v"), json!("v")),
        ("{}", json!(1.5), json!("1.5")),
        ("{}", json!([1, "a"]), json!("[1, \"a\"]")),
        ("{default: d}", json!(null), json!("d")),
        ("{default: }", json!(null), json!("")),
        ("{default: 12}", json!(null), json!("12")),
        ("{type: number}", json!("42"), json!(42)),
        ("{type: number}", json!("1e3"), json!(1000.0)),
        ("{type: number, default: '3'}", json!(null), json!(3)),
        ("{type: boolean}", json!("true"), json!(true)),
        ("{type: boolean, default: false}", json!(null), json!(false)),
        ("{type: array}", json!("[1, {\"a\": 2}]"), json!([1, {"a": 2}])),
        ("{type: array, default: [a]}", json!(null), json!(["a"])),
        ("{options: [a, 1]}", json!("1"), json!("1")),
        ("{regex: ^v\\d+$}", json!("v1"), json!("v1")),
        ("{regex: '^$'}", json!(""), json!("")),
        ("{type: number, options: [1, 2]}", json!("2"), json!(2)),
    ] {
        assert_eq!(
            one(declaration, given.clone()),
            Ok(expected),
            "{declaration} given {given}"
        );
    }
}

#[test]
fn wrong_values_are_named() {
    for (declaration, given, expected) in [
        ("", json!(null), "`x` input: required value has not been provided"),
        (
            "{type: number}",
            json!("a"),
            "`x` input: provided value is not a number",
        ),
        ("{type: number}", json!(""), "`x` input: provided value is not a number"),
        (
            "{type: boolean}",
            json!("yes"),
            "`x` input: provided value is not a boolean",
        ),
        (
            "{type: array}",
            json!("{}"),
            "`x` input: provided value is not an array",
        ),
        (
            "{type: boolean, default: 3}",
            json!(null),
            "`x` input: default value is not a boolean",
        ),
        (
            "{options: [a, b]}",
            json!("c"),
            "`x` input: `c` cannot be used because it is not in the list of allowed options",
        ),
        (
            "{type: number, options: [1]}",
            json!(2),
            "`x` input: `2` cannot be used because it is not in the list of the allowed options",
        ),
        (
            "{regex: v}",
            json!("x"),
            "`x` input: provided value does not match required RegEx pattern",
        ),
        (
            "{regex: v, default: x}",
            json!(null),
            "`x` input: default value does not match required RegEx pattern",
        ),
        ("{regex: '(?=a)'}", json!("a"), "`x` input: invalid regular expression"),
        (
            "{type: boolean, options: [true]}",
            json!(true),
            "`x` input: Options can only be used with string and number inputs",
        ),
        (
            "{type: number, regex: a}",
            json!(1),
            "`x` input: RegEx validation can only be used with string inputs",
        ),
        (
            "{type: }",
            json!("a"),
            "unknown input arguments: x, unknown input specification for `x` (valid types: array, boolean, number, string)",
        ),
    ] {
        let got = one(declaration, given.clone());
        // An input without a type is no input to GitLab, so that its value is unknown as well.
        assert_eq!(got, Err(expected.to_owned()), "{declaration} given {given}");
    }
}

#[test]
fn at_most_three_errors_are_told() {
    let yaml = "spec: {inputs: {a: , b: , c: }}\n---\nk: v\n";
    let got = filled(yaml, &json!({"y": 1, "z": 2}));
    assert_eq!(
        got,
        Err("unknown input arguments: y, z, `a` input: required value has not been provided, `b` input: required value has not been provided"
            .to_owned())
    );
}

#[test]
fn headers_are_checked() {
    for (header, expected) in [
        ("spec: text", "header:spec config should be a hash"),
        ("spec: {foo: 1}", "header:spec config contains unknown keys: foo"),
        ("spec: {}\nother: 1", "header config contains unknown keys: other"),
        ("spec: {inputs: text}", "header:spec:inputs config should be a hash"),
        (
            "spec: {description: 5}",
            "header:spec config description should be a string",
        ),
        (
            "spec: {component: [name, foo]}",
            "header:spec:component config contains unknown values: foo",
        ),
        (
            "spec: {inputs: {X: str}}",
            "header:spec:inputs:x config should be a hash, header:spec:inputs:x config should be a hash",
        ),
        (
            "spec: {inputs: {x: {foo: 1, bar: 2}}}",
            "header:spec:inputs:x config contains unknown keys: foo, bar",
        ),
        (
            "spec: {inputs: {x: {type: text}}}",
            "header:spec:inputs:x input type unknown value: text",
        ),
        (
            "spec: {inputs: {x: {regex: 5}}}",
            "header:spec:inputs:x input regex should be a string",
        ),
        (
            "spec: {inputs: {x: {options: a}}}",
            "header:spec:inputs:x input options should be an array",
        ),
        (
            "spec: {inputs: {x: {options: [a, ~]}}}",
            "header:spec:inputs:x config options array cannot contain null values",
        ),
        (
            "spec: {inputs: {x: {description: [d]}}}",
            "header:spec:inputs:x input description must be an alphanumeric string",
        ),
        (
            "spec: {inputs: {x: {options: [a], rules: []}}}",
            "header:spec:inputs:x config these keys cannot be used together: options, rules",
        ),
        (
            "spec: {inputs: {true: {}}}",
            "header:spec:inputs:true key must be an alphanumeric string",
        ),
        (
            "spec: {inputs: {x: {rules: text}}}",
            "header:spec:inputs:x:rules config should be an array",
        ),
        (
            "spec: {inputs: {x: {rules: [{default: a, foo: 1}]}}}",
            "`x` input: contains unknown keys: foo",
        ),
        (
            "spec: {inputs: {x: {rules: [{if: '== 1', default: a}]}}}",
            "`x` input: if invalid expression syntax",
        ),
        (
            "spec: {inputs: {x: {rules: [{options: [a]}]}}}",
            "`x` input: rule must define 'options' with at least one value and a 'default'",
        ),
        (
            "spec: {inputs: {x: {rules: [{options: [z], default: Y}]}}}",
            "`x` input: default 'y' must be one of the options",
        ),
    ] {
        assert_eq!(
            filled(&format!("{header}\n---\nk: v\n"), &json!({})),
            Err(expected.to_owned()),
            "{header}"
        );
    }
    let many: Vec<String> = (0..51).map(|number| number.to_string()).collect();
    let header = format!("spec: {{inputs: {{x: {{options: [{}]}}}}}}", many.join(", "));
    assert_eq!(
        filled(&format!("{header}\n---\nk: v\n"), &json!({})),
        Err("header:spec:inputs:x config cannot define more than 50 options".to_owned())
    );
}

#[test]
fn rules_choose_options_and_default() {
    let yaml = "
spec:
  inputs:
    env: {options: [prod, test], default: test}
    fast: {type: boolean, default: true}
    size:
      rules:
        - {if: \"$[[ inputs.env ]] == 'prod' && $[[ inputs.fast ]] == true\", options: [large], default: large}
        - {if: \"$[[ inputs.env ]] == 'prod'\", options: [medium], default: medium}
        - {options: [small, tiny], default: small}
---
k: $[[ inputs.size ]]
";
    for (given, expected) in [
        (json!({}), Ok("small")),
        (json!({"size": "tiny"}), Ok("tiny")),
        (json!({"size": ""}), Ok("small")),
        (json!({"env": "prod"}), Ok("large")),
        (json!({"env": "prod", "fast": "false"}), Ok("medium")),
        (
            json!({"env": "prod", "size": "tiny"}),
            Err("`size` input: `tiny` cannot be used because it is not in the list of allowed options"),
        ),
    ] {
        let expected = expected.map(|value| json!({ "k": value })).map_err(str::to_owned);
        assert_eq!(filled(yaml.trim_start(), &given), expected, "{given}");
    }
}

#[test]
fn blocks_are_filled_in_keys_and_values() {
    let yaml = "
spec:
  inputs:
    name: {default: n}
    number: {type: number, default: 3}
    list: {type: array, default: [a, [b, c], {k: v, m: [{deep: z}]}]}
---
job-$[[ inputs.name ]]:
  number: $[[ inputs.number ]]
  text: n=$[[ inputs.number ]], $[[inputs.name]]
  list:
    - first
    - $[[ inputs.list ]]
  inner: $[[ inputs.list[2].m[0].deep ]]
  printed: x $[[ inputs.list[1] ]]
  symbol: :sym
$[[ inputs.number ]]: key
";
    assert_eq!(
        filled(yaml.trim_start(), &json!({})),
        Ok(json!({
            "job-n": {
                "number": 3,
                "text": "n=3, n",
                "list": ["first", "a", ["b", "c"], {"k": "v", "m": [{"deep": "z"}]}],
                "inner": "z",
                "printed": "x [\"b\", \"c\"]",
                "symbol": "sym",
            },
            "3": "key",
        }))
    );
}

#[test]
fn functions_change_text() {
    for (text, expected) in [
        ("$[[ inputs.x | truncate(1,2) ]]", Ok("bc")),
        ("$[[ inputs.x | truncate(10,2) ]]", Ok("")),
        ("$[[ inputs.x | truncate(1,2 ]]", Ok("bc")),
        ("$[[inputs.x|truncate( 0 , 4 )|truncate(1,9)]]", Ok("bcd")),
        ("$[[ inputs.x | ]]", Ok("abcdef")),
        ("$[[ inputs.x | expand_vars | posix_escape ]]", Ok("abcdef")),
        (
            "$[[ inputs.x | truncate(1) ]]",
            Err("no function matching `truncate(1)`: check that the function name, arguments, and types are correct"),
        ),
        (
            "$[[ inputs.x | truncate(0,1) | truncate(0,1) | truncate(0,1) | truncate(0,1) ]]",
            Err("too many functions in interpolation block"),
        ),
    ] {
        assert_eq!(
            block(text),
            expected.map(|value| json!(value)).map_err(str::to_owned),
            "{text}"
        );
    }
    for (default, function, expected) in [
        ("$V ${NESTED} %V% $NO", "expand_vars", Ok("vv $V vv $NO")),
        (
            "$SECRET",
            "expand_vars",
            Err("error in `expand_vars` function: variable expansion error: masked variables cannot be expanded"),
        ),
        ("a b'c", "posix_escape", Ok("a\\ b\\'c")),
        ("", "posix_escape", Ok("''")),
    ] {
        let yaml =
            format!("spec:\n  inputs:\n    x: {{default: \"{default}\"}}\n---\nk: $[[ inputs.x | {function} ]]\n");
        let expected = expected.map(|value| json!({ "k": value })).map_err(str::to_owned);
        assert_eq!(filled(&yaml, &json!({})), expected, "{default} | {function}");
    }
}

#[test]
fn in_a_longer_text_backslashes_are_rubys_replacement_commands() {
    let yaml = "spec:\n  inputs:\n    x: {default: 'a\\b\\\\c'}\n---\nk: <$[[ inputs.x ]]>\n";
    assert_eq!(filled(yaml, &json!({})), Ok(json!({"k": "<a\\b\\c>"})));
}

#[test]
fn what_is_no_block_stays() {
    for text in [
        "$[[ x ]]",
        "$[[ ]]",
        "$[ inputs.x ]",
        "[[ inputs.x ]]",
        "$[[ inputs.x ]",
        "$[[ matrix.A ]]",
    ] {
        assert_eq!(block(text), Ok(json!(text)), "{text}");
    }
    assert_eq!(block("\\$[[ inputs.x ]]"), Ok(json!("\\abcdef")));
}

#[test]
fn wrong_paths_are_named() {
    for (path, expected) in [
        (
            "inputs",
            "invalid pattern used for interpolation. valid pattern is $[[ inputs.input ]]",
        ),
        ("inputs.", "unknown interpolation provided: `` in `inputs.`"),
        ("inputs.X", "unknown interpolation provided: `X` in `inputs.X`"),
        ("inputs.x.y", "unknown interpolation provided: `y` in `inputs.x.y`"),
        ("other.x", "unknown interpolation provided: `other` in `other.x`"),
        (
            "component.sha",
            "unknown interpolation provided: `sha` in `component.sha`",
        ),
        (
            "inputs.x[0]",
            "cannot index into non-array value at [0] in `inputs.x[0]`",
        ),
        (
            "inputs.x[a]",
            "invalid array index in `inputs.x[a]`: `a` is not a valid index",
        ),
        (
            "inputs.x[0",
            "invalid array index in `inputs.x[0`: missing closing bracket",
        ),
        ("inputs.x-y[0]", "invalid array index syntax in `inputs.x-y[0]`"),
        ("inputs.[0]", "invalid indexed access without a key in `inputs.[0]`"),
        (
            "inputs.x[0][0][0][0][0][0]",
            "too many array indices in `inputs.x[0][0][0][0][0][0]` (maximum depth: 5)",
        ),
    ] {
        assert_eq!(block(&format!("$[[ {path} ]]")), Err(expected.to_owned()), "{path}");
    }
    let long = "y".repeat(1020);
    assert_eq!(
        block(&format!("$[[ inputs.{long} ]]")),
        Err("maximum interpolation expression size exceeded".to_owned())
    );
}

#[test]
fn a_component_knows_itself_where_the_header_asks() {
    let yaml = "spec: {component: [name, sha, version]}\n---\nk: $[[ component.name ]]@$[[ component.sha ]]\nv: $[[ component.version ]]\n";
    assert_eq!(filled(yaml, &json!({})), Ok(json!({"k": "comp@abc", "v": null})));
}

#[test]
fn too_much_interpolation_is_refused() {
    let blocks: String = (0..10_001)
        .map(|number| format!("- $[[ inputs.x | truncate(0,{number}) ]]\n"))
        .collect();
    let yaml = format!("spec: {{inputs: {{x: {{default: a}}}}}}\n---\nk:\n{blocks}");
    let limits = Limits {
        parsed_bytes: usize::MAX,
        ..Limits::default()
    };
    let documents = load(&yaml, 0, &limits).expect("it is valid");
    let values = [("x".to_owned(), Node::text("a", Span::default()))]
        .into_iter()
        .collect();
    let context = Context {
        inputs: &values,
        component: None,
        component_fields: &[],
        variables: &|_| None,
    };
    let error = interpolate(&documents.content, &context).expect_err("too many");
    assert_eq!(error.message, "too many interpolation blocks");

    let large = Node::text("a".repeat(1024 * 1024 + 1), Span::default());
    assert_eq!(
        interpolate(&large, &context).expect_err("too large").message,
        "config node too large"
    );
    let many = Node::sequence(vec![Node::null(Span::default()); 500_001], Span::default());
    assert_eq!(
        interpolate(&many, &context).expect_err("too many").message,
        "config too large"
    );
}

#[test]
fn included_inputs_come_first_and_must_be_new() {
    let header =
        |text: &str| Header::parse(&load(text, 0, &Limits::default()).expect("valid").content).expect("a header");
    let content = |text: &str| load(text, 0, &Limits::default()).expect("valid").content;
    let mut own = header("spec: {include: [{local: /i.yml}], inputs: {z: }}\n");
    assert!(own.include.is_some());
    own.add_included("/i.yml", &content("inputs: {b: , a: }\n"))
        .expect("new names");
    own.add_included("/j.yml", &content("inputs: {c: }\n"))
        .expect("new names");
    assert_eq!(own.inputs.keys().collect::<Vec<_>>(), ["b", "a", "c", "z"]);
    let twice = own
        .add_included("/k.yml", &content("inputs: {a: , z: , n: }\n"))
        .expect_err("known names");
    assert_eq!(
        joined_message(&twice),
        "Duplicate input keys found: a, z. Input keys must be unique across all included files and inline specifications."
    );
    let unknown = own
        .add_included("/k.yml", &content("inputs: {}\njob: {}\n"))
        .expect_err("an unknown key");
    assert_eq!(
        joined_message(&unknown),
        "Header include file `/k.yml` contains unknown keys: [:job]"
    );
}

#[test]
fn inputs_make_a_json_schema() {
    let text = "
spec:
  inputs:
    name: {description: who, regex: ^a}
    size: {type: number, options: [1, 2], default: 1}
    env: {rules: [{if: \"$[[ inputs.size ]] == '1'\", options: [a], default: a}]}
";
    let header = Header::parse(&load(text, 0, &Limits::default()).expect("valid").content).expect("a header");
    let schema = header.json_schema();
    assert_eq!(schema["required"], json!(["name"]));
    assert_eq!(
        schema["properties"]["name"],
        json!({"type": "string", "description": "who", "pattern": "^a"})
    );
    assert_eq!(
        schema["properties"]["size"],
        json!({"type": "number", "enum": [1, 2], "default": 1})
    );
    assert_eq!(
        schema["properties"]["env"]["x-rules"],
        json!([{"if": "$[[ inputs.size ]] == '1'", "options": ["a"], "default": "a"}])
    );
}
