//! Serving with crafted requests: what goes over the wire without an HTTP layer between.

use std::io::Write;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use git::pktline::{self, Packet};
use git::{Caller, Limits, Output, Protocol, PushRequest, Received, Refusal, ServeError, Server, Service};
use model::Sha;
use tokio::io::{AsyncRead, ReadBuf};

use crate::fixture::{Fixture, Folder, command, git, sha};

const CAPABILITIES: &str = "report-status side-band-64k object-format=sha1";

fn server() -> Server {
    Server::new(Limits::default())
}

async fn collect(mut output: Output) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = output.next().await.unwrap() {
        all.extend_from_slice(&chunk);
    }
    all
}

/// The start of a push; the pack follows.
fn head(commands: &[(&Sha, &Sha, &str)], capabilities: &str) -> Vec<u8> {
    let mut buffer = BytesMut::new();
    for (number, (old, new, name)) in commands.iter().enumerate() {
        let end = if number == 0 {
            format!("\0{capabilities}")
        } else {
            String::new()
        };
        pktline::put(&mut buffer, format!("{old} {new} {name}{end}").as_bytes());
    }
    buffer.extend_from_slice(b"0000");
    buffer.to_vec()
}

/// A repository of a client with one more commit than ours, and the pack that carries it.
struct Client {
    _folder: Folder,
    tip: Sha,
    pack: Vec<u8>,
}

impl Client {
    fn new(fixture: &Fixture) -> Client {
        let folder = Folder::new();
        git(
            &folder.0,
            &["clone", "-q", fixture.repo.git_dir().to_str().unwrap(), "work"],
        );
        let work = folder.0.join("work");
        std::fs::write(work.join("new"), "new").unwrap();
        git(&work, &["add", "new"]);
        git(&work, &["commit", "-qm", "new"]);
        let tip = sha(&git(&work, &["rev-parse", "HEAD"]));
        let mut packer = command(&work);
        packer
            .args(["pack-objects", "--stdout", "--revs", "-q"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut packer = packer.spawn().unwrap();
        writeln!(packer.stdin.take().unwrap(), "{tip}").unwrap();
        let pack = packer.wait_with_output().unwrap().stdout;
        Client {
            _folder: folder,
            tip,
            pack,
        }
    }
}

async fn push(server: &Server, fixture: &Fixture, body: Vec<u8>) -> (Received, Vec<u8>) {
    let request = PushRequest::read(&body[..]).await.unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let listener = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Some(chunk) = receiver.recv().await {
            all.extend_from_slice(&chunk);
        }
        all
    });
    let received = server.receive_pack(&fixture.repo, request, sender).await.unwrap();
    let mut answer = listener.await.unwrap();
    answer.extend_from_slice(&received.finish("see http://localhost/"));
    (received, answer)
}

/// What a client would show: messages and the report.
fn bands(answer: &[u8]) -> (String, String) {
    let (mut rest, mut messages, mut report) = (answer, String::new(), String::new());
    while let Some((packet, length)) = pktline::next(rest).unwrap() {
        match packet {
            Packet::Data([1, data @ ..]) => report += &String::from_utf8_lossy(data),
            Packet::Data([2, data @ ..]) => messages += &String::from_utf8_lossy(data),
            _ => assert_eq!(&rest[length..], b"", "the flush is the end"),
        }
        rest = &rest[length..];
    }
    (messages, report)
}

#[tokio::test]
async fn an_advertisement_names_the_service_unless_protocol_two_is_spoken() {
    let fixture = Fixture::new();
    let head = fixture.commit("main", &[("a", "1")], "first");
    fixture.repo.create_pipeline_ref(model::PipelineId(1), &head).unwrap();
    let two = Protocol::from_header("version=2");
    for (service, protocol, start, has, has_not) in [
        (
            Service::UploadPack,
            None,
            "001e# service=git-upload-pack\n0000",
            "refs/heads/main",
            "refs/keep",
        ),
        (Service::UploadPack, two, "000eversion 2\n", "fetch=", "refs/heads/main"),
        (
            Service::ReceivePack,
            None,
            "001f# service=git-receive-pack\n0000",
            "push-options",
            "refs/pipelines",
        ),
        (
            Service::ReceivePack,
            two,
            "001f# service=git-receive-pack\n0000",
            "refs/heads/main",
            "version 2",
        ),
    ] {
        let output = server()
            .advertise(&fixture.repo, service, protocol, Caller::Known)
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&collect(output).await).into_owned();
        assert!(
            text.starts_with(start) && text.contains(has) && !text.contains(has_not),
            "{text}"
        );
        assert!(text.ends_with("0000"));
    }
}

