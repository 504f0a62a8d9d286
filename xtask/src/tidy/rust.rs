//! Rules about Rust files: what a crate never touches, how long files are, what must not be left in.

use super::tree::{Finding, Line, Tree};

/// Longest file in lines that needs no reason.
const MAX_LINES: usize = 600;

/// Longer files, and why each is not two.
const LONG_FILES: &[(&str, &str)] = &[(
    "crates/compile/tests/it/entries.rs",
    "a table of keywords: a row is looked up by its keyword",
)];

/// Crates whose functions depend on their arguments alone.
const PURE_CRATES: &[&str] = &["model", "compile", "schedule"];

/// What a pure crate never names.
const IMPURE: &[&str] = &[
    "tokio::",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "SystemTime",
    "Instant::now",
    "getrandom",
    "rand::",
];

/// Words, the crates that may use them, and what others do instead.
const HOMES: &[(&[&str], &[&str], &str)] = &[
    (
        &["env::var", "env::vars", "env::args", "env::set_var", "env::remove_var"],
        &["server", "bench", "xtask", "testkit"],
        "only `server` reads arguments and environment; take a value as a parameter",
    ),
    (
        &["axum::", "tower_http::"],
        &["web", "bench"],
        "only `web` knows axum; return a value or an error that `web` maps",
    ),
    (
        &["hyper::", "hyper_util::"],
        &["web", "runner", "server", "outbound"],
        "only `web`, `runner` and `outbound` know HTTP",
    ),
    (
        &["rusqlite::", "postgres::"],
        &["store", "testkit", "xtask"],
        "only `store` knows a database driver; add an operation there",
    ),
    (
        &["gix::"],
        &["git"],
        "only `git` reads repositories; add a function there",
    ),
    (
        &["SystemTime::now", "Timestamp::now", "Zoned::now"],
        &["server", "runner", "bench", "xtask", "testkit"],
        "time comes from the `Clock`; take a `Timestamp`",
    ),
    (
        &["println!", "eprintln!", "print!("],
        // The runner's child processes print to the log of their job.
        &["server", "runner", "bench", "xtask", "testkit"],
        "libraries do not print; log with `tracing` or return a value",
    ),
];

/// Files that may use one of the words all the same, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "crates/runner/src/service/startup.rs",
    "env::var",
    "jobs start from this machine's search path and language, which are facts of the machine and no settings",
)];

/// Starts of SQL statements inside literals.
const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO",
    "DELETE FROM",
    "CREATE TABLE",
    "ALTER TABLE",
    "DROP TABLE",
];

/// Crates that may have SQL, and why.
const SQL_HOMES: &[&str] = &[
    "store",   // Creates and drops the databases of tests.
    "testkit", // Names the keywords, right here.
    "xtask",
];

/// What must not be left in, and what to do.
const UNFINISHED: &[(&str, &str)] = &[
    (
        "todo!(",
        "finish it, or return an error that names what is not supported",
    ),
    (
        "unimplemented!(",
        "finish it, or return an error that names what is not supported",
    ),
    ("dbg!(", "take it out; log with `tracing` if it is worth keeping"),
    (
        "#[ignore",
        "a test that does not run proves nothing: assert today's wrong result with a FIXME instead",
    ),
    (
        "#[allow(",
        "use `#[expect(lint, reason = \"…\")]`, which complains when it is no longer needed",
    ),
    (
        "#![allow(",
        "use `#![expect(lint, reason = \"…\")]`, which complains when it is no longer needed",
    ),
];

pub(super) fn modules_say_what_they_are_for(tree: &Tree) -> Vec<Finding> {
    tree.rust_files()
        .filter(|file| file.crate_name().is_some())
        .filter(|file| {
            let first = file
                .text
                .lines()
                .find(|line| !line.trim().is_empty())
                .unwrap_or_default();
            !first.starts_with("//!")
        })
        .map(|file| {
            file.finding(
                1,
                "start the file with `//!`: what it is for and what it refuses to know",
            )
        })
        .collect()
}

pub(super) fn files_are_short(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust_files() {
        let lines = file.text.lines().count();
        let has_reason = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        if lines > MAX_LINES && !has_reason {
            findings.push(file.finding(
                0,
                format!("has {lines} lines; look for the second topic in it, or give the reason in LONG_FILES (xtask/src/tidy/rust.rs)"),
            ));
        }
        if lines <= MAX_LINES && has_reason {
            findings.push(file.finding(0, "is short again; take it out of LONG_FILES (xtask/src/tidy/rust.rs)"));
        }
    }
    findings
}

pub(super) fn pure_crates_touch_nothing(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .rust_files()
        .filter(|file| file.crate_name().is_some_and(|name| PURE_CRATES.contains(&name)))
    {
        for &Line {
            number,
            ref code,
            in_tests,
        } in file.code()
        {
            for word in IMPURE.iter().filter(|word| !in_tests && code.contains(**word)) {
                let name = file.crate_name().unwrap_or_default();
                let word = word.trim_end_matches(':');
                findings.push(file.finding(
                    number,
                    format!("`{name}` is pure and may not use `{word}`; take the value as a parameter"),
                ));
            }
        }
    }
    findings
}

pub(super) fn words_stay_in_their_crate(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust_files() {
        let Some(name) = file.crate_name() else { continue };
        for &Line {
            number,
            ref code,
            in_tests,
        } in file.code()
        {
            for (words, homes, instead) in HOMES {
                let found = words.iter().find(|word| contains_word(code, word));
                let is_exception =
                    |word: &str| EXCEPTIONS.iter().any(|(path, of, _)| *path == file.path && *of == word);
                let found = found.filter(|word| !in_tests && !homes.contains(&name) && !is_exception(word));
                if let Some(word) = found {
                    findings.push(file.finding(number, format!("`{}`: {instead}", word.trim_end_matches([':', '(']))));
                }
            }
        }
    }
    findings
}

