//! A stretch of a file, read chunk by chunk.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::Error;
use crate::files::blocking;

/// Bytes read at once.
const CHUNK: u64 = 256 << 10;

/// A stretch of a file that is open; removing the file does not disturb it.
#[derive(Clone, Debug)]
pub struct Reader {
    file: Arc<File>,
    path: PathBuf,
    total: u64,
    range: Range<u64>,
}

impl Reader {
    /// A range that leaves the file is cut.
    pub(crate) fn new(file: File, path: PathBuf, total: u64, range: Range<u64>) -> Reader {
        let end = range.end.min(total);
        Reader {
            file: Arc::new(file),
            path,
            total,
            range: range.start.min(end)..end,
        }
    }

    /// Returns the size of the whole file in bytes when it was opened.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Returns the stretch that is still to be read.
    #[must_use]
    pub const fn range(&self) -> &Range<u64> {
        &self.range
    }

    /// Returns the next chunk; `None` at the end. May be dropped and called again.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also when the file has become shorter than it was.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let length = (self.range.end - self.range.start).min(CHUNK);
        if length == 0 {
            return Ok(None);
        }
        let (file, path, start) = (Arc::clone(&self.file), self.path.clone(), self.range.start);
        let chunk = blocking(move || {
            let mut buffer = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut buffer, start)
                .map_err(Error::io("read", path))?;
            Ok(Bytes::from(buffer))
        })
        .await?;
        self.range.start += length;
        Ok(Some(chunk))
    }

    /// Reads the rest into memory; for stretches whose size the caller has bounded.
    ///
    /// # Errors
    ///
    /// As [`Reader::next`].
    pub async fn read_all(mut self) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(chunk) = self.next().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }
}
