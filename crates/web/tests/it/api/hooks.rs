//! Project webhooks: fields, checks, who may.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;

const HOOKS: &str = "/projects/ada%2Ftool/hooks";

async fn create(api: &Api, fields: Value) -> Value {
    api.ada(&format!("POST {HOOKS}"), fields).await.json(201)
}

#[tokio::test]
async fn a_hook_shows_everything_but_its_secrets() {
    let api = Api::start().await;
    let mut made = create(
        &api,
        json!({
            "url": "https://1.2.3.4/{where}", "name": "n", "description": "d", "token": "s3cret",
            "issues_events": true, "job_events": true, "push_events_branch_filter": "release/*",
            "custom_headers": [{"key": "X-A", "value": "hidden"}],
            "url_variables": [{"key": "where", "value": "hidden"}],
        }),
    )
    .await;
    let created_at = made["created_at"].take();
    assert!(created_at.is_string());
    let id = made["id"].take();
    made["project_id"].take();
    assert_eq!(
        made,
        json!({
            "id": null, "url": "https://1.2.3.4/{where}", "name": "n", "description": "d", "created_at": null,
            "project_id": null, "push_events": true, "tag_push_events": false, "pipeline_events": false,
            "job_events": true, "issues_events": true, "confidential_issues_events": false,
            "merge_requests_events": false, "note_events": false, "confidential_note_events": false,
            "wiki_page_events": false, "deployment_events": false, "feature_flag_events": false,
            "releases_events": false, "milestone_events": false, "emoji_events": false,
            "resource_access_token_events": false, "resource_deploy_token_events": false,
            "vulnerability_events": false, "repository_update_events": false, "enable_ssl_verification": true,
            "push_events_branch_filter": "release/*", "branch_filter_strategy": "wildcard",
            "alert_status": "executable", "disabled_until": null, "url_variables": [{"key": "where"}],
            "custom_webhook_template": null, "custom_headers": [{"key": "X-A"}], "token_present": true,
            "signing_token_present": false,
        })
    );
    let one = format!("{HOOKS}/{id}");
    let fields = json!({"push_events": false, "issues_events": false});
    let changed = api.ada(&format!("PUT {one}"), fields).await.json(200);
    assert_eq!(
        (
            &changed["push_events"],
            &changed["issues_events"],
            &changed["token_present"]
        ),
        (&json!(false), &json!(false), &json!(true))
    );
    let pair = format!("{one}/custom_headers/X-B");
    api.ada(&format!("PUT {pair}"), json!({"value": "v"})).await.empty(204);
    api.ada(&format!("DELETE {one}/custom_headers/X-A"), Value::Null)
        .await
        .empty(204);
    let gone = api.ada(&format!("DELETE {one}/custom_headers/X-A"), Value::Null).await;
    assert_eq!(gone.shown(), r#"404 {"message":"404 Not found"}"#);
    let shown = api.get(&format!("GET {one}"), crate::fixture::TOKEN).await.json(200);
    assert_eq!(shown["custom_headers"], json!([{"key": "X-B"}]));
    // Another host gets none of the secrets.
    let moved = api
        .ada(&format!("PUT {one}"), json!({"url": "https://1.2.3.5"}))
        .await
        .json(200);
    assert_eq!(
        (
            &moved["token_present"],
            &moved["custom_headers"],
            &moved["url_variables"]
        ),
        (&json!(false), &json!([]), &json!([]))
    );
    assert_eq!(
        api.get(&format!("GET {HOOKS}"), crate::fixture::TOKEN).await.each("id"),
        id.to_string()
    );
    api.ada(&format!("DELETE {one}"), Value::Null).await.empty(204);
    let gone = api.get(&format!("GET {one}"), crate::fixture::TOKEN).await;
    assert_eq!(gone.shown(), r#"404 {"message":"404 Not found"}"#);
}

#[tokio::test]
async fn what_is_not_valid_is_refused_in_gitlabs_words() {
    let api = Api::start().await;
    let url = "https://1.2.3.4";
    for (fields, expected) in [
        (json!({}), r#"400 {"error":"url is missing"}"#),
        (json!({"url": ""}), r#"422 {"error":"Invalid url given"}"#),
        (
            json!({"url": "http://localhost/x"}),
            r#"422 {"error":"Invalid url given"}"#,
        ),
        (
            json!({"url": "http://10.0.0.1"}),
            r#"422 {"error":"Invalid url given"}"#,
        ),
        (
            json!({"url": "javascript:alert(1)"}),
            r#"422 {"error":"Invalid url given"}"#,
        ),
        (
            json!({"url": url, "push_events_branch_filter": "a b"}),
            r#"422 {"error":"Invalid branch filter given"}"#,
        ),
        (
            json!({"url": url, "push_events_branch_filter": "(", "branch_filter_strategy": "regex"}),
            r#"422 {"error":"Invalid branch filter given"}"#,
        ),
        (
            json!({"url": url, "branch_filter_strategy": "none"}),
            r#"400 {"error":"branch_filter_strategy does not have a valid value"}"#,
        ),
        (
            json!({"url": url, "custom_headers": [{"key": "a b", "value": "c"}]}),
            r#"422 {"error":"Custom headers validation failed"}"#,
        ),
        (
            json!({"url": url, "custom_headers": [{"key": "A", "value": "c\r\nX: y"}]}),
            r#"422 {"error":"Custom headers validation failed"}"#,
        ),
        (
            json!({"url": url, "url_variables": [{"key": "A", "value": "c"}]}),
            r#"422 {"message":"Url variables must be a name of a-z, 0-9 and _ with a value"}"#,
        ),
        (
            json!({"url": url, "token": "a\nb"}),
            r#"422 {"message":"Token is invalid"}"#,
        ),
        (
            json!({"url": url, "signing_token": "whsec_YQ=="}),
            r#"422 {"message":"Signing token must be `whsec_` and the base64 of 32 bytes"}"#,
        ),
        (
            json!({"url": url, "push_events": "perhaps"}),
            r#"400 {"error":"push_events is invalid"}"#,
        ),
    ] {
        let answer = api.ada(&format!("POST {HOOKS}"), fields.clone()).await;
        assert_eq!(answer.shown(), expected, "{fields}");
    }
    assert_eq!(
        api.get(&format!("GET {HOOKS}"), crate::fixture::TOKEN).await.shown(),
        "200 []"
    );
}

#[tokio::test]
async fn only_maintainers_see_and_change_hooks() {
    let api = Api::start().await;
    let id = create(&api, json!({"url": "https://1.2.3.4"})).await["id"].clone();
    let developer = api.server.member("dev", AccessLevel::Developer).await;
    let maintainer = api.server.member("mona", AccessLevel::Maintainer).await;
    for line in [
        format!("GET {HOOKS}"),
        format!("GET {HOOKS}/{id}"),
        format!("POST {HOOKS}/{id}/test/push_events"),
        format!("GET {HOOKS}/{id}/events"),
        format!("POST {HOOKS}/{id}/events/1/resend"),
        format!("DELETE {HOOKS}/{id}/custom_headers/a"),
        format!("DELETE {HOOKS}/{id}"),
    ] {
        assert_eq!(api.get(&line, &developer).await.status, 403, "{line}");
        assert_eq!(api.get(&line, "").await.status, 401, "{line}");
    }
    let refused = api
        .call(&format!("POST {HOOKS}"), &developer, json!({"url": "http://localhost"}))
        .await;
    assert_eq!(refused.status, 403, "nobody learns of hosts who may not make hooks");
    api.get(&format!("DELETE {HOOKS}/{id}"), &maintainer).await.empty(204);
}

#[tokio::test]
async fn the_projects_row_knows_what_its_hooks_want() {
    let api = Api::start().await;
    let kinds = async |api: &Api| {
        let id = api.server.project.id;
        let read = api.server.app.store.read(move |tx| store::ops::projects::get(tx, id));
        read.await.unwrap().unwrap().settings.hook_kinds.0
    };
    assert_eq!(kinds(&api).await, 0);
    let one = create(&api, json!({"url": "https://1.2.3.4"})).await["id"].clone();
    create(
        &api,
        json!({"url": "https://1.2.3.4", "push_events": false, "job_events": true}),
    )
    .await;
    assert_eq!(kinds(&api).await, 1 + 8);
    api.ada(&format!("PUT {HOOKS}/{one}"), json!({"pipeline_events": true}))
        .await
        .json(200);
    assert_eq!(kinds(&api).await, 1 + 4 + 8);
    api.ada(&format!("DELETE {HOOKS}/{one}"), Value::Null).await.empty(204);
    assert_eq!(kinds(&api).await, 8);
}
