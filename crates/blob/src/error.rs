//! What can go wrong with a file.

use std::path::PathBuf;

/// A failed operation on a trace or artifact.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More bytes came than allowed; what has come is removed.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The file system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The work was abandoned: the server is stopping.
    #[error("the file work was abandoned")]
    Abandoned,
}

impl Error {
    /// Returns a closure for `map_err` that says what was attempted on which path.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io {
            action,
            path: path.into(),
            source,
        }
    }
}