#[tokio::test]
async fn a_fetch_answers_with_a_pack() {
    let fixture = Fixture::new();
    let head = fixture.commit("main", &[("a", &"text\n".repeat(100_000))], "first");
    let mut body = BytesMut::new();
    pktline::put(&mut body, b"command=fetch");
    body.extend_from_slice(b"0001");
    pktline::put(&mut body, format!("want {head}\n").as_bytes());
    pktline::put(&mut body, b"done\n");
    body.extend_from_slice(b"0000");
    let output = server()
        .upload_pack(
            &fixture.repo,
            Protocol::from_header("version=2"),
            Caller::Known,
            std::io::Cursor::new(body.freeze()),
        )
        .await
        .unwrap();
    let answer = collect(output).await;
    assert!(answer.starts_with(b"000dpackfile\n"));
    let (_, pack) = bands(&answer[13..]);
    assert!(pack.starts_with("PACK"));
}

#[tokio::test]
async fn nonsense_is_answered_and_leaves_nothing_behind() {
    let fixture = Fixture::new();
    fixture.commit("main", &[("a", "1")], "first");
    for body in [
        &b"zzzz"[..],
        b"",
        b"0032want 1111111111111111111111111111111111111111\n00000009done\n",
    ] {
        let output = server().upload_pack(&fixture.repo, None, Caller::Known, body).await;
        if let Ok(output) = output {
            let answer = String::from_utf8_lossy(&collect(output).await).into_owned();
            assert!(answer.is_empty() || answer.contains("ERR"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_request_that_git_does_not_understand_is_the_clients_fault() {
    let fixture = Fixture::new();
    fixture.commit("main", &[("a", "1")], "first");
    for (version, body) in [
        ("version=0", &b"zzzz"[..]),
        ("version=0", b""),
        ("version=0", b"0004"),
        ("version=0", b"fff0"),
        ("version=0", b"0009hello0000"),
        ("version=0", b"0014command=ls-refs\n0000"),
        ("version=2", b"zzzz"),
        ("version=2", b"0009hello0000"),
        ("version=2", b"0010command=none0000"),
        ("version=2", b"0014command=ls-refs\n00010009hello0000"),
        ("version=2", b"0014command=ls-refs\n0001"),
    ] {
        let shown = format!("{version} {}", String::from_utf8_lossy(body));
        let server = server();
        let output = server.upload_pack(&fixture.repo, Protocol::from_header(version), Caller::Known, body);
        let error = output.await.expect_err(&shown);
        assert!(matches!(error, ServeError::BadRequest(_)), "{shown}: {error:?}");
    }
}

#[tokio::test]
async fn a_push_moves_its_refs_and_says_which() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    let client = Client::new(&fixture);
    let zero = Sha::zero();
    let commands = [
        (&first, &client.tip, "refs/heads/main"),
        (&zero, &client.tip, "refs/tags/v1"),
        (&client.tip, &first, "refs/heads/stale"),
    ];
    let mut body = head(&commands, CAPABILITIES);
    body.extend_from_slice(&client.pack);
    let (received, answer) = push(&server(), &fixture, body).await;
    assert!(received.error.is_none());
    let moved: Vec<_> = received
        .updates
        .iter()
        .map(|c| (&c.old, &c.new, c.ref_name.as_str()))
        .collect();
    assert_eq!(moved, commands[..2]);
    let (messages, report) = bands(&answer);
    assert!(messages.ends_with("see http://localhost/\n"), "{messages}");
    assert!(
        report.contains("ok refs/heads/main\n") && report.contains("ng refs/heads/stale"),
        "{report}"
    );
    assert_eq!(fixture.repo.branch("main").unwrap().unwrap().target, client.tip);
    assert!(fixture.repo.file(&client.tip, "new", 100).unwrap().is_some());
}

#[tokio::test]
async fn without_a_report_the_refs_themselves_tell_what_moved() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    fixture.repo.create_branch("same", &first).unwrap();
    let client = Client::new(&fixture);
    let zero = Sha::zero();
    let commands = [
        (&first, &client.tip, "refs/heads/main"),
        (&client.tip, &first, "refs/heads/stale"),
        (&first, &first, "refs/heads/same"),
        (&first, &zero, "refs/heads/missing"),
    ];
    let mut body = head(&commands, "object-format=sha1");
    body.extend_from_slice(&client.pack);
    let (received, answer) = push(&server(), &fixture, body).await;
    assert_eq!(received.updates.len(), 1);
    assert_eq!(received.updates[0].ref_name, "refs/heads/main");
    assert_eq!(answer, b"");
}

#[tokio::test]
async fn updates_that_lose_commits_are_refused_on_demand() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    let second = fixture.commit("main", &[("b", "1")], "second");
    let client = Client::new(&fixture);
    for fast_forward_only in [true, false] {
        let mut body = head(&[(&second, &first, "refs/heads/main")], CAPABILITIES);
        body.extend_from_slice(&client.pack);
        let mut request = PushRequest::read(&body[..]).await.unwrap();
        request.fast_forward_only = fast_forward_only;
        let (sender, _receiver) = tokio::sync::mpsc::channel(16);
        let received = server().receive_pack(&fixture.repo, request, sender).await.unwrap();
        assert_eq!(received.updates.is_empty(), fast_forward_only);
    }
}

#[tokio::test]
async fn deleting_what_is_not_there_is_no_change() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    fixture.repo.create_branch("old", &first).unwrap();
    let zero = Sha::zero();
    let commands = [(&first, &zero, "refs/heads/old"), (&first, &zero, "refs/heads/missing")];
    let (received, _) = push(&server(), &fixture, head(&commands, CAPABILITIES)).await;
    assert_eq!(received.updates.len(), 1);
    assert!(received.updates[0].deletes());
}

#[tokio::test]
async fn a_broken_or_oversized_pack_moves_nothing_and_says_so() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    let client = Client::new(&fixture);
    let start = head(&[(&first, &client.tip, "refs/heads/main")], CAPABILITIES);
    let mut damaged = client.pack.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    let small = Server::new(Limits {
        max_push: 100,
        ..Limits::default()
    });
    for (server, pack) in [
        (server(), &damaged[..]),
        (server(), &client.pack[..client.pack.len() - 1]),
        (server(), b"garbage"),
        (server(), b""),
        (small, &client.pack[..]),
    ] {
        let (received, answer) = push(&server, &fixture, [&start, pack].concat()).await;
        assert_eq!(received.updates, []);
        let (_, report) = bands(&answer);
        assert!(report.contains("ng refs/heads/main"), "{report}");
    }
    assert_eq!(fixture.repo.branch("main").unwrap().unwrap().target, first);
    assert_eq!(fixture.git(&["fsck"]), "");
}

