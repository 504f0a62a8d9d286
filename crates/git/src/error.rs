//! What can go wrong with a repository, one variant per thing a caller may do differently.

use std::path::PathBuf;

use model::Sha;

/// A failed operation on a repository. Unless said otherwise nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no repository at the place where it should be.
    #[error("no git repository at `{}`", path.display())]
    NoRepository {
        /// The place.
        path: PathBuf,
    },
    /// The repository is attached: it belongs to somebody else and is never written.
    #[error("repository `{}` is attached and read-only", path.display())]
    ReadOnly {
        /// Its folder.
        path: PathBuf,
    },
    /// A new branch, tag or ref has a name that git or we do not take.
    #[error("`{name}` is not a valid ref name: {reason}")]
    InvalidRefName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A path inside a repository is empty, absolute or leads out of it.
    #[error("`{path}` is not a valid path in a repository")]
    InvalidPath {
        /// The path.
        path: String,
    },
    /// The ref to create is already there.
    #[error("ref `{name}` already exists")]
    RefExists {
        /// Its full name.
        name: String,
    },
    /// The ref is not where the caller believes it is; somebody else was faster.
    #[error("ref `{name}` is at {}, expected {expected}", actual.as_ref().map_or("nothing", Sha::as_str))]
    RefMoved {
        /// Its full name.
        name: String,
        /// Where the caller believed it to be.
        expected: Sha,
        /// Where it is; `None` when it does not exist.
        actual: Option<Sha>,
    },
    /// An object that something points at is not there.
    #[error("object {id} does not exist in this repository")]
    NoObject {
        /// Its id.
        id: String,
    },
    /// The file to create is already there.
    #[error("file `{path}` already exists")]
    FileExists {
        /// Its path.
        path: String,
    },
    /// The file to change, move or delete is not there.
    #[error("file `{path}` does not exist")]
    FileMissing {
        /// Its path.
        path: String,
    },
    /// A file is larger than the caller is ready to take.
    #[error("`{path}` has {size} bytes, more than the {limit} allowed")]
    TooLarge {
        /// Its path.
        path: String,
        /// Its size in bytes.
        size: u64,
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
    /// The repository is damaged or in a form that we cannot read.
    #[error("cannot {action}")]
    Backend {
        /// What was attempted, as a verb.
        action: &'static str,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Returns a closure for `map_err` that says what was attempted.
    pub(crate) fn backend<E>(action: &'static str) -> impl FnOnce(E) -> Error
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Error::Backend {
            action,
            source: source.into(),
        }
    }

    /// Returns a closure for `map_err` that says what was attempted on which path.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io {
            action,
            path: path.into(),
            source,
        }
    }
}
