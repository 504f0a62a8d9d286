//! `rules`, `only`/`except` and `workflow` choose jobs by how the pipeline was started.

use serde_json::json;
use testkit::{Form, TestServer};

use crate::story;

const PROJECT: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"always: {script: "true"}
rules-trigger: {script: "true", rules: [{if: '$CI_PIPELINE_SOURCE == "trigger"'}]}
rules-push: {script: "true", rules: [{if: '$CI_PIPELINE_SOURCE == "push"'}]}
rules-variable: {script: "true", rules: [{if: '$CHOICE == "yes"'}]}
only-triggers: {script: "true", only: [triggers]}
only-pushes: {script: "true", only: [pushes]}
only-api: {script: "true", only: [api]}
except-triggers: {script: "true", except: [triggers]}
"#,
)];

story!(a_push_a_trigger_and_the_api_give_different_jobs, runners: 0);

fn a_push_a_trigger_and_the_api_give_different_jobs(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let pushed = project.get("/pipelines?source=push")[0].clone();
    assert_eq!(
        project.job_names(&pushed),
        ["always", "rules-push", "only-pushes", "except-triggers"]
    );

    let token = project.trigger_token();
    let triggered = project.triggered(&token, Form::default());
    assert_eq!(
        project.job_names(&triggered),
        ["always", "rules-trigger", "only-triggers"]
    );

    let chosen = project.triggered(&token, Form::of([("variables[CHOICE]", "yes")]));
    assert_eq!(
        project.job_names(&chosen),
        ["always", "rules-trigger", "rules-variable", "only-triggers"]
    );

    let made = project
        .request("POST", "/pipeline")
        .json(&json!({ "ref": "main" }))
        .send()
        .expect(201)
        .json();
    assert_eq!(made["source"], "api");
    assert_eq!(project.job_names(&made), ["always", "only-api", "except-triggers"]);
}

story!(stages_run_one_after_the_other_and_a_failure_stops_the_rest, runners: 2);

fn stages_run_one_after_the_other_and_a_failure_stops_the_rest(server: &mut TestServer) {
    let project = server.api().project(&[(
        ".gitlab-ci.yml",
        r#"stages: [build, test, deploy]
compile: {stage: build, script: "echo compiled"}
unit: {stage: test, script: ["echo about to fail", "exit 3"]}
lint: {stage: test, script: "exit 1", allow_failure: true}
ship: {stage: deploy, script: "echo shipped"}
clean: {stage: deploy, script: "echo cleaned", when: always}
early: {stage: deploy, needs: [compile], script: "echo early"}
"#,
    )]);
    let pipeline = project.finished(&project.get("/pipelines")[0]);
    assert_eq!(pipeline["status"], "failed");
    let statuses: Vec<(String, String)> = project
        .jobs(&pipeline)
        .iter()
        .map(|job| {
            (
                job["name"].as_str().unwrap().to_owned(),
                job["status"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [
        ("compile", "success"),
        ("unit", "failed"),
        ("lint", "failed"),
        ("ship", "skipped"),
        ("clean", "success"),
        ("early", "success"),
    ];
    assert_eq!(
        statuses,
        expected.map(|(name, status)| (name.to_owned(), status.to_owned()))
    );
    let log = project.log(&pipeline, "unit");
    assert!(log.contains("about to fail"), "{log}");
}
