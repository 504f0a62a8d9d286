//! What a trigger token stands for is remembered between calls: the very next call sees what was changed.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;

const CONFIG: &str = "always: {script: x}\nswitched: {script: x, rules: [{if: '$SWITCH == \"on\"'}]}\n";

async fn configured() -> Api {
    let api = Api::start().await;
    let file = json!({"branch": "main", "content": CONFIG, "commit_message": "[skip ci]"});
    let path = "POST /projects/1/repository/files/.gitlab-ci.yml";
    api.ada(path, file).await.json(201);
    api
}

/// Triggers twice, so that the second call finds what the first one remembered, and says what came of each.
async fn outcome(api: &Api, token: &str) -> String {
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let body = json!({"token": token, "ref": "main"});
        let answer = api.call("POST /projects/1/trigger/pipeline", "", body).await;
        let id = match answer.status {
            201 => answer.json(201)["id"].clone(),
            other => {
                outcomes.push(other.to_string());
                continue;
            }
        };
        let jobs = api
            .ada(&format!("GET /projects/1/pipelines/{id}/jobs"), Value::Null)
            .await;
        outcomes.push(jobs.each("name"));
    }
    assert_eq!(outcomes[0], outcomes[1]);
    outcomes.remove(0)
}

#[tokio::test]
async fn the_next_call_of_a_token_sees_what_was_changed_before() {
    let api = configured().await;
    let grace = api.server.member("grace", AccessLevel::Maintainer).await;
    let id = api.get("GET /user", &grace).await.json(200)["id"].clone();
    let new = json!({"description": "grace's"});
    let made = api.call("POST /projects/1/triggers", &grace, new).await.json(201);
    let token = made["token"].as_str().unwrap();
    assert_eq!(outcome(&api, token).await, "always");

    let variable = json!({"key": "SWITCH", "value": "on"});
    api.ada("POST /projects/1/variables", variable).await.json(201);
    assert_eq!(outcome(&api, token).await, "switched always");
    api.ada("DELETE /projects/1/variables/SWITCH", Value::Null)
        .await
        .empty(204);
    assert_eq!(outcome(&api, token).await, "always");

    for (worse, better) in [
        (
            (format!("PUT /projects/1/members/{id}"), json!({"access_level": 20})),
            (format!("PUT /projects/1/members/{id}"), json!({"access_level": 40})),
        ),
        (
            (format!("POST /users/{id}/block"), Value::Null),
            (format!("POST /users/{id}/unblock"), Value::Null),
        ),
        (
            ("PUT /projects/1".to_owned(), json!({"builds_access_level": "disabled"})),
            ("PUT /projects/1".to_owned(), json!({"builds_access_level": "enabled"})),
        ),
        (
            ("POST /projects/1/archive".to_owned(), Value::Null),
            ("POST /projects/1/unarchive".to_owned(), Value::Null),
        ),
    ] {
        let answer = api.root(&worse.0, worse.1).await;
        assert!(answer.status < 300, "{}: {}", worse.0, answer.shown());
        assert_eq!(outcome(&api, token).await, "400", "{}", worse.0);
        let answer = api.root(&better.0, better.1).await;
        assert!(answer.status < 300, "{}: {}", better.0, answer.shown());
        assert_eq!(outcome(&api, token).await, "always", "{}", better.0);
    }

    let revoke = format!("DELETE /projects/1/triggers/{}", made["id"]);
    api.ada(&revoke, Value::Null).await.empty(204);
    assert_eq!(outcome(&api, token).await, "404");
}

#[tokio::test]
async fn a_token_is_remembered_for_its_own_project_only() {
    let api = configured().await;
    let other = api.server.project(&api.server.ada, "other").await;
    let made = api.ada("POST /projects/1/triggers", json!({"description": "t"})).await;
    let made = made.json(201);
    let token = made["token"].as_str().unwrap();
    assert_eq!(outcome(&api, token).await, "always");
    let body = json!({"token": token, "ref": "main"});
    let foreign = format!("POST /projects/{}/trigger/pipeline", other.id);
    assert_eq!(api.call(&foreign, "", body).await.status, 404);
}
