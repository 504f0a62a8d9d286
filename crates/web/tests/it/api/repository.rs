//! Branches, tags, commits and files.

use model::AccessLevel;
use serde_json::{Value, json};

use super::Api;
use crate::fixture::CONFIG;

const ROOT: &str = "/projects/ada%2Ftool/repository";

/// Commits files to `main`.
async fn commit(api: &Api, files: &[(&str, &str)]) -> Value {
    let actions: Vec<Value> = files
        .iter()
        .map(|(path, text)| json!({"action": "create", "file_path": path, "content": text}))
        .collect();
    let body = json!({"branch": "main", "commit_message": "Add\n\nmore", "actions": actions});
    api.ada(&format!("POST {ROOT}/commits"), body).await.json(201)
}

#[tokio::test]
async fn a_commit_through_the_api_is_a_push() {
    let api = Api::start().await;
    let made = commit(&api, &[(".gitlab-ci.yml", CONFIG), ("a/b", "1")]).await;
    for (field, expected) in [
        ("title", json!("Add")),
        ("message", json!("Add\n\nmore\n")),
        ("author_name", json!("ada")),
        ("author_email", json!("ada@example.com")),
        ("parent_ids", json!([])),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    assert_eq!(
        api.ada("GET /projects/1", Value::Null).await.json(200)["default_branch"],
        "main"
    );
    let protected = api.ada("GET /projects/1/protected_branches", Value::Null).await;
    assert_eq!(protected.each("name"), "main");
    let pipelines = api.server.pipelines().await;
    assert_eq!(pipelines.len(), 1);
    assert_eq!(pipelines[0].sha.as_str(), made["id"]);
    assert!(pipelines[0].before_sha.is_zero());
    assert_eq!(pipelines[0].source, model::Source::Push);
}

#[tokio::test]
async fn files_are_written_read_and_removed() {
    let api = Api::start().await;
    let path = format!("{ROOT}/files/dir%2Fa%20b%2Etxt");
    let write = json!({"branch": "main", "commit_message": "m", "content": "b25l", "encoding": "base64"});
    let made = api.ada(&format!("POST {path}"), write.clone()).await.json(201);
    assert_eq!(made, json!({"file_path": "dir/a b.txt", "branch": "main"}));
    let exists = r#"400 {"message":"A file with this name already exists"}"#;
    assert_eq!(api.ada(&format!("POST {path}"), write).await.shown(), exists);

    let shown = api.ada(&format!("GET {path}?ref=main"), Value::Null).await;
    let file = shown.json(200);
    for (field, expected) in [
        ("file_name", json!("a b.txt")),
        ("size", json!(3)),
        ("content", json!("b25l")),
        ("encoding", json!("base64")),
        ("ref", json!("main")),
        ("execute_filemode", json!(false)),
        (
            "content_sha256",
            json!("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"),
        ),
    ] {
        assert_eq!(file[field], expected, "{field}");
    }
    assert_eq!(file["commit_id"], file["last_commit_id"]);
    let head = api.get(&format!("HEAD {path}?ref=main"), crate::fixture::TOKEN).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.headers["x-gitlab-size"], "3");

    let update =
        json!({"branch": "main", "commit_message": "m", "content": "two", "last_commit_id": file["commit_id"]});
    api.ada(&format!("PUT {path}"), update.clone()).await.json(200);
    assert_eq!(api.ada(&format!("GET {path}/raw"), Value::Null).await.text, "two");
    let stale =
        "400 {\"message\":\"You are attempting to update a file that has changed since you started editing it.\"}";
    assert_eq!(api.ada(&format!("PUT {path}"), update).await.shown(), stale);
    let remove = json!({"branch": "main", "commit_message": "m"});
    api.ada(&format!("DELETE {path}"), remove.clone()).await.empty(204);
    for (line, expected) in [
        (
            format!("GET {path}?ref=main"),
            r#"404 {"message":"404 File Not Found"}"#,
        ),
        (
            format!("GET {path}?ref=nope"),
            r#"404 {"message":"404 Commit Not Found"}"#,
        ),
        (format!("GET {path}"), r#"400 {"error":"ref is missing, ref is empty"}"#),
    ] {
        assert_eq!(api.ada(&line, Value::Null).await.shown(), expected, "{line}");
    }
    assert_eq!(
        api.ada(&format!("DELETE {path}"), remove).await.shown(),
        r#"400 {"message":"A file with this name doesn't exist"}"#
    );
}

#[tokio::test]
async fn commits_take_several_actions() {
    let api = Api::start().await;
    let first = commit(&api, &[("a", "1"), ("b", "2"), ("run", "x")]).await;
    let actions = json!([
        {"action": "update", "file_path": "a", "content": "3"},
        {"action": "move", "file_path": "d/c", "previous_path": "b"},
        {"action": "chmod", "file_path": "run", "execute_filemode": true},
    ]);
    let body = json!({"branch": "side", "start_branch": "main", "commit_message": "m", "actions": actions});
    let made = api.ada(&format!("POST {ROOT}/commits"), body.clone()).await.json(201);
    assert_eq!(made["parent_ids"], json!([first["id"]]));
    let tree = api
        .ada(&format!("GET {ROOT}/tree?ref=side&recursive=true"), Value::Null)
        .await;
    assert_eq!(tree.each("path"), "d d/c a run");
    assert_eq!(tree.json(200)[3]["mode"], "100755");
    let listed = api
        .ada(&format!("GET {ROOT}/commits?ref_name=side&path=a"), Value::Null)
        .await;
    assert_eq!(listed.json(200).as_array().unwrap().len(), 2);
    assert_eq!(
        api.ada(&format!("GET {ROOT}/commits/side"), Value::Null)
            .await
            .json(200)["id"],
        made["id"]
    );
    let again = api.ada(&format!("POST {ROOT}/commits"), body).await;
    assert_eq!(
        again.json(400)["message"],
        "A branch called 'side' already exists. Switch to that branch in order to make changes"
    );
    for (body, expected) in [
        (
            json!({}),
            "branch is missing, branch is empty, commit_message is missing, commit_message is empty, actions is missing",
        ),
        (
            json!({"branch": "b", "commit_message": "m", "actions": [{"action": "paint", "file_path": "x"}, {"file_path": "y"}]}),
            "actions[0][action] does not have a valid value, actions[1][action] is missing",
        ),
        (
            json!({"branch": "b", "commit_message": "m", "actions": "x"}),
            "actions is invalid",
        ),
        (
            json!({"branch": "b", "commit_message": "m", "actions": [{"action": "create", "file_path": "x", "content": "!", "encoding": "base64"}]}),
            "actions[0][content] is invalid",
        ),
    ] {
        assert_eq!(
            api.ada(&format!("POST {ROOT}/commits"), body).await.json(400)["error"],
            expected
        );
    }
    let outside = json!({"branch": "main", "commit_message": "m", "actions": [{"action": "create", "file_path": "../x", "content": ""}]});
    assert_eq!(api.ada(&format!("POST {ROOT}/commits"), outside).await.status, 400);
}

#[tokio::test]
async fn branches_are_made_listed_and_removed() {
    let api = Api::start().await;
    let first = commit(&api, &[("a", "1")]).await;
    let new = json!({"branch": "feature/x", "ref": "main"});
    let made = api.ada(&format!("POST {ROOT}/branches"), new.clone()).await.json(201);
    assert_eq!(
        (&made["name"], &made["commit"]["id"]),
        (&json!("feature/x"), &first["id"])
    );
    assert_eq!(
        api.ada(&format!("GET {ROOT}/branches"), Value::Null).await.each("name"),
        "feature/x main"
    );
    assert_eq!(
        api.ada(&format!("GET {ROOT}/branches?search=^fe"), Value::Null)
            .await
            .each("name"),
        "feature/x"
    );
    let shown = api
        .ada(&format!("GET {ROOT}/branches/feature%2Fx"), Value::Null)
        .await
        .json(200);
    assert_eq!(
        (&shown["default"], &shown["can_push"], &shown["protected"]),
        (&json!(false), &json!(true), &json!(false))
    );
    for (body, expected) in [
        (new, "Branch already exists"),
        (json!({"branch": "y", "ref": "nope"}), "Invalid reference name: nope"),
        (json!({"branch": "a..b", "ref": "main"}), "Branch name is invalid"),
        (json!({"branch": "feature", "ref": "main"}), "Branch already exists"),
    ] {
        assert_eq!(
            api.ada(&format!("POST {ROOT}/branches"), body).await.json(400)["message"],
            expected
        );
    }
    api.ada(&format!("DELETE {ROOT}/branches/feature%2Fx"), Value::Null)
        .await
        .empty(204);
    for (line, expected) in [
        (
            format!("DELETE {ROOT}/branches/feature%2Fx"),
            r#"404 {"message":"404 Branch Not Found"}"#,
        ),
        (
            format!("DELETE {ROOT}/branches/main"),
            r#"405 {"message":"Cannot remove HEAD branch"}"#,
        ),
        (
            format!("GET {ROOT}/branches/nope"),
            r#"404 {"message":"404 Branch Not Found"}"#,
        ),
        (
            format!("GET {ROOT}/branches/a..b"),
            r#"400 {"message":"The branch refname is invalid"}"#,
        ),
    ] {
        assert_eq!(api.ada(&line, Value::Null).await.shown(), expected, "{line}");
    }
}

#[tokio::test]
async fn protected_refs_are_kept_from_developers() {
    let api = Api::start().await;
    commit(&api, &[("a", "1")]).await;
    let developer = api.server.member("dev", AccessLevel::Developer).await;
    let guest = api.server.member("gast", AccessLevel::Guest).await;
    api.server.protect("v*", true, Some(AccessLevel::Maintainer)).await;
    let write = |branch: &str| json!({"branch": branch, "start_branch": "main", "commit_message": "m", "content": "1"});
    let file = format!("POST {ROOT}/files/new");
    assert_eq!(
        api.call(&file, &developer, write("main")).await.shown(),
        r#"403 {"message":"403 Forbidden - You are not allowed to push into this branch"}"#
    );
    assert_eq!(api.call(&file, &developer, write("side")).await.status, 201);
    assert_eq!(api.call(&file, &guest, write("other")).await.status, 403);
    assert_eq!(api.get(&format!("GET {ROOT}/branches"), &guest).await.status, 403);
    let tag = |name: &str| json!({"tag_name": name, "ref": "main"});
    assert_eq!(
        api.call(&format!("POST {ROOT}/tags"), &developer, tag("v1"))
            .await
            .status,
        403
    );
    assert_eq!(
        api.call(&format!("POST {ROOT}/tags"), &developer, tag("w1"))
            .await
            .status,
        201
    );
    assert_eq!(
        api.get(&format!("DELETE {ROOT}/branches/side"), &developer)
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn tags_are_made_listed_and_removed() {
    let api = Api::start().await;
    let first = commit(&api, &[("a", "1")]).await;
    let light = api
        .ada(&format!("POST {ROOT}/tags"), json!({"tag_name": "v1.9", "ref": "main"}))
        .await
        .json(201);
    assert_eq!(
        (&light["target"], &light["message"], &light["created_at"]),
        (&first["id"], &json!(""), &Value::Null)
    );
    let annotated = json!({"tag_name": "v1.10", "ref": "main", "message": "Ten"});
    let annotated = api.ada(&format!("POST {ROOT}/tags"), annotated).await.json(201);
    assert_ne!(annotated["target"], first["id"]);
    assert!(annotated["message"].as_str().unwrap().starts_with("Ten"));
    let sorted = |order: &str| format!("GET {ROOT}/tags?order_by={order}&sort=asc");
    assert_eq!(
        api.ada(&sorted("version"), Value::Null).await.each("name"),
        "v1.9 v1.10"
    );
    assert_eq!(api.ada(&sorted("name"), Value::Null).await.each("name"), "v1.10 v1.9");
    for (body, expected) in [
        (json!({"tag_name": "v1.9", "ref": "main"}), "Tag v1.9 already exists"),
        (json!({"tag_name": "x", "ref": "nope"}), "Target nope is invalid"),
        (json!({"tag_name": "a b", "ref": "main"}), "Tag name invalid"),
    ] {
        assert_eq!(
            api.ada(&format!("POST {ROOT}/tags"), body).await.json(400)["message"],
            expected
        );
    }
    api.ada(&format!("DELETE {ROOT}/tags/v1.9"), Value::Null)
        .await
        .empty(204);
    assert_eq!(
        api.ada(&format!("GET {ROOT}/tags/v1.9"), Value::Null).await.shown(),
        r#"404 {"message":"404 Tag Not Found"}"#
    );
}
