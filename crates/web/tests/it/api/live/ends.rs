//! What ends a stream besides the end of what it tells of: its viewer may not look any more.

use std::time::Duration;

use model::{AccessLevel, JobId};
use serde_json::{Value, json};

use super::{Api, Stream};

/// Everything that stays open, each with one of the viewer's credentials.
async fn watched_by(api: &Api, id: &Value, job: JobId, headers: &[(&str, &str)]) -> Vec<(String, Stream)> {
    let mut streams = Vec::new();
    for path in [
        format!("/projects/1/pipelines/{id}/events"),
        format!("/projects/1/pipelines/{id}/events?stay=true"),
        format!("/projects/1/pipelines/{id}/follow"),
        format!("/projects/1/jobs/{job}/trace/events"),
    ] {
        let stream = api.open(&path, headers).await;
        assert_eq!(stream.status, 200, "{path}");
        streams.push((path, stream));
    }
    streams
}

#[tokio::test]
async fn streams_end_with_the_session_the_user_and_the_membership() {
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    let id = api.trigger(&token, Value::Null).await.json(201)["id"].clone();
    let job = api.take().await;
    for (name, end) in [
        ("signs-out", "sign out"),
        ("ends-session", "revoke"),
        ("is-blocked", "block"),
        ("is-removed", "remove"),
        ("is-deleted", "delete"),
        ("is-lowered", "lower"),
    ] {
        let personal = api.server.member(name, AccessLevel::Reporter).await;
        let user = api.get("GET /user", &personal).await.json(200)["id"].as_i64().unwrap();
        let cookie = api.server.session(name).await;
        let by_cookie = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        let mut streams = watched_by(&api, &id, job.id, &by_cookie).await;
        if !matches!(end, "sign out" | "revoke") {
            streams.extend(watched_by(&api, &id, job.id, &[("private-token", &personal)]).await);
        }
        let text = cookie.split_once('=').unwrap().1;
        let app = &api.server.app;
        match end {
            "sign out" => app::sessions::sign_out(app, text).await.unwrap(),
            "revoke" => {
                let current = app::sessions::current(app, text).await.unwrap().unwrap();
                app::sessions::revoke(app, &current.caller, current.session.id)
                    .await
                    .unwrap();
            }
            "block" => assert_eq!(
                api.root(&format!("POST /users/{user}/block"), Value::Null).await.status,
                201
            ),
            "remove" => {
                let line = format!("DELETE /projects/1/members/{user}");
                api.ada(&line, Value::Null).await.empty(204);
            }
            "lower" => {
                // A guest of a private project sees neither pipelines nor logs.
                api.ada("PUT /projects/1", json!({"public_jobs": false}))
                    .await
                    .json(200);
                let line = format!("PUT /projects/1/members/{user}");
                api.ada(&line, json!({"access_level": 10})).await.json(200);
            }
            _ => api.root(&format!("DELETE /users/{user}"), Value::Null).await.empty(204),
        }
        for (path, stream) in streams {
            let rest = tokio::time::timeout(Duration::from_secs(10), stream.rest()).await;
            let rest = rest.unwrap_or_else(|_| panic!("{path} of one who {name} goes on"));
            // A story for a terminal says it in words.
            assert!(rest.contains("denied") || path.ends_with("/follow"), "{path}: {rest}");
        }
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_session_lies_idle_too_long() {
    let api = Api::start().await;
    let token = api.triggered_project("a: {script: x}").await;
    let id = api.trigger(&token, Value::Null).await.json(201)["id"].clone();
    let job = api.take().await;
    api.server.member("bob", AccessLevel::Reporter).await;
    let cookie = api.server.session("bob").await;
    let streams = watched_by(&api, &id, job.id, &[("cookie", &cookie)]).await;
    let app = &api.server.app;
    let text = cookie.split_once('=').unwrap().1;
    let id = app::sessions::current(app, text).await.unwrap().unwrap().session.id;
    let now = app.clock.now();
    let ended = move |tx: &mut dyn store::Tx| store::ops::sessions::touch(tx, id, now, now);
    app.store.write(ended).await.unwrap();
    for (path, stream) in streams {
        let rest = tokio::time::timeout(Duration::from_secs(10), stream.rest()).await;
        assert!(rest.is_ok(), "{path} goes on");
    }
}
