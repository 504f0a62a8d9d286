//! Environments and deployments: shapes, words and refusals.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;

const ENVIRONMENTS: &str = "/projects/ada%2Ftool/environments";
const DEPLOYMENTS: &str = "/projects/ada%2Ftool/deployments";

async fn with_code(api: &Api) -> String {
    let action = json!({"action": "create", "file_path": "x", "content": "y"});
    let body = json!({"branch": "main", "commit_message": "x [skip ci]", "actions": [action]});
    let made = api.ada("POST /projects/1/repository/commits", body).await.json(201);
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_environment_is_made_changed_stopped_and_deleted() {
    let api = Api::start().await;
    let new = json!({"name": "review/Fix", "external_url": "https://fix.example.com", "description": "d"});
    let made = api.ada(&format!("POST {ENVIRONMENTS}"), new).await.json(201);
    let slug = made["slug"].as_str().unwrap();
    assert!(slug.starts_with("review-fix-") && slug.len() == 17, "{slug}");
    for (field, expected) in [
        ("name", json!("review/Fix")),
        ("external_url", json!("https://fix.example.com")),
        ("tier", json!("development")),
        ("state", json!("available")),
        ("auto_stop_at", Value::Null),
        ("auto_stop_setting", json!("always")),
        ("description", json!("d")),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    assert_eq!(made["project"]["path_with_namespace"], "ada/tool");
    assert!(made.get("last_deployment").is_none());

    let one = format!("{ENVIRONMENTS}/{}", made["id"]);
    let change =
        json!({"external_url": "", "tier": "production", "auto_stop_setting": "with_action", "name": "ignored"});
    let changed = api.ada(&format!("PUT {one}"), change).await.json(200);
    assert_eq!(
        (
            &changed["external_url"],
            &changed["tier"],
            &changed["name"],
            &changed["auto_stop_setting"]
        ),
        (
            &Value::Null,
            &json!("production"),
            &json!("review/Fix"),
            &json!("with_action")
        )
    );
    let shown = api.ada(&format!("GET {one}"), Value::Null).await.json(200);
    assert_eq!(shown["last_deployment"], Value::Null);
    assert!(
        shown.get("last_deployment").is_some() && shown.get("project").is_none(),
        "{shown}"
    );

    let refused = api.ada(&format!("DELETE {one}"), Value::Null).await;
    assert_eq!(refused.shown(), r#"403 {"message":"403 Forbidden"}"#);
    for _ in 0..2 {
        let stopped = api.ada(&format!("POST {one}/stop"), Value::Null).await.json(200);
        assert_eq!(stopped["state"], "stopped");
    }
    api.ada(&format!("DELETE {one}"), Value::Null).await.empty(204);
    for line in [
        format!("GET {one}"),
        format!("DELETE {one}"),
        format!("POST {one}/stop"),
    ] {
        assert_eq!(
            api.ada(&line, Value::Null).await.shown(),
            r#"404 {"message":"404 Not found"}"#
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_environment_is_said() {
    let api = Api::start().await;
    let post = format!("POST {ENVIRONMENTS}");
    api.ada(&post, json!({"name": "live"})).await.json(201);
    let long = "a".repeat(256);
    for (body, answer) in [
        (json!({}), r#"400 {"error":"name is missing"}"#.to_owned()),
        (
            json!({"name": "x", "slug": "x"}),
            r#"400 {"error":"slug is automatically generated and cannot be changed"}"#.to_owned(),
        ),
        (
            json!({"name": "x", "tier": "top"}),
            r#"400 {"error":"tier does not have a valid value"}"#.to_owned(),
        ),
        (
            json!({"name": "live"}),
            r#"400 {"message":{"name":["has already been taken"]}}"#.to_owned(),
        ),
        (
            json!({"name": long}),
            r#"400 {"message":{"name":["is too long (maximum is 255 characters)"]}}"#.to_owned(),
        ),
        (
            json!({"name": "/x"}),
            r#"400 {"message":{"name":["can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, but it cannot start or end with '/'"]}}"#.to_owned(),
        ),
        (
            json!({"name": "x", "external_url": "javascript:alert(1)"}),
            r#"400 {"message":{"external_url":["javascript scheme is not allowed"]}}"#.to_owned(),
        ),
        (
            json!({"name": "x", "external_url": format!("https://{long}")}),
            r#"400 {"message":{"external_url":["is too long (maximum is 255 characters)"]}}"#.to_owned(),
        ),
    ] {
        assert_eq!(api.ada(&post, body).await.shown(), answer);
    }
    let blank = api.ada(&post, json!({"name": " "})).await.json(400);
    assert_eq!(blank["message"]["name"][0], "can't be blank");
    let zero = api.ada(&post, json!({"name": "a\u{0}b"})).await;
    assert_eq!(zero.status, 400, "{}", zero.text);
    assert_eq!(
        api.ada(&format!("GET {ENVIRONMENTS}/x"), Value::Null).await.shown(),
        r#"400 {"error":"environment_id is invalid"}"#
    );
}

#[tokio::test]
async fn environments_are_listed_by_name_beginning_and_state() {
    let api = Api::start().await;
    for name in ["production", "review/a", "review/b"] {
        api.ada(&format!("POST {ENVIRONMENTS}"), json!({"name": name}))
            .await
            .json(201);
    }
    api.ada(&format!("POST {ENVIRONMENTS}/3/stop"), json!({"force": true}))
        .await
        .json(200);
    for (query, names) in [
        ("", "production review/a review/b"),
        ("?search=REV", "review/a review/b"),
        ("?name=production", "production"),
        ("?states=stopped", "review/b"),
        ("?states=available&per_page=1&page=2", "review/a"),
    ] {
        let answer = api.ada(&format!("GET {ENVIRONMENTS}{query}"), Value::Null).await;
        assert_eq!(answer.each("name"), names, "{query}");
    }
    for (query, answer) in [
        (
            "?search=re",
            r#"400 {"message":"400 Bad request - Search query is less than 3 characters"}"#,
        ),
        ("?states=gone", r#"400 {"error":"states does not have a valid value"}"#),
        (
            "?name=a&search=abc",
            r#"400 {"error":"name, search cannot be used together"}"#,
        ),
    ] {
        assert_eq!(
            api.ada(&format!("GET {ENVIRONMENTS}{query}"), Value::Null)
                .await
                .shown(),
            answer
        );
    }
}

#[tokio::test]
async fn review_apps_go_and_stale_environments_stop() {
    let api = Api::start().await;
    let made = api
        .ada(&format!("POST {ENVIRONMENTS}"), json!({"name": "review/a"}))
        .await
        .json(201);
    let stale = format!("POST {ENVIRONMENTS}/stop_stale");
    for (body, answer) in [
        (json!({}), r#"400 {"error":"before is missing"}"#),
        (json!({"before": "x"}), r#"400 {"error":"before is invalid"}"#),
        (
            json!({"before": "2200-01-01"}),
            r#"400 {"message":"400 Bad request - Invalid Date"}"#,
        ),
        (
            json!({"before": "1990-01-01"}),
            r#"400 {"message":"400 Bad request - Invalid Date"}"#,
        ),
    ] {
        assert_eq!(api.ada(&stale, body).await.shown(), answer);
    }
    let review = format!("DELETE {ENVIRONMENTS}/review_apps");
    let none = api.ada(&review, Value::Null).await.json(400);
    assert_eq!(none["scheduled_entries"], json!([]));
    assert!(
        none["message"].as_str().unwrap().starts_with("No environments found"),
        "{none}"
    );
    api.ada(&format!("POST {ENVIRONMENTS}/{}/stop", made["id"]), Value::Null)
        .await
        .json(200);
    let later = json!({"before": "2999-01-01T00:00:00Z"});
    for _ in 0..2 {
        let dry = api.ada(&review, later.clone()).await.json(200);
        assert_eq!(dry["scheduled_entries"][0]["slug"], made["slug"]);
        assert_eq!(dry["unprocessable_entries"], json!([]));
    }
    let wet = json!({"before": "2999-01-01T00:00:00Z", "dry_run": false});
    api.ada(&review, wet.clone()).await.json(200);
    api.ada(&review, wet).await.json(400);
    let refused = api.ada(&review, json!({"limit": 1001})).await;
    assert_eq!(refused.shown(), r#"400 {"error":"limit does not have a valid value"}"#);
}

#[tokio::test]
async fn a_deployment_of_another_system_is_noted() {
    let api = Api::start().await;
    let sha = with_code(&api).await;
    let post = format!("POST {DEPLOYMENTS}");
    let new =
        |status: &str| json!({"environment": "production", "sha": sha, "ref": "main", "tag": false, "status": status});
    let made = api.ada(&post, new("running")).await.json(201);
    assert_eq!(
        (
            &made["iid"],
            &made["status"],
            &made["deployable"],
            &made["ref"],
            &made["sha"]
        ),
        (&json!(1), &json!("running"), &Value::Null, &json!("main"), &json!(sha))
    );
    assert_eq!(made["environment"]["name"], "production");
    assert_eq!(made["user"]["username"], "ada");
    let one = format!("{DEPLOYMENTS}/{}", made["id"]);
    let running = api.ada(&format!("DELETE {one}"), Value::Null).await;
    assert_eq!(
        running.shown(),
        r#"400 {"message":"Cannot destroy running deployment"}"#
    );
    let done = api
        .ada(&format!("PUT {one}"), json!({"status": "success"}))
        .await
        .json(200);
    assert_eq!(done["status"], "success");
    let again = api.ada(&format!("PUT {one}"), json!({"status": "success"})).await;
    assert_eq!(
        again.shown(),
        r#"400 {"message":{"status":["cannot transition via \"succeed\""]}}"#
    );
    let last = api.ada(&format!("DELETE {one}"), Value::Null).await;
    assert_eq!(
        last.shown(),
        r#"400 {"message":"Deployment currently deployed to environment"}"#
    );
    let shown = api.ada(&format!("GET {ENVIRONMENTS}/1"), Value::Null).await.json(200);
    assert_eq!(shown["last_deployment"]["id"], made["id"]);
    assert!(shown["last_deployment"].get("environment").is_none());
    let failed = api.ada(&post, new("failed")).await.json(201);
    let failed_one = format!("{DEPLOYMENTS}/{}", failed["id"]);
    let listed = api.ada(&format!("GET {DEPLOYMENTS}?sort=desc"), Value::Null).await;
    assert_eq!(listed.each("status"), "failed success");
    for (query, expected) in [
        ("?status=success", "success"),
        ("?environment=production&order_by=ref", "success failed"),
        ("?environment=nowhere", ""),
        ("?updated_after=2000-01-01&order_by=updated_at", "success failed"),
        (
            "?status=success&order_by=finished_at&finished_after=2000-01-01T00:00:00Z",
            "success",
        ),
    ] {
        let answer = api.ada(&format!("GET {DEPLOYMENTS}{query}"), Value::Null).await;
        assert_eq!(answer.each("status"), expected, "{query}");
    }
    api.ada(&format!("DELETE {failed_one}"), Value::Null).await.empty(204);
    let gone = api.ada(&format!("GET {failed_one}"), Value::Null).await;
    assert_eq!(gone.shown(), r#"404 {"message":"404 Not found"}"#);
}

#[tokio::test]
async fn what_is_wrong_with_a_deployment_is_said() {
    let api = Api::start().await;
    let sha = with_code(&api).await;
    let post = format!("POST {DEPLOYMENTS}");
    let missing = api.ada(&post, json!({})).await;
    assert_eq!(
        missing.shown(),
        r#"400 {"error":"environment is missing, sha is missing, ref is missing, tag is missing, status is missing"}"#
    );
    for (field, value, answer) in [
        (
            "status",
            json!("blocked"),
            r#"400 {"error":"status does not have a valid value"}"#,
        ),
        ("tag", json!("perhaps"), r#"400 {"error":"tag is invalid"}"#),
        (
            "sha",
            json!("f".repeat(40)),
            r#"400 {"message":{"sha":["The commit does not exist"]}}"#,
        ),
        (
            "sha",
            json!("--all"),
            r#"400 {"message":{"sha":["The commit does not exist"]}}"#,
        ),
        (
            "ref",
            json!("gone"),
            r#"400 {"message":{"ref":["The branch or tag does not exist"]}}"#,
        ),
    ] {
        let mut body = json!({"environment": "live", "sha": sha, "ref": "main", "tag": false, "status": "success"});
        body[field] = value;
        assert_eq!(api.ada(&post, body).await.shown(), answer, "{field}");
    }
    for (query, answer) in [
        ("?status=gone", r#"400 {"error":"status does not have a valid value"}"#),
        (
            "?order_by=name",
            r#"400 {"error":"order_by does not have a valid value"}"#,
        ),
        ("?updated_after=x", r#"400 {"error":"updated_after is invalid"}"#),
        (
            "?order_by=finished_at",
            r#"400 {"message":"400 Bad request - `finished_at` filter and `finished_at` sorting must be paired"}"#,
        ),
    ] {
        assert_eq!(
            api.ada(&format!("GET {DEPLOYMENTS}{query}"), Value::Null).await.shown(),
            answer
        );
    }
}

#[tokio::test]
async fn reporters_read_developers_change_and_maintainers_clean_up() {
    let api = Api::start().await;
    let sha = with_code(&api).await;
    api.ada(&format!("POST {ENVIRONMENTS}"), json!({"name": "live"}))
        .await
        .json(201);
    let reporter = api.server.member("rita", AccessLevel::Reporter).await;
    let developer = api.server.member("dora", AccessLevel::Developer).await;
    let maintainer = api.server.member("mona", AccessLevel::Maintainer).await;
    let guest = api.server.member("gus", AccessLevel::Guest).await;
    let deployment = json!({"environment": "live", "sha": sha, "ref": "main", "tag": false, "status": "failed"});
    let old = json!({"before": "2020-01-01"});
    let cases = [
        (format!("GET {ENVIRONMENTS}"), Value::Null, [403, 200, 200, 200]),
        (format!("GET {ENVIRONMENTS}/1"), Value::Null, [403, 200, 200, 200]),
        (format!("GET {DEPLOYMENTS}"), Value::Null, [403, 200, 200, 200]),
        (
            format!("PUT {ENVIRONMENTS}/1"),
            json!({"tier": "other"}),
            [403, 403, 200, 200],
        ),
        (format!("POST {DEPLOYMENTS}"), deployment, [403, 403, 201, 201]),
        (format!("POST {ENVIRONMENTS}/1/stop"), Value::Null, [403, 403, 200, 200]),
        (format!("POST {ENVIRONMENTS}/stop_stale"), old, [403, 403, 403, 200]),
        (format!("DELETE {DEPLOYMENTS}/1"), Value::Null, [403, 403, 403, 204]),
    ];
    for (line, body, expected) in cases {
        for (token, status) in [&guest, &reporter, &developer, &maintainer].into_iter().zip(expected) {
            let answer = api.call(&line, token, body.clone()).await;
            assert_eq!(answer.status, status, "{line}: {}", answer.text);
        }
        assert_eq!(api.call(&line, "", body.clone()).await.status, 401, "{line}");
    }
    let stranger = api.server.user("sam").await;
    api.server.token(&stranger, "glpat-sam-000000000", &["api"]).await;
    let hidden = api.get(&format!("GET {ENVIRONMENTS}"), "glpat-sam-000000000").await;
    assert_eq!(hidden.shown(), r#"404 {"message":"404 Project Not Found"}"#);
}
