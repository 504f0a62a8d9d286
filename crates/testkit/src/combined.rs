//! One pipeline with everything that a job can be, so that two runners can be compared by what comes out.
//!
//! Artifacts and variables go from job to job, a matrix needs them, jobs fail first and succeed when they are repeated
//! (a cache tells them which attempt they are), one waits for a time, one for a person, one makes the configuration of
//! a child pipeline, one starts a pipeline of another project.

use serde_json::{Value, json};

use crate::api::{Api, Project};
use crate::wait::eventually;

/// The pipeline; `DOWNSTREAM` stands for the path of the other project.
const CONFIG: &str = r#"stages: [build, test, start, deploy]
compile:
  stage: build
  script:
    - mkdir out
    - echo "built by $CI_PIPELINE_ID" > out/program
    - echo "VERSION=1.$CI_PIPELINE_IID" > build.env
  artifacts: {paths: [out/], reports: {dotenv: build.env}}
generate:
  stage: build
  script:
    - printf 'made:\n  script:\n    - echo "child of $CI_UPSTREAM_PIPELINE_ID, $GREETING"\n' > child.yml
  artifacts: {paths: [child.yml]}
check:
  stage: test
  needs: [compile]
  parallel: {matrix: [{SYSTEM: [linux, bsd], BASE: [small, large]}]}
  script: ['grep "built by $CI_PIPELINE_ID" out/program', 'echo "$SYSTEM-$BASE-$VERSION"']
again by code:
  stage: test
  needs: []
  retry: {max: 2, exit_codes: [7]}
  cache: {key: "code-$CI_PIPELINE_ID", paths: [tried/], when: always}
  script: ['test -e tried/once || { mkdir -p tried; touch tried/once; exit 7; }']
again by reason:
  stage: test
  needs: []
  retry: {max: 1, when: [script_failure]}
  cache: {key: "reason-$CI_PIPELINE_ID", paths: [tried/], when: always}
  script: ['test -e tried/once || { mkdir -p tried; touch tried/once; exit 9; }']
may fail: {stage: test, needs: [], script: [exit 3], allow_failure: {exit_codes: [3]}}
later: {stage: test, when: delayed, start_in: 2 seconds, script: [echo late]}
rescue: {stage: test, when: on_failure, script: [echo never]}
child:
  stage: start
  variables: {GREETING: hello}
  trigger: {include: [{artifact: child.yml, job: generate}], strategy: depend}
other:
  stage: start
  needs: [compile]
  variables: {PASSED: "$VERSION"}
  trigger: {project: DOWNSTREAM, strategy: mirror}
approve: {stage: deploy, when: manual, allow_failure: false, script: ['echo "approved by $WHO"']}
publish: {stage: deploy, needs: [approve, compile], script: [cat out/program], after_script: [echo after]}
always: {stage: deploy, needs: [approve], when: always, script: [echo always]}
"#;

/// What the pipeline is, job by job (`name=status`, attempts in their order), first when it waits for the person and
/// then at its end.
pub const COMBINED_STATUSES: &[&str] = &[
    "manual: again by code=failed script_failure, again by code=success, again by reason=failed script_failure, \
     again by reason=success, always=created, approve=manual, check: [bsd, large]=success, check: [bsd, small]=success, \
     check: [linux, large]=success, check: [linux, small]=success, child=success (success: made=success), \
     compile=success, generate=success, later=success, may fail=failed script_failure, \
     other=success (success: work=success), publish=created, rescue=skipped",
    "success: again by code=failed script_failure, again by code=success, again by reason=failed script_failure, \
     again by reason=success, always=success, approve=success, check: [bsd, large]=success, check: [bsd, small]=success, \
     check: [linux, large]=success, check: [linux, small]=success, child=success (success: made=success), \
     compile=success, generate=success, later=success, may fail=failed script_failure, \
     other=success (success: work=success), publish=success, rescue=skipped",
];

