//! Pipeline schedules.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;

const PATH: &str = "/projects/ada%2Ftool/pipeline_schedules";

async fn with_code(api: &Api) {
    let action = json!({"action": "create", "file_path": ".gitlab-ci.yml", "content": "a: {script: x}"});
    let body = json!({"branch": "main", "commit_message": "x [skip ci]", "actions": [action]});
    api.ada("POST /projects/1/repository/commits", body).await.json(201);
}

fn nightly() -> Value {
    json!({"description": "nightly", "ref": "main", "cron": "0 1 * * *", "cron_timezone": "Tokyo"})
}

#[tokio::test]
async fn a_schedule_is_made_changed_played_and_deleted() {
    let api = Api::start().await;
    with_code(&api).await;
    let inputs = json!([{"name": "a", "value": [1, 2]}, {"name": "b", "value": "x"}]);
    let mut new = nightly();
    new["inputs"] = inputs.clone();
    let made = api.ada(&format!("POST {PATH}"), new).await.json(201);
    assert_eq!(made["ref"], "refs/heads/main");
    assert_eq!(
        (&made["active"], &made["cron_timezone"]),
        (&json!(true), &json!("Tokyo"))
    );
    assert!(
        made["next_run_at"].as_str().unwrap().ends_with("T16:00:00.000Z"),
        "{made}"
    );
    assert_eq!(made["owner"]["username"], "ada");
    assert_eq!(
        (&made["inputs"], &made["last_pipeline"], &made["variables"]),
        (&inputs, &Value::Null, &json!([]))
    );

    let one = format!("{PATH}/{}", made["id"]);
    let change = json!({"cron": "0 2 * * *", "active": false, "inputs": [{"name": "a", "destroy": true}, {"name": "b", "destroy": true}]});
    let changed = api.ada(&format!("PUT {one}"), change).await.json(200);
    assert!(
        changed["next_run_at"].as_str().unwrap().ends_with("T17:00:00.000Z"),
        "{changed}"
    );
    assert_eq!((&changed["active"], &changed["inputs"]), (&json!(false), &json!([])));

    for (scope, listed) in [("", "nightly"), ("?scope=active", ""), ("?scope=inactive", "nightly")] {
        let answer = api.ada(&format!("GET {PATH}{scope}"), Value::Null).await;
        assert_eq!(answer.each("description"), listed);
    }
    assert_eq!(
        api.ada(&format!("GET {PATH}?scope=x"), Value::Null).await.shown(),
        r#"400 {"error":"scope does not have a valid value"}"#
    );

    let played = api.ada(&format!("POST {one}/play"), Value::Null).await;
    assert_eq!(played.shown(), r#"201 {"message":"201 Created"}"#);
    let pipelines = api.ada(&format!("GET {one}/pipelines"), Value::Null).await;
    assert_eq!(pipelines.each("source"), "schedule");
    let shown = api.ada(&format!("GET {one}"), Value::Null).await.json(200);
    assert_eq!(shown["last_pipeline"], pipelines.json(200)[0]);

    api.ada(&format!("DELETE {one}"), Value::Null).await.empty(204);
    let gone = r#"404 {"message":"404 Pipeline Schedule Not Found"}"#;
    for line in [
        format!("GET {one}"),
        format!("POST {one}/play"),
        format!("GET {PATH}/x9"),
    ] {
        let answer = api.ada(&line, Value::Null).await;
        if answer.status != 400 {
            assert_eq!(answer.shown(), gone, "{line}");
        }
    }
}

#[tokio::test]
async fn a_schedule_has_variables() {
    let api = Api::start().await;
    with_code(&api).await;
    let id = api.ada(&format!("POST {PATH}"), nightly()).await.json(201)["id"].clone();
    let path = format!("{PATH}/{id}/variables");
    let new = json!({"key": "WHO", "value": "me", "variable_type": "file"});
    let made = api.ada(&format!("POST {path}"), new.clone()).await.json(201);
    assert_eq!(
        made,
        json!({"variable_type": "file", "key": "WHO", "value": "me", "raw": false})
    );
    assert_eq!(
        api.ada(&format!("POST {path}"), new).await.shown(),
        r#"400 {"message":{"key":["has already been taken"]}}"#
    );
    let changed = api
        .ada(&format!("PUT {path}/WHO"), json!({"value": "you"}))
        .await
        .json(200);
    assert_eq!(
        (&changed["value"], &changed["variable_type"]),
        (&json!("you"), &json!("file"))
    );
    assert_eq!(
        api.ada(&format!("GET {path}/WHO"), Value::Null).await.json(200),
        changed
    );
    let shown = api.ada(&format!("GET {PATH}/{id}"), Value::Null).await.json(200);
    assert_eq!(shown["variables"], json!([changed]));
    assert_eq!(
        api.ada(&format!("DELETE {path}/WHO"), Value::Null).await.json(202),
        changed
    );
    assert_eq!(
        api.ada(&format!("GET {path}/WHO"), Value::Null).await.shown(),
        r#"404 {"message":"404 Pipeline Schedule Variable Not Found"}"#
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_told() {
    let api = Api::start().await;
    with_code(&api).await;
    for (field, value, expected) in [
        ("cron", "0 25 * * *", r#"{"message":{"cron":[" is invalid syntax"]}}"#),
        (
            "cron_timezone",
            "Nowhere",
            r#"{"message":{"cron_timezone":[" is invalid syntax"]}}"#,
        ),
        ("description", " ", r#"{"message":{"description":["can't be blank"]}}"#),
        ("ref", "nowhere", r#"{"message":{"base":["Reference not found"]}}"#),
        ("inputs", "x", r#"{"error":"inputs is invalid"}"#),
    ] {
        let mut new = nightly();
        new[field] = json!(value);
        let answer = api.ada(&format!("POST {PATH}"), new).await;
        assert_eq!(answer.shown(), format!("400 {expected}"), "{field}");
    }
    assert_eq!(
        api.ada(&format!("POST {PATH}"), json!({})).await.shown(),
        r#"400 {"error":"description is missing, ref is missing, ref is empty, cron is missing"}"#
    );
}

#[tokio::test]
async fn who_may_do_what_to_a_schedule() {
    let api = Api::start().await;
    with_code(&api).await;
    // The default branch is protected from Developers.
    let branch = json!({"branch": "work", "ref": "main"});
    api.ada("POST /projects/1/repository/branches", branch).await.json(201);
    let nightly = || {
        let mut new = nightly();
        new["ref"] = json!("work");
        new
    };
    let reporter = api.server.member("rep", AccessLevel::Reporter).await;
    let developer = api.server.member("dev", AccessLevel::Developer).await;
    let maintainer = api.server.member("main", AccessLevel::Maintainer).await;
    let id = api.call(&format!("POST {PATH}"), &developer, nightly()).await.json(201)["id"].clone();
    let one = format!("{PATH}/{id}");
    assert_eq!(
        api.call(&format!("POST {PATH}"), &reporter, nightly()).await.status,
        403
    );
    assert_eq!(api.get(&format!("GET {one}"), "").await.status, 401);
    let seen = api.get(&format!("GET {one}"), &reporter).await.json(200);
    assert_eq!(
        seen.get("variables"),
        None,
        "variables are for those who may change them"
    );
    for (line, who, status) in [
        (format!("PUT {one}"), &maintainer, 403),
        (format!("POST {one}/take_ownership"), &developer, 403),
        (format!("DELETE {one}"), &reporter, 403),
        (format!("POST {one}/play"), &reporter, 403),
        (format!("POST {one}/play"), &developer, 201),
        (format!("POST {one}/take_ownership"), &maintainer, 201),
        (format!("POST {one}/take_ownership"), &maintainer, 200),
        (format!("PUT {one}"), &maintainer, 200),
        (format!("PUT {one}"), &developer, 403),
        (format!("DELETE {one}"), &developer, 403),
        (format!("DELETE {one}"), &maintainer, 204),
    ] {
        let answer = api.call(&line, who, json!({})).await;
        assert_eq!(answer.status, status, "{line}: {}", answer.text);
    }
    api.server.protect("work", false, Some(AccessLevel::Maintainer)).await;
    assert_eq!(
        api.call(&format!("POST {PATH}"), &developer, nightly()).await.status,
        403
    );
}
