//! A job's log by lines: pages of it, its growth, and where a text is found. A log of 100 MB is never read into memory.
//!
//! Where every thousandth line begins is remembered for logs that were looked at lately; what a log has
//! grown since is all that is read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::JobId;

use crate::App;
use crate::error::{Error, Result};

/// Lines of a page.
pub const PAGE_LINES: u64 = 1_000;

/// Most bytes of a page that are shown: lines may be long.
const MAX_PAGE_BYTES: u64 = 1 << 20;

/// Logs whose lines are remembered.
const KEPT: usize = 256;

/// Most lines that a search gives.
pub const MOST_FOUND: usize = 200;

/// Logs that were looked at lately.
#[derive(Debug, Default)]
pub struct Lines(Mutex<HashMap<JobId, Arc<Index>>>);

/// Where lines of a log begin.
#[derive(Clone, Debug, Default)]
struct Index {
    /// Where line 1, 1001, 2001, … begin.
    starts: Vec<u64>,
    /// Line feeds up to `read`.
    feeds: u64,
    /// Bytes looked at.
    read: u64,
    /// Where the last line begins.
    last: u64,
}

/// A page of a log.
#[derive(Clone, Debug)]
pub struct Page {
    /// Number from 1.
    pub number: u64,
    /// Pages in all.
    pub pages: u64,
    /// Number of its first line, from 1.
    pub first_line: u64,
    /// Number of its last line.
    pub last_line: u64,
    /// Lines in all.
    pub lines: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Bytes of the log.
    pub size: u64,
}

/// A line in which a text was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number.
    pub line: u64,
    /// Its beginning, as text.
    pub text: String,
}

impl Index {
    fn add(&mut self, bytes: &[u8]) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        for at in feeds(bytes) {
            self.feeds += 1;
            let next = self.read + at + 1;
            self.last = next;
            if self.feeds.is_multiple_of(PAGE_LINES) {
                self.starts.push(next);
            }
        }
        self.read += bytes.len() as u64;
    }

    /// Lines so far; what comes after the last line feed is one if there is anything.
    fn lines(&self) -> u64 {
        self.feeds + u64::from(self.last < self.read)
    }

    fn pages(&self) -> u64 {
        self.lines().div_ceil(PAGE_LINES).max(1)
    }
}

fn feeds(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at as u64)
}

/// Returns a page of a log, the last one unless asked otherwise; `None` when there is no log. The caller has
/// looked who may read it.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn page(app: &App, job: JobId, number: Option<u64>) -> Result<Option<Page>> {
    let Some(index) = index(app, job).await? else {
        return Ok(None);
    };
    let pages = index.pages();
    let number = number.unwrap_or(pages).clamp(1, pages);
    let start_of = |page: u64| {
        usize::try_from(page - 1)
            .ok()
            .and_then(|page| index.starts.get(page).copied())
    };
    let start = start_of(number).unwrap_or(0);
    let end = start_of(number + 1).unwrap_or(index.read).min(start + MAX_PAGE_BYTES);
    let reader = app.blobs.traces.read(job, start..end).await.map_err(Error::internal)?;
    let Some(reader) = reader else { return Ok(None) };
    let first_line = (number - 1) * PAGE_LINES + 1;
    Ok(Some(Page {
        number,
        pages,
        first_line,
        last_line: (number * PAGE_LINES).min(index.lines()),
        lines: index.lines(),
        bytes: reader.read_all().await.map_err(Error::internal)?,
        size: index.read,
    }))
}

