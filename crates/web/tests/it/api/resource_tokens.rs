//! Project and group access tokens.

use model::{AccessLevel, Timestamp};
use serde_json::{Value, json};
use store::ops;

use super::{Api, ROOT};
use crate::fixture::{CONFIG, TOKEN};

/// The days of a token without a wish, and the least after them.
const YEAR: i64 = 365;

fn new(name: &str, scopes: &[&str], level: i64) -> Value {
    json!({"name": name, "scopes": scopes, "access_level": level})
}

/// The day in so many days as the API writes it.
fn day(api: &Api, days: i64) -> String {
    let now = api.server.app.clock.now();
    app::time::date(Timestamp(now.0 + days * 86_400_000_000))
}

/// A group with `ada` as its owner; returns its id.
async fn group(api: &Api) -> Value {
    let made = api.ada("POST /groups", json!({"name": "team", "path": "team"})).await;
    made.json(201)["id"].clone()
}

#[tokio::test]
async fn a_project_token_is_made_used_listed_rotated_and_revoked() {
    let api = Api::start().await;
    let at = format!("/projects/{}", api.server.project.id);
    let mut wanted = new("deploy", &["api"], 30);
    wanted["description"] = json!("for deployments");
    let made = api.ada(&format!("POST {at}/access_tokens"), wanted).await.json(201);
    let text = made["token"].as_str().unwrap();
    assert!(text.starts_with("glpat-") && text.len() == 26, "{text}");
    for (field, value) in [
        ("name", json!("deploy")),
        ("description", json!("for deployments")),
        ("revoked", json!(false)),
        ("active", json!(true)),
        ("scopes", json!(["api"])),
        ("access_level", json!(30)),
        ("expires_at", json!(day(&api, YEAR))),
        ("last_used_at", Value::Null),
        ("resource_type", json!("project")),
        ("resource_id", json!(api.server.project.id.0)),
    ] {
        assert_eq!(made[field], value, "{field}");
    }

    let bot = api.get("GET /user", text).await.json(200);
    assert_eq!((&bot["id"], &bot["bot"]), (&made["user_id"], &json!(true)));
    let name = bot["username"].as_str().unwrap();
    let prefix = format!("project_{}_bot_", api.server.project.id);
    assert!(name.starts_with(&prefix) && name.len() == prefix.len() + 32, "{name}");
    let bearer = axum::http::Request::builder()
        .uri("/api/v4/user")
        .header("authorization", format!("Bearer {text}"));
    let bearer = api.send(bearer.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(bearer.json(200)["id"], bot["id"]);
    let own = api.get("GET /personal_access_tokens/self", text).await.json(200);
    assert_eq!(own["id"], made["id"]);
    // A Developer of this project and nothing else.
    let branch = json!({"branch": "x", "ref": "main"});
    let line = format!("POST {at}/repository/branches");
    assert_ne!(api.call(&line, text, branch).await.status, 403);
    assert_eq!(
        api.call(&format!("GET {at}/variables"), text, Value::Null).await.status,
        403
    );
    let elsewhere = api.root("POST /projects", json!({"name": "hidden"})).await.json(201)["id"].clone();
    assert_eq!(api.get(&format!("GET /projects/{elsewhere}"), text).await.status, 404);

    let listed = api.ada(&format!("GET {at}/access_tokens"), Value::Null).await.json(200);
    assert_eq!(
        (listed[0]["id"].clone(), listed.as_array().unwrap().len()),
        (made["id"].clone(), 1)
    );
    assert!(
        listed[0].get("token").is_none() && !listed[0]["last_used_at"].is_null(),
        "{listed}"
    );
    let member = api
        .ada(&format!("GET {at}/members/{}", bot["id"]), Value::Null)
        .await
        .json(200);
    assert_eq!(
        (&member["access_level"], &member["expires_at"]),
        (&json!(30), &Value::Null)
    );

    let one = format!("{at}/access_tokens/{}", made["id"]);
    let rotated = api.ada(&format!("POST {one}/rotate"), Value::Null).await.json(200);
    let next = rotated["token"].as_str().unwrap();
    assert_eq!(
        (&rotated["user_id"], &rotated["access_level"]),
        (&made["user_id"], &json!(30))
    );
    assert_eq!(rotated["expires_at"], json!(day(&api, 7)));
    assert_eq!(api.get("GET /user", text).await.json(401)["error"], "invalid_token");
    assert_eq!(
        api.ada(&format!("POST {one}/rotate"), Value::Null).await.shown(),
        r#"400 {"message":"400 Bad request - Token already revoked"}"#
    );

    let one = format!("{at}/access_tokens/{}", rotated["id"]);
    assert_eq!(
        api.ada(&format!("GET {one}"), Value::Null).await.json(200)["active"],
        true
    );
    api.ada(&format!("DELETE {one}"), Value::Null).await.empty(204);
    assert_eq!(api.get("GET /user", next).await.json(401)["error"], "invalid_token");
    // What has ended is still listed.
    let shown = |query: &'static str| {
        let line = format!("GET {at}/access_tokens?{query}");
        let api = &api;
        async move { api.ada(&line, Value::Null).await.each("active") }
    };
    assert_eq!(shown("state=inactive").await, "false false");
    assert_eq!(shown("state=active").await, "");
    assert_eq!(shown("revoked=false").await, "");
}

