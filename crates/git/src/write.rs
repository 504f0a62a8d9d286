//! New commits without a work tree: for the files and commits API, and for sample projects.

use std::collections::BTreeMap;

use gix::bstr::BString;
use gix::objs::tree::EntryKind;
use model::Sha;

use crate::commit::Signature;
use crate::repository::{Repository, object_id, sha};
use crate::{Error, names, tree};

/// One change of a commit to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Adds a file; refused when it is there.
    Create {
        /// Where.
        path: String,
        /// What is in it.
        content: Vec<u8>,
        /// Whether it is executable.
        executable: bool,
    },
    /// Replaces the content of a file; refused when it is not there. The mode stays.
    Update {
        /// Where.
        path: String,
        /// What is in it.
        content: Vec<u8>,
    },
    /// Moves a file, refused when it is not there or the new place is taken.
    Move {
        /// From where.
        previous_path: String,
        /// Where to.
        path: String,
        /// New content; `None` keeps it.
        content: Option<Vec<u8>>,
    },
    /// Removes a file; refused when it is not there.
    Delete {
        /// Where.
        path: String,
    },
    /// Makes a file executable or not; refused when it is not there.
    Chmod {
        /// Where.
        path: String,
        /// Whether it is to be executable.
        executable: bool,
    },
}

impl Action {
    /// A plain new file.
    #[must_use]
    pub fn create(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Action {
        Action::Create {
            path: path.into(),
            content: content.into(),
            executable: false,
        }
    }

    /// New content for a file.
    #[must_use]
    pub fn update(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Action {
        Action::Update {
            path: path.into(),
            content: content.into(),
        }
    }
}

/// A commit to make.
#[derive(Clone, Debug)]
pub struct NewCommit<'a> {
    /// Short name of the branch; it is created when it does not exist.
    pub branch: &'a str,
    /// Commit to build on when the branch does not exist; `None` = a root commit.
    pub start: Option<&'a Sha>,
    /// The changes, applied in this order.
    pub actions: &'a [Action],
    /// Who wrote it, and when.
    pub author: &'a Signature,
    /// Who commits it, and when.
    pub committer: &'a Signature,
    /// The message.
    pub message: &'a str,
}

impl Repository {
    /// Makes a commit on a branch and returns its id.
    ///
    /// The branch moves only if nobody else has moved it since; objects written for a commit that
    /// fails stay behind unreachable.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::InvalidRefName`], [`Error::InvalidPath`], [`Error::FileExists`],
    /// [`Error::FileMissing`], [`Error::NoObject`] for `start`, [`Error::RefMoved`] or [`Error::RefExists`]
    /// when somebody else was faster.
    pub fn commit_files(&self, new: &NewCommit<'_>) -> Result<Sha, Error> {
        self.check_writable()?;
        let full_name = format!("refs/heads/{}", new.branch);
        names::check_ref(&full_name)?;
        let head = self.ref_target(&full_name)?;
        let parent = head.as_ref().or(new.start);
        let commit = self.with(|repo| {
            let parent = parent.map(|sha| find_parent(repo, sha)).transpose()?;
            let base = parent.map_or(gix::ObjectId::empty_tree(repo.object_hash()), |(_, tree)| tree);
            let mut staged = Staged {
                repo,
                base,
                changes: BTreeMap::new(),
            };
            new.actions.iter().try_for_each(|action| staged.apply(action))?;
            let tree = staged.write()?;
            let commit = gix::objs::Commit {
                tree,
                parents: parent.into_iter().map(|(id, _)| id).collect(),
                author: actor(new.author),
                committer: actor(new.committer),
                encoding: None,
                message: message(new.message).into(),
                extra_headers: vec![],
            };
            let id = repo.write_object(&commit).map_err(Error::backend("write a commit"))?;
            Ok::<_, Error>(sha(&id))
        })?;
        self.update_ref(&full_name, Some(head.as_ref().unwrap_or(&Sha::zero())), &commit)?;
        Ok(commit)
    }
}

/// Returns the commit and its tree.
fn find_parent(repo: &gix::Repository, sha: &Sha) -> Result<(gix::ObjectId, gix::ObjectId), Error> {
    let tree = crate::tree::tree_id(repo, sha)?;
    object_id(sha)
        .zip(tree)
        .ok_or_else(|| Error::NoObject { id: sha.to_string() })
}

/// The tree that a commit starts from, and what its actions have changed so far.
struct Staged<'r> {
    repo: &'r gix::Repository,
    base: gix::ObjectId,
    /// `None` = the file is gone.
    changes: BTreeMap<String, Option<Entry>>,
}

type Entry = (EntryKind, gix::ObjectId);

