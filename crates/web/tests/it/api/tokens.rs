//! Personal access tokens.

use serde_json::{Value, json};

use super::Api;
use crate::fixture::TOKEN;

#[tokio::test]
async fn a_token_is_made_used_rotated_and_revoked() {
    let api = Api::start().await;
    let id = api.server.ada.id;
    let new = json!({"name": "ci", "scopes": ["api", "read_user"], "description": "for CI"});
    let made = api
        .root(&format!("POST /users/{id}/personal_access_tokens"), new)
        .await
        .json(201);
    let text = made["token"].as_str().unwrap();
    assert!(text.starts_with("glpat-"), "{text}");
    assert_eq!(
        (&made["active"], &made["revoked"], &made["user_id"]),
        (&json!(true), &json!(false), &json!(id.0))
    );

    let shown = api.get("GET /personal_access_tokens/self", text).await.json(200);
    assert_eq!((&shown["name"], shown.get("token")), (&json!("ci"), None));
    assert_eq!(
        api.ada("GET /personal_access_tokens", Value::Null).await.each("name"),
        "test ci"
    );
    assert_eq!(
        api.ada("GET /personal_access_tokens?search=CI", Value::Null)
            .await
            .each("name"),
        "ci"
    );

    let rotated = api
        .get("POST /personal_access_tokens/self/rotate", text)
        .await
        .json(200);
    let next = rotated["token"].as_str().unwrap();
    assert_ne!(next, text);
    assert_eq!(rotated["scopes"], json!(["api", "read_user"]));
    assert_eq!(api.get("GET /user", text).await.json(401)["error"], "invalid_token");
    assert_eq!(api.get("GET /user", next).await.status, 200);

    api.get("DELETE /personal_access_tokens/self", next).await.empty(204);
    assert_eq!(api.get("GET /user", next).await.status, 401);
}

#[tokio::test]
async fn a_token_cannot_make_a_stronger_one() {
    let api = Api::start().await;
    let path = "POST /user/personal_access_tokens";
    let small = json!({"name": "n", "scopes": ["k8s_proxy"]});
    assert_eq!(api.ada(path, small).await.json(201)["scopes"], json!(["k8s_proxy"]));
    let refused = r#"400 {"error":"scopes does not have a valid value"}"#;
    assert_eq!(
        api.ada(path, json!({"name": "n", "scopes": ["api"]})).await.shown(),
        refused
    );
    assert_eq!(
        api.ada(path, json!({"name": "n", "scopes": ["nonsense"]}))
            .await
            .shown(),
        refused
    );
    assert_eq!(
        api.ada(path, json!({})).await.shown(),
        r#"400 {"error":"name is missing, scopes is missing"}"#
    );
    let admins = format!("POST /users/{}/personal_access_tokens", api.server.ada.id);
    assert_eq!(
        api.root(&admins, json!({"name": "n", "scopes": ["sudo"]})).await.status,
        400,
        "only administrators have such tokens"
    );
    assert_eq!(
        api.ada(&admins, json!({"name": "n", "scopes": ["api"]})).await.status,
        403
    );
}

#[tokio::test]
async fn ends_have_to_lie_within_a_year() {
    let api = Api::start().await;
    let path = format!("POST /users/{}/personal_access_tokens", api.server.ada.id);
    for (end, expected) in [
        (
            "2020-01-01",
            r#"400 {"message":{"expires_at":["must be in the future"]}}"#,
        ),
        ("tomorrow", r#"400 {"error":"expires_at is invalid"}"#),
    ] {
        let new = json!({"name": "n", "scopes": ["api"], "expires_at": end});
        assert_eq!(api.root(&path, new).await.shown(), expected);
    }
    let new = json!({"name": "n", "scopes": ["api"], "expires_at": "2999-01-01"});
    let answer = api.root(&path, new).await.json(400);
    assert!(
        answer["message"]["expires_at"][0]
            .as_str()
            .unwrap()
            .starts_with("must be before 20")
    );
}

#[tokio::test]
async fn foreign_tokens_are_hidden() {
    let api = Api::start().await;
    let roots = api
        .root("GET /personal_access_tokens/self", Value::Null)
        .await
        .json(200)["id"]
        .clone();
    assert_eq!(
        api.ada(&format!("GET /personal_access_tokens/{roots}"), Value::Null)
            .await
            .status,
        401
    );
    assert_eq!(
        api.ada("DELETE /personal_access_tokens/999", Value::Null).await.status,
        401
    );
    assert_eq!(
        api.root("DELETE /personal_access_tokens/999", Value::Null).await.status,
        404
    );
    assert_eq!(
        api.ada("GET /personal_access_tokens?user_id=1", Value::Null)
            .await
            .json(200)[0]["user_id"],
        1
    );
    assert_eq!(
        api.ada("GET /personal_access_tokens?user_id=2", Value::Null)
            .await
            .status,
        401
    );
    assert_eq!(api.get("GET /personal_access_tokens", "").await.status, 401);
    let id = api.get("GET /personal_access_tokens/self", TOKEN).await.json(200)["id"].clone();
    api.root(&format!("DELETE /personal_access_tokens/{id}"), Value::Null)
        .await
        .empty(204);
    assert_eq!(api.ada("GET /user", Value::Null).await.status, 401);
}
