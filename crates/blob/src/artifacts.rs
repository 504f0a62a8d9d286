//! Artifacts: files that come in once, as a stream, and never change.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use model::ArtifactId;
use sha2::{Digest, Sha256};

use crate::files::{self, blocking};
use crate::{Error, Reader};

/// Folder, beside the artifacts, of those that are still coming in.
const STAGING: &str = "incoming";

/// Age at which such a file belongs to nobody: another process may share the folder and be at work.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 3600);

/// All artifacts of this server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Artifacts {
    root: Arc<PathBuf>,
    counter: Arc<AtomicU64>,
}

impl Artifacts {
    /// Prepares the folder in which artifacts lie, and removes what began to come in long ago and never did.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be created.
    pub fn new(root: impl Into<PathBuf>) -> Result<Artifacts, Error> {
        let root = root.into();
        let staging = root.join(STAGING);
        std::fs::create_dir_all(&staging).map_err(Error::io("create folder", &staging))?;
        for entry in std::fs::read_dir(&staging)
            .map_err(Error::io("list", &staging))?
            .flatten()
        {
            let age = entry
                .metadata()
                .and_then(|data| data.modified())
                .ok()
                .and_then(|time| time.elapsed().ok());
            if age.is_some_and(|age| age > LEFTOVER_AGE) {
                files::remove(&entry.path())?;
            }
        }
        Ok(Artifacts {
            root: Arc::new(root),
            counter: Arc::default(),
        })
    }

    /// Starts to take in a file of at most `limit` bytes. Its id is given at the end ([`Staged::keep`]),
    /// when the caller knows size and checksum.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn upload(&self, limit: u64) -> Result<Upload, Error> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(STAGING).join(format!("{}-{number}", std::process::id()));
        let root = Arc::clone(&self.root);
        blocking(move || {
            let file = File::create_new(&path).map_err(Error::io("create", &path))?;
            let temporary = Temporary { path: Some(path) };
            let incoming = Incoming {
                file,
                temporary,
                hasher: Sha256::new(),
                size: 0,
            };
            Ok(Upload {
                incoming: Some(incoming),
                limit,
                root,
            })
        })
        .await
    }

    /// Opens a whole artifact; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn read(&self, id: ArtifactId) -> Result<Option<Reader>, Error> {
        self.read_range(id, 0..u64::MAX).await
    }

    /// Opens a stretch of an artifact, cut to what is there; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn read_range(&self, id: ArtifactId, range: Range<u64>) -> Result<Option<Reader>, Error> {
        let path = artifact_path(&self.root, id);
        blocking(move || {
            let Some(file) = files::open(&path)? else {
                return Ok(None);
            };
            let total = files::length(&file, &path)?;
            Ok(Some(Reader::new(file, path, total, range)))
        })
        .await
    }

    /// Opens an artifact to jump around in it (a zip's table of contents); `None` when there is none.
    ///
    /// For blocking threads.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn open_seekable(&self, id: ArtifactId) -> Result<Option<impl std::io::Read + std::io::Seek + use<>>, Error> {
        files::open(&artifact_path(&self.root, id))
    }

    /// Removes an artifact; returns whether there was one. Those who are reading it can go on.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn delete(&self, id: ArtifactId) -> Result<bool, Error> {
        let path = artifact_path(&self.root, id);
        blocking(move || files::remove(&path)).await
    }
}

fn artifact_path(root: &Path, id: ArtifactId) -> PathBuf {
    files::path(root, id.0, "bin")
}

/// A file that is coming in. Dropping it forgets what has come.
#[derive(Debug)]
pub struct Upload {
    /// Absent while a blocking thread works on it, and after a failure.
    incoming: Option<Incoming>,
    limit: u64,
    root: Arc<PathBuf>,
}

#[derive(Debug)]
struct Incoming {
    file: File,
    temporary: Temporary,
    hasher: Sha256,
    size: u64,
}

impl Upload {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] or [`Error::Io`]; the upload is over then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        let mut incoming = self.incoming.take().ok_or(Error::Abandoned)?;
        incoming.size += bytes.len() as u64;
        if incoming.size > self.limit {
            return Err(Error::TooLarge { limit: self.limit });
        }
        let incoming = blocking(move || {
            incoming.hasher.update(&bytes);
            incoming
                .file
                .write_all(&bytes)
                .map_err(Error::io("write", incoming.temporary.path()))?;
            Ok(incoming)
        });
        self.incoming = Some(incoming.await?);
        Ok(())
    }

    /// Makes the bytes durable.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn finish(mut self) -> Result<Staged, Error> {
        let incoming = self.incoming.take().ok_or(Error::Abandoned)?;
        let root = self.root;
        blocking(move || {
            let Incoming {
                file,
                temporary,
                hasher,
                size,
            } = incoming;
            file.sync_all().map_err(Error::io("sync", temporary.path()))?;
            Ok(Staged {
                temporary,
                size,
                sha256: hasher.finalize().into(),
                root,
            })
        })
        .await
    }
}

/// A file that has come in and waits for its id. Dropping it forgets the file.
#[derive(Debug)]
pub struct Staged {
    temporary: Temporary,
    root: Arc<PathBuf>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of all bytes.
    pub sha256: [u8; 32],
}

impl Staged {
    /// Returns the checksum in hex.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Gives the file its place. A file that had this id before is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn keep(self, id: ArtifactId) -> Result<(), Error> {
        blocking(move || {
            let path = artifact_path(&self.root, id);
            files::create_parent(&path)?;
            std::fs::rename(self.temporary.path(), &path).map_err(Error::io("move", &path))?;
            self.temporary.release();
            files::sync_parent(&path)
        })
        .await
    }
}

/// A file that is removed unless it is released.
#[derive(Debug)]
struct Temporary {
    path: Option<PathBuf>,
}

impl Temporary {
    fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    fn release(mut self) {
        self.path = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}
