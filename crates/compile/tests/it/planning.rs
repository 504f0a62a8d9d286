//! From jobs to the jobs of one pipeline: rules, only/except, workflow, expansion.

use compile::{PlanResult, VariableOrigin};
use model::{OnJobFailure, OnNewCommit, Source, When};

use crate::support::{Run, World, made, names, variable};

#[test]
fn rules_choose_by_source_ref_and_variables() {
    const TEXT: &str = "all: {script: x, rules: [{when: always}]}\n\
        triggered: {script: x, rules: [{if: '$CI_PIPELINE_SOURCE == \"trigger\"'}]}\n\
        tagged: {script: x, rules: [{if: $CI_COMMIT_TAG}]}\n\
        asked: {script: x, rules: [{if: '$WANT =~ /^y/i', when: manual}]}\n\
        not-pushed: {script: x, rules: [{if: '$CI_PIPELINE_SOURCE == \"push\"', when: never}, {when: on_success}]}\n";
    for (run, expected) in [
        (Run::of(Source::Push), "all"),
        (Run::of(Source::Trigger), "all triggered not-pushed"),
        (
            Run::of(Source::Trigger).given("WANT", "Yes"),
            "all triggered asked not-pushed",
        ),
        (Run::tag("v1"), "all tagged"),
        (Run::of(Source::MergeRequestEvent), "all not-pushed"),
    ] {
        assert_eq!(names(&World::default().plan(TEXT, &run)).join(" "), expected);
    }
}

#[test]
fn only_and_except_know_sources_refs_and_projects() {
    for (condition, run, expected) in [
        ("", Run::of(Source::Push), true),
        ("", Run::tag("v1"), true),
        ("", Run::of(Source::MergeRequestEvent), false),
        ("only: [merge_requests]", Run::of(Source::MergeRequestEvent), true),
        ("only: [triggers]", Run::of(Source::Trigger), true),
        ("only: [triggers]", Run::of(Source::Pipeline), false),
        ("only: [pipelines]", Run::of(Source::Pipeline), true),
        ("only: [schedule, web]", Run::of(Source::Web), true),
        ("only: [api]", Run::of(Source::Api), true),
        ("only: [pushes]", Run::of(Source::Push), true),
        ("only: [parent_pipelines]", Run::of(Source::ParentPipeline), true),
        ("only: [branches]", Run::of(Source::Schedule), true),
        ("only: [branches]", Run::tag("v1"), false),
        ("only: [tags]", Run::tag("v1"), true),
        ("only: [main]", Run::of(Source::Push), true),
        ("only: [dev]", Run::of(Source::Push), false),
        ("only: ['/^MA/i']", Run::of(Source::Push), true),
        ("only: ['/^MA/']", Run::of(Source::Push), false),
        ("only: [main]", Run::of(Source::MergeRequestEvent), false),
        ("only: ['main@group/project']", Run::of(Source::Push), true),
        ("only: ['main@other/project']", Run::of(Source::Push), false),
        ("only: []", Run::of(Source::Push), false),
        ("except: [main]", Run::of(Source::Push), false),
        ("except: [tags]", Run::of(Source::Push), true),
        ("only: {refs: [main], variables: [$A]}", Run::of(Source::Push), false),
        (
            "only: {refs: [main], variables: [$A]}",
            Run::of(Source::Push).given("A", "1"),
            true,
        ),
        (
            "only: {variables: [$A]}",
            Run::of(Source::MergeRequestEvent).given("A", "1"),
            false,
        ),
        (
            "except: {variables: ['$A == \"1\"']}",
            Run::of(Source::Push).given("A", "1"),
            false,
        ),
        ("only: {kubernetes: active}", Run::of(Source::Push), false),
        // Unknown changes count as changed.
        ("only: {changes: [a]}", Run::of(Source::Push), true),
        ("except: {changes: [a]}", Run::of(Source::Push), false),
    ] {
        let comma = if condition.is_empty() { "" } else { ", " };
        let text = format!("a: {{script: x{comma}{condition}}}\n");
        let found = World::default().plan(&text, &run);
        assert_eq!(
            names(&found) == ["a"],
            expected,
            "{condition} {:?} {}",
            run.source,
            run.git_ref.name
        );
    }
}

