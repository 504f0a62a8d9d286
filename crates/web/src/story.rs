//! A pipeline's story as text for a terminal: one line for each change of a job, and the lines that jobs print.

use std::collections::HashMap;

use app::ExternalUrl;
use app::live::{Snapshot, Told};
use bytes::Bytes;
use model::{Job, JobId, Status};

/// Longest line of a log that is held back until its end, in bytes; a longer one comes in pieces.
const MAX_LINE: usize = 16 << 10;

/// Characters that names of jobs get before their lines.
const NAME_WIDTH: usize = 12;

/// Writes the story down.
#[derive(Debug)]
pub(crate) struct Story {
    url: ExternalUrl,
    color: bool,
    /// Beginnings of lines whose ends have not come.
    open: HashMap<JobId, Vec<u8>>,
}

impl Story {
    /// A story without a word.
    pub(crate) fn new(url: ExternalUrl, color: bool) -> Story {
        Story {
            url,
            color,
            open: HashMap::new(),
        }
    }

    /// Returns the text of what is told next; possibly none.
    pub(crate) fn tell(&mut self, told: Told) -> Bytes {
        let mut text = String::new();
        match told {
            Told::Beginning(snapshot) => self.beginning(&mut text, &snapshot),
            Told::Job(job) => {
                if let Some(rest) = self.open.remove(&job.id) {
                    self.line(&mut text, &job.name, &rest);
                }
                self.job(&mut text, &job);
            }
            Told::Log { job, name, bytes } => self.log(&mut text, job, &name, &bytes),
            Told::End(snapshot) => self.end(&mut text, &snapshot),
            Told::Denied => text.push_str("this pipeline may not be followed any more\n"),
        }
        text.into()
    }

    fn beginning(&self, text: &mut String, snapshot: &Snapshot) {
        let pipeline = &snapshot.shown.pipeline;
        let page = format!(
            "{}/{}/-/pipelines/{}",
            self.url.base(),
            snapshot.shown.project.full_path,
            pipeline.id
        );
        text.push_str(&format!("pipeline {}: {page}\n", pipeline.id));
    }

    fn job(&self, text: &mut String, job: &Job) {
        let (mark, color) = look_of(job.status);
        let title = format!("{}: {}", job.stage, job.name);
        text.push_str(&format!(
            "{} {} {}",
            self.paint(mark, color),
            self.paint(&title, "1"),
            self.paint(job.status.as_str(), color)
        ));
        if job.status.is_completed()
            && let (Some(started), Some(finished)) = (job.started_at, job.finished_at)
        {
            text.push_str(&format!(" in {:.1} s", finished.since(started).as_secs_f64()));
        }
        if let Some(reason) = job.failure_reason.filter(|_| job.status == Status::Failed) {
            text.push_str(&format!(" ({reason})"));
        }
        text.push('\n');
    }

    /// Writes the lines that a log gained; the last one waits for its end.
    fn log(&mut self, text: &mut String, job: JobId, name: &str, bytes: &[u8]) {
        let mut line = self.open.remove(&job).unwrap_or_default();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || line.len() >= MAX_LINE {
                self.line(text, name, &line);
                line.clear();
            }
        }
        if !line.is_empty() {
            self.open.insert(job, line);
        }
    }

    fn line(&self, text: &mut String, name: &str, line: &[u8]) {
        let readable = readable(String::from_utf8_lossy(line).trim_end_matches('\n'), self.color);
        if !readable.trim().is_empty() {
            let name = self.paint(&format!("{name:>NAME_WIDTH$} |"), "2");
            text.push_str(&format!("  {name} {readable}\n"));
        }
    }

    fn end(&self, text: &mut String, snapshot: &Snapshot) {
        let pipeline = &snapshot.shown.pipeline;
        let (mark, color) = look_of(pipeline.status);
        let line = format!("{mark} pipeline {}: {}", pipeline.id, pipeline.status);
        text.push_str(&self.paint(&line, color));
        text.push('\n');
    }

    fn paint(&self, text: &str, color: &str) -> String {
        if self.color {
            format!("\x1b[{color}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The mark and the color of a status.
const fn look_of(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Success => ("✓", "32"),
        Status::Failed => ("✗", "31"),
        Status::Running => ("●", "34"),
        Status::Canceled | Status::Skipped => ("−", "2"),
        Status::Manual | Status::Scheduled => ("◦", "33"),
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
