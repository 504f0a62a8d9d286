//! Whatever is sent: an answer below 500, and a server that goes on.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::{Api, ROOT};

/// Paths with a place for each hostile text.
const PATHS: &[&str] = &[
    "/projects/{}",
    "/projects/{}/repository/branches",
    "/projects/1/repository/branches/{}",
    "/projects/1/repository/tags/{}",
    "/projects/1/repository/commits/{}",
    "/projects/1/repository/files/{}?ref=main",
    "/projects/1/repository/files/a?ref={}",
    "/projects/1/repository/files/{}/raw",
    "/projects/1/repository/tree?path={}&ref={}",
    "/projects/1/repository/commits?path={}&since={}",
    "/projects/1/variables/{}",
    "/projects/1/members/{}",
    "/projects/1/members?query={}&user_ids={}",
    "/projects/1/protected_branches/{}",
    "/projects/1/triggers/{}",
    "/projects/1/pipelines/{}",
    "/projects/1/pipelines?ref={}&status={}&yaml_errors={}",
    "/projects/1/trigger/pipeline?token={}&ref={}",
    "/projects/1/ref/{}/trigger/pipeline?token=x",
    "/projects?search={}&page={}&per_page={}",
    "/projects?min_access_level={}&visibility={}",
    "/groups/{}",
    "/groups/{}/projects",
    "/namespaces/{}",
    "/users/{}",
    "/users?username={}&search={}",
    "/users/{}/personal_access_tokens",
    "/personal_access_tokens/{}",
    "/personal_access_tokens?created_after={}",
    "/user?sudo={}",
    "/{}",
];

fn hostile_texts() -> Vec<String> {
    let texts = [
        "",
        "0",
        "-1",
        "99999999999999999999999",
        "1e9",
        "%00",
        "%ff",
        "%zz",
        "%",
        "%2e%2e%2f%2e%2e",
        "..",
        "a%2Fb",
        "%27%3B--",
        "%25",
        "%5C",
        "%F0%9F%9A%80",
        "refs%2Fheads%2Fmain",
        "HEAD",
        "main~1",
        "main%5E%5E",
        "%40%7B1%7D",
        "-x",
        "--upload-pack%3Dtouch",
        "a%0Ab",
        "%E2%80%AE",
        "true",
        "null",
        "%7B%7D",
        "%5B%5D=1",
    ];
    let mut texts: Vec<String> = texts.map(str::to_owned).to_vec();
    texts.push("a".repeat(5000));
    texts.push("a%2F".repeat(1000));
    texts
}

#[tokio::test]
async fn hostile_addresses_are_answered_below_500() {
    let api = Api::start().await;
    for path in PATHS {
        for text in hostile_texts() {
            let path = format!("/api/v4{}", path.replace("{}", &text));
            for method in ["GET", "POST", "PUT", "DELETE"] {
                // `DELETE /projects/1` and the like would work, and spoil the rest.
                if method == "DELETE" && !path.contains("/repository/") {
                    continue;
                }
                let request = Request::builder()
                    .method(method)
                    .uri(&path)
                    .header("private-token", ROOT);
                let Ok(request) = request.body(Body::empty()) else {
                    continue;
                };
                let answer = api.send(request).await;
                assert!(answer.status < 500, "{method} {path:.200}: {}", answer.shown());
            }
        }
    }
    assert_eq!(api.root("GET /user", Value::Null).await.status, 200);
}

/// Routes that take a body.
const WRITES: &[&str] = &[
    "POST /projects",
    "PUT /projects/1",
    "POST /groups",
    "POST /users",
    "POST /users/1/personal_access_tokens",
    "POST /user/personal_access_tokens",
    "POST /projects/1/members",
    "PUT /projects/1/members/1",
    "POST /projects/1/variables",
    "PUT /projects/1/variables/A",
    "POST /projects/1/protected_branches",
    "POST /projects/1/protected_tags",
    "POST /projects/1/repository/branches",
    "POST /projects/1/repository/tags",
    "POST /projects/1/repository/commits",
    "POST /projects/1/repository/files/a",
    "PUT /projects/1/repository/files/a",
    "DELETE /projects/1/repository/files/a",
    "POST /projects/1/triggers",
    "PUT /projects/1/triggers/1",
    "POST /projects/1/trigger/pipeline",
    "POST /projects/1/pipeline",
];

