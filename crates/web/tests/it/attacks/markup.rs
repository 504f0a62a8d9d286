//! Markup, scripts and control characters in everything that somebody can name, on every page and in every answer.

use serde_json::{Value, json};
use testkit::{Form, encode_segment};

use super::none;
use crate::permissions::rows_of;
use crate::permissions::world::{World, token_of};

/// Breaks out of a text, of an attribute in either kind of quotes, of a script, a style and a comment.
const EVIL: &str = "\"'><img src=x onerror=alert(1)>--></title></style></script><script>alert(1)</script>{{7*7}}${7*7}";

/// The same without what a ref must not have.
const EVIL_REF: &str = "\"'><img/src=x/onerror=alert(1)><script>alert(1)</script>";

/// What of it must not stand on a page as it is.
const RAW: [&str; 5] = ["<img src=x", "<img/src=x", "<script>alert", "\"'>", "</title></style>"];

/// Puts it wherever there is a name, a description, a message or a value.
async fn plant(world: &World) -> (String, String) {
    let (project, owner) = (&world.projects[0], token_of("owner"));
    let at = format!("/projects/{}", project.id);
    let commit = |branch: &str, actions: Value| {
        json!({"branch": branch, "commit_message": format!("{EVIL}\n\n{EVIL} [skip ci]"), "actions": actions,
            "author_name": EVIL, "author_email": "\"<script>alert(1)</script>\"@example.com"})
    };
    let evil = serde_json::to_string(EVIL).unwrap();
    let config = format!(
        "spec: {{inputs: {{a: {{default: {evil}, description: {evil}}}}}}}\n---\nworkflow: {{name: {evil}}}\nstages: [{evil}]\n\
         variables: {{SHOWN: {{value: {evil}, description: {evil}}}}}\n\
         {evil}: {{stage: {evil}, script: [{evil}], tags: [{evil}], artifacts: {{name: {evil}, paths: [{evil}]}},\n  \
         environment: {{name: prod, url: 'javascript:alert(1)//{EVIL_REF}'}}, resource_group: {evil}}}\n",
        EVIL_REF = EVIL_REF.replace('\'', "''")
    );
    for line in [
        format!("POST {at}/repository/branches"),
        format!("POST {at}/repository/tags"),
    ] {
        let new = json!({"branch": EVIL_REF, "tag_name": EVIL_REF, "ref": "main", "message": EVIL});
        world.made_by(&owner, &line, new).await;
    }
    let files = json!([{"action": "update", "file_path": ".gitlab-ci.yml", "content": config},
        {"action": "create", "file_path": EVIL_REF, "content": EVIL}]);
    world
        .made_by(
            &owner,
            &format!("POST {at}/repository/commits"),
            commit(EVIL_REF, files),
        )
        .await;
    for (line, body) in [
        ("PUT ", json!({"description": EVIL})),
        (
            "POST /variables",
            json!({"key": "EVIL", "value": EVIL, "description": EVIL}),
        ),
        (
            "POST /variables",
            json!({"key": "EVIL", "value": EVIL, "description": EVIL, "environment_scope": "prod/*"}),
        ),
        (
            "POST /triggers",
            json!({"description": EVIL, "allowed_refs": ["*"], "fixed_variables": {"F": EVIL}}),
        ),
        (
            "POST /hooks",
            json!({"url": "https://1.2.3.4/?a=%22%3Cscript%3E", "name": EVIL, "description": EVIL, "push_events_branch_filter": "*"}),
        ),
        (
            "POST /inbound_hooks",
            json!({"name": EVIL, "provider": "generic", "secret": "inbound-secret", "filters": [{"path": "a", "equals": EVIL}]}),
        ),
        (
            "POST /pipeline_schedules",
            json!({"description": EVIL, "ref": EVIL_REF, "cron": "0 1 * * *", "active": false}),
        ),
        ("POST /protected_branches", json!({"name": format!("{EVIL_REF}*x")})),
        ("POST /protected_tags", json!({"name": format!("{EVIL_REF}*x")})),
        (
            "POST /deployments",
            json!({"environment": "live", "sha": "main", "ref": EVIL_REF, "tag": false, "status": "success"}),
        ),
        (
            "PUT /environments/1",
            json!({"external_url": "https://example.com/?\"'><script>alert(1)</script>", "description": EVIL}),
        ),
    ] {
        let (method, rest) = line.split_once(' ').unwrap();
        // What refuses it shows that in its answer, which is looked at, too.
        let answer = world.api.call(&format!("{method} {at}{rest}"), &owner, body).await;
        assert!(answer.status < 500, "{line}: {}", answer.text);
    }
    for (line, body) in [
        (
            "POST /user/runners".to_owned(),
            json!({"runner_type": "project_type", "project_id": project.id, "description": EVIL,
            "tag_list": [EVIL], "maintenance_note": EVIL}),
        ),
        (
            "POST /user/runners".to_owned(),
            json!({"runner_type": "instance_type", "description": EVIL, "tag_list": [EVIL]}),
        ),
        (
            "POST /user/personal_access_tokens".to_owned(),
            json!({"name": EVIL, "description": EVIL, "scopes": ["self_rotate"]}),
        ),
        (
            "POST /users".to_owned(),
            json!({"username": "evil", "name": EVIL, "email": "evil@example.com", "force_random_password": true}),
        ),
        (
            "POST /groups".to_owned(),
            json!({"name": EVIL, "path": "evil", "description": EVIL}),
        ),
        (format!("PUT /users/{}", world.users["guest"].id), json!({"name": EVIL})),
    ] {
        let answer = world.api.root(&line, body).await;
        assert!(answer.status < 500, "{line}: {}", answer.text);
    }
    // There is a tag of this name as well.
    let call = json!({"ref": format!("refs/heads/{EVIL_REF}"), "variables": [{"key": "GIVEN", "value": EVIL}], "inputs": {"a": EVIL}});
    let made = world.made_by(&owner, &format!("POST {at}/pipeline"), call).await;
    let jobs = world
        .made(&format!("GET {at}/pipelines/{}/jobs", made["id"]), Value::Null)
        .await;
    let (pipeline, job) = (made["id"].to_string(), jobs[0]["id"].to_string());
    assert_eq!(jobs[0]["name"], EVIL, "it is planted");
    let id = model::JobId(job.parse().unwrap());
    let log = format!(
        "{EVIL}\n\x1b[31m{EVIL}\x1b[0m\x1b]0;{EVIL}\x07\x1b]8;;javascript:alert(1)\x07x\nsection_start:1:{EVIL_REF}\r\x1b[0K{EVIL}\n"
    );
    world
        .api
        .server
        .app
        .blobs
        .traces
        .append(id, 0, log.into(), 1 << 20)
        .await
        .unwrap();
    (pipeline, job)
}

