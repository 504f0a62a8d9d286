//! Configurations made to cost the server dearly: how long it takes until they are refused or read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use compile::facts::FetchedFile;
use compile::{Answer, Demand, Facts, Limits, LoadRequest, Loaded, Severity, Step, load};

/// How long any of them may take (issue 3); printed beside, not enforced here.
const LIMIT: Duration = Duration::from_secs(1);

/// Prints a line per configuration.
pub(crate) fn run() {
    println!(
        "{:>40} {:>10}   what is said (limit {LIMIT:?})",
        "hostile input", "time"
    );
    for (name, text, included) in inputs() {
        let start = Instant::now();
        let loaded = read(&text, &included);
        let took = start.elapsed();
        let said = loaded
            .diagnostics
            .iter()
            .find(|found| found.severity == Severity::Error)
            .map_or("accepted", |found| found.message.as_str());
        let said: String = said.chars().take(90).collect();
        let late = if took > LIMIT { "  TOO LONG" } else { "" };
        println!("{name:>40} {took:>10.1?}   {said}{late}");
    }
}

/// Name, text, and the text of every file that it includes.
fn inputs() -> Vec<(&'static str, String, String)> {
    let alone = String::new;
    let job = "a: {script: x}\n";
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut doubling = ".e0: {variables: {V: x}}\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            format!("*a{before}, ").repeat(10)
        ));
        doubling.push_str(&format!(".e{level}: {{extends: [.e{before}, .e{before}]}}\n"));
    }
    let needs: String = (0..600)
        .map(|at| {
            let all: Vec<String> = (0..at.min(50)).map(|need| format!("j{}", at - 1 - need)).collect();
            format!("j{at}: {{script: x, needs: [{}]}}\n", all.join(", "))
        })
        .collect();
    let values = ["v"; 60].join(", ");
    let rule = |condition: &str| format!("a: {{script: x, rules: [{{if: '{condition}'}}]}}\n");
    vec![
        ("aliases, 10 to the 12th", bomb, alone()),
        (
            "120 lists deep",
            format!("a: {{script: {}x{}}}\n", "[".repeat(120), "]".repeat(120)),
            alone(),
        ),
        ("100,000 lists deep", format!("a: {}", "[".repeat(100_000)), alone()),
        (
            "a file over 2 MiB",
            format!("# {}\n{job}", "x".repeat(2_200_000)),
            alone(),
        ),
        (
            "2 MB of one script",
            format!("a:\n  script:\n    - {}\n", "x".repeat(2_000_000)),
            alone(),
        ),
        (
            "2 MB of comment",
            format!("# {}\n{job}", "x".repeat(2_000_000)),
            alone(),
        ),
        (
            "a file that includes itself",
            format!("include: again.yml\n{job}"),
            "include: again.yml\n".to_owned(),
        ),
        (
            "a file that includes itself five times",
            format!("include: again.yml\n{job}"),
            format!("include: [{}]\n", ["again.yml"; 5].join(", ")),
        ),
        (
            "a pattern of 100,000 characters",
            rule(&format!("$A =~ /{}/", "(a|b)".repeat(20_000))),
            alone(),
        ),
        (
            "a pattern with nested repeats",
            rule("$A =~ /((((a{1,99}){1,99}){1,99}){1,99})/"),
            alone(),
        ),
        (
            "20,000 conditions in one expression",
            rule(&vec!["$A == \"b\""; 20_000].join(" && ")),
            alone(),
        ),
        (
            "50,000 parentheses",
            rule(&format!("{}$A{}", "(".repeat(50_000), ")".repeat(50_000))),
            alone(),
        ),
        (
            "a matrix of 60 to the 4th",
            format!(
                "a: {{script: x, parallel: {{matrix: [{{A: [{values}], B: [{values}], C: [{values}], D: [{values}]}}]}}}}\n"
            ),
            alone(),
        ),
        (
            "extends that double 11 times",
            format!("{doubling}a: {{script: x, extends: .e11}}\n"),
            alone(),
        ),
        ("600 jobs, each with 50 needs", needs, alone()),
    ]
}

fn read(text: &str, included: &str) -> Loaded {
    let limits = Limits::default();
    let request = LoadRequest {
        file_name: ".gitlab-ci.yml",
        text: Arc::from(text),
        file_project: None,
        file_sha: None,
        inputs: &[],
        variables: &[],
        project_path: "group/project",
        sha: "0",
        server_fqdn: "",
        limits: &limits,
    };
    let file: Arc<str> = included.into();
    let mut facts = Facts::default();
    loop {
        let demands = match load(&request, &facts) {
            Step::Done(loaded) => return loaded,
            Step::Needs(demands) => demands,
        };
        for demand in demands {
            let answer = match &demand {
                Demand::Paths { .. } => Answer::Paths(Arc::default()),
                Demand::Changes { .. } => Answer::ChangesUnknown,
                Demand::File(_) => Answer::File(FetchedFile {
                    text: file.clone(),
                    project: None,
                    sha: None,
                    component: None,
                }),
            };
            facts.insert(demand, answer);
        }
    }
}