#[tokio::test]
async fn objects_that_do_not_hold_together_are_refused() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    let client = Client::new(&fixture);
    // A pack without objects for a commit that we do not have.
    let empty =
        b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";
    let mut body = head(&[(&first, &client.tip, "refs/heads/main")], CAPABILITIES);
    body.extend_from_slice(empty);
    let (received, answer) = push(&server(), &fixture, body).await;
    assert_eq!(received.updates, []);
    assert!(bands(&answer).1.contains("ng refs/heads/main"));
}

#[tokio::test]
async fn refs_of_the_server_are_refused_before_git_sees_them() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    for name in [
        "refs/pipelines/1",
        "refs/replace/x",
        "refs/heads/--upload-pack=x",
        "refs/heads/a..b",
        "HEAD",
    ] {
        let body = head(&[(&Sha::zero(), &first, name)], CAPABILITIES);
        let request = PushRequest::read(&body[..]).await.unwrap();
        let refusal = request.faults().expect(name);
        let (sender, _receiver) = tokio::sync::mpsc::channel(1);
        let direct = server().receive_pack(&fixture.repo, request, sender).await;
        assert!(matches!(direct, Err(ServeError::BadRequest(_))));
        let request = PushRequest::read(&body[..]).await.unwrap();
        let (_, report) = bands(&request.refuse(&refusal).await.unwrap());
        assert!(report.contains(&format!("ng {name} ")), "{report}");
    }
}