pub(super) fn sql_stays_in_store(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust_files() {
        let Some(name) = file.crate_name() else { continue };
        if SQL_HOMES.contains(&name) {
            continue;
        }
        // A statement is inside a literal, so here the text itself is searched, without comments.
        for (index, text) in file.text.lines().enumerate() {
            let code = text.split("//").next().unwrap_or_default();
            if SQL
                .iter()
                .any(|keyword| code.contains(&format!("\"{keyword}")) || code.trim_start().starts_with(keyword))
            {
                findings.push(file.finding(index + 1, "SQL belongs into `store/src/ops`; add an operation there"));
            }
        }
    }
    findings
}

pub(super) fn nothing_is_unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust_files() {
        for &Line { number, ref code, .. } in file.code() {
            for (word, instead) in UNFINISHED.iter().filter(|(word, _)| code.contains(word)) {
                findings.push(file.finding(number, format!("`{}`: {instead}", word.trim_end_matches('('))));
            }
        }
    }
    findings
}

pub(super) fn unwraps_have_a_reason(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust_files() {
        for &Line {
            number,
            ref code,
            in_tests,
        } in file.code()
        {
            if !in_tests && code.contains(".unwrap()") {
                findings.push(file.finding(
                    number,
                    "return an error, or say why it cannot fail: `.expect(\"reason\")`",
                ));
            }
        }
    }
    findings
}

pub(super) fn tests_do_not_sleep(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    // This repository's test helper may: its polling loops are the one place where tests wait.
    for file in tree.rust_files().filter(|file| file.crate_name() != Some("testkit")) {
        for &Line {
            number,
            ref code,
            in_tests,
        } in file.code()
        {
            if in_tests && (code.contains("thread::sleep(") || code.contains("time::sleep(")) {
                findings.push(file.finding(
                    number,
                    "tests do not sleep; wait for the thing itself (testkit has `eventually`)",
                ));
            }
        }
    }
    findings
}

/// Whether `word` stands in `code` and is not the end of a longer name.
fn contains_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let continues = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !continues(before) && (!word.ends_with(char::is_alphanumeric) || !continues(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that a rule finds in one file.
    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str, expected: &[usize]) {
        let lines: Vec<usize> = rule(&Tree::of(&[(path, text)]))
            .iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_module_without_its_purpose_is_found() {
        check(modules_say_what_they_are_for, "crates/app/src/a.rs", "use x;\n", &[1]);
        check(
            modules_say_what_they_are_for,
            "crates/app/src/a.rs",
            "//! Things.\nuse x;\n",
            &[],
        );
    }

    #[test]
    fn a_long_file_is_found() {
        check(files_are_short, "crates/app/src/a.rs", &"x\n".repeat(MAX_LINES), &[]);
        check(
            files_are_short,
            "crates/app/src/a.rs",
            &"x\n".repeat(MAX_LINES + 1),
            &[0],
        );
    }

    #[test]
    fn a_pure_crate_may_not_read_a_file_or_a_clock_but_its_tests_may() {
        let text = "use std::fs;\nlet a = Instant::now();\n// std::fs\n#[cfg(test)]\nuse std::fs;\n";
        check(pure_crates_touch_nothing, "crates/compile/src/a.rs", text, &[1, 2]);
        check(pure_crates_touch_nothing, "crates/store/src/a.rs", text, &[]);
    }

    #[test]
    fn reading_the_environment_outside_server_is_found() {
        check(
            words_stay_in_their_crate,
            "crates/app/src/a.rs",
            "let a = std::env::var(x);\nlet my_env::variable = 1;\n",
            &[1],
        );
        check(
            words_stay_in_their_crate,
            "crates/server/src/a.rs",
            "let a = std::env::var(x);\n",
            &[],
        );
        check(
            words_stay_in_their_crate,
            "crates/app/src/a.rs",
            "let a = \"axum::\";\n",
            &[],
        );
    }

    #[test]
    fn sql_outside_store_is_found() {
        check(
            sql_stays_in_store,
            "crates/app/src/a.rs",
            "let a = \"SELECT 1\";\n",
            &[1],
        );
        check(sql_stays_in_store, "crates/app/src/a.rs", "    INSERT INTO a\n", &[1]);
        check(
            sql_stays_in_store,
            "crates/app/src/a.rs",
            "// \"SELECT 1\"\nlet a = \"Select a file\";\n",
            &[],
        );
        check(
            sql_stays_in_store,
            "crates/store/src/a.rs",
            "let a = \"SELECT 1\";\n",
            &[],
        );
    }

    #[test]
    fn unfinished_code_and_silenced_lints_are_found() {
        check(
            nothing_is_unfinished,
            "crates/app/src/a.rs",
            "todo!()\n#[allow(x)]\n\"todo!()\"\n",
            &[1, 2],
        );
    }

    #[test]
    fn an_unwrap_outside_tests_is_found() {
        let text = "a.unwrap();\na.unwrap_or(1);\n#[cfg(test)]\na.unwrap();\n";
        check(unwraps_have_a_reason, "crates/app/src/a.rs", text, &[1]);
    }

    #[test]
    fn a_sleeping_test_is_found() {
        let text = "thread::sleep(a);\n#[cfg(test)]\nthread::sleep(a);\n";
        check(tests_do_not_sleep, "crates/app/src/a.rs", text, &[3]);
        check(tests_do_not_sleep, "crates/app/tests/it/a.rs", text, &[1, 3]);
    }
}
