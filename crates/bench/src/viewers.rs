//! Many people who watch one log: how soon each sees what is new, and what each costs the server.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::live::{percentile, print};
use crate::pages::browser::Browser;
use crate::player::{Player, register};
use crate::server::Server;

/// Viewers of the log.
const VIEWERS: usize = 1000;

/// Pieces that the log grows by, and the time between them.
const PIECES: usize = 40;
const BETWEEN: Duration = Duration::from_millis(250);

/// What a line that carries its moment begins with, in nanoseconds since 1970; the end keeps a cut number from counting.
const MARK: &[u8] = b"moment=";
const END: u8 = b';';

const ONE_JOB: &str = "work: {variables: {GIT_STRATEGY: none}, script: ['true']}\n";

/// Lets a log grow before many viewers and prints how they fare.
pub(crate) async fn run(binary: &Path) -> anyhow::Result<()> {
    let server = Server::start(binary, 0).await?;
    let (id, token) = server.project("viewers", ONE_JOB).await?;
    let trigger = format!("/api/v4/projects/{id}/trigger/pipeline");
    let call = json!({"token": token, "ref": "main"});
    server.call("POST", &trigger, Some(&call), 201).await?;
    let mut player = Player::connect(&server.address, &register(&server).await?, 0).await?;
    let job = player.ask().await?.context("no job")?;
    player.report(&job, "running").await?;
    let mut size = 0;
    let mut append = async |player: &mut Player, text: String| {
        player.trace(&job, size, text.as_bytes()).await?;
        size += text.len();
        anyhow::Ok(())
    };
    append(&mut player, "the log begins\n".repeat(20)).await?;

    let browser = Browser::sign_in(&server.address).await?;
    let request = format!(
        "GET /root/viewers/-/jobs/{}/log?after=0 HTTP/1.1\r\nHost: bench\r\nCookie: {}\r\nAccept: text/event-stream\r\n\r\n",
        job.id,
        browser.cookies()
    );
    let before = server.resident_mib()?;
    let (seen, mut times) = mpsc::unbounded_channel();
    let (ready, mut begun) = mpsc::channel(VIEWERS);
    let mut viewers = JoinSet::new();
    for _ in 0..VIEWERS {
        let stream = TcpStream::connect(&server.address).await?;
        viewers.spawn(watch(stream, request.clone(), ready.clone(), seen.clone()));
        // One after the other: all at once would not fit into the queue of new connections.
        begun.recv().await.context("a viewer ended")?;
    }
    let each = (server.resident_mib()? - before) * 1024.0 / 1000.0;

    let spent = server.processor_time()?;
    let started = Instant::now();
    for piece in 0..PIECES {
        let lines = format!("compiling number {piece} of many\n").repeat(9);
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        append(&mut player, format!("{lines}moment={now};\n")).await?;
        tokio::time::sleep_until((started + BETWEEN * u32::try_from(piece + 1)?).into()).await;
    }
    player.report(&job, "success").await?;
    drop((seen, ready));
    let mut delays = Vec::with_capacity(VIEWERS * PIECES);
    while let Some(delay) = times.recv().await {
        delays.push(delay);
    }
    while let Some(viewer) = viewers.join_next().await {
        viewer??;
    }
    anyhow::ensure!(
        delays.len() == VIEWERS * PIECES,
        "{} of {} lines were seen",
        delays.len(),
        VIEWERS * PIECES
    );
    let spent = (server.processor_time()? - spent).as_secs_f64() * 1e6 / f64::from(u32::try_from(delays.len())?);
    let (p50, p99) = (percentile(&delays, 0.5), percentile(&delays, 0.99));
    let what = format!("{VIEWERS} viewers of one log");
    print(&format!("{what}: memory each"), &format!("{each:.1} KiB"));
    print(
        &format!("{what}: appended → seen"),
        &format!("p50 {p50:.1} ms, p99 {p99:.1} ms"),
    );
    print(
        &format!("{what}: processor time for a piece and viewer"),
        &format!("{spent:.1} µs"),
    );
    Ok(())
}

/// Reads the stream to its end and says how late each moment was seen.
async fn watch(
    mut stream: TcpStream,
    request: String,
    ready: mpsc::Sender<()>,
    seen: mpsc::UnboundedSender<Duration>,
) -> anyhow::Result<()> {
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = Vec::new();
    let mut is_new = true;
    loop {
        let read = stream.read_buf(&mut buffer).await?;
        anyhow::ensure!(read > 0, "a stream ended without the job's end");
        if is_new && contains(&buffer, b"the log begins") {
            anyhow::ensure!(buffer.starts_with(b"HTTP/1.1 200"), "a stream was refused");
            is_new = false;
            ready.send(()).await?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        while let Some(at) = position(&buffer, MARK) {
            let rest = &buffer[at + MARK.len()..];
            let Some(end) = rest.iter().position(|byte| *byte == END) else {
                break;
            };
            let written = std::str::from_utf8(&rest[..end])?.parse()?;
            seen.send(now.saturating_sub(Duration::from_nanos(written)))?;
            buffer.drain(..at + MARK.len() + end);
        }
        if contains(&buffer, b"event: end") {
            return Ok(());
        }
    }
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    position(text, part).is_some()
}
