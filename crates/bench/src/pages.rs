//! What a reader waits for: every page of a project with 100,000 pipelines, from the request to its last byte, and the
//! bytes that came over the wire.
//!
//! The rows are inserted without the server, which then starts on them. Requests go one after the other over one
//! connection, as those of a reader do, signed in and with compression; the floor is `/-/health` in the same way.

pub(crate) mod browser;
mod filling;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use crate::server::Server;
use browser::Browser;

/// Pipelines of the project.
pub(crate) const PIPELINES: usize = 100_000;

/// Requests of each page that are measured; as many as a tenth of them come before, unmeasured.
const REQUESTS: usize = 200;

/// A pipeline as people have them; nobody runs it.
const CONFIG: &str = "stages: [build, test, deploy]\n\
    compile: {stage: build, script: make}\n\
    unit: {stage: test, needs: [compile], parallel: 4, script: make test}\n\
    lint: {stage: test, needs: [], script: make lint, allow_failure: true}\n\
    release: {stage: deploy, script: make release, when: manual}\n";

/// Bytes of the log whose page is measured.
const LOG: usize = 100 << 20;

/// Fills a server, measures its pages and prints them.
pub(crate) async fn run(binary: &Path) -> anyhow::Result<()> {
    let server = Server::start(binary, 0).await?;
    let (project, token) = server.project("pages", CONFIG).await?;
    let call = json!({"token": token, "ref": "main", "variables": {"ORDER": "8841"}});
    let trigger = format!("/api/v4/projects/{project}/trigger/pipeline");
    let pipeline = server.call("POST", &trigger, Some(&call), 201).await?;
    eprintln!("inserting {PIPELINES} pipelines …");
    let (server, filled) = server
        .restarted(binary, |data| {
            let data = data.to_owned();
            async move { filling::fill(&data, project, PIPELINES).await }
        })
        .await?;
    let job = long_log(&server, project).await?;
    let mut browser = Browser::sign_in(&server.address).await?;
    let (pipeline, path) = (&pipeline["id"], "/root/pages");
    let pages = [
        ("floor: `/-/health`", "/-/health".to_owned()),
        ("projects", "/".to_owned()),
        ("project", path.to_owned()),
        ("pipelines", format!("{path}/-/pipelines")),
        ("… in the middle", format!("{path}/-/pipelines?below={}", PIPELINES / 2)),
        ("… by status", format!("{path}/-/pipelines?status=failed")),
        ("… by ref", format!("{path}/-/pipelines?ref=feature-7")),
        ("… by source", format!("{path}/-/pipelines?source=schedule")),
        ("… by user", format!("{path}/-/pipelines?username=root")),
        (
            "… by token (1 in 1,000)",
            format!("{path}/-/pipelines?token={}", filled.rare_token),
        ),
        ("… by name", format!("{path}/-/pipelines?search=Nightly%20777")),
        ("pipeline", format!("{path}/-/pipelines/{pipeline}")),
        ("why", format!("{path}/-/pipelines/{pipeline}/why")),
        ("run pipeline", format!("{path}/-/pipelines/new")),
        ("jobs", format!("{path}/-/jobs")),
        ("… failed", format!("{path}/-/jobs?scope=failed")),
        ("job, log of 100 MiB", format!("{path}/-/jobs/{job}")),
        ("… its first page", format!("{path}/-/jobs/{job}?page=1")),
        ("schedules", format!("{path}/-/pipeline_schedules")),
        ("editor", format!("{path}/-/ci/lint")),
        ("members", format!("{path}/-/project_members")),
        ("trigger tokens", format!("{path}/-/settings/ci_cd")),
        ("variables", format!("{path}/-/settings/ci_cd/variables")),
        ("runners", format!("{path}/-/settings/ci_cd/runners")),
        ("job token access", format!("{path}/-/settings/ci_cd/token_access")),
        ("webhooks", format!("{path}/-/hooks")),
        ("environments", format!("{path}/-/environments")),
        ("inbound webhooks", format!("{path}/-/inbound_hooks")),
        ("protected refs", format!("{path}/-/settings/repository")),
        ("general settings", format!("{path}/-/edit")),
        ("profile", "/-/user_settings/profile".to_owned()),
        ("administration", "/admin".to_owned()),
        ("users", "/admin/users".to_owned()),
        ("queue", "/admin/queue".to_owned()),
        ("storage", "/admin/storage".to_owned()),
    ];
    println!("| page | p50 | p95 | first | over the wire |\n|---|---:|---:|---:|---:|");
    for (name, path) in &pages {
        let page = measure(&mut browser, path)
            .await
            .with_context(|| format!("the page {path}"))?;
        println!(
            "| {name} | {} | {} | {} | {:.1} kB |",
            milliseconds(page.at(50)),
            milliseconds(page.at(95)),
            milliseconds(page.first),
            page.bytes as f64 / 1000.0
        );
    }
    println!("\nmemory of the server: {:.0} MiB", server.resident_mib()?);
    Ok(())
}

/// Gives a job a log; returns the job.
async fn long_log(server: &Server, project: i64) -> anyhow::Result<i64> {
    let jobs = server
        .call(
            "GET",
            &format!("/api/v4/projects/{project}/jobs?scope=pending"),
            None,
            200,
        )
        .await?;
    let job = jobs[0]["id"].as_i64().context("a job that waits")?;
    let blobs = server.data_dir().join("blobs");
    filling::write_log(&blobs, job, LOG).await?;
    Ok(job)
}

/// Times of one page.
struct Page {
    /// Sorted.
    times: Vec<Duration>,
    /// The first request of all.
    first: Duration,
    /// Bytes of the body as they came.
    bytes: usize,
}

impl Page {
    fn at(&self, percent: usize) -> Duration {
        let last = self.times.len().saturating_sub(1);
        self.times.get(last * percent / 100).copied().unwrap_or_default()
    }
}

async fn measure(browser: &mut Browser, path: &str) -> anyhow::Result<Page> {
    let (first, bytes) = browser.get(path).await?;
    for _ in 0..REQUESTS / 10 {
        browser.get(path).await?;
    }
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        times.push(browser.get(path).await?.0);
    }
    times.sort_unstable();
    Ok(Page { times, first, bytes })
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}
