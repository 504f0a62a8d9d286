//! Inbound hooks as their owners see them: free-form senders, secrets, who may change what, two servers at once.

use std::thread;

use serde_json::{Value, json};
use testkit::{Database, TestServer};

use crate::inbound::{CONFIG, Hook, ONE, SECRET, github_push};
use crate::story;

story!(alerts_and_registries_bring_what_they_have, runners: 0);

fn alerts_and_registries_bring_what_they_have(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let fields = json!({
        "name": "alertmanager", "provider": "generic",
        "filters": [{"path": "status", "operator": "equals", "value": "firing"}, "alerts.*.labels.severity equals critical"],
        "inputs": ["version = commonLabels.alertname", "count:number = truncatedAlerts ?? 7"],
        "variables": ["RUNBOOK? = commonAnnotations.runbook_url", "ALERTS = alerts"],
    });
    let alerts = Hook::new(server, &project, fields);
    let secret = alerts.shown["secret"].as_str().unwrap();
    let body = |status: &str, severity: &str| {
        json!({
            "version": "4", "groupKey": "{}:{alertname=\"DiskFull\"}", "truncatedAlerts": 0, "status": status,
            "receiver": "tripline", "commonLabels": {"alertname": "DiskFull"}, "commonAnnotations": {},
            "alerts": [{"status": status, "labels": {"severity": "info"}}, {"status": status, "labels": {"severity": severity}}],
        })
        .to_string()
    };
    let bearer = format!("Bearer {secret}");
    let authorization = [("Authorization", bearer.as_str())];
    alerts.send(&authorization, &body("firing", "critical")).expect(201);
    alerts.send(&authorization, &body("firing", "critical")).expect(201);
    assert_eq!(alerts.pipelines(), 2, "without a name every delivery is one of its own");
    alerts.send(&authorization, &body("resolved", "critical")).expect(200);
    alerts.send(&authorization, &body("firing", "info")).expect(200);
    assert_eq!(
        alerts
            .send(&[("Authorization", "Bearer x")], &body("firing", "critical"))
            .status,
        401
    );

    // A registry that can do nothing but call an address.
    let fields = json!({"name": "registry", "provider": "generic", "secret": "registry-secret", "inputs": ["version = push_data.tag"]});
    let registry = Hook::new(server, &project, fields);
    let body = r#"{"push_data":{"tag":"v1.2"},"repository":{"repo_name":"team/app"}}"#;
    let at = |query: &str| {
        server
            .http()
            .post(&format!("{}{query}", registry.path))
            .body("application/json", body)
            .send()
    };
    at("?token=registry-secret").expect(201);
    assert_eq!(at("?token=registry").status, 401);
    assert_eq!(at("").status, 401);
    assert!(
        !server.log().contains("registry-secret"),
        "the secret is in the server's log"
    );
    let number = r#"{"push_data":{"tag":{"a":1}}}"#;
    let headers = [("X-Tripline-Token", "registry-secret")];
    let refused = registry.send(&headers, number).expect(400).json();
    let expected = "the payload does not have what the hook maps: input version needs a string, number, boolean or array \
                    at `push_data.tag`, found an object";
    assert_eq!(refused["message"], expected);
}

story!(a_hook_is_its_owners_and_ends_with_its_token, runners: 0);