#[tokio::test]
async fn a_group_token_reaches_the_projects_of_the_group() {
    let api = Api::start().await;
    let group = group(&api).await;
    let project = json!({"name": "inner", "namespace_id": group});
    let project = api.ada("POST /projects", project).await.json(201)["id"].clone();
    let at = format!("/groups/{group}");
    let made = api
        .ada(&format!("POST {at}/access_tokens"), new("g", &["api"], 40))
        .await
        .json(201);
    assert_eq!(
        (&made["resource_type"], &made["resource_id"]),
        (&json!("group"), &group)
    );
    let text = made["token"].as_str().unwrap();
    let name = api.get("GET /user", text).await.json(200)["username"].clone();
    assert!(
        name.as_str().unwrap().starts_with(&format!("group_{group}_bot_")),
        "{name}"
    );
    api.get(&format!("GET /projects/{project}/variables"), text)
        .await
        .json(200);
    // Only an Owner manages the tokens of a group; a Maintainer cannot even see them.
    let line = format!("GET {at}/access_tokens");
    assert_eq!(api.get(&line, text).await.status, 401);
    assert_eq!(api.ada(&line, Value::Null).await.each("name"), "g");
    assert_eq!(
        api.ada(&format!("GET {at}/access_tokens/99"), Value::Null)
            .await
            .shown(),
        r#"404 {"message":"404 group Access Token Not Found"}"#
    );
    // The token goes with the group.
    api.ada(&format!("DELETE /projects/{project}"), Value::Null)
        .await
        .json(202);
    api.ada(&format!("DELETE {at}"), Value::Null).await.json(202);
    assert_eq!(api.get("GET /user", text).await.status, 401);
    let bot = format!("GET /users/{}", made["user_id"]);
    assert_eq!(api.root(&bot, Value::Null).await.status, 404);
}

