//! Archives of a job's files, made and unpacked by a process inside the job's sandbox: whatever
//! links and names a job prepares, they reach no further than the job itself does.
//!
//! What this process prints becomes part of the job's log.

mod glob;
mod pack;
mod select;
mod unpack;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// What to pack.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PackOrder {
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// Paths and patterns.
    pub(crate) paths: Vec<String>,
    /// Patterns of what stays out.
    pub(crate) exclude: Vec<String>,
    /// Whether files unknown to git are packed.
    pub(crate) untracked: bool,
    pub(crate) format: Format,
    /// Where the archive goes; it is not made when there is nothing to pack.
    pub(crate) output: PathBuf,
}

/// What to unpack.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UnpackOrder {
    pub(crate) archive: PathBuf,
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// Bytes all files may have together.
    pub(crate) most_bytes: u64,
    /// Files there may be.
    pub(crate) most_files: u64,
}

/// Format of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Format {
    Zip,
    /// Every file compressed for itself, one behind the other.
    Gzip,
    /// One file as it is.
    Raw,
}

impl Format {
    /// Reads the protocol's word; empty = zip.
    pub(crate) fn parse(word: &str) -> Option<Format> {
        match word {
            "" | "zip" => Some(Format::Zip),
            "gzip" => Some(Format::Gzip),
            "raw" => Some(Format::Raw),
            _ => None,
        }
    }
}

/// Why an archive could not be made or unpacked.
#[derive(Debug, thiserror::Error)]
enum ArchiveError {
    #[error("`{path}`: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("not a usable archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("{0}")]
    Refused(String),
}

impl ArchiveError {
    fn at(path: &Path) -> impl FnOnce(std::io::Error) -> ArchiveError {
        let path = path.to_owned();
        move |source| ArchiveError::File { path, source }
    }
}

/// Entry point of `pack ORDER-FILE`.
pub(crate) fn pack_main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    carry_out(arguments, pack::pack)
}

/// Entry point of `unpack ORDER-FILE`.
pub(crate) fn unpack_main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    carry_out(arguments, unpack::unpack)
}

fn carry_out<T: for<'a> Deserialize<'a>>(
    mut arguments: impl Iterator<Item = OsString>,
    work: impl FnOnce(&T) -> Result<(), ArchiveError>,
) -> ExitCode {
    let done = arguments
        .next()
        .ok_or_else(|| ArchiveError::Refused("an order file is expected".to_owned()))
        .and_then(|path| std::fs::read(&path).map_err(ArchiveError::at(Path::new(&path))))
        .and_then(|json| serde_json::from_slice(&json).map_err(|error| ArchiveError::Refused(error.to_string())))
        .and_then(|order| work(&order));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\x1b[31;1mERROR: {error}\x1b[0;m");
            ExitCode::FAILURE
        }
    }
}
