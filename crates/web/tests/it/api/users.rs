//! Users.

use serde_json::{Value, json};

use super::Api;

#[tokio::test]
async fn an_administrator_creates_and_deletes_users() {
    let api = Api::start().await;
    let bob = json!({"username": "bob", "name": "Bob", "email": "bob@example.com", "password": "a long password"});
    let made = api.root("POST /users", bob.clone()).await.json(201);
    assert_eq!((&made["username"], &made["is_admin"]), (&json!("bob"), &json!(false)));
    let id = &made["id"];

    for (change, expected) in [
        (
            json!({"email": "other@example.com"}),
            r#"409 {"message":"Username has already been taken"}"#,
        ),
        (
            json!({"username": "other"}),
            r#"409 {"message":"Email has already been taken"}"#,
        ),
        (
            json!({"username": "ADA", "email": "x@y"}),
            r#"409 {"message":"Username has already been taken"}"#,
        ),
        (
            json!({"username": "c", "email": "c@d", "password": "short"}),
            r#"400 {"message":{"password":["is too short (minimum is 8 characters)"]}}"#,
        ),
        (
            json!({"username": "api", "email": "c@d"}),
            r#"400 {"message":{"username":["api is a reserved name"]}}"#,
        ),
    ] {
        let mut body = bob.clone();
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        assert_eq!(api.root("POST /users", body).await.shown(), expected);
    }
    assert_eq!(
        api.root("POST /users", json!({"username": "x"})).await.shown(),
        r#"400 {"error":"email is missing, name is missing, password, reset_password, force_random_password are missing, at least one parameter must be provided"}"#
    );
    assert_eq!(
        api.ada("POST /users", bob).await.shown(),
        r#"403 {"message":"403 Forbidden"}"#
    );

    api.root(&format!("DELETE /users/{id}"), Value::Null).await.empty(204);
    assert_eq!(
        api.root(&format!("GET /users/{id}"), Value::Null).await.shown(),
        r#"404 {"message":"404 User Not Found"}"#
    );
}

#[tokio::test]
async fn users_are_found_by_name() {
    let api = Api::start().await;
    let found = api.ada("GET /users?username=ADA", Value::Null).await;
    assert_eq!(found.each("username"), "ada");
    assert!(found.json(200)[0].get("email").is_none());
    for query in ["", "?username=ada", "?username=nobody"] {
        assert_eq!(
            api.get(&format!("GET /users{query}"), "").await.shown(),
            r#"403 {"message":"403 Forbidden - Not authorized to access /api/v4/users"}"#
        );
    }
    assert_eq!(
        api.root("GET /users?search=ad", Value::Null).await.each("email"),
        "root@localhost ada@example.com"
    );
    let id = api.server.ada.id;
    assert_eq!(
        api.get(&format!("GET /users/{id}"), "").await.shown(),
        r#"403 {"message":"403 Forbidden - Not authorized!"}"#
    );
    let profile = api.ada(&format!("GET /users/{id}"), Value::Null).await.json(200);
    assert_eq!((&profile["username"], &profile["bot"]), (&json!("ada"), &json!(false)));
    assert_eq!(
        api.get("GET /users/x", "").await.shown(),
        r#"400 {"error":"id is invalid"}"#
    );
}
