//! Ids of other projects in every path, and fields that nobody asked for in every body.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rows_of;
use super::table::{self, Row};
use super::world::{Credential, Place, World, token_of};

/// Names in paths that name a thing by an id that is unique on the server.
const IDS: &[&str] = &[
    "pipeline_id",
    "job_id",
    "hook_id",
    "trigger_id",
    "pipeline_schedule_id",
    "environment_id",
    "deployment_id",
    "token_id",
    "audit_event_id",
    "log_id",
];

/// The place of `mine` with one thing of `other`.
fn mixed(mine: &Place, other: &Place, name: &'static str) -> Place {
    let mut place = mine.clone();
    let names: &[&'static str] = if name == "hook_id" {
        &["hook_id", "inbound_hook"]
    } else {
        &[name]
    };
    for name in names {
        place.things.insert(name, other.things[name].clone());
    }
    place
}

#[tokio::test]
async fn things_of_other_projects_do_not_exist_under_ones_own() {
    let world = World::start().await;
    // The caller owns both projects: what is refused is the path, not the role.
    let (mine, other) = (&world.projects[0], &world.projects[2]);
    let owner = Credential::token("owner", &token_of("owner"));
    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    for row in rows_of("Projects") {
        for name in IDS.iter().filter(|name| row.path().contains(&format!("{{{name}}}"))) {
            seen.insert(*name);
            let place = mixed(mine, other, name);
            let foreign = world.call(&row, &place, &owner, false).await;
            // GitLab tells only administrators that there is no such token.
            let expected = if row.path().ends_with("{token_id}/rotate") {
                401
            } else {
                404
            };
            if foreign != expected {
                wrong.push(format!(
                    "{} with the {name} of another project: {foreign}",
                    row.endpoint
                ));
            }
        }
    }
    assert_eq!(seen.len(), IDS.len(), "{seen:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (name, path) in [
        ("pipeline_id", "pipelines"),
        ("job_id", "jobs"),
        ("hook_id", "hooks"),
        ("trigger_id", "triggers"),
        ("pipeline_schedule_id", "pipeline_schedules"),
        ("environment_id", "environments"),
        ("deployment_id", "deployments"),
        ("inbound_hook", "inbound_hooks"),
        ("token_id", "access_tokens"),
        ("audit_event_id", "audit_events"),
    ] {
        let line = format!("GET /projects/{}/{path}/{}", other.id, other.things[name]);
        let _: Value = world.made(&line, Value::Null).await;
    }
}

#[tokio::test]
async fn pages_do_not_show_things_of_other_projects() {
    let world = World::start().await;
    let (mine, other) = (&world.projects[0], &world.projects[2]);
    let mut wrong = Vec::new();
    let mut place = mine.clone();
    for name in IDS {
        place = mixed(&place, other, name);
    }
    let is_about_a_thing = |row: &Row| {
        row.path().contains("{id}")
            && !row.path().contains("project_members")
            && !row.path().contains("runners")
            && !row.path().contains("/triggers/")
    };
    for row in rows_of("Pages of a project").iter().filter(|row| is_about_a_thing(row)) {
        let answered = world.page(row, &place, "owner", false).await;
        if answered != 404 {
            wrong.push(format!("{}: {answered}", row.endpoint));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a caller might want to set and must not.
fn unasked() -> Value {
    json!({
        "admin": true, "is_admin": true, "role": "owner", "project_id": 1, "user_id": 1, "owner_id": 1, "creator_id": 1,
        "owner": {"id": 1}, "created_at": "2001-01-01T00:00:00Z", "token": "chosen-by-the-caller", "digest": "00",
        "status": "success", "iid": 77, "id": 77, "runners_token": "chosen-by-the-caller", "permissions": {"access_level": 50},
        "last_used": "2001-01-01T00:00:00Z", "state": "blocked", "source": "push", "full_path": "chosen/path",
    })
}

#[tokio::test]
async fn fields_that_no_call_takes_change_nothing() {
    let world = World::start().await;
    let (place, other) = (&world.projects[0], world.projects[2].id);
    let owner = token_of("owner");
    let owner_id = world.users["owner"].id.0;
    let send = async |line: &str, body: Value| {
        let mut all = unasked();
        for (name, value) in body.as_object().unwrap() {
            all[name] = value.clone();
        }
        world.made_by(&owner, line, all).await
    };
    let at = format!("/projects/{}", place.id);
    let trigger = send(&format!("POST {at}/triggers"), json!({"description": "d"})).await;
    assert_eq!(trigger["owner"]["id"], owner_id);
    assert_ne!(trigger["token"], "chosen-by-the-caller");
    assert_eq!(trigger["last_used"], Value::Null);
    let hook = send(
        &format!("POST {at}/hooks"),
        json!({"url": "https://1.2.3.4/", "project_id": other}),
    )
    .await;
    assert_eq!(hook["project_id"], place.id);
    let schedule = json!({"description": "s", "ref": "main", "cron": "0 1 * * *"});
    let schedule = send(&format!("POST {at}/pipeline_schedules"), schedule).await;
    assert_eq!(schedule["owner"]["id"], owner_id);
    let pipeline = send(
        &format!("POST {at}/pipeline"),
        json!({"ref": "main", "project_id": other}),
    )
    .await;
    assert_eq!(
        (&pipeline["project_id"], &pipeline["source"]),
        (&json!(place.id), &json!("api"))
    );
    assert_ne!(pipeline["status"], "success");
    assert_eq!(pipeline["user"]["id"], owner_id);
    let project = send("POST /projects", json!({"name": "mass"})).await;
    assert_eq!(
        (&project["creator_id"], &project["path_with_namespace"]),
        (&json!(owner_id), &json!("owner/mass"))
    );
    let changed = send(&format!("PUT {at}"), json!({"description": "d"})).await;
    assert_eq!(
        (&changed["id"], &changed["path_with_namespace"]),
        (&json!(place.id), &json!(place.path))
    );
    let runner = json!({"runner_type": "project_type", "project_id": place.id});
    let runner = send("POST /user/runners", runner).await;
    assert_ne!(runner["token"], "chosen-by-the-caller");
    let token = send(
        "POST /user/personal_access_tokens",
        json!({"name": "t", "scopes": ["self_rotate"]}),
    )
    .await;
    assert_eq!(
        (&token["user_id"], &token["scopes"]),
        (&json!(owner_id), &json!(["self_rotate"]))
    );
    let group = send("POST /groups", json!({"name": "mass", "path": "mass"})).await;
    assert_eq!(group["full_path"], "mass");
    let me = world.made_by(&owner, "GET /user", Value::Null).await;
    assert_eq!((&me["state"], &me["username"]), (&json!("active"), &json!("owner")));
    let refused = world.api.call("GET /application/settings", &owner, Value::Null).await;
    assert_eq!(refused.status, 403, "nobody became an administrator");
    assert!(table::read().len() > 250);
}
