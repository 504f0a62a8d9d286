//! Projects that are asked for by a path they had once.

use serde_json::{Value, json};

use super::Api;

const HIDDEN: &str = r#"404 {"message":"404 Project Not Found"}"#;

#[tokio::test]
async fn reads_by_an_old_path_are_sent_on_and_writes_are_refused() {
    let api = Api::start().await;
    api.ada("PUT /projects/ada%2Ftool", json!({"path": "hammer"}))
        .await
        .json(200);
    let base = api.server.app.settings.external_url.base().to_owned();
    for (path, to) in [
        ("/projects/ada%2Ftool", "/projects/1"),
        ("/projects/ADA%2Ftool?simple=true", "/projects/1?simple=true"),
        (
            "/projects/ada%2Ftool/pipelines?per_page=2&ref=ada%2Ftool",
            "/projects/1/pipelines?per_page=2&ref=ada%2Ftool",
        ),
    ] {
        let answer = api.ada(&format!("GET {path}"), Value::Null).await;
        let to = format!("{base}/api/v4{to}");
        assert_eq!(
            answer.shown(),
            format!("301 This resource has been moved permanently to {to}")
        );
        assert_eq!(answer.headers["location"], to);
    }
    for line in ["PUT /projects/ada%2Ftool", "POST /projects/ada%2Ftool/variables"] {
        let answer = api
            .ada(line, json!({"description": "d", "key": "A", "value": "12345678"}))
            .await;
        let expected = r#"405 {"message":"Non GET methods are not allowed for moved projects"}"#;
        assert_eq!(answer.shown(), expected, "{line}");
    }
    assert_eq!(api.ada("GET /projects/ada%2FHammer", Value::Null).await.status, 200);

    // Both old paths of a project lead to it, and the way back is free.
    api.ada("PUT /projects/1", json!({"path": "saw"})).await.json(200);
    for old in ["tool", "hammer"] {
        assert_eq!(
            api.ada(&format!("GET /projects/ada%2F{old}"), Value::Null).await.status,
            301
        );
    }
    api.ada("PUT /projects/1", json!({"path": "tool"})).await.json(200);
    assert_eq!(api.ada("GET /projects/ada%2Ftool", Value::Null).await.status, 200);
    assert_eq!(api.ada("GET /projects/ada%2Fsaw", Value::Null).await.status, 301);
}

#[tokio::test]
async fn an_old_path_tells_nobody_of_a_project_they_may_not_see() {
    let api = Api::start().await;
    let bob = api.server.user("bob").await;
    api.server.token(&bob, "glpat-bob-is-a-stranger", &["api"]).await;
    api.ada("PUT /projects/1", json!({"path": "hammer"})).await.json(200);
    for token in ["", "glpat-bob-is-a-stranger"] {
        let answer = api.get("GET /projects/ada%2Ftool", token).await;
        assert_eq!(answer.shown(), HIDDEN);
        assert!(!answer.headers.contains_key("location"));
    }
    let body = json!({"description": "d"});
    let answer = api
        .call("PUT /projects/ada%2Ftool", "glpat-bob-is-a-stranger", body)
        .await;
    assert_eq!(answer.shown(), HIDDEN);
}

#[tokio::test]
async fn something_new_takes_an_old_path_over() {
    let api = Api::start().await;
    api.ada("PUT /projects/1", json!({"path": "hammer"})).await.json(200);
    let new = api.ada("POST /projects", json!({"path": "tool"})).await.json(201);
    let shown = api.ada("GET /projects/ada%2FTool", Value::Null).await.json(200);
    assert_eq!(shown["id"], new["id"]);
    // The first one does not come back to the path when the second leaves it.
    api.ada("PUT /projects/2", json!({"path": "other"})).await.json(200);
    let answer = api.ada("GET /projects/ada%2Ftool", Value::Null).await;
    assert!(answer.text.ends_with("/api/v4/projects/2"), "{}", answer.text);
    api.ada("DELETE /projects/2", Value::Null).await.json(202);
    assert_eq!(api.ada("GET /projects/ada%2Ftool", Value::Null).await.shown(), HIDDEN);
}

#[tokio::test]
async fn a_project_is_found_where_it_was_before_it_went_to_a_group() {
    let api = Api::start().await;
    let group = api
        .ada("POST /groups", json!({"name": "Team", "path": "team"}))
        .await
        .json(201);
    let (app, ada) = (&api.server.app, api.server.ada.clone());
    let ada = app::Caller::User(Box::new(app::UserCaller {
        user: ada,
        credential: app::Credential::Session,
        address: None,
    }));
    let (key, to) = (
        app::ProjectKey::Id(api.server.project.id),
        model::NamespaceId(group["id"].as_i64().unwrap()),
    );
    app::projects::transfer(app, &ada, key, to).await.unwrap();
    let answer = api.ada("GET /projects/ada%2Ftool", Value::Null).await;
    assert!(
        answer.status == 301 && answer.text.ends_with("/projects/1"),
        "{}",
        answer.shown()
    );
}

#[tokio::test]
async fn trigger_calls_follow_a_renamed_project() {
    let api = Api::start().await;
    let action = json!({"action": "create", "file_path": ".gitlab-ci.yml", "content": "a: {script: x}"});
    let body = json!({"branch": "main", "commit_message": "x", "actions": [action]});
    api.ada("POST /projects/1/repository/commits", body).await.json(201);
    let made = api
        .ada("POST /projects/1/triggers", json!({"description": "t"}))
        .await
        .json(201);
    let call = json!({"token": made["token"], "ref": "main"});
    let old = "POST /projects/ada%2Ftool/trigger/pipeline";
    api.call(old, "", call.clone()).await.json(201);
    api.ada("PUT /projects/1", json!({"path": "hammer"})).await.json(200);
    assert_eq!(api.call(old, "", call.clone()).await.json(201)["project_id"], 1);
    // What was remembered of the path is forgotten when it means another project.
    api.ada("POST /projects", json!({"path": "tool"})).await.json(201);
    assert_eq!(
        api.call(old, "", call).await.shown(),
        r#"404 {"message":"404 Not Found"}"#
    );
}

#[tokio::test]
async fn changes_need_something_to_change() {
    let api = Api::start().await;
    let answer = api.ada("PUT /projects/1", Value::Null).await;
    let end = "visibility are missing, at least one parameter must be provided\"}";
    assert!(answer.status == 400 && answer.text.ends_with(end), "{}", answer.shown());
    let hook = api
        .ada("POST /projects/1/hooks", json!({"url": "https://1.2.3.4/"}))
        .await
        .json(201);
    let answer = api
        .ada(&format!("PUT /projects/1/hooks/{}", hook["id"]), Value::Null)
        .await;
    assert_eq!(answer.shown(), r#"400 {"error":"No parameters provided"}"#);
}
