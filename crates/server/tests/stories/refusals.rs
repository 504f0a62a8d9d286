//! Calls that are refused, with GitLab's status and words, and what they leave behind: nothing.

use serde_json::{Value, json};
use testkit::{Form, Project, Request, TestServer};

use crate::story;

const PROJECT: &[(&str, &str)] = &[(".gitlab-ci.yml", "job: {script: \"true\"}\n")];

#[track_caller]
fn refused(call: Request, status: u16, body: &Value) {
    let answer = call.send();
    assert_eq!((answer.status, answer.json()), (status, body.clone()));
}

/// A form for `main`.
fn form(token: &str) -> Form {
    Form::of([("token", token), ("ref", "main")])
}

/// A project with this configuration and nothing triggered yet.
fn quiet_project(server: &TestServer, config: &str) -> Project {
    let project = server.api().empty_project(&[(".gitlab-ci.yml", config)]);
    project
        .repository
        .git(&["push", "--quiet", "--push-option=ci.skip", "origin", "main"]);
    project
}

#[track_caller]
fn triggered_pipelines(project: &Project) -> usize {
    project.get("/pipelines?source=trigger").as_array().unwrap().len()
}

story!(what_is_no_valid_token_of_the_project_is_not_found, runners: 0);

fn what_is_no_valid_token_of_the_project_is_not_found(server: &mut TestServer) {
    let (project, other) = (server.api().project(PROJECT), server.api().project(PROJECT));
    let (token, foreign) = (project.trigger_token(), other.trigger_token());
    let not_found = json!({ "message": "404 Not Found" });
    refused(project.trigger().multipart(&form(server.root_token())), 404, &not_found);
    refused(project.trigger().multipart(&form(&foreign)), 404, &not_found);
    refused(
        project.trigger().multipart(&form("glptt-aaaaaaaaaaaaaaaaaaaa")),
        404,
        &not_found,
    );

    let header = server.http().with_header("PRIVATE-TOKEN", server.root_token());
    let path = format!("/api/v4/projects/{}/trigger/pipeline", project.id);
    refused(
        header.post(&path).form(&Form::of([("ref", "main")])),
        400,
        &json!({ "error": "token is missing" }),
    );
    refused(
        server
            .http()
            .post("/api/v4/projects/4711/trigger/pipeline")
            .form(&form(&token)),
        404,
        &not_found,
    );

    let id = project.get("/triggers")[0]["id"].clone();
    project.request("DELETE", &format!("/triggers/{id}")).send().expect(204);
    refused(project.trigger().multipart(&form(&token)), 404, &not_found);
    assert_eq!(triggered_pipelines(&project), 0);
}

story!(another_method_on_the_trigger_address_is_not_found, runners: 0);

fn another_method_on_the_trigger_address_is_not_found(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = project.trigger_token();
    for path in ["trigger/pipeline", "ref/main/trigger/pipeline"] {
        let path = format!("/api/v4/projects/{}/{path}?{}", project.id, form(&token).urlencoded());
        for method in ["GET", "PUT", "DELETE", "PATCH"] {
            let answer = server.http().request(method, &path).send();
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        }
    }
    assert_eq!(triggered_pipelines(&project), 0);
}

story!(a_ref_that_is_missing_empty_or_unknown_is_a_bad_request, runners: 0);

fn a_ref_that_is_missing_empty_or_unknown_is_a_bad_request(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = project.trigger_token();
    let sha = project.repository.sha("main");
    let unknown = json!({ "message": { "base": ["Reference not found"] } });
    for name in [
        "gone",
        "refs/heads/gone",
        "refs/tags/main",
        &sha,
        "-f",
        "--upload-pack=touch x",
        "main..main",
        "HEAD",
    ] {
        refused(
            project.trigger().form(&Form::of([("token", &token), ("ref", name)])),
            400,
            &unknown,
        );
    }
    refused(
        project.trigger().form(&Form::of([("token", &token), ("ref", "")])),
        400,
        &json!({ "error": "ref is empty" }),
    );
    let answer = project
        .trigger()
        .form(&Form::of([("token", &token)]))
        .send()
        .expect(400);
    assert!(answer.json()["error"].as_str().unwrap().starts_with("ref is missing"));
    assert_eq!(triggered_pipelines(&project), 0);
}

story!(rules_that_leave_no_pipeline_are_a_bad_request, runners: 0);

