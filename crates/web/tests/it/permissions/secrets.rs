//! No secret lies in the data folder in clear, and nobody is answered one who is not meant to have it.

use std::path::Path;

use serde_json::{Value, json};

use super::rows_of;
use super::world::{Credential, World, token_of};

/// A text that is kept secret, and what it is.
struct Secret(&'static str, String);

/// Uses a marked secret of each kind in the private project.
async fn plant(world: &World) -> Vec<Secret> {
    let (project, owner) = (&world.projects[0], token_of("owner"));
    let at = format!("/projects/{}", project.id);
    let mut secrets = Vec::new();
    let mut keep = |what: &'static str, text: &str| secrets.push(Secret(what, text.to_owned()));
    for (key, more) in [
        ("MASKED", json!({"masked": true})),
        ("HIDDEN", json!({"masked_and_hidden": true})),
        ("FILED", json!({"variable_type": "file"})),
        ("GUARDED", json!({"protected": true})),
    ] {
        let value = format!("marker-variable-{}", key.to_lowercase());
        let mut new = json!({"key": key, "value": value});
        for (name, given) in more.as_object().unwrap() {
            new[name] = given.clone();
        }
        world.made_by(&owner, &format!("POST {at}/variables"), new).await;
        keep("a variable of the project", &value);
    }
    let schedule = &project.things["pipeline_schedule_id"];
    let new = json!({"key": "OF_SCHEDULE", "value": "marker-schedule-variable"});
    world
        .made_by(
            &owner,
            &format!("POST {at}/pipeline_schedules/{schedule}/variables"),
            new,
        )
        .await;
    keep("a variable of a schedule", "marker-schedule-variable");
    let hook = json!({"url": "https://1.2.3.4/{part}", "token": "marker-hook-token",
        "custom_headers": [{"key": "X-Key", "value": "marker-hook-header"}],
        "url_variables": [{"key": "part", "value": "marker-hook-part"}]});
    let hook = world.made_by(&owner, &format!("POST {at}/hooks"), hook).await;
    world
        .api
        .call(
            &format!("POST {at}/hooks/{}/test/push_events", hook["id"]),
            &owner,
            Value::Null,
        )
        .await;
    for text in ["marker-hook-token", "marker-hook-header", "marker-hook-part"] {
        keep("a hook's secret", text);
    }
    let inbound = json!({"name": "marked", "provider": "generic", "secret": "marker-inbound-secret"});
    world
        .made_by(&owner, &format!("POST {at}/inbound_hooks"), inbound)
        .await;
    keep("an inbound hook's secret", "marker-inbound-secret");
    let trigger = &project.things["trigger_token"];
    let call = json!({"token": trigger, "ref": "main", "variables": {"GIVEN": "marker-pipeline-variable"}});
    world.made_by("", &format!("POST {at}/trigger/pipeline"), call).await;
    keep("a pipeline's variable", "marker-pipeline-variable");
    keep("a trigger token", trigger);
    let once = json!({"description": "once", "show_once": true});
    let once = world.made_by(&owner, &format!("POST {at}/triggers"), once).await;
    keep("a trigger token that is shown once", once["token"].as_str().unwrap());
    let (_, _, job) = world.running(project).await;
    keep("a job's token", &job);
    keep("a runner's token", &world.runner_token);
    keep("a session", &world.session("owner").await);
    for name in ["admin", "owner", "maintainer"] {
        keep("an access token", &token_of(name));
    }
    keep("a password", "a long password");
    secrets
}

fn files_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files_below(&entry.path(), found),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn no_secret_lies_in_the_data_folder_in_clear() {
    let world = World::start().await;
    let secrets = plant(&world).await;
    let mut files = Vec::new();
    files_below(world.api.server.folder(), &mut files);
    let (mut wrong, mut bytes_read) = (Vec::new(), 0);
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        bytes_read += bytes.len();
        for Secret(what, text) in &secrets {
            if contains(&bytes, text) {
                wrong.push(format!("{what} in {}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let database = std::fs::read(world.api.server.folder().join("db.sqlite")).unwrap();
    let log = std::fs::read(world.api.server.folder().join("db.sqlite-wal")).unwrap_or_default();
    assert!(
        contains(&database, "MASKED") || contains(&log, "MASKED"),
        "the search finds what is there"
    );
    assert!(bytes_read > 100_000);
}

#[tokio::test]
async fn answers_give_secrets_to_nobody_who_is_not_meant() {
    let world = World::start().await;
    let secrets = plant(&world).await;
    let place = &world.projects[0];
    let mut wrong = Vec::new();
    for row in rows_of("Projects") {
        // What does not end is looked at by its own tests.
        let is_stream =
            row.path().ends_with("/events") && !row.path().contains("hooks") || row.path().ends_with("/follow");
        if row.method() != "GET" || is_stream {
            continue;
        }
        let path = world.request(&row, place, false).await.path;
        for who in [
            "nobody",
            "stranger",
            "guest",
            "planner",
            "reporter",
            "developer",
            "maintainer",
        ] {
            let token = if who == "nobody" { String::new() } else { token_of(who) };
            let line = format!("GET {}", path.trim_start_matches("/api/v4"));
            let answer = world.api.call(&line, &token, Value::Null).await;
            for Secret(what, text) in &secrets {
                // Maintainers read variables: of the project, of pipelines, of schedules; never hidden ones.
                let may = who == "maintainer" && what.contains("variable") && !text.contains("hidden");
                if !may && contains(answer.text.as_bytes(), text) {
                    wrong.push(format!("{what} to {who} by {line}"));
                }
            }
        }
    }
    let session = world.session("developer").await;
    let browser = Credential {
        name: "developer".to_owned(),
        headers: vec![("cookie", format!("tripline_session={session}"))],
    };
    for page in [
        "",
        "/-/pipelines",
        "/-/jobs",
        "/-/pipeline_schedules",
        "/-/project_members",
    ] {
        let text = world.text(&browser, &format!("/{}{page}", place.path)).await;
        for Secret(what, secret) in &secrets {
            if contains(text.as_bytes(), secret) {
                wrong.push(format!("{what} to a developer on the page {page}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The owner of the trigger token sees it, so the search would have found it.
    let own = world
        .api
        .call(
            &format!("GET /projects/{}/triggers", place.id),
            &token_of("owner"),
            Value::Null,
        )
        .await;
    assert!(own.text.contains(&place.things["trigger_token"]));
}
