//! Runners as people see them: who sees and changes which, lists and their filters, registration tokens.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;
use crate::fixture::{CONFIG, TOKEN};

impl Api {
    /// Makes a runner as the administrator; returns its id and token.
    async fn runner(&self, what: Value) -> (i64, String) {
        let made = self.root("POST /user/runners", what).await.json(201);
        (made["id"].as_i64().unwrap(), made["token"].as_str().unwrap().to_owned())
    }

    /// Lets a runner's process introduce itself.
    async fn contact(&self, token: &str, system_id: &str, version: &str) {
        let info = json!({"name": "gitlab-runner", "version": version, "platform": "linux", "architecture": "amd64"});
        let body = json!({"token": token, "system_id": system_id, "info": info});
        let _ = self.call("POST /runners/verify", "", body).await.json(200);
    }

    /// Makes a project in ada's own namespace and returns its id.
    async fn project_id(&self, name: &str) -> i64 {
        let made = self.ada("POST /projects", json!({"name": name})).await.json(201);
        made["id"].as_i64().unwrap()
    }
}

fn instance() -> Value {
    json!({"runner_type": "instance_type"})
}

#[tokio::test]
async fn everybody_sees_instance_runners_and_only_their_administrator_changes_them() {
    let api = Api::start().await;
    let what = json!({"runner_type": "instance_type", "description": "shared", "tag_list": "a,b", "maintenance_note": "rack 7"});
    let (id, token) = api.runner(what).await;
    let path = format!("/runners/{id}");
    let shown = api.ada(&format!("GET {path}"), Value::Null).await.json(200);
    for (field, expected) in [
        ("description", json!("shared")),
        ("ip_address", json!("")),
        ("active", json!(true)),
        ("paused", json!(false)),
        ("is_shared", json!(true)),
        ("runner_type", json!("instance_type")),
        ("name", Value::Null),
        ("online", Value::Null),
        ("status", json!("never_contacted")),
        ("job_execution_status", json!("idle")),
        ("tag_list", json!(["a", "b"])),
        ("run_untagged", json!(true)),
        ("locked", json!(false)),
        ("maximum_timeout", Value::Null),
        ("access_level", json!("not_protected")),
        ("contacted_at", Value::Null),
        ("version", Value::Null),
        ("maintenance_note", Value::Null),
        ("projects", json!([])),
        ("groups", json!([])),
    ] {
        assert_eq!(shown[field], expected, "{field}");
    }
    assert_eq!(shown["created_by"]["username"], "root");
    assert_eq!(
        api.root(&format!("GET {path}"), Value::Null).await.json(200)["maintenance_note"],
        "rack 7"
    );

    api.contact(&token, "s_0123456789ab", "19.4.0").await;
    let shown = api.ada(&format!("GET {path}"), Value::Null).await.json(200);
    assert_eq!(
        (
            &shown["online"],
            &shown["status"],
            &shown["version"],
            &shown["platform"]
        ),
        (&json!(true), &json!("online"), &json!("19.4.0"), &json!("linux"))
    );
    let managers = api.ada(&format!("GET {path}/managers"), Value::Null).await.json(200);
    assert_eq!(managers[0]["system_id"], "s_0123456789ab");
    assert_eq!(
        (&managers[0]["status"], &managers[0]["job_execution_status"]),
        (&json!("online"), &json!("idle"))
    );

    let refused = r#"403 {"message":"403 Forbidden - No access granted"}"#;
    let change = json!({"description": "mine"});
    assert_eq!(api.ada(&format!("PUT {path}"), change).await.shown(), refused);
    for line in [
        format!("DELETE {path}"),
        format!("GET {path}/jobs"),
        format!("POST {path}/reset_authentication_token"),
    ] {
        assert_eq!(api.ada(&line, Value::Null).await.shown(), refused, "{line}");
    }
    assert_eq!(
        api.call(&format!("GET {path}"), "", Value::Null).await.shown(),
        r#"401 {"message":"401 Unauthorized"}"#
    );
    assert_eq!(
        api.root("GET /runners/404", Value::Null).await.shown(),
        r#"404 {"message":"404 Not found"}"#
    );
    assert_eq!(
        api.root("GET /runners/x", Value::Null).await.shown(),
        r#"400 {"error":"id is invalid"}"#
    );
}

