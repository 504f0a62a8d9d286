//! Webhooks: another host is told what happens, in GitLab's words, once, and after a crash too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Database, Form, Project, Site, TestServer, eventually};

use crate::story;

const CONFIG: &[(&str, &str)] = &[(".gitlab-ci.yml", "job: {script: x, tags: []}\n")];

/// The body of a request.
fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// A header of a request.
fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split("\r\n\r\n").next().unwrap();
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// Waits for as many requests.
fn told(site: &Site, count: usize) -> Vec<String> {
    eventually("the hook to be told", || {
        let asked = site.asked();
        (asked.len() >= count).then_some(asked)
    })
}

#[track_caller]
fn hook(project: &Project, fields: Value) -> String {
    let made = project
        .request("POST", "/hooks")
        .json(&fields)
        .send()
        .expect(201)
        .json();
    format!("/hooks/{}", made["id"])
}

story!(pushes_pipelines_and_jobs_are_told_in_their_order, runners: 0);

fn pushes_pipelines_and_jobs_are_told_in_their_order(server: &mut TestServer) {
    let site = Site::start(|_| Site::ok("thanks"));
    let project = server.api().empty_project(CONFIG);
    let skipping = ["push", "--quiet", "--push-option=ci.skip", "origin", "main"];
    project.repository.git(&skipping);
    let everything = json!({
        "url": site.url("/in/{secret}?x={secret}"),
        "url_variables": [{"key": "secret", "value": "hidden-in-url"}],
        "tag_push_events": true, "pipeline_events": true, "job_events": true,
        "token": "hidden-token",
        "signing_token": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "custom_headers": [{"key": "X-Own", "value": "hidden-header"}, {"key": "X-Gitlab-Event", "value": "forged"}],
    });
    let path = hook(&project, everything);
    let runner = server.api().runner();

    project
        .repository
        .commit("Add a file\n\nWith text.", &[("new/file.txt", "text\n")]);
    project.repository.git(&skipping);
    let token = project.trigger_token();
    let form = Form::of([("variables[PASSWORD]", "hidden-in-variable")]);
    let pipeline = project.triggered(&token, form);
    let job = runner.take();
    job.succeed();

    // push; the skipped pipeline of the push; job and pipeline pending, running, success.
    let requests = told(&site, 8);
    let seen: Vec<String> = requests
        .iter()
        .map(|request| {
            let body = body(request);
            let status = body["object_attributes"]["status"].as_str();
            let status = status.or(body["build_status"].as_str()).unwrap_or("main");
            format!("{} {status}", header(request, "x-gitlab-event").unwrap())
        })
        .collect();
    assert_eq!(
        seen,
        [
            "Push Hook main",
            "Pipeline Hook skipped",
            "Job Hook pending",
            "Pipeline Hook pending",
            "Job Hook running",
            "Pipeline Hook running",
            "Job Hook success",
            "Pipeline Hook success",
        ]
    );
    let all = requests.concat();
    assert!(!all.contains("hidden-in-variable"), "a value of a variable was sent");
    for request in &requests {
        assert!(
            request.starts_with("POST /in/hidden-in-url?x=hidden-in-url HTTP/1.1\r\n"),
            "{request}"
        );
        assert_eq!(header(request, "x-gitlab-token"), Some("hidden-token"));
        assert_eq!(header(request, "x-own"), Some("hidden-header"));
        assert_eq!(header(request, "webhook-id"), header(request, "idempotency-key"));
        assert!(header(request, "webhook-signature").unwrap().starts_with("v1,"));
        assert_eq!(header(request, "x-gitlab-instance"), Some(server.url().as_str()));
    }

    let push = body(&requests[0]);
    assert_eq!(push["object_kind"], "push");
    assert_eq!(push["ref"], "refs/heads/main");
    assert_eq!(push["user_username"], "root");
    assert_eq!(push["push_options"], json!({"ci": {"skip": true}}));
    assert_eq!(push["total_commits_count"], 1);
    let commit = &push["commits"][0];
    assert_eq!(
        (&commit["added"], &commit["modified"]),
        (&json!(["new/file.txt"]), &json!([]))
    );
    assert_eq!(
        (&commit["title"], &commit["id"]),
        (&json!("Add a file"), &push["after"])
    );
    assert_eq!(push["checkout_sha"], push["after"]);
    assert_eq!(push["ref_protected"], true);
    assert_eq!(push["project"]["path_with_namespace"], project.path.as_str());

    let last = body(&requests[7]);
    assert_eq!(last["object_attributes"]["id"], pipeline["id"]);
    assert_eq!(last["object_attributes"]["detailed_status"], "passed");
    let given = &last["object_attributes"]["variables"];
    let hidden = |key: &str| json!({"key": key, "value": "[REDACTED]"});
    assert_eq!(given, &json!([hidden("PASSWORD"), hidden("TRIGGER_PAYLOAD")]));
    assert_eq!(last["builds"][0]["status"], "success");
    assert_eq!(last["builds"][0]["runner"]["runner_type"], "instance_type");
    assert_eq!(last["commit"]["message"], "Add a file\n\nWith text.\n");
    assert_eq!(last.get("source_pipeline"), None);
    let job = body(&requests[6]);
    assert_eq!(
        (&job["build_name"], &job["commit"]["id"]),
        (&json!("job"), &pipeline["id"])
    );

    // The log has everything but the secrets.
    let log = eventually("the log", || {
        let log = project.get(&format!("{path}/events"));
        (log.as_array()?.len() == 8).then_some(log)
    });
    assert_eq!(log[0]["trigger"], "pipeline_hooks");
    assert_eq!(
        (&log[0]["response_status"], &log[0]["response_body"]),
        (&json!("200"), &json!("thanks"))
    );
    assert_eq!(log[0]["request_data"], last);
    assert_eq!(log[0]["url"], site.url("/in/{secret}?x={secret}"));
    assert_eq!(log[0]["request_headers"]["X-Gitlab-Token"], "[REDACTED]");
    let text = format!("{log}{}{}", project.get(&path), server.log());
    for secret in ["hidden-token", "hidden-header", "hidden-in-url", "AAECAwQF"] {
        assert!(!text.contains(secret), "`{secret}` is shown");
    }

    // Said again with the same key.
    let resend = format!("{path}/events/{}/resend", log[0]["id"]);
    let answer = project.request("POST", &resend).send().expect(201).json();
    assert_eq!(answer, json!({"response_status": 200}));
    let again = &told(&site, 9)[8];
    assert_eq!(body(again), last);
    assert_eq!(
        header(again, "idempotency-key"),
        header(&requests[7], "idempotency-key")
    );
}

