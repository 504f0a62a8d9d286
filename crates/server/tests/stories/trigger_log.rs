//! The trigger log: each call, what stays of it, and calling again.

use serde_json::{Value, json};
use testkit::{Form, Project, TestServer};

use crate::story;
use crate::token_limits::{call, refused, text, token};

const PROJECT: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    r#"spec:
  inputs:
    flavor: {default: plain}
---
$[[ inputs.flavor ]]:
  script: echo "who=$WHO"
spicy only:
  rules: [{if: $WHO == "me"}]
  script: "true"
"#,
)];

/// The entries that a query gives, the oldest first.
#[track_caller]
fn log(project: &Project, query: &str) -> Vec<Value> {
    let mut entries = project
        .get(&format!("/trigger_log?per_page=100&{query}"))
        .as_array()
        .unwrap()
        .clone();
    entries.reverse();
    entries
}

fn short(made: &Value) -> &str {
    &text(made)["glptt-".len()..][..4]
}

story!(every_call_is_written_down, runners: 0);

fn every_call_is_written_down(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let made = token(&project, json!({ "allowed_variables": ["WHO"] }));
    let good = call(
        &project,
        text(&made),
        "main",
        &[("variables[WHO]", "secret-of-the-call")],
    )
    .expect(201)
    .json();
    call(&project, text(&made), "main", &[("variables[OTHER]", "x")]).expect(400);
    call(&project, text(&made), "gone", &[]).expect(400);
    call(&project, text(&made), "main", &[("dry_run", "true")]).expect(200);
    project
        .trigger()
        .form(&Form::of([("token", text(&made))]))
        .send()
        .expect(400);
    let again = || {
        let call = project
            .trigger()
            .header("Idempotency-Key", "one")
            .header("X-Forwarded-For", "192.0.2.1");
        call.form(&Form::of([("token", text(&made)), ("ref", "main")]))
            .send()
            .expect(201)
    };
    assert_eq!(again().json()["id"], again().json()["id"]);
    let shown: Vec<_> = log(&project, "")
        .iter()
        .map(|entry| {
            assert_eq!(
                (&entry["token_id"], &entry["token"]),
                (&made["id"], &json!(short(&made))),
                "{entry}"
            );
            assert_eq!(entry["token_description"], "limited");
            let words = [&entry["outcome"], &entry["reason_code"], &entry["status"]].map(ToString::to_string);
            words.join(" ").replace('"', "")
        })
        .collect();
    let mut sorted = shown.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            "accepted null 201",
            "accepted null 201",
            "dry_run null 200",
            "refused parameters_invalid 400",
            "refused ref_not_found 400",
            "refused variable_not_allowed 400",
            "replayed null 201",
        ]
    );
    let first = &log(&project, "outcome=accepted")[0];
    assert_eq!(
        (
            &first["pipeline_id"],
            &first["sha"],
            &first["ref"],
            &first["tag"],
            &first["address"]
        ),
        (
            &good["id"],
            &good["sha"],
            &json!("main"),
            &json!(false),
            &json!("127.0.0.1")
        )
    );
    assert_eq!(first["payload_digest"].as_str().unwrap().len(), 64);
    assert_eq!(log(&project, "outcome=replayed")[0]["address"], "192.0.2.1");
    for (query, count) in [
        ("reason_code=ref_not_found", 1),
        ("ref=gone", 1),
        ("outcome=refused", 3),
        ("since=2000-01-01", 7),
        ("until=2000-01-01", 0),
        ("token_id=4711", 0),
    ] {
        assert_eq!(log(&project, query).len(), count, "{query}");
    }
    project.request("GET", "/trigger_log?outcome=other").send().expect(400);
    // It stays when the pipeline and the token are gone.
    project
        .request("DELETE", &format!("/pipelines/{}", good["id"]))
        .send()
        .expect(204);
    project
        .request("DELETE", &format!("/triggers/{}", made["id"]))
        .send()
        .expect(204);
    call(&project, text(&made), "main", &[]).expect(404);
    assert_eq!(log(&project, "").len(), 7);

    let lines = project.request("GET", "/trigger_log/export").send().expect(200);
    assert_eq!(lines.header("Content-Type"), Some("application/x-ndjson"));
    assert_eq!(lines.text().lines().count(), 7);
    let table = project
        .request("GET", "/trigger_log/export?format=csv")
        .send()
        .expect(200)
        .text();
    assert!(table.starts_with("id,created_at,outcome,"), "{table}");
    assert!(!table.contains("secret-of-the-call") && !lines.text().contains("secret-of-the-call"));
}

story!(the_log_is_for_maintainers_and_unknown_tokens_for_administrators, runners: 0);

