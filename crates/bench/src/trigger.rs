//! Durable triggers a second end to end, beside the bare store and a bare HTTP endpoint; start-up,
//! memory, and the time from the call to the first command of a job.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::compiling::synthetic;
use crate::floor;
use crate::live::percentile;
use crate::load::{self, Measured, request};
use crate::server::Server;

/// Length of one measured run.
const RUN: Duration = Duration::from_secs(4);

/// Runs of each figure; the median is printed.
const ROUNDS: usize = 3;

/// Pipelines after which memory is looked at again.
const MANY: i64 = 100_000;

/// Calls whose way to the first command is measured.
const FIRST_COMMANDS: usize = 40;

/// Jobs of a large configuration, each tenth of them twice by a matrix.
const THOUSAND: usize = 1000;

/// Large configurations that are measured.
const THOUSAND_ROUNDS: usize = 9;

/// Three jobs in three stages, as in most small projects.
const THREE_JOBS: &str = "
stages: [build, test, deploy]
build: {stage: build, script: [make]}
test: {stage: test, script: [make test]}
deploy: {stage: deploy, script: [make deploy], rules: [{if: '$CI_PIPELINE_SOURCE == \"trigger\"'}]}
";

/// One job whose log says when its first command ran, in nanoseconds since 1970.
const CLOCK_JOB: &str = "
clock:
  variables: {GIT_STRATEGY: none}
  script: [date +first-command=%s%N]
";

/// Measures everything and prints it.
pub(crate) async fn run(binary: &Path) -> anyhow::Result<()> {
    machine();
    let server = Server::start(binary, 0).await?;
    println!(
        "start-up                    {:>9.1} ms",
        server.start_up.as_secs_f64() * 1000.0
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("resident, idle              {:>9.1} MiB", server.resident_mib()?);
    let (id, token) = server.project("three", THREE_JOBS).await?;
    let path = format!("/api/v4/projects/{id}/trigger/pipeline");
    let body = format!("token={token}&ref=main&variables[GREETING]=hello");
    let call: Arc<[u8]> = request(
        "POST",
        &path,
        &[("Content-Type", "application/x-www-form-urlencoded")],
        body.as_bytes(),
    )
    .into();
    let mut rates = Vec::new();
    for clients in [1, 16, 64] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let http = floor::http(clients, RUN).await?;
            let store = floor::store(clients, RUN).await?;
            let before = server.processor_time()?;
            let measured = load::run(&server.address, Arc::clone(&call), 201, clients, RUN).await?;
            let spent = server.processor_time()? - before;
            rounds.push((measured, store, http, spent));
        }
        rounds.sort_by(|a, b| a.0.per_second.total_cmp(&b.0.per_second));
        let (measured, store, http, spent) = &rounds[rounds.len() / 2];
        print_round(clients, measured, *store, http.per_second, *spent);
        rates.push(measured.per_second);
    }
    println!("resident, after the runs    {:>9.1} MiB", server.resident_mib()?);
    fill(&server, &call, id).await?;
    thousand_jobs(&server).await?;
    drop(server);
    first_command(binary).await
}

fn print_round(clients: usize, measured: &Measured, store: f64, http: f64, spent: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
    let processor = spent.as_secs_f64() * 1e6 / measured.latencies.len().max(1) as f64;
    let ms = |share: f64| measured.percentile(share).as_secs_f64() * 1000.0;
    println!(
        "{clients:>3} clients: {:>8.0} triggers/s   p50 {:>6.2} ms   p99 {:>6.2} ms   bare store {store:>8.0}/s ({:.2})   bare HTTP {http:>8.0}/s ({:.2})   server's processor time {processor:.0} µs a call",
        measured.per_second,
        ms(0.5),
        ms(0.99),
        measured.per_second / store,
        measured.per_second / http,
    );
}

/// Goes on until the project has [`MANY`] pipelines, then looks at the memory.
async fn fill(server: &Server, call: &Arc<[u8]>, id: i64) -> anyhow::Result<()> {
    loop {
        let newest = server
            .call("GET", &format!("/api/v4/projects/{id}/pipelines?per_page=1"), None, 200)
            .await?;
        let iid = newest[0]["iid"].as_i64().context("a pipeline without iid")?;
        if iid >= MANY {
            break;
        }
        load::run(&server.address, Arc::clone(call), 201, 64, Duration::from_secs(2)).await?;
    }
    println!("resident, {MANY} pipelines {:>9.1} MiB", server.resident_mib()?);
    Ok(())
}

