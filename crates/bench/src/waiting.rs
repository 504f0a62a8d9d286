//! Runners that wait in long poll: what each costs the server, and how soon one of them has a job that became pending.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::live::{percentile, print};
use crate::player::{Player, register};
use crate::server::Server;

/// Jobs that are triggered while the runners wait, one after the other.
const JOBS: usize = 200;

/// Connections that are opened at the same time.
const AT_ONCE: usize = 64;

/// A job for which nothing is to be done.
const ONE_JOB: &str = "work: {variables: {GIT_STRATEGY: none}, script: ['true']}\n";

/// Measures with this many waiting runners.
pub(crate) async fn run(binary: &Path, runners: usize) -> anyhow::Result<()> {
    let server = Server::start(binary, 0).await?;
    let (id, token) = server.project("waiting", ONE_JOB).await?;
    let before = server.resident_mib()?;
    let (taken, mut arrivals) = mpsc::channel(JOBS);
    let mut tasks = JoinSet::new();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let tokens = register_all(&server, runners).await?;
    for (number, token) in tokens.into_iter().enumerate() {
        let (address, places) = (server.address.clone(), Arc::clone(&places));
        tasks.spawn(serve(address, token, number, places, taken.clone()));
    }
    drop(taken);
    // All requests are held when the server has nothing to do any more.
    settle(&server).await?;
    let each = (server.resident_mib()? - before) * 1024.0 / f64::from(u32::try_from(runners)?);
    let path = format!("/api/v4/projects/{id}/trigger/pipeline?token={token}&ref=main");
    let (mut from_call, mut from_answer) = (Vec::new(), Vec::new());
    let spent = server.processor_time()?;
    for _ in 0..JOBS {
        let called = Instant::now();
        server.call("POST", &path, None, 201).await?;
        let answered = Instant::now();
        let taken: Instant = tokio::select! {
            taken = arrivals.recv() => taken.context("no runner is left")?,
            ended = tasks.join_next() => anyhow::bail!("a runner ended: {ended:?}"),
        };
        from_call.push(taken - called);
        // The runner may have it before the caller has the answer.
        from_answer.push(taken.saturating_duration_since(answered));
    }
    let spent = (server.processor_time()? - spent).as_secs_f64() * 1e6 / f64::from(u32::try_from(JOBS)?);
    print(
        &format!("{runners} runners waiting: memory each"),
        &format!("{each:.1} KiB"),
    );
    for (what, times) in [
        ("trigger call → runner has the job", from_call),
        ("pending → handed out", from_answer),
    ] {
        let (p50, p99) = (percentile(&times, 0.5), percentile(&times, 0.99));
        print(
            &format!("{runners} runners waiting: {what}"),
            &format!("p50 {p50:.2} ms, p99 {p99:.2} ms"),
        );
    }
    print(
        &format!("{runners} runners waiting: processor time a job"),
        &format!("{spent:.0} µs"),
    );
    Ok(())
}

/// Registers the runners, some at a time, and returns their tokens.
async fn register_all(server: &Server, runners: usize) -> anyhow::Result<Vec<String>> {
    let mut tokens = Vec::with_capacity(runners);
    while tokens.len() < runners {
        let count = (runners - tokens.len()).min(4);
        let calls = (register(server), register(server), register(server), register(server));
        let four = tokio::try_join!(calls.0, calls.1, calls.2, calls.3)?;
        tokens.extend([four.0, four.1, four.2, four.3].into_iter().take(count));
    }
    Ok(tokens)
}

/// Waits for jobs, says when each came, and ends it well.
async fn serve(
    address: String,
    token: String,
    number: usize,
    places: Arc<Semaphore>,
    taken: mpsc::Sender<Instant>,
) -> anyhow::Result<()> {
    let mut player = {
        let _place = places.acquire().await?;
        let mut player = Player::connect(&address, &token, number).await?;
        anyhow::ensure!(player.ask().await?.is_none(), "a job came too early");
        player
    };
    loop {
        let Some(job) = player.ask().await? else { continue };
        taken.send(Instant::now()).await?;
        player.report(&job, "running").await?;
        player.report(&job, "success").await?;
    }
}

/// Waits until the server is idle.
async fn settle(server: &Server) -> anyhow::Result<()> {
    const LOOK: Duration = Duration::from_millis(500);
    let mut before = server.processor_time()?;
    for _ in 0..40 {
        tokio::time::sleep(LOOK).await;
        let now = server.processor_time()?;
        if now - before < LOOK / 50 {
            return Ok(());
        }
        before = now;
    }
    anyhow::bail!("the server does not come to rest while runners wait");
}