#[tokio::test]
async fn nobody_makes_or_rotates_a_token_that_may_do_more_than_they() {
    let api = Api::start().await;
    let at = format!("/projects/{}/access_tokens", api.server.project.id);
    let maintainer = api.server.member("mia", AccessLevel::Maintainer).await;
    let developer = api.server.member("dev", AccessLevel::Developer).await;
    let create = format!("POST {at}");
    assert_eq!(
        api.call(&create, &maintainer, new("n", &["api"], 50)).await.shown(),
        r#"400 {"message":"400 Bad request - Access level of the token contains permissions not held by the creating user"}"#
    );
    assert_eq!(
        api.call(&create, &developer, new("n", &["api"], 10)).await.shown(),
        r#"400 {"message":"400 Bad request - User does not have permission to create project access token"}"#
    );
    let owners = api.ada(&create, new("owner", &["api"], 50)).await.json(201);
    let one = format!("{at}/{}", owners["id"]);
    assert_eq!(
        api.get(&format!("POST {one}/rotate"), &maintainer).await.shown(),
        r#"400 {"message":"400 Bad request - Not eligible to rotate tokens with permissions not held by the user"}"#
    );
    assert_eq!(
        api.get(&format!("DELETE {one}"), &developer).await.shown(),
        r#"400 {"message":"400 Bad request - dev cannot delete owner"}"#
    );
    for line in [format!("GET {at}"), format!("GET {one}"), format!("POST {one}/rotate")] {
        assert_eq!(
            api.get(&line, &developer).await.shown(),
            r#"401 {"message":"401 Unauthorized"}"#
        );
    }
    // Administrators may, and are told when there is no such token.
    assert_eq!(
        api.root(&format!("POST {at}/99/rotate"), Value::Null).await.shown(),
        r#"404 {"message":"404 Not Found"}"#
    );
    api.root(&format!("POST {one}/rotate"), Value::Null).await.json(200);
    // Without a role a token is a Maintainer's.
    let made = api
        .call(&create, &maintainer, json!({"name": "m", "scopes": ["api"]}))
        .await;
    assert_eq!(made.json(201)["access_level"], 40);
}

#[tokio::test]
async fn a_token_rotates_itself_and_makes_no_others() {
    let api = Api::start().await;
    let at = format!("/projects/{}/access_tokens", api.server.project.id);
    let made = api.ada(&format!("POST {at}"), new("m", &["api"], 40)).await.json(201);
    let (id, text) = (made["id"].clone(), made["token"].as_str().unwrap().to_owned());
    assert_eq!(
        api.call(&format!("POST {at}"), &text, new("child", &["api"], 10))
            .await
            .shown(),
        r#"400 {"message":"400 Bad request - User does not have permission to create project access token"}"#
    );
    assert_eq!(api.get(&format!("POST {at}/{id}/rotate"), &text).await.status, 401);
    let personal = json!({"name": "n", "scopes": ["self_rotate"]});
    let line = "POST /user/personal_access_tokens";
    assert_eq!(api.call(line, &text, personal).await.status, 403);
    let own = api.call("POST /projects", &text, json!({"name": "mine"})).await;
    assert_eq!(own.status, 400, "{}", own.text);
    let own = json!({"name": "mine", "path": "mine"});
    assert_eq!(api.call("POST /groups", &text, own).await.status, 403);

    let line = format!("POST {at}/self/rotate");
    let rotated = api
        .call(&line, &text, json!({"expires_at": day(&api, 30)}))
        .await
        .json(200);
    assert_eq!(
        (&rotated["user_id"], &rotated["expires_at"]),
        (&made["user_id"], &json!(day(&api, 30)))
    );
    let text = rotated["token"].as_str().unwrap();
    assert_eq!(
        api.get(&line, TOKEN).await.shown(),
        r#"405 {"message":"405 Method Not Allowed"}"#
    );
    let other = api.ada("POST /projects", json!({"name": "other"})).await.json(201)["id"].clone();
    let line = format!("POST /projects/{other}/access_tokens/self/rotate");
    assert_eq!(api.get(&line, text).await.status, 404, "it cannot see that project");
    // `self_rotate` alone is enough for itself and for nothing else.
    let made = api
        .ada(&format!("POST {at}"), new("r", &["self_rotate"], 10))
        .await
        .json(201);
    let text = made["token"].as_str().unwrap();
    assert_eq!(
        api.get(&format!("GET {at}"), text).await.json(403)["error"],
        "insufficient_scope"
    );
    api.get(&format!("POST {at}/self/rotate"), text).await.json(200);
}

