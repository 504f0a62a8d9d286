//! Path patterns of `changes` and `exists`.

use compile::glob::{Glob, changed, exists};

#[test]
fn patterns_match_as_ruby_matches_them() {
    for (pattern, yes, no) in [
        ("*.md", &["README.md", ".md", "a b.md"][..], &["docs/a.md", "a.mdx"][..]),
        ("**/*.md", &["README.md", "a/b/c.md", ".hid/x.md"], &["a.txt"]),
        ("a/**/*", &["a/b", "a/b/c"], &["a", "b/a"]),
        ("a/**", &["a/b"], &["a/b/c", "a"]),
        ("**", &["a"], &["a/b"]),
        ("a/*", &["a/b", "a/.b"], &["a/b/c", "a"]),
        ("**/a/**/b", &["a/b", "x/a/y/z/b"], &["a", "b"]),
        ("*.{rb,py}", &["x.rb", "x.py"], &["x.c", "x."]),
        ("{a,{b,c}}d", &["ad", "bd", "cd"], &["d", "{a,d"]),
        ("{a,}b", &["ab", "b"], &["a"]),
        ("{**/,x}y", &["y", "a/y", "xy"], &["ay"]),
        ("[ab]c", &["ac", "bc"], &["cc", "c"]),
        ("[^a]c", &["bc"], &["ac", "/c"]),
        ("[!a]c", &["bc"], &["ac"]),
        ("[a-c]", &["b"], &["d"]),
        ("[é-ü]", &["ö"], &["e"]),
        ("[a-]", &["-", "a"], &["b"]),
        ("[\\]]", &["]"], &["\\"]),
        ("a?c", &["abc", "aéc"], &["a/c", "ac"]),
        ("a\\*", &["a*"], &["ab", "a\\*"]),
        ("\\{a,b}", &["{a,b}"], &["a"]),
        ("a}", &["a}"], &["a"]),
        ("{a", &[], &["a", "{a"]),
        ("[a", &[], &["a", "[a"]),
        ("a[/]b", &[], &["a/b"]),
        ("[]a]", &[], &["a", "]"]),
        ("./a", &[], &["a", "/a"]),
        ("/a", &[], &["a"]),
        ("a//b", &[], &["a/b"]),
        ("a/", &[], &["a", "a/b"]),
        ("", &[], &["a"]),
        ("A", &["A"], &["a"]),
        ("***/b", &["a/b"], &["a/a/b"]),
        ("a*b*c", &["abc", "aXbYc", "abbc"], &["acb", "ab"]),
    ] {
        let glob = Glob::new(pattern);
        for path in yes {
            assert!(glob.matches(path), "{pattern} should match {path}");
        }
        for path in no {
            assert!(!glob.matches(path), "{pattern} should not match {path}");
        }
    }
}

#[test]
fn hostile_patterns_take_no_time() {
    let path = format!("{}b", "a/".repeat(200)).replace("a/", "aaaa/");
    for pattern in [
        "*a".repeat(500),
        "**/".repeat(500) + "x",
        "**/*a*/".repeat(100),
        "{a,b}".repeat(40),
        "{".repeat(5_000),
        format!("{}{}", "{a,".repeat(2_000), "}".repeat(2_000)),
        "[a".repeat(5_000),
        "\\".to_owned(),
    ] {
        assert!(!Glob::new(&pattern).matches(&path));
    }
}

fn files(paths: &[&str]) -> Vec<String> {
    let mut paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    paths.sort();
    paths
}

#[test]
fn exists_takes_short_cuts() {
    let files = files(&[
        "Dockerfile",
        "app/main.rb",
        "app/models/user.rb",
        "docs/a.md",
        "foo.tar.gz",
        "x[1].ts",
    ]);
    for (patterns, expected) in [
        (&["Dockerfile"][..], true),
        (&["dockerfile"], false),
        (&["main.rb"], false),
        (&["app/main.rb"], true),
        (&["app"], false),
        (&["app/"], true),
        (&["appl/"], false),
        (&["*.rb"], false),
        (&["**/*.rb"], true),
        (&["**/*.tar.gz"], true),
        (&["app/*.rb"], true),
        (&["*/user.rb"], false),
        (&["x\\[1\\].ts"], true),
        (&["**/*.gz", "**/*.c"], true),
        (&["**/*gz"], true),
        // Without a slash and two stars anywhere, only the root is looked at.
        (&["*.md"], false),
        (&["*.md", "a/b"], false),
        (&[".gz"], false),
        (&[], false),
    ] {
        assert_eq!(exists(patterns, &files), expected, "{patterns:?}");
    }
}

#[test]
fn too_many_comparisons_count_as_a_match() {
    let many: Vec<String> = (0..50_001).map(|number| format!("f{number:06}")).collect();
    assert!(exists(&["x*y"], &many));
    assert!(!exists(&["x*y"], &many[..50_000]));
    assert!(
        !exists(&["exact"], &many),
        "exact names are looked up, whatever their number"
    );
    assert!(changed(&["x"], &many));
    assert!(!changed(&["x"], &many[..50_000]));
    assert!(!changed::<&str, String>(&[], &many));
}
