//! Files of a commit: read one, list all.

use gix::bstr::{BString, ByteSlice};
use gix::objs::tree::EntryMode;
use model::Sha;

use crate::Error;
use crate::repository::{Repository, find, object_id, sha};

/// Deepest nesting of folders that is walked.
///
/// Git itself has no limit; a tree of hostile depth must not exhaust the stack.
pub(crate) const MAX_DEPTH: usize = 256;

/// Id of a file's content: equal ids are equal bytes, in every repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId(pub(crate) gix::ObjectId);

impl std::fmt::Display for BlobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.to_hex().fmt(f)
    }
}

/// A file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Id of its content.
    pub blob: BlobId,
    /// Whether it is executable.
    pub executable: bool,
    /// Its content; for a symbolic link the path it leads to.
    pub content: Vec<u8>,
}

/// Paths of a tree or of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathList {
    /// The paths, sorted bytewise; bytes that are not UTF-8 are replaced.
    pub paths: Vec<String>,
    /// Whether there are more than the caller wanted.
    pub truncated: bool,
}

impl Repository {
    /// Returns the id of a file's content at a commit; `None` when there is no such commit or file.
    ///
    /// The cheapest question about a file: callers key their caches by the answer.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn blob_id(&self, commit: &Sha, path: &str) -> Result<Option<BlobId>, Error> {
        self.with(|repo| Ok(entry(repo, commit, path)?.map(|(_, id)| BlobId(id))))
    }

    /// Returns a file at a commit; `None` when there is no such commit or file.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] when it has more than `limit` bytes, [`Error::Backend`] when the repository is damaged.
    pub fn file(&self, commit: &Sha, path: &str, limit: u64) -> Result<Option<File>, Error> {
        self.with(|repo| {
            let Some((mode, id)) = entry(repo, commit, path)? else {
                return Ok(None);
            };
            let content = content(repo, id, path, limit)?;
            Ok(Some(File {
                blob: BlobId(id),
                executable: mode.is_executable(),
                content,
            }))
        })
    }

    /// Returns the content behind an id that [`Repository::blob_id`] gave; `path` is for messages only.
    ///
    /// # Errors
    ///
    /// As [`Repository::file`]; [`Error::NoObject`] when it is gone.
    pub fn blob(&self, id: BlobId, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
        self.with(|repo| content(repo, id.0, path, limit))
    }

    /// Returns the paths of all files at a commit, at most `max`, sorted bytewise; `None` when there is no such commit.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn paths(&self, commit: &Sha, max: usize) -> Result<Option<PathList>, Error> {
        self.with(|repo| {
            let Some(tree) = tree_id(repo, commit)? else {
                return Ok(None);
            };
            let mut collector = Collector::new(max);
            list_tree(repo, tree, &mut BString::default(), 0, &mut collector)?;
            Ok(Some(collector.finish()))
        })
    }
}

/// Returns the id of a commit's tree; `None` when there is no such commit.
pub(crate) fn tree_id(repo: &gix::Repository, commit: &Sha) -> Result<Option<gix::ObjectId>, Error> {
    let Some(id) = object_id(commit) else { return Ok(None) };
    let Some(object) = find(repo, id, gix::objs::Kind::Commit)? else {
        return Ok(None);
    };
    let mut fields = gix::objs::CommitRefIter::from_bytes(&object.data, id.kind());
    fields.tree_id().map(Some).map_err(Error::backend("decode a commit"))
}

/// Returns mode and id of a file (not of a folder or submodule).
fn entry(repo: &gix::Repository, commit: &Sha, path: &str) -> Result<Option<(EntryMode, gix::ObjectId)>, Error> {
    let Some(tree) = tree_id(repo, commit)? else {
        return Ok(None);
    };
    Ok(entry_below(repo, tree, path)?.filter(|(mode, _)| mode.is_blob_or_symlink()))
}

/// Returns mode and id of whatever is at a path below a tree.
pub(crate) fn entry_below(
    repo: &gix::Repository,
    mut id: gix::ObjectId,
    path: &str,
) -> Result<Option<(EntryMode, gix::ObjectId)>, Error> {
    let mut mode = EntryMode::from(gix::objs::tree::EntryKind::Tree);
    for part in path.split('/') {
        if !mode.is_tree() {
            return Ok(None);
        }
        let tree = tree(repo, id)?;
        let found = gix::objs::TreeRefIter::from_bytes(&tree.data, id.kind())
            .filter_map(Result::ok)
            .find(|entry| entry.filename.as_bytes() == part.as_bytes());
        let Some(found) = found else { return Ok(None) };
        (mode, id) = (found.mode, found.oid.to_owned());
    }
    Ok(Some((mode, id)))
}

fn content(repo: &gix::Repository, id: gix::ObjectId, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
    let no_object = || Error::NoObject {
        id: id.to_hex().to_string(),
    };
    let header = repo
        .try_find_header(id)
        .map_err(Error::backend("read an object"))?
        .ok_or_else(no_object)?;
    if header.size() > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            size: header.size(),
            limit,
        });
    }
    let mut blob = find(repo, id, gix::objs::Kind::Blob)?.ok_or_else(no_object)?;
    Ok(std::mem::take(&mut blob.data))
}

pub(crate) fn tree(repo: &gix::Repository, id: gix::ObjectId) -> Result<gix::Object<'_>, Error> {
    find(repo, id, gix::objs::Kind::Tree)?.ok_or_else(|| Error::NoObject {
        id: sha(&id).to_string(),
    })
}

/// Gathers paths up to a limit.
pub(crate) struct Collector {
    list: PathList,
    max: usize,
    replaced: bool,
}

impl Collector {
    pub(crate) fn new(max: usize) -> Collector {
        Collector {
            list: PathList::default(),
            max,
            replaced: false,
        }
    }

    /// Whether there is no use in going on.
    pub(crate) fn is_full(&self) -> bool {
        self.list.truncated
    }

    pub(crate) fn push(&mut self, path: &BString) {
        if self.list.paths.len() == self.max {
            self.list.truncated = true;
            return;
        }
        let path = path.to_str_lossy();
        self.replaced |= matches!(path, std::borrow::Cow::Owned(_));
        self.list.paths.push(path.into_owned());
    }

    /// The walk is in order already, unless replaced bytes have changed it.
    pub(crate) fn finish(mut self) -> PathList {
        if self.replaced {
            self.list.paths.sort_unstable();
        }
        self.list
    }
}

/// Adds all files below a tree. Git sorts a folder as if its name ended in `/`, so that going
/// through trees depth first yields whole paths in bytewise order.
pub(crate) fn list_tree(
    repo: &gix::Repository,
    id: gix::ObjectId,
    path: &mut BString,
    depth: usize,
    collector: &mut Collector,
) -> Result<(), Error> {
    let object = tree(repo, id)?;
    for entry in gix::objs::TreeRefIter::from_bytes(&object.data, id.kind()) {
        let entry = entry.map_err(Error::backend("decode a tree"))?;
        let length = push_part(path, entry.filename);
        if !entry.mode.is_tree() {
            collector.push(path);
        } else if depth < MAX_DEPTH {
            list_tree(repo, entry.oid.to_owned(), path, depth + 1, collector)?;
        }
        path.truncate(length);
        if collector.is_full() {
            break;
        }
    }
    Ok(())
}

/// Appends a part to a path; returns the length to truncate to afterwards.
pub(crate) fn push_part(path: &mut BString, part: &gix::bstr::BStr) -> usize {
    let length = path.len();
    if length > 0 {
        path.push(b'/');
    }
    path.extend_from_slice(part);
    length
}