/// Runs the pipeline with whatever runners the server has and returns what [`COMBINED_STATUSES`] is compared with.
///
/// # Panics
///
/// When it does not come to its end, or when a job did not get what another left for it.
#[must_use]
#[track_caller]
pub fn combined(api: &Api) -> Vec<String> {
    let downstream = api.empty_project(&[(
        ".gitlab-ci.yml",
        "work: {script: ['echo \"passed $PASSED by $CI_PIPELINE_SOURCE\"']}\n",
    )]);
    push_quietly(&downstream);
    let config = CONFIG.replace("DOWNSTREAM", &downstream.path);
    let project = api.empty_project(&[(".gitlab-ci.yml", &config)]);
    push_quietly(&project);
    let created = project.request("POST", "/pipeline").json(&json!({ "ref": "main" }));
    let pipeline = created.send().expect(201).json();

    let stopped = in_status(&project, &pipeline, &["manual", "failed", "success"]);
    let mut seen = vec![shown(&project, &stopped)];
    let jobs = project.jobs(&pipeline);
    let approve = jobs.iter().find(|job| job["name"] == "approve");
    let path = format!("/jobs/{}/play", approve.expect("it has a manual job")["id"]);
    let with = json!({ "job_variables_attributes": [{ "key": "WHO", "value": "ann" }] });
    drop(project.request("POST", &path).json(&with).send().expect(200));
    seen.push(shown(&project, &in_status(&project, &pipeline, &["failed", "success"])));

    has_logged(&project, &pipeline, "publish", &format!("built by {}", pipeline["id"]));
    has_logged(&project, &pipeline, "publish", "after");
    has_logged(&project, &pipeline, "approve", "approved by ann");
    let version = format!("linux-small-1.{}", pipeline["iid"]);
    has_logged(&project, &pipeline, "check: [linux, small]", &version);
    let (child, other) = (
        downstream_of(&project, &pipeline, "child"),
        downstream_of(&project, &pipeline, "other"),
    );
    has_logged(&project, &child, "made", &format!("child of {}, hello", pipeline["id"]));
    let passed = format!("passed 1.{} by pipeline", pipeline["iid"]);
    has_logged(&downstream, &other, "work", &passed);
    seen
}

/// Pushes without a pipeline for the push.
fn push_quietly(project: &Project) {
    let options = ["push", "--quiet", "--push-option=ci.skip", "origin", "main"];
    project.repository.git(&options);
}

fn in_status(project: &Project, pipeline: &Value, wanted: &[&str]) -> Value {
    eventually("the pipeline to stop", || {
        let now = project.get(&format!("/pipelines/{}", pipeline["id"]));
        wanted.contains(&now["status"].as_str()?).then_some(now)
    })
}

/// A pipeline in one line, jobs and bridges in the order of their names.
fn shown(project: &Project, pipeline: &Value) -> String {
    let path = format!("/pipelines/{}/jobs?include_retried=true&per_page=100", pipeline["id"]);
    let mut jobs = project.get(&path).as_array().cloned().unwrap_or_default();
    let bridges = project.get(&format!("/pipelines/{}/bridges", pipeline["id"]));
    jobs.extend(bridges.as_array().cloned().unwrap_or_default());
    jobs.sort_by_key(|job| (job["name"].to_string(), job["id"].as_i64()));
    let words = |job: &Value| {
        let mut text = format!("{}={}", word(&job["name"]), word(&job["status"]));
        if let Some(reason) = job["failure_reason"].as_str() {
            text.push_str(&format!(" {reason}"));
        }
        if let Some(id) = job["downstream_pipeline"]["project_id"].as_i64() {
            let below = Project {
                api: project.api.clone(),
                id,
                path: String::new(),
                repository: crate::Repository::of(&[]),
            };
            text.push_str(&format!(" ({})", shown(&below, &job["downstream_pipeline"])));
        }
        text
    };
    let jobs: Vec<String> = jobs.iter().map(words).collect();
    format!("{}: {}", word(&pipeline["status"]), jobs.join(", "))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("null")
}

fn downstream_of(project: &Project, pipeline: &Value, bridge: &str) -> Value {
    let bridges = project.get(&format!("/pipelines/{}/bridges", pipeline["id"]));
    let mut all = bridges.as_array().into_iter().flatten();
    all.find(|one| one["name"] == bridge)
        .map(|one| one["downstream_pipeline"].clone())
        .unwrap_or_else(|| panic!("the pipeline has no bridge `{bridge}`"))
}

#[track_caller]
fn has_logged(project: &Project, pipeline: &Value, job: &str, expected: &str) {
    let log = project.log(pipeline, job);
    assert!(log.contains(expected), "the log of `{job}` lacks `{expected}`:\n{log}");
}
