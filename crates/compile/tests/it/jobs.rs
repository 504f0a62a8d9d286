//! From entries to jobs: defaults, inherit, parallel, needs, checks across jobs.

use crate::support::World;

fn world() -> World {
    World::default()
}

#[test]
fn values_come_from_default_unless_the_job_writes_or_refuses_them() {
    let config = world().config(
        "default: {image: ruby, retry: 1, tags: [t], timeout: 1h}\nvariables: {A: a, B: b}\n\
         a: {script: x}\nb: {script: x, image: go, inherit: {default: [tags], variables: [B]}}\n\
         c: {script: x, inherit: {default: false, variables: false}, tags: null}\n",
    );
    let jobs: Vec<_> = config.definitions().collect();
    let image = |at: usize| jobs[at].image.as_ref().map(|image| image.name.as_str());
    assert_eq!([image(0), image(1), image(2)], [Some("ruby"), Some("go"), None]);
    assert_eq!(jobs[0].retry.as_ref().and_then(|retry| retry.max), Some(1));
    assert_eq!(jobs[1].retry, None);
    assert_eq!(
        [&jobs[0].tags[..], &jobs[1].tags, &jobs[2].tags],
        [&["t".to_owned()][..], &["t".to_owned()], &[]]
    );
    assert_eq!(jobs[0].timeout_seconds, None, "`default:timeout` has no effect");
    let keys = |at: usize| jobs[at].variables.iter().map(|v| v.key.as_str()).collect::<Vec<_>>();
    assert_eq!([keys(0), keys(1), keys(2)], [vec!["A", "B"], vec!["B"], vec![]]);
}

#[test]
fn a_pages_job_publishes_its_folder() {
    for (text, expected) in [
        ("pages: {script: x}", Some("public")),
        ("pages: {script: x, publish: dist}", Some("dist")),
        ("a: {script: x, pages: {publish: out}}", Some("out")),
        ("a: {script: x, pages: true}", Some("public")),
        ("pages: {script: x, pages: false}", None),
        ("a: {script: x}", None),
    ] {
        let config = world().config(text);
        let job = config.definitions().next().expect("one job");
        assert_eq!(
            job.pages.as_ref().and_then(|pages| pages.publish.as_deref()),
            expected,
            "{text}"
        );
        let paths = job
            .artifacts
            .as_ref()
            .map(|artifacts| artifacts.paths.clone())
            .unwrap_or_default();
        assert_eq!(paths.first().map(String::as_str), expected, "{text}");
    }
}

