//! Members of projects and groups.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;

#[tokio::test]
async fn members_are_added_changed_and_removed() {
    let api = Api::start().await;
    let bob = api.server.user("bob").await.id;
    let root = "/projects/ada%2Ftool/members";
    let new = json!({"user_id": bob.0, "access_level": 30, "expires_at": "2999-01-02"});
    let made = api.ada(&format!("POST {root}"), new.clone()).await.json(201);
    assert_eq!((&made["username"], &made["access_level"]), (&json!("bob"), &json!(30)));
    assert_eq!(
        (&made["expires_at"], &made["membership_state"]),
        (&json!("2999-01-02"), &json!("active"))
    );
    assert_eq!(
        api.ada(&format!("POST {root}"), new).await.shown(),
        r#"409 {"message":"Member already exists"}"#
    );
    assert_eq!(
        api.ada(&format!("GET {root}"), Value::Null).await.each("username"),
        "bob"
    );
    assert_eq!(
        api.ada(&format!("GET {root}?query=OB"), Value::Null)
            .await
            .each("username"),
        "bob"
    );
    assert_eq!(
        api.ada(&format!("GET {root}?query=x"), Value::Null)
            .await
            .each("username"),
        ""
    );

    let changed = api
        .ada(&format!("PUT {root}/{bob}"), json!({"access_level": 40}))
        .await
        .json(200);
    assert_eq!(
        (&changed["access_level"], &changed["expires_at"]),
        (&json!(40), &json!("2999-01-02"))
    );
    api.ada(&format!("DELETE {root}/{bob}"), Value::Null).await.empty(204);
    assert_eq!(
        api.ada(&format!("GET {root}/{bob}"), Value::Null).await.shown(),
        r#"404 {"message":"404 Not found"}"#
    );
}

#[tokio::test]
async fn members_are_added_by_name_and_not_for_the_past() {
    let api = Api::start().await;
    for name in ["bob", "cyd", "dan"] {
        api.server.user(name).await;
    }
    let root = "/projects/1/members";
    let by_name = json!({"username": "bob,Cyd", "access_level": 30});
    assert_eq!(
        api.ada(&format!("POST {root}"), by_name).await.json(201)["username"],
        "cyd"
    );
    let both = json!({"username": "dan", "user_id": 1, "access_level": 30});
    let unknown = json!({"username": "nobody", "access_level": 30});
    let past = json!({"username": "dan", "access_level": 30, "expires_at": "2001-01-01"});
    let in_past = r#"400 {"message":{"expires_at":["cannot be a date in the past"]}}"#;
    for (body, expected) in [
        (both, r#"400 {"error":"user_id, username are mutually exclusive"}"#),
        (unknown, r#"404 {"message":"404 User Not Found"}"#),
        (past, in_past),
    ] {
        assert_eq!(api.ada(&format!("POST {root}"), body).await.shown(), expected);
    }
    assert_eq!(
        api.ada(&format!("GET {root}"), Value::Null).await.each("username"),
        "bob cyd"
    );
    let bob = api.ada(&format!("GET {root}?query=bob"), Value::Null).await.json(200)[0]["id"].clone();
    let past = json!({"access_level": 30, "expires_at": "2001-01-01"});
    assert_eq!(api.ada(&format!("PUT {root}/{bob}"), past).await.shown(), in_past);
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
        .to_string();
    let body = json!({"access_level": 20, "expires_at": today});
    assert_eq!(
        api.ada(&format!("PUT {root}/{bob}"), body).await.json(200)["expires_at"],
        today
    );
}

#[tokio::test]
async fn bad_members_are_refused() {
    let api = Api::start().await;
    let root = "POST /projects/1/members";
    for (body, expected) in [
        (
            json!({}),
            r#"400 {"error":"user_id is missing, access_level is missing"}"#,
        ),
        (
            json!({"user_id": 1, "access_level": 33}),
            r#"400 {"message":{"access_level":["is not included in the list"]}}"#,
        ),
        (
            json!({"user_id": 999, "access_level": 30}),
            r#"404 {"message":"404 User Not Found"}"#,
        ),
        (
            json!({"user_id": "x", "access_level": 30}),
            r#"400 {"error":"user_id is invalid"}"#,
        ),
    ] {
        assert_eq!(api.ada(root, body).await.shown(), expected);
    }
}

#[tokio::test]
async fn nobody_hands_out_a_role_above_their_own() {
    let api = Api::start().await;
    let maintainer = api.server.member("max", AccessLevel::Maintainer).await;
    let developer = api.server.member("dev", AccessLevel::Developer).await;
    let zoe = api.server.user("zoe").await.id;
    let root = "/projects/1/members";
    let owner = json!({"user_id": zoe.0, "access_level": 50});
    assert_eq!(api.call(&format!("POST {root}"), &maintainer, owner).await.status, 403);
    let guest = json!({"user_id": zoe.0, "access_level": 10});
    assert_eq!(
        api.call(&format!("POST {root}"), &developer, guest.clone())
            .await
            .status,
        403
    );
    assert_eq!(api.call(&format!("POST {root}"), &maintainer, guest).await.status, 201);
    let dev = api.get("GET /user", &developer).await.json(200)["id"].clone();
    api.get(&format!("DELETE {root}/{dev}"), &developer).await.empty(204);
}

#[tokio::test]
async fn members_of_the_group_count_as_inherited() {
    let api = Api::start().await;
    let bob = api.server.user("bob").await.id;
    let group = api
        .ada("POST /groups", json!({"name": "G", "path": "g"}))
        .await
        .json(201)["id"]
        .clone();
    let new = json!({"user_id": format!("{bob}"), "access_level": "30"});
    api.ada("POST /groups/g/members", new).await.json(201);
    api.ada("POST /projects", json!({"name": "p", "namespace_id": group}))
        .await
        .json(201);
    assert_eq!(
        api.ada("GET /projects/g%2Fp/members", Value::Null)
            .await
            .each("username"),
        "ada"
    );
    assert_eq!(
        api.ada("GET /projects/g%2Fp/members/all", Value::Null)
            .await
            .each("username"),
        "ada bob"
    );
    let inherited = api
        .ada(&format!("GET /projects/g%2Fp/members/all/{bob}"), Value::Null)
        .await;
    assert_eq!(inherited.json(200)["access_level"], 30);
    let ada = api.server.ada.id;
    assert_eq!(
        api.ada(&format!("DELETE /groups/g/members/{ada}"), Value::Null)
            .await
            .status,
        403,
        "the last owner"
    );
}
