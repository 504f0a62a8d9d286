//! CI/CD variables and protected refs.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;

#[tokio::test]
async fn variables_are_made_changed_and_deleted() {
    let api = Api::start().await;
    let root = "/projects/1/variables";
    let made = api
        .ada(&format!("POST {root}"), json!({"key": "A", "value": "one"}))
        .await
        .json(201);
    let expected = json!({
        "variable_type": "env_var", "key": "A", "value": "one", "hidden": false, "protected": false, "masked": false,
        "raw": false, "environment_scope": "*", "description": null,
    });
    assert_eq!(made, expected);
    let changes = json!({"value": "a/long+value", "masked": true, "variable_type": "file", "description": "d"});
    let changed = api.ada(&format!("PUT {root}/A"), changes).await.json(200);
    assert_eq!(
        (&changed["value"], &changed["masked"]),
        (&json!("a/long+value"), &json!(true))
    );
    assert_eq!(
        (&changed["variable_type"], &changed["description"]),
        (&json!("file"), &json!("d"))
    );
    assert_eq!(api.ada(&format!("GET {root}"), Value::Null).await.each("key"), "A");
    api.ada(&format!("DELETE {root}/A"), Value::Null).await.empty(204);
    assert_eq!(
        api.ada(&format!("GET {root}/A"), Value::Null).await.shown(),
        r#"404 {"message":"404 Variable Not Found"}"#
    );
}

#[tokio::test]
async fn bad_variables_are_refused() {
    let api = Api::start().await;
    let root = "POST /projects/1/variables";
    api.ada(root, json!({"key": "A", "value": ""})).await.json(201);
    for (body, expected) in [
        (json!({"key": "A"}), r#"400 {"error":"value is missing"}"#),
        (
            json!({"key": "A-B", "value": "x"}),
            r#"400 {"message":{"key":["can contain only letters, digits and '_'."]}}"#,
        ),
        (
            json!({"key": "A", "value": "x"}),
            r#"400 {"message":{"key":["(A) has already been taken"]}}"#,
        ),
        (
            json!({"key": "B", "value": "short", "masked": true}),
            r#"400 {"message":{"value":["is invalid"]}}"#,
        ),
        (
            json!({"key": "B", "value": "x", "variable_type": "env"}),
            r#"400 {"error":"variable_type does not have a valid value"}"#,
        ),
    ] {
        assert_eq!(api.ada(root, body).await.shown(), expected);
    }
    let developer = api.server.member("dev", AccessLevel::Developer).await;
    assert_eq!(
        api.get("GET /projects/1/variables", &developer).await.shown(),
        r#"403 {"message":"403 Forbidden"}"#
    );
    assert_eq!(api.get("GET /projects/1/variables", "").await.status, 401);
}

#[tokio::test]
async fn a_key_may_have_a_value_for_each_environment() {
    let api = Api::start().await;
    let root = "/projects/1/variables";
    for scope in ["*", "production"] {
        let new = json!({"key": "A", "value": scope, "environment_scope": scope});
        api.ada(&format!("POST {root}"), new).await.json(201);
    }
    let several = api.ada(&format!("GET {root}/A"), Value::Null).await;
    assert_eq!(
        several.shown(),
        r#"409 {"message":"There are multiple variables with provided parameters. Please use 'filter[environment_scope]'"}"#
    );
    let filter = "filter%5Benvironment_scope%5D=production";
    assert_eq!(
        api.ada(&format!("GET {root}/A?{filter}"), Value::Null).await.json(200)["value"],
        "production"
    );
    api.ada(
        &format!("DELETE {root}/A"),
        json!({"filter": {"environment_scope": "production"}}),
    )
    .await
    .empty(204);
    assert_eq!(
        api.ada(&format!("GET {root}/A"), Value::Null).await.json(200)["value"],
        "*"
    );
}

#[tokio::test]
async fn hidden_values_are_never_shown_and_no_value_is_stored_in_the_clear() {
    let api = Api::start().await;
    let root = "/projects/1/variables";
    let new = json!({"key": "S", "value": "not-to-be-found", "masked_and_hidden": true});
    let made = api.ada(&format!("POST {root}"), new).await.json(201);
    assert_eq!(
        (&made["value"], &made["hidden"], &made["masked"]),
        (&Value::Null, &json!(true), &json!(true))
    );
    assert_eq!(
        api.ada(&format!("GET {root}/S"), Value::Null).await.json(200)["value"],
        Value::Null
    );
    let project = api.server.project.id;
    let owner = store::ops::variables::VariableOwner::Project(project);
    let stored = move |tx: &mut dyn store::Tx| store::ops::variables::by_key(tx, owner, "S");
    let stored = api.server.app.store.read(stored).await.unwrap();
    let sealed = String::from_utf8_lossy(&stored[0].set.sealed).into_owned();
    assert!(!sealed.contains("not-to-be-found"));
}

#[tokio::test]
async fn protected_refs_are_listed_added_and_removed() {
    let api = Api::start().await;
    let root = "/projects/1/protected_branches";
    let new = json!({"name": "release/*", "push_access_level": 30, "merge_access_level": 0});
    let made = api.ada(&format!("POST {root}"), new.clone()).await.json(201);
    assert_eq!(
        made["push_access_levels"],
        json!([{"access_level": 30, "access_level_description": "Developers + Maintainers"}])
    );
    assert_eq!(made["merge_access_levels"][0]["access_level_description"], "No one");
    assert_eq!(
        api.ada(&format!("POST {root}"), new).await.shown(),
        r#"409 {"message":"Protected branch 'release/*' already exists"}"#
    );
    let one = format!("{root}/release%2F%2A");
    let changed = api
        .ada(&format!("PATCH {one}"), json!({"push_access_level": 40}))
        .await
        .json(200);
    assert_eq!(changed["push_access_levels"][0]["access_level"], 40);
    assert_eq!(changed["merge_access_levels"][0]["access_level"], 0);
    assert_eq!(
        api.ada(&format!("GET {root}"), Value::Null).await.each("name"),
        "release/*"
    );
    api.ada(&format!("DELETE {one}"), Value::Null).await.empty(204);
    assert_eq!(
        api.ada(&format!("GET {one}"), Value::Null).await.shown(),
        r#"404 {"message":"404 Not found"}"#
    );
    let tag = api
        .ada("POST /projects/1/protected_tags", json!({"name": "v*"}))
        .await
        .json(201);
    assert_eq!(tag["create_access_levels"][0]["access_level"], 40);
    api.ada("DELETE /projects/1/protected_tags/v%2A", Value::Null)
        .await
        .empty(204);
    for body in [
        json!({"name": "x", "push_access_level": 33}),
        json!({"name": "x", "allow_force_push": true}),
        json!({}),
    ] {
        assert_eq!(api.ada(&format!("POST {root}"), body).await.status, 400);
    }
}
