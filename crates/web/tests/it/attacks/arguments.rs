//! Names that would be options of a program, paths that would leave their place, patterns that never end.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::encode_segment;

use super::none;
use crate::permissions::world::{World, token_of};

/// What git or a shell would do something with.
fn hostile(canary: &str) -> Vec<String> {
    vec![
        format!("--output={canary}"),
        format!("--upload-pack=touch {canary}"),
        format!("--exec=touch {canary}"),
        format!("-o{canary}"),
        format!("$(touch {canary})"),
        format!("`touch {canary}`"),
        format!(";touch {canary};"),
        format!("|touch {canary}"),
        format!("\ntouch {canary}\n"),
        format!("main\u{0}--output={canary}"),
        format!("ext::sh -c \"touch {canary}\""),
        "-".to_owned(),
        "--".to_owned(),
        "--help".to_owned(),
        "--all".to_owned(),
        "HEAD".to_owned(),
        "@{-1}".to_owned(),
        "main..side".to_owned(),
        "main^{/x}".to_owned(),
        ":/x".to_owned(),
        "refs/heads/../../config".to_owned(),
        "../../../../etc/passwd".to_owned(),
        "..\\..\\config".to_owned(),
        "/etc/passwd".to_owned(),
        ".git/config".to_owned(),
        "\u{ff0e}\u{ff0e}/x".to_owned(),
        "main\u{202e}".to_owned(),
        "main.lock".to_owned(),
        "a".repeat(5000),
    ]
}

