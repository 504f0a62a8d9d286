//! How much and how long.

use std::time::Duration;

use outbound::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use testkit::Site;

use crate::requests::{Names, client, get};

#[tokio::test]
async fn an_answer_has_no_more_bytes_than_wanted() {
    let server = Site::start(|head| {
        let body = "x".repeat(1001);
        match () {
            () if head.starts_with("GET /fits") => Site::ok(&body[..1000]),
            () if head.starts_with("GET /chunked") => {
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{body}\r\n0\r\n\r\n")
            }
            () if head.starts_with("GET /until-close") => format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
            () => Site::ok(&body),
        }
    });
    let client = client(&["127.0.0.1".to_owned()], Names::default());
    assert_eq!(client.send(get(&server.url("/fits"))).await.unwrap().body.len(), 1000);
    for path in ["/length", "/chunked", "/until-close"] {
        let error = client.send(get(&server.url(path))).await.unwrap_err();
        assert_eq!(error, Error::TooLarge { limit: 1000 }, "{path}");
        let mut request = get(&server.url(path));
        request.limits.cut = true;
        assert_eq!(client.send(request).await.unwrap().body.len(), 1000, "{path}");
    }
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_left() {
    // Accepts, says something now and then, never ends.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        for start in ["", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\n\r\nabc"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(start.as_bytes()).await.unwrap();
            open.push(stream);
        }
        std::future::pending::<()>().await;
    });
    let client = client(&["127.0.0.1".to_owned()], Names::default());
    for _ in 0..3 {
        let mut request = get(&format!("http://{address}/x"));
        request.limits.total = Duration::from_millis(100);
        let error = client.send(request).await.unwrap_err();
        assert_eq!(error, Error::Timeout(Duration::from_millis(100)));
    }
}

#[tokio::test]
async fn what_is_not_http_says_so() {
    let server = Site::start(|head| match () {
        () if head.starts_with("GET /ssh") => "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        () if head.starts_with("GET /gzip") => {
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx".to_owned()
        }
        () if head.starts_with("GET /head") => {
            format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000))
        }
        () if head.starts_with("GET /nowhere") => "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        () => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort".to_owned(),
    });
    let client = client(&["127.0.0.1".to_owned()], Names::default());
    for path in ["/ssh", "/gzip", "/head"] {
        let sent = client
            .send(get(&server.url(path)))
            .await
            .map(|response| response.status);
        assert!(matches!(sent, Err(Error::Protocol(_))), "{path}: {sent:?}");
    }
    let error = client.send(get(&server.url("/nowhere"))).await.unwrap_err();
    assert!(matches!(error, Error::Redirect(_)), "{error:?}");
    let error = client.send(get(&server.url("/cut-off"))).await.unwrap_err();
    assert!(matches!(error, Error::Connection { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_listening_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = client(&["127.0.0.1".to_owned()], Names::default());
    let error = client.send(get(&format!("http://{address}/x"))).await.unwrap_err();
    assert_eq!(
        error,
        Error::Refused {
            host: "127.0.0.1".to_owned(),
            port: address.port()
        }
    );
}
