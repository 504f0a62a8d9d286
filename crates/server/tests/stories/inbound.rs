//! Inbound hooks: webhooks of other systems start pipelines, and nobody else does.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::{Client, Form, Project, Response, TestServer};

use crate::story;

pub(crate) const SECRET: &str = "It's a Secret to Everybody";

pub(crate) const CONFIG: &[(&str, &str)] = &[(
    ".gitlab-ci.yml",
    "spec:\n  inputs:\n    version: {default: none}\n    count: {type: number, default: 0}\n---\n\
     job: {script: 'echo $[[ inputs.version ]] $[[ inputs.count ]]'}\n",
)];

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn hex(secret: &str, body: &str) -> String {
    let bytes = mac(secret.as_bytes(), &[body.as_bytes()]);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hook, and the server that it is on.
pub(crate) struct Hook<'a> {
    pub(crate) http: Client,
    pub(crate) project: &'a Project,
    /// Path and query of its address.
    pub(crate) path: String,
    pub(crate) shown: Value,
}

impl<'a> Hook<'a> {
    #[track_caller]
    pub(crate) fn new(server: &TestServer, project: &'a Project, fields: Value) -> Hook<'a> {
        let shown = project
            .request("POST", "/inbound_hooks")
            .json(&fields)
            .send()
            .expect(201)
            .json();
        let url = shown["url"].as_str().unwrap();
        Hook {
            http: server.http(),
            project,
            path: url.strip_prefix(&server.url()).unwrap().to_owned(),
            shown,
        }
    }

    pub(crate) fn own(&self) -> String {
        format!("/inbound_hooks/{}", self.shown["id"])
    }

    pub(crate) fn send(&self, headers: &[(&str, &str)], body: &str) -> Response {
        let request = headers
            .iter()
            .fold(self.http.post(&self.path), |request, (name, value)| {
                request.header(name, value)
            });
        request.body("application/json", body).send()
    }

    /// Sends what GitHub would.
    pub(crate) fn github(&self, event: &str, delivery: &str, body: &str) -> Response {
        let signature = format!("sha256={}", hex(SECRET, body));
        let headers = [
            ("X-GitHub-Event", event),
            ("X-GitHub-Delivery", delivery),
            ("X-Hub-Signature-256", &signature),
            ("User-Agent", "GitHub-Hookshot/044aadd"),
        ];
        self.send(&headers, body)
    }

    pub(crate) fn log(&self) -> Vec<String> {
        let log = self.project.get(&format!("{}/deliveries", self.own()));
        let word = |entry: &Value| entry["outcome"].as_str().unwrap().to_owned();
        log.as_array().unwrap().iter().map(word).collect()
    }

    pub(crate) fn pipelines(&self) -> usize {
        self.project.get("/pipelines?source=trigger").as_array().unwrap().len()
    }
}

/// A push as GitHub tells it.
pub(crate) fn github_push(branch: &str, after: &str) -> String {
    json!({
        "ref": format!("refs/heads/{branch}"), "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "after": after,
        "created": false, "deleted": false, "forced": false, "compare": "https://github.com/octo/app/compare/6113728...59b20b8",
        "repository": {"id": 186_853_002, "full_name": "octo/app", "private": true, "default_branch": "main"},
        "pusher": {"name": "octocat", "email": "octocat@example.com"},
        "commits": [{"id": after, "message": "Fix, \"quoted\" é", "added": [], "modified": ["src/lib.rs"], "removed": []}],
        "head_commit": {"id": after, "message": "Fix, \"quoted\" é"},
    })
    .to_string()
}

pub(crate) const ONE: &str = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5";
const TWO: &str = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c";

story!(a_push_on_github_starts_one_pipeline, runners: 0);

fn a_push_on_github_starts_one_pipeline(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let hook = Hook::new(
        server,
        &project,
        json!({
            "name": "octo/app", "provider": "github", "secret": SECRET,
            "filters": ["header:X-GitHub-Event in push, ping", "ref starts_with refs/heads/"],
            "inputs": ["version = after", "count:number = repository.id"],
            "variables": [{"name": "PUSHER", "path": "/pusher/name"}, {"name": "MESSAGE", "path": "head_commit.message"}],
            "ref": "main",
        }),
    );
    assert_eq!(hook.shown.get("secret"), None, "a secret that was given is not shown");
    let body = github_push("topic", ONE);
    let made = hook
        .github("push", "72d3162e-cc78-11e3-81ab-4c9367dc0958", &body)
        .expect(201)
        .json();
    assert_eq!((&made["ref"], &made["source"]), (&json!("main"), &json!("trigger")));
    let variables = project.get(&format!("/pipelines/{}/variables", made["id"]));
    let value = |key: &str| {
        let mut all = variables.as_array().unwrap().iter();
        all.find(|variable| variable["key"] == key)
            .map(|variable| variable["value"].clone())
    };
    assert_eq!(value("PUSHER"), Some(json!("octocat")));
    assert_eq!(value("MESSAGE"), Some(json!("Fix, \"quoted\" é")));
    assert_eq!(value("TRIGGER_PAYLOAD"), Some(json!(body)), "byte for byte");

    // The same delivery again, and the same body under another name: no second pipeline.
    for delivery in [
        "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "00000000-0000-0000-0000-000000000000",
    ] {
        let again = hook.github("push", delivery, &body).expect(201);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.json()["id"], made["id"]);
    }
    let reused = hook.github(
        "push",
        "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        &github_push("topic", TWO),
    );
    assert_eq!(
        (reused.status, &reused.json()["reason_code"]),
        (422, &json!("idempotency_key_reused"))
    );