#[test]
fn parallel_jobs_get_names_and_needs_fan_out() {
    let config = world().config(
        "a: {script: x, parallel: 2}\n\
         m: {script: x, parallel: {matrix: [{P: aws, R: [eu, us]}, {P: gcp}]}}\n\
         b: {script: x, needs: [a]}\n\
         c: {script: x, needs: [{job: m, parallel: {matrix: [{P: aws, R: us}]}}], dependencies: [m: x]}\n"
            .replace(", dependencies: [m: x]", "")
            .as_str(),
    );
    let summaries = config.summaries();
    let names: Vec<&str> = summaries.iter().map(|job| job.definition.name.as_str()).collect();
    assert_eq!(
        names,
        ["a 1/2", "a 2/2", "m: [aws, eu]", "m: [aws, us]", "m: [gcp]", "b", "c"]
    );
    let needs = |at: usize| {
        let needs = summaries[at].needs.as_ref().expect("it has needs");
        needs.iter().map(|need| need.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(needs(5), ["a 1/2", "a 2/2"]);
    assert_eq!(needs(6), ["m: [aws, us]"]);
    assert_eq!(summaries[3].definition.parallel, Some((2, 3)));
    let variable = summaries[2]
        .definition
        .variables
        .iter()
        .find(|v| v.key == "R")
        .map(|v| v.value.as_str());
    assert_eq!(variable, Some("eu"));
}

#[test]
fn a_job_needs_the_instance_of_its_own_matrix_values() {
    let text = "a: {script: x, parallel: {matrix: [{V: ['1', '2']}]}}\n\
                b: {script: x, parallel: {matrix: [{V: ['1', '2']}]}, needs: ['a: [$[[ matrix.V ]]]']}\n";
    let config = world().config(text);
    let needs: Vec<String> = config.summaries()[2..]
        .iter()
        .filter_map(|job| job.needs.as_ref()?.first().map(|need| need.name.clone()))
        .collect();
    assert_eq!(needs, ["a: [1]", "a: [2]"]);
    assert_eq!(
        world().errors(&text.replace("matrix.V", "matrix.W")),
        ["b job: 'W' does not exist in matrix configuration"]
    );
}

#[test]
fn an_empty_matrix_gives_no_job_at_all() {
    let config = world().config("a: {script: x, parallel: {matrix: []}}\nb: {script: x}\n");
    assert_eq!(
        config.definitions().map(|job| job.name.clone()).collect::<Vec<_>>(),
        ["b"]
    );
}

#[test]
fn checks_across_jobs_stop_at_the_first_fault() {
    for (text, expected) in [
        (
            "a: {script: x, stage: tset}",
            "a job: chosen stage tset does not exist; available stages are .pre, build, test, deploy, .post",
        ),
        ("a: {script: x, needs: [z]}", "a job: undefined need: z"),
        ("a: {script: x, dependencies: [z]}", "a job: undefined dependency: z"),
        (
            "a: {script: x, needs: [b]}\nb: {script: x, stage: deploy}",
            "a job: need b is not defined in current or prior stages",
        ),
        (
            "a: {script: x, needs: [b, b]}\nb: {script: x}",
            "a has the following needs duplicated: b.",
        ),
        (
            "a: {script: x, needs: [a]}",
            "The pipeline has circular dependencies: self-dependency: a",
        ),
        (
            "a: {script: x, needs: [c]}\nb: {script: x, needs: [a]}\nc: {script: x, needs: [b]}",
            "The pipeline has circular dependencies: topological sort failed: [\"a\", \"c\", \"b\"]",
        ),
        (
            "a: {script: x, rules: [{if: $A, needs: [z]}]}",
            "a job: undefined need: z",
        ),
        (
            "a: {script: x, rules: [{if: $A, needs: [b]}]}\nb: {script: x, parallel: 2}",
            "a job: undefined need: b",
        ),
        (
            "a: {trigger: {include: [{artifact: a.yml, job: z}]}}",
            "a job: undefined dependency: z",
        ),
        (
            "a: {script: x, environment: {name: p, on_stop: z}}",
            "a job: on_stop job z is not defined",
        ),
        (
            "a: {script: x, environment: {name: p, on_stop: b}}\nb: {script: x, environment: {name: q, action: stop}}",
            "a job: on_stop job b have different environment name",
        ),
        (
            "a: {script: x, publish: p, pages: {publish: q}}",
            "a job: use either a:publish or a:pages:publish",
        ),
        (
            "a: {script: x, needs: [b], dependencies: [c]}\nb: {script: x}\nc: {script: x}",
            "jobs:a dependencies the c should be part of needs",
        ),
        (
            "a: {script: x, needs: [{pipeline: '1', job: z}], dependencies: [c]}\nc: {script: x}",
            "jobs:a needs corresponding to dependencies must be from the same pipeline",
        ),
    ] {
        assert_eq!(world().errors(text), [expected], "{text}");
    }
}

#[test]
fn an_optional_need_may_be_unknown() {
    let config = world().config("a: {script: x, needs: [{job: z, optional: true}]}\n");
    assert_eq!(config.summaries()[0].needs.as_ref().map(Vec::len), Some(1));
}

#[test]
fn stages_keep_their_edges() {
    for (text, expected) in [
        ("a: {script: x}", ".pre build test deploy .post"),
        (
            "stages: [.post, one, .pre]\na: {script: x, stage: one}",
            ".pre one .post",
        ),
        ("stages: [[one], two]\na: {script: x, stage: one}", ".pre one two .post"),
    ] {
        assert_eq!(world().config(text).stages().join(" "), expected, "{text}");
    }
}

#[test]
fn extends_merges_parents_under_children() {
    let config = world().config(
        ".a: {image: {name: r, entrypoint: [x]}, variables: {A: a, B: a}, tags: [a]}\n\
         .b: {variables: {B: b}, tags: [b]}\n\
         c: {extends: [.a, .b], script: x, variables: {C: c}, image: null}\n",
    );
    let job = config.definitions().next().expect("one job");
    assert_eq!(job.tags, ["b"]);
    assert_eq!(job.image, None);
    let values: Vec<(&str, &str)> = job
        .variables
        .iter()
        .map(|v| (v.key.as_str(), v.value.as_str()))
        .collect();
    assert_eq!(values, [("A", "a"), ("B", "b"), ("C", "c")]);
}

#[test]
fn extends_that_cannot_be_resolved_says_why() {
    let chain = |length: usize| {
        let mut text = ".c0: {script: x}\n".to_owned();
        for step in 1..=length {
            text.push_str(&format!(".c{step}: {{extends: .c{}}}\n", step - 1));
        }
        format!("{text}a: {{extends: .c{length}}}\n")
    };
    for (text, expected) in [
        (
            "a: {extends: .z, script: x}".to_owned(),
            vec!["a: unknown keys in `extends` (.z)"],
        ),
        (
            "a: {extends: [.y, .z], script: x}".to_owned(),
            vec!["a: unknown keys in `extends` (.y, .z)"],
        ),
        (
            ".x: [1]\na: {extends: .x, script: x}".to_owned(),
            vec!["a: invalid base hashes in `extends` (.x)"],
        ),
        (
            "a: {extends: b, script: x}\nb: {extends: a, script: x}".to_owned(),
            vec!["a: circular dependency detected in `extends`"],
        ),
        (chain(10), vec![]),
        (chain(11), vec![".c1: nesting too deep in `extends`"]),
    ] {
        assert_eq!(world().errors(&text), expected, "{text}");
    }
}

#[test]
fn the_order_of_definition_does_not_hide_a_chain_that_is_too_deep() {
    let mut text = "a: {extends: .c11}\n.c0: {script: x}\n".to_owned();
    for step in (1..=11).rev() {
        text.push_str(&format!(".c{step}: {{extends: .c{}}}\n", step - 1));
    }
    assert_eq!(world().errors(&text), [".c1: nesting too deep in `extends`"]);
}

#[test]
fn references_are_filled_in_after_extends() {
    let config = world().config(
        ".s: {script: [one, [two]], vars: {A: a}}\n\
         j: {script: [!reference [.s, script], three], variables: !reference [.s, vars]}\n",
    );
    let job = config.definitions().next().expect("one job");
    assert_eq!(job.script, ["one", "two", "three"]);
    assert_eq!(job.variables[0].value, "a");
    for (text, expected) in [
        (
            "j: {script: !reference [.s, x]}",
            r#"!reference [".s", "x"] could not be found"#,
        ),
        (
            "j: {script: !reference [.s, 0]}",
            r#"!reference [".s", 0] is not valid"#,
        ),
        (
            ".n: null\nj: {script: !reference [.n]}",
            r#"!reference [".n"] could not be found"#,
        ),
        (
            "j: {script: !reference [j, script]}",
            r#"!reference ["j", "script"] is part of a circular chain"#,
        ),
        (
            "a: {script: !reference [b, script]}\nb: {script: !reference [a, script]}",
            r#"!reference ["b", "script"] is part of a circular chain"#,
        ),
    ] {
        assert_eq!(world().errors(text), [expected], "{text}");
    }
}

#[test]
fn what_is_said_once_is_not_repeated_without_end() {
    let large = "x".repeat(500_000);
    let jobs: String = (0..300).map(|n| format!("j{n}: {{script: x}}\n")).collect();
    for text in [
        format!("variables: {{BIG: {large}}}\n{jobs}"),
        format!("default: {{before_script: [{large}]}}\n{jobs}"),
        format!(
            "a: &a {{script: x, parallel: 200, variables: {{BIG: {large}}}}}\n\
             b: *a\n"
        ),
    ] {
        let errors = World::default().errors(&text);
        assert_eq!(errors, ["The parsed YAML is too big"], "{}", &text[..40]);
    }
}
