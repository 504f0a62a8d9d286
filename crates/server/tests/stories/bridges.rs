//! Pipelines that start pipelines: children made by a job, other projects, and a server that dies in between.

use serde_json::{Value, json};
use testkit::{Form, Project, TestServer, eventually};

use crate::{another_server, story};

/// A job makes the child's configuration; the child's job shows what reached it.
const GENERATED: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"variables: {FROM_ROOT: root}
make:
  stage: build
  script:
    - printf 'spec:\n  inputs:\n    name:\n---\nshow $[[ inputs.name ]]:\n  script:\n    - echo "root=$FROM_ROOT rule=$FROM_RULE given=$WHO source=$CI_PIPELINE_SOURCE up=$CI_UPSTREAM_PIPELINE_ID"\n' > child.yml
  artifacts: {paths: [child.yml]}
child:
  stage: test
  trigger:
    include:
      - artifact: child.yml
        job: make
        inputs: {name: made}
    strategy: depend
    forward: {pipeline_variables: true}
  rules: [{if: $WHO, variables: {FROM_RULE: 'for $WHO'}}]
after: {stage: deploy, script: echo done}
"#,
)];

story!(a_job_makes_the_configuration_of_a_child_pipeline, runners: 2);

fn a_job_makes_the_configuration_of_a_child_pipeline(server: &mut TestServer) {
    let project = server.api().empty_project(GENERATED);
    push_quietly(&project);
    let token = project.trigger_token();
    let parent = project.triggered(&token, Form::of([("variables[WHO]", "ann")]));
    let parent = project.finished(&parent);
    assert_eq!(parent["status"], "success", "{:?}", project.jobs(&parent));

    let bridges = project.get(&format!("/pipelines/{}/bridges", parent["id"]));
    assert_eq!(bridges.as_array().unwrap().len(), 1);
    let (bridge, child) = (&bridges[0], &bridges[0]["downstream_pipeline"]);
    assert_eq!(
        (&bridge["name"], &bridge["status"]),
        (&json!("child"), &json!("success"))
    );
    assert_eq!(
        (&child["source"], &child["status"]),
        (&json!("parent_pipeline"), &json!("success"))
    );
    assert_eq!(
        (&child["sha"], &child["project_id"]),
        (&parent["sha"], &json!(project.id))
    );
    assert_eq!(
        project.job_names(&parent),
        ["make", "after"],
        "bridges are listed apart"
    );

    let log = project.log(child, "show made");
    let expected = format!(
        "root=root rule=for ann given=ann source=parent_pipeline up={}",
        parent["id"]
    );
    assert!(log.contains(&expected), "{log}");

    // Lists show children only to those who ask for them.
    let ids = |path: &str| -> Vec<Value> {
        let list = project.get(path);
        list.as_array().unwrap().iter().map(|one| one["id"].clone()).collect()
    };
    assert!(!ids("/pipelines").contains(&child["id"]));
    assert_eq!(ids("/pipelines?source=parent_pipeline"), [child["id"].clone()]);
    assert_eq!(project.get("/pipelines/latest")["id"], parent["id"]);
}

story!(a_pipeline_of_another_project_decides_over_the_one_that_started_it, runners: 2);

