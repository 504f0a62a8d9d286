//! Logs that come in (runner-protocol 3).

use app::runners::logs::{Appended, append};
use model::Status;

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
