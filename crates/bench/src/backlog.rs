//! Work that piles up: how fast played runners get it, how fast the embedded runner works it off, how fast logs come in,
//! and what the end of one job costs in a large pipeline.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::live::{percentile, print};
use crate::load::{self, request};
use crate::player::{Player, register};
use crate::server::Server;

/// Connections that ask for jobs at the same time.
const CLIENTS: usize = 16;

/// How long jobs are handed out.
const RUN: Duration = Duration::from_secs(4);

/// Jobs of the large pipeline.
const THOUSAND: usize = 1000;

/// Logs that grow at the same time, bytes of each, and bytes of a piece.
const LOGS: usize = 8;
const LOG_BYTES: usize = 32 << 20;
const PIECE: usize = 256 << 10;

/// Jobs for the embedded runner, with and without a checkout.
const WITHOUT_CHECKOUT: i64 = 4000;
const WITH_CHECKOUT: i64 = 400;

const ONE_JOB: &str = "work: {variables: {GIT_STRATEGY: none}, script: ['true']}\n";
const WITH_GIT: &str = "work: {script: ['true']}\n";

/// Jobs handed out a second: the request alone, and with start and end.
pub(crate) async fn handing_out(binary: &Path) -> anyhow::Result<()> {
    let server = Server::start(binary, 0).await?;
    let (id, token) = server.project("backlog", ONE_JOB).await?;
    let runner = register(&server).await?;
    for (what, whole) in [("jobs handed out", false), ("jobs handed out, started and ended", true)] {
        pile_up(&server, id, &token, 60_000).await?;
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let player = Player::connect(&server.address, &runner, number).await?;
            clients.push(tokio::spawn(take(player, whole)));
        }
        let (started, spent) = (Instant::now(), server.processor_time()?);
        let mut jobs = 0;
        for client in clients {
            jobs += client.await??;
        }
        let rate = f64::from(jobs) / started.elapsed().as_secs_f64();
        let spent = (server.processor_time()? - spent).as_secs_f64() * 1e6 / f64::from(jobs);
        print(
            &format!("{what}, {CLIENTS} runners"),
            &format!("{rate:.0} a second (processor time {spent:.0} µs a job)"),
        );
    }
    Ok(())
}

async fn take(mut player: Player, whole: bool) -> anyhow::Result<u32> {
    let (started, mut jobs) = (Instant::now(), 0);
    while started.elapsed() < RUN {
        let Some(job) = player.ask().await? else { continue };
        if whole {
            player.report(&job, "running").await?;
            player.report(&job, "success").await?;
        }
        jobs += 1;
    }
    Ok(jobs)
}

/// Triggers until the project has `count` pipelines more.
async fn pile_up(server: &Server, project: i64, token: &str, count: i64) -> anyhow::Result<()> {
    let path = format!("/api/v4/projects/{project}/trigger/pipeline?token={token}&ref=main");
    let call: Arc<[u8]> = request("POST", &path, &[], b"").into();
    let newest = || async {
        let path = format!("/api/v4/projects/{project}/pipelines?per_page=1");
        let newest = server.call("GET", &path, None, 200).await?;
        anyhow::Ok(newest[0]["iid"].as_i64().unwrap_or(0))
    };
    let wanted = newest().await? + count;
    while newest().await? < wanted {
        load::run(
            &server.address,
            Arc::clone(&call),
            201,
            CLIENTS,
            Duration::from_millis(200),
        )
        .await?;
    }
    Ok(())
}

/// Bytes of logs a second.
pub(crate) async fn logs(binary: &Path) -> anyhow::Result<()> {
    let server = Server::start(binary, 0).await?;
    let (id, token) = server.project("logs", ONE_JOB).await?;
    let runner = register(&server).await?;
    let path = format!("/api/v4/projects/{id}/trigger/pipeline?token={token}&ref=main");
    let line = b"2026-01-01T00:00:00.000000Z 01O compiling something with a name of usual length\n";
    let piece: Arc<Vec<u8>> = Arc::new(line.iter().copied().cycle().take(PIECE).collect());
    for logs in [1, LOGS] {
        let mut writers = Vec::new();
        for number in 0..logs {
            server.call("POST", &path, None, 201).await?;
            let mut player = Player::connect(&server.address, &runner, number).await?;
            let job = player.ask().await?.context("no job")?;
            player.report(&job, "running").await?;
            writers.push((player, job));
        }
        let started = Instant::now();
        let mut tasks = Vec::new();
        for (mut player, job) in writers {
            let piece = Arc::clone(&piece);
            tasks.push(tokio::spawn(async move {
                for start in (0..LOG_BYTES).step_by(PIECE) {
                    player.trace(&job, start, &piece).await?;
                }
                player.report(&job, "success").await
            }));
        }
        for task in tasks {
            task.await??;
        }
        let mib = f64::from(u32::try_from(logs * (LOG_BYTES >> 20))?);
        let rate = mib / started.elapsed().as_secs_f64();
        print(
            &format!("log of {logs} jobs, {} KiB a piece", PIECE >> 10),
            &format!("{rate:.0} MiB a second"),
        );
    }
    Ok(())
}