fn a_pipeline_of_another_project_decides_over_the_one_that_started_it(server: &mut TestServer) {
    let downstream = server.api().empty_project(&[(
        ".gitlab-ci.yml",
        r#"spec: {inputs: {exit: {type: number}}}
---
work:
  script:
    - echo "version=$VERSION source=$CI_PIPELINE_SOURCE project=$CI_UPSTREAM_PROJECT_ID"
    - exit ${OVERRIDE:-$[[ inputs.exit ]]}
"#,
    )]);
    push_quietly(&downstream);
    let config = format!(
        "start:\n  stage: build\n  variables: {{VERSION: 'v$CI_PIPELINE_IID'}}\n  trigger:\n    project: {}\n    \
         strategy: depend\n    inputs: {{exit: 3}}\nafter: {{stage: deploy, script: echo done}}\n",
        downstream.path
    );
    let upstream = server.api().empty_project(&[(".gitlab-ci.yml", &config)]);
    push_quietly(&upstream);
    let pipeline = create(&upstream);
    let ended = upstream.finished(&pipeline);
    assert_eq!(ended["status"], "failed");
    let started = only_downstream(&upstream, &pipeline);
    assert_eq!(
        (&started["source"], &started["project_id"]),
        (&json!("pipeline"), &json!(downstream.id))
    );
    let log = downstream.log(&started, "work");
    let expected = format!("version=v{} source=pipeline project={}", pipeline["iid"], upstream.id);
    assert!(log.contains(&expected), "{log}");

    // What was skipped waits again when somebody retries the job, and the result counts.
    let failed = downstream.jobs(&started)[0]["id"].clone();
    let retried = downstream.request("POST", &format!("/jobs/{failed}/retry")).send();
    drop(retried.expect(201));
    eventually("the retried job to fail as well", || {
        let shown = only_downstream(&upstream, &pipeline);
        let jobs = downstream.get(&format!("/pipelines/{}/jobs?include_retried=true", started["id"]));
        let all_failed = jobs.as_array()?.iter().all(|job| job["status"] == "failed");
        (shown["status"] == "failed" && jobs.as_array()?.len() == 2 && all_failed).then_some(())
    });
    let ended = upstream.finished(&pipeline);
    assert_eq!(ended["status"], "failed");
}

story!(each_bridge_has_one_pipeline_after_a_kill, runners: 0);

/// Upstream pipelines whose bridges are under way when the server dies.
const PIPELINES: usize = 40;

fn each_bridge_has_one_pipeline_after_a_kill(server: &mut TestServer) {
    let downstream = server
        .api()
        .empty_project(&[(".gitlab-ci.yml", "work: {script: echo work}\n")]);
    push_quietly(&downstream);
    let config = format!(
        "child: {{trigger: {{include: child.yml, strategy: depend}}}}\nother: {{trigger: {}}}\n",
        downstream.path
    );
    let upstream = server.api().empty_project(&[
        (".gitlab-ci.yml", &config),
        ("child.yml", "work: {script: echo work}\n"),
    ]);
    push_quietly(&upstream);
    let token = upstream.trigger_token();
    let mut pipelines = Vec::new();
    for round in 0..4 {
        let killer = server.killer();
        for number in 0..PIPELINES / 4 {
            // The last calls of a round may find nobody who answers.
            let form = Form::of([("token", token.as_str()), ("ref", "main")]);
            if number == PIPELINES / 8 + round {
                // In the middle of the work, whatever that is just then.
                pipelines.push(upstream.trigger().form(&form).send().expect(201).json());
                break;
            }
            pipelines.push(upstream.trigger().form(&form).send().expect(201).json());
        }
        killer();
        server.restart();
    }
    for pipeline in &pipelines {
        let path = format!("/pipelines/{}/bridges", pipeline["id"]);
        let bridges = eventually("both bridges to have started", || {
            let bridges = upstream.get(&path);
            let started = |bridge: &Value| bridge["downstream_pipeline"].is_object();
            bridges.as_array()?.iter().all(started).then_some(bridges)
        });
        assert_eq!(bridges.as_array().unwrap().len(), 2);
    }
    // As many pipelines as bridges: no bridge has two.
    let count = |project: &Project, source: &str| {
        let list = project.get(&format!("/pipelines?per_page=100&source={source}"));
        list.as_array().unwrap().len()
    };
    assert_eq!(count(&upstream, "parent_pipeline"), pipelines.len());
    assert_eq!(count(&downstream, "pipeline"), pipelines.len());
}

story!(a_bridge_that_starts_nothing_says_why, runners: 0);

