//! The expression language: every line of the reference, and its truth table.

use std::borrow::Cow;

use compile::expression::{Expression, Scope};
use compile::regex::RegexCache;

const VARIABLES: [(&str, &str); 10] = [
    ("P", "v"),
    ("E", ""),
    ("W", "  "),
    ("T", "true"),
    ("F", "false"),
    ("NL", "a\nb"),
    ("R", "/^V$/i"),
    ("SLASHES", "/a\\/b/"),
    ("BAD", "/v(/"),
    ("1", "digit"),
];

fn lookup(name: &str) -> Option<Cow<'static, str>> {
    VARIABLES
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| Cow::Borrowed(*value))
}

fn truth(text: &str) -> Option<bool> {
    Expression::is_valid(text).then(|| Expression::parse(text).expect("it is valid").evaluate(&lookup))
}

#[test]
fn the_truth_table() {
    for (text, expected) in [
        ("$P", true),
        ("$E", false),
        ("$U", false),
        ("$W", false),
        ("$1 == 'digit'", true),
        ("$P == null", false),
        ("$E == null", false),
        ("$U == null", true),
        ("$E == \"\"", true),
        ("$U == \"\"", false),
        ("$E != null", true),
        ("$U != \"\"", true),
        ("null == \"\"", false),
        ("true == \"true\"", true),
        ("$T == true", true),
        ("\"\" == false", false),
        ("$U == false", false),
        // Empty text counts as true for `&&` and `||`, and as false for the whole.
        ("$E && $P", true),
        ("$P && $E", false),
        ("$E || $P", false),
        ("$U || $P", true),
        ("$W || $P", false),
        ("$P || $U && $U", true),
        ("($P || $U) && $U", false),
        ("!$P", false),
        ("!$E", true),
        ("!$W", true),
        ("!$P == \"x\"", false),
        ("!($P == \"x\")", true),
        ("!!$P", true),
        ("(\"string\" || \"test\") == \"string\"", true),
        ("$P == \"v\" == true", true),
        // Patterns.
        ("$P =~ /^v$/", true),
        ("$P !~ /^v$/", false),
        ("$U =~ /x.*/", false),
        ("$U !~ /x.*/", true),
        ("$E =~ /^$/", true),
        ("$U =~ /^$/", true),
        ("\"23\" =~ /1234/", false),
        ("$NL =~ /^b/", false),
        ("$NL =~ /^b/m", true),
        ("$NL =~ /a.b/", false),
        ("$NL =~ /a.b/s", true),
        ("$NL =~ /a$/", false),
        ("\"a/b\" =~ /a\\/b/", true),
        ("\"a/b/\" =~ /b//", true),
        ("\"aXb\" =~ /axb/i", true),
        // Flavor: the ends are those of the text, classes are ASCII.
        ("$P =~ /\\Av\\z/", true),
        ("$NL =~ /\\Ab/", false),
        ("$P =~ /(?i)V/", true),
        ("$P =~ /\\x76$/", true),
        ("$P =~ /(?P<n>v)$/", true),
        ("$P =~ /(?<n>v)$/", true),
        ("$P =~ /[[:alpha:]]/", true),
        ("\"é\" =~ /\\w+/", false),
        ("\"é\" =~ /[[:alpha:]]/", false),
        ("\"é\" =~ /\\p{L}+/", true),
        ("\"é\" =~ /\\bé/", false),
        ("\"aab\" =~ /^a+?b/U", true),
        ("$NL =~ /a$.^b/ms", true),
        ("$P =~ /v{1000}/", false),
        // A pattern in a variable; a broken one is text to look in.
        ("$P =~ $R", true),
        ("\"a/b\" =~ $SLASHES", true),
        ("$P =~ $BAD", true),
        ("$P =~ \"/^v/\"", true),
        ("$P =~ $U", false),
        ("$P !~ $U", true),
        ("$P =~ $E", false),
        // Plain text on the right is searched for the left.
        ("\"23\" =~ \"1234\"", true),
        ("\"1234\" =~ \"23\"", false),
        ("$U =~ \"abc\"", true),
        ("null =~ null", false),
        ("$P =~ false", false),
        ("/ab/", true),
        ("!/ab/", false),
        ("/ab/ == /ab/", true),
        ("/ab/ == /ab/i", false),
        ("$[[ inputs.x ]]", false),
        ("$[[inputs.x-y]] == null", true),
        // Odd texts that pass, because GitLab's parser only counts values.
        ("()$P", true),
        ("$P()", true),
        ("$P!", false),
        ("$P\n&&\n\t$T", true),
        ("$P==null", false),
        ("null&&$P", false),
    ] {
        assert_eq!(truth(text), Some(expected), "{text}");
    }
}

