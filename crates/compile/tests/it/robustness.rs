//! Nothing that is written makes the compiler panic or hang: random trees of keywords, and limits.

use model::Source;
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

use crate::support::{Run, World, names};

const WORDS: [&str; 64] = [
    "script",
    "stage",
    "stages",
    "needs",
    "rules",
    "if",
    "when",
    "changes",
    "exists",
    "variables",
    "extends",
    "include",
    "local",
    "project",
    "file",
    "ref",
    "remote",
    "template",
    "component",
    "inputs",
    "default",
    "workflow",
    "name",
    "parallel",
    "matrix",
    "image",
    "services",
    "artifacts",
    "reports",
    "paths",
    "cache",
    "key",
    "files",
    "environment",
    "action",
    "on_stop",
    "only",
    "except",
    "refs",
    "trigger",
    "forward",
    "strategy",
    "job",
    "optional",
    "pipeline",
    "allow_failure",
    "exit_codes",
    "retry",
    "max",
    "tags",
    "a",
    "b",
    ".h",
    ".pre",
    "test",
    "always",
    "never",
    "manual",
    "delayed",
    "start_in",
    "1 day",
    "$A",
    "$[[ matrix.A ]]",
    "/a/",
];

fn word() -> impl Strategy<Value = String> {
    proptest::sample::select(WORDS.to_vec()).prop_map(str::to_owned)
}

/// Any tree of keywords and odd values.
fn tree() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        6 => word().prop_map(Json::from),
        1 => any::<bool>().prop_map(Json::from),
        1 => (-3_i64..400).prop_map(Json::from),
        1 => Just(Json::Null),
        1 => Just(Json::from(1.5)),
        1 => Just(Json::from("")),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            2 => proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            5 => proptest::collection::vec((word(), inner), 0..6)
                .prop_map(|pairs| Json::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Roots that look like a configuration, so that later stages are reached.
fn file() -> impl Strategy<Value = Json> {
    proptest::collection::vec((word(), tree(), any::<bool>()), 1..6).prop_map(|keys| {
        let mut root = Map::new();
        for (key, mut value, is_job) in keys {
            if let Json::Object(map) = &mut value
                && is_job
            {
                map.insert("script".to_owned(), "x".into());
            }
            root.insert(key, value);
        }
        Json::Object(root)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_tree_makes_the_compiler_panic(file in file()) {
        let world = World::with(&[("a", "a: {script: x}\n"), ("a.yml", "a: {script: x}\n")]);
        let loaded = world.load(&file.to_string());
        for diagnostic in &loaded.diagnostics {
            prop_assert!(!compile::render(diagnostic, &loaded.sources).is_empty());
        }
        if loaded.config.is_some() {
            for source in [Source::Push, Source::MergeRequestEvent] {
                let run = Run::of(source).given("A", "$B").given("B", "$A");
                prop_assert!(!names(&world.plan(&file.to_string(), &run)).is_empty());
                prop_assert!(!world.explain(&file.to_string(), &run).to_text().is_empty());
            }
        }
    }
}

#[test]
fn alias_bombs_and_deep_trees_end_in_the_stated_error() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let item = format!("*a{}, ", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", item.repeat(10)));
    }
    assert_eq!(World::default().errors(&bomb), ["The parsed YAML is too big"]);
    let deep = format!("a: {{script: {}x{}}}\n", "[".repeat(120), "]".repeat(120));
    assert_eq!(World::default().errors(&deep), ["The parsed YAML is too big"]);
    let long = format!("# {}\na: {{script: x}}\n", "x".repeat(2_200_000));
    assert_eq!(World::default().errors(&long), ["The provided YAML is too big"]);
}

#[test]
fn a_thousand_jobs_that_need_each_other_are_planned() {
    let mut text = "stages: [test]\nj0: {script: x}\n".to_owned();
    for job in 1..1000 {
        text.push_str(&format!("j{job}: {{script: x, needs: [j{}]}}\n", job - 1));
    }
    assert_eq!(names(&World::default().plan(&text, &Run::of(Source::Push))).len(), 1000);
}

#[test]
fn what_would_grow_without_end_is_refused() {
    let rule = |condition: &str| format!("a: {{script: x, rules: [{{if: '{condition}'}}]}}\n");
    let values = ["v"; 60].join(", ");
    let matrix = format!("A: [{values}], B: [{values}], C: [{values}], D: [{values}]");
    let world = World::with(&[("again.yml", "include: again.yml\n")]);
    for (text, expected) in [
        (
            format!("a: {{script: x, parallel: {{matrix: [{{{matrix}}}]}}}}\n"),
            "jobs:a:parallel:matrix config generates too many jobs (maximum is 200)",
        ),
        (
            rule("$A =~ /((((a{1,99}){1,99}){1,99}){1,99})/"),
            "jobs:a:rules:rule if invalid expression syntax",
        ),
        (
            rule(&format!("{}$A{}", "(".repeat(5_000), ")".repeat(4_999))),
            "jobs:a:rules:rule if invalid expression syntax",
        ),
        (
            "include: again.yml\na: {script: x}\n".to_owned(),
            "Maximum of 150 nested includes are allowed!",
        ),
    ] {
        assert_eq!(world.errors(&text), [expected], "{}", &text[..text.len().min(80)]);
    }
}
