//! A runner that executes nothing: it asks for jobs, takes them and says that they succeeded, over one connection.

use anyhow::{Context, bail};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::request;
use crate::server::Server;

/// A registered runner with a connection of its own.
pub(crate) struct Player {
    stream: TcpStream,
    token: String,
    system_id: String,
    last_update: Option<String>,
    buffer: Vec<u8>,
}

/// A job that a player was given.
pub(crate) struct Given {
    pub(crate) id: i64,
    pub(crate) token: String,
}

/// Registers a runner for all projects and returns its token.
pub(crate) async fn register(server: &Server) -> anyhow::Result<String> {
    let new = json!({ "runner_type": "instance_type" });
    let created = server.call("POST", "/api/v4/user/runners", Some(&new), 201).await?;
    Ok(created["token"].as_str().context("a runner without token")?.to_owned())
}

impl Player {
    /// Connects a process of a runner.
    pub(crate) async fn connect(address: &str, token: &str, number: usize) -> anyhow::Result<Player> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connection {number} to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Player {
            stream,
            token: token.to_owned(),
            system_id: format!("s_bench{number:07}"),
            last_update: None,
            buffer: Vec::new(),
        })
    }

    /// Asks once for a job. Once it knows the state of the queue, the server may hold the request.
    pub(crate) async fn ask(&mut self) -> anyhow::Result<Option<Given>> {
        let mut body = json!({
            "token": self.token,
            "system_id": self.system_id,
            "info": { "name": "bench", "features": { "two_phase_job_commit": true, "cancel_gracefully": true } },
        });
        if let Some(seen) = &self.last_update {
            body["last_update"] = json!(seen);
        }
        let (status, head_end) = self
            .call("POST", "/api/v4/jobs/request", &[], body.to_string().as_bytes())
            .await?;
        if let Some(seen) = header(&self.buffer[..head_end], "x-gitlab-last-update") {
            self.last_update = Some(seen.to_owned());
        }
        match status {
            201 => {
                let job: Json = serde_json::from_slice(&self.buffer[head_end..])?;
                Ok(Some(Given {
                    id: job["id"].as_i64().context("a job without id")?,
                    token: job["token"].as_str().context("a job without token")?.to_owned(),
                }))
            }
            204 | 409 => Ok(None),
            other => bail!("a request for a job was answered with {other}"),
        }
    }

    /// Reports a state of a job.
    pub(crate) async fn report(&mut self, job: &Given, state: &str) -> anyhow::Result<()> {
        let body = json!({ "token": job.token, "state": state }).to_string();
        let path = format!("/api/v4/jobs/{}", job.id);
        let (status, _) = self.call("PUT", &path, &[], body.as_bytes()).await?;
        anyhow::ensure!(status == 200, "{state} of job {} was answered with {status}", job.id);
        Ok(())
    }

    /// Appends to a job's log.
    pub(crate) async fn trace(&mut self, job: &Given, start: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let range = format!("{start}-{}", start + bytes.len() - 1);
        let headers = [
            ("JOB-TOKEN", job.token.as_str()),
            ("Content-Range", &range),
            ("Content-Type", "text/plain"),
        ];
        let path = format!("/api/v4/jobs/{}/trace", job.id);
        let (status, _) = self.call("PATCH", &path, &headers, bytes).await?;
        anyhow::ensure!(status == 202, "a piece of a log was answered with {status}");
        Ok(())
    }

    /// Sends a request; returns the status and where the body starts in the buffer.
    async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<(u16, usize)> {
        let json = [("Content-Type", "application/json")];
        let bytes = request(method, path, if headers.is_empty() { &json } else { headers }, body);
        self.stream.write_all(&bytes).await?;
        self.buffer.clear();
        let head_end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await?;
        };
        let head = std::str::from_utf8(&self.buffer[..head_end])?;
        let status = head.get(9..12).context("no status")?.parse()?;
        let length: usize = match header(head.as_bytes(), "content-length") {
            Some(length) => length.parse()?,
            None => 0,
        };
        while self.buffer.len() < head_end + length {
            self.read().await?;
        }
        Ok((status, head_end))
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.stream.read_buf(&mut self.buffer).await? > 0,
            "the server closed the connection"
        );
        Ok(())
    }
}

/// Returns the value of a header.
fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let lines = std::str::from_utf8(head).ok()?.lines();
    let mut pairs = lines.filter_map(|line| line.split_once(':'));
    pairs
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}
