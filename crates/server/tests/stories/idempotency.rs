//! Idempotency keys: a call sent again, at once or on another server, makes no second pipeline.

use std::thread;

use serde_json::{Value, json};
use testkit::{Client, Database, Form, Project, Response, TestServer};

use crate::story;

const CONFIG: &[(&str, &str)] = &[(".gitlab-ci.yml", "job: {script: x, rules: [{if: '$RUN != \"no\"'}]}\n")];

/// A trigger call with a header.
fn call(project: &Project, token: &str, header: (&str, &str), more: &[(&str, &str)]) -> Response {
    let mut form = Form::of([("token", token), ("ref", "main")]);
    for (name, value) in more {
        form = form.with(name, value);
    }
    project.trigger().header(header.0, header.1).form(&form).send()
}

fn pipelines(project: &Project) -> usize {
    project.get("/pipelines").as_array().unwrap().len()
}

story!(a_call_sent_again_answers_with_its_first_pipeline, runners: 0);

fn a_call_sent_again_answers_with_its_first_pipeline(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let before = pipelines(&project);
    let token = project.trigger_token();
    let key = ("Idempotency-Key", "\"8e03978e-40d5\"");

    // What was refused is not remembered.
    let refused = call(&project, &token, key, &[("variables[RUN]", "no")]);
    assert_eq!(refused.status, 400, "{}", refused.text());

    let first = call(&project, &token, key, &[]).expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let first = first.json();
    let again = call(&project, &token, ("idempotency-key", "8e03978e-40d5"), &[]).expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let mut again = again.json();
    assert_eq!(again["idempotency_replayed"], true);
    again.as_object_mut().unwrap().shift_remove("idempotency_replayed");
    assert_eq!(again, first);

    // The ref may be gone and the configuration broken: the first answer stands.
    let other = call(&project, &token, key, &[("variables[A]", "b")]);
    assert_eq!(other.status, 422);
    assert_eq!(other.json()["reason_code"], "idempotency_key_reused");
    let log = project.request("GET", "/trigger_log?reason_code=idempotency_key_reused");
    assert_eq!(log.send().expect(200).json()[0]["status"], 422);
    assert_eq!(pipelines(&project), before + 1);

    // The key of another token is another key.
    let stranger = project.trigger_token();
    let own = call(&project, &stranger, key, &[]).expect(201).json();
    assert_ne!(own["id"], first["id"]);

    // A deleted pipeline is not made again.
    project
        .request("DELETE", &format!("/pipelines/{}", first["id"]))
        .send()
        .expect(204);
    let gone = call(&project, &token, key, &[]);
    assert_eq!(
        (gone.status, &gone.json()["reason_code"]),
        (410, &json!("idempotent_pipeline_deleted"))
    );
    for bad in ["", "\"\"", &"x".repeat(256), "a\tb"] {
        let refused = call(&project, &token, ("Idempotency-Key", bad), &[]);
        assert_eq!(
            (refused.status, &refused.json()["reason_code"]),
            (400, &json!("idempotency_key_invalid")),
            "{bad}"
        );
    }
}

story!(a_key_shows_nothing_to_whom_may_start_nothing_any_more, runners: 0);

fn a_key_shows_nothing_to_whom_may_start_nothing_any_more(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let new =
        json!({ "username": "ada", "name": "Ada", "email": "ada@example.com", "password": "correct horse battery" });
    let user = server.api().post("/users", &new).expect(201).json();
    let add = json!({ "user_id": user["id"], "access_level": 40 });
    drop(project.request("POST", "/members").json(&add).send().expect(201));
    let token = json!({ "name": "t", "scopes": ["api"] });
    let path = format!("/users/{}/personal_access_tokens", user["id"]);
    let own = server.api().post(&path, &token).expect(201).json();
    let ada = server.api().as_token(server, own["token"].as_str().unwrap());
    let path = format!("/projects/{}/triggers", project.id);
    let token = ada.post(&path, &json!({ "description": "ada's" })).expect(201).json();
    let token = token["token"].as_str().unwrap();
    let key = ("Idempotency-Key", "b3a1");

    let first = call(&project, token, key, &[]).expect(201).json();
    drop(
        project
            .request("DELETE", &format!("/members/{}", user["id"]))
            .send()
            .expect(204),
    );
    let refused = call(&project, token, key, &[]);
    assert_eq!(
        (refused.status, &refused.json()["message"]["base"][0]),
        (400, &json!("Insufficient permissions to create a new pipeline"))
    );
    drop(project.request("POST", "/members").json(&add).send().expect(201));
    assert_eq!(call(&project, token, key, &[]).expect(201).json()["id"], first["id"]);
    drop(
        server
            .api()
            .post(&format!("/users/{}/block", user["id"]), &json!({}))
            .expect(201),
    );
    assert_ne!(call(&project, token, key, &[]).status, 201);
}

