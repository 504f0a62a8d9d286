//! Why a job is in or out: rule, line, clause, values.

use compile::explain::Verdict;
use compile::{Explained, Explanation, PlanResult, VariableOrigin};
use model::Source;
use proptest::prelude::*;

use crate::support::{Run, World, variable};

const TEXT: &str = "workflow:
  rules:
    - if: $CI_PIPELINE_SOURCE == \"schedule\"
      when: never
    - when: always
build:
  script: x
deploy:
  script: x
  stage: deploy
  rules:
    - if: $CI_COMMIT_TAG
    - if: $TOKEN == \"open sesame\" && $WHO == \"me\"
      when: manual
    - changes: [deploy/*]
      when: delayed
      start_in: 1 minute
docs:
  script: x
  only: [tags]
";

fn run(source: Source) -> Run {
    let mut run = Run::of(source);
    let mut token = variable(VariableOrigin::Project, "TOKEN", "open sesame");
    token.masked = true;
    run.overriding.push(token);
    run
}

/// What the first clause of a rule saw.
fn values(explanation: &Explanation, job: usize, rule: usize) -> Vec<(&str, Option<&str>, Option<VariableOrigin>)> {
    let clause = &explanation.jobs[job].rules[rule].clauses[0];
    let seen = explanation.values(clause);
    seen.map(|seen| (seen.name.as_str(), seen.value.as_deref(), seen.origin))
        .collect()
}

#[test]
fn every_job_says_which_rule_decided_and_where() {
    let explanation = World::default().explain(TEXT, &run(Source::Trigger).given("WHO", "me"));
    let verdicts: Vec<(&str, Verdict, &str)> = explanation
        .jobs
        .iter()
        .map(|job| (job.name.as_str(), job.verdict, job.reason.as_str()))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("build", Verdict::In, "it has no condition"),
            ("docs", Verdict::Out, "`only:refs` does not hold"),
            ("deploy", Verdict::Manual, "rule 2 matches (`when: manual`)"),
        ]
    );
    let deploy = &explanation.jobs[2];
    let lines: Vec<u32> = deploy
        .rules
        .iter()
        .filter_map(|rule| Some(rule.location.as_ref()?.line))
        .collect();
    assert_eq!(lines, [12, 13]);
    assert_eq!(
        values(&explanation, 2, 1),
        [
            ("TOKEN", Some("[MASKED]"), Some(VariableOrigin::Project)),
            ("WHO", Some("me"), Some(VariableOrigin::Pipeline)),
        ]
    );
    assert_eq!(values(&explanation, 2, 0), [("CI_COMMIT_TAG", None, None)]);
    assert_eq!(explanation.summary, "a pipeline with 2 jobs");
}

#[test]
fn unknown_changes_hold_and_say_so() {
    let explanation = World::default().explain(TEXT, &run(Source::Web));
    let deploy = &explanation.jobs[2];
    assert_eq!(
        (deploy.verdict, deploy.reason.as_str()),
        (Verdict::Delayed, "rule 3 matches (`when: delayed`)")
    );
    assert!(deploy.rules[2].clauses[0].note.is_some());
}

#[test]
fn a_refused_or_empty_pipeline_is_explained_too() {
    let explanation = World::default().explain(TEXT, &run(Source::Schedule));
    assert!(!explanation.workflow.runs);
    assert_eq!(explanation.workflow.reason, "rule 1 matches and says `when: never`");
    assert_eq!(explanation.summary, "no pipeline: `workflow:rules` refuses it");
    for job in &explanation.jobs {
        assert_eq!(
            (job.verdict, job.reason.as_str()),
            (Verdict::Out, "`workflow:rules` refuses the pipeline"),
            "{}",
            job.name
        );
    }
    let explanation = World::default().explain("a: {script: x, rules: [{if: $NONE}]}\n", &run(Source::Push));
    assert_eq!(explanation.jobs[0].reason, "no rule matches");
    assert_eq!(
        explanation.summary,
        "no pipeline: no job is left, or only jobs of `.pre` and `.post`"
    );
}

#[test]
fn text_and_json_say_the_same_and_keep_secrets() {
    let explanation = World::default().explain(TEXT, &run(Source::Trigger).given("WHO", "me"));
    let text = explanation.to_text();
    for part in [
        "a pipeline with 2 jobs",
        "workflow: runs: rule 2 matches",
        "manual  deploy [deploy]  (.gitlab-ci.yml:8)",
        "rule 2 (.gitlab-ci.yml:13) matches",
        "$WHO is \"me\"",
        "$TOKEN is \"[MASKED]\"",
        "$CI_COMMIT_TAG is undefined",
        "only:refs: tags  -> does not hold",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let json = explanation.to_json();
    assert_eq!(json["jobs"][2]["verdict"], "manual");
    assert_eq!(json["jobs"][2]["rules"][1]["location"]["line"], 13);
    assert!(
        !text.contains("sesame\"\n")
            && !json["jobs"][2]["rules"][1]["clauses"][0]["values"]
                .to_string()
                .contains("sesame")
    );
}

#[test]
fn what_is_kept_gives_the_same_explanation_again() {
    for source in [Source::Trigger, Source::Web, Source::Schedule] {
        let explanation = World::default().explain(TEXT, &run(source).given("WHO", "me"));
        let stored = explanation.to_stored().expect("it is JSON");
        let again = Explanation::from_stored(&stored.shape, stored.variables.as_deref()).expect("it was stored");
        assert_eq!(again, explanation);
        assert!(!stored.shape.contains("\"me\""), "values are not part of the shape");
    }
}

#[test]
fn the_shape_is_the_same_for_other_values_that_decide_the_same() {
    let text = "a: {script: x, rules: [{if: $VERSION}]}\n";
    let stored = |value: &str| {
        let explanation = World::default().explain(text, &run(Source::Trigger).given("VERSION", value));
        explanation.to_stored().expect("it is JSON")
    };
    let (first, second) = (stored("1.0"), stored("1.1"));
    assert_eq!(first.shape, second.shape);
    assert_ne!(first.variables, second.variables);
}

#[test]
fn hidden_origins_lose_their_values_and_nothing_else() {
    let mut explanation = World::default().explain(TEXT, &run(Source::Trigger).given("WHO", "me"));
    explanation.hide(|origin| origin == VariableOrigin::Pipeline);
    assert_eq!(
        values(&explanation, 2, 1)[1],
        ("WHO", Some("[MASKED]"), Some(VariableOrigin::Pipeline))
    );
    assert_eq!(values(&explanation, 2, 0), [("CI_COMMIT_TAG", None, None)]);
}

#[test]
fn only_variables_that_decide_are_looked_at() {
    let text = "
variables: {DIR: src/$LANG, LANG: c}
workflow: {name: $TITLE, rules: [{if: $GATE}, {when: always}]}
a:
  script: echo $SCRIPT
  tags: [$TAG]
  resource_group: $GROUP
  environment: review/$WHERE
  rules:
    - if: $X && $Y
    - changes: [$DIR/*]
";
    let world = World {
        changes: Some(vec!["README.md".to_owned()]),
        ..World::default()
    };
    let explained = world.explained(text, &run(Source::Push));
    assert_eq!(explained.looked_at, ["DIR", "GATE", "LANG", "WHERE", "X"]);
}

/// Rules over a handful of variables, which may refer to each other.
fn gated() -> impl Strategy<Value = String> {
    const IF: [&str; 5] = [
        "{if: $A}",
        "{if: '$B == \"1\"'}",
        "{if: '$D =~ /^1/', when: never}",
        "{changes: ['$B/*']}",
        "{exists: ['$C']}",
    ];
    const OF_JOBS: [&str; 2] = ["{if: '$A && $C', when: manual}", "{when: delayed, start_in: 1 minute}"];
    let list = |clauses: Vec<&str>| format!("[{}]", clauses.join(", "));
    let workflow = prop::collection::vec(prop::sample::select(&IF[..]), 1..3).prop_map(list);
    let clause = prop_oneof![prop::sample::select(&IF[..]), prop::sample::select(&OF_JOBS[..])];
    let rules = prop::collection::vec(clause, 1..3).prop_map(list);
    let extra = prop::sample::select(vec!["", ", environment: $D", ", tags: [$E]", ", resource_group: $A"]);
    let jobs = prop::collection::vec((rules, extra), 1..4);
    (workflow, jobs).prop_map(|(workflow, jobs)| {
        let mut text = format!("workflow: {{rules: {workflow}}}\nvariables: {{A: x$C, E: '1'}}\n");
        for (index, (rules, extra)) in jobs.iter().enumerate() {
            text += &format!("j{index}: {{script: x, rules: {rules}{extra}}}\n");
        }
        text
    })
}

fn with(values: &[Option<&'static str>; 5]) -> Run {
    let mut run = run(Source::Trigger);
    for (name, value) in ["A", "B", "C", "D", "E"].into_iter().zip(values) {
        if let Some(value) = value {
            run = run.given(name, value);
        }
    }
    run
}

proptest! {
    #[test]
    fn equal_values_of_what_was_looked_at_give_equal_explanations(
        text in gated(),
        first in prop::array::uniform5(prop::sample::select(vec![None, Some("1"), Some("b"), Some("$D")])),
        second in prop::array::uniform5(prop::sample::select(vec![None, Some("1"), Some("b"), Some("$D")])),
    ) {
        let world = World::with(&[("b", "")]);
        let explained = world.explained(&text, &with(&first));
        let mut other = second;
        for (at, name) in ["A", "B", "C", "D", "E"].into_iter().enumerate() {
            if explained.looked_at.iter().any(|known| known == name) {
                other[at] = first[at];
            }
        }
        let again = world.explained(&text, &with(&other));
        let is_plan = |explained: &Explained| matches!(explained.planned.result, PlanResult::Plan(_));
        if is_plan(&explained) && is_plan(&again) {
            prop_assert_eq!(&again.explanation, &explained.explanation);
        }
        prop_assert_eq!(world.plan(&text, &with(&first)), explained.planned.result);
    }
}
