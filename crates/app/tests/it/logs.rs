//! Logs that come in (runner-protocol 3).

use app::runners::logs::{Appended, MAX_LOG_BYTES, append};
use app::runners::report::{self, Answer, LastWords, Report};
use model::{FailureReason, Status};

use crate::place::Place;

fn stored(appended: Appended) -> Option<u64> {
    match appended {
        Appended::Stored { size, .. } => Some(size),
        _ => None,
    }
}

#[tokio::test]
async fn bytes_are_taken_in_order_and_repeats_do_no_harm() {
    let place = Place::new("a: {script: x}\n").await;
    let (player, _) = (place.player().await, place.pipeline().await);
    let a = place.take(&player).await;
    let send = async |start, text: &'static str| {
        append(&place.app, a.job.id, &a.token, start, text.into())
            .await
            .unwrap()
    };
    assert_eq!(stored(send(0, "one ").await), Some(4));
    assert_eq!(stored(send(0, "one ").await), Some(4));
    assert_eq!(stored(send(2, "e two ").await), Some(8));
    assert_eq!(
        send(9, "gap").await,
        Appended::Gap {
            size: 8,
            status: Status::Running
        }
    );
    place.report(&a, "success").await;
    assert_eq!(send(8, "late").await, Appended::Forbidden(Some(Status::Success)));
    let log = place
        .app
        .blobs
        .traces
        .read(a.job.id, 0..100)
        .await
        .unwrap()
        .unwrap()
        .read_all()
        .await
        .unwrap();
    assert_eq!(log, b"one two ");
    place.close().await;
}

#[tokio::test]
async fn the_end_of_a_log_may_come_with_the_end_of_its_job() {
    let place = Place::new("a: {script: x}\n").await;
    let (player, _) = (place.player().await, place.pipeline().await);
    let a = place.take(&player).await;
    append(&place.app, a.job.id, &a.token, 0, "one ".into()).await.unwrap();
    let end = async |start, text: String| {
        let log = LastWords {
            start,
            bytes: text.into(),
        };
        let success = Report::of_words("success", None, None).unwrap();
        let ended = report::report(&place.app, a.job.id, &a.token, success, Some(log)).await;
        ended.unwrap()
    };
    assert_eq!(
        end(5, "gap".to_owned()).await,
        Answer::Incomplete(Status::Running),
        "the job goes on until its log is whole"
    );
    let words = format!("e two {} three", a.token);
    assert_eq!(end(2, words.clone()).await, Answer::Noted(Status::Success));
    assert_eq!(end(2, words.clone()).await, Answer::Forbidden(Some(Status::Success)));
    let log = place.app.blobs.traces.read(a.job.id, 0..1000).await.unwrap().unwrap();
    let log = String::from_utf8(log.read_all().await.unwrap()).unwrap();
    assert!(log.starts_with("one two [MASKED]x") && log.ends_with(" three"), "{log}");
    assert_eq!(log.len(), 2 + words.len());
    place.close().await;
}

#[tokio::test]
async fn a_secret_is_hidden_although_it_comes_in_pieces_and_nothing_is_lost_at_the_end() {
    let place = Place::new("a: {script: x}\n").await;
    let (player, _) = (place.player().await, place.pipeline().await);
    let a = place.take(&player).await;
    let text = format!("token {} and the beginning of one: {}", a.token, &a.token[..9]);
    let mut sent = 0;
    for piece in text.as_bytes().chunks(7) {
        let size = stored(
            append(&place.app, a.job.id, &a.token, sent, piece.to_vec().into())
                .await
                .unwrap(),
        );
        sent += piece.len() as u64;
        assert_eq!(size, Some(sent));
    }
    place.report(&a, "success").await;
    let log = place
        .app
        .blobs
        .traces
        .read(a.job.id, 0..10_000)
        .await
        .unwrap()
        .unwrap()
        .read_all()
        .await
        .unwrap();
    let log = String::from_utf8(log).unwrap();
    assert_eq!(log.len(), text.len());
    assert!(
        log.starts_with("token [MASKED]xxx") && log.ends_with(&a.token[..9]),
        "{log}"
    );
    assert!(!log.contains(&a.token));
    place.close().await;
}

#[tokio::test]
async fn the_first_bytes_of_a_log_acknowledge_the_job() {
    let place = Place::new("a: {script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    let a = place.ask(&player).await.unwrap();
    assert_eq!(place.state(id).await, "pending | a=pending");
    append(&place.app, a.job.id, &a.token, 0, "hello".into()).await.unwrap();
    assert_eq!(place.state(id).await, "running | a=running");
    place.close().await;
}

#[tokio::test]
async fn coverage_is_found_in_the_log() {
    let place = Place::new("a: {script: x, coverage: '/Total: (\\d+\\.\\d+)%/'}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    let a = place.take(&player).await;
    append(
        &place.app,
        a.job.id,
        &a.token,
        0,
        "Total: 80.5%\nTotal: 90.25%\nbye\n".into(),
    )
    .await
    .unwrap();
    place.report(&a, "success").await;
    assert_eq!(place.job(id, "a").await.coverage, Some(90.25));
    place.close().await;
}

#[tokio::test]
async fn a_log_that_never_ends_ends_its_job() {
    let place = Place::new("a: {script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    let a = place.take(&player).await;
    let send = async |start: u64, text: Vec<u8>| {
        append(&place.app, a.job.id, &a.token, start, text.into())
            .await
            .unwrap()
    };
    // What has come so far, without sending all of it.
    let most = usize::try_from(MAX_LOG_BYTES).unwrap();
    let so_far = vec![b'.'; most - 10];
    let stored_so_far = place
        .app
        .blobs
        .traces
        .append(a.job.id, 0, so_far.into(), u64::MAX)
        .await;
    stored_so_far.unwrap();
    let from = MAX_LOG_BYTES - 10;
    assert_eq!(stored(send(from, b"0123456789".to_vec()).await), Some(MAX_LOG_BYTES));
    assert_eq!(
        send(MAX_LOG_BYTES, b"!".to_vec()).await,
        Appended::Forbidden(Some(Status::Failed))
    );
    let job = place.attempts(id).await.remove(0);
    assert_eq!(
        (job.status, job.failure_reason),
        (Status::Failed, Some(FailureReason::TraceSizeExceeded))
    );
    assert_eq!(
        place.app.blobs.traces.size(job.id).await.unwrap(),
        Some(MAX_LOG_BYTES),
        "what came is kept"
    );
    // Nothing more is taken from it, whatever it sends.
    assert_eq!(send(0, b"x".to_vec()).await, Appended::Forbidden(Some(Status::Failed)));
    assert_eq!(
        place.report(&a, "success").await,
        Answer::Forbidden(Some(Status::Failed))
    );
    place.close().await;
}