story!(deliveries_of_webhooks_have_keys_of_their_own, runners: 0);

fn deliveries_of_webhooks_have_keys_of_their_own(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let token = project.trigger_token();
    let path = format!(
        "/api/v4/projects/{}/ref/main/trigger/pipeline?token={token}",
        project.id
    );
    let deliver =
        |header: (&str, &str), body: &Value| server.http().post(&path).header(header.0, header.1).json(body).send();
    let (one, other) = (
        json!({"object_kind": "push", "after": "1"}),
        json!({"object_kind": "push", "after": "2"}),
    );
    let first = deliver(("webhook-id", "72d3162e-cc78"), &one).expect(201).json();
    let again = deliver(("webhook-id", "72d3162e-cc78"), &one).expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json()["id"], first["id"]);
    assert_eq!(deliver(("webhook-id", "72d3162e-cc78"), &other).status, 422);
    let github = deliver(("X-GitHub-Delivery", "0b989ba4"), &one).expect(201).json();
    assert_eq!(
        deliver(("X-GitHub-Delivery", "0b989ba4"), &one).json()["id"],
        github["id"]
    );
    // GitLab's event may bring several things; each is told once.
    let event = ("X-Gitlab-Event-UUID", "e1");
    let first = deliver(event, &one).expect(201).json();
    let second = deliver(event, &other).expect(201).json();
    assert_ne!(first["id"], second["id"]);
    assert_eq!(deliver(event, &one).json()["id"], first["id"]);
    assert_eq!(deliver(event, &other).json()["id"], second["id"]);
}

story!(the_pipeline_api_takes_keys_too, runners: 0);

fn the_pipeline_api_takes_keys_too(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let create = |body: &Value| {
        project
            .request("POST", "/pipeline")
            .header("Idempotency-Key", "k")
            .json(body)
            .send()
    };
    let first = create(&json!({"ref": "main"})).expect(201).json();
    let again = create(&json!({"ref": "main"})).expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json()["id"], first["id"]);
    let other = create(&json!({"ref": "main", "variables": [{"key": "A", "value": "b"}]}));
    assert_eq!(other.status, 422);
    // Without a key every call makes a pipeline.
    let plain = project
        .request("POST", "/pipeline")
        .json(&json!({"ref": "main"}))
        .send()
        .expect(201);
    assert_ne!(plain.json()["id"], first["id"]);
}

/// Sends the same call many times at once and returns the ids and how many of them were new.
fn at_once(project: &Project, servers: &[Client]) -> (Vec<Value>, usize) {
    let token = project.trigger_token();
    let path = format!("/api/v4/projects/{}/trigger/pipeline", project.id);
    let answers: Vec<Response> = thread::scope(|scope| {
        let calls: Vec<_> = (0..16)
            .map(|number| {
                let (client, path, token) = (&servers[number % servers.len()], &path, &token);
                scope.spawn(move || {
                    let form = Form::of([("token", token), ("ref", "main")]);
                    client
                        .post(path)
                        .header("Idempotency-Key", "same")
                        .form(&form)
                        .send()
                        .expect(201)
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let fresh = answers
        .iter()
        .filter(|answer| answer.header("idempotency-replayed").is_none())
        .count();
    (
        answers.iter().map(|answer| answer.json()["id"].clone()).collect(),
        fresh,
    )
}

fn check_at_once(project: &Project, servers: &[Client]) {
    let before = pipelines(project);
    let (ids, fresh) = at_once(project, servers);
    assert_eq!(fresh, 1, "one call made the pipeline");
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(pipelines(project), before + 1);
}

story!(of_calls_at_once_one_makes_the_pipeline, runners: 0);

fn of_calls_at_once_one_makes_the_pipeline(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    check_at_once(&project, &[server.http()]);
}

#[test]
fn of_calls_at_once_on_two_servers_one_makes_the_pipeline() {
    let server = crate::server(Database::Postgres, 0);
    let other = server.another();
    let project = server.api().project(CONFIG);
    for _ in 0..3 {
        check_at_once(&project, &[server.http(), other.http()]);
    }
}
