//! The server under test: the release binary in a folder of its own, on a free port.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value as Json;
use tokio::net::TcpStream;

use crate::load::{exchange, request};

/// The API token of `root` in the server under test.
const ROOT_TOKEN: &str = "glpat-benchmark-root-token";

/// The unit of times in `/proc/PID/stat`: the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// `HOST:PORT`.
    pub(crate) address: String,
    /// Time from the start of the process to the first answer of the readiness probe.
    pub(crate) start_up: Duration,
    folder: PathBuf,
}

impl Server {
    /// Starts the binary with an empty data folder and waits until it is ready.
    pub(crate) async fn start(binary: &Path, runner_concurrency: usize) -> anyhow::Result<Server> {
        let folder = fresh_folder()?;
        // The first start makes keys and a schema; a second one is what "ready within" means.
        let first = Server::spawn(binary, &folder, runner_concurrency).await?;
        first.stop()?;
        Server::spawn(binary, &folder, runner_concurrency).await
    }

    /// Stops the server, has something done to its data folder, and starts it again.
    pub(crate) async fn restarted<T, F: Future<Output = anyhow::Result<T>>>(
        self,
        binary: &Path,
        change: impl FnOnce(&Path) -> F,
    ) -> anyhow::Result<(Server, T)> {
        let folder = self.folder.clone();
        self.stop()?;
        let done = change(&folder.join("data")).await?;
        Ok((Server::spawn(binary, &folder, 0).await?, done))
    }

    /// Stops the server and starts it again with an embedded runner.
    pub(crate) async fn with_runner(self, binary: &Path, slots: usize) -> anyhow::Result<Server> {
        let folder = self.folder.clone();
        self.stop()?;
        Server::spawn(binary, &folder, slots).await
    }

    /// Returns the data folder.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    async fn spawn(binary: &Path, folder: &Path, runner_concurrency: usize) -> anyhow::Result<Server> {
        let address = free_address()?;
        let started = Instant::now();
        let child = Command::new(binary)
            .args(["serve", "--listen", &address, "--log", "warn"])
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["--runner-concurrency", &runner_concurrency.to_string()])
            // GitLab's limit refuses a thousand jobs in one plain file.
            .args(["--max-yaml-size-bytes", "16777216"])
            .env("TRIPLINE_ROOT_TOKEN", ROOT_TOKEN)
            .env("TRIPLINE_ROOT_PASSWORD", "benchmark-password")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start `{}`", binary.display()))?;
        let mut server = Server {
            child,
            address,
            start_up: Duration::ZERO,
            folder: folder.to_owned(),
        };
        server.wait_ready().await?;
        server.start_up = started.elapsed();
        Ok(server)
    }

    async fn wait_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("the server was not ready within 30 s");
            }
            match self.call("GET", "/-/readiness", None, 200).await {
                Ok(_) => return Ok(()),
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }

    fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.folder = PathBuf::new();
        Ok(())
    }

    /// Returns the resident memory of the server in MiB.
    pub(crate) fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("no VmRSS")?;
        let kib: f64 = line.split_whitespace().nth(1).context("no number in VmRSS")?.parse()?;
        Ok(kib / 1024.0)
    }

    /// Returns the processor time that the server has taken so far.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        processor_time(&self.child.id().to_string())
    }

    /// Returns the processor time that the server has taken so far, with that of threads that have ended, and that of
    /// its child processes: the keepers of the embedded runner and all that they have started and seen ending.
    pub(crate) fn whole_time(&self) -> anyhow::Result<(Duration, Duration)> {
        let own = self.child.id().to_string();
        let mut times = (Duration::ZERO, Duration::ZERO);
        for process in std::fs::read_dir("/proc")? {
            let Ok(text) = std::fs::read_to_string(process?.path().join("stat")) else {
                continue;
            };
            let Some((start, rest)) = text.rsplit_once(") ") else {
                continue;
            };
            let fields: Vec<&str> = rest.split(' ').collect();
            let ticks = |at: std::ops::Range<usize>| -> u64 {
                let fields = fields.get(at).unwrap_or_default();
                fields.iter().filter_map(|field| field.parse::<u64>().ok()).sum()
            };
            if start.split(' ').next() == Some(&own) {
                times.0 += TICK * u32::try_from(ticks(11..13))?;
            } else if fields.get(1) == Some(&own.as_str()) {
                times.1 += TICK * u32::try_from(ticks(11..15))?;
            }
        }
        Ok(times)
    }

    /// Calls the API as `root` and returns the JSON answer.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Json>,
        status: u16,
    ) -> anyhow::Result<Json> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let text = body.map(Json::to_string).unwrap_or_default();
        let headers = [("PRIVATE-TOKEN", ROOT_TOKEN), ("Content-Type", "application/json")];
        let bytes = request(method, path, &headers, text.as_bytes());
        let mut buffer = Vec::new();
        let start = exchange(&mut stream, &bytes, status, &mut buffer)
            .await
            .with_context(|| format!("{method} {path}"))?;
        Ok(serde_json::from_slice(&buffer[start..]).unwrap_or(Json::Null))
    }

    /// Returns the body of an answer as text.
    pub(crate) async fn text(&self, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let bytes = request("GET", path, &[("PRIVATE-TOKEN", ROOT_TOKEN)], b"");
        let mut buffer = Vec::new();
        let start = exchange(&mut stream, &bytes, 200, &mut buffer)
            .await
            .with_context(|| format!("GET {path}"))?;
        Ok(String::from_utf8_lossy(&buffer[start..]).into_owned())
    }

    /// Creates a project with this configuration and a trigger token; returns the id and the token.
    pub(crate) async fn project(&self, name: &str, configuration: &str) -> anyhow::Result<(i64, String)> {
        let body = serde_json::json!({"name": name, "initialize_with_readme": false});
        let project = self.call("POST", "/api/v4/projects", Some(&body), 201).await?;
        let id = project["id"].as_i64().context("a project without id")?;
        let file = serde_json::json!({"branch": "main", "content": configuration, "commit_message": "[skip ci] configuration"});
        let path = format!("/api/v4/projects/{id}/repository/files/.gitlab-ci.yml");
        self.call("POST", &path, Some(&file), 201).await?;
        let body = serde_json::json!({"description": "benchmark"});
        let trigger = self
            .call("POST", &format!("/api/v4/projects/{id}/triggers"), Some(&body), 201)
            .await?;
        let token = trigger["token"].as_str().context("a trigger without token")?.to_owned();
        Ok((id, token))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already, or about to: nothing to do about an error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.folder.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Returns the processor time that all threads of a process (`self` is this one) have taken so far, ended ones left out.
pub(crate) fn processor_time(process: &str) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        let spent = text.split_whitespace().next().context("an empty `schedstat`")?;
        nanoseconds += spent.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Makes an empty folder for one run on the disk of the working directory: a memory disk would flatter.
pub(crate) fn fresh_folder() -> anyhow::Result<PathBuf> {
    let base = std::env::current_dir()?.join("target/bench");
    let folder = base.join(format!("{}-{:x}", std::process::id(), rand_suffix()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn rand_suffix() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos())
}

fn free_address() -> anyhow::Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