fn a_bridge_that_starts_nothing_says_why(server: &mut TestServer) {
    let config = "lost: {trigger: group/unknown}\nempty: {trigger: {include: missing.yml}}\n";
    let project = server.api().empty_project(&[(".gitlab-ci.yml", config)]);
    push_quietly(&project);
    let public = project.request("PUT", "").json(&json!({ "visibility": "public" }));
    drop(public.send().expect(200));
    let pipeline = create(&project);
    assert_eq!(project.finished(&pipeline)["status"], "failed");
    let bridges = project.get(&format!("/pipelines/{}/bridges", pipeline["id"]));
    let named = |name: &str| {
        bridges
            .as_array()
            .unwrap()
            .iter()
            .find(|bridge| bridge["name"] == name)
            .unwrap()
    };
    let (lost, empty) = (named("lost"), named("empty"));
    let reason = |bridge: &Value| (bridge["status"].clone(), bridge["failure_reason"].clone());
    assert_eq!(
        reason(lost),
        (json!("failed"), json!("downstream_bridge_project_not_found"))
    );
    assert!(
        lost.get("downstream_errors").is_none(),
        "the reason says it all: {lost}"
    );
    assert_eq!(
        reason(empty),
        (json!("failed"), json!("downstream_pipeline_creation_failed"))
    );
    let why = "Local file `missing.yml` does not exist!";
    assert_eq!(empty["downstream_errors"], json!([why]));

    for page in [format!("jobs/{}", empty["id"]), format!("pipelines/{}", pipeline["id"])] {
        let page = server.http().get(&format!("/{}/-/{page}", project.path)).send();
        assert!(
            page.expect(200)
                .text()
                .contains("Local file `missing.yml` does not exist!")
        );
    }
}

story!(several_servers_at_the_same_bridges_make_one_pipeline_each, runners: 0);

/// Pipelines with a bridge each that are there when further servers come.
const WAITING: usize = 60;

fn several_servers_at_the_same_bridges_make_one_pipeline_each(server: &mut TestServer) {
    let files = [
        (
            ".gitlab-ci.yml",
            "child: {trigger: {include: child.yml, strategy: depend}}\n",
        ),
        ("child.yml", "work: {script: echo work}\n"),
    ];
    let project = server.api().empty_project(&files);
    push_quietly(&project);
    let token = project.trigger_token();
    let pipelines: Vec<Value> = std::thread::scope(|threads| {
        let calls = || {
            (0..WAITING / 4)
                .map(|_| project.triggered(&token, Form::default()))
                .collect::<Vec<_>>()
        };
        let callers: Vec<_> = (0..4).map(|_| threads.spawn(calls)).collect();
        // Each looks at all pending bridges as soon as it runs.
        let _others: Vec<_> = (0..2).filter_map(|_| another_server(server)).collect();
        let answers = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        eventually("every bridge to have started", || {
            let list = project.get("/pipelines?per_page=100&source=parent_pipeline");
            (list.as_array()?.len() >= WAITING).then_some(())
        });
        answers
    });
    for pipeline in &pipelines {
        let bridges = project.get(&format!("/pipelines/{}/bridges", pipeline["id"]));
        assert!(bridges[0]["downstream_pipeline"].is_object(), "{bridges}");
    }
    let children = project.get("/pipelines?per_page=100&source=parent_pipeline");
    assert_eq!(children.as_array().unwrap().len(), WAITING);
}

/// Pushes without a pipeline for the push.
fn push_quietly(project: &Project) {
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
}

#[track_caller]
fn create(project: &Project) -> Value {
    let answer = project
        .request("POST", "/pipeline")
        .json(&json!({ "ref": "main" }))
        .send();
    answer.expect(201).json()
}

#[track_caller]
fn only_downstream(project: &Project, pipeline: &Value) -> Value {
    project.get(&format!("/pipelines/{}/bridges", pipeline["id"]))[0]["downstream_pipeline"].clone()
}