#[tokio::test]
async fn a_runner_is_changed_paused_given_a_new_token_and_deleted() {
    let api = Api::start().await;
    let (id, token) = api.runner(instance()).await;
    let path = format!("/runners/{id}");
    let change = json!({"description": "d", "paused": true, "tag_list": ["x", "y"], "run_untagged": false, "locked": true,
        "access_level": "ref_protected", "maximum_timeout": 700, "maintenance_note": "n"});
    let changed = api.root(&format!("PUT {path}"), change).await.json(200);
    for (field, expected) in [
        ("description", json!("d")),
        ("paused", json!(true)),
        ("active", json!(false)),
        ("tag_list", json!(["x", "y"])),
        ("run_untagged", json!(false)),
        ("locked", json!(true)),
        ("access_level", json!("ref_protected")),
        ("maximum_timeout", json!(700)),
        ("maintenance_note", json!("n")),
    ] {
        assert_eq!(changed[field], expected, "{field}");
    }
    let put = |body: Value| {
        let api = &api;
        let line = format!("PUT {path}");
        async move { api.root(&line, body).await.shown() }
    };
    for (body, expected) in [
        (
            json!({}),
            r#"400 {"error":"description, active, paused, tag_list, run_untagged, locked, access_level, maximum_timeout, maintenance_note are missing, at least one parameter must be provided"}"#,
        ),
        (
            json!({"active": true, "paused": true}),
            r#"400 {"error":"active, paused are mutually exclusive"}"#,
        ),
        (
            json!({"tag_list": []}),
            r#"400 {"message":{"tags_list":["can not be empty when runner is not allowed to pick untagged jobs"]}}"#,
        ),
        (
            json!({"maximum_timeout": 10}),
            r#"400 {"message":{"maximum_timeout":["needs to be at least 10 minutes"]}}"#,
        ),
        (
            json!({"access_level": "all"}),
            r#"400 {"error":"access_level does not have a valid value"}"#,
        ),
        (json!({"locked": "perhaps"}), r#"400 {"error":"locked is invalid"}"#),
    ] {
        assert_eq!(put(body).await, expected);
    }
    let cleared = api
        .root(&format!("PUT {path}"), json!({"maximum_timeout": null, "active": true}))
        .await
        .json(200);
    assert_eq!(
        (&cleared["maximum_timeout"], &cleared["paused"], &cleared["description"]),
        (&Value::Null, &json!(false), &json!("d"))
    );

    let new = api
        .root(&format!("POST {path}/reset_authentication_token"), Value::Null)
        .await
        .json(201);
    assert_eq!(new["token_expires_at"], Value::Null);
    let new = new["token"].as_str().unwrap();
    assert!(new.starts_with("glrt-") && new != token);
    assert_eq!(
        api.call("POST /runners/verify", "", json!({"token": token}))
            .await
            .status,
        403
    );
    let own = json!({"token": new});
    let newest = api
        .call("POST /runners/reset_authentication_token", "", own.clone())
        .await
        .json(201);
    assert_eq!(api.call("POST /runners/verify", "", own).await.status, 403);
    api.contact(newest["token"].as_str().unwrap(), "s_0123456789ab", "19")
        .await;

    api.root(&format!("DELETE {path}"), Value::Null).await.empty(204);
    assert_eq!(api.root(&format!("GET {path}"), Value::Null).await.status, 404);
    assert_eq!(
        api.call("POST /runners/verify", "", json!({})).await.shown(),
        r#"400 {"error":"token is missing"}"#
    );
}

#[tokio::test]
async fn a_runner_process_goes_by_its_name_and_the_runner_by_its_token() {
    let api = Api::start().await;
    let (id, token) = api.runner(instance()).await;
    api.contact(&token, "s_0123456789ab", "19").await;
    api.contact(&token, "r_0123456789ab", "18").await;
    let managers = format!("GET /runners/{id}/managers");
    assert_eq!(
        api.root(&managers, Value::Null).await.each("system_id"),
        "r_0123456789ab s_0123456789ab"
    );
    let gone = |system_id: &str| json!({"token": token, "system_id": system_id});
    let delete = "DELETE /runners/managers";
    api.call(delete, "", gone("s_0123456789ab")).await.empty(204);
    assert_eq!(api.call(delete, "", gone("s_0123456789ab")).await.status, 404);
    assert_eq!(
        api.call(delete, "", json!({"token": token})).await.shown(),
        r#"400 {"error":"system_id is missing"}"#
    );
    assert_eq!(
        api.call(delete, "", json!({"token": "glrt-x", "system_id": "s"}))
            .await
            .status,
        403
    );
    assert_eq!(
        api.root(&managers, Value::Null).await.each("system_id"),
        "r_0123456789ab"
    );
    api.call("DELETE /runners", "", json!({"token": token}))
        .await
        .empty(204);
    assert_eq!(
        api.call("DELETE /runners", "", json!({"token": token})).await.status,
        403
    );
}

#[tokio::test]
async fn a_project_runner_belongs_to_the_project_it_was_made_for() {
    let api = Api::start().await;
    let (one, two) = (api.server.project.id.0, api.project_id("two").await);
    let maintainer = api.server.member("mia", AccessLevel::Maintainer).await;
    let developer = api.server.member("dan", AccessLevel::Developer).await;
    let made = json!({"runner_type": "project_type", "project_id": one, "description": "own"});
    let made = api.call("POST /user/runners", &maintainer, made).await.json(201);
    let id = made["id"].as_i64().unwrap();
    let path = format!("/runners/{id}");
    assert_eq!(
        api.get(&format!("GET {path}"), &maintainer).await.json(200)["projects"][0]["path_with_namespace"],
        "ada/tool"
    );
    let refused = r#"403 {"message":"403 Forbidden - No access granted"}"#;
    assert_eq!(api.get(&format!("GET {path}"), &developer).await.shown(), refused);

    // Assigned to another project, whose maintainer then may change it, but not delete it.
    let assign = format!("POST /projects/{two}/runners");
    let this = json!({"runner_id": id});
    assert_eq!(
        api.call(&assign, &maintainer, this.clone()).await.status,
        404,
        "mia cannot see it"
    );
    assert_eq!(api.ada(&assign, this.clone()).await.json(201)["id"], id);
    assert_eq!(
        api.ada(&assign, this.clone()).await.shown(),
        r#"400 {"message":"400 Bad request - Runner has already been taken"}"#
    );
    assert_eq!(
        api.ada(&assign, json!({})).await.shown(),
        r#"400 {"error":"runner_id is missing"}"#
    );
    assert_eq!(
        api.call(&format!("DELETE {path}"), &maintainer, Value::Null)
            .await
            .shown(),
        r#"403 {"message":"403 Forbidden - Runner associated with more than one project"}"#
    );
    assert_eq!(
        api.call(&format!("PUT {path}"), &maintainer, json!({"locked": true}))
            .await
            .status,
        200
    );
    let owner = format!("DELETE /projects/{one}/runners/{id}");
    assert_eq!(
        api.ada(&owner, Value::Null).await.shown(),
        r#"403 {"message":"403 Forbidden - You cannot unassign a runner from the owner project. Delete the runner instead"}"#
    );
    api.ada(&format!("DELETE /projects/{two}/runners/{id}"), Value::Null)
        .await
        .empty(204);
    assert_eq!(
        api.ada(&format!("DELETE /projects/{two}/runners/{id}"), Value::Null)
            .await
            .shown(),
        r#"404 {"message":"404 Runner Not Found"}"#
    );
    assert_eq!(
        api.ada(&assign, this.clone()).await.shown(),
        r#"403 {"message":"403 Forbidden - Runner is locked"}"#
    );
    assert_eq!(
        api.root(&assign, this).await.status,
        201,
        "an administrator may all the same"
    );
    api.root(&format!("DELETE {path}"), Value::Null).await.empty(204);
}

#[tokio::test]
async fn group_and_instance_runners_are_not_assigned_to_projects() {
    let api = Api::start().await;
    let group = api
        .ada("POST /groups", json!({"name": "g", "path": "g"}))
        .await
        .json(201);
    let new = json!({"runner_type": "group_type", "group_id": group["id"]});
    let of_group = api.ada("POST /user/runners", new).await.json(201);
    let (shared, _) = api.runner(instance()).await;
    let assign = format!("POST /projects/{}/runners", api.server.project.id);
    assert_eq!(
        api.ada(&assign, json!({"runner_id": of_group["id"]})).await.shown(),
        r#"403 {"message":"403 Forbidden - Runner is a group runner"}"#
    );
    assert_eq!(
        api.ada(&assign, json!({"runner_id": shared})).await.shown(),
        r#"403 {"message":"403 Forbidden - No access granted"}"#
    );
    assert_eq!(api.root(&assign, json!({"runner_id": shared})).await.status, 403);
    let shown = api
        .ada(&format!("GET /runners/{}", of_group["id"]), Value::Null)
        .await
        .json(200);
    assert_eq!(shown["groups"][0]["name"], "g");
}

#[tokio::test]
async fn lists_show_what_a_caller_administers_and_what_serves_a_place() {
    let api = Api::start().await;
    let project = api.server.project.id;
    let group = api
        .ada("POST /groups", json!({"name": "g", "path": "g"}))
        .await
        .json(201);
    let (_, token) = api
        .runner(json!({"runner_type": "instance_type", "description": "shared", "tag_list": "linux"}))
        .await;
    let new =
        json!({"runner_type": "group_type", "group_id": group["id"], "description": "group", "tag_list": "linux,arm"});
    let _ = api.ada("POST /user/runners", new).await.json(201);
    let new = json!({"runner_type": "project_type", "project_id": project, "description": "own", "paused": true});
    let _ = api.ada("POST /user/runners", new).await.json(201);
    api.contact(&token, "s_0123456789ab", "19.4.0").await;

    let of_project = format!("GET /projects/{project}/runners");
    let of_group = format!("GET /groups/{}/runners", group["id"]);
    for (line, expected) in [
        ("GET /runners", "own group"),
        ("GET /runners?type=group_type", "group"),
        ("GET /runners?scope=paused", "own"),
        ("GET /runners?status=never_contacted", "own group"),
        ("GET /runners?tag_list=linux,arm", "group"),
        ("GET /runners?tag_list=lin", ""),
        (of_project.as_str(), "own shared"),
        (&format!("{of_project}?scope=specific"), "own"),
        (&format!("{of_project}?scope=shared"), "shared"),
        (&format!("{of_project}?paused=true"), "own"),
        (&format!("{of_project}?status=online"), "shared"),
        (&format!("{of_project}?version_prefix=19."), "shared"),
        (&format!("{of_project}?version_prefix=9."), ""),
        (&of_group, "group shared"),
    ] {
        assert_eq!(api.ada(line, Value::Null).await.each("description"), expected, "{line}");
    }
    let all = api.root("GET /runners/all?per_page=2", Value::Null).await;
    assert_eq!(
        (all.each("description").as_str(), &all.headers["x-total"]),
        ("own group", &"3".parse().unwrap())
    );
    assert_eq!(api.ada("GET /runners/all", Value::Null).await.status, 403);
    api.server
        .change(project, |project| project.settings.instance_runners_enabled = false)
        .await;
    assert_eq!(api.ada(&of_project, Value::Null).await.each("description"), "own");

    let developer = api.server.member("dan", AccessLevel::Developer).await;
    assert_eq!(api.get(&of_project, &developer).await.status, 403);
    assert_eq!(api.get(&of_group, &developer).await.status, 404, "a private group");
    assert_eq!(api.get("GET /runners", &developer).await.each("description"), "");
    for query in ["type=x", "status=x", "scope=x"] {
        let name = query.split('=').next().unwrap();
        assert_eq!(
            api.ada(&format!("GET /runners?{query}"), Value::Null).await.shown(),
            format!(r#"400 {{"error":"{name} does not have a valid value"}}"#)
        );
    }
}

#[tokio::test]
async fn the_jobs_of_a_runner_are_shown_to_those_who_may_read_them() {
    let api = Api::start().await;
    let config = json!({"branch": "main", "commit_message": "ci", "content": CONFIG});
    let file = format!(
        "POST /projects/{}/repository/files/.gitlab-ci.yml",
        api.server.project.id
    );
    let _ = api.ada(&file, config).await.json(201);
    let (job, _) = api.server.run_a_job().await;
    let runners = api.root("GET /runners/all", Value::Null).await;
    let id = runners.json(200)[0]["id"].clone();
    let path = format!("GET /runners/{id}/jobs");
    let jobs = api.root(&path, Value::Null).await.json(200);
    assert_eq!(jobs[0]["id"], job.0);
    assert_eq!(
        (
            &jobs[0]["project"]["path_with_namespace"],
            &jobs[0]["project"]["name_with_namespace"]
        ),
        (&json!("ada/tool"), &json!("ada / tool"))
    );
    assert_eq!(jobs[0]["pipeline"]["project_id"], api.server.project.id.0);
    for (query, expected) in [
        ("status=running", 1),
        ("status=failed", 0),
        ("system_id=s_unknown", 0),
        ("sort=asc", 1),
    ] {
        let found = api.root(&format!("{path}?{query}"), Value::Null).await.json(200);
        assert_eq!(found.as_array().unwrap().len(), expected, "{query}");
    }
    let busy = api.root(&format!("GET /runners/{id}"), Value::Null).await.json(200);
    assert_eq!(busy["job_execution_status"], "active");
}

#[tokio::test]
async fn registration_tokens_are_good_only_where_an_administrator_allows_them() {
    let api = Api::start().await;
    let project = api.server.project.id;
    let register = |token: &str| json!({"token": token, "description": "old", "tag_list": "a, b", "run_untagged": false, "locked": true});
    let gone = r#"410 {"message":"410 Gone - runner registration disallowed"}"#;
    assert_eq!(
        api.call("POST /runners", "", register("GR1348941i-x")).await.shown(),
        gone
    );
    assert_eq!(
        api.call("POST /runners", "", json!({})).await.shown(),
        r#"400 {"error":"token is missing"}"#
    );
    let reset = format!("POST /projects/{project}/runners/reset_registration_token");
    assert_eq!(api.ada(&reset, Value::Null).await.status, 403);
    let shown = format!("GET /projects/{project}");
    assert_eq!(
        api.ada(&shown, Value::Null).await.json(200)["runners_token"],
        Value::Null
    );

    assert_eq!(api.ada("GET /application/settings", Value::Null).await.status, 403);
    let allow = json!({"allow_runner_registration_token": true});
    assert_eq!(api.ada("PUT /application/settings", allow.clone()).await.status, 403);
    assert_eq!(
        api.root("PUT /application/settings", allow.clone()).await.json(200),
        allow
    );
    assert_eq!(
        api.call("POST /runners", "", register("GR1348941i-x")).await.shown(),
        r#"403 {"message":"403 Forbidden - invalid token supplied"}"#
    );
    let first = api.ada(&shown, Value::Null).await.json(200)["runners_token"].clone();
    let made = api
        .call("POST /runners", "", register(first.as_str().unwrap()))
        .await
        .json(201);
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("glrtr-"), "{token}");
    let details = api
        .ada(&format!("GET /runners/{}", made["id"]), Value::Null)
        .await
        .json(200);
    assert_eq!(
        (
            &details["runner_type"],
            &details["tag_list"],
            &details["locked"],
            &details["created_by"]
        ),
        (&json!("project_type"), &json!(["a", "b"]), &json!(true), &Value::Null)
    );
    assert_eq!(details["projects"][0]["id"], project.0);

    // A reset voids the old token, not the runners made with it.
    let second = api.ada(&reset, Value::Null).await.json(201)["token"].clone();
    assert_ne!(first, second);
    assert_eq!(
        api.call("POST /runners", "", register(first.as_str().unwrap()))
            .await
            .status,
        403
    );
    api.contact(token, "s_0123456789ab", "19").await;
    assert_eq!(
        api.call("POST /runners", "", register(second.as_str().unwrap()))
            .await
            .status,
        201
    );

    let developer = api.server.member("dan", AccessLevel::Developer).await;
    assert_eq!(api.call(&reset, &developer, Value::Null).await.status, 403);
    assert_eq!(
        api.get(&shown, &developer).await.json(200)["runners_token"],
        Value::Null
    );
    let of_server = "POST /runners/reset_registration_token";
    assert_eq!(api.ada(of_server, Value::Null).await.status, 403);
    let of_server = api.root(of_server, Value::Null).await.json(201)["token"].clone();
    let made = api
        .call("POST /runners", "", register(of_server.as_str().unwrap()))
        .await
        .json(201);
    let details = api
        .root(&format!("GET /runners/{}", made["id"]), Value::Null)
        .await
        .json(200);
    assert_eq!(details["runner_type"], "instance_type");
    let group = api
        .ada("POST /groups", json!({"name": "g", "path": "g"}))
        .await
        .json(201);
    let of_group = format!("POST /groups/{}/runners/reset_registration_token", group["id"]);
    let of_group = api.ada(&of_group, Value::Null).await.json(201)["token"].clone();
    assert_eq!(
        api.call("POST /runners", "", register(of_group.as_str().unwrap()))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn tokens_may_be_limited_to_runners() {
    let api = Api::start().await;
    let ada = api.server.ada.clone();
    api.server.token(&ada, "glpat-create", &["create_runner"]).await;
    api.server.token(&ada, "glpat-manage", &["manage_runner"]).await;
    let new = json!({"runner_type": "project_type", "project_id": api.server.project.id.0});
    let made = api
        .call("POST /user/runners", "glpat-create", new.clone())
        .await
        .json(201);
    let path = format!("/runners/{}", made["id"]);
    assert_eq!(api.call("POST /user/runners", "glpat-manage", new).await.status, 403);
    assert_eq!(api.get(&format!("GET {path}"), "glpat-create").await.status, 403);
    assert_eq!(
        api.call(&format!("PUT {path}"), "glpat-manage", json!({"paused": true}))
            .await
            .status,
        200
    );
    assert_eq!(api.get("GET /runners", "glpat-manage").await.status, 403);
    assert_eq!(
        api.get(&format!("GET {path}"), TOKEN).await.json(200)["status"],
        "never_contacted"
    );
    api.call(&format!("DELETE {path}"), "glpat-manage", Value::Null)
        .await
        .empty(204);
}