story!(what_was_accepted_is_told_after_a_crash, runners: 0);

fn what_was_accepted_is_told_after_a_crash(server: &mut TestServer) {
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    // Answers nothing as long as the gate is closed: the delivery is under way when the server dies.
    let site = Site::start(move |_| {
        if gate.load(Ordering::SeqCst) {
            Site::ok("")
        } else {
            String::new()
        }
    });
    let project = server.api().project(CONFIG);
    hook(
        &project,
        json!({"url": site.url("/"), "push_events": false, "pipeline_events": true}),
    );
    let token = project.trigger_token();
    let pipelines: Vec<Value> = (0..3)
        .map(|_| project.triggered(&token, Form::of([]))["id"].clone())
        .collect();
    told(&site, 1);
    server.kill();
    open.store(true, Ordering::SeqCst);
    server.restart();
    let heard = |site: &Site| {
        let told: Vec<Value> = site
            .asked()
            .iter()
            .map(|request| body(request)["object_attributes"]["id"].clone())
            .collect();
        pipelines.iter().all(|id| told.contains(id)).then_some(())
    };
    eventually("all pipelines to be told", || heard(&site));
}

story!(a_hook_that_fails_is_left_alone_until_a_test_succeeds, runners: 0);

fn a_hook_that_fails_is_left_alone_until_a_test_succeeds(server: &mut TestServer) {
    let broken = Arc::new(AtomicBool::new(true));
    let (is_broken, count) = (Arc::clone(&broken), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    let site = Site::start(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        if is_broken.load(Ordering::SeqCst) {
            Site::status("400 Bad Request", "no")
        } else {
            Site::ok("")
        }
    });
    let project = server.api().project(CONFIG);
    let path = hook(
        &project,
        json!({"url": site.url("/"), "push_events": false, "pipeline_events": true}),
    );
    let token = project.trigger_token();
    for number in 1..=4 {
        let _ = project.triggered(&token, Form::of([]));
        eventually("the failure to be noted", || {
            let log = project.get(&format!("{path}/events?status=client_failure"));
            (log.as_array()?.len() == number).then_some(())
        });
    }
    let paused = project.get(&path);
    assert_eq!(paused["alert_status"], "temporarily_disabled");
    assert!(paused["disabled_until"].is_string());
    let refused = project.request("POST", &format!("{path}/test/pipeline_events")).send();
    assert_eq!(refused.status, 422);
    broken.store(false, Ordering::SeqCst);
    let tested = project
        .request("POST", &format!("{path}/test/pipeline_events"))
        .send()
        .expect(201)
        .json();
    assert_eq!(tested, json!({"message": "201 Created"}));
    let healthy = project.get(&path);
    assert_eq!(
        (&healthy["alert_status"], &healthy["disabled_until"]),
        (&json!("executable"), &Value::Null)
    );
    assert_eq!(
        project
            .get(&format!("{path}/events?status=successful"))
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(count.load(Ordering::SeqCst), 6);
}

story!(addresses_of_this_machine_are_told_nothing, runners: 0);

fn addresses_of_this_machine_are_told_nothing(server: &mut TestServer) {
    let project = server.api().project(CONFIG);
    for url in [
        "http://127.0.0.2/x",
        "http://[::1]/",
        "http://169.254.169.254/",
        "ftp://e.com",
        "nonsense",
        "http://e.com/{x}",
    ] {
        let answer = project.request("POST", "/hooks").json(&json!({ "url": url })).send();
        assert_eq!(
            (answer.status, answer.json()),
            (422, json!({"error": "Invalid url given"})),
            "{url}"
        );
    }
    // A redirect is an answer like any other: nobody goes where it leads.
    let inside = Site::start(|_| Site::ok("inside"));
    let target = inside.url("/inside");
    let site = Site::start(move |_| Site::redirect(307, &target));
    let path = hook(&project, json!({"url": site.url("/")}));
    let resent = project.request("POST", &format!("{path}/test/push_events")).send();
    assert_eq!(resent.status, 422);
    assert_eq!(project.get(&format!("{path}/events"))[0]["response_status"], "307");
    assert!(inside.asked().is_empty());
}

#[test]
fn two_servers_tell_each_thing_once() {
    let server = crate::server(Database::Postgres, 0);
    let other = server.another();
    let site = Site::start(|_| Site::ok(""));
    let project = server.api().project(CONFIG);
    hook(
        &project,
        json!({"url": site.url("/"), "push_events": false, "pipeline_events": true}),
    );
    let token = project.trigger_token();
    let path = format!("/api/v4/projects/{}/trigger/pipeline", project.id);
    for number in 0..20 {
        let form = Form::of([("token", &token), ("ref", "main")]);
        let http = if number % 2 == 0 { server.http() } else { other.http() };
        http.post(&path).form(&form).send().expect(201);
    }
    let keys = |requests: &[String]| -> BTreeSet<String> {
        let key = |request: &String| header(request, "idempotency-key").unwrap().to_owned();
        requests.iter().map(key).collect()
    };
    eventually("all pipelines to be told", || {
        (keys(&site.asked()).len() == 20).then_some(())
    });
    eventually("the last delivery to end", || {
        let log = project.get("/hooks/1/events?per_page=100");
        (log.as_array()?.len() == 20).then_some(())
    });
    assert_eq!(site.asked().len(), 20, "something was told twice");
}
