//! Traces and artifacts: bytes too large for the database, in files found by id.
//!
//! A trace grows while its job runs and is read at the same time; an artifact arrives once and
//! never changes. No name that a user chose becomes part of a path: names, kinds and expiry are
//! rows of the database. The operations are those an object store can offer too, so that files are
//! the first implementation and not the last.
//!
//! All file work happens on tokio's blocking threads; locks are taken and released there.

mod artifacts;
mod error;
mod files;
mod reader;
mod traces;
mod watch;

pub use artifacts::{Artifacts, Staged, Upload};
pub use error::Error;
pub use reader::Reader;
pub use traces::{Append, Change, Traces};
pub use watch::{Progress, Watch};

/// Everything that is kept in files, below one folder.
#[derive(Clone, Debug)]
pub struct Blobs {
    /// What jobs print.
    pub traces: Traces,
    /// What jobs leave behind.
    pub artifacts: Artifacts,
}

impl Blobs {
    /// Prepares the folder.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be created.
    pub fn new(root: impl AsRef<std::path::Path>) -> Result<Blobs, Error> {
        let root = root.as_ref();
        Ok(Blobs {
            traces: Traces::new(root.join("traces"))?,
            artifacts: Artifacts::new(root.join("artifacts"))?,
        })
    }
}
