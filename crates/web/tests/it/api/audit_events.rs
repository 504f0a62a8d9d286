//! Who changed what.

use app::sessions::{Attempt, Outcome, sign_in};
use model::{AccessLevel, Timestamp};
use serde_json::{Value, json};

use super::Api;

/// The names of events of a place, oldest first.
async fn names(api: &Api, place: &str) -> Vec<String> {
    let events = api
        .root(&format!("GET {place}/audit_events?per_page=100"), Value::Null)
        .await;
    let mut names: Vec<String> = events.each("event_name").split(' ').map(str::to_owned).collect();
    names.reverse();
    names
}

#[tokio::test]
async fn an_event_says_who_did_what_to_whom_and_when() {
    let api = Api::start().await;
    let at = format!("/projects/{}", api.server.project.id);
    let user = api.server.user("bob").await;
    let member = json!({"user_id": user.id.0, "access_level": 30});
    api.ada(&format!("POST {at}/members"), member).await.json(201);
    let raised = json!({"access_level": 40});
    api.ada(&format!("PUT {at}/members/{}", user.id), raised)
        .await
        .json(200);
    let events = api.ada(&format!("GET {at}/audit_events"), Value::Null).await.json(200);
    let newest = &events[0];
    for (field, value) in [
        ("author_id", json!(api.server.ada.id.0)),
        ("entity_id", json!(api.server.project.id.0)),
        ("entity_type", json!("Project")),
        ("event_name", json!("member_updated")),
    ] {
        assert_eq!(newest[field], value, "{field}");
    }
    let details = &newest["details"];
    for (field, value) in [
        ("change", json!("access_level")),
        ("from", json!("Developer")),
        ("to", json!("Maintainer")),
        ("author_name", json!(api.server.ada.name)),
        ("author_email", json!(api.server.ada.email)),
        ("target_id", json!(user.id.0)),
        ("target_type", json!("User")),
        ("target_details", json!(user.name)),
        ("entity_path", json!("ada/tool")),
        ("ip_address", Value::Null),
    ] {
        assert_eq!(details[field], value, "{field}");
    }
    assert_eq!(events[1]["details"]["as"], "Developer");
    let one = format!("GET {at}/audit_events/{}", newest["id"]);
    assert_eq!(api.ada(&one, Value::Null).await.json(200), *newest);
    assert_eq!(
        api.ada(&format!("GET {at}/audit_events/99999"), Value::Null)
            .await
            .shown(),
        r#"404 {"message":"404 Audit Event Not Found"}"#
    );
}

