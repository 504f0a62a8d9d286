//! Projects.

use model::{AccessLevel, Visibility};
use serde_json::{Value, json};

use super::Api;

#[tokio::test]
async fn a_project_is_created_in_the_callers_namespace() {
    let api = Api::start().await;
    let new = json!({"name": "My App", "description": "d", "visibility": "public", "ci_config_path": "ci.yml", "build_timeout": 900});
    let made = api.ada("POST /projects", new).await.json(201);
    for (field, expected) in [
        ("path_with_namespace", json!("ada/my-app")),
        ("name_with_namespace", json!("ada / My App")),
        ("visibility", json!("public")),
        ("default_branch", Value::Null),
        ("empty_repo", json!(true)),
        ("ci_config_path", json!("ci.yml")),
        ("build_timeout", json!(900)),
        ("ci_pipeline_variables_minimum_override_role", json!("developer")),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    assert_eq!(
        (&made["owner"]["username"], &made["namespace"]["kind"]),
        (&json!("ada"), &json!("user"))
    );
    assert_eq!(made["permissions"]["project_access"]["access_level"], 50);
    let shown = api.ada("GET /projects/Ada%2FMy-App", Value::Null).await.json(200);
    assert_eq!(shown["id"], made["id"]);
}

#[tokio::test]
async fn a_readme_makes_the_default_branch_which_is_protected() {
    let api = Api::start().await;
    let new = json!({"path": "app", "initialize_with_readme": true, "default_branch": "trunk"});
    let made = api.ada("POST /projects", new).await.json(201);
    assert_eq!(
        (&made["default_branch"], &made["empty_repo"]),
        (&json!("trunk"), &json!(false))
    );
    let branch = api
        .ada("GET /projects/ada%2Fapp/repository/branches/trunk", Value::Null)
        .await
        .json(200);
    assert_eq!((&branch["default"], &branch["protected"]), (&json!(true), &json!(true)));
    let file = api
        .ada("GET /projects/ada%2Fapp/repository/files/README%2Emd/raw", Value::Null)
        .await;
    assert_eq!((file.status, file.text.as_str()), (200, "# app\n"));
}

#[tokio::test]
async fn bad_projects_are_refused() {
    let api = Api::start().await;
    let taken = r#"400 {"message":{"name":["has already been taken"],"path":["has already been taken"],"project_namespace.name":["has already been taken"]}}"#;
    for (body, expected) in [
        (
            json!({}),
            r#"400 {"error":"name, path are missing, at least one parameter must be provided"}"#,
        ),
        (json!({"path": "tool"}), taken),
        (json!({"path": "TOOL"}), taken),
        (
            json!({"path": "tree"}),
            r#"400 {"message":{"path":["tree is a reserved name"]}}"#,
        ),
        (
            json!({"path": "x", "namespace_id": 999}),
            r#"400 {"message":{"namespace":["is not valid"]}}"#,
        ),
        (
            json!({"path": "x", "visibility": "secret"}),
            r#"400 {"error":"visibility does not have a valid value"}"#,
        ),
        (
            json!({"path": "x", "build_timeout": 1}),
            r#"400 {"message":{"build_timeout":["needs to be between 10 minutes and 1 month"]}}"#,
        ),
        (
            json!({"path": "x", "default_branch": "a..b"}),
            r#"400 {"message":{"default_branch":["is invalid"]}}"#,
        ),
        (
            json!({"path": "x", "import_url": "https://example.com/x.git"}),
            r#"403 {"message":"403 Forbidden"}"#,
        ),
    ] {
        assert_eq!(api.ada("POST /projects", body).await.shown(), expected);
    }
    let made = api.ada("POST /projects", json!({"path": "x", "import_url": ""})).await;
    assert_eq!(made.status, 201, "a field that was left empty asks for nothing");
    assert_eq!(api.call("POST /projects", "", json!({"path": "x"})).await.status, 401);
}

#[tokio::test]
async fn settings_are_for_maintainers() {
    let api = Api::start().await;
    let maintainer = api.server.member("max", AccessLevel::Maintainer).await;
    let developer = api.server.member("dev", AccessLevel::Developer).await;
    let changes = json!({
        "description": "new", "public_jobs": false, "ci_default_git_depth": 0, "auto_cancel_pending_pipelines": "disabled",
        "restrict_user_defined_variables": true, "build_git_strategy": "clone", "jobs_enabled": false,
    });
    assert_eq!(
        api.call("PUT /projects/1", &developer, changes.clone()).await.status,
        403
    );
    let changed = api.call("PUT /projects/1", &maintainer, changes).await.json(200);
    for (field, expected) in [
        ("description", json!("new")),
        ("public_jobs", json!(false)),
        ("ci_default_git_depth", json!(0)),
        ("auto_cancel_pending_pipelines", json!("disabled")),
        ("ci_pipeline_variables_minimum_override_role", json!("maintainer")),
        ("restrict_user_defined_variables", json!(true)),
        ("build_git_strategy", json!("clone")),
        ("builds_access_level", json!("disabled")),
    ] {
        assert_eq!(changed[field], expected, "{field}");
    }
    assert_eq!(
        api.call("PUT /projects/1", &maintainer, json!({"path": "moved"}))
            .await
            .status,
        403
    );
    assert_eq!(
        api.ada("PUT /projects/1", json!({"path": "moved"})).await.json(200)["path_with_namespace"],
        "ada/moved"
    );
    assert_eq!(
        api.ada("POST /projects/1/archive", Value::Null).await.json(201)["archived"],
        true
    );
    assert_eq!(
        api.ada("POST /projects/1/unarchive", Value::Null).await.json(201)["archived"],
        false
    );
}

#[tokio::test]
async fn lists_show_what_the_caller_may_see() {
    let api = Api::start().await;
    let ada = api.server.ada.clone();
    let open = api.server.project(&ada, "open").await;
    api.server
        .change(open.id, |project| project.visibility = Visibility::Public)
        .await;
    let inner = api.server.project(&ada, "inner").await;
    api.server
        .change(inner.id, |project| project.visibility = Visibility::Internal)
        .await;
    let bob = api.server.user("bob").await;
    api.server.token(&bob, "glpat-bob-is-a-stranger", &["api"]).await;

    let sorted = "?order_by=path&sort=asc";
    assert_eq!(
        api.get(&format!("GET /projects{sorted}"), "").await.each("path"),
        "open"
    );
    assert_eq!(
        api.get(&format!("GET /projects{sorted}"), "glpat-bob-is-a-stranger")
            .await
            .each("path"),
        "inner open"
    );
    assert_eq!(
        api.ada(&format!("GET /projects{sorted}"), Value::Null)
            .await
            .each("path"),
        "inner open tool"
    );
    assert_eq!(
        api.ada("GET /projects?search=OO", Value::Null).await.each("path"),
        "tool"
    );
    assert_eq!(
        api.get("GET /projects?owned=true", "glpat-bob-is-a-stranger")
            .await
            .each("path"),
        ""
    );
    let short = api.get("GET /projects", "").await.json(200);
    assert!(short[0].get("permissions").is_none());
    let hidden = r#"404 {"message":"404 Project Not Found"}"#;
    for path in ["1", "ada%2Ftool", "999", "tool", "99999999999999999999"] {
        assert_eq!(
            api.get(&format!("GET /projects/{path}"), "glpat-bob-is-a-stranger")
                .await
                .shown(),
            hidden,
            "{path}"
        );
    }
    assert_eq!(
        api.ada("GET /projects?order_by=size", Value::Null).await.shown(),
        r#"400 {"error":"order_by does not have a valid value"}"#
    );
}

#[tokio::test]
async fn lists_go_on_by_page_or_by_key() {
    let api = Api::start().await;
    let ada = api.server.ada.clone();
    for name in ["b", "c"] {
        api.server.project(&ada, name).await;
    }
    let first = api
        .ada("GET /projects?order_by=id&sort=asc&per_page=2", Value::Null)
        .await;
    assert_eq!(first.each("path"), "tool b");
    let header = |name: &str| first.headers[name].to_str().unwrap().to_owned();
    assert_eq!(
        (header("x-total"), header("x-total-pages"), header("x-next-page")),
        ("3".into(), "2".into(), "2".into())
    );
    let base = api.server.app.settings.external_url.base();
    let next = format!("<{base}/api/v4/projects?order_by=id&page=2&per_page=2&sort=asc>; rel=\"next\"");
    assert!(header("link").contains(&next), "{}", header("link"));

    let keyset = "GET /projects?pagination=keyset&order_by=id&sort=asc&per_page=2";
    let first = api.ada(keyset, Value::Null).await;
    let link = first.headers["link"].to_str().unwrap();
    assert!(link.contains("id_after=2") && link.ends_with("rel=\"next\""), "{link}");
    assert!(!first.headers.contains_key("x-total"));
    let last = api.ada(&format!("{keyset}&id_after=2"), Value::Null).await;
    assert_eq!(last.each("path"), "c");
    assert!(!last.headers.contains_key("link"));
    assert_eq!(
        api.ada("GET /projects?pagination=keyset&order_by=name", Value::Null)
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn only_owners_delete_a_project() {
    let api = Api::start().await;
    let maintainer = api.server.member("max", AccessLevel::Maintainer).await;
    assert_eq!(api.get("DELETE /projects/1", &maintainer).await.status, 403);
    assert_eq!(
        api.ada("DELETE /projects/1", Value::Null).await.shown(),
        r#"202 {"message":"202 Accepted"}"#
    );
    assert_eq!(api.ada("GET /projects/1", Value::Null).await.status, 404);
    assert!(!api.server.app.repositories.path(api.server.project.id).exists());
    assert_eq!(api.ada("POST /projects", json!({"path": "tool"})).await.status, 201);
}