#[test]
fn workflow_rules_and_null_rules_drop_the_default_condition() {
    let run = Run::of(Source::MergeRequestEvent);
    for (text, expected) in [
        ("a: {script: x}", "(empty)"),
        ("a: {script: x, rules: null}", "a"),
        ("workflow: {rules: [{when: always}]}\na: {script: x}", "a"),
        ("workflow: {rules: null}\na: {script: x}", "a"),
        ("workflow: {name: n}\na: {script: x}", "(empty)"),
    ] {
        assert_eq!(names(&World::default().plan(text, &run)).join(" "), expected, "{text}");
    }
}

#[test]
fn workflow_rules_refuse_name_and_parametrize_a_pipeline() {
    const TEXT: &str = "variables: {DEPTH: shallow, KEEP: root}\n\
        workflow:\n  name: 'Run $DEPTH $CI_JOB_NAME of $CI_COMMIT_REF_NAME'\n\
        \x20 auto_cancel: {on_new_commit: none}\n\
        \x20 rules:\n\
        \x20   - {if: '$CI_PIPELINE_SOURCE == \"push\"', when: never}\n\
        \x20   - {if: $CI_PIPELINE_SOURCE, variables: {DEPTH: deep, KEEP: rule}, auto_cancel: {on_job_failure: all}}\n\
        a: {script: x, variables: {KEEP: job}, rules: [{if: '$DEPTH == \"deep\" && $KEEP == \"job\"'}]}\n\
        b: {script: x, inherit: {variables: false}}\n";
    assert_eq!(
        World::default().plan(TEXT, &Run::of(Source::Push)),
        PlanResult::FilteredByWorkflowRules
    );
    let plan = made(World::default().plan(TEXT, &Run::of(Source::Web)));
    assert_eq!(plan.name.as_deref(), Some("Run deep  of main"));
    assert_eq!(
        (plan.on_new_commit, plan.on_job_failure),
        (OnNewCommit::None, OnJobFailure::All)
    );
    let added = |at: usize| {
        let added = &plan.jobs[at].rule_variables;
        added
            .iter()
            .map(|v| format!("{}={}", v.key, v.value))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!([added(0), added(1)], ["DEPTH=deep".to_owned(), String::new()]);
}

#[test]
fn a_configuration_says_whether_it_needs_the_number_of_the_pipeline() {
    const VALUE: &str = "variables: {V: $W, W: a-$CI_PIPELINE_IID, R: {value: $W, expand: false}}\n";
    for (text, expected) in [
        ("a: {script: echo $CI_PIPELINE_IID $V, image: $CI_PIPELINE_IID}", false),
        ("a: {script: x, rules: [{if: $CI_PIPELINE_IID}]}", true),
        ("a: {script: x, rules: [{if: $V}]}", true),
        ("a: {script: x, rules: [{changes: [$V]}]}", true),
        ("a: {script: x, rules: [{exists: {paths: [a], project: $V}}]}", true),
        ("a: {script: x, only: {variables: [$CI_PIPELINE_IID]}}", true),
        ("a: {script: x, environment: e/$V}", true),
        ("a: {script: x, environment: e/$R}", false),
        ("a: {script: x, tags: [$CI_PIPELINE_IID]}", true),
        ("a: {script: x, resource_group: $V}", true),
        ("workflow: {name: $V}\na: {script: x}", true),
        (
            "workflow: {name: $X, rules: [{when: always, variables: {X: $V}}]}\na: {script: x}",
            true,
        ),
        ("a: {script: x, variables: {Y: $V}, environment: $Y}", true),
        ("a: {script: x, variables: {Y: $V}, environment: y}", false),
    ] {
        let config = World::default().config(&format!("{VALUE}{text}\n"));
        assert_eq!(config.names_iid(), expected, "{text}");
    }
}

#[test]
fn the_matching_rule_decides_how_a_job_runs() {
    for (job, when, allow, start_in) in [
        ("when: manual", When::Manual, true, None),
        ("when: manual, allow_failure: false", When::Manual, false, None),
        ("rules: [{when: manual}]", When::Manual, false, None),
        (
            "when: manual, rules: [{if: $CI_PIPELINE_SOURCE, when: on_success}]",
            When::OnSuccess,
            true,
            None,
        ),
        ("rules: [{when: manual, allow_failure: true}]", When::Manual, true, None),
        ("allow_failure: true, rules: [{when: always}]", When::Always, true, None),
        ("when: delayed, start_in: 1 minute", When::Delayed, false, Some(60)),
        (
            "rules: [{when: delayed, start_in: 2 minutes}]",
            When::Delayed,
            false,
            Some(120),
        ),
        ("allow_failure: {exit_codes: [3]}", When::OnSuccess, false, None),
    ] {
        let plan = made(World::default().plan(&format!("a: {{script: x, {job}}}\n"), &Run::of(Source::Push)));
        let found = &plan.jobs[0];
        assert_eq!(
            (found.when, found.allow_failure, found.start_in_seconds),
            (when, allow, start_in),
            "{job}"
        );
    }
    let text = "a: {script: x, allow_failure: {exit_codes: [3]}, rules: [{when: always}]}\n\
                b: {script: x, allow_failure: {exit_codes: [3]}, rules: [{when: always, allow_failure: true}]}\n";
    let plan = made(World::default().plan(text, &Run::of(Source::Push)));
    assert_eq!(
        (
            plan.jobs[0].allow_failure_exit_codes,
            plan.jobs[1].allow_failure_exit_codes
        ),
        (true, false)
    );
}

#[test]
fn a_rule_replaces_needs_and_adds_variables() {
    let text = "a: {script: x}\nb: {script: x}\n\
        c: {script: x, needs: [a], interruptible: false, variables: {V: job}, \
            rules: [{if: $CI_COMMIT_TAG, needs: [b], variables: {V: rule}, interruptible: true}, {when: on_success, needs: []}]}\n";
    let needs = |run: &Run| {
        let plan = made(World::default().plan(text, run));
        let job = plan.jobs[2].clone();
        let needs: Vec<String> = job.needs.into_iter().flatten().map(|need| need.name).collect();
        (needs.join(" "), job.rule_variables.len(), job.interruptible)
    };
    assert_eq!(needs(&Run::tag("v1")), ("b".to_owned(), 1, Some(true)));
    assert_eq!(needs(&Run::of(Source::Push)), ("a".to_owned(), 0, Some(false)));
}

#[test]
fn changes_and_exists_are_asked_for_and_looked_up() {
    let mut world = World::with(&[("Dockerfile", ""), ("src/main.rs", "")]);
    for (rule, changes, expected) in [
        ("changes: [src/*.rs]", Some(vec!["src/main.rs"]), true),
        ("changes: [src/*.rs]", Some(vec!["docs/a.md"]), false),
        ("changes: [src/*.rs]", Some(vec![]), false),
        ("changes: [src/*.rs]", None, true),
        (
            "changes: {paths: ['$DIR/*.rs'], compare_to: $BASE}",
            Some(vec!["src/main.rs"]),
            true,
        ),
        ("changes: ['$NONE/*.rs']", Some(vec!["$NONE/a.rs"]), true),
        ("exists: [Dockerfile]", None, true),
        ("exists: ['**/*.rs']", None, true),
        ("exists: [Makefile]", None, false),
        ("exists: ['$DIR/main.rs']", None, true),
        ("if: $NONE, changes: [a]", None, false),
        ("if: $DIR, exists: [Makefile]", None, false),
    ] {
        world.changes = changes.map(|paths| paths.into_iter().map(str::to_owned).collect());
        let text = format!("a: {{script: x, variables: {{DIR: src, BASE: main}}, rules: [{{{rule}}}]}}\n");
        assert_eq!(
            names(&world.plan(&text, &Run::of(Source::Push))) == ["a"],
            expected,
            "{rule}"
        );
    }
    let text = "a: {script: x, rules: [{changes: {paths: [a], compare_to: nowhere}}]}\nb: {script: x}\n";
    assert_eq!(
        names(&world.plan(text, &Run::of(Source::Push))),
        ["Failed to parse rule for a: rules:changes:compare_to is not a valid ref"]
    );
}

#[test]
fn the_strongest_variable_wins() {
    let text = "variables: {V: yaml}\n\
        a: {script: x, environment: review/x, rules: [{if: '$V == \"EXPECTED\"'}]}\n";
    let scoped = |scope: &str, value: &str| {
        let mut one = variable(VariableOrigin::Project, "V", value);
        one.environment_scope = Some(scope.to_owned());
        one
    };
    let project = || variable(VariableOrigin::Project, "V", "project");
    for (predefined, overriding, expected) in [
        (
            vec![variable(VariableOrigin::Predefined, "V", "predefined")],
            vec![],
            "yaml",
        ),
        (vec![], vec![project()], "project"),
        (
            vec![],
            vec![project(), variable(VariableOrigin::Pipeline, "V", "pipeline")],
            "pipeline",
        ),
        (vec![], vec![scoped("review/*", "pattern"), project()], "pattern"),
        (
            vec![],
            vec![scoped("review/x", "exact"), scoped("review/*", "pattern"), project()],
            "exact",
        ),
        (vec![], vec![scoped("production", "other"), project()], "project"),
        (
            vec![],
            vec![
                scoped("review/x", "exact"),
                variable(VariableOrigin::Schedule, "V", "schedule"),
            ],
            "schedule",
        ),
    ] {
        let mut run = Run::of(Source::Push);
        run.predefined.extend(predefined);
        run.overriding = overriding;
        let found = World::default().plan(&text.replace("EXPECTED", expected), &run);
        assert_eq!(names(&found), ["a"], "{expected}");
    }
}

#[test]
fn rules_see_the_job_s_own_predefined_variables() {
    for condition in [
        "$CI_JOB_NAME == \"a b: [1]\"",
        "$CI_JOB_NAME_SLUG == \"a-b---1\"",
        "$CI_JOB_GROUP_NAME == \"a b\"",
        "$CI_JOB_STAGE == \"test\"",
        "$CI_NODE_INDEX == \"1\" && $CI_NODE_TOTAL == \"1\"",
        "$CI_ENVIRONMENT_NAME == \"prod/main\" && $CI_ENVIRONMENT_ACTION == \"start\"",
        "$CI_JOB_MANUAL == \"true\"",
        "$V == \"1\"",
        "$CI_JOB_ID == null",
    ] {
        let text = format!(
            "a b:\n  script: x\n  when: manual\n  environment: prod/$CI_COMMIT_REF_NAME\n  parallel: {{matrix: [{{V: 1}}]}}\n  \
             rules: [{{if: '{condition}'}}]\n"
        );
        assert_eq!(
            names(&World::default().plan(&text, &Run::of(Source::Push))),
            ["a b: [1]"],
            "{condition}"
        );
    }
}

#[test]
fn the_server_expands_what_it_needs_itself() {
    let text = "variables: {A: a-$B, B: b}\n\
        a: {script: x, tags: [$A, $NONE], environment: {name: 'e/$A/$NONE'}, resource_group: 'r-$A'}\n";
    let plan = made(World::default().plan(text, &Run::of(Source::Push)));
    let job = &plan.jobs[0];
    assert_eq!(job.tags, ["a-$B", "$NONE"]);
    assert_eq!(job.environment.as_deref(), Some("e/a-b/"));
    assert_eq!(job.resource_group.as_deref(), Some("r-a-b"));
    assert_eq!(job.definition.tags, ["$A", "$NONE"]);
}

#[test]
fn large_values_are_not_repeated_in_the_names_of_every_job() {
    let large = "x".repeat(100_000);
    let text = format!(
        "variables: {{BIG: {large}, B4: $BIG$BIG$BIG$BIG}}\n\
         a: {{script: x, environment: e$B4$BIG, resource_group: g$B4, tags: [t$BIG]}}\n"
    );
    let plan = made(World::default().plan(&text, &Run::of(Source::Push)));
    let job = &plan.jobs[0];
    assert_eq!(job.environment.as_deref(), Some("e"));
    assert_eq!(job.resource_group.as_deref(), Some("g"));
    assert_eq!(job.tags, ["t"]);
}

#[test]
fn definitions_are_shared_between_pipelines() {
    let world = World::default();
    let config = world.config("a: {script: x}\n");
    let limits = compile::Limits::default();
    let run = Run::of(Source::Push);
    let request = compile::PlanRequest {
        source: run.source,
        git_ref: &run.git_ref,
        merge_request: false,
        project_path: "group/project",
        predefined: &run.predefined,
        overriding: &run.overriding,
        iid: None,
        only_job: None,
        limits: &limits,
    };
    let compile::Step::Done(planned) = config.plan(&request, &compile::Facts::default()) else {
        panic!("it asks")
    };
    let first = config.definitions().next().expect("one job");
    assert!(std::sync::Arc::ptr_eq(&made(planned.result).jobs[0].definition, first));
}

#[test]
fn a_pipeline_that_cannot_be_says_why() {
    let needs = "'b' job needs 'a' job, but 'a' does not exist in the pipeline. This might be because of the only, \
                 except, or rules keywords. To need a job that sometimes does not exist in the pipeline, use needs:optional.";
    for (text, expected) in [
        ("a: {script: x, rules: [{if: $NONE}]}", vec!["(empty)"]),
        (
            "a: {script: x, stage: .pre}\nb: {script: x, stage: .post}",
            vec!["(empty)"],
        ),
        ("a: {script: x, only: [tags]}\nb: {script: x, needs: [a]}", vec![needs]),
        (
            "a: {script: x, only: [tags]}\nb: {script: x, needs: [{job: a, optional: true}]}",
            vec!["b"],
        ),
        (
            "variables: {A: $B, B: $A}\na: {script: x}",
            vec!["a: circular variable reference detected: [\"A\", \"B\"]"],
        ),
        ("variables: {A: $A}\na: {script: x}", vec!["a"]),
        (
            "variables: {A: $B}\na: {script: x, variables: {B: $A}}\nb: {script: x}",
            vec!["a: circular variable reference detected: [\"A\", \"B\"]"],
        ),
    ] {
        assert_eq!(
            names(&World::default().plan(text, &Run::of(Source::Push))),
            expected,
            "{text}"
        );
    }
    let mut many: String = (0..51).map(|at| format!("j{at}: {{script: x}}\n")).collect();
    let list: Vec<String> = (0..51).map(|at| format!("j{at}")).collect();
    many.push_str(&format!("z: {{script: x, needs: [{}]}}\n", list.join(", ")));
    assert_eq!(
        names(&World::default().plan(&many, &Run::of(Source::Push))),
        [
            "z: one job can only need 50 others, but you have listed 51. See needs keyword documentation for more details"
        ]
    );
}

#[test]
fn a_chat_command_gets_its_job_alone() {
    let mut run = Run::of(Source::Chat);
    run.only_job = Some("b");
    assert_eq!(
        names(&World::default().plan("a: {script: x}\nb: {script: x}\n", &run)),
        ["b"]
    );
}

#[test]
fn jobs_come_by_stage_then_by_file() {
    let text = "d: {script: x, stage: deploy}\nt: {script: x}\nb: {script: x, stage: build}\nt2: {script: x}\np: {script: x, stage: .pre}\n";
    let plan = made(World::default().plan(text, &Run::of(Source::Push)));
    let found: Vec<(&str, u32)> = plan
        .jobs
        .iter()
        .map(|job| (job.definition.name.as_str(), job.stage_index))
        .collect();
    assert_eq!(found, [("p", 0), ("b", 1), ("t", 2), ("t2", 2), ("d", 3)]);
}
