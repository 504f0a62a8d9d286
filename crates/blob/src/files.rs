//! Where files lie, and the blocking thread they are worked on.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::Error;

/// Returns `root/ab/cd/<number>.<extension>`: folders of at most 256 entries above, so that none grows without bound.
pub(crate) fn path(root: &Path, number: i64, extension: &str) -> PathBuf {
    root.join(format!(
        "{:02x}/{:02x}/{number}.{extension}",
        number & 0xff,
        (number >> 8) & 0xff
    ))
}

/// Runs file work on a blocking thread.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Abandoned)?
}

/// Opens a file to read it; `None` when there is none.
pub(crate) fn open(path: &Path) -> Result<Option<File>, Error> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open", path)(error)),
    }
}

/// Removes a file; returns whether there was one.
pub(crate) fn remove(path: &Path) -> Result<bool, Error> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}

/// Creates the folder of a file.
pub(crate) fn create_parent(path: &Path) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent).map_err(Error::io("create folder", parent))
}

/// Makes the entry of a file in its folder durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(path);
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io("sync folder", parent))
}

pub(crate) fn length(file: &File, path: &Path) -> Result<u64, Error> {
    file.metadata()
        .map(|data| data.len())
        .map_err(Error::io("look at", path))
}