#[tokio::test]
async fn what_a_token_cannot_be_is_said() {
    let api = Api::start().await;
    let at = format!("POST /projects/{}/access_tokens", api.server.project.id);
    let latest = day(&api, YEAR);
    for (change, expected) in [
        (json!({"name": null}), r#"{"error":"name is missing"}"#.to_owned()),
        (json!({"scopes": null}), r#"{"error":"scopes is missing"}"#.to_owned()),
        (
            json!({"name": " "}),
            r#"{"message":"400 Bad request - Name can't be blank"}"#.to_owned(),
        ),
        (
            json!({"scopes": []}),
            r#"{"message":"400 Bad request - Scopes can't be blank"}"#.to_owned(),
        ),
        (
            json!({"scopes": ["sudo"]}),
            r#"{"error":"scopes does not have a valid value"}"#.to_owned(),
        ),
        (
            json!({"scopes": ["read_user"]}),
            r#"{"error":"scopes does not have a valid value"}"#.to_owned(),
        ),
        (
            json!({"access_level": 35}),
            r#"{"error":"access_level does not have a valid value"}"#.to_owned(),
        ),
        (
            json!({"access_level": 0}),
            r#"{"error":"access_level does not have a valid value"}"#.to_owned(),
        ),
        (
            json!({"expires_at": "soon"}),
            r#"{"error":"expires_at is invalid"}"#.to_owned(),
        ),
        (
            json!({"expires_at": "2020-01-01"}),
            r#"{"message":"400 Bad request - Expires at must be in the future"}"#.to_owned(),
        ),
        (
            json!({"expires_at": day(&api, YEAR + 1)}),
            format!(r#"{{"message":"400 Bad request - Expires at must be before {latest}"}}"#),
        ),
        (
            json!({"description": "x".repeat(256)}),
            r#"{"message":"400 Bad request - Description is too long (maximum is 255 characters)"}"#.to_owned(),
        ),
    ] {
        let mut wanted = new("n", &["api"], 30);
        for (field, value) in change.as_object().unwrap() {
            if value.is_null() {
                wanted.as_object_mut().unwrap().remove(field);
            } else {
                wanted[field] = value.clone();
            }
        }
        assert_eq!(
            api.ada(&at, wanted).await.shown(),
            format!("400 {expected}"),
            "{change}"
        );
    }
    let mut longest = new("n", &["api"], 30);
    longest["expires_at"] = json!(latest);
    assert_eq!(api.ada(&at, longest).await.json(201)["expires_at"], latest);
}

#[tokio::test]
async fn lists_are_filtered_and_sorted() {
    let api = Api::start().await;
    let at = format!("/projects/{}/access_tokens", api.server.project.id);
    for (name, days) in [("bravo", 3), ("alpha", 9), ("Charlie", 6)] {
        let mut wanted = new(name, &["api"], 10);
        wanted["expires_at"] = json!(day(&api, days));
        api.ada(&format!("POST {at}"), wanted).await.json(201);
    }
    let soon = day(&api, 6);
    for (query, expected) in [
        ("sort=name_asc".to_owned(), "alpha bravo Charlie"),
        ("sort=name_desc".to_owned(), "Charlie bravo alpha"),
        ("sort=expires_asc".to_owned(), "bravo Charlie alpha"),
        ("sort=expires_desc".to_owned(), "alpha Charlie bravo"),
        ("sort=created_desc".to_owned(), "Charlie alpha bravo"),
        ("sort=no_such_thing".to_owned(), "bravo alpha Charlie"),
        ("search=HA".to_owned(), "alpha Charlie"),
        (format!("expires_before={soon}"), "bravo"),
        (format!("expires_after={soon}"), "alpha"),
        ("created_before=2020-01-01T00:00:00Z".to_owned(), ""),
        ("last_used_after=2020-01-01T00:00:00Z".to_owned(), ""),
        ("per_page=1&page=2".to_owned(), "alpha"),
    ] {
        let answer = api.ada(&format!("GET {at}?{query}"), Value::Null).await;
        assert_eq!(answer.each("name"), expected, "{query}");
    }
    let answer = api.ada(&format!("GET {at}?per_page=1"), Value::Null).await;
    assert_eq!(answer.headers["x-total"], "3");
    assert_eq!(
        api.ada(&format!("GET {at}?state=gone"), Value::Null).await.shown(),
        r#"400 {"error":"state does not have a valid value"}"#
    );
}

#[tokio::test]
async fn what_a_bot_made_ends_with_its_token() {
    let api = Api::start().await;
    let at = format!("/projects/{}", api.server.project.id);
    let action = json!({"action": "create", "file_path": ".gitlab-ci.yml", "content": CONFIG});
    let commit = json!({"branch": "main", "commit_message": "[skip ci]", "actions": [action]});
    api.ada(&format!("POST {at}/repository/commits"), commit)
        .await
        .json(201);
    let made = api
        .ada(&format!("POST {at}/access_tokens"), new("bot", &["api"], 40))
        .await
        .json(201);
    let text = made["token"].as_str().unwrap();
    let trigger = api
        .call(&format!("POST {at}/triggers"), text, json!({"description": "by a bot"}))
        .await
        .json(201);
    assert_eq!(trigger["owner"]["id"], made["user_id"]);
    let call = json!({"token": trigger["token"], "ref": "main"});
    let line = format!("POST {at}/trigger/pipeline");
    let pipeline = api.call(&line, "", call.clone()).await.json(201);
    assert_eq!(pipeline["user"]["id"], made["user_id"]);
    // A rotation keeps the bot and what it owns.
    let one = format!("{at}/access_tokens/{}", made["id"]);
    let rotated = api.ada(&format!("POST {one}/rotate"), Value::Null).await.json(200);
    api.call(&line, "", call.clone()).await.json(201);
    let one = format!("{at}/access_tokens/{}", rotated["id"]);
    api.ada(&format!("DELETE {one}"), Value::Null).await.empty(204);
    let refused = api.call(&line, "", call).await;
    assert!(refused.status >= 400, "{}", refused.shown());

    // It is kept for the list of tokens, for a while.
    app::resource_tokens::sweep(&api.server.app).await.unwrap();
    assert_eq!(
        api.ada(&format!("GET {at}/access_tokens"), Value::Null)
            .await
            .each("name"),
        "bot bot"
    );
}

#[tokio::test]
async fn bots_belong_to_one_place_and_have_no_password() {
    let api = Api::start().await;
    let at = format!("/projects/{}", api.server.project.id);
    let made = api
        .ada(&format!("POST {at}/access_tokens"), new("bot", &["api"], 30))
        .await
        .json(201);
    let bot = &made["user_id"];
    let other = api.ada("POST /projects", json!({"name": "other"})).await.json(201)["id"].clone();
    let member = json!({"user_id": bot, "access_level": 30});
    assert_eq!(
        api.ada(&format!("POST /projects/{other}/members"), member)
            .await
            .shown(),
        r#"400 {"message":{"user":["project bots cannot be added to other groups / projects"]}}"#
    );
    let one = format!("{at}/members/{bot}");
    let raised = json!({"access_level": 50});
    assert_eq!(api.ada(&format!("PUT {one}"), raised).await.status, 403);
    assert_eq!(api.ada(&format!("DELETE {one}"), Value::Null).await.status, 403);
    let id = model::UserId(bot.as_i64().unwrap());
    let app = &api.server.app;
    let hash = app
        .store
        .read(move |tx| ops::users::password_hash(tx, id))
        .await
        .unwrap();
    assert_eq!(hash, None);
    let user = app
        .store
        .read(move |tx| ops::users::get(tx, id))
        .await
        .unwrap()
        .unwrap();
    // Even one that somehow got a password.
    let hash = app::setup::hash_password("correct horse").unwrap();
    app.store
        .write(move |tx| ops::users::set_password_hash(tx, id, Some(&hash)))
        .await
        .unwrap();
    let attempt = app::sessions::Attempt {
        login: user.username,
        password: "correct horse".to_owned(),
        address: None,
        user_agent: None,
        before: None,
    };
    let outcome = app::sessions::sign_in(app, attempt).await.unwrap();
    assert!(matches!(outcome, app::sessions::Outcome::Refused));
    // Its project takes it along.
    api.root(&format!("DELETE {at}"), Value::Null).await.json(202);
    assert_eq!(
        api.call(&format!("GET /users/{bot}"), ROOT, Value::Null).await.status,
        404
    );
}