#[tokio::test]
async fn a_refused_push_is_read_to_its_end() {
    let first = sha(&"1".repeat(40));
    let mut body = head(&[(&Sha::zero(), &first, "refs/heads/main")], CAPABILITIES);
    body.resize(3 << 20, b'x');
    let mut rest = &body[..];
    let request = PushRequest::read(&mut rest).await.unwrap();
    let refusal = Refusal {
        message: "No.".into(),
        refs: vec![("refs/heads/main".into(), "why".into())],
    };
    let (messages, report) = bands(&request.refuse(&refusal).await.unwrap());
    assert_eq!(
        (messages.as_str(), report.contains("ng refs/heads/main why")),
        ("No.\n", true)
    );
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn hooks_of_a_repository_do_not_run() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    let hooks = fixture.repo.git_dir().join("hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for name in [
        "pre-receive",
        "update",
        "post-receive",
        "reference-transaction",
        "post-update",
    ] {
        let hook = hooks.join(name);
        std::fs::write(&hook, "#!/bin/sh\ntouch \"$GIT_DIR/hook-ran\" ./hook-ran\nexit 1\n").unwrap();
        std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let body = head(
        &[
            (&first, &Sha::zero(), "refs/heads/gone"),
            (&Sha::zero(), &first, "refs/heads/x"),
        ],
        CAPABILITIES,
    );
    let client = Client::new(&fixture);
    let (received, _) = push(&server(), &fixture, [body, client.pack].concat()).await;
    assert_eq!(received.updates.len(), 1);
    assert!(!fixture.repo.git_dir().join("hook-ran").exists());
}

#[tokio::test]
async fn an_attached_repository_takes_no_push() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    let path = fixture.repositories.attach(fixture.repo.git_dir()).unwrap();
    let attached = fixture.repositories.open(git::Location::Attached(path)).unwrap();
    let refused = server()
        .advertise(&attached, Service::ReceivePack, None, Caller::Known)
        .await;
    assert!(matches!(refused, Err(ServeError::ReadOnly)));
    let body = head(&[(&first, &Sha::zero(), "refs/heads/main")], CAPABILITIES);
    let request = PushRequest::read(&body[..]).await.unwrap();
    let (sender, _receiver) = tokio::sync::mpsc::channel(1);
    let refused = server().receive_pack(&attached, request, sender).await;
    assert!(matches!(refused, Err(ServeError::ReadOnly)));
    assert!(
        server()
            .advertise(&attached, Service::UploadPack, None, Caller::Known)
            .await
            .is_ok()
    );
}

/// A body that stays open after its bytes, or breaks.
struct Stuck {
    bytes: Vec<u8>,
    breaks: bool,
}

