//! The load generator: a fixed number of clients, each with one keep-alive connection, each sending
//! its next request as soon as the last one is answered. Hand-written HTTP/1.1, so that it takes as
//! little of the shared cores as possible.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a run measured.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Requests answered in a second.
    pub(crate) per_second: f64,
    /// Latencies, sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Measured {
    /// Returns the latency that `share` (0 to 1) of the requests did not exceed.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index into the list"
        )]
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
        let index = (last as f64 * share).round() as usize;
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// Sends `request` again and again from `clients` connections for `duration`; every answer must have `status`.
///
/// All clients share one thread of their own: more would only take turns with the server for the cores.
pub(crate) async fn run(
    address: &str,
    request: Arc<[u8]>,
    status: u16,
    clients: usize,
    duration: Duration,
) -> anyhow::Result<Measured> {
    let address = address.to_owned();
    let load = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run_here(&address, request, status, clients, duration))
    };
    tokio::task::spawn_blocking(load).await?
}

async fn run_here(
    address: &str,
    request: Arc<[u8]>,
    status: u16,
    clients: usize,
    duration: Duration,
) -> anyhow::Result<Measured> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::with_capacity(clients);
    let started = Instant::now();
    for _ in 0..clients {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        tasks.push(tokio::spawn(client(
            stream,
            Arc::clone(&request),
            status,
            Arc::clone(&stop),
        )));
    }
    tokio::time::sleep(duration).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
    let per_second = latencies.len() as f64 / elapsed.as_secs_f64();
    Ok(Measured { per_second, latencies })
}

async fn client(
    mut stream: TcpStream,
    request: Arc<[u8]>,
    status: u16,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let mut buffer = Vec::with_capacity(16 << 10);
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        exchange(&mut stream, &request, status, &mut buffer).await?;
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}

/// Sends one request and reads its answer; leaves the body at the end of `buffer` and returns where it starts.
pub(crate) async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    status: u16,
    buffer: &mut Vec<u8>,
) -> anyhow::Result<usize> {
    stream.write_all(request).await?;
    buffer.clear();
    let (head_end, length) = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = std::str::from_utf8(&buffer[..end])?;
            if !head.starts_with(&format!("HTTP/1.1 {status}")) {
                bail!("expected status {status}, got: {}", String::from_utf8_lossy(buffer));
            }
            break (end + 4, content_length(head)?);
        }
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
    };
    while buffer.len() < head_end + length {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection inside an answer");
        }
    }
    Ok(head_end)
}

fn content_length(head: &str) -> anyhow::Result<usize> {
    for line in head.lines() {
        if let Some((name, value)) = line
            .split_once(':')
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            return value.trim().parse().with_context(|| format!("in the header {name}"));
        }
    }
    bail!("an answer without a length")
}

/// Returns the bytes of a request with a body.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
