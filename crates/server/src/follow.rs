//! Follows a pipeline in the terminal: one line per change of a job, and the jobs' logs as they grow.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use hyper::Method;
use serde_json::Value as Json;

use crate::client::Client;

/// Pause between two looks at the pipeline.
const LOOK: Duration = Duration::from_millis(100);

/// How a pipeline ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It passed.
    Success,
    /// It failed, was canceled or skipped, or waits for a person.
    Other,
}

/// Follows a pipeline until nothing more happens by itself.
pub(crate) async fn follow(client: &Client, project: i64, pipeline: i64) -> anyhow::Result<Ending> {
    let mut screen = Screen::new();
    let path = format!("/projects/{project}/pipelines/{pipeline}");
    loop {
        // The pipeline first: when it is over, the jobs read after it are in their last state.
        let state = client.json(Method::GET, &path, None).await?;
        let jobs = client
            .json(Method::GET, &format!("{path}/jobs?per_page=100"), None)
            .await?;
        for job in jobs
            .as_array()
            .context("the server did not list the jobs")?
            .iter()
            .rev()
        {
            screen.look(client, project, job).await?;
        }
        let status = state["status"].as_str().unwrap_or_default();
        if matches!(
            status,
            "success" | "failed" | "canceled" | "skipped" | "manual" | "scheduled"
        ) {
            screen.ending(status, &state);
            return Ok(if status == "success" {
                Ending::Success
            } else {
                Ending::Other
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What was shown already.
struct Screen {
    colors: bool,
    jobs: HashMap<i64, Shown>,
}

#[derive(Default)]
struct Shown {
    status: String,
    log_bytes: usize,
}

impl Screen {
    fn new() -> Screen {
        Screen {
            colors: std::io::stdout().is_terminal(),
            jobs: HashMap::new(),
        }
    }

    async fn look(&mut self, client: &Client, project: i64, job: &Json) -> anyhow::Result<()> {
        let id = job["id"].as_i64().context("a job without id")?;
        let status = job["status"].as_str().unwrap_or_default();
        let name = job["name"].as_str().unwrap_or_default();
        let before = self.jobs.entry(id).or_default().status.clone();
        if before != status && status == "running" {
            self.job_line(job, status);
        }
        let over = matches!(status, "success" | "failed" | "canceled");
        if status == "running" || (over && before != status) {
            self.log(client, project, id, name, over).await?;
        }
        if before != status && status != "running" {
            self.job_line(job, status);
        }
        self.jobs.entry(id).or_default().status = status.to_owned();
        Ok(())
    }

    /// Prints the lines that the log gained; an unfinished last line waits until the job is over.
    async fn log(&mut self, client: &Client, project: i64, id: i64, name: &str, over: bool) -> anyhow::Result<()> {
        let answer = client
            .call(Method::GET, &format!("/projects/{project}/jobs/{id}/trace"), None)
            .await?;
        if !answer.status.is_success() {
            return Ok(());
        }
        let shown = self.jobs.entry(id).or_default();
        let new = answer.body.get(shown.log_bytes..).unwrap_or_default();
        let end = if over {
            new.len()
        } else {
            new.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
        };
        shown.log_bytes += end;
        for line in String::from_utf8_lossy(&new[..end]).lines() {
            let text = readable(line, self.colors);
            if !text.trim().is_empty() {
                say(&format!("  {} {text}", self.paint(&format!("{name:>12} |"), "2")));
            }
        }
        Ok(())
    }

    fn job_line(&self, job: &Json, status: &str) {
        let (mark, color) = look_of(status);
        let name = job["name"].as_str().unwrap_or_default();
        let stage = job["stage"].as_str().unwrap_or_default();
        let mut line = format!(
            "{} {}",
            self.paint(mark, color),
            self.paint(&format!("{stage}: {name}"), "1")
        );
        line.push_str(&format!(" {}", self.paint(status, color)));
        if let Some(seconds) = job["duration"].as_f64().filter(|_| status != "running") {
            line.push_str(&format!(" in {seconds:.1} s"));
        }
        if let Some(reason) = job["failure_reason"].as_str() {
            line.push_str(&format!(" ({reason})"));
        }
        say(&line);
    }

    fn ending(&self, status: &str, pipeline: &Json) {
        let (mark, color) = look_of(status);
        let id = pipeline["id"].as_i64().unwrap_or_default();
        say(&self.paint(&format!("{mark} pipeline {id}: {status}"), color));
    }

    fn paint(&self, text: &str, color: &str) -> String {
        if self.colors {
            format!("\x1b[{color}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Prints a line at once; a closed output is no reason to stop following.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The mark and the color of a status.
fn look_of(status: &str) -> (&'static str, &'static str) {
    match status {
        "success" => ("✓", "32"),
        "failed" => ("✗", "31"),
        "running" => ("●", "34"),
        "canceled" | "skipped" => ("−", "2"),
        "manual" | "scheduled" => ("◦", "33"),
        _ => ("·", "2"),
    }
}

/// Takes section markers out of a line of a log, and colors where they cannot be shown.
fn readable(line: &str, colors: bool) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        if rest.starts_with("section_start:") || rest.starts_with("section_end:") {
            rest = rest.find('\r').map_or("", |at| &rest[at + 1..]);
        } else if let Some(sequence) = rest.strip_prefix("\x1b[") {
            let end = sequence
                .find(|c: char| c.is_ascii_alphabetic())
                .unwrap_or(sequence.len().saturating_sub(1));
            let (codes, tail) = sequence.split_at(end.min(sequence.len()));
            let kind = tail.chars().next();
            if colors && kind == Some('m') {
                out.push_str(&format!("\x1b[{codes}m"));
            }
            rest = tail.get(kind.map_or(0, char::len_utf8)..).unwrap_or_default();
        } else {
            let c = rest.chars().next().unwrap_or_default();
            if c == '\t' || !c.is_control() {
                out.push(c);
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_readable_without_markers_and_colors() {
        for (line, colors, expected) in [
            ("plain", false, "plain"),
            (
                "section_start:17:get\r\x1b[0K\x1b[36;1mGetting\x1b[0;m",
                false,
                "Getting",
            ),
            (
                "section_start:17:get\r\x1b[0K\x1b[36;1mGetting\x1b[0;m",
                true,
                "\x1b[36;1mGetting\x1b[0;m",
            ),
            ("section_end:17:get\r\x1b[0K", false, ""),
            ("a\x1b]0;title\x07b", false, "a]0;titleb"),
            ("\x1b[", false, ""),
            ("\x1b[1", false, ""),
        ] {
            assert_eq!(readable(line, colors), expected, "{line:?}");
        }
    }
}
