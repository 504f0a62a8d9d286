//! One configuration of the size and kind that people have, explained for every way to start it.

use compile::VariableOrigin;
use compile::explain::Verdict;
use model::{GitRef, Source};

use crate::support::{Run, World, variable};

const BASE: &str = "
.on-default:
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
.manual-on-tag:
  rules:
    - if: $CI_COMMIT_TAG =~ /^v\\d+\\.\\d+$/
      when: manual
      allow_failure: false
    - when: never
";

const TEXT: &str = "
include: [ci/base.yml]
stages: [lint, build, test, package, deploy]
workflow:
  name: $CI_PIPELINE_SOURCE of $CI_COMMIT_REF_NAME
  rules:
    - if: $CI_COMMIT_MESSAGE =~ /draft/
      when: never
    - if: $CI_PIPELINE_SOURCE == \"schedule\"
      variables: {NIGHTLY: 'true'}
    - if: $CI_COMMIT_BRANCH || $CI_COMMIT_TAG
variables: {NIGHTLY: 'false', REGION: eu}
default:
  image: debian
  interruptible: true
.tests: &tests
  stage: test
  needs: [compile]
format: {stage: lint, script: x, except: [schedules, triggers]}
licences: {stage: lint, script: x, only: [schedules]}
compile: {stage: build, script: x}
unit:
  <<: *tests
  script: x
  parallel: {matrix: [{DB: [sqlite, postgres]}]}
slow:
  <<: *tests
  script: x
  rules:
    - if: $NIGHTLY == \"true\"
    - if: $RUN_SLOW
      when: manual
      allow_failure: true
docs:
  stage: package
  script: x
  rules:
    - if: $CI_PIPELINE_SOURCE == \"push\"
      changes: [docs/**/*, README.md]
    - !reference [.on-default, rules]
container:
  stage: package
  extends: .on-default
  script: x
release:
  stage: deploy
  extends: .manual-on-tag
  script: x
staging:
  stage: deploy
  environment: staging/$REGION
  script: x
  rules:
    - if: $CI_PIPELINE_SOURCE == \"trigger\" && $TARGET == \"staging\" && $DEPLOY_KEY
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      when: delayed
      start_in: 10 minutes
