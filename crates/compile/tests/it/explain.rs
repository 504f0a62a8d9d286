//! Why a job is in or out: rule, line, clause, values.

use compile::VariableOrigin;
use compile::explain::Verdict;
use model::Source;

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
        deploy.rules[1].clauses[0].values,
        [
            ("TOKEN".to_owned(), Some("[MASKED]".to_owned())),
            ("WHO".to_owned(), Some("me".to_owned())),
        ]
    );
    assert_eq!(deploy.rules[0].clauses[0].values, [("CI_COMMIT_TAG".to_owned(), None)]);
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