fn a_hook_is_its_owners_and_ends_with_its_token(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let person = |name: &str, level: u8| {
        let new = json!({"username": name, "name": name, "email": format!("{name}@example.com"), "password": "correct horse 1",
            "skip_confirmation": true});
        let user = server.api().post("/users", &new).expect(201).json();
        let path = format!("/users/{}/personal_access_tokens", user["id"]);
        let token = server
            .api()
            .post(&path, &json!({"name": "t", "scopes": ["api"]}))
            .expect(201)
            .json();
        let member = json!({"user_id": user["id"], "access_level": level});
        project.request("POST", "/members").json(&member).send().expect(201);
        server.api().as_token(server, token["token"].as_str().unwrap())
    };
    let (developer, maintainer) = (person("dev", 30), person("mia", 40));
    let fields = json!({"name": "hook", "provider": "generic", "secret": "first-secret"});
    let hook = Hook::new(server, &project, fields.clone());
    let base = format!("/projects/{}/inbound_hooks", project.id);
    let own = format!("/projects/{}{}", project.id, hook.own());
    for (method, path) in [
        ("GET", &base),
        ("POST", &base),
        ("GET", &own),
        ("PUT", &own),
        ("DELETE", &own),
    ] {
        assert_eq!(
            developer.request(method, path).json(&fields).send().status,
            403,
            "{method} {path}"
        );
        assert_eq!(
            server.http().request(method, &format!("/api/v4{path}")).send().status,
            401,
            "{method} {path}"
        );
    }
    // Whoever could change it could act as its owner.
    let refused = maintainer
        .request("PUT", &own)
        .json(&json!({"secret": "my-own-secret"}))
        .send();
    assert_eq!(refused.status, 403, "{}", refused.text());
    let with = |secret: &str| hook.send(&[("X-Tripline-Token", secret)], "{}").status;
    assert_eq!((with("my-own-secret"), with("first-secret")), (401, 201));

    // Both secrets are good for a while.
    project
        .request("PUT", &hook.own())
        .json(&json!({"secret": "second-secret"}))
        .send()
        .expect(200);
    assert_eq!((with("first-secret"), with("second-secret")), (201, 201));
    assert!(project.get(&hook.own())["previous_secret_expires_at"].is_string());
    let now = json!({"rotate_secret": true, "secret_overlap": 0});
    let made = project.request("PUT", &hook.own()).json(&now).send().expect(200).json();
    assert_eq!(
        (with("second-secret"), with(made["secret"].as_str().unwrap())),
        (401, 201)
    );
    project
        .request("PUT", &hook.own())
        .json(&json!({"enabled": false}))
        .send()
        .expect(200);
    assert_eq!(with(made["secret"].as_str().unwrap()), 200);

    // Another address, another owner.
    let moved = project
        .request("PUT", &hook.own())
        .json(&json!({"new_address": true}))
        .send()
        .expect(200)
        .json();
    assert_ne!(moved["url"], hook.shown["url"]);
    assert_eq!(with("second-secret"), 404);
    let path = format!("/projects/{}/triggers", project.id);
    let token = maintainer
        .post(&path, &json!({"description": "mine"}))
        .expect(201)
        .json();
    let taken = maintainer
        .request("PUT", &own)
        .json(&json!({"trigger_id": token["id"]}))
        .send()
        .expect(200)
        .json();
    assert_eq!(taken["owner"]["username"], "mia");
    let trigger = format!("{path}/{}", token["id"]);
    server.api().request("DELETE", &trigger).send().expect(204);
    assert_eq!(project.request("GET", &hook.own()).send().status, 404);

    // A token that was made for a hook goes with it.
    let hook = Hook::new(server, &project, fields);
    let trigger = format!("/triggers/{}", hook.shown["trigger_id"]);
    let _ = project.get(&trigger);
    maintainer
        .request("DELETE", &format!("/projects/{}{}", project.id, hook.own()))
        .send()
        .expect(204);
    assert_eq!(project.request("GET", &trigger).send().status, 404);
}

story!(what_is_declared_wrongly_is_said, runners: 0);

fn what_is_declared_wrongly_is_said(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let create = |change: Value| {
        let mut fields = json!({"name": "x", "provider": "github", "secret": "long enough"});
        fields
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let answer = project.request("POST", "/inbound_hooks").json(&fields).send();
        (answer.status, answer.json().to_string())
    };
    for (change, expected) in [
        (json!({"name": ""}), r#"{"error":"name is empty"}"#),
        (
            json!({"provider": "x"}),
            r#"{"error":"provider does not have a valid value"}"#,
        ),
        (
            json!({"ref": "a", "ref_path": "b"}),
            r#"{"error":"ref, ref_path are mutually exclusive"}"#,
        ),
        (
            json!({"secret": "short"}),
            r#"{"message":{"secret":["must have 8 to 255 printable ASCII characters"]}}"#,
        ),
        (
            json!({"provider": "standard"}),
            r#"{"message":{"secret":["must be `whsec_` and the base64 of a key"]}}"#,
        ),
        (json!({"filters": "x"}), r#"{"message":{"filters":["must be a list"]}}"#),
        (json!({"filters": ["a matches ("]}), "[0]: invalid regular expression"),
        (
            json!({"inputs": ["a"]}),
            r#"{"message":{"inputs":["[0]: expected `NAME = PATH`, got `a`"]}}"#,
        ),
        (
            json!({"variables": [{"name": "a"}]}),
            r#"{"message":{"variables":["[0]: expected either `path` or `header`"]}}"#,
        ),
        (json!({"ref_path": "."}), "is not a path"),
        (json!({"secret_overlap": -1}), "must be 0 to 2592000 seconds"),
    ] {
        let (status, body) = create(change);
        assert!(
            status == 400 && body.contains(expected),
            "{status} {body}, expected {expected}"
        );
    }
    assert_eq!(create(json!({"trigger_id": 999})).0, 404);
    assert_eq!(project.get("/inbound_hooks"), json!([]));
    assert_eq!(project.get("/triggers"), json!([]), "a refused hook leaves no token");
}

#[test]
fn of_deliveries_at_once_on_two_servers_one_starts_a_pipeline() {
    let server = crate::server(Database::Postgres, 0);
    let other = server.another();
    let project = server.api().project(CONFIG);
    let hook = Hook::new(
        &server,
        &project,
        json!({"name": "x", "provider": "github", "secret": SECRET}),
    );
    let body = github_push("main", ONE);
    let ids: Vec<Value> = thread::scope(|scope| {
        let calls: Vec<_> = (0..12)
            .map(|number| {
                let http = if number % 2 == 0 { server.http() } else { other.http() };
                let (hook, body) = (&hook, &body);
                let delivery = format!("delivery-{}", number % 3);
                scope.spawn(move || {
                    let hook = Hook {
                        http,
                        project: hook.project,
                        path: hook.path.clone(),
                        shown: Value::Null,
                    };
                    hook.github("push", &delivery, body).expect(201).json()["id"].clone()
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(hook.pipelines(), 1);
}
