//! `include:remote`: attempts, what is kept, what is shared.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use app::remote_files::RemoteFiles;
use compile::facts::Unfetched;
use compile::{Answer, FileKey};
use model::Timestamp;
use outbound::{Client, Policy};
use testkit::Site;
use tokio::sync::Notify;
use tokio::time::Instant;

const TEXT: &str = "job: {script: x}\n";

/// `printf 'job: {script: x}\n' | openssl dgst -sha256 -binary | base64`
const HASH: &str = "sha256-DhWdMWT6tIMNApt5Ao3Ub/8IuIhMIAgkfPb+jRbD5CI=";

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn files() -> RemoteFiles {
    let policy = Policy {
        allow: vec!["127.0.0.1".parse().unwrap()],
        only_allowed: false,
    };
    RemoteFiles::new(Client::new(policy)).with_first_pause(Duration::ZERO)
}

fn key(url: &str) -> FileKey {
    FileKey::Remote {
        url: url.to_owned(),
        integrity: None,
        cache_seconds: None,
    }
}

async fn get(files: &RemoteFiles, key: &FileKey, now: Timestamp) -> Result<String, Unfetched> {
    let until = Instant::now() + Duration::from_secs(20);
    match files.get(key, now, until).await {
        Answer::File(file) => Ok(file.text.to_string()),
        Answer::Unfetched(why) => Err(why),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn broken_hosts_are_asked_three_times_and_refusals_are_final() {
    let asked = AtomicUsize::new(0);
    let site = Site::start(move |request| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        match request.split(' ').nth(1).unwrap_or_default() {
            "/missing.yml" => Site::status("404 Not Found", ""),
            "/broken.yml" => Site::status("502 Bad Gateway", ""),
            "/odd.yml" => "nonsense\r\n\r\n".to_owned(),
            "/cut.yml" => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx".to_owned(),
            "/later.yml" if number % 3 < 2 => Site::status("500 Oops", ""),
            _ => Site::ok(TEXT),
        }
    });
    let files = files();
    for (path, expected, times) in [
        ("/later.yml", Ok(TEXT.to_owned()), 3),
        ("/missing.yml", Err(Unfetched::Status { code: 404, attempts: 1 }), 1),
        ("/broken.yml", Err(Unfetched::Status { code: 502, attempts: 3 }), 3),
        ("/odd.yml", Err(Unfetched::Http { attempts: 3 }), 3),
        ("/cut.yml", Err(Unfetched::Socket { attempts: 3 }), 3),
    ] {
        let before = site.asked().len();
        assert_eq!(get(&files, &key(&site.url(path)), NOW).await, expected, "{path}");
        assert_eq!(site.asked().len() - before, times, "{path}");
    }
    let address = site.address();
    drop(site);
    for (url, expected) in [
        (
            "http://127.0.0.2/x.yml".to_owned(),
            "URL is blocked: Requests to loopback addresses are not allowed".to_owned(),
        ),
        (
            "ssh://git@127.0.0.1/x.yml".to_owned(),
            "URL is blocked: Only allowed schemes are http, https".to_owned(),
        ),
        ("https:x.yml".to_owned(), "URL is blocked: URI is invalid".to_owned()),
        (
            format!("http://{address}/x.yml"),
            format!("Failed to open TCP connection to {address} (Connection refused)"),
        ),
    ] {
        assert_eq!(
            get(&files, &key(&url), NOW).await,
            Err(Unfetched::Reason(expected)),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_file_of_more_than_four_mebibytes_is_too_big() {
    let site = Site::start(|_| Site::ok(&"#".repeat((4 << 20) + 1)));
    let got = get(&files(), &key(&site.url("/x.yml")), NOW).await;
    assert_eq!(got, Err(Unfetched::TooLarge));
    assert_eq!(site.asked().len(), 1);
}

#[tokio::test]
async fn a_file_with_a_hash_must_have_it_and_is_fetched_once() {
    let site = Site::start(|_| Site::ok(TEXT));
    let files = files();
    let pinned = |hash: &str| FileKey::Remote {
        url: site.url("/x.yml"),
        integrity: Some(hash.to_owned()),
        cache_seconds: None,
    };
    let wrong = pinned("sha256-YWJj");
    assert_eq!(get(&files, &wrong, NOW).await, Err(Unfetched::Integrity));
    assert_eq!(get(&files, &pinned(HASH), NOW).await, Ok(TEXT.to_owned()));
    assert_eq!(site.asked().len(), 2);
    let much_later = NOW + Duration::from_secs(1_000_000);
    assert_eq!(get(&files, &pinned(HASH), much_later).await, Ok(TEXT.to_owned()));
    assert_eq!(site.asked().len(), 2, "the hash says what it is");
    assert_eq!(get(&files, &wrong, NOW).await, Err(Unfetched::Integrity));
}

#[tokio::test]
async fn a_file_is_kept_for_as_long_as_the_configuration_says() {
    let number = AtomicUsize::new(0);
    let site = Site::start(move |_| Site::ok(&number.fetch_add(1, Ordering::SeqCst).to_string()));
    let files = files();
    let after = |seconds| NOW + Duration::from_secs(seconds);
    let cached = FileKey::Remote {
        url: site.url("/x.yml"),
        integrity: None,
        cache_seconds: Some(60),
    };
    assert_eq!(get(&files, &cached, after(0)).await.unwrap(), "0");
    assert_eq!(get(&files, &cached, after(59)).await.unwrap(), "0");
    // Whoever does not ask for it gets nothing old, and leaves what others have.
    assert_eq!(get(&files, &key(&site.url("/x.yml")), after(59)).await.unwrap(), "1");
    assert_eq!(get(&files, &cached, after(59)).await.unwrap(), "0");
    assert_eq!(get(&files, &cached, after(60)).await.unwrap(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_share_a_fetch_that_began_after_they_asked() {
    let (arrived, gate) = (Arc::new(Notify::new()), Arc::new(std::sync::Barrier::new(2)));
    let (tell, wait, first) = (Arc::clone(&arrived), Arc::clone(&gate), AtomicUsize::new(0));
    let site = Site::start(move |_| {
        let number = first.fetch_add(1, Ordering::SeqCst);
        if number == 0 {
            tell.notify_one();
            wait.wait();
        }
        Site::ok(&number.to_string())
    });
    let (files, key) = (Arc::new(files()), key(&site.url("/x.yml")));
    let ask = || {
        let (files, key) = (Arc::clone(&files), key.clone());
        async move { get(&files, &key, NOW).await.unwrap() }
    };
    let early = tokio::spawn(ask());
    arrived.notified().await;
    // All have asked before the first one is answered: polled once each, they wait for their turn.
    let mut late: Vec<_> = (0..10).map(|_| Box::pin(ask())).collect();
    for question in &mut late {
        let waits = std::future::poll_fn(|cx| std::task::Poll::Ready(question.as_mut().poll(cx).is_pending())).await;
        assert!(waits);
    }
    tokio::task::spawn_blocking(move || gate.wait()).await.unwrap();
    assert_eq!(early.await.unwrap(), "0");
    for question in late {
        assert_eq!(
            question.await,
            "1",
            "what was there before they asked is not what they want"
        );
    }
    assert_eq!(site.asked().len(), 2);
}

#[tokio::test]
async fn nobody_waits_longer_than_allowed() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let key = key(&format!("http://{}/x.yml", silent.local_addr().unwrap()));
    let files = files();
    let until = Instant::now() + Duration::from_millis(100);
    let (one, other) = tokio::join!(files.get(&key, NOW, until), files.get(&key, NOW, until));
    for answer in [one, other] {
        assert!(
            matches!(answer, Answer::Unfetched(Unfetched::Timeout { attempts: 1 })),
            "{answer:?}"
        );
    }
}
