//! Files: read them. Writing one is a commit with one change ([`super::commits`]).

use git::TreeEntry;
use model::Sha;

use super::{Opened, explain};
use crate::App;
use crate::access::Ability;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::ProjectKey;

/// Largest file that is answered, in bytes: it is in memory as a whole, in JSON even one and a third times.
const MAX_FILE: u64 = 64 << 20;

/// Most entries of a tree that are listed.
const MAX_ENTRIES: usize = 100_000;

/// A file at a commit.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path.
    pub path: String,
    /// Its content and its id.
    pub file: git::File,
    /// SHA-256 of its content, in hex.
    pub content_sha256: String,
    /// The commit that was looked at.
    pub commit: Sha,
    /// The newest commit that changed it.
    pub last_commit: Sha,
}

/// Returns a file at a revision (`HEAD` = the default branch).
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say; `404 Commit Not Found`, `404 File Not Found`.
pub async fn get(app: &App, caller: &Caller, key: ProjectKey, path: String, revision: String) -> Result<File> {
    let opened = Opened::new(app, caller, key, Ability::ReadCode).await?;
    opened
        .work(move |opened| {
            let commit = opened.revision(&revision)?.ok_or(Error::NotFound("Commit"))?;
            let found = opened.repository.file(&commit, &path, MAX_FILE).map_err(explain)?;
            let file = found.ok_or(Error::NotFound("File"))?;
            let last_commit = opened.repository.last_change(&commit, &path)?;
            Ok(File {
                path,
                content_sha256: digest(&file.content),
                file,
                last_commit: last_commit.unwrap_or_else(|| commit.clone()),
                commit,
            })
        })
        .await
}

/// Lists a folder at a revision, folders first.
///
/// # Errors
///
/// As [`get`]; `404 Tree Not Found`.
pub async fn tree(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    path: String,
    revision: Option<String>,
    recursive: bool,
) -> Result<Vec<TreeEntry>> {
    let opened = Opened::new(app, caller, key, Ability::ReadCode).await?;
    opened
        .work(move |opened| {
            let text = revision.as_deref().unwrap_or("HEAD");
            let Some(commit) = opened.revision(text)? else {
                return match revision {
                    Some(_) => Err(Error::NotFound("Tree")),
                    None => Ok(Vec::new()),
                };
            };
            let found = opened.repository.entries(&commit, &path, recursive, MAX_ENTRIES)?;
            found.ok_or(Error::NotFound("Tree"))
        })
        .await
}

fn digest(content: &[u8]) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in sha2::Sha256::digest(content) {
        write!(hex, "{byte:02x}").expect("writing to a text does not fail");
    }
    hex
}