/// Names of parameters that the routes read.
const NAMES: &[&str] = &[
    "name",
    "path",
    "namespace_id",
    "visibility",
    "default_branch",
    "description",
    "parent_id",
    "email",
    "username",
    "password",
    "scopes",
    "expires_at",
    "user_id",
    "access_level",
    "key",
    "value",
    "environment_scope",
    "branch",
    "ref",
    "tag_name",
    "message",
    "commit_message",
    "content",
    "encoding",
    "actions",
    "start_branch",
    "token",
    "variables",
    "inputs",
    "push_access_level",
    "ci_config_path",
    "build_timeout",
    "ci_default_git_depth",
];

#[tokio::test]
async fn values_of_every_type_are_answered_below_500() {
    let api = Api::start().await;
    let values = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(99_999_999_999_999_999_999_u128 as f64),
        json!(""),
        json!("a\nb"),
        json!("../../etc"),
        json!("-x"),
        json!("🚀".repeat(300)),
        json!([]),
        json!([null, {"action": "create", "file_path": "/x", "key": 1, "value": []}]),
        json!({}),
        json!({"a": {"b": []}, "": "x"}),
    ];
    for line in WRITES {
        for value in &values {
            let body: Value = NAMES.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
            let answer = api.root(line, body).await;
            assert!(answer.status < 500, "{line} {value}: {}", answer.shown());
        }
    }
    assert_eq!(api.root("GET /user", Value::Null).await.status, 200);
}

#[tokio::test]
async fn bodies_that_are_no_bodies_are_refused() {
    let api = Api::start().await;
    let json_type = "application/json";
    for (content_type, body, status) in [
        (json_type, "{".to_owned(), 400),
        (json_type, "[".repeat(10_000), 400),
        (json_type, r#"{"a":"\ud800"}"#.to_owned(), 400),
        ("application/x-www-form-urlencoded", "a=%".to_owned(), 400),
        (
            "application/x-www-form-urlencoded",
            format!("a{}=1", "[a]".repeat(100)),
            400,
        ),
        ("multipart/form-data; boundary=x", "--y".to_owned(), 400),
        ("multipart/form-data", "--x".to_owned(), 400),
        ("text/xml", "<a/>".to_owned(), 415),
        (json_type, " ".repeat(web::params::BODY_LIMIT + 1), 413),
    ] {
        for path in ["/projects/1/trigger/pipeline", "/projects", "/projects/1/triggers"] {
            let request = Request::post(format!("/api/v4{path}"))
                .header("private-token", ROOT)
                .header("content-type", content_type);
            let answer = api.send(request.body(Body::from(body.clone())).unwrap()).await;
            assert_eq!(
                answer.status, status,
                "{path} {content_type} {body:.30}: {}",
                answer.text
            );
            let told: Value = serde_json::from_str(&answer.text).unwrap();
            assert!(told.get("error").or(told.get("message")).is_some(), "{told}");
        }
    }
}

#[tokio::test]
async fn numbers_of_jobs_that_are_none_are_refused_as_all_others_are() {
    let api = Api::start().await;
    for (method, path) in [
        ("PUT", "/jobs/32589158477190044731"),
        ("PATCH", "/jobs/x/trace"),
        ("POST", "/jobs/99999999999999999999/artifacts"),
        ("GET", "/jobs/1.5/artifacts"),
    ] {
        let answer = api.get(&format!("{method} {path}"), "").await;
        assert_eq!(answer.shown(), r#"400 {"error":"id is invalid"}"#, "{method} {path}");
    }
}
