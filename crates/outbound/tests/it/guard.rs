//! Where requests may go.

use std::sync::atomic::Ordering;

use outbound::{Bytes, Client, Method, Policy};

use testkit::Site;

use crate::requests::{Names, client, get};

#[tokio::test]
async fn an_allowed_server_is_asked_and_its_answer_returned() {
    let server = Site::start(|_| Site::ok("hello"));
    let client = client(&[server.address().to_string()], Names::default());
    let response = client
        .send(get(&server.url("/a%20b/c.yml?x=1#fragment")))
        .await
        .unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
    let [head] = &server.asked()[..] else {
        panic!("not asked once");
    };
    let head = head.to_lowercase();
    assert!(head.starts_with("get /a%20b/c.yml?x=1 http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {}\r\n", server.address())), "{head}");
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    assert!(head.contains("user-agent: tripline/"), "{head}");
    assert!(!head.contains("authorization"), "{head}");
}

#[tokio::test]
async fn this_machine_and_its_networks_are_not_asked() {
    let server = Site::start(|_| Site::ok("secret"));
    let port = server.address().port();
    let client = Client::new(Policy::default());
    for (host, expected) in [
        ("127.0.0.1", "Requests to localhost are not allowed"),
        ("localhost", "Requests to localhost are not allowed"),
        ("2130706433", "Requests to localhost are not allowed"),
        ("0x7f.1", "Requests to localhost are not allowed"),
        ("0", "Requests to localhost are not allowed"),
        ("127.1.1.1", "Requests to loopback addresses are not allowed"),
        ("[::1]", "Requests to localhost are not allowed"),
        ("[::ffff:7f00:1]", "Requests to localhost are not allowed"),
        ("10.0.0.1", "Requests to the local network are not allowed"),
        ("169.254.169.254", "Requests to the link local network are not allowed"),
    ] {
        let error = client.send(get(&format!("http://{host}:{port}/x"))).await.unwrap_err();
        assert_eq!(error.to_string(), format!("URL is blocked: {expected}"), "{host}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_name_is_refused_when_any_of_its_addresses_is() {
    let server = Site::start(|_| Site::ok("secret"));
    let port = server.address().port();
    let names = Names::of(&[
        ("inside.test", &["127.0.0.1"]),
        ("both.test", &["93.184.215.14", "127.0.0.1"]),
        ("nothing.test", &[]),
    ]);
    let client = client(&["allowed.test".to_owned()], names);
    for (host, expected) in [
        ("inside.test", "Requests to localhost are not allowed"),
        ("both.test", "Requests to localhost are not allowed"),
        ("nothing.test", "Host cannot be resolved or invalid"),
        ("allowed.test", "Host cannot be resolved or invalid"),
    ] {
        let error = client.send(get(&format!("http://{host}:{port}/x"))).await.unwrap_err();
        assert_eq!(error.to_string(), format!("URL is blocked: {expected}"), "{host}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_asked() {
    let server = Site::start(|_| Site::ok("hello"));
    let port = server.address().port();
    let names = Names::of(&[("inside.test", &["127.0.0.1"])]);
    let client = client(&[format!("127.0.0.1:{port}")], names.clone());
    let response = client.send(get(&format!("http://inside.test:{port}/x"))).await.unwrap();
    assert_eq!(response.status, 200);
    // A name that is asked for again may have another address by then.
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    assert!(
        server.asked()[0]
            .to_lowercase()
            .contains(&format!("host: inside.test:{port}\r\n"))
    );
}

#[tokio::test]
async fn every_redirect_is_checked_again() {
    let secret = Site::start(|_| Site::ok("secret"));
    let targets = [
        secret.url("/metadata"),
        format!("http://inside.test:{}/metadata", secret.address().port()),
        format!("//localhost:{}/metadata", secret.address().port()),
    ];
    let names = Names::of(&[("inside.test", &["127.0.0.1"]), ("localhost", &["127.0.0.1"])]);
    for target in targets {
        for status in [301, 302, 303, 307, 308] {
            let location = target.clone();
            let server = Site::start(move |_| Site::redirect(status, &location));
            let client = client(&[server.address().to_string()], names.clone());
            let error = client.send(get(&server.url("/x"))).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "URL is blocked: Requests to localhost are not allowed",
                "{status} {target}"
            );
        }
    }
    assert!(secret.asked().is_empty());
}

#[tokio::test]
async fn redirects_are_followed_up_to_the_limit() {
    let server = Site::start(
        |head| match head.split('/').nth(1).and_then(|rest| rest.split(' ').next()) {
            Some("end.yml") => Site::ok("found"),
            Some(number) => {
                let left: usize = number.parse().unwrap();
                Site::redirect(
                    302,
                    &match left {
                        0 => "end.yml".to_owned(),
                        left => format!("/{}", left - 1),
                    },
                )
            }
            None => unreachable!("a head has a path"),
        },
    );
    let client = client(&["127.0.0.1".to_owned()], Names::default());
    let response = client.send(get(&server.url("/4"))).await.unwrap();
    assert_eq!(&response.body[..], b"found");
    let error = client.send(get(&server.url("/5"))).await.unwrap_err();
    assert_eq!(error.to_string(), "too many redirects");
    let mut request = get(&server.url("/0"));
    request.limits.redirects = 0;
    assert_eq!(
        client.send(request).await.unwrap().status,
        302,
        "an answer like any other"
    );
}

#[tokio::test]
async fn a_post_is_not_repeated_where_a_redirect_leads() {
    let server = Site::start(|_| Site::redirect(302, "/elsewhere"));
    let client = client(&["127.0.0.1".to_owned()], Names::default());
    let request = outbound::Request {
        method: Method::POST,
        body: Bytes::from_static(b"{}"),
        ..get(&server.url("/x"))
    };
    assert_eq!(client.send(request).await.unwrap().status, 302);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn credentials_stay_with_their_server() {
    let other = Site::start(|_| Site::ok("other"));
    let location = other.url("/x");
    let server = Site::start(move |head| match head.starts_with("GET /first") {
        true => Site::redirect(302, "/second"),
        false => Site::redirect(302, &location),
    });
    let client = client(&["127.0.0.1".to_owned()], Names::default());
    let mut request = get(&server.url("/first").replace("http://", "http://ann:p%3Ass@"));
    request
        .headers
        .insert("cookie", outbound::HeaderValue::from_static("session=1"));
    assert_eq!(client.send(request).await.unwrap().status, 200);
    let has = |heads: &[String], text: &str| heads.iter().filter(|head| head.contains(text)).count();
    // `ann:p:ss`
    assert_eq!(has(&server.asked(), "authorization: Basic YW5uOnA6c3M=\r\n"), 2);
    assert_eq!(has(&other.asked(), "uthorization"), 0);
    assert_eq!(has(&other.asked(), "ession"), 0);
    assert_eq!(other.asked().len(), 1);
}
