//! Who calls, and by what.

use axum::body::Body;
use axum::http::Request;
use model::Timestamp;
use serde_json::{Value, json};
use store::ops;
use tower::ServiceExt as _;

use super::{Api, ROOT};
use crate::fixture::TOKEN;

async fn with(api: &Api, line: &str, headers: &[(&str, &str)]) -> String {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(format!("/api/v4{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = api.send(request.body(Body::empty()).unwrap()).await;
    match answer.status {
        200 => answer.json(200)["username"].as_str().unwrap_or_default().to_owned(),
        _ => answer.shown(),
    }
}

#[tokio::test]
async fn a_token_is_taken_wherever_clients_put_it() {
    let api = Api::start().await;
    let unauthorized = r#"401 {"message":"401 Unauthorized"}"#;
    let bearer = format!("Bearer {TOKEN}");
    for (line, headers, expected) in [
        ("GET /user".to_owned(), &[("private-token", TOKEN)][..], "ada"),
        ("GET /user".to_owned(), &[("authorization", bearer.as_str())][..], "ada"),
        (format!("GET /user?private_token={TOKEN}"), &[][..], "ada"),
        (format!("GET /user?access_token={TOKEN}"), &[][..], "ada"),
        ("GET /user".to_owned(), &[][..], unauthorized),
        (
            "GET /user".to_owned(),
            &[("private-token", "glpat-unknown")][..],
            unauthorized,
        ),
        // A wrong token is told so even where none is needed.
        (
            "GET /projects".to_owned(),
            &[("private-token", "glpat-unknown")][..],
            unauthorized,
        ),
        // A job token counts as nobody where none is taken.
        (
            "GET /user".to_owned(),
            &[("private-token", "glcbt-x"), ("job-token", "glcbt-x")][..],
            unauthorized,
        ),
    ] {
        assert_eq!(with(&api, &line, headers).await, expected, "{line} {headers:?}");
    }
}

#[tokio::test]
async fn scopes_are_checked_and_named() {
    let api = Api::start().await;
    let ada = api.server.ada.clone();
    for (token, scope) in [
        ("glpat-reads-all-of-it", "read_api"),
        ("glpat-reads-the-users", "read_user"),
    ] {
        api.server.token(&ada, token, &[scope]).await;
    }
    let refused = |scopes: &str| {
        format!(
            r#"403 {{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"{scopes}"}}"#
        )
    };
    for (line, token, expected) in [
        ("GET /user", "glpat-reads-all-of-it", "ada".to_owned()),
        ("GET /user", "glpat-reads-the-users", "ada".to_owned()),
        ("GET /projects", "glpat-reads-all-of-it", String::new()),
        ("GET /projects", "glpat-reads-the-users", refused("api read_api")),
        ("POST /projects", "glpat-reads-all-of-it", refused("api")),
    ] {
        assert_eq!(
            with(&api, line, &[("private-token", token)]).await,
            expected,
            "{line} {token}"
        );
    }
}

#[tokio::test]
async fn tokens_that_are_no_longer_good_are_told_why() {
    let api = Api::start().await;
    let (app, now) = (&api.server.app, api.server.app.clock.now());
    let ada = api.server.ada.clone();
    api.server.token(&ada, "glpat-will-be-revoked", &["api"]).await;
    let digest = app.keys.digest("glpat-will-be-revoked");
    let expired = app.keys.digest("glpat-has-expired-now");
    let changed = move |tx: &mut dyn store::Tx| {
        let (token, _) = ops::access_tokens::by_digest(tx, &digest)?.expect("it was just made");
        ops::access_tokens::revoke(tx, token.id, now)?;
        let new = ops::access_tokens::NewAccessToken {
            user_id: ada.id,
            digest: &expired,
            name: "old",
            description: None,
            scopes: &["api".to_owned()],
            impersonation: false,
            expires_at: Some(Timestamp(now.0 - 1)),
            created_at: now,
        };
        ops::access_tokens::create(tx, &new)
    };
    app.store.write(changed).await.unwrap();
    let revoked = with(&api, "GET /user", &[("private-token", "glpat-will-be-revoked")]).await;
    assert!(
        revoked.starts_with(r#"401 {"error":"invalid_token","error_description":"Token was revoked."#),
        "{revoked}"
    );
    let expired = with(&api, "GET /user", &[("private-token", "glpat-has-expired-now")]).await;
    assert!(
        expired.starts_with(r#"401 {"error":"invalid_token","error_description":"Token is expired."#),
        "{expired}"
    );
}

#[tokio::test]
async fn administrators_may_act_as_somebody() {
    let api = Api::start().await;
    let as_ada = [("private-token", ROOT), ("sudo", "ada")];
    assert_eq!(with(&api, "GET /user", &as_ada).await, "ada");
    let by_id = format!("GET /user?sudo={}", api.server.ada.id);
    assert_eq!(with(&api, &by_id, &[("private-token", ROOT)]).await, "ada");
    assert_eq!(
        with(&api, "GET /user", &[("private-token", ROOT), ("sudo", "nobody")]).await,
        r#"404 {"message":"404 User with ID or username 'nobody' Not Found"}"#
    );
    assert_eq!(
        with(&api, "GET /user", &[("private-token", TOKEN), ("sudo", "root")]).await,
        r#"403 {"message":"403 Forbidden - Must be admin to use sudo"}"#
    );
}

#[tokio::test]
async fn blocked_users_are_turned_away() {
    let api = Api::start().await;
    let id = api.server.ada.id;
    assert_eq!(
        api.ada(&format!("POST /users/{id}/block"), Value::Null).await.status,
        403
    );
    assert_eq!(
        api.root(&format!("POST /users/{id}/block"), Value::Null).await.shown(),
        "201 true"
    );
    assert_eq!(
        api.ada("GET /user", Value::Null).await.shown(),
        r#"403 {"message":"403 Forbidden - Your account has been blocked."}"#
    );
    api.root(&format!("POST /users/{id}/unblock"), Value::Null)
        .await
        .json(201);
    assert_eq!(api.ada("GET /user", Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_job_token_reads_its_own_project_and_no_other() {
    let api = Api::start().await;
    let actions = json!([{"action": "create", "file_path": ".gitlab-ci.yml", "content": crate::fixture::CONFIG}]);
    let body = json!({"branch": "main", "commit_message": "m", "actions": actions});
    api.ada("POST /projects/1/repository/commits", body).await.json(201);
    let (_, token) = api.server.run_a_job().await;
    let ada = api.server.ada.clone();
    let other = api.server.project(&ada, "other").await;
    let line = |id: i64| format!("GET /projects/{id}/repository/branches");
    let own = line(api.server.project.id.0);
    assert!(with(&api, &own, &[("job-token", &token)]).await.is_empty());
    assert!(with(&api, &format!("{own}?job_token={token}"), &[]).await.is_empty());
    assert!(
        with(&api, &own, &[("authorization", &format!("Bearer {token}"))])
            .await
            .is_empty()
    );
    assert_eq!(
        with(&api, &line(other.id.0), &[("job-token", &token)]).await,
        r#"403 {"message":"403 Forbidden - Authentication by CI/CD job token not allowed from tool to other."}"#
    );
    let hidden = r#"404 {"message":"404 Project Not Found"}"#;
    assert_eq!(
        with(&api, "GET /projects/1", &[("job-token", &token)]).await,
        hidden,
        "an endpoint that takes none"
    );
    let forged = token.replace(|c: char| c.is_ascii_lowercase(), "x");
    assert!(with(&api, &own, &[("job-token", &forged)]).await.starts_with("401"));
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let api = Api::start().await;
    let text = "0123456789".repeat(2000);
    let body = json!({"branch": "main", "commit_message": "m", "content": text});
    api.ada("POST /projects/1/repository/files/big", body).await.json(201);
    let get = |path: &str| {
        let request = Request::get(format!("/api/v4{path}")).header("private-token", TOKEN);
        request.header("accept-encoding", "gzip").body(Body::empty()).unwrap()
    };
    let answer = api
        .router
        .clone()
        .oneshot(get("/projects/1/repository/files/big?ref=main"))
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let answer = api.router.clone().oneshot(get("/user")).await.unwrap();
    assert!(!answer.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn the_version_is_for_users_and_health_for_everybody() {
    let api = Api::start().await;
    let version = api.ada("GET /version", Value::Null).await.json(200);
    assert_eq!(version["version"], "18.11.2");
    assert_eq!(version["kas"]["externalUrl"], Value::Null);
    assert_eq!(api.ada("GET /metadata", Value::Null).await.json(200), version);
    assert_eq!(api.get("GET /version", "").await.status, 401);
    for path in ["/-/liveness", "/-/readiness"] {
        let answer = api.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.json(200)["status"], "ok", "{path}");
    }
    let metrics = |token: &'static str| {
        Request::get("/-/metrics")
            .header("private-token", token)
            .body(Body::empty())
    };
    let figures = api.send(metrics(ROOT).unwrap()).await;
    assert!(
        figures.text.contains("tripline_http_requests_total"),
        "{}",
        figures.text
    );
    assert_eq!(api.send(metrics(TOKEN).unwrap()).await.status, 404);
}