/// Measures pipelines of [`THOUSAND`] jobs: calls that read a configuration for the first time, and calls that know it.
async fn thousand_jobs(server: &Server) -> anyhow::Result<()> {
    let mut first = Vec::new();
    let mut later = Vec::new();
    for round in 0..THOUSAND_ROUNDS {
        let (id, token) = server
            .project(&format!("thousand-{round}"), &synthetic(THOUSAND))
            .await?;
        let path = format!("/api/v4/projects/{id}/trigger/pipeline?token={token}&ref=main");
        for known in [false, true, true] {
            let sent = Instant::now();
            server.call("POST", &path, None, 201).await?;
            let times = if known { &mut later } else { &mut first };
            times.push(sent.elapsed());
        }
    }
    first.sort_unstable();
    later.sort_unstable();
    let median = |times: &[Duration]| times[times.len() / 2].as_secs_f64() * 1000.0;
    println!(
        "a pipeline of {THOUSAND} jobs, compiled and stored: p50 {:.1} ms   of a configuration that is known: p50 {:.1} ms",
        median(&first),
        median(&later),
    );
    Ok(())
}

/// Measures the time from sending a trigger call to the job's first command, and to the moments at which the first
/// lines of its log have been read: the runner's, and the script's.
///
/// The call is answered with the pipeline's story, so that nobody asks again and again.
pub(crate) async fn first_command(binary: &Path) -> anyhow::Result<()> {
    let server = Server::start(binary, 2).await?;
    let (id, token) = server.project("clock", CLOCK_JOB).await?;
    let path = format!("/api/v4/projects/{id}/trigger/pipeline?token={token}&ref=main&follow=true");
    let call = request("POST", &path, &[], b"");
    let (mut ran, mut begun, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..FIRST_COMMANDS {
        let mut stream = TcpStream::connect(&server.address).await?;
        let sent = SystemTime::now().duration_since(UNIX_EPOCH)?;
        stream.write_all(&call).await?;
        let mut text = Vec::new();
        begun.push(seen(&mut stream, &mut text, b"Running with ", sent).await?);
        // The echo of the command has the format, its output has digits.
        read.push(seen(&mut stream, &mut text, b"first-command=1", sent).await?);
        seen(&mut stream, &mut text, b"Job succeeded", sent).await?;
        let text = String::from_utf8_lossy(&text);
        let output = text.rsplit("first-command=").next().context("no time in the log")?;
        let digits: String = output.chars().take_while(char::is_ascii_digit).collect();
        let first = Duration::from_nanos(digits.parse().context("no time in the log")?);
        ran.push(first.saturating_sub(sent));
    }
    let floor = floor::spawn_shell(FIRST_COMMANDS)?;
    for (what, times) in [
        ("call to first command", ran),
        ("call to first line of the log, read", begun),
        ("call to first line of the script, read", read),
    ] {
        println!(
            "{what}: p50 {:.1} ms   p99 {:.1} ms   floor (spawn `sh`) {:.1} ms",
            percentile(&times, 0.5),
            percentile(&times, 0.99),
            floor.as_secs_f64() * 1000.0,
        );
    }
    Ok(())
}

/// Reads until the text has come; returns the time since `sent`, a moment since 1970.
async fn seen(stream: &mut TcpStream, text: &mut Vec<u8>, wanted: &[u8], sent: Duration) -> anyhow::Result<Duration> {
    while !text.windows(wanted.len()).any(|window| window == wanted) {
        anyhow::ensure!(
            stream.read_buf(text).await? > 0,
            "the pipeline ended without `{}`: {}",
            String::from_utf8_lossy(wanted),
            String::from_utf8_lossy(text)
        );
    }
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.saturating_sub(sent))
}

/// Says what the figures are measured on.
pub(crate) fn machine() {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!("machine: {cores} cores, {}", name.trim_start_matches([' ', '\t', ':']));
}
