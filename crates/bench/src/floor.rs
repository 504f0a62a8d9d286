//! The floors: what the database, HTTP and the operating system alone can do on this machine, now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::post;
use store::{Options, Store};

use crate::load::{self, Measured, request};
use crate::rows;
use crate::server::fresh_folder;

/// An answer as long as that of a trigger call.
const ANSWER: &str = include_str!("answer.json");

/// Measures a bare HTTP endpoint that answers a trigger call with a constant.
pub(crate) async fn http(clients: usize, duration: Duration) -> anyhow::Result<Measured> {
    let answer = || async {
        (
            StatusCode::CREATED,
            [(header::CONTENT_TYPE, "application/json")],
            ANSWER,
        )
    };
    let router = Router::new().route("/api/v4/projects/{id}/trigger/pipeline", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let path = "/api/v4/projects/1/trigger/pipeline";
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let call: Arc<[u8]> = request("POST", path, &headers, b"token=x&ref=main&variables[GREETING]=hello").into();
    let measured = load::run(&address, call, 201, clients, duration).await;
    serving.abort();
    measured
}

/// Measures the bare store: how often a second the rows of a trigger call are inserted durably.
pub(crate) async fn store(clients: usize, duration: Duration) -> anyhow::Result<f64> {
    let folder = fresh_folder()?;
    let store = Store::open(&Options::sqlite(folder.join("floor.db")))?;
    let place = rows::prepare(&store).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (store, place, stop, count) = (store.clone(), place.clone(), Arc::clone(&stop), Arc::clone(&count));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    rows::insert(&store, &place).await?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(())
            })
        })
        .collect();
    tokio::time::sleep(duration).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    let elapsed = started.elapsed().as_secs_f64();
    drop(store);
    std::fs::remove_dir_all(&folder)?;
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 operations")]
    Ok(count.load(Ordering::Relaxed) as f64 / elapsed)
}

/// Returns the median time to start `sh` and see its first output.
pub(crate) fn spawn_shell(rounds: usize) -> anyhow::Result<Duration> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds.max(1) {
        let started = Instant::now();
        let output = std::process::Command::new("sh").args(["-c", "echo"]).output()?;
        anyhow::ensure!(output.status.success(), "`sh -c echo` failed");
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