#[tokio::test]
async fn every_kind_of_change_is_written_down_without_its_secrets() {
    let api = Api::start().await;
    let at = format!("/projects/{}", api.server.project.id);
    let call = |line: String, body: Value| {
        let api = &api;
        async move {
            let answer = api.ada(&line, body).await;
            assert!((200..300).contains(&answer.status), "{line}: {}", answer.shown());
            serde_json::from_str::<Value>(&answer.text).unwrap_or_default()
        }
    };
    let secret = "the-secret-value-of-it";
    let mut tokens = Vec::new();
    for (line, body) in [
        (format!("POST {at}/variables"), json!({"key": "KEY", "value": secret})),
        (
            format!("PUT {at}/variables/KEY"),
            json!({"value": secret, "masked": true}),
        ),
        (format!("DELETE {at}/variables/KEY"), Value::Null),
        (format!("POST {at}/protected_branches"), json!({"name": "stable"})),
        (
            format!("PATCH {at}/protected_branches/stable"),
            json!({"allow_force_push": false}),
        ),
        (format!("DELETE {at}/protected_branches/stable"), Value::Null),
        (format!("POST {at}/protected_tags"), json!({"name": "v*"})),
        (format!("DELETE {at}/protected_tags/v%2A"), Value::Null),
        (
            format!("PUT {at}"),
            json!({"name": "Tool", "visibility": "public", "public_jobs": false}),
        ),
        (format!("PATCH {at}/job_token_scope"), json!({"enabled": false})),
    ] {
        call(line, body).await;
    }
    let trigger = call(format!("POST {at}/triggers"), json!({"description": "t"})).await;
    let one = format!("{at}/triggers/{}", trigger["id"]);
    let limits = json!({"allowed_refs": ["main"], "fixed_variables": {"A": secret}});
    call(format!("PUT {one}"), limits).await;
    let rotated = call(format!("POST {one}/rotate"), Value::Null).await;
    call(format!("DELETE {one}"), Value::Null).await;
    let hook = json!({"url": format!("https://1.2.3.4/{secret}"), "token": secret});
    let hook = call(format!("POST {at}/hooks"), hook).await["id"].clone();
    call(format!("PUT {at}/hooks/{hook}"), json!({"push_events": false})).await;
    call(format!("DELETE {at}/hooks/{hook}"), Value::Null).await;
    let inbound = json!({"name": "i", "provider": "generic", "secret": secret});
    let inbound = call(format!("POST {at}/inbound_hooks"), inbound).await["id"].clone();
    call(format!("DELETE {at}/inbound_hooks/{inbound}"), Value::Null).await;
    let bot = json!({"name": "bot", "scopes": ["api"]});
    let bot = call(format!("POST {at}/access_tokens"), bot).await;
    let next = call(format!("POST {at}/access_tokens/{}/rotate", bot["id"]), Value::Null).await;
    call(format!("DELETE {at}/access_tokens/{}", next["id"]), Value::Null).await;
    let runner = json!({"runner_type": "project_type", "project_id": api.server.project.id.0});
    let runner = call("POST /user/runners".to_owned(), runner).await;
    call(format!("PUT /runners/{}", runner["id"]), json!({"paused": true})).await;
    call(
        format!("POST /runners/{}/reset_authentication_token", runner["id"]),
        Value::Null,
    )
    .await;
    call(format!("DELETE /runners/{}", runner["id"]), Value::Null).await;
    for made in [&trigger, &rotated, &bot, &next, &runner] {
        tokens.push(made["token"].as_str().unwrap().to_owned());
    }
    call(format!("POST {at}/archive"), Value::Null).await;
    call(format!("POST {at}/unarchive"), Value::Null).await;

    let found = names(&api, &at).await;
    let expected = [
        "ci_variable_created",
        "ci_variable_updated",
        "ci_variable_deleted",
        "protected_branch_created",
        "protected_branch_updated",
        "protected_branch_removed",
        "protected_tag_created",
        "protected_tag_removed",
        "project_name_updated",
        "project_visibility_level_updated",
        "project_setting_updated",
        "secure_ci_job_token_inbound_disabled",
        "pipeline_trigger_created",
        "pipeline_trigger_updated",
        "pipeline_trigger_rotated",
        "pipeline_trigger_revoked",
        "webhook_created",
        "webhook_updated",
        "webhook_destroyed",
        "pipeline_trigger_created",
        "inbound_hook_created",
        "inbound_hook_destroyed",
        "project_access_token_created",
        "project_access_token_rotated",
        "project_access_token_revoked",
        "ci_runner_created",
        "ci_runner_updated",
        "ci_runner_token_reset",
        "ci_runner_unregistered",
        "project_archived",
        "project_unarchived",
    ];
    assert_eq!(found, expected);
    let all = api.root("GET /audit_events?per_page=100", Value::Null).await.text;
    for text in tokens.iter().map(String::as_str).chain([secret]) {
        assert!(!all.contains(text), "{text} is in {all}");
    }
}

#[tokio::test]
async fn what_was_refused_is_no_event() {
    let api = Api::start().await;
    let at = format!("/projects/{}", api.server.project.id);
    let before = names(&api, "").await.len();
    let developer = api.server.member("dev", AccessLevel::Developer).await;
    for (line, body, token) in [
        (
            format!("POST {at}/variables"),
            json!({"key": "K", "value": "v"}),
            developer.as_str(),
        ),
        (
            format!("POST {at}/variables"),
            json!({"key": "not a key", "value": "v"}),
            crate::fixture::TOKEN,
        ),
        (
            format!("POST {at}/protected_branches"),
            json!({"name": ""}),
            crate::fixture::TOKEN,
        ),
        (format!("DELETE {at}/triggers/99"), Value::Null, crate::fixture::TOKEN),
        ("POST /users".to_owned(), json!({}), developer.as_str()),
    ] {
        let answer = api.call(&line, token, body).await;
        assert!((400..500).contains(&answer.status), "{line}: {}", answer.shown());
    }
    assert_eq!(names(&api, "").await.len(), before);
}

