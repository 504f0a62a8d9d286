//! One call runs a pipeline: every way of sending it, and what arrives in the job.

use serde_json::json;
use testkit::{Form, Project, Request, TestServer};

use crate::story;

/// A project whose only job prints what the call brought.
const PROJECT: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"spec:
  inputs:
    flavor:
      default: plain
      options: [plain, spicy]
    count:
      type: number
      default: 1
---
show:
  script:
    - echo "source=$CI_PIPELINE_SOURCE triggered=$CI_PIPELINE_TRIGGERED short=$CI_TRIGGER_SHORT_TOKEN"
    - echo "who=$WHO flavor=$[[ inputs.flavor ]] count=$[[ inputs.count ]]"
    - cat "$TRIGGER_PAYLOAD"
"#,
)];

/// Sends the call, waits for the pipeline and returns the job's log.
#[track_caller]
fn log_of(project: &Project, call: Request) -> String {
    let created = call.send().expect(201).json();
    assert_eq!(created["source"], "trigger");
    assert_eq!(created["ref"], "main");
    assert_eq!(created["sha"], project.repository.sha("main"));
    let pipeline = project.finished(&created);
    let log = project.log(&pipeline, "show");
    assert_eq!(pipeline["status"], "success", "{log}");
    log
}

#[track_caller]
fn check_log(log: &str, token: &str, expected: &[&str]) {
    let short = &token["glptt-".len()..][..4];
    let always = [
        format!("source=trigger triggered=true short={short}"),
        r#""ref":"main""#.to_owned(),
    ];
    for text in always.iter().map(String::as_str).chain(expected.iter().copied()) {
        assert!(log.contains(text), "`{text}` is not in the log:\n{log}");
    }
    assert!(!log.contains(token), "the token is in the log:\n{log}");
}

story!(a_multipart_call_brings_variables_inputs_and_payload, runners: 1);

fn a_multipart_call_brings_variables_inputs_and_payload(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = project.trigger_token();
    let form = Form::of([("token", &token), ("ref", "main")])
        .with("variables[WHO]", "multi part & more")
        .with("inputs[flavor]", "spicy")
        .with("inputs[count]", "3");
    let log = log_of(&project, project.trigger().multipart(&form));
    check_log(
        &log,
        &token,
        &[
            "who=multi part & more flavor=spicy count=3",
            r#""WHO":"multi part & more""#,
        ],
    );
}

story!(a_form_a_query_and_json_do_the_same, runners: 1);

fn a_form_a_query_and_json_do_the_same(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = project.trigger_token();
    let form = Form::of([("token", &token), ("ref", "main")]);

    let log = log_of(
        &project,
        project.trigger().form(&form.clone().with("variables[WHO]", "form")),
    );
    check_log(&log, &token, &["who=form flavor=plain count=1"]);

    let query = form
        .with("variables[WHO]", "query")
        .with("inputs[count]", "2")
        .urlencoded();
    let path = format!("/api/v4/projects/{}/trigger/pipeline?{query}", project.encoded_path());
    let log = log_of(&project, server.http().post(&path));
    check_log(&log, &token, &["who=query flavor=plain count=2"]);

    let body = json!({ "token": token, "ref": "main", "variables": { "WHO": "json" }, "inputs": { "count": 4 } });
    let log = log_of(&project, project.trigger().json(&body));
    check_log(&log, &token, &["who=json flavor=plain count=4"]);
}

story!(a_webhook_address_takes_the_hook_as_payload_and_its_own_ref, runners: 1);

fn a_webhook_address_takes_the_hook_as_payload_and_its_own_ref(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = project.trigger_token();
    let query = Form::of([("token", &token), ("variables[WHO]", "hook")]).urlencoded();
    let path = format!("/api/v4/projects/{}/ref/main/trigger/pipeline?{query}", project.id);
    let hook = json!({ "object_kind": "push", "ref": "refs/heads/other", "total_commits_count": 2 });
    let call = server
        .http()
        .post(&path)
        .header("X-Gitlab-Event", "Push Hook")
        .json(&hook);
    let log = log_of(&project, call);
    check_log(
        &log,
        &token,
        &["who=hook", r#""object_kind":"push""#, r#""total_commits_count":2"#],
    );
}

story!(a_ref_may_have_slashes_and_be_a_tag, runners: 0);

fn a_ref_may_have_slashes_and_be_a_tag(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = project.trigger_token();
    for refspec in ["main:refs/heads/feature/one", "main:refs/tags/v1.0"] {
        project
            .repository
            .git(&["push", "--quiet", "--push-option=ci.skip", "origin", refspec]);
    }
    let path = format!(
        "/api/v4/projects/{}/ref/feature%2Fone/trigger/pipeline?token={token}",
        project.id
    );
    let branch = server.http().post(&path).send().expect(201).json();
    assert_eq!((&branch["ref"], &branch["tag"]), (&json!("feature/one"), &json!(false)));

    let form = Form::of([("token", &token), ("ref", "v1.0")]);
    let tag = project.trigger().form(&form).send().expect(201).json();
    assert_eq!((&tag["ref"], &tag["tag"]), (&json!("v1.0"), &json!(true)));
}

story!(the_payload_and_the_variables_are_kept_with_the_pipeline, runners: 0);

fn the_payload_and_the_variables_are_kept_with_the_pipeline(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = project.trigger_token();
    let pipeline = project.triggered(&token, Form::of([("variables[WHO]", "kept")]));
    let variables = project.get(&format!("/pipelines/{}/variables", pipeline["id"]));
    let find = |key: &str| {
        variables
            .as_array()
            .unwrap()
            .iter()
            .find(|v| v["key"] == key)
            .unwrap()
            .clone()
    };
    assert_eq!(find("WHO")["value"], "kept");
    assert_eq!(find("WHO")["variable_type"], "env_var");
    let payload = find("TRIGGER_PAYLOAD");
    assert_eq!(payload["variable_type"], "file");
    let payload: serde_json::Value = serde_json::from_str(payload["value"].as_str().unwrap()).unwrap();
    assert_eq!(
        payload,
        json!({ "id": project.id.to_string(), "ref": "main", "variables": { "WHO": "kept" } })
    );
}

story!(a_trigger_token_is_shown_in_full_to_its_owner_and_shows_its_last_use, runners: 0);

fn a_trigger_token_is_shown_in_full_to_its_owner_and_shows_its_last_use(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = project.trigger_token();
    assert!(token.starts_with("glptt-"));
    let listed = project.get("/triggers");
    assert_eq!(listed[0]["token"], token.as_str());
    assert_eq!(listed[0]["description"], "story");
    assert_eq!(listed[0]["last_used"], json!(null));
    let pipeline = project.triggered(&token, Form::default());
    let used = project.get(&format!("/triggers/{}", listed[0]["id"]));
    assert_eq!(used["last_used"], pipeline["created_at"]);
}