legacy: {stage: deploy, script: x, only: {refs: [tags], variables: [$LEGACY]}}
downstream:
  stage: deploy
  trigger: {project: group/other}
  rules: [{if: $NIGHTLY == \"true\"}]
";

fn world() -> World {
    let mut world = World::with(&[("ci/base.yml", BASE)]);
    world.changes = Some(vec!["docs/guide/start.md".to_owned()]);
    world
}

fn run(source: Source, git_ref: GitRef) -> Run {
    let mut run = Run::of(source);
    let mut set = |key: &'static str, value: &str| {
        run.predefined.push(variable(VariableOrigin::Predefined, key, value));
    };
    set("CI_DEFAULT_BRANCH", "main");
    set("CI_COMMIT_MESSAGE", "Fix it");
    match git_ref.is_tag {
        true => set("CI_COMMIT_TAG", &git_ref.name),
        false => set("CI_COMMIT_BRANCH", &git_ref.name),
    }
    run.git_ref = git_ref;
    let mut key = variable(VariableOrigin::Project, "DEPLOY_KEY", "hunter2");
    key.masked = true;
    run.overriding.push(key);
    run
}

/// `verdict name: reason`, a line per job.
fn told(run: &Run) -> Vec<String> {
    let explanation = world().explain(TEXT, run);
    let text = explanation.to_text();
    assert!(!text.contains("hunter2"), "secrets stay out of\n{text}");
    let planned = crate::support::names(&world().plan(TEXT, run));
    let included = explanation.jobs.iter().filter(|job| job.verdict != Verdict::Out);
    let included: Vec<&str> = included.map(|job| job.name.as_str()).collect();
    assert_eq!(included, planned, "what is explained is what is planned");
    let line = |job: &compile::explain::JobExplanation| {
        let at = job
            .rules
            .last()
            .filter(|rule| rule.matched)
            .and_then(|rule| rule.location.as_ref());
        let at = at.map(|at| format!(" at {}:{}", at.file, at.line)).unwrap_or_default();
        format!("{:7} {}: {}{at}", job.verdict.as_str(), job.name, job.reason)
    };
    explanation.jobs.iter().map(line).collect()
}

#[test]
fn a_trigger_call_on_the_default_branch() {
    let run = run(Source::Trigger, GitRef::branch("main")).given("TARGET", "staging");
    assert_eq!(
        told(&run),
        [
            "out     format: `except:refs` holds",
            "out     licences: `only:refs` does not hold",
            "in      compile: it has no condition",
            "in      unit: [sqlite]: it has no condition",
            "in      unit: [postgres]: it has no condition",
            "out     slow: no rule matches",
            "in      docs: rule 2 matches (`when: on_success`) at ci/base.yml:4",
            "in      container: rule 1 matches (`when: on_success`) at ci/base.yml:4",
            "out     release: rule 2 matches (`when: never`) at ci/base.yml:10",
            "in      staging: rule 1 matches (`when: on_success`) at .gitlab-ci.yml:54",
            "out     legacy: `only:refs` does not hold",
            "out     downstream: no rule matches",
        ]
    );
}

#[test]
fn a_push_to_another_branch() {
    assert_eq!(
        told(&run(Source::Push, GitRef::branch("topic"))),
        [
            "in      format: `except` does not hold",
            "out     licences: `only:refs` does not hold",
            "in      compile: it has no condition",
            "in      unit: [sqlite]: it has no condition",
            "in      unit: [postgres]: it has no condition",
            "out     slow: no rule matches",
            "in      docs: rule 1 matches (`when: on_success`) at .gitlab-ci.yml:38",
            "out     container: no rule matches",
            "out     release: rule 2 matches (`when: never`) at ci/base.yml:10",
            "out     staging: no rule matches",
            "out     legacy: `only:refs` does not hold",
            "out     downstream: no rule matches",
        ]
    );
}

#[test]
fn a_schedule() {
    assert_eq!(
        told(&run(Source::Schedule, GitRef::branch("main"))),
        [
            "out     format: `except:refs` holds",
            "in      licences: `only` holds",
            "in      compile: it has no condition",
            "in      unit: [sqlite]: it has no condition",
            "in      unit: [postgres]: it has no condition",
            "in      slow: rule 1 matches (`when: on_success`) at .gitlab-ci.yml:30",
            "in      docs: rule 2 matches (`when: on_success`) at ci/base.yml:4",
            "in      container: rule 1 matches (`when: on_success`) at ci/base.yml:4",
            "out     release: rule 2 matches (`when: never`) at ci/base.yml:10",
            "delayed staging: rule 2 matches (`when: delayed`) at .gitlab-ci.yml:55",
            "out     legacy: `only:refs` does not hold",
            "in      downstream: rule 1 matches (`when: on_success`) at .gitlab-ci.yml:62",
        ]
    );
}

#[test]
fn a_tag() {
    assert_eq!(
        told(&run(Source::Push, GitRef::tag("v1.2")).given("RUN_SLOW", "1")),
        [
            "in      format: `except` does not hold",
            "out     licences: `only:refs` does not hold",
            "in      compile: it has no condition",
            "in      unit: [sqlite]: it has no condition",
            "in      unit: [postgres]: it has no condition",
            "manual  slow: rule 2 matches (`when: manual`) at .gitlab-ci.yml:31",
            "in      docs: rule 1 matches (`when: on_success`) at .gitlab-ci.yml:38",
            "out     container: no rule matches",
            "manual  release: rule 1 matches (`when: manual`) at ci/base.yml:7",
            "out     staging: no rule matches",
            "out     legacy: `only:variables` does not hold",
            "out     downstream: no rule matches",
        ]
    );
}
