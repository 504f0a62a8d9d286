//! Pieces of a growing log as its viewers see them, rendered by one of them for all.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Mutex;

use crate::error::Result;

/// Ways in which pieces are rendered: one for each language of the pages.
const KINDS: usize = 2;

/// How long a look at a log that another server may be writing holds.
const LOOK_HOLDS: Duration = Duration::from_millis(500);

/// What comes after a line of a log.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// Number of the last line in it.
    pub last_line: u64,
    /// Whether there is more already.
    pub more: bool,
    /// Bytes of the log that were there.
    pub size: u64,
    /// What its viewers are sent; empty when nothing comes after the line.
    pub bytes: Bytes,
}

/// The newest piece of a log, for each way to render it.
#[derive(Debug, Default)]
pub(super) struct Pieces([Mutex<Option<Kept>>; KINDS]);

#[derive(Debug)]
struct Kept {
    after: u64,
    piece: Piece,
    looked: Instant,
    /// Whether nothing more was to come then.
    is_complete: bool,
}

/// What a viewer knows about the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Bytes that it has at least; `None` where another server may be writing.
    pub(super) size: Option<u64>,
    /// Whether nothing more comes.
    pub(super) is_complete: bool,
}

impl Pieces {
    /// Returns what comes after a line. Viewers of a live log are all at the same line, so one of them renders for all;
    /// whoever is behind renders alone, and keeps nobody waiting.
    pub(super) async fn get(
        &self,
        kind: usize,
        after: u64,
        known: Known,
        render: impl Future<Output = Result<Piece>>,
    ) -> Result<Piece> {
        let mut kept = self.0[kind % KINDS].lock().await;
        if let Some(newest) = &*kept {
            let end = newest.after.max(newest.piece.last_line);
            if newest.after == after && !newest.piece.bytes.is_empty() {
                return Ok(newest.piece.clone());
            }
            if after < end {
                drop(kept);
                return render.await;
            }
            let is_all = match known.size {
                Some(size) => newest.piece.size >= size,
                None => newest.looked.elapsed() < LOOK_HOLDS,
            };
            let is_last = newest.is_complete || !known.is_complete;
            if after == end && is_all && is_last && !newest.piece.more {
                return Ok(Piece::default());
            }
        }
        let piece = render.await?;
        let looked = Instant::now();
        match &mut *kept {
            // Nothing new: what was there last stays, for those who do not have it yet.
            Some(newest) if piece.bytes.is_empty() => {
                newest.piece.size = newest.piece.size.max(piece.size);
                newest.looked = looked;
                newest.is_complete |= known.is_complete;
            }
            // Nobody has seen a line that is not there yet.
            _ if piece.last_line < after => {}
            _ => {
                let piece = piece.clone();
                *kept = Some(Kept {
                    after,
                    piece,
                    looked,
                    is_complete: known.is_complete,
                });
            }
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A log of lines of ten bytes, and how often it was rendered.
    #[derive(Default)]
    struct Log {
        lines: AtomicUsize,
        rendered: AtomicUsize,
        pieces: Pieces,
    }

    impl Log {
        async fn get(&self, after: u64) -> (u64, usize) {
            let lines = self.lines.load(Ordering::Relaxed) as u64;
            let known = Known {
                size: Some(lines * 10),
                is_complete: false,
            };
            let render = async {
                self.rendered.fetch_add(1, Ordering::Relaxed);
                Ok(Piece {
                    last_line: lines,
                    more: false,
                    size: lines * 10,
                    bytes: vec![b'x'; usize::try_from(lines.saturating_sub(after)).unwrap()].into(),
                })
            };
            let piece = self.pieces.get(0, after, known, render).await.unwrap();
            (piece.last_line, piece.bytes.len())
        }
    }

    #[tokio::test]
    async fn a_piece_is_rendered_once_however_many_look_and_nobody_waits_for_who_is_behind() {
        let log = Log::default();
        log.lines.store(3, Ordering::Relaxed);
        for _ in 0..1000 {
            assert_eq!(log.get(0).await, (3, 3));
            assert_eq!(log.get(3).await.1, 0);
        }
        assert_eq!(log.rendered.load(Ordering::Relaxed), 1);
        log.lines.store(5, Ordering::Relaxed);
        for _ in 0..1000 {
            assert_eq!(log.get(3).await, (5, 2));
        }
        assert_eq!(log.rendered.load(Ordering::Relaxed), 2);
        assert_eq!(log.get(1).await, (5, 4), "behind");
        assert_eq!(log.get(3).await, (5, 2));
        assert_eq!(log.rendered.load(Ordering::Relaxed), 3);
    }
}
