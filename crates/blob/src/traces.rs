//! Traces: what a job prints, growing at its end.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use model::JobId;

use crate::files::{self, blocking};
use crate::watch::{Progress, Watch, Watches};
use crate::{Error, Reader};

/// Number of locks that traces share; two jobs that share one wait for each other's file writes.
const LOCKS: usize = 64;

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    /// All bytes are stored, some perhaps since earlier.
    Appended {
        /// Size of the trace in bytes now.
        size: u64,
    },
    /// Bytes before these are missing; nothing is stored.
    Gap {
        /// Size of the trace in bytes: where to go on.
        size: u64,
    },
    /// The trace would be larger than allowed; nothing is stored.
    TooLarge {
        /// Size of the trace in bytes.
        size: u64,
    },
}

/// What is to become of a trace, decided while nobody else changes it ([`Traces::change`]).
#[derive(Clone, Debug, Default)]
pub struct Change<T> {
    /// Bytes to add at its end.
    pub bytes: Bytes,
    /// Whether nothing more comes: the trace is made durable.
    pub complete: bool,
    /// What the caller is told.
    pub told: T,
}

/// All traces of this server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Traces {
    root: Arc<PathBuf>,
    locks: Arc<[Mutex<()>; LOCKS]>,
    watches: Watches,
}

impl Traces {
    /// Prepares the folder in which traces lie.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be created.
    pub fn new(root: impl Into<PathBuf>) -> Result<Traces, Error> {
        let root = root.into();
        std::fs::create_dir_all(&root).map_err(Error::io("create folder", &root))?;
        let locks = Arc::new(std::array::from_fn(|_| Mutex::default()));
        Ok(Traces {
            root: Arc::new(root),
            locks,
            watches: Watches::default(),
        })
    }

    /// Stores bytes that belong at `offset`, so that the trace has at most `limit` bytes.
    ///
    /// Bytes that are there already are not written again: sending the same or an overlapping
    /// stretch twice changes nothing (runner-protocol.md 3).
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; then a part of the bytes may be stored.
    pub async fn append(&self, job: JobId, offset: u64, bytes: Bytes, limit: u64) -> Result<Append, Error> {
        let traces = self.clone();
        blocking(move || {
            let _guard = traces.lock(job);
            let path = traces.path(job);
            let (file, size) = open_to_write(&path)?;
            if offset > size {
                return Ok(Append::Gap { size });
            }
            let known = usize::try_from(size - offset).unwrap_or(usize::MAX).min(bytes.len());
            let news = &bytes[known..];
            if news.is_empty() {
                return Ok(Append::Appended { size });
            }
            let grown = size + news.len() as u64;
            if grown > limit {
                return Ok(Append::TooLarge { size });
            }
            file.write_all_at(news, size).map_err(Error::io("write", &path))?;
            traces.watches.tell(
                job,
                Progress {
                    size: grown,
                    finished: false,
                },
            );
            Ok(Append::Appended { size: grown })
        })
        .await
    }

    /// Adds to the end of a trace what `decide` says when it is told the trace's size, so that it has at most `limit`
    /// bytes, and makes it durable if it is complete.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; then a part of the bytes may be stored.
    pub async fn change<T: Send + 'static>(
        &self,
        job: JobId,
        limit: u64,
        decide: impl FnOnce(u64) -> Change<T> + Send + 'static,
    ) -> Result<(Append, T), Error> {
        let traces = self.clone();
        blocking(move || {
            let _guard = traces.lock(job);
            let path = traces.path(job);
            let mut open = open_if_there(&path)?;
            let size = open.as_ref().map_or(0, |(_, size)| *size);
            let Change { bytes, complete, told } = decide(size);
            let grown = size + bytes.len() as u64;
            let fits = grown <= limit;
            if fits && !bytes.is_empty() {
                let (file, _) = match open.take() {
                    Some(open) => open,
                    None => open_to_write(&path)?,
                };
                file.write_all_at(&bytes, size).map_err(Error::io("write", &path))?;
                open = Some((file, grown));
            }
            let size = if fits { grown } else { size };
            if let Some((file, _)) = open.filter(|_| complete) {
                file.sync_all().map_err(Error::io("sync", &path))?;
                files::sync_parent(&path)?;
            }
            if complete || (fits && !bytes.is_empty()) {
                let finished = complete;
                traces.watches.tell(job, Progress { size, finished });
            }
            let append = if fits {
                Append::Appended { size }
            } else {
                Append::TooLarge { size }
            };
            Ok((append, told))
        })
        .await
    }

    /// Returns the size in bytes; `None` when the job has no trace.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn size(&self, job: JobId) -> Result<Option<u64>, Error> {
        let path = self.path(job);
        blocking(move || files::open(&path)?.map(|file| files::length(&file, &path)).transpose()).await
    }

    /// Returns the bytes of the traces of these jobs together.
    ///
    /// # Errors
    ///
    /// [`Error::Abandoned`].
    pub async fn total(&self, jobs: Vec<JobId>) -> Result<u64, Error> {
        let this = self.clone();
        let length = move |job: &JobId| std::fs::metadata(this.path(*job)).map_or(0, |found| found.len());
        blocking(move || Ok(jobs.iter().map(length).sum())).await
    }

    /// Opens a stretch of a trace, cut to what is there; `None` when the job has no trace.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn read(&self, job: JobId, range: Range<u64>) -> Result<Option<Reader>, Error> {
        let path = self.path(job);
        blocking(move || {
            let Some(file) = files::open(&path)? else {
                return Ok(None);
            };
            let total = files::length(&file, &path)?;
            Ok(Some(Reader::new(file, path, total, range)))
        })
        .await
    }

    /// Removes a trace; returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn erase(&self, job: JobId) -> Result<bool, Error> {
        let traces = self.clone();
        blocking(move || {
            let _guard = traces.lock(job);
            let removed = files::remove(&traces.path(job))?;
            traces.watches.tell(
                job,
                Progress {
                    size: 0,
                    finished: true,
                },
            );
            Ok(removed)
        })
        .await
    }

    /// Follows a trace, whether it has begun or not.
    #[must_use]
    pub fn watch(&self, job: JobId) -> Watch {
        self.watches.watch(job)
    }

    /// Whether somebody in this process follows a trace just now.
    #[must_use]
    pub fn is_watched(&self, job: JobId) -> bool {
        self.watches.is_watched(job)
    }

    fn path(&self, job: JobId) -> PathBuf {
        files::path(&self.root, job.0, "log")
    }

    /// Taken and released on blocking threads only.
    fn lock(&self, job: JobId) -> MutexGuard<'_, ()> {
        let index = usize::try_from(job.0.rem_euclid(LOCKS as i64)).unwrap_or_default();
        self.locks[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_to_write(path: &Path) -> Result<(File, u64), Error> {
    let open = || OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = match open() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            files::create_parent(path)?;
            open()
        }
        other => other,
    };
    let file = file.map_err(Error::io("open", path))?;
    let size = files::length(&file, path)?;
    Ok((file, size))
}

/// Opens a trace to add to it, if it has begun.
fn open_if_there(path: &Path) -> Result<Option<(File, u64)>, Error> {
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => {
            let size = files::length(&file, path)?;
            Ok(Some((file, size)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open", path)(error)),
    }
}
