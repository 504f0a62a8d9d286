//! A job's log, as it grows.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Job, JobId, Status};
use store::ops;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use super::attention::{Attention, Call};
use super::hub::JobTopic;
use super::pieces::{Known, Piece};
use super::viewer::Viewer;
use crate::App;
use crate::error::{Error, Result};

/// Most bytes of a log that are told at once: what a viewer costs while it does not read.
const CHUNK: u64 = 16 << 10;

/// The last bytes somebody read at the end of a log, with where they begin: viewers of a live log
/// are all at the same place, so one of them reads for all.
#[derive(Debug, Default)]
pub(super) struct Tail(Mutex<Option<(u64, Bytes)>>);

impl Tail {
    /// Returns what follows at `offset`, up to the last whole character unless the log is complete.
    async fn read(&self, app: &App, job: JobId, offset: u64, is_complete: bool) -> Result<Bytes> {
        let mut kept = self.0.lock().await;
        match &*kept {
            Some((start, bytes)) if *start == offset => return Ok(bytes.clone()),
            // Whoever is behind reads alone, and keeps nobody waiting.
            Some((start, _)) if *start > offset => {
                drop(kept);
                return Ok(whole(read(app, job, offset).await?, is_complete));
            }
            _ => {}
        }
        let bytes = whole(read(app, job, offset).await?, is_complete);
        if !bytes.is_empty() {
            *kept = Some((offset, bytes.clone()));
        }
        Ok(bytes)
    }
}

fn whole(bytes: Bytes, is_complete: bool) -> Bytes {
    if is_complete && (bytes.len() as u64) < CHUNK {
        return bytes;
    }
    bytes.slice(..whole_characters(&bytes))
}

/// Reads at most [`CHUNK`] bytes of a log; none where there are none yet.
pub(super) async fn read(app: &App, job: JobId, offset: u64) -> Result<Bytes> {
    let range = offset..offset.saturating_add(CHUNK);
    let reader = app.blobs.traces.read(job, range).await.map_err(Error::internal)?;
    match reader {
        Some(reader) => Ok(reader.read_all().await.map_err(Error::internal)?.into()),
        None => Ok(Bytes::new()),
    }
}

/// What a viewer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// Bytes of the log. They end between two characters unless the log itself does not.
    Bytes {
        /// Where they begin.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// Nothing has happened for a while.
    Heartbeat,
    /// The job is over and all of its log was told; the feed ends.
    End(Status),
    /// The viewer may not look any more, or the job is gone; the feed ends.
    Denied,
}

/// What a viewer is told who reads the log by lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// There may be more lines: [`TraceFeed::piece`] says.
    Grown,
    /// Nothing has happened for a while.
    Heartbeat,
    /// The job is over, and so is the feed.
    End(Status),
    /// The viewer may not look any more, or the job is gone; the feed ends.
    Denied,
}

/// Least time between two things that a viewer is told of a log that grows all the time.
const LINES_EVERY: Duration = Duration::from_millis(150);

/// One viewer of a log.
#[derive(Debug)]
pub struct TraceFeed {
    app: App,
    viewer: Viewer,
    id: JobId,
    topic: Arc<JobTopic>,
    changes: watch::Receiver<u64>,
    growth: blob::Watch,
    attention: Attention,
    offset: u64,
    status: Status,
    has_ended: bool,
    /// Bytes that the log has at least, as far as this process knows.
    size: u64,
    /// When the viewer was last told that there may be more lines.
    told: Instant,
    /// Whether that was after the end of the log.
    told_end: bool,
}

impl TraceFeed {
    /// Opens a feed from the byte `offset` on. The job may be waiting still: its log then begins later.
    ///
    /// # Errors
    ///
    /// 401, 403 or 404 when the viewer may not look, 429 when there are too many viewers.
    pub async fn open(app: &App, viewer: Viewer, id: JobId, offset: u64) -> Result<TraceFeed> {
        let (this, asked) = (app.clone(), viewer.clone());
        app.store.read(move |tx| asked.job(&this, tx, id)).await?;
        let attention = Attention::new(&app.live)?;
        let topic = app.live.job(app, id);
        let changes = topic.job.changes();
        let growth = app.blobs.traces.watch(id);
        let job = topic.job.get_anew(job(app, id)).await?;
        let status = job.as_ref().as_ref().ok_or(Error::RecordNotFound)?.status;
        Ok(TraceFeed {
            app: app.clone(),
            viewer,
            id,
            topic,
            changes,
            growth,
            attention,
            offset,
            status,
            has_ended: false,
            size: 0,
            told: Instant::now(),
            told_end: false,
        })
    }

    /// Whether the job is over and the viewer knows all of its log.
    ///
    /// # Errors
    ///
    /// Only what is wrong with the server.
    pub async fn has_nothing_new(&self) -> Result<bool> {
        let size = self.app.blobs.traces.size(self.id).await.map_err(Error::internal)?;
        Ok(self.status.is_completed() && self.offset > 0 && size.unwrap_or(0) <= self.offset)
    }