#[tokio::test]
async fn refs_and_paths_stay_what_they_are() {
    let world = World::start().await;
    let (project, owner) = (&world.projects[0], token_of("owner"));
    let canary = world.api.server.folder().join("canary");
    let shown = canary.to_str().unwrap().to_owned();
    let at = format!("/projects/{}", project.id);
    let trigger = &project.things["trigger_token"];
    let mut wrong = Vec::new();
    for text in hostile(&shown) {
        let inside = encode_segment(&text);
        let mut calls = Vec::new();
        for line in [
            format!("GET {at}/repository/commits?ref_name={inside}"),
            format!("GET {at}/repository/commits?path={inside}&author={inside}"),
            format!("GET {at}/repository/commits/{inside}"),
            format!("GET {at}/repository/tree?ref={inside}"),
            format!("GET {at}/repository/tree?path={inside}"),
            format!("GET {at}/repository/files/{inside}?ref=main"),
            format!("GET {at}/repository/files/{inside}/raw?ref={inside}"),
            format!("GET {at}/repository/files/a.txt?ref={inside}"),
            format!("GET {at}/repository/branches/{inside}"),
            format!("GET {at}/repository/branches?search={inside}&regex={inside}"),
            format!("GET {at}/repository/tags/{inside}"),
            format!("GET {at}/pipelines?ref={inside}&sha={inside}"),
            format!("GET {at}/ci/lint?content_ref={inside}&dry_run=true"),
            format!("GET {at}/ci/inputs_schema?ref={inside}"),
            format!("GET {at}/jobs/artifacts/{inside}/download?job=job"),
            format!("DELETE {at}/repository/branches/{inside}"),
            format!("DELETE {at}/repository/tags/{inside}"),
        ] {
            calls.push((line, Value::Null));
        }
        for (line, body) in [
            ("repository/branches", json!({"branch": text, "ref": "main"})),
            ("repository/branches", json!({"branch": "fresh", "ref": text})),
            (
                "repository/tags",
                json!({"tag_name": text, "ref": "main", "message": text}),
            ),
            ("repository/tags", json!({"tag_name": "fresh", "ref": text})),
            ("pipeline", json!({"ref": text})),
            ("trigger/pipeline", json!({"token": trigger, "ref": text})),
            (
                "deployments",
                json!({"environment": "e", "sha": text, "ref": text, "tag": false, "status": "failed"}),
            ),
            (
                "pipeline_schedules",
                json!({"description": "s", "ref": text, "cron": "0 1 * * *"}),
            ),
            ("protected_branches", json!({"name": text})),
            (
                "repository/commits",
                json!({"branch": text, "start_branch": "main", "commit_message": "[skip ci]",
                "actions": [{"action": "create", "file_path": "x", "content": "x"}]}),
            ),
            (
                "repository/commits",
                json!({"branch": "side", "start_branch": text, "commit_message": "[skip ci]",
                "actions": [{"action": "create", "file_path": "y", "content": "x"}]}),
            ),
            (
                "repository/commits",
                json!({"branch": "side", "commit_message": "[skip ci]",
                "actions": [{"action": "create", "file_path": text, "content": "x"}]}),
            ),
            (
                "repository/commits",
                json!({"branch": "side", "commit_message": "[skip ci]",
                "actions": [{"action": "move", "previous_path": text, "file_path": "z", "content": "x"}]}),
            ),
            (
                "repository/commits",
                json!({"branch": "side", "commit_message": format!("{text} [skip ci]"),
                "author_name": text, "author_email": text, "actions": [{"action": "update", "file_path": "a.txt", "content": text}]}),
            ),
        ] {
            calls.push((format!("POST {at}/{line}"), body));
        }
        for (line, body) in calls {
            let answer = world.api.call(&line, &owner, body.clone()).await;
            if answer.status >= 500 {
                wrong.push(format!("{line:.200} {body}: {} {}", answer.status, answer.text));
            }
            if answer.text.contains("root:x:0:0") || answer.text.contains("repositoryformatversion") {
                wrong.push(format!("{line:.200} reads outside of the repository: {}", answer.text));
            }
            if canary.exists() {
                wrong.push(format!("{line:.200} {body}: ran a command"));
                std::fs::remove_file(&canary).unwrap();
            }
        }
        for line in [
            format!("GET /{}.git/info/refs?service={inside}", project.path),
            format!("GET /{inside}.git/info/refs?service=git-upload-pack"),
            format!("GET /{}/{inside}.git/info/refs?service=git-upload-pack", "owner"),
            format!("POST /{inside}.git/git-upload-pack"),
        ] {
            let answer = world
                .raw(
                    &line,
                    &[("content-type", "application/x-git-upload-pack-request")],
                    b"0000",
                )
                .await;
            if answer.status >= 500 || canary.exists() {
                wrong.push(format!("{line:.200}: {} {}", answer.status, answer.text));
            }
        }
    }
    none(&wrong);
    // What was made of them all the same begins with no dash and leaves no place.
    for kind in ["branches", "tags"] {
        let list = world
            .made(&format!("GET {at}/repository/{kind}?per_page=100"), Value::Null)
            .await;
        for one in list.as_array().unwrap() {
            let name = one["name"].as_str().unwrap();
            assert!(
                !name.starts_with('-') && !name.contains("..") && !name.chars().any(char::is_control),
                "{name}"
            );
        }
    }
    let tree = world
        .made(
            &format!("GET {at}/repository/tree?ref=side&recursive=true&per_page=100"),
            Value::Null,
        )
        .await;
    for one in tree.as_array().unwrap() {
        let path = one["path"].as_str().unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        let leaves = parts
            .iter()
            .any(|part| matches!(*part, "" | "." | "..") || part.eq_ignore_ascii_case(".git"));
        assert!(!leaves, "{path}");
    }
}

