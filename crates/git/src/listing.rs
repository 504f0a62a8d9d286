//! What a folder holds at a commit, for the tree API.

use gix::bstr::ByteSlice;
use model::Sha;

use crate::Error;
use crate::repository::Repository;
use crate::tree::{MAX_DEPTH, entry_below, tree, tree_id};

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// Id of the file's content, of the folder, or of the submodule's commit.
    pub id: String,
    /// Whole path; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Six octal digits.
    pub mode: String,
}

/// What an entry of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file or a symbolic link.
    File,
    /// A folder.
    Folder,
    /// A commit of another repository.
    Submodule,
}

impl Repository {
    /// Lists a folder (empty path = the root), with everything below it when `recursive`; at most `max` entries.
    /// Folders come before files. `None` when there is no such commit or folder.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn entries(
        &self,
        commit: &Sha,
        path: &str,
        recursive: bool,
        max: usize,
    ) -> Result<Option<Vec<TreeEntry>>, Error> {
        self.with(|repo| {
            let Some(root) = tree_id(repo, commit)? else {
                return Ok(None);
            };
            let path = path.trim_matches('/');
            let folder = if path.is_empty() {
                Some(root)
            } else {
                let found = entry_below(repo, root, path)?;
                found.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id)
            };
            let Some(folder) = folder else { return Ok(None) };
            let mut list = Vec::new();
            collect(repo, folder, path, recursive, max, 0, &mut list)?;
            Ok(Some(list))
        })
    }
}

fn collect(
    repo: &gix::Repository,
    id: gix::ObjectId,
    path: &str,
    recursive: bool,
    max: usize,
    depth: usize,
    list: &mut Vec<TreeEntry>,
) -> Result<(), Error> {
    let object = tree(repo, id)?;
    let mut folders = Vec::new();
    let mut others = Vec::new();
    for entry in gix::objs::TreeRefIter::from_bytes(&object.data, id.kind()) {
        let entry = entry.map_err(Error::backend("decode a tree"))?;
        let name = entry.filename.to_str_lossy();
        let path = if path.is_empty() {
            name.into_owned()
        } else {
            format!("{path}/{name}")
        };
        let (kind, group) = match entry.mode {
            mode if mode.is_tree() => (EntryKind::Folder, &mut folders),
            mode if mode.is_commit() => (EntryKind::Submodule, &mut others),
            _ => (EntryKind::File, &mut others),
        };
        let shown = TreeEntry {
            id: entry.oid.to_hex().to_string(),
            path,
            kind,
            mode: format!("{:06o}", entry.mode.value()),
        };
        group.push((shown, entry.oid.to_owned()));
    }
    for (shown, id) in folders.into_iter().chain(others) {
        if list.len() >= max {
            break;
        }
        let inner = (recursive && shown.kind == EntryKind::Folder && depth < MAX_DEPTH).then(|| shown.path.clone());
        list.push(shown);
        if let Some(path) = inner {
            collect(repo, id, &path, recursive, max, depth + 1, list)?;
        }
    }
    Ok(())
}