impl Staged<'_> {
    fn apply(&mut self, action: &Action) -> Result<(), Error> {
        match action {
            Action::Create {
                path,
                content,
                executable,
            } => {
                self.expect_free(path)?;
                let id = self.blob(content)?;
                self.stage(path, Some((kind(*executable), id)));
            }
            Action::Update { path, content } => {
                let (kind, _) = self.expect_file(path)?;
                let id = self.blob(content)?;
                self.stage(path, Some((kind, id)));
            }
            Action::Move {
                previous_path,
                path,
                content,
            } => {
                let (kind, id) = self.expect_file(previous_path)?;
                self.stage(previous_path, None);
                self.expect_free(path)?;
                let id = content.as_ref().map_or(Ok(id), |content| self.blob(content))?;
                self.stage(path, Some((kind, id)));
            }
            Action::Delete { path } => {
                self.expect_file(path)?;
                self.stage(path, None);
            }
            Action::Chmod { path, executable } => {
                let (_, id) = self.expect_file(path)?;
                self.stage(path, Some((kind(*executable), id)));
            }
        }
        Ok(())
    }

    fn stage(&mut self, path: &str, change: Option<Entry>) {
        self.changes.insert(path.to_owned(), change);
    }

    fn blob(&self, content: &[u8]) -> Result<gix::ObjectId, Error> {
        self.repo
            .write_blob(content)
            .map(gix::Id::detach)
            .map_err(Error::backend("write a file"))
    }

    fn expect_file(&self, path: &str) -> Result<Entry, Error> {
        names::check_path(path)?;
        self.file_at(path)?
            .ok_or_else(|| Error::FileMissing { path: path.to_owned() })
    }

    /// Refuses a path that is a file or a folder, or that leads through a file.
    fn expect_free(&self, path: &str) -> Result<(), Error> {
        names::check_path(path)?;
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        for file in folders.chain([path]) {
            if self.file_at(file)?.is_some() {
                return Err(Error::FileExists { path: file.to_owned() });
            }
        }
        match self.has_folder(path)? {
            true => Err(Error::FileExists { path: path.to_owned() }),
            false => Ok(()),
        }
    }

    fn file_at(&self, path: &str) -> Result<Option<Entry>, Error> {
        if let Some(change) = self.changes.get(path) {
            return Ok(*change);
        }
        let entry = tree::entry_below(self.repo, self.base, path)?;
        Ok(entry
            .filter(|(mode, _)| !mode.is_tree())
            .map(|(mode, id)| (mode.kind(), id)))
    }

    fn has_folder(&self, path: &str) -> Result<bool, Error> {
        let prefix = format!("{path}/");
        let below = self
            .changes
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix));
        if below.clone().any(|(_, change)| change.is_some()) {
            return Ok(true);
        }
        match tree::entry_below(self.repo, self.base, path)? {
            Some((mode, id)) if mode.is_tree() => {
                // All changes below it are removals: it is still there if it has a file more than these.
                let mut files = tree::Collector::new(below.count());
                tree::list_tree(self.repo, id, &mut BString::default(), 0, &mut files)?;
                Ok(files.is_full())
            }
            _ => Ok(false),
        }
    }

    fn write(self) -> Result<gix::ObjectId, Error> {
        let failed = "edit a tree";
        let mut editor = self.repo.edit_tree(self.base).map_err(Error::backend(failed))?;
        // Removals first: a file may take the place of a folder that they empty.
        for (path, _) in self.changes.iter().filter(|(_, change)| change.is_none()) {
            editor.remove(path.as_str()).map_err(Error::backend(failed))?;
        }
        for (path, change) in &self.changes {
            if let Some((kind, id)) = change {
                editor
                    .upsert(path.as_str(), *kind, *id)
                    .map_err(Error::backend(failed))?;
            }
        }
        let root = editor.write().map_err(Error::backend("write a tree"))?.detach();
        if root == gix::ObjectId::empty_tree(root.kind()) {
            // Everybody knows the empty tree, but git's checks want it to be there.
            self.repo
                .write_object(gix::objs::Tree::empty())
                .map_err(Error::backend("write a tree"))?;
        }
        Ok(root)
    }
}

const fn kind(executable: bool) -> EntryKind {
    if executable {
        EntryKind::BlobExecutable
    } else {
        EntryKind::Blob
    }
}

/// Returns gix's form of a signature; characters that would break the format are left out.
pub(crate) fn actor(signature: &Signature) -> gix::actor::Signature {
    let clean = |text: &str| text.replace(['<', '>', '\n', '\0'], "").trim().to_owned();
    gix::actor::Signature {
        name: clean(&signature.name).into(),
        email: clean(&signature.email).into(),
        time: gix::date::Time {
            seconds: signature.time.seconds,
            offset: signature.time.offset_seconds,
        },
    }
}

/// Returns a message as git writes it: no NUL, one newline at the end.
pub(crate) fn message(text: &str) -> String {
    format!("{}\n", text.replace('\0', "").trim_end_matches('\n'))
}