impl AsyncRead for Stuck {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if !self.bytes.is_empty() {
            let length = buffer.remaining().min(self.bytes.len());
            buffer.put_slice(&self.bytes.drain(..length).collect::<Vec<_>>());
            return Poll::Ready(Ok(()));
        }
        match self.breaks {
            true => Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into())),
            false => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn a_client_that_breaks_off_or_hangs_pushes_nothing() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    let client = Client::new(&fixture);
    for breaks in [true, false] {
        let mut bytes = head(&[(&first, &client.tip, "refs/heads/main")], CAPABILITIES);
        bytes.extend_from_slice(&client.pack[..client.pack.len() - 5]);
        let server = Server::new(Limits {
            deadline: Duration::from_millis(300),
            ..Limits::default()
        });
        let request = PushRequest::read(Stuck { bytes, breaks }).await.unwrap();
        let (sender, _receiver) = tokio::sync::mpsc::channel(16);
        let received = server.receive_pack(&fixture.repo, request, sender).await.unwrap();
        assert_eq!(received.updates, []);
        match received.error {
            Some(ServeError::Disconnected(_)) => assert!(breaks),
            Some(ServeError::TimedOut) => assert!(!breaks),
            other => panic!("{other:?}"),
        }
        let quarantine = std::fs::read_dir(fixture.repo.git_dir().join("objects")).unwrap();
        let left: Vec<_> = quarantine.map(|e| e.unwrap().file_name()).collect();
        assert!(
            left.iter().all(|name| !name.to_str().unwrap().contains("incoming")),
            "{left:?}"
        );
    }
}

#[tokio::test]
async fn a_client_that_leaves_after_its_last_byte_has_pushed() {
    let fixture = Fixture::new();
    let first = fixture.commit("main", &[("a", "1")], "first");
    let client = Client::new(&fixture);
    let body = [
        head(&[(&first, &client.tip, "refs/heads/main")], CAPABILITIES),
        client.pack,
    ]
    .concat();
    let request = PushRequest::read(&body[..]).await.unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    drop(receiver);
    let received = server().receive_pack(&fixture.repo, request, sender).await.unwrap();
    assert_eq!(received.updates.len(), 1);
}

#[tokio::test]
async fn places_are_limited_and_given_back() {
    let fixture = Fixture::new();
    fixture.commit("main", &[("a", "1")], "first");
    let server = Server::new(Limits {
        uploads: 2,
        anonymous: 1,
        wait: Duration::from_millis(50),
        ..Limits::default()
    });
    let advertised = |caller| server.advertise(&fixture.repo, Service::UploadPack, None, caller);
    let first = advertised(Caller::Anonymous).await.unwrap();
    // Callers without a name leave places for the others.
    assert!(matches!(advertised(Caller::Anonymous).await, Err(ServeError::Busy)));
    let second = advertised(Caller::Known).await.unwrap();
    assert!(matches!(advertised(Caller::Known).await, Err(ServeError::Busy)));
    drop(first);
    assert!(advertised(Caller::Known).await.is_ok());
    assert!(advertised(Caller::Anonymous).await.is_ok());
    drop(second);
}

#[tokio::test]
async fn a_request_that_is_not_there_yet_takes_no_place() {
    let fixture = Fixture::new();
    fixture.commit("main", &[("a", "1")], "first");
    let server = Server::new(Limits {
        uploads: 1,
        wait: Duration::from_millis(50),
        ..Limits::default()
    });
    let stuck = Stuck {
        bytes: b"0032want".to_vec(),
        breaks: false,
    };
    let slow = server.upload_pack(&fixture.repo, None, Caller::Known, stuck);
    let mut slow = std::pin::pin!(slow);
    let other = async {
        for _ in 0..3 {
            let served = server.advertise(&fixture.repo, Service::UploadPack, None, Caller::Known);
            assert!(served.await.is_ok());
        }
    };
    tokio::select! {
        biased;
        _ = &mut slow => panic!("the request never ends"),
        () = other => {}
    }
}

#[tokio::test]
async fn a_request_over_the_limit_ends_the_fetch() {
    let fixture = Fixture::new();
    fixture.commit("main", &[("a", "1")], "first");
    let server = Server::new(Limits {
        max_request: 1000,
        ..Limits::default()
    });
    let body = b"0032want 1111111111111111111111111111111111111111\n".repeat(1000);
    let refused = server
        .upload_pack(&fixture.repo, None, Caller::Known, std::io::Cursor::new(body))
        .await;
    assert!(
        matches!(refused, Err(ServeError::TooLarge { limit: 1000 })),
        "{refused:?}"
    );
}
