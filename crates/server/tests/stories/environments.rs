//! Environments from a push to their end: made and left by real jobs, seen through the API, told to a hook.

use serde_json::{Value, json};
use testkit::{Project, Site, TestServer, eventually};

use crate::story;

const CONFIG: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"stages: [deploy, clean]
deploy:
  stage: deploy
  script:
    - echo "slug=$CI_ENVIRONMENT_SLUG id=$CI_ENVIRONMENT_ID scoped=$SCOPED"
    - echo "HOST=$CI_ENVIRONMENT_SLUG.example.com" > deploy.env
  artifacts: {reports: {dotenv: deploy.env}}
  environment:
    name: review/$CI_COMMIT_REF_SLUG
    url: https://$HOST
    on_stop: stop
stop:
  stage: clean
  script: echo "gone from $CI_ENVIRONMENT_NAME"
  when: manual
  variables: {GIT_STRATEGY: none}
  environment: {name: review/$CI_COMMIT_REF_SLUG, action: stop}
"#,
)];

fn environment(project: &Project, name: &str) -> Option<Value> {
    project.get(&format!("/environments?name={name}")).get(0).cloned()
}

/// Waits until the environment is in that state.
fn in_state(project: &Project, name: &str, state: &str) -> Value {
    eventually(&format!("{name} to be {state}"), || {
        environment(project, name).filter(|found| found["state"] == state)
    })
}

/// Pushes a branch and waits until it is deployed.
fn deployed(project: &Project, branch: &str) -> Value {
    project.push(&format!("main:refs/heads/{branch}"));
    eventually("the branch to be deployed", || {
        environment(project, &format!("review/{branch}")).filter(|found| found["external_url"].is_string())
    })
}

story!(a_review_app_lives_from_the_push_to_the_end_of_its_branch, runners: 2);

fn a_review_app_lives_from_the_push_to_the_end_of_its_branch(server: &mut TestServer) {
    let site = Site::start(|_| Site::ok(""));
    let project = server.api().empty_project(CONFIG);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    let hook = json!({"url": site.url("/"), "push_events": false, "deployment_events": true});
    project.request("POST", "/hooks").json(&hook).send().expect(201);
    let scoped = json!({"key": "SCOPED", "value": "for reviews", "environment_scope": "review/*"});
    project.request("POST", "/variables").json(&scoped).send().expect(201);

    let made = deployed(&project, "topic");
    let slug = made["slug"].as_str().unwrap().to_owned();
    assert_eq!(made["external_url"], format!("https://{slug}.example.com"));
    let shown = project.get(&format!("/environments/{}", made["id"]));
    let last = &shown["last_deployment"];
    assert_eq!(
        (&last["status"], &last["ref"], &last["deployable"]["name"]),
        (&json!("success"), &json!("topic"), &json!("deploy"))
    );
    let pipeline = last["deployable"]["pipeline"].clone();
    let log = project.log(&pipeline, "deploy");
    let expected = format!("slug={slug} id={} scoped=for reviews", made["id"]);
    assert!(log.contains(&expected), "{log}");

    // The branch goes, so its environment does: the job that stops it runs.
    project.push(":refs/heads/topic");
    in_state(&project, "review/topic", "stopped");
    let log = project.log(&pipeline, "stop");
    assert!(log.contains("gone from review/topic"), "{log}");
    assert_eq!(project.get("/deployments").as_array().unwrap().len(), 1);

    let told: Vec<Value> = eventually("the hook to be told of both", || {
        let asked = site.asked();
        (asked.len() == 2).then(|| asked.iter().map(|request| body(request)).collect())
    });
    assert_eq!(
        (&told[0]["status"], &told[1]["status"]),
        (&json!("running"), &json!("success"))
    );
    for told in &told {
        assert_eq!(told["object_kind"], "deployment");
        assert_eq!(
            (&told["deployment_id"], &told["environment_slug"]),
            (&last["id"], &json!(slug))
        );
        assert_eq!(
            (&told["deployable_id"], &told["ref"]),
            (&last["deployable"]["id"], &json!("topic"))
        );
        assert_eq!(told["user"]["username"], "root");
        assert_eq!(told["short_sha"], last["sha"].as_str().unwrap()[..8]);
        assert_eq!(told["project"]["id"], project.id);
    }
    assert!(
        site.asked()[0].contains("\r\nx-gitlab-event: Deployment Hook\r\n"),
        "{}",
        site.asked()[0]
    );
}

fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

story!(an_environment_is_stopped_through_the_api_and_comes_back, runners: 2);

fn an_environment_is_stopped_through_the_api_and_comes_back(server: &mut TestServer) {
    let project = server.api().empty_project(CONFIG);
    let made = deployed(&project, "topic");
    let stop = format!("/environments/{}/stop", made["id"]);
    let stopping = project.request("POST", &stop).send().expect(200).json();
    assert_eq!(stopping["state"], "stopping");
    in_state(&project, "review/topic", "stopped");

    // Deploying the same again brings it back.
    let first = project.get("/deployments")[0].clone();
    let retry = format!("/jobs/{}/retry", first["deployable"]["id"]);
    project.request("POST", &retry).send().expect(201);
    in_state(&project, "review/topic", "available");
    let all = project.get("/deployments?sort=desc");
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!((&all[0]["status"], &all[0]["sha"]), (&json!("success"), &first["sha"]));
    let job_made = format!("/deployments/{}", first["id"]);
    let refused = project
        .request("PUT", &job_made)
        .json(&json!({"status": "failed"}))
        .send();
    let refused = refused.expect(403).json();
    assert_eq!(
        refused["message"],
        "403 Forbidden - Deployments created using GitLab CI can not be updated using the API"
    );
}

story!(an_environment_stops_by_itself_after_a_restart_too, runners: 2);

fn an_environment_stops_by_itself_after_a_restart_too(server: &mut TestServer) {
    let config = CONFIG[0]
        .1
        .replace("    on_stop", "    auto_stop_in: 3 seconds\n    on_stop");
    let project = server.api().empty_project(&[(".gitlab-ci.yml", &config)]);
    deployed(&project, "topic");
    server.kill();
    server.restart();
    in_state(&project, "review/topic", "stopped");
    let pipeline = project.get("/pipelines?ref=topic")[0].clone();
    let jobs = project.get(&format!("/pipelines/{}/jobs?include_retried=true", pipeline["id"]));
    let stops = jobs.as_array().unwrap().iter().filter(|job| job["name"] == "stop");
    assert_eq!(stops.count(), 1, "once");
}