#[tokio::test]
async fn what_somebody_named_is_text_on_every_page() {
    let world = World::start().await;
    let (pipeline, job) = plant(&world).await;
    let project = &world.projects[0];
    let (mut wrong, mut looked) = (Vec::new(), 0);
    for who in ["owner", "admin"] {
        let cookie = format!("tripline_session={}", world.session(who).await);
        for row in rows_of("Pages of a project").into_iter().chain(rows_of("Other pages")) {
            if row.method() != "GET" || row.path().contains("{*") {
                continue;
            }
            let mut path = row
                .path()
                .replace("{project}", &project.path)
                .replace("{namespace}", "evil");
            let ids = match path.as_str() {
                path if path.contains("/jobs/") => vec![job.clone()],
                path if path.contains("/pipelines/") => vec![pipeline.clone()],
                path if path.contains("/environments/") => vec![project.things["environment_id"].clone()],
                _ => (1..=2)
                    .map(|n| n.to_string())
                    .chain([project.things["hook_id"].clone()])
                    .collect(),
            };
            path = path.replace("{delivery}", &project.things["hook_event_id"]);
            let named = encode_segment(EVIL);
            for id in ids {
                for query in [
                    String::new(),
                    "?reveal=true".to_owned(),
                    format!("?search={named}&ref={named}&status={named}&scope={named}&page=1"),
                    format!("?ref={}&after=0&with=variables", encode_segment(EVIL_REF)),
                ] {
                    let path = path.replace("{id}", &id) + &query;
                    let headers = [("cookie", cookie.as_str()), ("user-agent", EVIL)];
                    let answer = world.raw(&format!("GET {path}"), &headers, b"").await;
                    looked += usize::from(answer.status == 200);
                    let kind = answer
                        .headers
                        .get("content-type")
                        .map_or("", |kind| kind.to_str().unwrap());
                    let is_page = kind.starts_with("text/html");
                    if answer.status >= 500 {
                        wrong.push(format!("{path}: {}", answer.status));
                    }
                    for raw in RAW.iter().filter(|raw| is_page && answer.text.contains(**raw)) {
                        let at = answer.text.find(raw).unwrap();
                        let around: String = answer.text[..at]
                            .chars()
                            .rev()
                            .take(80)
                            .collect::<Vec<_>>()
                            .into_iter()
                            .rev()
                            .collect();
                        wrong.push(format!("{path}: {around}⟦{raw}⟧"));
                    }
                    for link in answer.text.split("href=").skip(1).filter(|_| is_page) {
                        let link = link.trim_start_matches(['"', '\'']).to_lowercase();
                        if link.starts_with("javascript:") || link.starts_with("data:") {
                            wrong.push(format!("{path}: a link to {link:.40}"));
                        }
                    }
                    if is_page && !answer.headers.contains_key("content-security-policy") {
                        wrong.push(format!("{path}: no policy of contents"));
                    }
                    if is_page && answer.text.contains("javascript:alert") && answer.text.contains("href=\"javascript")
                    {
                        wrong.push(format!("{path}: a link that runs"));
                    }
                }
            }
        }
        // What a form answers when it refuses.
        for row in rows_of("Pages of a project").into_iter().chain(rows_of("Other pages")) {
            if row.method() == "GET" || row.path().contains("delete") || row.path().contains("sign_out") {
                continue;
            }
            let path = row
                .path()
                .replace("{project}", &project.path)
                .replace("{id}", "1")
                .replace("{delivery}", "1");
            let session = cookie.split_once('=').unwrap().1;
            let mut form = Form::of([("authenticity_token", world.form_token(session).as_str())]);
            for name in [
                "name",
                "key",
                "value",
                "ref",
                "description",
                "content",
                "username",
                "url",
                "cron",
                "login",
                "message",
                "confirm",
                "target",
                "current_password",
                "password",
                "email",
                "kind",
                "provider",
                "access_level",
                "cron_timezone",
                "visibility",
                "secret",
                "push",
                "trigger",
                "expires_at",
                "variables[][key]",
                "inputs[a]",
                "scopes[]",
                "zone",
                "language",
                "theme",
                "return_to",
            ] {
                form = form.with(name, EVIL);
            }
            let headers = [
                ("cookie", cookie.as_str()),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            let answer = world
                .raw(&format!("POST {path}"), &headers, form.urlencoded().as_bytes())
                .await;
            if answer.status >= 500 {
                wrong.push(format!("POST {path}: {} {}", answer.status, answer.text));
            }
            for raw in RAW.iter().filter(|raw| answer.text.contains(**raw)) {
                wrong.push(format!("POST {path}: {raw}"));
            }
        }
    }
    none(&wrong);
    assert!(looked > 100, "{looked}");
}

#[tokio::test]
async fn answers_of_the_api_are_no_pages() {
    let world = World::start().await;
    let (_, job) = plant(&world).await;
    let (project, owner) = (&world.projects[0], token_of("owner"));
    let mut wrong = Vec::new();
    for section in ["Projects", "Groups", "The server"] {
        for row in rows_of(section) {
            let is_stream =
                row.path().ends_with("/events") && !row.path().contains("hooks") || row.path().ends_with("/follow");
            if row.method() != "GET" || is_stream || row.path().contains("{*") {
                continue;
            }
            let place = if section == "Groups" { &world.groups[0] } else { project };
            let path = match section {
                "The server" => row
                    .path()
                    .replace("{id}", "1")
                    .replace("{user_id}", "1")
                    .replace("{key}", "Bash"),
                _ => world.request(&row, place, false).await.path,
            };
            for path in [
                path.clone(),
                format!("{}?search={}", path.split('?').next().unwrap(), encode_segment(EVIL)),
            ] {
                let answer = world
                    .raw(&format!("GET {path}"), &[("private-token", &owner)], b"")
                    .await;
                let kind = answer
                    .headers
                    .get("content-type")
                    .map_or("", |kind| kind.to_str().unwrap());
                let is_file = answer
                    .headers
                    .get("content-disposition")
                    .is_some_and(|value| value.as_bytes().starts_with(b"attachment"));
                let is_data = [
                    "application/json",
                    "text/plain",
                    "text/csv",
                    "application/x-ndjson",
                    "application/octet-stream",
                ]
                .iter()
                .any(|known| kind.starts_with(known));
                if answer.status >= 500 || !kind.is_empty() && !is_data && !is_file {
                    wrong.push(format!("{path}: {} {kind}", answer.status));
                }
                if answer.headers["x-content-type-options"] != "nosniff" {
                    wrong.push(format!("{path}: may be taken for something else"));
                }
            }
        }
    }
    let log = world
        .raw(
            &format!("GET /api/v4/projects/{}/jobs/{job}/trace", project.id),
            &[("private-token", &owner)],
            b"",
        )
        .await;
    assert!(log.text.contains("<script>"), "the log is what it is, as text");
    assert!(log.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    none(&wrong);
}

#[tokio::test]
async fn a_story_for_a_terminal_has_no_commands_for_it() {
    let world = World::start().await;
    let (project, owner) = (&world.projects[0], token_of("owner"));
    let at = format!("/projects/{}", project.id);
    // Sets the title of the terminal, clears it, writes over the line before.
    let evil = "a\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[1A\r\u{9b}2J\u{202e}b";
    let config = format!(
        "stages: [{0}]\n{0}: {{stage: {0}, script: x}}\n",
        serde_json::to_string(evil).unwrap()
    );
    let files = json!([{"action": "update", "file_path": ".gitlab-ci.yml", "content": config}]);
    let commit = json!({"branch": "main", "commit_message": "[skip ci]", "actions": files});
    world
        .made_by(&owner, &format!("POST {at}/repository/commits"), commit)
        .await;
    let call = json!({"token": project.things["trigger_token"], "ref": "main"});
    let line = format!("POST {at}/trigger/pipeline");
    let made = world.api.call(&line, "", call).await;
    if made.status == 422 || made.status == 400 {
        // A name of control characters is no name.
        assert!(!made.text.contains('\u{1b}'));
        return;
    }
    let made = made.json(201);
    world
        .made(&format!("POST {at}/pipelines/{}/cancel", made["id"]), Value::Null)
        .await;
    for color in ["", "?color=true"] {
        let story = world
            .raw(
                &format!("GET /api/v4{at}/pipelines/{}/follow{color}", made["id"]),
                &[("private-token", &owner)],
                b"",
            )
            .await;
        assert_eq!(story.status, 200);
        for forbidden in ["\u{1b}]", "\u{1b}[2J", "\u{1b}[1A", "\r", "\u{9b}", "\u{7}"] {
            assert!(
                !story.text.contains(forbidden),
                "{color} {forbidden:?}: {:?}",
                story.text
            );
        }
        if color.is_empty() {
            assert!(!story.text.contains('\u{1b}'), "{:?}", story.text);
        }
    }
}