    /// Returns the next thing to tell; `None` after the end.
    ///
    /// # Errors
    ///
    /// Only what is wrong with the server.
    pub async fn next(&mut self) -> Result<Option<TraceEvent>> {
        loop {
            if self.has_ended {
                return Ok(None);
            }
            // The status first: the log is complete before the job is over.
            let status = self.status;
            let tail = &self.topic.tail;
            let bytes = tail
                .read(&self.app, self.id, self.offset, status.is_completed())
                .await?;
            if !bytes.is_empty() {
                let offset = self.offset;
                self.offset += bytes.len() as u64;
                return Ok(Some(TraceEvent::Bytes { offset, bytes }));
            }
            if status.is_completed() {
                self.has_ended = true;
                return Ok(Some(TraceEvent::End(status)));
            }
            if let Some(event) = self.wait().await? {
                return Ok(Some(event));
            }
        }
    }

    /// Returns the next thing to tell a viewer who reads by lines and has read what was there; `None` after the end.
    ///
    /// # Errors
    ///
    /// Only what is wrong with the server.
    pub async fn growth(&mut self) -> Result<Option<Growth>> {
        loop {
            if self.has_ended {
                return Ok(None);
            }
            if self.told_end {
                self.has_ended = true;
                return Ok(Some(Growth::End(self.status)));
            }
            if self.is_complete() {
                return Ok(Some(self.grown()));
            }
            match self.wait().await? {
                Some(TraceEvent::Denied) => return Ok(Some(Growth::Denied)),
                Some(_) => return Ok(Some(Growth::Heartbeat)),
                None if self.has_ended || self.is_complete() => {}
                None => {
                    tokio::time::sleep_until(self.told + LINES_EVERY).await;
                    return Ok(Some(self.grown()));
                }
            }
        }
    }

    fn grown(&mut self) -> Growth {
        self.told = Instant::now();
        self.told_end = self.is_complete();
        Growth::Grown
    }

    /// Returns what comes after a line, as `render` makes it for all viewers of this `kind`.
    ///
    /// # Errors
    ///
    /// What `render` says.
    pub async fn piece(&self, kind: usize, after: u64, render: impl Future<Output = Result<Piece>>) -> Result<Piece> {
        let known = Known {
            size: (!self.app.store.is_postgres()).then_some(self.size),
            is_complete: self.is_complete(),
        };
        self.topic.pieces.get(kind, after, known, render).await
    }

    /// Whether the log grows no more.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.status.is_completed()
    }

    /// Waits until something may have changed; returns what the viewer is to be told of it.
    async fn wait(&mut self) -> Result<Option<TraceEvent>> {
        let is_shared = self.app.store.is_postgres();
        let look = tokio::time::sleep(self.app.live.pace.log);
        let call = tokio::select! {
            progress = self.growth.changed() => {
                self.size = progress.size;
                return Ok(None);
            }
            () = look, if is_shared => return Ok(None),
            // The other end is kept by this feed.
            _ = self.changes.changed() => None,
            call = self.attention.called() => Some(call),
        };
        match call {
            None => {
                let job = self.topic.job.get(job(&self.app, self.id)).await?;
                let Some(job) = job.as_ref() else {
                    self.has_ended = true;
                    return Ok(Some(TraceEvent::Denied));
                };
                self.status = job.status;
                Ok(None)
            }
            Some(Call::Stop) => {
                self.has_ended = true;
                Ok(None)
            }
            Some(call) => {
                if !self.check().await? {
                    self.has_ended = true;
                    return Ok(Some(TraceEvent::Denied));
                }
                Ok((call == Call::Heartbeat).then_some(TraceEvent::Heartbeat))
            }
        }
    }

    async fn check(&mut self) -> Result<bool> {
        let (this, viewer, id) = (self.app.clone(), self.viewer.clone(), self.id);
        let checked = self
            .app
            .store
            .read(move |tx| {
                let viewer = viewer.refresh(&this, tx)?;
                viewer.job(&this, tx, id)?;
                Ok(viewer)
            })
            .await;
        match checked {
            Ok(viewer) => {
                self.viewer = viewer;
                Ok(true)
            }
            Err(Error::Internal(cause)) => Err(Error::Internal(cause)),
            Err(_) => Ok(false),
        }
    }
}

async fn job(app: &App, id: JobId) -> Result<Option<Job>> {
    Ok(app.store.read(move |tx| ops::jobs::by_id(tx, id)).await?)
}

/// Returns the length of the bytes without a character that is cut off at their end.
fn whole_characters(bytes: &[u8]) -> usize {
    // A character has at most four bytes.
    let start = bytes.len().saturating_sub(3);
    let last = (start..bytes.len()).rev().find(|at| bytes[*at] & 0xC0 != 0x80);
    match last.map(|at| (at, bytes[at])) {
        Some((at, 0xC0..=0xDF)) if bytes.len() - at < 2 => at,
        Some((at, 0xE0..=0xEF)) if bytes.len() - at < 3 => at,
        Some((at, 0xF0..=0xF7)) if bytes.len() - at < 4 => at,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_cut_in_two() {
        for (text, cut, expected) in [
            ("abc", 3, 3),
            ("", 0, 0),
            ("aé", 2, 1),
            ("aé", 3, 3),
            ("a€", 2, 1),
            ("a€", 3, 1),
            ("a€", 4, 4),
            ("a🦀", 4, 1),
            ("a🦀", 5, 5),
            ("é", 1, 0),
        ] {
            assert_eq!(whole_characters(&text.as_bytes()[..cut]), expected, "{text} {cut}");
        }
        assert_eq!(whole_characters(b"a\x80\x80\x80\x80"), 5, "no character at all");
    }
}
