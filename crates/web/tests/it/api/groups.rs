//! Groups and namespaces.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;

#[tokio::test]
async fn groups_hold_groups_and_projects() {
    let api = Api::start().await;
    let tools = api
        .ada("POST /groups", json!({"name": "Tools", "path": "tools"}))
        .await
        .json(201);
    assert_eq!(
        (&tools["full_path"], &tools["visibility"]),
        (&json!("tools"), &json!("private"))
    );
    let inner = json!({"name": "Inner", "path": "inner", "parent_id": tools["id"]});
    let inner = api.ada("POST /groups", inner).await.json(201);
    assert_eq!(
        (&inner["full_path"], &inner["full_name"]),
        (&json!("tools/inner"), &json!("Tools / Inner"))
    );

    let new = json!({"name": "App", "namespace_id": inner["id"]});
    let app = api.ada("POST /projects", new).await.json(201);
    assert_eq!(app["path_with_namespace"], "tools/inner/app");
    assert_eq!(app["name_with_namespace"], "Tools / Inner / App");
    assert_eq!(app["permissions"]["group_access"]["access_level"], 50);
    assert_eq!(
        api.ada("GET /groups/tools%2Finner/projects", Value::Null)
            .await
            .each("path"),
        "app"
    );
    assert_eq!(
        api.ada("GET /namespaces", Value::Null).await.each("kind"),
        "user group group"
    );
    assert_eq!(
        api.ada("GET /namespaces/ada", Value::Null).await.json(200)["kind"],
        "user"
    );

    assert_eq!(api.ada("DELETE /groups/tools", Value::Null).await.status, 409);
    assert_eq!(
        api.ada("POST /groups", json!({"name": "T", "path": "TOOLS"}))
            .await
            .shown(),
        r#"400 {"message":"Failed to save group {:path=>[\"has already been taken\"]}"}"#
    );
    let project = json!({"path": "open", "namespace_id": tools["id"], "visibility": "internal"});
    assert_eq!(
        api.ada("POST /projects", project).await.shown(),
        r#"400 {"message":{"visibility_level":["internal is not allowed in a private group."]}}"#
    );
    let open = json!({"name": "Open", "path": "open", "parent_id": tools["id"], "visibility": "public"});
    assert_eq!(
        api.ada("POST /groups", open).await.status,
        400,
        "a public group in a private one"
    );
}

#[tokio::test]
async fn private_groups_are_hidden_from_strangers() {
    let api = Api::start().await;
    let bob = api.server.member("bob", AccessLevel::Guest).await;
    api.ada("POST /groups", json!({"name": "Secret", "path": "secret"}))
        .await
        .json(201);
    api.ada(
        "POST /groups",
        json!({"name": "Open", "path": "open", "visibility": "public"}),
    )
    .await
    .json(201);
    let hidden = r#"404 {"message":"404 Group Not Found"}"#;
    assert_eq!(api.get("GET /groups/secret", &bob).await.shown(), hidden);
    assert_eq!(api.get("GET /groups/secret", "").await.shown(), hidden);
    assert_eq!(api.get("GET /groups/open", "").await.json(200)["path"], "open");
    assert_eq!(api.get("GET /groups", &bob).await.each("path"), "open");
    assert_eq!(api.get("DELETE /groups/open", &bob).await.status, 403);
    let inside =
        json!({"name": "X", "path": "x", "parent_id": api.ada("GET /groups/open", Value::Null).await.json(200)["id"]});
    assert_eq!(api.call("POST /groups", &bob, inside).await.status, 403);
    assert_eq!(
        api.ada("DELETE /groups/open", Value::Null).await.shown(),
        r#"202 {"message":"202 Accepted"}"#
    );
}
