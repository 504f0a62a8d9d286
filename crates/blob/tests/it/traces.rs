//! Appending, reading, following.

use blob::{Append, Change, Progress, Traces};
use bytes::Bytes;
use model::JobId;

use crate::Folder;

const JOB: JobId = JobId(77);
const LIMIT: u64 = 100;

async fn text(traces: &Traces, job: JobId) -> String {
    let reader = traces.read(job, 0..u64::MAX).await.unwrap().unwrap();
    String::from_utf8(reader.read_all().await.unwrap()).unwrap()
}

#[tokio::test]
async fn bytes_are_stored_once_however_often_they_are_sent() {
    let folder = Folder::new();
    let traces = Traces::new(&folder.0).unwrap();
    for (offset, bytes, expected) in [
        (0, "hello", Append::Appended { size: 5 }),
        (0, "hello", Append::Appended { size: 5 }),
        (5, " ", Append::Appended { size: 6 }),
        (3, "lo wor", Append::Appended { size: 9 }),
        (10, "x", Append::Gap { size: 9 }),
        (9, "ld", Append::Appended { size: 11 }),
        (2, "ll", Append::Appended { size: 11 }),
        (11, "", Append::Appended { size: 11 }),
        (12, "", Append::Gap { size: 11 }),
        (u64::MAX, "x", Append::Gap { size: 11 }),
    ] {
        let appended = traces
            .append(JOB, offset, Bytes::from_static(bytes.as_bytes()), LIMIT)
            .await
            .unwrap();
        assert_eq!(appended, expected, "{offset} {bytes}");
    }
    assert_eq!(text(&traces, JOB).await, "hello world");
    assert_eq!(traces.size(JOB).await.unwrap(), Some(11));
}

#[tokio::test]
async fn a_trace_never_grows_over_its_limit() {
    let folder = Folder::new();
    let traces = Traces::new(&folder.0).unwrap();
    let append = |offset, length: usize| traces.append(JOB, offset, vec![b'x'; length].into(), LIMIT);
    assert_eq!(append(0, 101).await.unwrap(), Append::TooLarge { size: 0 });
    assert_eq!(append(0, 100).await.unwrap(), Append::Appended { size: 100 });
    assert_eq!(append(50, 50).await.unwrap(), Append::Appended { size: 100 });
    assert_eq!(append(50, 51).await.unwrap(), Append::TooLarge { size: 100 });
}

#[tokio::test]
async fn ranges_are_cut_to_what_is_there() {
    let folder = Folder::new();
    let traces = Traces::new(&folder.0).unwrap();
    let long: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
    traces.append(JOB, 0, long.clone().into(), u64::MAX).await.unwrap();
    for range in [
        0..10,
        999_990..2_000_000,
        5..5,
        300_000..700_000,
        0..u64::MAX,
        2_000_000..3_000_000,
    ] {
        let reader = traces.read(JOB, range.clone()).await.unwrap().unwrap();
        assert_eq!(reader.total(), 1_000_000);
        let expected = &long[(range.start.min(1_000_000) as usize)..(range.end.min(1_000_000) as usize)];
        assert_eq!(reader.read_all().await.unwrap(), expected, "{range:?}");
    }
}

/// Adds bytes at the end and returns what became of them and the size before.
async fn add(traces: &Traces, bytes: &'static [u8], complete: bool) -> (Append, u64) {
    let decide = move |size| Change {
        bytes: Bytes::from_static(bytes),
        complete,
        told: size,
    };
    traces.change(JOB, 10, decide).await.unwrap()
}

#[tokio::test]
async fn what_is_added_goes_to_the_end_as_far_as_it_fits() {
    let folder = Folder::new();
    let traces = Traces::new(&folder.0).unwrap();
    assert_eq!(add(&traces, b"", true).await, (Append::Appended { size: 0 }, 0));
    assert_eq!(folder.files(), 0, "nothing was added, so there is no trace");
    assert_eq!(add(&traces, b"12345", false).await, (Append::Appended { size: 5 }, 0));
    assert_eq!(add(&traces, b"678901", false).await, (Append::TooLarge { size: 5 }, 5));
    assert_eq!(add(&traces, b"67890", true).await, (Append::Appended { size: 10 }, 5));
    let all = traces.read(JOB, 0..100).await.unwrap().unwrap().read_all().await;
    assert_eq!(all.unwrap(), b"1234567890");
}

#[tokio::test]
async fn an_erased_trace_is_gone() {
    let folder = Folder::new();
    let traces = Traces::new(&folder.0).unwrap();
    add(&traces, b"123456789", true).await;
    assert!(traces.erase(JOB).await.unwrap());
    assert!(!traces.erase(JOB).await.unwrap());
    assert_eq!(traces.size(JOB).await.unwrap(), None);
    assert!(traces.read(JOB, 0..1).await.unwrap().is_none());
    assert_eq!(folder.files(), 0);
}

#[tokio::test]
async fn followers_are_woken_and_counted() {
    let folder = Folder::new();
    let traces = Traces::new(&folder.0).unwrap();
    assert!(!traces.is_watched(JOB));
    let mut watch = traces.watch(JOB);
    assert!(traces.is_watched(JOB) && !traces.is_watched(JobId(1)));
    let follower = tokio::spawn(async move {
        let mut seen = vec![];
        loop {
            let progress = watch.changed().await;
            seen.push(progress);
            if progress.finished {
                return seen;
            }
        }
    });
    traces.append(JOB, 0, Bytes::from_static(b"abc"), LIMIT).await.unwrap();
    traces
        .append(JobId(1), 0, Bytes::from_static(b"other"), LIMIT)
        .await
        .unwrap();
    add(&traces, b"", true).await;
    let seen = follower.await.unwrap();
    assert_eq!(
        seen.last(),
        Some(&Progress {
            size: 3,
            finished: true
        })
    );
    assert!(!traces.is_watched(JOB));
}

#[tokio::test]
async fn a_watch_registered_before_a_change_misses_nothing() {
    let folder = Folder::new();
    let traces = Traces::new(&folder.0).unwrap();
    let mut watch = traces.watch(JOB);
    traces.append(JOB, 0, Bytes::from_static(b"abc"), LIMIT).await.unwrap();
    assert_eq!(
        watch.changed().await,
        Progress {
            size: 3,
            finished: false
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_jobs_and_doubled_senders_do_not_disturb_each_other() {
    let folder = Folder::new();
    let traces = Traces::new(&folder.0).unwrap();
    let mut tasks = Vec::new();
    for number in 0..200 {
        for _ in 0..2 {
            let (traces, job) = (traces.clone(), JobId(number));
            tasks.push(tokio::spawn(async move {
                for chunk in 0..5u64 {
                    let line = format!("job {number:3} chunk {chunk}\n").into_bytes();
                    let offset = chunk * line.len() as u64;
                    // The other sender may be ahead, but never leaves a gap.
                    let done = traces.append(job, offset, line.into(), u64::MAX).await.unwrap();
                    assert!(matches!(done, Append::Appended { .. }));
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    for number in 0..200 {
        let expected: String = (0..5).map(|chunk| format!("job {number:3} chunk {chunk}\n")).collect();
        assert_eq!(text(&traces, JobId(number)).await, expected);
    }
}