#[tokio::test]
async fn names_are_what_they_look_like() {
    let world = World::start().await;
    let owner = token_of("owner");
    let mut wrong = Vec::new();
    for name in [
        "-x",
        "--upload-pack",
        "a/../b",
        "..",
        ".",
        "a.git",
        "a.atom",
        "a b",
        "a\u{0}b",
        "a\u{202e}b",
        "\u{430}dmin",
        "ａｄｍｉｎ",
        "admin\u{200b}",
        "a%00b",
        "a%2fb",
        "a\nb",
        "",
        " ",
        "a\\b",
        "a?b",
        "a#b",
        "<b>",
        "a\u{301}",
        &"x".repeat(300),
        "api",
        "admin",
        "-",
        "users",
    ] {
        for (line, body) in [
            ("POST /projects", json!({"name": "plain", "path": name})),
            ("POST /groups", json!({"name": "plain", "path": name})),
        ] {
            let answer = world.api.call(line, &owner, body).await;
            // A project may be called as a page of the whole server is: it lies below its owner.
            // Without a path it is the one that follows from the name.
            let may = line == "POST /projects" && matches!(name, "api" | "admin" | "users" | "");
            if answer.status != 400 && !may {
                wrong.push(format!("{line} {name:?}: {} {:.200}", answer.status, answer.text));
            }
        }
        let new = json!({"username": name, "name": "n", "email": format!("u{}@example.com", world.number()), "force_random_password": true});
        let answer = world.api.root("POST /users", new).await;
        if !matches!(answer.status, 400 | 409) {
            wrong.push(format!("user {name:?}: {} {:.200}", answer.status, answer.text));
        }
    }
    // The case of a name makes no second one.
    for (line, body) in [
        ("POST /groups", json!({"name": "plain", "path": "PRIVATE-group"})),
        (
            "POST /users",
            json!({"username": "OWNER", "name": "n", "email": "z@example.com", "force_random_password": true}),
        ),
        (
            "POST /users",
            json!({"username": "other", "name": "n", "email": "OWNER@example.com", "force_random_password": true}),
        ),
    ] {
        let answer = world.api.root(line, body).await;
        if !matches!(answer.status, 400 | 409) {
            wrong.push(format!("{line} again: {} {:.200}", answer.status, answer.text));
        }
    }
    none(&wrong);
}

/// Patterns of users run in time that grows with the text, not with its square or worse.
#[tokio::test]
async fn patterns_come_to_an_end() {
    let world = World::start().await;
    let (project, owner) = (&world.projects[0], token_of("owner"));
    let at = format!("/projects/{}", project.id);
    let text = "a".repeat(9_000) + "!";
    let calls = async {
        for pattern in [
            "^(a+)+$",
            "^(a|aa)+$",
            "^(a|a?)+$",
            "(.*a){25}b",
            "^((((a*)*)*)*)*$",
            "(?:a{1,100}){1,100}b",
        ] {
            let regex = encode_segment(pattern);
            let answer = world
                .api
                .call(
                    &format!("GET {at}/repository/branches?regex={regex}"),
                    &owner,
                    Value::Null,
                )
                .await;
            assert!(answer.status < 500, "{pattern}: {}", answer.text);
            let config = format!(
                "variables: {{T: '{text}'}}\njob: {{script: x, coverage: '/{pattern}/', rules: [{{if: '$T =~ /{pattern}/'}}]}}\nlast: {{script: x}}\n"
            );
            let lint = json!({"content": config, "dry_run": true, "ref": "main"});
            let answer = world.api.call(&format!("POST {at}/ci/lint"), &owner, lint).await;
            assert!(answer.status < 500, "{pattern}: {}", answer.text);
            let hook = json!({"url": "https://1.2.3.4/", "push_events_branch_filter": pattern, "branch_filter_strategy": "regex"});
            let answer = world.api.call(&format!("POST {at}/hooks"), &owner, hook).await;
            assert!(answer.status < 500, "{pattern}: {}", answer.text);
        }
        for stars in ["*".repeat(2000), "*a".repeat(1000), "**/".repeat(500)] {
            let limits = json!({"description": "d", "allowed_refs": [stars]});
            let answer = world.api.call(&format!("POST {at}/triggers"), &owner, limits).await;
            assert!(answer.status < 500, "{}", answer.text);
            let rule = json!({"name": stars.chars().take(200).collect::<String>()});
            let answer = world
                .api
                .call(&format!("POST {at}/protected_branches"), &owner, rule)
                .await;
            assert!(answer.status < 500, "{}", answer.text);
            let config = format!(
                "job: {{script: x, rules: [{{changes: ['{stars}x']}}, {{exists: ['{stars}x']}}]}}\nlast: {{script: x}}\n"
            );
            let lint = json!({"content": config, "dry_run": true, "ref": "main"});
            let answer = world.api.call(&format!("POST {at}/ci/lint"), &owner, lint).await;
            assert!(answer.status < 500, "{}", answer.text);
        }
        // A protected pattern of stars is asked for each ref that is run.
        let answer = world
            .api
            .call(&format!("POST {at}/pipeline"), &owner, json!({"ref": "a".repeat(250)}))
            .await;
        assert_eq!(answer.status, 400);
    };
    // One that does not come to an end needs longer than the world has been there.
    assert!(tokio::time::timeout(Duration::from_secs(60), calls).await.is_ok());
}
