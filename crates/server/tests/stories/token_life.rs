//! How trigger tokens live: rotated, shown once, unused, and dying with what their owners may do.

use serde_json::{Value, json};
use testkit::TestServer;

use crate::story;
use crate::token_limits::{PROJECT, call, refused, text, token};

story!(a_rotated_token_and_its_successor_are_both_good_for_a_while, runners: 0);

fn a_rotated_token_and_its_successor_are_both_good_for_a_while(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let old = token(&project, json!({ "allowed_refs": ["main"] }));
    let path = format!("/triggers/{}/rotate", old["id"]);
    let rotate = |body: &Value| project.request("POST", &path).json(body).send();
    let new = rotate(&json!({ "grace_period": "1h" })).expect(201).json();
    assert_eq!((&new["id"], &new["allowed_refs"]), (&old["id"], &old["allowed_refs"]));
    assert_ne!(text(&new), text(&old));
    assert_eq!(new["previous"]["token"], text(&old)["glptt-".len()..][..4]);
    assert!(new["previous"]["expires_at"].is_string());
    for token in [&old, &new] {
        let pipeline = call(&project, text(token), "main", &[]).expect(201).json();
        let path = format!(
            "/api/v4/projects/{}/trigger/pipelines/{}?token={}",
            project.id,
            pipeline["id"],
            text(&new)
        );
        assert_eq!(server.http().get(&path).send().status, 200, "both are one token");
        call(&project, text(token), "other", &[]).expect(400);
    }
    // Without a grace the old one is gone at once, as is the one before.
    let newest = rotate(&json!({})).expect(201).json();
    assert_eq!(newest["previous"], Value::Null);
    for token in [&old, &new] {
        refused(
            &call(&project, text(token), "main", &[]),
            404,
            &json!({ "message": "404 Not Found" }),
        );
    }
    call(&project, text(&newest), "main", &[]).expect(201);
    refused(
        &rotate(&json!({ "grace_period": "32d" })),
        400,
        &json!({ "message": r#"400 Bad request - {"grace_period":["must not be longer than 31 days"]}"# }),
    );
    refused(
        &rotate(&json!({ "grace_period": "soon" })),
        400,
        &json!({ "error": "grace_period is invalid" }),
    );
}

story!(a_token_that_is_shown_once_is_nowhere_afterwards, runners: 0);

fn a_token_that_is_shown_once_is_nowhere_afterwards(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let made = token(&project, json!({ "show_once": true }));
    let whole = text(&made).to_owned();
    assert!(whole.starts_with("glptt-"));
    call(&project, &whole, "main", &[]).expect(201);
    let path = format!("/triggers/{}", made["id"]);
    let shown = project.get(&path);
    assert_eq!(
        (&shown["token"], &shown["show_once"]),
        (&json!(whole[6..10]), &json!(true))
    );
    refused(
        &project
            .request("PUT", &path)
            .json(&json!({ "show_once": false }))
            .send(),
        400,
        &json!({ "message": r#"400 Bad request - {"show_once":["cannot be undone: no copy of the token was kept"]}"# }),
    );
    // A rotation shows the new one once, too.
    let new = project
        .request("POST", &format!("{path}/rotate"))
        .json(&json!({}))
        .send()
        .expect(201)
        .json();
    let new_text = text(&new).to_owned();
    assert_eq!(project.get(&path)["token"], new_text[6..10]);
    // One that could be shown again is made one that cannot.
    let other = token(&project, json!({}));
    let path = format!("/triggers/{}", other["id"]);
    assert_eq!(project.get(&path)["token"], other["token"]);
    project
        .request("PUT", &path)
        .json(&json!({ "show_once": true }))
        .send()
        .expect(200);
    assert_eq!(project.get(&path)["token"], text(&other)[6..10]);
    assert!(server.terminate());
    for text in [whole.as_str(), &new_text, text(&other)] {
        assert_eq!(
            testkit::files_with(&server.data_dir(), text),
            Vec::<std::path::PathBuf>::new()
        );
        assert!(!server.log().contains(text));
    }
}

story!(a_token_dies_with_what_its_owner_may_do, runners: 0);

fn a_token_dies_with_what_its_owner_may_do(server: &mut TestServer) {
    let root = server.api();
    let project = root.project(PROJECT);
    let new = json!({ "username": "ann", "name": "Ann", "email": "ann@e.com", "password": "long enough 1", "skip_confirmation": true });
    let ann = root.post("/users", &new).expect(201).json()["id"].clone();
    let member = |method: &str, path: &str, level: u8| {
        let body = json!({ "user_id": ann, "access_level": level });
        let answer = project.request(method, path).json(&body).send();
        assert!(answer.status < 300, "{}", answer.text());
    };
    member("POST", "/members", 40);
    let access = json!({ "name": "t", "scopes": ["api"] });
    let access = root
        .post(&format!("/users/{ann}/personal_access_tokens"), &access)
        .expect(201)
        .json();
    let api = server
        .http()
        .with_header("PRIVATE-TOKEN", access["token"].as_str().unwrap());
    let path = format!("/api/v4/projects/{}/triggers", project.id);
    let made = api
        .post(&path)
        .json(&json!({ "description": "ann's" }))
        .send()
        .expect(201)
        .json();
    let token = text(&made).to_owned();
    let others = project.get("/triggers");
    assert_eq!(others[0]["token"], token[6..10], "others see four characters");
    let change = project.request("PUT", &format!("/triggers/{}", made["id"]));
    refused(
        &change.json(&json!({ "allowed_refs": ["main"] })).send(),
        403,
        &json!({ "message": "403 Forbidden - The current user is not authorized to update the pipeline trigger token" }),
    );
    call(&project, &token, "main", &[]).expect(201);
    let may_not = json!({ "message": { "base": ["Insufficient permissions to create a new pipeline"] } });
    let one = format!("/members/{ann}");
    // A Reporter starts no pipelines; a Developer not on a branch that Maintainers protect.
    member("PUT", &one, 20);
    refused(&call(&project, &token, "main", &[]), 400, &may_not);
    member("PUT", &one, 30);
    let protect = json!({ "name": "main", "push_access_level": 40, "merge_access_level": 40 });
    drop(project.request("DELETE", "/protected_branches/main").send());
    project
        .request("POST", "/protected_branches")
        .json(&protect)
        .send()
        .expect(201);
    let answer = call(&project, &token, "main", &[]);
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .text()
            .contains("You do not have sufficient permission to run a pipeline on 'main'")
    );
    member("PUT", &one, 40);
    call(&project, &token, "main", &[]).expect(201);
    root.post(&format!("/users/{ann}/block"), &json!({})).expect(201);
    refused(&call(&project, &token, "main", &[]), 400, &may_not);
    root.post(&format!("/users/{ann}/unblock"), &json!({})).expect(201);
    call(&project, &token, "main", &[]).expect(201);
    project.request("DELETE", &one).send().expect(204);
    refused(&call(&project, &token, "main", &[]), 400, &may_not);
}

story!(unused_tokens_and_those_that_end_soon_are_marked, runners: 0);

fn unused_tokens_and_those_that_end_soon_are_marked(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let soon = day_after(3);
    let ending = token(&project, json!({ "expires_at": soon }));
    let lasting = token(&project, json!({ "expires_at": day_after(30) }));
    assert_eq!(
        (&ending["expires_soon"], &lasting["expires_soon"]),
        (&json!(true), &json!(false))
    );
    let used = call(&project, text(&ending), "main", &[]).expect(201);
    assert_eq!(used.header("Trigger-Token-Expires"), ending["expires_at"].as_str());
    assert_eq!(
        call(&project, text(&lasting), "main", &[]).header("Trigger-Token-Expires"),
        None
    );
    assert_eq!(project.get("/triggers?unused_for=90d"), json!([]));
    let unused = token(&project, json!({}));
    let listed = project.get("/triggers?unused_for=0s");
    let ids: Vec<&Value> = listed.as_array().unwrap().iter().map(|token| &token["id"]).collect();
    assert!(ids.contains(&&unused["id"]), "{listed}");
    refused(
        &project.request("GET", "/triggers?unused_for=long").send(),
        400,
        &json!({ "error": "unused_for is invalid" }),
    );
}

/// The day that comes after so many others.
fn day_after(days: i64) -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let day = now.date().saturating_add(jiff::Span::new().days(days));
    day.to_string()
}
