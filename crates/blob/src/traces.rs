//! Traces: what a job prints, growing at its end.

use std::fs::{File, OpenOptions};
use std::io::Read;
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

/// A trace that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Size in bytes.
    pub size: u64,
    /// CRC-32 (the one of zip and Ethernet) of all bytes.
    pub crc32: u32,
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

    /// Makes a complete trace durable and returns its checksum; `None` when the job has no trace.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn finish(&self, job: JobId) -> Result<Option<Finished>, Error> {
        let traces = self.clone();
        blocking(move || {
            let finished = {
                let _guard = traces.lock(job);
                finish(&traces.path(job))?
            };
            let size = finished.map_or(0, |finished| finished.size);
            traces.watches.tell(job, Progress { size, finished: true });
            Ok(finished)
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

fn finish(path: &Path) -> Result<Option<Finished>, Error> {
    let Some(mut file) = files::open(path)? else {
        return Ok(None);
    };
    file.sync_all().map_err(Error::io("sync", path))?;
    files::sync_parent(path)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 64 << 10];
    let mut size = 0;
    loop {
        match file.read(&mut buffer).map_err(Error::io("read", path))? {
            0 => {
                return Ok(Some(Finished {
                    size,
                    crc32: hasher.finalize(),
                }));
            }
            length => {
                hasher.update(&buffer[..length]);
                size += length as u64;
            }
        }
    }
}
