//! Watching pipelines and logs: streams of events, text, waiting.

mod ends;

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request};
use futures_util::StreamExt as _;
use model::{AccessLevel, JobId};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{Answer, Api};
use crate::fixture::TOKEN;

const CONFIG: &str = "stages: [build, test]\nbuild: {stage: build, script: x}\ntest: {stage: test, script: x}\n";

/// What a client reads of an answer that grows.
struct Stream {
    status: u16,
    headers: HeaderMap,
    body: BodyDataStream,
    read: String,
}

/// One event.
#[derive(Debug, PartialEq)]
struct Event {
    name: String,
    id: Option<String>,
    data: Value,
}

impl Stream {
    /// Returns the next event; `None` when the stream has ended.
    async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some((frame, rest)) = self.read.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.read = rest;
                let field = |name: &str| {
                    let prefix = format!("{name}: ");
                    frame
                        .lines()
                        .find_map(|line| line.strip_prefix(&prefix))
                        .map(str::to_owned)
                };
                let Some(name) = field("event") else { continue };
                let data = serde_json::from_str(&field("data").unwrap()).unwrap();
                return Some(Event {
                    name,
                    id: field("id"),
                    data,
                });
            }
            let piece = self.body.next().await?.unwrap();
            self.read.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// Reads the events up to one of this name and returns them in short.
    async fn up_to(&mut self, name: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let event = self
                .event()
                .await
                .unwrap_or_else(|| panic!("no `{name}` after {seen:?}"));
            seen.push(short(&event));
            if event.name == name {
                return seen.join(", ");
            }
        }
    }

    /// Reads until a sign of life has come.
    async fn heartbeat(&mut self) {
        while !self.read.lines().any(|line| line.starts_with(':')) {
            let piece = self.body.next().await.unwrap().unwrap();
            self.read.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// Reads the rest as text.
    async fn rest(mut self) -> String {
        while let Some(piece) = self.body.next().await {
            self.read.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
        self.read
    }
}

fn short(event: &Event) -> String {
    let data = &event.data;
    let text = |field: &str| data[field].as_str().unwrap_or_default().to_owned();
    match event.name.as_str() {
        "job" => format!("{} {}", text("name"), text("status")),
        "trace" => text("text"),
        name => format!("{name} {}", text("status")).trim().to_owned(),
    }
}

impl Api {
    async fn open(&self, path: &str, headers: &[(&str, &str)]) -> Stream {
        let mut request = Request::builder().uri(format!("/api/v4{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let (parts, body) = answer.into_parts();
        Stream {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.into_data_stream(),
            read: String::new(),
        }
    }

    async fn watch(&self, path: &str) -> Stream {
        let stream = self.open(path, &[("private-token", TOKEN)]).await;
        assert_eq!(stream.status, 200);
        stream
    }

    async fn come_back(&self, path: &str, last: &str) -> Stream {
        self.open(path, &[("private-token", TOKEN), ("last-event-id", last)])
            .await
    }

    /// Gives `ada/tool` a configuration without running it, and returns a trigger token.
    async fn triggered_project(&self, config: &str) -> String {
        let action = json!({"action": "create", "file_path": ".gitlab-ci.yml", "content": config});
        let body = json!({"branch": "main", "commit_message": "x [skip ci]", "actions": [action]});
        self.ada("POST /projects/1/repository/commits", body).await.json(201);
        // The pipeline that was skipped is in nobody's way.
        self.ada("DELETE /projects/1/pipelines/1", Value::Null).await.empty(204);
        self.trigger_token().await
    }

    async fn trigger_token(&self) -> String {
        let made = self.ada("POST /projects/1/triggers", json!({"description": "t"})).await;
        made.json(201)["token"].as_str().unwrap().to_owned()
    }

    async fn trigger(&self, token: &str, extra: Value) -> Answer {
        let mut body = json!({"token": token, "ref": "main"});
        for (name, value) in extra.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.call("POST /projects/1/trigger/pipeline", "", body).await
    }

    /// Has a runner take the next job.
    async fn take(&self) -> Job<'_> {
        let (id, token) = self.server.run_a_job().await;
        Job { api: self, id, token }
    }
}

/// A job that is with a runner.
struct Job<'a> {
    api: &'a Api,
    id: JobId,
    token: String,
}

impl Job<'_> {
    async fn report(&self, state: &str) {
        let body = json!({"token": self.token, "state": state, "exit_code": 1});
        let answer = self.api.call(&format!("PUT /jobs/{}", self.id), "", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Appends to the log, which has `start` bytes so far.
    async fn print(&self, start: usize, bytes: &[u8]) {
        let request = Request::builder()
            .method("PATCH")
            .uri(format!("/api/v4/jobs/{}/trace", self.id))
            .header("job-token", &self.token)
            .header("content-range", format!("{start}-{}", start + bytes.len() - 1))
            .body(Body::from(bytes.to_vec()));
        let answer = self.api.send(request.unwrap()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_pipeline_is_told_job_by_job_until_its_end() {
    let api = Api::start().await;
    let token = api.triggered_project(CONFIG).await;
    let id = api.trigger(&token, Value::Null).await.json(201)["id"].clone();
    let mut stream = api.watch(&format!("/projects/1/pipelines/{id}/events")).await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert_eq!(stream.headers["cache-control"], "no-cache");
    assert_eq!(stream.headers["x-accel-buffering"], "no");
    assert_eq!(
        stream.up_to("pipeline").await,
        "build pending, test created, pipeline pending"
    );
    let build = api.take().await;
    assert_eq!(stream.up_to("pipeline").await, "build running, pipeline running");
    build.report("success").await;
    assert_eq!(
        stream.up_to("pipeline").await,
        "build success, test pending, pipeline running"
    );
    let path = format!("POST /projects/1/pipelines/{id}/cancel");
    api.ada(&path, Value::Null).await.json(200);
    assert_eq!(
        stream.up_to("end").await,
        "test canceled, pipeline canceled, end canceled"
    );
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_changed_and_at_the_end_to_stay_away() {
    let api = Api::start().await;
    let token = api.triggered_project(CONFIG).await;
    let id = api.trigger(&token, Value::Null).await.json(201)["id"].clone();
    let path = format!("/projects/1/pipelines/{id}/events");
    let mut stream = api.watch(&path).await;
    let mut last = None;
    while last.is_none() {
        last = stream.event().await.unwrap().id;
    }
    drop(stream);
    api.ada(&format!("POST /projects/1/pipelines/{id}/cancel"), Value::Null)
        .await
        .json(200);

    let last = last.unwrap();
    let mut stream = api.come_back(&path, &last).await;
    let mut events = Vec::new();
    while let Some(event) = stream.event().await {
        events.push(event);
    }
    let shorts: Vec<String> = events.iter().map(short).collect();
    assert_eq!(
        shorts,
        ["build canceled", "test canceled", "pipeline canceled", "end canceled"]
    );
    let last = events.iter().rev().find_map(|event| event.id.clone()).unwrap();
    assert_eq!(api.come_back(&path, &last).await.status, 204);
}

#[tokio::test]
async fn a_viewer_that_wants_to_stay_sees_a_retry() {
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    let id = api.trigger(&token, Value::Null).await.json(201)["id"].clone();
    api.take().await.report("failed").await;
    let mut stream = api.watch(&format!("/projects/1/pipelines/{id}/events?stay=true")).await;
    assert_eq!(stream.up_to("pipeline").await, "a failed, pipeline failed");
    api.ada(&format!("POST /projects/1/pipelines/{id}/retry"), Value::Null)
        .await
        .json(201);
    assert_eq!(stream.up_to("pipeline").await, "a pending, pipeline running");
    api.server.stop.send(true).unwrap();
    assert_eq!(stream.event().await, None, "the stream ends with the server");
}

#[tokio::test]
async fn a_log_is_told_as_it_grows_and_from_any_byte() {
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    api.trigger(&token, Value::Null).await.json(201);
    let job = api.take().await;
    let path = format!("/projects/1/jobs/{}/trace/events", job.id);
    let mut stream = api.watch(&path).await;
    job.print(0, b"one\n").await;
    let first = stream.event().await.unwrap();
    assert_eq!(first.data, json!({"offset": 0, "text": "one\n"}));
    assert_eq!(first.id.as_deref(), Some("4"));
    // A character whose second byte comes later.
    job.print(4, b"tw\xc3").await;
    assert_eq!(stream.event().await.unwrap().data, json!({"offset": 4, "text": "tw"}));
    job.print(7, b"\xb6\n").await;
    assert_eq!(stream.event().await.unwrap().data, json!({"offset": 6, "text": "ö\n"}));
    job.report("success").await;
    assert_eq!(stream.up_to("end").await, "end success");
    assert_eq!(stream.event().await, None);

    let mut stream = api.come_back(&path, "4").await;
    assert_eq!(stream.up_to("end").await, "twö\n, end success");
    assert_eq!(api.come_back(&path, "9").await.status, 204);
    assert_eq!(
        api.come_back(&path, "nonsense").await.up_to("end").await,
        "one\ntwö\n, end success"
    );
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_lives() {
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    let id = api.trigger(&token, Value::Null).await.json(201)["id"].clone();
    let mut stream = api.watch(&format!("/projects/1/pipelines/{id}/events")).await;
    stream.up_to("pipeline").await;
    stream.read.clear();
    stream.heartbeat().await;
    let job = api.take().await;
    let mut stream = api.watch(&format!("/projects/1/jobs/{}/trace/events", job.id)).await;
    stream.heartbeat().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_viewer_may_not_look_any_more() {
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    let id = api.trigger(&token, Value::Null).await.json(201)["id"].clone();
    let job = api.take().await;
    let member = api.server.member("bob", AccessLevel::Reporter).await;
    let paths = [
        format!("/projects/1/pipelines/{id}/events"),
        format!("/projects/1/jobs/{}/trace/events", job.id),
    ];
    let mut streams = Vec::new();
    for path in &paths {
        streams.push(api.open(path, &[("private-token", &member)]).await);
        streams.push(
            api.open(
                &path.replace("/projects/1/", "/projects/1/trigger/"),
                &[("trigger-token", &token)],
            )
            .await,
        );
    }
    api.get("DELETE /personal_access_tokens/self", &member).await.empty(204);
    api.ada("DELETE /projects/1/triggers/1", Value::Null).await.empty(204);
    for mut stream in streams {
        assert_eq!(stream.status, 200);
        stream.up_to("denied").await;
        assert_eq!(stream.event().await, None);
    }
    for path in &paths {
        assert_eq!(api.open(path, &[("private-token", &member)]).await.status, 401);
        assert_eq!(api.open(path, &[]).await.status, 404, "the project is private");
    }
}

#[tokio::test]
async fn a_trigger_token_sees_the_pipelines_it_started_and_no_others() {
    let api = Api::start().await;
    let (token, other) = (api.triggered_project(CONFIG).await, api.trigger_token().await);
    let created = api.trigger(&token, Value::Null).await.json(201);
    let id = created["id"].as_i64().unwrap();
    let path = |id: i64, token: &str| format!("/projects/1/trigger/pipelines/{id}?token={token}");
    assert_eq!(
        api.get(&format!("GET {}", path(id, &token)), "").await.json(200),
        created
    );

    let by_api = api
        .ada("POST /projects/1/pipeline", json!({"ref": "main"}))
        .await
        .json(201);
    let by_api = by_api["id"].as_i64().unwrap();
    for (id, token) in [
        (id, other.as_str()),
        (by_api, &token),
        (id, ""),
        (id, TOKEN),
        (999, &token),
    ] {
        let plain = api.get(&format!("GET {}", path(id, token)), "").await;
        assert_eq!(plain.shown(), r#"404 {"message":"404 Not Found"}"#, "{id} {token}");
        for what in ["events", "follow"] {
            let path = path(id, token).replace('?', &format!("/{what}?"));
            assert_eq!(api.open(&path, &[]).await.status, 404, "{path}");
        }
    }
    let elsewhere = path(id, &token).replace("/projects/1/", "/projects/2/");
    assert_eq!(api.get(&format!("GET {elsewhere}"), "").await.status, 404);
    let job = api.take().await;
    let log = format!("/projects/1/trigger/jobs/{}/trace/events", job.id);
    assert_eq!(api.open(&log, &[("trigger-token", &other)]).await.status, 404);
    assert_eq!(api.open(&log, &[("trigger-token", &token)]).await.status, 200);
    assert_eq!(api.get("GET /projects/1/trigger/pipelines/x", "").await.status, 400);
}

#[tokio::test]
async fn a_call_that_waits_is_answered_with_the_end() {
    for (state, status) in [("success", 201), ("failed", 424)] {
        let api = Api::start().await;
        let token = api.triggered_project("a: {script: x}").await;
        let act = async {
            loop {
                if !api.server.pipelines().await.is_empty() {
                    break api.take().await.report(state).await;
                }
                tokio::task::yield_now().await;
            }
        };
        let (answer, ()) = tokio::join!(api.trigger(&token, json!({"wait": true})), act);
        let pipeline = answer.json(status);
        assert_eq!(pipeline["status"], state);
        assert!(pipeline["finished_at"].is_string());
        let path = format!(
            "GET /projects/1/trigger/pipelines/{}?token={token}&wait=5",
            pipeline["id"]
        );
        let again = api.get(&path, "").await;
        assert_eq!(again.json(if status == 201 { 200 } else { 424 }), pipeline);
    }
}

#[tokio::test]
async fn a_wait_that_is_over_before_the_pipeline_is_no_success() {
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    let answer = api.trigger(&token, json!({"wait": "1"})).await;
    assert_eq!(answer.json(424)["status"], "pending");

    // What asks for no wait, and what a hook's payload may have under the name.
    for other in [
        json!(false),
        json!("no"),
        json!(0),
        json!("0"),
        json!(""),
        json!({"a": 1}),
    ] {
        let answer = api.trigger(&token, json!({"wait": other})).await;
        assert_eq!(answer.json(201)["status"], "pending", "{other}");
    }
    let manual = "a: {script: x, when: manual, allow_failure: false}";
    let action = json!({"action": "update", "file_path": ".gitlab-ci.yml", "content": manual});
    let body = json!({"branch": "main", "commit_message": "x [skip ci]", "actions": [action]});
    api.ada("POST /projects/1/repository/commits", body).await.json(201);
    let answer = api.trigger(&token, json!({"wait": true})).await;
    assert_eq!(
        answer.json(424)["status"],
        "manual",
        "nothing happens until somebody plays the job"
    );
}

#[tokio::test]
async fn nonsense_about_waiting_is_refused_before_anything_is_created() {
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    for (extra, error) in [
        (json!({"wait": "abc"}), "wait is invalid"),
        (json!({"wait": "10m"}), "wait is invalid"),
        (json!({"wait": "1.5"}), "wait is invalid"),
        (json!({"wait": 1.5}), "wait is invalid"),
        (json!({"wait": "maybe"}), "wait is invalid"),
        (json!({"wait": -1}), "wait is invalid"),
        (json!({"wait": "-5"}), "wait is invalid"),
        (json!({"follow": "maybe"}), "follow is invalid"),
        (json!({"follow": 2}), "follow is invalid"),
        (json!({"follow": true, "wait": "abc"}), "wait is invalid"),
        (json!({"ref": "", "wait": "x"}), "ref is empty, wait is invalid"),
    ] {
        let answer = api.trigger(&token, extra.clone()).await;
        assert_eq!(answer.shown(), format!(r#"400 {{"error":"{error}"}}"#), "{extra}");
    }
    assert_eq!(api.server.pipelines().await.len(), 0);
    let log = api.ada("GET /projects/1/trigger_log", Value::Null).await;
    assert_eq!(log.json(200)[0]["reason_code"], "parameters_invalid");

    let id = api.trigger(&token, Value::Null).await.json(201)["id"].clone();
    let path = format!("GET /projects/1/trigger/pipelines/{id}?token={token}&wait=soon");
    assert_eq!(api.get(&path, "").await.shown(), r#"400 {"error":"wait is invalid"}"#);
}

#[tokio::test]
async fn a_pipeline_does_not_see_that_somebody_waits_for_it() {
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    for (extra, seen) in [
        (json!({"wait": 1}), None),
        (json!({"wait": {"a": 1}}), Some(json!({"a": 1}))),
    ] {
        let id = api.trigger(&token, extra).await;
        let id = serde_json::from_str::<Value>(&id.text).unwrap()["id"].clone();
        let variables = api
            .ada(&format!("GET /projects/1/pipelines/{id}/variables"), Value::Null)
            .await
            .json(200);
        let payload: Value = serde_json::from_str(variables[0]["value"].as_str().unwrap()).unwrap();
        assert_eq!(payload.get("wait"), seen.as_ref());
    }
}

#[tokio::test]
async fn a_call_that_follows_is_answered_with_the_story() {
    let api = Api::start().await;
    let token = api.triggered_project(CONFIG).await;
    let body = json!({"token": token, "ref": "main", "follow": true}).to_string();
    let request = Request::builder()
        .method("POST")
        .uri("/api/v4/projects/1/trigger/pipeline")
        .header("content-type", "application/json")
        .body(Body::from(body));
    let answer = api.router.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    let stream = Stream {
        status: 201,
        headers: answer.headers().clone(),
        body: answer.into_body().into_data_stream(),
        read: String::new(),
    };
    let job = api.take().await;
    let first = b"section_start:1:x\r\x1b[0K\x1b[32mone\x1b[0m\ntw";
    job.print(0, first).await;
    job.print(first.len(), b"o").await;
    job.report("failed").await;
    let text = stream.rest().await;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with("/ada/tool/-/pipelines/2"), "{text}");
    let told = lines[1..].join("\n");
    for (at, line) in ["· build: build pending", "· test: test created"].iter().enumerate() {
        assert_eq!(lines[1 + at], *line, "{text}");
    }
    let ending = "       build | one\n         build | two\n✗ build: build failed";
    assert!(told.contains(ending), "{text}");
    assert!(
        told.contains("(unknown_failure)\n− test: test skipped\n✗ pipeline 2: failed"),
        "{text}"
    );
}

#[tokio::test]
async fn a_thousand_viewers_see_one_log_grow() {
    const VIEWERS: usize = 1000;
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    api.trigger(&token, Value::Null).await.json(201);
    let job = api.take().await;
    let path = format!("/projects/1/jobs/{}/trace/events", job.id);
    let mut streams = Vec::with_capacity(VIEWERS);
    for _ in 0..VIEWERS {
        streams.push(api.watch(&path).await);
    }
    assert_eq!(api.server.app.live.viewers(), VIEWERS);
    let mut size = 0;
    for round in 0..3 {
        let line = format!("line {round}\n");
        job.print(size, line.as_bytes()).await;
        for stream in &mut streams {
            assert_eq!(
                stream.event().await.unwrap().data,
                json!({"offset": size, "text": line})
            );
        }
        size += line.len();
    }
    job.report("success").await;
    for stream in &mut streams {
        assert_eq!(stream.up_to("end").await, "end success");
    }
    drop(streams);
    assert_eq!(api.server.app.live.viewers(), 0);
}

#[tokio::test]
async fn a_viewer_that_does_not_read_costs_one_small_piece() {
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    api.trigger(&token, Value::Null).await.json(201);
    let job = api.take().await;
    let stream = api.watch(&format!("/projects/1/jobs/{}/trace/events", job.id)).await;
    // Far more than a viewer holds: it is in the file, not in memory.
    let big = vec![b'z'; 1 << 20];
    for part in 0..4 {
        job.print(part << 20, &big).await;
    }
    job.report("success").await;
    let text = tokio::time::timeout(Duration::from_secs(60), stream.rest())
        .await
        .unwrap();
    assert_eq!(text.matches('z').count(), 4 << 20);
    assert!(
        text.split("\n\n").all(|frame| frame.len() < 20 << 10),
        "a piece is small"
    );
}