fn the_log_is_for_maintainers_and_unknown_tokens_for_administrators(server: &mut TestServer) {
    let root = server.api();
    let project = root.project(PROJECT);
    let new = json!({ "username": "dev", "name": "Dev", "email": "dev@e.com", "password": "long enough 1", "skip_confirmation": true });
    let dev = root.post("/users", &new).expect(201).json()["id"].clone();
    let member = json!({ "user_id": dev, "access_level": 30 });
    project.request("POST", "/members").json(&member).send().expect(201);
    let access = json!({ "name": "t", "scopes": ["api"] });
    let access = root
        .post(&format!("/users/{dev}/personal_access_tokens"), &access)
        .expect(201)
        .json();
    let api = server
        .http()
        .with_header("PRIVATE-TOKEN", access["token"].as_str().unwrap());
    let base = format!("/api/v4/projects/{}/trigger_log", project.id);
    for path in [
        base.clone(),
        format!("{base}/export"),
        "/api/v4/admin/unknown_trigger_tokens".to_owned(),
    ] {
        api.get(&path).send().expect(403);
    }
    api.post(&format!("{base}/1/repeat?commit=same")).send().expect(403);
    for _ in 0..3 {
        call(&project, "glptt-aaaaaaaaaaaaaaaaaaaa", "main", &[]).expect(404);
    }
    assert_eq!(log(&project, "").len(), 0, "nobody's token is no business of a project");
    let unknown = root.get("/admin/unknown_trigger_tokens");
    assert_eq!(
        (&unknown[0]["address"], &unknown[0]["calls"]),
        (&json!("127.0.0.1"), &json!(3))
    );
}

story!(a_flood_of_refused_calls_is_counted, runners: 0);

fn a_flood_of_refused_calls_is_counted(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    let made = token(&project, json!({ "allowed_refs": ["release"] }));
    for _ in 0..80 {
        call(&project, text(&made), "main", &[]).expect(400);
    }
    assert_eq!(
        log(&project, "").len(),
        60,
        "the others are counted until the minute is over"
    );
    assert!(server.terminate());
    server.restart();
    let entries = log(&project, "");
    assert_eq!(entries.len(), 61);
    assert_eq!(entries[60]["calls"], 20);
}

story!(a_call_is_repeated_on_its_commit_or_on_the_newest, runners: 0);

fn a_call_is_repeated_on_its_commit_or_on_the_newest(server: &mut TestServer) {
    let project = server.api().project(PROJECT);
    project.repository.git(&[
        "push",
        "--quiet",
        "--push-option=ci.skip",
        "origin",
        "main:refs/heads/topic",
    ]);
    let made = token(
        &project,
        json!({ "allowed_refs": ["topic"], "fixed_inputs": { "flavor": "spicy" } }),
    );
    let first = call(&project, text(&made), "topic", &[("variables[WHO]", "me")])
        .expect(201)
        .json();
    let names = ["spicy", "spicy only"];
    assert_eq!(project.job_names(&first), names);
    let used = project.get(&format!("/triggers/{}", made["id"]))["last_used"].clone();
    let entry = log(&project, "outcome=accepted")[0].clone();
    let repeat = |commit: &str| {
        let path = format!("/trigger_log/{}/repeat?commit={commit}", entry["id"]);
        project.request("POST", &path).send()
    };
    // The branch goes on, and is deleted at last.
    project.repository.commit("next", &[("other.txt", "x")]);
    let newer = project.repository.sha("main");
    project.repository.git(&[
        "push",
        "--quiet",
        "--push-option=ci.skip",
        "origin",
        "main:refs/heads/topic",
    ]);
    let same = repeat("same").expect(201).json();
    assert_eq!(
        (&same["sha"], &same["ref"], &same["source"]),
        (&first["sha"], &json!("topic"), &json!("trigger"))
    );
    assert_eq!(project.job_names(&same), names);
    let newest = repeat("newest").expect(201).json();
    assert_eq!((&newest["sha"], &newest["ref"]), (&json!(newer), &json!("topic")));
    assert_eq!(project.job_names(&newest), names);
    assert_eq!(
        project.get(&format!("/triggers/{}", made["id"]))["last_used"],
        used,
        "its token was not used"
    );
    project
        .repository
        .git(&["push", "--quiet", "origin", ":refs/heads/topic"]);
    project
        .request("DELETE", &format!("/pipelines/{}", first["id"]))
        .send()
        .expect(204);
    let gone = repeat("same").expect(201).json();
    assert_eq!((&gone["sha"], &gone["ref"]), (&first["sha"], &json!("topic")));
    assert_eq!(project.job_names(&gone), names);
    refused(
        &repeat("newest"),
        400,
        &json!({ "message": { "base": ["Reference not found"] } }),
    );
    refused(
        &repeat("other"),
        400,
        &json!({ "error": "commit does not have a valid value" }),
    );
    let repeats: Vec<_> = log(&project, "").iter().map(|one| one["repeats"].clone()).collect();
    assert_eq!(
        repeats.iter().filter(|id| **id == entry["id"]).count(),
        4,
        "{repeats:?}"
    );
    let failed = log(&project, "reason_code=ref_not_found")[0].clone();
    let path = format!("/trigger_log/{}/repeat?commit=same", failed["id"]);
    let nothing = project.request("POST", &path).send();
    assert_eq!(
        (nothing.status, &nothing.json()["reason_code"]),
        (422, &json!("nothing_to_repeat"))
    );
    project
        .request("POST", "/trigger_log/4711/repeat?commit=same")
        .send()
        .expect(404);
}
