//! Which paths differ between two commits.

use gix::bstr::{BString, ByteSlice};
use gix::objs::tree::EntryRef;
use model::Sha;

use crate::Error;
use crate::repository::Repository;
use crate::tree::{Collector, MAX_DEPTH, PathList, list_tree, push_part, tree, tree_id};

impl Repository {
    /// Returns the paths that were added, removed or changed between two commits, at most `max`,
    /// sorted bytewise; `None` when one of the commits does not exist.
    ///
    /// A renamed file counts with both names. Zeros as `old` stand for the empty tree.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn changed_paths(&self, old: &Sha, new: &Sha, max: usize) -> Result<Option<PathList>, Error> {
        self.with(|repo| {
            let old_tree = match old.is_zero() {
                true => Some(gix::ObjectId::empty_tree(repo.object_hash())),
                false => tree_id(repo, old)?,
            };
            let (Some(old), Some(new)) = (old_tree, tree_id(repo, new)?) else {
                return Ok(None);
            };
            let mut collector = Collector::new(max);
            compare(repo, old, new, &mut BString::default(), 0, &mut collector)?;
            Ok(Some(collector.finish()))
        })
    }
}

/// Adds the paths that differ between two trees. Both are sorted alike, so this is a merge of two lists.
fn compare(
    repo: &gix::Repository,
    old: gix::ObjectId,
    new: gix::ObjectId,
    path: &mut BString,
    depth: usize,
    collector: &mut Collector,
) -> Result<(), Error> {
    if old == new {
        return Ok(());
    }
    let (old, new) = (tree(repo, old)?, tree(repo, new)?);
    let (old, new) = (decode(&old)?, decode(&new)?);
    let (mut old, mut new) = (old.entries.iter().peekable(), new.entries.iter().peekable());
    while !collector.is_full() {
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => sort_key(a).cmp(sort_key(b)),
        };
        let (a, b) = match order {
            std::cmp::Ordering::Less => (old.next(), None),
            std::cmp::Ordering::Greater => (None, new.next()),
            std::cmp::Ordering::Equal => (old.next(), new.next()),
        };
        compare_entries(repo, a, b, path, depth, collector)?;
    }
    Ok(())
}

fn compare_entries(
    repo: &gix::Repository,
    old: Option<&EntryRef<'_>>,
    new: Option<&EntryRef<'_>>,
    path: &mut BString,
    depth: usize,
    collector: &mut Collector,
) -> Result<(), Error> {
    let Some(present) = new.or(old) else { return Ok(()) };
    if old
        .zip(new)
        .is_some_and(|(old, new)| old.oid == new.oid && old.mode == new.mode)
    {
        return Ok(());
    }
    let length = push_part(path, present.filename);
    match (old, new) {
        _ if !present.mode.is_tree() => collector.push(path),
        _ if depth >= MAX_DEPTH => {}
        // Equal sort keys mean that both are trees.
        (Some(old), Some(new)) => compare(repo, old.oid.to_owned(), new.oid.to_owned(), path, depth + 1, collector)?,
        _ => list_tree(repo, present.oid.to_owned(), path, depth + 1, collector)?,
    }
    path.truncate(length);
    Ok(())
}

fn decode<'a>(tree: &'a gix::Object<'_>) -> Result<gix::objs::TreeRef<'a>, Error> {
    gix::objs::TreeRef::from_bytes(&tree.data, tree.id.kind()).map_err(Error::backend("decode a tree"))
}

/// Git's order of tree entries: by name, a folder as if its name ended in `/`.
fn sort_key<'a>(entry: &'a EntryRef<'_>) -> impl Iterator<Item = &'a u8> {
    let end: &[u8] = if entry.mode.is_tree() { b"/" } else { b"" };
    entry.filename.as_bytes().iter().chain(end)
}