fn rules_that_leave_no_pipeline_are_a_bad_request(server: &mut TestServer) {
    let rows = [
        (
            "workflow: {rules: [{if: '$CI_PIPELINE_SOURCE == \"trigger\"', when: never}, {when: always}]}\njob: {script: x}\n",
            "The pipeline did not run. Review the workflow:rules configuration for the pipeline.",
            "no pipeline: `workflow:rules` refuses it",
        ),
        (
            "job: {script: x, except: [triggers]}\n",
            "The resulting pipeline would have been empty. Review the rules configuration for the relevant jobs.",
            "no pipeline: no job is left, or only jobs of `.pre` and `.post`",
        ),
    ];
    for (config, message, summary) in rows {
        let project = quiet_project(server, config);
        let token = project.trigger_token();
        let answer = project.trigger().form(&form(&token)).send();
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["message"], &body["explanation"]["summary"]),
            (400, &json!({ "base": [message] }), &json!(summary))
        );
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{body}");
        assert_eq!(triggered_pipelines(&project), 0);
    }
}

story!(pipeline_events_are_forbidden_so_that_hooks_do_not_loop, runners: 0);

fn pipeline_events_are_forbidden_so_that_hooks_do_not_loop(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let token = project.trigger_token();
    let path = format!(
        "/api/v4/projects/{}/ref/main/trigger/pipeline?token={token}",
        project.id
    );
    let hook = |event| {
        server
            .http()
            .post(&path)
            .header("X-Gitlab-Event", event)
            .json(&json!({ "object_kind": "pipeline" }))
    };
    refused(hook("Pipeline Hook"), 403, &json!({ "message": "403 Forbidden" }));
    assert_eq!(triggered_pipelines(&project), 0);
    hook("Job Hook").send().expect(201);
}

story!(variables_and_inputs_of_the_wrong_kind_are_refused, runners: 0);

fn variables_and_inputs_of_the_wrong_kind_are_refused(server: &mut TestServer) {
    let project = quiet_project(
        server,
        "spec: {inputs: {size: {type: number, options: [1, 2], default: 1}}}\n---\njob: {script: x}\n",
    );
    let token = project.trigger_token();
    let with = |key: &str, value: Value| {
        let mut body = json!({ "token": token, "ref": "main" });
        body[key] = value;
        project.trigger().json(&body)
    };
    let not_strings = json!({ "message": "variables needs to be a map of key-valued strings" });
    for value in [
        json!({ "A": 1 }),
        json!({ "A": true }),
        json!({ "A": null }),
        json!({ "A": { "B": "c" } }),
        json!({ "A": ["b"] }),
    ] {
        refused(with("variables", value), 400, &not_strings);
    }
    for value in [json!([1]), json!(1), json!("text")] {
        refused(
            with("variables", value.clone()),
            400,
            &json!({ "error": "variables is invalid" }),
        );
        refused(with("inputs", value), 400, &json!({ "error": "inputs is invalid" }));
    }
    assert_eq!(triggered_pipelines(&project), 0);
    for (value, text) in [
        (json!({ "size": 3 }), "not in the list of the allowed options"),
        (json!({ "size": "many" }), "is not a number"),
        (json!({ "color": "red" }), "unknown input arguments: color"),
    ] {
        let answer = with("inputs", value).send();
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert!(
            answer.json()["message"]["base"][0].as_str().unwrap().contains(text),
            "{}",
            answer.text()
        );
    }
}

story!(a_broken_configuration_is_kept_as_a_failed_pipeline, runners: 0);

fn a_broken_configuration_is_kept_as_a_failed_pipeline(server: &mut TestServer) {
    let project = quiet_project(server, "job: {script: x, stage: nowhere}\n");
    let token = project.trigger_token();
    let text = "job job: chosen stage nowhere does not exist; available stages are .pre, build, test, deploy, .post";
    let answer = project.trigger().form(&form(&token)).send();
    assert_eq!(
        (answer.status, answer.json()),
        (422, json!({ "message": { "base": [text] } }))
    );
    let kept = project.get("/pipelines?source=trigger&yaml_errors=true");
    assert_eq!(kept[0]["status"], "failed");
    let kept = project.get(&format!("/pipelines/{}", kept[0]["id"]));
    assert_eq!(kept["yaml_errors"], text);

    let without = server.api().project(&[("README.md", "nothing here\n")]);
    let token = without.trigger_token();
    refused(
        without.trigger().form(&form(&token)),
        400,
        &json!({ "message": { "base": ["Missing CI config file"] } }),
    );
    assert_eq!(triggered_pipelines(&without), 0);
}
