//! Whose job tokens a project accepts.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;

const ROOT: &str = "/projects/ada%2Ftool/job_token_scope";

#[tokio::test]
async fn the_check_is_on_until_somebody_switches_it_off() {
    let api = Api::start().await;
    let shown = |enabled: bool| json!({"inbound_enabled": enabled, "outbound_enabled": false});
    let get = format!("GET {ROOT}");
    assert_eq!(api.ada(&get, Value::Null).await.json(200), shown(true));
    let patch = format!("PATCH {ROOT}");
    api.ada(&patch, json!({"enabled": false})).await.empty(204);
    assert_eq!(api.ada(&get, Value::Null).await.json(200), shown(false));
    for (body, answer) in [
        (json!({"enabled": null}), r#"400 {"error":"enabled is empty"}"#),
        (json!({"x": 1}), r#"400 {"error":"enabled is missing"}"#),
        (json!({"enabled": "perhaps"}), r#"400 {"error":"enabled is invalid"}"#),
    ] {
        assert_eq!(api.ada(&patch, body).await.shown(), answer);
    }
}

#[tokio::test]
async fn projects_are_put_on_the_list_and_taken_off() {
    let api = Api::start().await;
    let (own, other) = (
        api.server.project.id,
        api.server.project(&api.server.ada, "other").await.id,
    );
    let list = format!("{ROOT}/allowlist");
    let (get, post) = (format!("GET {list}"), format!("POST {list}"));
    assert_eq!(api.ada(&get, Value::Null).await.json(200), json!([]));
    let added = api.ada(&post, json!({"target_project_id": other.0})).await.json(201);
    assert_eq!(added, json!({"source_project_id": own.0, "target_project_id": other.0}));
    let listed = api.ada(&get, Value::Null).await.json(200);
    assert_eq!(listed[0]["path_with_namespace"], "ada/other");
    for (target, answer) in [
        (
            json!(other.0),
            "400 Bad request - Target project is already in the job token scope",
        ),
        (
            json!(own.0),
            "400 Bad request - Validation failed: Target project can't be the same as the source project",
        ),
        (json!(4711), "404 target_project_id not found Not Found"),
    ] {
        let refused = api.ada(&post, json!({"target_project_id": target})).await;
        assert!(refused.shown().contains(answer), "{}", refused.shown());
    }
    api.ada(&format!("DELETE {list}/{other}"), Value::Null).await.empty(204);
    let refused = api.ada(&format!("DELETE {list}/{other}"), Value::Null).await;
    assert!(refused.shown().starts_with("400 "), "{}", refused.shown());
    assert_eq!(api.ada(&get, Value::Null).await.json(200), json!([]));
}

#[tokio::test]
async fn groups_are_put_on_the_list_and_taken_off() {
    let api = Api::start().await;
    let group = api
        .ada("POST /groups", json!({"name": "Makers", "path": "makers"}))
        .await
        .json(201);
    let id = &group["id"];
    let list = format!("{ROOT}/groups_allowlist");
    let (get, post) = (format!("GET {list}"), format!("POST {list}"));
    let added = api.ada(&post, json!({"target_group_id": id})).await.json(201);
    assert_eq!(&added["target_group_id"], id);
    let listed = api.ada(&get, Value::Null).await.json(200);
    assert_eq!((&listed[0]["id"], &listed[0]["name"]), (id, &json!("Makers")));
    let refused = api.ada(&post, json!({"target_group_id": id})).await;
    assert!(refused.shown().contains("already in the job token scope"));
    api.ada(&format!("DELETE {list}/{id}"), Value::Null).await.empty(204);
    assert_eq!(api.ada(&get, Value::Null).await.json(200), json!([]));
}

#[tokio::test]
async fn only_maintainers_see_and_change_it() {
    let api = Api::start().await;
    assert!(
        api.call(&format!("GET {ROOT}"), "", Value::Null)
            .await
            .shown()
            .starts_with("401 ")
    );
    let token = api.server.member("bob", AccessLevel::Developer).await;
    for line in [
        format!("GET {ROOT}"),
        format!("GET {ROOT}/allowlist"),
        format!("GET {ROOT}/groups_allowlist"),
    ] {
        let refused = api.call(&line, &token, Value::Null).await;
        assert!(refused.shown().starts_with("403 "), "{line}: {}", refused.shown());
    }
}
