//! What is refused is said in the reader's language: a walk through typical mistakes.

use testkit::Form;

use super::{Browser, Page, Site};

/// Words that are the same in Japanese: names of things that are written, and what was typed.
const SAME: &[&str] = &[
    "gitlab",
    "yml",
    "main",
    "refs",
    "heads",
    "tags",
    "Maintainer",
    "Developer",
    "Owner",
    "version",
    "count",
    "JSON",
    "nowhere",
    "true",
    "false",
    "Tripline",
    "NAME",
    "tool",
    "admin",
    "cron",
    "atom",
];

/// What the page says is wrong.
fn problems(page: &Page) -> Vec<String> {
    let starts = ["class=\"notice problem\"", "class=\"bad\"", "class=\"bad small\""];
    let mut found = Vec::new();
    for start in starts {
        for part in page.html.split(start).skip(1) {
            let (_, rest) = part.split_once('>').unwrap();
            let end = ["</p>", "</span>", "</div>", "</section>"];
            let end = end.iter().filter_map(|end| rest.find(end)).min().unwrap();
            let mut text = String::new();
            let mut in_tag = false;
            for c in rest[..end].chars() {
                match c {
                    '<' => in_tag = true,
                    '>' => in_tag = false,
                    c if !in_tag => text.push(c),
                    _ => {}
                }
            }
            found.push(text);
        }
    }
    found
}

/// English words in a text, other than those that are the same.
fn english(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphabetic());
    words
        .filter(|word| word.len() >= 4 && !SAME.contains(word) && *word != word.to_uppercase())
        .collect()
}

#[tokio::test]
async fn typical_mistakes_are_told_in_japanese() {
    let site = Site::start().await;
    let config = "spec:\n  inputs:\n    version: {regex: '^\\d+$', default: '1'}\n    count: {type: number, default: 1}\n---\n\
                  job: {script: x}\n";
    site.configure(config, "inputs").await;
    let mut ada: Browser = site.ada().await;
    ada.cookies.push(("tripline_language".to_owned(), "ja".to_owned()));
    let long = "x".repeat(3000);
    let tool = "/ada/tool/-";
    let form = |pairs: &[(&str, &str)]| {
        let start = Form::of([]);
        pairs.iter().fold(start, |form, (name, value)| form.with(name, value))
    };
    let walk: Vec<(String, String, Form)> = vec![
        (
            "/projects/new".into(),
            "/projects".into(),
            form(&[("name", "Tool"), ("path", "tool")]),
        ),
        ("/projects/new".into(), "/projects".into(), form(&[("name", "")])),
        (
            "/projects/new".into(),
            "/projects".into(),
            form(&[("name", "a"), ("path", "-a")]),
        ),
        (
            format!("{tool}/settings/ci_cd"),
            format!("{tool}/triggers"),
            form(&[("description", &long)]),
        ),
        (
            format!("{tool}/settings/ci_cd"),
            format!("{tool}/triggers"),
            form(&[("description", "d"), ("expires_at", "2001-01-01")]),
        ),
        (
            format!("{tool}/settings/ci_cd"),
            format!("{tool}/triggers"),
            form(&[("description", "d"), ("expires_at", "soon")]),
        ),
        (
            format!("{tool}/settings/ci_cd"),
            format!("{tool}/triggers"),
            form(&[("description", "d"), ("allowed_networks", "nowhere")]),
        ),
        (
            format!("{tool}/settings/ci_cd"),
            format!("{tool}/triggers"),
            form(&[("description", "d"), ("uses_per_minute", "0")]),
        ),
        (
            format!("{tool}/settings/ci_cd"),
            format!("{tool}/triggers"),
            form(&[("description", "d"), ("fixed_variables", "A")]),
        ),
        (
            format!("{tool}/settings/ci_cd/variables"),
            format!("{tool}/settings/ci_cd/variables"),
            form(&[("key", "a b"), ("value", "v")]),
        ),
        (
            format!("{tool}/settings/ci_cd/variables"),
            format!("{tool}/settings/ci_cd/variables"),
            form(&[("key", ""), ("value", "v")]),
        ),
        (
            format!("{tool}/pipelines/new"),
            format!("{tool}/pipelines/new"),
            form(&[("ref", "nowhere"), ("do", "run")]),
        ),
        (
            format!("{tool}/pipelines/new"),
            format!("{tool}/pipelines/new"),
            form(&[("ref", "main"), ("inputs[version]", "x"), ("do", "run")]),
        ),
        (
            format!("{tool}/pipelines/new"),
            format!("{tool}/pipelines/new"),
            form(&[("ref", "main"), ("inputs[count]", "x"), ("do", "run")]),
        ),
        (
            format!("{tool}/pipelines/new"),
            format!("{tool}/pipelines/new"),
            form(&[("ref", "main"), ("variables", "A"), ("do", "run")]),
        ),
        (
            format!("{tool}/project_members"),
            format!("{tool}/project_members"),
            form(&[("username", "nobody"), ("access_level", "30")]),
        ),
        (
            format!("{tool}/hooks"),
            format!("{tool}/hooks"),
            form(&[("url", "nonsense")]),
        ),
        (
            format!("{tool}/pipeline_schedules/new"),
            format!("{tool}/pipeline_schedules"),
            form(&[
                ("description", ""),
                ("ref", "main"),
                ("cron", "x"),
                ("cron_timezone", "UTC"),
            ]),
        ),
        (
            format!("{tool}/settings/repository"),
            format!("{tool}/protected"),
            form(&[("kind", "branch"), ("name", ""), ("push", "40"), ("merge", "40")]),
        ),
        (
            format!("{tool}/edit"),
            format!("{tool}/edit"),
            form(&[("name", "Tool"), ("build_timeout", "1")]),
        ),
        (
            format!("{tool}/edit"),
            format!("{tool}/delete"),
            form(&[("confirm", "wrong")]),
        ),
        (
            format!("{tool}/edit"),
            format!("{tool}/transfer"),
            form(&[("confirm", "ada/tool"), ("namespace", "0")]),
        ),
        (
            format!("{tool}/settings/ci_cd/token_access"),
            format!("{tool}/settings/ci_cd/token_access/add"),
            form(&[("target", "no/where")]),
        ),
        (
            "/-/user_settings/profile".into(),
            "/-/user_settings/password".into(),
            form(&[("current_password", "wrong"), ("password", "short")]),
        ),
        (
            "/-/user_settings/profile".into(),
            "/-/user_settings/personal_access_tokens".into(),
            form(&[("name", "")]),
        ),
    ];
    let mut leaks = Vec::new();
    for (from, to, form) in walk {
        let page = site.submit(&mut ada, &from, &to, form.clone()).await;
        assert_eq!(page.status, 422, "{to} {form:?}: {} {}", page.location(), page.html);
        let said = problems(&page);
        if said.is_empty() {
            leaks.push(format!("{to} {form:?}: nothing is said"));
        }
        for text in said {
            let words = english(&text);
            if !words.is_empty() {
                leaks.push(format!("{to}: {words:?} in `{text}`"));
            }
        }
    }
    for path in ["/no/such", "/ada/tool/-/jobs/99", "/admin"] {
        let page = site.get(&ada, path).await;
        assert_eq!(page.status, 404, "{path}");
        page.has("ページが見つかりません");
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}
