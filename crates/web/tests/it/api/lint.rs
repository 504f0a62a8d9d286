//! CI lint, dry runs, explanations, inputs and components.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;

const LINT: &str = "/projects/ada%2Ftool/ci/lint";

/// Commits files to a branch of a project of `ada`; returns the commit's id.
async fn commit(api: &Api, project: &str, files: &[(&str, &str)]) -> String {
    let actions: Vec<Value> = files
        .iter()
        .map(|(path, text)| json!({"action": "create", "file_path": path, "content": text}))
        .collect();
    let body = json!({"branch": "main", "commit_message": "Add", "actions": actions});
    let path = format!("POST /projects/ada%2F{project}/repository/commits");
    let made = api.ada(&path, body).await.json(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn trigger_token(api: &Api) -> String {
    let made = api
        .ada("POST /projects/ada%2Ftool/triggers", json!({"description": "t"}))
        .await;
    made.json(201)["token"].as_str().unwrap().to_owned()
}

/// Rules that decide by source, variables and inputs.
const RULES: &str = "\
spec:
  inputs:
    greeting:
      default: hello
      regex: ^[a-z]+$
      description: What to say
---
stages: [build, test]
workflow:
  rules:
    - if: $BLOCK
      when: never
    - when: always
compile: {stage: build, script: 'echo $[[ inputs.greeting ]]'}
always:
  stage: test
  script: x
  needs: [compile]
on-deploy:
  stage: test
  script: x
  rules:
    - if: $DEPLOY == \"yes\" && $SECRET == \"s3cret\"
      when: manual
      allow_failure: true
'quick $[[ inputs.greeting ]]':
  stage: test
  script: x
  except: [triggers]
";

#[tokio::test]
async fn a_stored_configuration_is_linted() {
    let api = Api::start().await;
    assert_eq!(
        api.ada(&format!("GET {LINT}"), Value::Null).await.shown(),
        r#"404 {"message":"404 Repository Not Found"}"#
    );
    let files = [
        (
            ".gitlab-ci.yml",
            "include: /ci/more.yml\nstages: [one]\na:\n  stage: one\n  script: x\n  tags: [t]\n  needs: []\n",
        ),
        ("ci/more.yml", "b: {stage: one, script: [y, z], when: manual}"),
    ];
    let sha = commit(&api, "tool", &files).await;
    let linted = api.ada(&format!("GET {LINT}"), Value::Null).await.json(200);
    assert_eq!(linted["valid"], true, "{linted}");
    assert_eq!(linted["errors"], json!([]));
    assert_eq!(linted.get("jobs"), None);
    let merged = linted["merged_yaml"].as_str().unwrap();
    assert!(merged.starts_with("---\nb:\n  stage: one\n"), "{merged}");
    let include = &linted["includes"][0];
    let page = |view: &str| {
        let base = api.server.app.settings.external_url.base();
        format!("{base}/ada/tool/-/{view}/{sha}/ci/more.yml")
    };
    assert_eq!(
        *include,
        json!({
            "type": "local", "location": "ci/more.yml", "blob": page("blob"), "raw": page("raw"),
            "extra": {}, "context_project": "ada/tool", "context_sha": sha,
        })
    );

    let linted = api
        .ada(&format!("GET {LINT}?include_jobs=true&sha={sha}"), Value::Null)
        .await;
    let linted = linted.json(200);
    assert_eq!(
        linted["jobs"][1],
        json!({
            "name": "a", "stage": "one", "before_script": [], "script": ["x"], "after_script": [], "tag_list": ["t"],
            "only": {"refs": ["branches", "tags"]}, "except": null, "environment": null, "when": "on_success",
            "allow_failure": false, "needs": [],
        }),
        "{linted}"
    );
    assert_eq!(linted["jobs"][0]["when"], "manual");
}

#[tokio::test]
async fn lint_says_who_may_and_what_is_not_there() {
    let api = Api::start().await;
    commit(&api, "tool", &[(".gitlab-ci.yml", "a: {script: x}")]).await;
    let guest = api.server.member("gus", AccessLevel::Guest).await;
    let reporter = api.server.member("rita", AccessLevel::Reporter).await;
    let get = format!("GET {LINT}");
    assert_eq!(api.get(&get, &guest).await.status, 403);
    assert_eq!(api.get(&get, &reporter).await.status, 200);
    assert_eq!(api.get(&get, "").await.status, 404);
    let post = format!("POST {LINT}");
    let body = json!({"content": "a: {script: x}"});
    assert_eq!(api.call(&post, &reporter, body.clone()).await.status, 403);
    assert_eq!(api.ada(&post, body).await.status, 200);
    for (line, expected) in [
        ("?content_ref=nope", r#"404 {"message":"404 Commit Not Found"}"#),
        (
            "?content_ref=main&sha=main",
            r#"400 {"error":"sha, content_ref are mutually exclusive"}"#,
        ),
        ("?dry_run=perhaps", r#"400 {"error":"dry_run is invalid"}"#),
    ] {
        assert_eq!(api.ada(&format!("{get}{line}"), Value::Null).await.shown(), expected);
    }
    assert_eq!(
        api.ada(&post, json!({})).await.shown(),
        r#"400 {"error":"content is missing"}"#
    );
}

#[tokio::test]
async fn a_given_text_is_linted_with_all_its_errors() {
    let api = Api::start().await;
    let post = format!("POST {LINT}");
    let broken = "a: {script: x, when: maybe}\nb: {script: x, when: perhaps}";
    let linted = api
        .ada(&post, json!({"content": broken, "include_jobs": true}))
        .await
        .json(200);
    assert_eq!(linted["valid"], false);
    assert_eq!(linted["errors"].as_array().unwrap().len(), 2, "{linted}");
    assert_eq!(linted["jobs"], json!([]));
    assert!(linted["merged_yaml"].is_string());

    let linted = api
        .ada(&post, json!({"content": "a: [", "include_jobs": true}))
        .await
        .json(200);
    assert_eq!(
        (&linted["valid"], &linted["merged_yaml"]),
        (&json!(false), &Value::Null)
    );
    let linted = api.ada(&post, json!({"content": " "})).await.json(200);
    assert_eq!(linted["errors"], json!(["Please provide content of .gitlab-ci.yml"]));
}

#[tokio::test]
async fn a_dry_run_of_lint_decides_rules() {
    let api = Api::start().await;
    commit(&api, "tool", &[(".gitlab-ci.yml", RULES)]).await;
    let get = |query: &str| format!("GET {LINT}?dry_run=true&include_jobs=true{query}");
    let linted = api.ada(&get(""), Value::Null).await.json(200);
    let names: Vec<&str> = linted["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["compile", "always", "quick hello"]);
    assert_eq!(linted["jobs"][0].get("only"), None);
    let linted = api.ada(&get("&dry_run_ref=nope"), Value::Null).await.json(200);
    assert_eq!(
        (&linted["valid"], &linted["errors"]),
        (&json!(false), &json!(["Reference not found"]))
    );
    let reporter = api.server.member("rita", AccessLevel::Reporter).await;
    let linted = api.get(&get(""), &reporter).await.json(200);
    assert_eq!(
        linted["errors"],
        json!(["Insufficient permissions to create a new pipeline"])
    );
    let content = json!({"content": "a: {script: x, only: [tags]}", "dry_run": true});
    let linted = api.ada(&format!("POST {LINT}"), content).await.json(200);
    assert_eq!(linted["valid"], false, "{linted}");
    let pipelines = api.server.pipelines().await.len();
    assert_eq!(pipelines, 1, "only the push");
}

#[tokio::test]
async fn a_dry_run_of_a_trigger_call_lists_what_the_call_creates() {
    let api = Api::start().await;
    commit(&api, "tool", &[(".gitlab-ci.yml", RULES)]).await;
    let secret = json!({"key": "SECRET", "value": "s3cret"});
    api.ada("POST /projects/ada%2Ftool/variables", secret).await.json(201);
    let token = trigger_token(&api).await;
    let call = "POST /projects/ada%2Ftool/trigger/pipeline";
    let body = json!({"token": token, "ref": "main", "variables": {"DEPLOY": "yes"}, "inputs": {"greeting": "hi"}});
    let mut dry = body.clone();
    dry["dry_run"] = json!(true);

    let before = api.server.pipelines().await.len();
    let shown = api.call(call, "", dry.clone()).await.json(200);
    assert_eq!(api.server.pipelines().await.len(), before);
    let triggers = api
        .ada("GET /projects/ada%2Ftool/triggers", Value::Null)
        .await
        .json(200);
    assert_eq!(triggers[0]["last_used"], Value::Null);
    assert_eq!(
        (&shown["dry_run"], &shown["ref"], &shown["warnings"]),
        (&json!(true), &json!("main"), &json!([])),
        "{shown}"
    );

    let made = api.call(call, "", body).await.json(201);
    let jobs = api
        .ada(
            &format!("GET /projects/ada%2Ftool/pipelines/{}/jobs", made["id"]),
            Value::Null,
        )
        .await
        .json(200);
    let facts = |jobs: &Value| {
        let list = jobs.as_array().unwrap().iter();
        let mut facts: Vec<String> = list
            .map(|job| format!("{} {} {}", job["name"], job["stage"], job["allow_failure"]))
            .collect();
        facts.sort();
        facts
    };
    assert_eq!(facts(&shown["jobs"]), facts(&jobs));
    let listed: Vec<_> = shown["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["when"])
        .collect();
    assert_eq!(listed, ["on_success", "on_success", "manual"]);
    assert_eq!(
        shown["jobs"][1]["needs"],
        json!([{"name": "compile", "artifacts": true, "optional": false}])
    );
    let decided = &shown["explanation"]["jobs"][2];
    assert_eq!(
        (&decided["name"], &decided["verdict"]),
        (&json!("on-deploy"), &json!("manual"))
    );
    assert_eq!(
        decided["rules"][0]["clauses"][0]["values"],
        json!({"DEPLOY": "yes", "SECRET": "[MASKED]"})
    );
    assert_eq!(shown["explanation"]["jobs"][3]["verdict"], "out");
}

#[tokio::test]
async fn a_dry_run_is_refused_like_the_call() {
    let api = Api::start().await;
    commit(&api, "tool", &[(".gitlab-ci.yml", RULES)]).await;
    let token = trigger_token(&api).await;
    let call = "POST /projects/ada%2Ftool/trigger/pipeline";
    let wrong_input = "`.gitlab-ci.yml`: `greeting` input: provided value does not match required RegEx pattern";
    for (body, expected) in [
        (json!({"ref": "main"}), r#"400 {"error":"token is missing"}"#.to_owned()),
        (
            json!({"ref": "main", "token": "nope"}),
            r#"404 {"message":"404 Not Found"}"#.to_owned(),
        ),
        (
            json!({"ref": "nope", "token": token}),
            r#"400 {"message":{"base":["Reference not found"]}}"#.to_owned(),
        ),
        (
            json!({"ref": "main", "token": token, "inputs": {"greeting": "Bad"}}),
            format!(r#"422 {{"message":{{"base":["{wrong_input}"]}}}}"#),
        ),
    ] {
        let before = api.server.pipelines().await.len();
        let mut dry = body.clone();
        dry["dry_run"] = json!("true");
        assert_eq!(api.call(call, "", dry).await.shown(), expected);
        assert_eq!(api.server.pipelines().await.len(), before);
        assert_eq!(api.call(call, "", body).await.shown(), expected);
    }
}

#[tokio::test]
async fn who_is_refused_by_rules_is_told_which() {
    let api = Api::start().await;
    let text = "
workflow: {rules: [{if: $BLOCK == \"1\" || $SECRET == \"on\", when: never}, {when: always}]}
compile: {script: make, rules: [{if: $COMPILE}]}
publish: {script: make, needs: [compile], rules: [{if: $PUBLISH}]}
";
    commit(&api, "tool", &[(".gitlab-ci.yml", text)]).await;
    let secret = json!({"key": "SECRET", "value": "off"});
    api.ada("POST /projects/ada%2Ftool/variables", secret).await.json(201);
    let token = trigger_token(&api).await;
    let call = "POST /projects/ada%2Ftool/trigger/pipeline";
    let filtered = "The pipeline did not run. Review the workflow:rules configuration for the pipeline.";
    let empty = "The resulting pipeline would have been empty. Review the rules configuration for the relevant jobs.";
    let absent = "'publish' job needs 'compile' job, but 'compile' does not exist in the pipeline. This might be \
                  because of the only, except, or rules keywords. To need a job that sometimes does not exist in \
                  the pipeline, use needs:optional.";
    let asked = |variables: Value| json!({"ref": "main", "token": token, "variables": variables});
    for (variables, status, message, reasons) in [
        (
            json!({"BLOCK": "1"}),
            400,
            filtered,
            ["`workflow:rules` refuses the pipeline"; 2],
        ),
        (json!({}), 400, empty, ["no rule matches"; 2]),
        (
            json!({"PUBLISH": "1"}),
            422,
            absent,
            ["no rule matches", "rule 1 matches (`when: on_success`)"],
        ),
    ] {
        let mut dry = asked(variables.clone());
        dry["dry_run"] = json!(true);
        let told = api.call(call, "", dry).await.json(status);
        assert_eq!(told["message"], json!({"base": [message]}));
        let jobs = told["explanation"]["jobs"].as_array().unwrap();
        let shown: Vec<_> = jobs.iter().map(|job| job["reason"].as_str().unwrap()).collect();
        assert_eq!(shown, reasons);
        assert_eq!(
            told["explanation"]["workflow"]["rules"][0]["clauses"][0]["values"]["SECRET"],
            if message == filtered {
                Value::Null
            } else {
                json!("[MASKED]")
            },
            "whoever holds a token may use variables, not read them"
        );
        assert_eq!(api.call(call, "", asked(variables)).await.json(status), told);
    }
    let kept = api.ada("GET /projects/1/pipelines", Value::Null).await.json(200)[0]["id"].clone();
    let kept = api
        .ada(&format!("GET /projects/1/pipelines/{kept}/explanation"), Value::Null)
        .await
        .json(200);
    assert_eq!(kept["errors"], json!([absent]));
    assert_eq!(kept["explanation"]["jobs"][0]["verdict"], "out");
}

#[tokio::test]
async fn a_refusal_explains_a_hundred_jobs_and_a_dry_run_all() {
    let api = Api::start().await;
    let jobs = (0..102).map(|n| format!("job{n}: {{script: x, rules: [{{if: $NONE}}]}}\n"));
    commit(&api, "tool", &[(".gitlab-ci.yml", &jobs.collect::<String>())]).await;
    let count = |told: &Value| told["explanation"]["jobs"].as_array().unwrap().len();
    let told = api
        .ada("POST /projects/1/pipeline", json!({"ref": "main"}))
        .await
        .json(400);
    assert_eq!(count(&told), 100);
    assert_eq!(
        told["explanation"]["summary"],
        "no pipeline: no job is left, or only jobs of `.pre` and `.post` \
         (2 more jobs are not listed, a dry run lists all)"
    );
    let body = json!({"ref": "main", "dry_run": true});
    assert_eq!(count(&api.ada("POST /projects/1/pipeline", body).await.json(400)), 102);
}

#[tokio::test]
async fn only_true_makes_a_dry_run() {
    let api = Api::start().await;
    commit(&api, "tool", &[(".gitlab-ci.yml", RULES)]).await;
    let token = trigger_token(&api).await;
    for value in [json!(false), json!("1"), json!("yes"), json!({"true": "true"})] {
        let body = json!({"token": token, "ref": "main", "dry_run": value});
        let made = api.call("POST /projects/1/trigger/pipeline", "", body).await.json(201);
        let given = format!("GET /projects/1/pipelines/{}/variables", made["id"]);
        let payload = api.ada(&given, Value::Null).await.json(200)[0]["value"].clone();
        let payload: Value = serde_json::from_str(payload.as_str().unwrap()).unwrap();
        assert_eq!(payload["dry_run"], value, "it is a parameter like any other");
    }
    let body = json!({"ref": "main", "dry_run": true});
    let shown = api.ada("POST /projects/1/pipeline", body).await.json(200);
    assert_eq!(shown["dry_run"], true);
    let names: Vec<_> = shown["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["name"])
        .collect();
    assert_eq!(names, ["compile", "always", "quick hello"]);
}

#[tokio::test]
async fn a_pipeline_is_explained_later() {
    let api = Api::start().await;
    commit(&api, "tool", &[(".gitlab-ci.yml", RULES)]).await;
    let secret = json!({"key": "SECRET", "value": "s3cret"});
    api.ada("POST /projects/ada%2Ftool/variables", secret).await.json(201);
    let body = json!({"ref": "main", "variables": [{"key": "DEPLOY", "value": "yes"}]});
    let made = api.ada("POST /projects/1/pipeline", body).await.json(201);
    let path = format!("GET /projects/1/pipelines/{}/explanation", made["id"]);
    let values = |shown: &Value| shown["explanation"]["jobs"][2]["rules"][0]["clauses"][0]["values"].clone();
    let shown = api.ada(&path, Value::Null).await.json(200);
    assert_eq!((&shown["pipeline_id"], &shown["errors"]), (&made["id"], &json!([])));
    assert_eq!(shown["explanation"]["summary"], "a pipeline with 4 jobs");
    assert_eq!(values(&shown), json!({"DEPLOY": "yes", "SECRET": "s3cret"}));

    let reporter = api.server.member("rita", AccessLevel::Reporter).await;
    let shown = api.get(&path, &reporter).await.json(200);
    assert_eq!(values(&shown), json!({"DEPLOY": "[MASKED]", "SECRET": "[MASKED]"}));
    let guest = api.server.member("gus", AccessLevel::Guest).await;
    assert_eq!(api.get(&path, &guest).await.status, 403);

    // What was true then is told, not what is true now.
    let changed = json!({"value": "other", "masked": false});
    api.ada("PUT /projects/1/variables/SECRET", changed).await.json(200);
    let branch = "DELETE /projects/1/protected_branches/main";
    assert_eq!(api.ada(branch, Value::Null).await.status, 204);
    let later = api.ada(&path, Value::Null).await.json(200);
    assert_eq!(values(&later), json!({"DEPLOY": "yes", "SECRET": "s3cret"}));
    assert_eq!(later["explanation"]["summary"], "a pipeline with 4 jobs");
    assert_eq!(
        api.ada("GET /projects/1/pipelines/999/explanation", Value::Null)
            .await
            .shown(),
        r#"404 {"message":"404 Not found"}"#
    );
}

#[tokio::test]
async fn the_inputs_of_a_configuration_are_a_json_schema() {
    let api = Api::start().await;
    commit(&api, "tool", &[(".gitlab-ci.yml", RULES)]).await;
    let shown = api.ada("GET /projects/1/ci/inputs_schema", Value::Null).await.json(200);
    assert_eq!(
        shown["properties"],
        json!({"greeting": {
            "type": "string", "description": "What to say", "default": "hello", "pattern": "^[a-z]+$",
        }})
    );
    let files = [(
        ".gitlab-ci.yml",
        "spec: {inputs: {a: }}\n---\nj: {script: '$[[ inputs.a ]]'}\n",
    )];
    api.server.project(&api.server.ada, "other").await;
    commit(&api, "other", &files).await;
    let shown = api
        .ada("GET /projects/ada%2Fother/ci/inputs_schema?ref=main", Value::Null)
        .await;
    assert_eq!(shown.json(200)["required"], json!(["a"]));
    assert_eq!(
        api.ada("GET /projects/1/ci/inputs_schema?ref=nope", Value::Null)
            .await
            .shown(),
        r#"404 {"message":"404 Commit Not Found"}"#
    );
}

#[tokio::test]
async fn components_of_other_projects_are_included() {
    let api = Api::start().await;
    api.server.project(&api.server.ada, "kit").await;
    let lint = "spec:\n  component: [name, version, reference]\n  inputs: {job: {default: lint}}\n---\n\
                '$[[ inputs.job ]] $[[ component.name ]] $[[ component.version ]] $[[ component.reference ]]':\n  script: x\n";
    commit(
        &api,
        "kit",
        &[
            ("templates/lint.yml", lint),
            ("templates/deep/template.yml", "deep: {script: x}"),
        ],
    )
    .await;
    let kit = "/projects/ada%2Fkit";
    for tag in ["1.9.0", "1.10.0", "2.0.0-rc1"] {
        let made = api
            .ada(
                &format!("POST {kit}/repository/tags?tag_name={tag}&ref=main"),
                Value::Null,
            )
            .await;
        made.json(201);
    }
    let host = api.server.app.settings.external_url.fqdn();
    let content = format!(
        "include:\n  - component: {host}/ada/kit/lint@~latest\n    inputs: {{job: new}}\n  \
         - component: {host}/ada/kit/lint@1.9.0\n  - component: $CI_SERVER_FQDN/ada/kit/deep@main\n"
    );
    let post = format!("POST {LINT}");
    let body = json!({"content": content, "include_jobs": true});
    let linted = api.ada(&post, body.clone()).await;
    let linted = linted.json(200);
    assert_eq!(linted["errors"], json!([]));
    let names: Vec<_> = linted["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["name"])
        .collect();
    assert_eq!(names, ["new lint 1.10.0 ~latest", "lint lint 1.9.0 1.9.0", "deep"]);
    let sha = api
        .ada(&format!("GET {kit}/repository/commits/main"), Value::Null)
        .await
        .json(200)["id"]
        .clone();
    let sha = sha.as_str().unwrap();
    for (include, path) in [(0, "templates/lint.yml"), (2, "templates/deep/template.yml")] {
        let shown = &linted["includes"][include];
        let page = format!(
            "{}/ada/kit/-/blob/{sha}/{path}",
            api.server.app.settings.external_url.base()
        );
        assert_eq!((&shown["type"], &shown["blob"]), (&json!("component"), &json!(page)));
        assert_eq!(shown["raw"], Value::Null);
    }

    let dev = api.server.member("dora", AccessLevel::Developer).await;
    let linted = api.call(&post, &dev, body).await.json(200);
    let message = "project does not exist or you don't have sufficient permissions";
    assert_eq!(
        linted["errors"],
        json!([format!("Component '{host}/ada/kit/lint@~latest' - {message}")])
    );
    let content = format!("include: [{{component: {host}/ada/kit/nope@main}}]");
    let linted = api.ada(&post, json!({"content": content})).await.json(200);
    assert_eq!(
        linted["errors"],
        json!([format!("Component '{host}/ada/kit/nope@main' - content not found")])
    );
}

#[tokio::test]
async fn the_text_of_a_template_is_at_the_address_that_lint_names() {
    let api = Api::start().await;
    let body = json!({"content": "include: {template: Jobs/Build.gitlab-ci.yml}\na: {script: x}\n"});
    let linted = api.ada(&format!("POST {LINT}"), body).await.json(200);
    let include = &linted["includes"][0];
    assert_eq!(
        (&include["type"], &include["location"], &include["blob"]),
        (&json!("template"), &json!("Jobs/Build.gitlab-ci.yml"), &Value::Null)
    );
    let base = format!("{}/api/v4", api.server.app.settings.external_url.base());
    let path = include["raw"].as_str().unwrap().strip_prefix(&base).unwrap();
    let shown = api.call(&format!("GET {path}"), "", Value::Null).await.json(200);
    assert_eq!(shown["name"], "Jobs/Build");
    assert!(shown["content"].as_str().unwrap().contains("script"));
    let list = api
        .call("GET /templates/gitlab_ci_ymls", "", Value::Null)
        .await
        .json(200);
    assert!(
        list.as_array()
            .unwrap()
            .contains(&json!({"key": "Jobs/Build", "name": "Jobs/Build"}))
    );
    assert_eq!(
        api.call("GET /templates/gitlab_ci_ymls/nope", "", Value::Null)
            .await
            .shown(),
        r#"404 {"message":"404 Template Not Found"}"#
    );
}
