//! Every row of GitLab's reference of keywords: accepted, or refused with its exact messages.
//!
//! The cases are in `reference/`: text, because there are hundreds and each is one line.

use compile::Severity;

use crate::support::World;

/// A line of a table and what must become of it.
struct Case {
    text: String,
    errors: Vec<String>,
    warnings: Vec<String>,
}

fn cases(table: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        let last = cases.last_mut();
        if let (Some(text), Some(case)) = (line.strip_prefix("! "), last) {
            case.errors.push(filled(text));
        } else if let (Some(text), Some(case)) = (line.strip_prefix("? "), cases.last_mut()) {
            case.warnings.push(filled(text));
        } else {
            cases.push(Case {
                text: filled(line),
                errors: Vec::new(),
                warnings: Vec::new(),
            });
        }
    }
    cases
}

/// Replaces `«x*3»` by `xxx` and `«p#*3»` by `p0, p1, p2`.
fn filled(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, (inner, after))) = rest.split_once('«').and_then(|(a, b)| Some((a, b.split_once('»')?))) {
        let (what, count) = inner.rsplit_once('*').expect("a count behind `*`");
        let count: usize = count.parse().expect("a count");
        out += before;
        out += &match what.contains('#') {
            true => (0..count)
                .map(|n| what.replace('#', &n.to_string()))
                .collect::<Vec<_>>()
                .join(", "),
            false => what.repeat(count),
        };
        rest = after;
    }
    out + rest
}

fn check(table: &str, file: impl Fn(&str) -> String) {
    let mut wrong = Vec::new();
    for case in cases(table) {
        let loaded = World::default().load(&file(&case.text));
        let of = |severity| {
            let found = loaded.diagnostics.iter().filter(|found| found.severity == severity);
            let texts = found.map(|found| found.message.split("https://").next().unwrap_or_default());
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
        let expected: Vec<String> = case.warnings.iter().map(|text| text.replace('…', "")).collect();
        if errors != case.errors || warnings != expected {
            wrong.push(format!("{}\n  errors {errors:#?}\n  warnings {warnings:#?}", case.text));
        }
        assert_eq!(loaded.config.is_some(), errors.is_empty(), "{}", case.text);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn keywords_of_jobs_are_as_in_the_reference() {
    check(include_str!("reference/jobs.txt"), |text| {
        format!("b: {{script: x}}\nc: {{script: x}}\na: {{{text}}}\n")
    });
}

#[test]
fn whole_files_are_as_in_the_reference() {
    check(include_str!("reference/roots.txt"), |text| {
        format!("{}\na: {{script: x}}\n", text.replace("\\n", "\n"))
    });
}