/// Brings what is known of a log up to date.
async fn index(app: &App, job: JobId) -> Result<Option<Arc<Index>>> {
    let Some(size) = app.blobs.traces.size(job).await.map_err(Error::internal)? else {
        return Ok(None);
    };
    let known = app
        .lines
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&job)
        .cloned();
    let known = known.filter(|index| index.read <= size).unwrap_or_default();
    if known.read == size && !known.starts.is_empty() {
        return Ok(Some(known));
    }
    let mut index = Index::clone(&known);
    index.add(&[]);
    let reader = app
        .blobs
        .traces
        .read(job, index.read..size)
        .await
        .map_err(Error::internal)?;
    let Some(mut reader) = reader else { return Ok(None) };
    while let Some(chunk) = reader.next().await.map_err(Error::internal)? {
        index.add(&chunk);
    }
    let index = Arc::new(index);
    let mut kept = app.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= KEPT && !kept.contains_key(&job) {
        kept.clear();
    }
    kept.insert(job, Arc::clone(&index));
    Ok(Some(index))
}

/// Returns the first lines that have a text in them; letter case of ASCII does not matter.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn find(app: &App, job: JobId, text: &str) -> Result<Vec<Found>> {
    let reader = app.blobs.traces.read(job, 0..u64::MAX).await.map_err(Error::internal)?;
    let Some(mut reader) = reader else {
        return Ok(Vec::new());
    };
    let mut search = Search::new(text);
    while search.found.len() < MOST_FOUND
        && let Some(chunk) = reader.next().await.map_err(Error::internal)?
    {
        search = crate::blocking(move || {
            search.add(&chunk);
            Ok(search)
        })
        .await?;
    }
    search.end();
    Ok(search.found)
}

/// Longest part of a line that is searched and shown, in bytes.
const MAX_LINE: usize = 8 << 10;

/// A search through a log, chunk by chunk.
struct Search {
    needle: Vec<u8>,
    line: Vec<u8>,
    number: u64,
    found: Vec<Found>,
}

impl Search {
    fn new(text: &str) -> Search {
        Search {
            needle: text.to_ascii_lowercase().into_bytes(),
            line: Vec::new(),
            number: 1,
            found: Vec::new(),
        }
    }

    fn add(&mut self, chunk: &[u8]) {
        for (index, part) in chunk.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.end();
                self.number += 1;
                if self.found.len() >= MOST_FOUND {
                    return;
                }
            }
            let room = MAX_LINE - self.line.len().min(MAX_LINE);
            self.line.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    /// Looks at the line that has ended.
    fn end(&mut self) {
        let lower = self.line.to_ascii_lowercase();
        if self.found.len() < MOST_FOUND && !self.needle.is_empty() && contains(&lower, &self.needle) {
            self.found.push(Found {
                line: self.number,
                text: String::from_utf8_lossy(&self.line).into_owned(),
            });
        }
        self.line.clear();
    }
}

fn contains(line: &[u8], needle: &[u8]) -> bool {
    line.windows(needle.len()).any(|part| part == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_across_chunks() {
        let text: String = (1..=2500).map(|n| format!("line {n}\n")).collect();
        let mut index = Index::default();
        for chunk in text.as_bytes().chunks(777) {
            index.add(chunk);
        }
        assert_eq!((index.lines(), index.pages(), index.starts.len()), (2500, 3, 3));
        let start = usize::try_from(index.starts[1]).unwrap();
        assert!(text[start..].starts_with("line 1001\n"));
        index.add(b"not ended");
        assert_eq!(index.lines(), 2501);
    }

    #[test]
    fn an_empty_log_has_one_empty_page() {
        let mut index = Index::default();
        index.add(b"");
        assert_eq!(
            (index.lines(), index.pages(), index.starts.as_slice()),
            (0, 1, &[0][..])
        );
    }

    #[test]
    fn a_text_is_found_across_chunks_in_any_letter_case() {
        let mut search = Search::new("Error:");
        for chunk in [&b"one\ntwo ERR"[..], b"OR: x\nthree\nerror", b": y"] {
            search.add(chunk);
        }
        search.end();
        let lines: Vec<u64> = search.found.iter().map(|found| found.line).collect();
        assert_eq!(lines, [2, 4]);
        assert_eq!(search.found[0].text, "two ERROR: x");
    }

    #[test]
    fn an_empty_text_is_nowhere() {
        let mut search = Search::new("");
        search.add(b"a\n\nb");
        search.end();
        assert!(search.found.is_empty());
    }
}