#[test]
fn what_is_no_expression() {
    let long = vec!["$P"; 51].join(" && ");
    let nested = format!("{}$P{}", "(".repeat(50), ")".repeat(50));
    for text in [
        "",
        "  ",
        "()",
        "!()",
        "!",
        "$P !$X",
        "($P)($X)",
        "$P $X",
        "(",
        ")",
        "$P)",
        "($P",
        ")$P(",
        "$P ==",
        "== $P",
        "$P && && $P",
        "/a/",
        "//",
        "/./",
        "/abc/x",
        "$P =~ /v/",
        "$P =~ /(?=v)/",
        "$P =~ /(v)\\1/",
        "$P =~ /v++/",
        "$P =~ /v{1001}/",
        "$P =~ /(?!v)x/",
        "$P =~ /(?<=v)x/",
        "$P =~ /(?<!v)x/",
        "$P =~ /(?>v)x/",
        "$P =~ /v\\Z/",
        "$P =~ /\\hv/",
        "$P =~ /ab(/",
        "1",
        "v == $P",
        "$P = \"v\"",
        "$P === \"v\"",
        "$P < \"v\"",
        "${P}",
        "%P%",
        "$",
        "nullx",
        "truex",
        "True",
        "\"a\\\"b\"",
        "\"a",
        "'a",
        "\"a\nb\" == $P",
        "$P =~ true",
        "$P !~ true",
        "$P !~ false",
        "$P === null",
        "$[[ inputs.x y ]]",
        "$[[ x ]]",
        &long,
        &nested,
    ] {
        assert!(!Expression::is_valid(text), "{text}");
    }
    assert!(
        Expression::is_valid(&vec!["$P"; 50].join(" && ")),
        "99 tokens are allowed"
    );
}

#[test]
fn errors_have_gitlabs_words() {
    for (text, message) in [
        ("$P = 1", "Unknown lexeme found!"),
        ("$P)", "Unmatched parenthesis"),
        ("($P", "Unprocessable token found in parse tree: parenthesis_open"),
        ("$P $P", "Unreachable nodes in parse tree"),
        ("()", "Empty parse tree"),
        ("$P ==", "Invalid left operand"),
        ("!", "Invalid operand"),
        ("/a(b/", "Invalid regular expression!"),
        (&["$P"; 51].join(" && "), "Too many tokens!"),
    ] {
        assert_eq!(Expression::parse(text).expect_err(text).message, message, "{text}");
    }
}

#[test]
fn an_error_while_evaluating_is_false() {
    let expression = Expression::parse("$P =~ ($T == \"true\")").expect("it parses");
    assert!(expression.is_sound(), "without variables the right side is false");
    assert!(!expression.evaluate(&lookup));
}

#[test]
fn a_trace_names_what_was_looked_at_and_nothing_else() {
    let expression = Expression::parse("$P == \"v\" || $E == \"never looked at\"").expect("it parses");
    let cache = RegexCache::default();
    let scope = Scope {
        variable: &|name| lookup(name),
        input: None,
        regexes: Some(&cache),
    };
    let trace = expression.trace(&scope);
    assert!(trace.value);
    assert_eq!(trace.looked_at, [("P".to_owned(), Some("v".to_owned()))]);

    let expression = Expression::parse("$U || $P && $U").expect("it parses");
    let trace = expression.trace(&scope);
    assert!(!trace.value);
    assert_eq!(
        trace.looked_at,
        [("U".to_owned(), None), ("P".to_owned(), Some("v".to_owned()))]
    );
    assert_eq!(expression.variables().collect::<Vec<_>>(), ["U", "P", "U"]);
}

#[test]
fn a_cache_changes_nothing() {
    let cache = RegexCache::default();
    let scope = Scope {
        variable: &|name| lookup(name),
        input: None,
        regexes: Some(&cache),
    };
    for _ in 0..2 {
        for (text, expected) in [("$P =~ $R", true), ("$P =~ $BAD", true), ("$P =~ $P", true)] {
            assert_eq!(
                Expression::parse(text).expect(text).evaluate_in(&scope),
                expected,
                "{text}"
            );
        }
    }
}