/// What the end of a job costs in a pipeline of a thousand.
pub(crate) async fn advance(binary: &Path) -> anyhow::Result<()> {
    let server = Server::start(binary, 0).await?;
    let mut text =
        "stages: [first, rest, last]\nfirst: {stage: first, script: [x]}\nlast: {stage: last, script: [x]}\n"
            .to_owned();
    for job in 2..THOUSAND {
        text.push_str(&format!("job{job}: {{stage: rest, script: [echo {job}]}}\n"));
    }
    let (id, token) = server.project("thousand", &text).await?;
    let path = format!("/api/v4/projects/{id}/trigger/pipeline?token={token}&ref=main");
    server.call("POST", &path, None, 201).await?;
    let mut player = Player::connect(&server.address, &register(&server).await?, 0).await?;
    let mut ends = Vec::new();
    for _ in 0..THOUSAND {
        let job = player.ask().await?.context("no job")?;
        player.report(&job, "running").await?;
        let sent = Instant::now();
        player.report(&job, "success").await?;
        ends.push(sent.elapsed());
    }
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let middle = &ends[1..THOUSAND - 2];
    print(
        "end of the job that 998 jobs wait for",
        &format!("{:.1} ms", ms(ends[0])),
    );
    let (p50, p99) = (percentile(middle, 0.5), percentile(middle, 0.99));
    print(
        "end of one of 998 jobs side by side",
        &format!("p50 {p50:.1} ms, p99 {p99:.1} ms"),
    );
    print(
        "end of the last of them, with what follows",
        &format!("{:.1} ms", ms(ends[THOUSAND - 2])),
    );
    Ok(())
}

/// A backlog of trivial jobs for the embedded runner: it is there before the runner starts.
pub(crate) async fn embedded(binary: &Path) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    for (what, config, jobs) in [
        ("without a checkout", ONE_JOB, WITHOUT_CHECKOUT),
        ("with a checkout", WITH_GIT, WITH_CHECKOUT),
    ] {
        for slots in [cores, cores * 4] {
            let server = Server::start(binary, 0).await?;
            let (id, token) = server.project("embedded", config).await?;
            pile_up(&server, id, &token, jobs).await?;
            let total = total(&server, id).await?;
            let started = Instant::now();
            let server = server.with_runner(binary, slots).await?;
            wait_for_all(&server, id, &token).await?;
            let elapsed = started.elapsed().as_secs_f64();
            let (own, of_children) = server.whole_time()?;
            let each = |time: Duration| time.as_secs_f64() * 1e6 / total;
            print(
                &format!("trivial jobs {what}, embedded runner with {slots} slots"),
                &format!(
                    "{:.0} a second (processor time of a job: server {:.0} µs, keeper and shell {:.0} µs)",
                    total / elapsed,
                    each(own),
                    each(of_children),
                ),
            );
        }
    }
    Ok(())
}

/// Waits until every job of the project has ended, without asking again and again.
async fn wait_for_all(server: &Server, project: i64, token: &str) -> anyhow::Result<()> {
    let newest = format!("/api/v4/projects/{project}/pipelines?per_page=1");
    loop {
        // They are handed out by age, so the newest ones are among the last to end.
        let newest = server.call("GET", &newest, None, 200).await?;
        let last = newest[0]["id"].as_i64().context("a pipeline without id")?;
        let path = format!("/api/v4/projects/{project}/trigger/pipelines/{last}?wait=true&token={token}");
        server.call("GET", &path, None, 200).await?;
        if unfinished(server).await? == 0 {
            return Ok(());
        }
        let scope = format!("/api/v4/projects/{project}/pipelines?per_page=1&scope=running");
        let running = server.call("GET", &scope, None, 200).await?;
        if let Some(other) = running[0]["id"].as_i64() {
            let path = format!("/api/v4/projects/{project}/trigger/pipelines/{other}?wait=true&token={token}");
            server.call("GET", &path, None, 200).await?;
        }
    }
}

async fn total(server: &Server, project: i64) -> anyhow::Result<f64> {
    let path = format!("/api/v4/projects/{project}/pipelines?per_page=1");
    let newest = server.call("GET", &path, None, 200).await?;
    newest[0]["iid"].as_f64().context("a pipeline without iid")
}

/// Jobs that have not ended.
async fn unfinished(server: &Server) -> anyhow::Result<i64> {
    let text = server.text("/-/metrics").await?;
    let counts = text.lines().filter(|line| line.starts_with("tripline_jobs{"));
    let count = |line: &str| line.rsplit(' ').next().and_then(|count| count.parse::<i64>().ok());
    Ok(counts.filter_map(count).sum())
}
