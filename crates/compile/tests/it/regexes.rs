//! RE2 on another engine: the same texts accepted, the same meant.

use compile::regex::{Pattern, RegexCache, is_delimited};

fn matches(pattern: &str, text: &str) -> bool {
    match Pattern::new(pattern, "") {
        Ok(compiled) => compiled.is_match(text),
        Err(error) => panic!("{pattern}: {error}"),
    }
}

#[test]
fn patterns_mean_what_re2_means() {
    for (pattern, text, expected) in [
        // Classes are ASCII, properties are Unicode.
        (r"^\w$", "é", false),
        (r"^\W$", "é", true),
        (r"^\d$", "١", false),
        (r"^\D$", "١", true),
        (r"^\s$", "\u{a0}", false),
        (r"^\s$", "\u{b}", false),
        (r"^\S$", "\u{b}", true),
        (r"^[[:space:]]$", "\u{b}", true),
        (r"^[[:alpha:]]$", "é", false),
        (r"^[[:^alpha:]]$", "é", true),
        (r"^\pL$", "é", true),
        (r"^\p{Lu}\P{Lu}$", "Aa", true),
        (r"^\p{^Lu}$", "a", true),
        (r"^\p{Greek}$", "λ", true),
        (r"^[\p{L}\d]+$", "é1", true),
        (r"\bb\b", "a b c", true),
        (r"éb\b", "éb", true),
        (r"\bb", "éb", true),
        (r"a\Bb", "ab", true),
        // Anchors.
        ("a$", "a\n", false),
        (r"a\z", "a", true),
        (r"(?m)^b$", "a\nb\nc", true),
        ("a.c", "a\nc", false),
        ("(?s)a.c", "a\nc", true),
        ("(?i)É", "é", true),
        ("(?U)a+", "aa", true),
        ("(?i-s:A)b", "ab", true),
        ("(?P<n>a)(?<m>b)", "ab", true),
        // Literals.
        (r"\Qa.b|c\E!", "a.b|c!", true),
        (r"\Qa.b", "axb", false),
        (r"\x41\x{42}\103\0", "ABC\0", true),
        (r"\a\f\n\r\t\v", "\u{7}\u{c}\n\r\t\u{b}", true),
        (r"\.\-\/\#\ \<\>", ".-/# <>", true),
        ("a b#c", "a b#c", true),
        ("a{,2}", "a{,2}", true),
        ("a{x}", "a{x}", true),
        ("{", "{", true),
        ("a{02}", "a{02}", true),
        ("]}", "]}", true),
        ("a{2}", "aa", true),
        ("^a{2,}$", "a", false),
        ("(a|b|)c", "c", true),
        ("", "anything", true),
        // Characters that only the other engine gives a meaning inside a class.
        ("^[a&&b]$", "&", true),
        ("^[+--]$", ",", true),
        ("^[a~~b]$", "~", true),
        ("^[[]$", "[", true),
        ("^[]a]$", "]", true),
        ("^[^]a]$", "b", true),
        (r"^[a\]]$", "]", true),
        ("^[a-]$", "-", true),
        ("^[-a]$", "-", true),
        (r"^[\d-x]$", "-", true),
        (r"^[a-c-e]$", "-", true),
        (r"^[\n\t]$", "\t", true),
        ("^[^a]$", "\n", true),
        ("^[[:digit:]x]+$", "1x2", true),
        ("^[é-ü]$", "ö", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} on {text:?}");
    }
}

#[test]
fn what_re2_refuses_is_refused() {
    for pattern in [
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?<!a)",
        "(?>a)",
        "(?#c)",
        "(?x)a",
        "(?R)",
        "(?P=n)",
        "(?P<n>a)(?P<n>b)",
        "(?P<>a)",
        r"(a)\1",
        r"\8",
        r"\Z",
        r"\h",
        r"\C",
        r"\u0041",
        r"\X",
        r"\G",
        r"\K",
        r"\R",
        r"\E",
        r"\_",
        r"\é",
        r"\",
        r"\x4",
        r"\x{110000}",
        r"\x{}",
        "a**",
        "a*+",
        "a++",
        "a?*",
        "a{2}*",
        "a{2}{3}",
        "*a",
        "+",
        "(*a)",
        "|*",
        "a{1001}",
        "a{1,1001}",
        "a{2,1}",
        "(a{100}){100}",
        "((a{11}){10}){10}",
        "(a",
        "a)",
        "[a",
        "[z-a]",
        "[a--z]",
        "[[:foo:]]",
        r"[\b]",
        r"[\Qa\E]",
        r"\p{Alphabetic}",
        r"\p{Letter}",
        r"\p{",
        r"\pX",
    ] {
        assert!(Pattern::new(pattern, "").is_err(), "{pattern}");
    }
}

#[test]
fn hostile_patterns_are_bounded() {
    assert!(Pattern::new(&"(".repeat(20_000), "").is_err());
    assert!(Pattern::new(&"(a".repeat(5_000), "").is_err());
    assert!(Pattern::new(&format!("{}{}", "(".repeat(5_000), ")".repeat(5_000)), "").is_err());
    assert!(Pattern::new(r"(\pL{1000}|\pN{1000}){1}", "").is_err());
    assert!(Pattern::new(&"a".repeat(70_000), "").is_err());
    assert!(matches("(a*)*b|(a|aa)+$", &"a".repeat(5_000)), "no backtracking");
}

#[test]
fn a_delimited_pattern_has_slashes_and_known_flags() {
    for (text, expected) in [
        ("/a/", true),
        ("//", true),
        ("/a/ismU", true),
        ("/a/x", false),
        ("/a", false),
        ("a/", false),
        ("/", false),
        ("text\n/a/\nmore", true),
    ] {
        assert_eq!(is_delimited(text), expected, "{text:?}");
    }
    let compiled = Pattern::delimited("/A\\/b/i").expect("a pattern").expect("valid");
    assert!(compiled.is_match("xa/Bx"));
    assert_eq!(compiled.source(), "(?i)A/b");
}

#[test]
fn the_cache_is_bounded_and_remembers_failures() {
    let cache = RegexCache::default();
    for number in 0..RegexCache::CAPACITY * 2 + 3 {
        let found = cache
            .delimited(&format!("/^{number}$/"))
            .expect("a pattern")
            .expect("valid");
        assert!(found.is_match(&number.to_string()));
    }
    assert!(cache.delimited("/(/").expect("a pattern").is_err());
    assert!(cache.delimited("/(/").expect("a pattern").is_err());
    assert!(cache.delimited("plain").is_none());
}

#[test]
fn patterns_that_are_no_longer_kept_match_all_the_same() {
    let patterns: Vec<Pattern> = (0..1100)
        .map(|number| Pattern::new(&format!("^n{number}$"), "").unwrap())
        .collect();
    for (number, pattern) in patterns.iter().enumerate() {
        assert!(pattern.is_match(&format!("n{number}")) && !pattern.is_match("n"));
    }
}