    // What is not meant to start anything does not.
    let filtered = |answer: Response| {
        let answer = answer.expect(200).json();
        assert_eq!(answer["status"], "filtered");
        answer["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        filtered(hook.github("ping", "p", r#"{"zen":"Design for failure.","hook_id":1}"#)),
        "ping"
    );
    assert_eq!(
        filtered(hook.github(
            "push",
            "t",
            &github_push("x", TWO).replace("refs/heads/x", "refs/tags/v1")
        )),
        "the condition `ref starts_with refs/heads/` does not hold"
    );
    assert_eq!(
        filtered(hook.github("issues", "i", r#"{"action":"opened"}"#)),
        "the condition `header:X-GitHub-Event in push, ping` does not hold"
    );
    let deleted = github_push("topic", &"0".repeat(40)).replace("\"deleted\":false", "\"deleted\":true");
    assert_eq!(
        filtered(hook.github("push", "d", &deleted)),
        "a branch or tag was deleted"
    );

    // Nobody without the secret gets anywhere, and nobody learns why.
    let signature = format!("sha256={}", hex(SECRET, &body));
    for headers in [
        vec![],
        vec![("X-Hub-Signature-256", "sha256=00")],
        vec![("X-Hub-Signature", signature.as_str())],
        vec![("X-Hub-Signature-256", &signature), ("X-GitHub-Event", "push")],
    ] {
        let refused = hook.send(&headers, &format!("{body} "));
        assert_eq!(
            (refused.status, refused.text()),
            (401, r#"{"message":"401 Unauthorized"}"#.to_owned())
        );
    }
    assert_eq!(hook.pipelines(), 1);
    let log = hook.log();
    assert_eq!(log[..4], ["unauthorized"; 4]);
    assert_eq!(log[4..8], ["filtered"; 4]);
    assert_eq!(log[8..], ["refused", "replayed", "replayed", "triggered"]);
    let first = &project.get(&format!("{}/deliveries?outcome=triggered", hook.own()))[0];
    assert_eq!((&first["event"], &first["pipeline_id"]), (&json!("push"), &made["id"]));
    assert_eq!(first["delivery"], "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    let all = format!(
        "{}{}{}",
        project.get(&hook.own()),
        project.get("/inbound_hooks"),
        server.log()
    );
    assert!(!all.contains(SECRET), "the secret is shown");
    assert!(!server.log().contains("tlih-"), "the address is in the server's log");

    // An address that is none, or is not this project's, looks like any other.
    let other = server.api().project(CONFIG);
    let strange = hook.path.replace(
        &format!("/projects/{}/", project.id),
        &format!("/projects/{}/", other.id),
    );
    for path in [
        strange.as_str(),
        "/api/v4/projects/1/inbound_hooks/tlih-nonsense/deliver",
        "/api/v4/projects/x/inbound_hooks/1/deliver",
    ] {
        let request = server.http().post(path).header("X-Hub-Signature-256", &signature);
        let answer = request.body("application/json", body.as_str()).send();
        assert_eq!(
            (answer.status, answer.text()),
            (404, r#"{"message":"404 Not Found"}"#.to_owned()),
            "{path}"
        );
    }
}

story!(github_sends_forms_too, runners: 0);

fn github_sends_forms_too(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let fields =
        json!({"name": "form", "provider": "github", "secret": SECRET, "ref_path": "ref", "pass_payload": false});
    let hook = Hook::new(server, &project, fields);
    let body = Form::of([("payload", &github_push("main", ONE))]).urlencoded();
    let request = server.http().post(&hook.path).header("X-GitHub-Event", "push");
    let signature = format!("sha256={}", hex(SECRET, &body));
    let request = request.header("X-Hub-Signature-256", &signature);
    let made = request
        .body("application/x-www-form-urlencoded", body)
        .send()
        .expect(201)
        .json();
    assert_eq!(made["ref"], "main");
    assert_eq!(project.get(&format!("/pipelines/{}/variables", made["id"])), json!([]));

    // What cannot be used is said, and may be sent again when that is mended.
    for (body, reason) in [
        ("nonsense", "payload_malformed"),
        ("{\"a\":1}", "mapping_failed"),
        ("{\"ref\":7}", "mapping_failed"),
        (&"[".repeat(1000), "payload_malformed"),
    ] {
        let refused = hook.github("push", "same", body);
        assert_eq!(
            (refused.status, &refused.json()["reason_code"]),
            (400, &json!(reason)),
            "{body:.20}"
        );
    }
    let refused = hook.github("push", "same", "{}").json();
    assert_eq!(
        refused["problems"],
        json!([{"target": "ref", "path": "ref", "expected": "the name of a branch or tag", "found": "nothing"}])
    );
    assert_eq!(hook.github("push", "same", &github_push("gone", TWO)).status, 400);
    hook.github("push", "same", &github_push("main", TWO)).expect(201);
}

story!(forges_sign_in_their_own_headers, runners: 0);

fn forges_sign_in_their_own_headers(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let push = |ref_name: &str| json!({"ref": ref_name, "after": ONE, "repository": {"full_name": "o/r"}}).to_string();
    let bitbucket = json!({
        "actor": {"display_name": "Emma"}, "repository": {"full_name": "team/repo"},
        "push": {"changes": [{"old": {"name": "main"}, "new": {"type": "branch", "name": "main", "target": {"hash": ONE}}}]},
    });
    for (provider, event, header, prefix, body, ref_path) in [
        (
            "gitea",
            ("X-Gitea-Event", "push"),
            "X-Gitea-Signature",
            "",
            push("refs/heads/main"),
            "ref",
        ),
        (
            "forgejo",
            ("X-Forgejo-Event", "push"),
            "X-Forgejo-Signature",
            "",
            push("refs/heads/main"),
            "ref",
        ),
        (
            "bitbucket",
            ("X-Event-Key", "repo:push"),
            "X-Hub-Signature",
            "sha256=",
            bitbucket.to_string(),
            "push.changes.0.new.name",
        ),
    ] {
        let fields = json!({"name": provider, "provider": provider, "secret": SECRET, "ref_path": ref_path});
        let hook = Hook::new(server, &project, fields);
        let signature = format!("{prefix}{}", hex(SECRET, &body));
        let made = hook.send(&[event, (header, &signature)], &body).expect(201).json();
        assert_eq!(made["ref"], "main");
        let again = hook.send(&[event, (header, &signature)], &body).expect(201);
        assert_eq!(again.json()["id"], made["id"], "{provider}");
        let wrong = format!("{prefix}{}", hex("another secret", &body));
        assert_eq!(hook.send(&[event, (header, &wrong)], &body).status, 401);
        assert_eq!(hook.send(&[event], &body).status, 401);
        let gone = body.replace(ONE, &"0".repeat(40)).replace(
            r#""new":{"type":"branch","name":"main","target":{"hash":""#,
            r#""new":null,"x":{"y":{"z":""#,
        );
        let signature = format!("{prefix}{}", hex(SECRET, &gone));
        let filtered = hook.send(&[event, (header, &signature)], &gone).expect(200).json();
        assert_eq!(filtered["reason"], "a branch or tag was deleted", "{provider}");
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Signs as Standard Webhooks does.
fn signed(secret: &str, id: &str, seconds: i64, body: &str) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let seconds = seconds.to_string();
    let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body.as_bytes()];
    format!("v1,{}", STANDARD.encode(mac(&key, &parts)))
}

story!(standard_webhooks_and_gitlab_sign_the_time_too, runners: 0);

fn standard_webhooks_and_gitlab_sign_the_time_too(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    let made_up = json!({"name": "standard", "provider": "standard", "inputs": ["version = data.version"]});
    let standard = Hook::new(server, &project, made_up);
    let secret = standard.shown["secret"].as_str().unwrap().to_owned();
    let fields =
        json!({"name": "gitlab", "provider": "gitlab", "secret": secret, "inputs": ["version = data.version"]});
    let gitlab = Hook::new(server, &project, fields);
    let body = r#"{"type":"release.published","timestamp":"2026-01-01T00:00:00Z","data":{"version":"1.2.3"}}"#;
    for hook in [&standard, &gitlab] {
        let send = |id: &str, seconds: i64, signature: &str| {
            let time = seconds.to_string();
            let headers = [
                ("webhook-id", id),
                ("webhook-timestamp", time.as_str()),
                ("webhook-signature", signature),
            ];
            hook.send(&headers, body)
        };
        let good = signed(&secret, "msg_1", now(), body);
        let made = send("msg_1", now(), &format!("v1,AAAA {good}"));
        // The second may have passed between signing and sending.
        let made = if made.status == 401 {
            let seconds = now();
            send("msg_1", seconds, &signed(&secret, "msg_1", seconds, body))
        } else {
            made
        };
        let made = made.expect(201).json();
        let seconds = now();
        let again = send("msg_1", seconds, &signed(&secret, "msg_1", seconds, body)).expect(201);
        assert_eq!(again.json()["id"], made["id"]);
        for old in [seconds - 301, seconds + 400] {
            assert_eq!(send("msg_2", old, &signed(&secret, "msg_2", old, body)).status, 401);
        }
        assert_eq!(send("msg_3", seconds, &good).status, 401);
        assert_eq!(hook.send(&[("webhook-id", "msg_4")], body).status, 401);
    }

    let plain = json!({"name": "plain", "provider": "gitlab", "secret": "plain-secret", "ref_path": "ref"});
    let plain = Hook::new(server, &project, plain);
    let push =
        r#"{"object_kind":"push","ref":"refs/heads/main","checkout_sha":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7"}"#;
    let headers = [
        ("X-Gitlab-Event", "Push Hook"),
        ("X-Gitlab-Token", "plain-secret"),
        ("Idempotency-Key", "k1"),
    ];
    let made = plain.send(&headers, push).expect(201).json();
    assert_eq!(plain.send(&headers, push).json()["id"], made["id"]);
    assert_eq!(
        plain
            .send(&[headers[0], ("X-Gitlab-Token", "plain-secreT")], push)
            .status,
        401
    );
    let ended = r#"{"object_kind":"pipeline","ref":"main","object_attributes":{"status":"success"}}"#;
    let filtered = plain
        .send(&[("X-Gitlab-Event", "Pipeline Hook"), headers[1]], ended)
        .expect(200)
        .json();
    assert!(
        filtered["reason"]
            .as_str()
            .unwrap()
            .starts_with("pipeline events start nothing"),
        "{filtered}"
    );
}
