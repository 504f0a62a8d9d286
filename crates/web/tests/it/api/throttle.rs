//! Too many calls.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use serde_json::{Value, json};

use super::{Answer, Api, ROOT};
use crate::fixture::TOKEN;

/// Calls that an address has in a minute, and a user.
const ADDRESS: usize = 500;
const USER: usize = 2000;

/// Calls from an address with a token (empty = none).
async fn from(api: &Api, address: &str, line: &str, token: &str) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let peer: SocketAddr = format!("{address}:4711").parse().unwrap();
    let mut request = Request::builder().method(method).uri(format!("/api/v4{path}"));
    if !token.is_empty() {
        request = request.header("private-token", token);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    api.send(request).await
}

#[track_caller]
fn assert_limited(answer: &Answer, name: &str, limit: usize) {
    assert_eq!(answer.shown(), "429 Retry later\n");
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    let number = |name: &str| header(name).parse::<u64>().unwrap();
    assert!(header("content-type").starts_with("text/plain"));
    assert_eq!(header("ratelimit-name"), name);
    assert_eq!(header("ratelimit-limit"), limit.to_string());
    assert_eq!(header("ratelimit-observed"), (limit + 1).to_string());
    assert_eq!(header("ratelimit-remaining"), "0");
    assert!((1..=60).contains(&number("retry-after")));
    assert!(number("ratelimit-reset") > 1_700_000_000);
    assert!(
        header("ratelimit-resettime").ends_with(" GMT"),
        "{}",
        header("ratelimit-resettime")
    );
}

#[tokio::test]
async fn an_address_without_a_good_credential_has_so_many_calls() {
    let api = Api::start().await;
    let app = &api.server.app;
    let peer = "203.0.113.7";
    // Wrong tokens count as none.
    assert_eq!(from(&api, peer, "GET /projects", "").await.status, 200);
    assert_eq!(from(&api, peer, "GET /projects", "glpat-wrong").await.status, 401);
    for _ in 2..ADDRESS {
        app::throttle::anonymous_call(app, Some(peer.parse().unwrap())).unwrap();
    }
    assert_limited(
        &from(&api, peer, "GET /projects", "").await,
        "throttle_unauthenticated_api",
        ADDRESS,
    );
    assert_eq!(from(&api, peer, "GET /projects", "glpat-wrong").await.status, 429);
    // Trigger tokens that nobody made are guesses as well.
    let guess = format!(
        "POST /projects/{}/trigger/pipeline?token=glptt-wrong&ref=main",
        api.server.project.id
    );
    assert_eq!(from(&api, peer, &guess, "").await.status, 429);
    assert_eq!(from(&api, "203.0.113.8", &guess, "").await.status, 404);
    // Who has a good one is counted apart, and so is any other address.
    assert_eq!(from(&api, peer, "GET /user", TOKEN).await.status, 200);
    assert_eq!(from(&api, "203.0.113.8", "GET /projects", "").await.status, 200);
    // This machine is not counted.
    for _ in 0..=ADDRESS {
        app::throttle::anonymous_call(app, Some("127.0.0.1".parse().unwrap())).unwrap();
    }
    assert_eq!(from(&api, "127.0.0.1", "GET /projects", "").await.status, 200);
}

#[tokio::test]
async fn an_ipv6_network_of_64_bits_is_one_address() {
    let api = Api::start().await;
    for number in 0..ADDRESS {
        let address = format!("2001:db8:1:2::{number:x}").parse().unwrap();
        app::throttle::anonymous_call(&api.server.app, Some(address)).unwrap();
    }
    let more = |address: &'static str| {
        let api = &api;
        async move { from(api, address, "GET /projects", "").await.status }
    };
    assert_eq!(more("[2001:db8:1:2:ffff::1]").await, 429);
    assert_eq!(more("[2001:db8:1:3::1]").await, 200);
}

#[tokio::test]
async fn a_user_has_so_many_calls_from_wherever() {
    let api = Api::start().await;
    let id = api.server.ada.id;
    for number in 0..USER {
        let address = std::net::IpAddr::from(u32::try_from(number + 1_000_000).unwrap().to_be_bytes());
        app::throttle::user_call(&api.server.app, id, Some(address)).unwrap();
    }
    assert_limited(
        &from(&api, "203.0.113.7", "GET /user", TOKEN).await,
        "throttle_authenticated_api",
        USER,
    );
    assert_eq!(from(&api, "203.0.113.7", "GET /user", ROOT).await.status, 200);
    assert_eq!(from(&api, "[::1]", "GET /user", TOKEN).await.status, 200);
}

#[tokio::test]
async fn webhooks_are_tested_and_resent_five_times_a_minute() {
    let api = Api::start().await;
    let at = format!("/projects/{}/hooks", api.server.project.id);
    let hook = json!({"url": "https://1.2.3.4/"});
    let hook = api.ada(&format!("POST {at}"), hook).await.json(201)["id"].clone();
    let other = json!({"url": "https://1.2.3.4/other"});
    let other = api.ada(&format!("POST {at}"), other).await.json(201)["id"].clone();
    let refused = r#"429 {"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#;
    // What cannot be told counts as well; both hooks are one project's.
    for number in 0..5 {
        let one = if number % 2 == 0 { &hook } else { &other };
        let answer = api.ada(&format!("POST {at}/{one}/test/job_events"), Value::Null).await;
        assert_eq!(answer.status, 422, "{}", answer.shown());
    }
    let line = format!("POST {at}/{hook}/test/job_events");
    let answer = api.ada(&line, Value::Null).await;
    assert_eq!(answer.shown(), refused);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(api.root(&line, Value::Null).await.status, 422, "another user");
    let line = format!("POST {at}/{hook}/events/99/resend");
    for _ in 0..5 {
        assert_eq!(api.ada(&line, Value::Null).await.status, 404);
    }
    assert_eq!(api.ada(&line, Value::Null).await.shown(), refused);
}