#[tokio::test]
async fn administrators_see_the_server_and_filter_it() {
    let api = Api::start().await;
    let new = json!({"email": "eve@example.com", "name": "Eve", "username": "eve", "password": "long enough"});
    let eve = api.root("POST /users", new).await.json(201)["id"].clone();
    api.root(&format!("POST /users/{eve}/block"), Value::Null)
        .await
        .json(201);
    api.root(&format!("POST /users/{eve}/unblock"), Value::Null)
        .await
        .json(201);
    let token = json!({"name": "n", "scopes": ["api"]});
    api.root(&format!("POST /users/{eve}/personal_access_tokens"), token)
        .await
        .json(201);
    let group = api
        .root("POST /groups", json!({"name": "g", "path": "g"}))
        .await
        .json(201)["id"]
        .clone();
    let attempt = |password: &str| Attempt {
        login: "eve".to_owned(),
        password: password.to_owned(),
        address: Some("192.0.2.7".to_owned()),
        user_agent: None,
        before: None,
    };
    let app = &api.server.app;
    assert!(matches!(
        sign_in(app, attempt("wrong")).await.unwrap(),
        Outcome::Refused
    ));
    assert!(matches!(
        sign_in(app, attempt("long enough")).await.unwrap(),
        Outcome::SignedIn(_)
    ));
    let of_eve = api
        .root(
            &format!("GET /audit_events?entity_type=User&entity_id={eve}"),
            Value::Null,
        )
        .await;
    assert_eq!(
        of_eve.each("event_name"),
        "authenticated_with_password login_failed_with_standard_authentication personal_access_token_created \
         user_unblocked user_blocked user_created"
    );
    let of_eve = of_eve.json(200);
    assert_eq!(of_eve[1]["author_id"], -1, "nobody is known to have tried");
    assert_eq!(of_eve[1]["details"]["ip_address"], "192.0.2.7");
    assert_eq!(of_eve[0]["author_id"], eve);
    let groups = api
        .root("GET /audit_events?entity_type=Group", Value::Null)
        .await
        .json(200);
    assert_eq!(
        (&groups[0]["entity_id"], &groups[0]["event_name"]),
        (&group, &json!("group_created"))
    );
    api.root(
        "PUT /application/settings",
        json!({"allow_runner_registration_token": true}),
    )
    .await
    .json(200);
    let line = "GET /audit_events?entity_type=Gitlab::Audit::InstanceScope";
    assert_eq!(
        api.root(line, Value::Null).await.each("event_name"),
        "application_setting_updated"
    );
    for (query, expected) in [
        ("created_before=2020-01-01T00:00:00Z", 0),
        ("created_after=2999-01-01T00:00:00Z", 0),
        ("created_after=2020-01-01T00:00:00Z&entity_type=Group", 1),
        ("per_page=2", 2),
    ] {
        let found = api
            .root(&format!("GET /audit_events?{query}"), Value::Null)
            .await
            .json(200);
        assert_eq!(found.as_array().unwrap().len(), expected, "{query}");
    }
    assert_eq!(
        api.root("GET /audit_events?entity_type=Nothing", Value::Null)
            .await
            .shown(),
        r#"400 {"error":"entity_type does not have a valid value"}"#
    );
}

#[tokio::test]
async fn developers_see_what_they_did_themselves() {
    let api = Api::start().await;
    let at = format!("/projects/{}", api.server.project.id);
    let maintainer = api.server.member("mia", AccessLevel::Maintainer).await;
    let variable = json!({"key": "K", "value": "v"});
    api.call(&format!("POST {at}/variables"), &maintainer, variable)
        .await
        .json(201);
    let lowered = json!({"access_level": 30});
    let mia = api.get("GET /user", &maintainer).await.json(200)["id"].clone();
    api.ada(&format!("PUT {at}/members/{mia}"), lowered).await.json(200);
    let own = api.get(&format!("GET {at}/audit_events"), &maintainer).await;
    assert_eq!(own.each("event_name"), "ci_variable_created");
    let all = api.ada(&format!("GET {at}/audit_events"), Value::Null).await;
    assert_eq!(all.each("event_name"), "member_updated ci_variable_created");
    let foreign = all.json(200)[0]["id"].clone();
    let line = format!("GET {at}/audit_events/{foreign}");
    assert_eq!(api.get(&line, &maintainer).await.status, 404);
}

#[tokio::test]
async fn old_events_are_forgotten() {
    let api = Api::start().await;
    let app = &api.server.app;
    let old = Timestamp(app.clock.now().0 - 366 * 86_400_000_000);
    let event = model::AuditEvent {
        id: 0,
        created_at: old,
        author_id: None,
        author_name: "somebody".to_owned(),
        author_email: None,
        entity: model::AuditEntity::Instance,
        entity_path: String::new(),
        event_name: "long_ago".to_owned(),
        target_type: String::new(),
        target_id: None,
        target_details: String::new(),
        address: None,
        change: Vec::new(),
    };
    let added = move |tx: &mut dyn store::Tx| store::ops::audit_events::add(tx, &event);
    app.store.write(added).await.unwrap();
    assert!(names(&api, "").await.contains(&"long_ago".to_owned()));
    app::audit::forget(app).await.unwrap();
    assert_eq!(names(&api, "").await, ["user_created"], "the first administrator's");
}

#[tokio::test]
async fn a_moved_project_says_from_where() {
    let api = Api::start().await;
    let group = api
        .ada("POST /groups", json!({"name": "g", "path": "g"}))
        .await
        .json(201)["id"]
        .clone();
    let to = model::NamespaceId(group.as_i64().unwrap());
    let app = &api.server.app;
    let credential = app::Credential::Session;
    let ada = app::Caller::User(Box::new(app::UserCaller {
        user: api.server.ada.clone(),
        credential,
        address: None,
    }));
    let key = app::ProjectKey::Id(api.server.project.id);
    app::projects::transfer(app, &ada, key, to).await.unwrap();
    let at = format!("/projects/{}", api.server.project.id);
    let events = api.ada(&format!("GET {at}/audit_events"), Value::Null).await.json(200);
    assert_eq!(events[0]["event_name"], "project_transferred");
    let details = &events[0]["details"];
    assert_eq!(
        (&details["from"], &details["to"]),
        (&json!("ada/tool"), &json!("g/tool"))
    );
}
