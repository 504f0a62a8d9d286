//! The folders of a job.
//!
//! Only the runner writes to the folders above a project and to `<project>.tmp` itself, so no
//! job can put a link where the runner is going to write.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use super::removal::remove;
use super::{Account, Prepared};
use crate::keeper::Sandbox;

/// Paths of one job.
#[derive(Clone, Debug)]
pub(super) struct Dirs {
    /// All projects of this runner and slot.
    pub(super) builds: PathBuf,
    /// `CI_PROJECT_DIR`.
    pub(super) project: PathBuf,
    /// The runner's files for the job: scripts, file variables.
    pub(super) temporary: PathBuf,
    account: Option<Account>,
}

impl Dirs {
    /// Decides on the paths; touches nothing.
    ///
    /// Jobs of protected refs have folders of their own: a folder is kept for the next job, and whoever may run jobs on
    /// some branch only could leave a repository there that makes another commit out of the one that is asked for.
    pub(super) fn new(
        prepared: &Prepared,
        slot: usize,
        repository: Option<&str>,
        project_id: i64,
        empty: bool,
        protected: bool,
    ) -> Dirs {
        let mut slot = slot.to_string();
        if protected {
            slot.push_str("-protected");
        }
        let builds = prepared.builds_dir.join(&prepared.short_token).join(slot);
        let mut name = repository
            .and_then(repository_path)
            .unwrap_or_else(|| format!("project-{project_id}"));
        if empty {
            name.push_str("-empty");
        }
        Dirs {
            project: builds.join(&name),
            temporary: builds.join(format!("{name}.tmp")),
            builds,
            account: prepared.account.clone(),
        }
    }

    /// Where `$TMPDIR` points; gone after the job.
    pub(super) fn tmp(&self) -> PathBuf {
        self.temporary.join("tmp")
    }

    /// Where `$HOME` points; gone after the job.
    pub(super) fn home(&self) -> PathBuf {
        self.temporary.join("home")
    }

    /// What the job hands to the runner: archives, `$GITLAB_ENV`.
    pub(super) fn out(&self) -> PathBuf {
        self.temporary.join("out")
    }

    /// What the runner hands to the job: archives.
    pub(super) fn input(&self) -> PathBuf {
        self.temporary.join("in")
    }

    /// The file whose lines later steps export.
    pub(super) fn exported(&self) -> PathBuf {
        self.out().join("gitlab_runner_env")
    }

    /// Path of a file variable.
    pub(super) fn file_variable(&self, key: &str) -> PathBuf {
        // A name is no path: whatever could lead elsewhere is written as its number.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let name: String = key
            .bytes()
            .map(|byte| {
                if plain(byte) {
                    char::from(byte).to_string()
                } else {
                    format!("-{byte:02x}")
                }
            })
            .collect();
        self.variables().join(name)
    }

    /// Makes all folders: the project's stays as it is unless `fresh`, the temporary ones are new. `swept`: they were
    /// [swept](Dirs::clean) after the last job of this slot, and nobody has run there since.
    pub(super) fn prepare(&self, fresh: bool, swept: bool) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(self.project.parent().unwrap_or(&self.builds))?;
        if fresh || self.belongs_to_another(&self.project)? {
            remove(&self.project)?;
        }
        // Somebody may have cleared the builds folder meanwhile.
        let are_there = || self.temporary_folders().iter().all(|folder| folder.is_dir());
        if !(swept && are_there()) {
            remove(&self.temporary)?;
            self.make_temporary()?;
        }
        match fs::symlink_metadata(&self.project) {
            Ok(_) => Ok(()),
            Err(_) => self.make_own(&self.project),
        }
    }

    /// Writes a file that the job can read.
    pub(super) fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        self.give(path)
    }

    /// Removes everything temporary. The folders themselves stay for the next job of this project and slot, if the
    /// job left them as they were: making them is a good part of what a short job costs. Says whether they stay.
    pub(super) fn clean(&self) -> io::Result<bool> {
        let own = self.own_folders();
        let folders = self.temporary_folders();
        for path in entries(&self.temporary).filter(|path| !folders.contains(path)) {
            remove(&path)?;
        }
        for folder in &folders {
            let is_own = own.contains(folder);
            let (mode, owner) = if is_own {
                (0o700, self.owner())
            } else {
                (0o711, nix::unistd::geteuid().as_raw())
            };
            let found = fs::symlink_metadata(folder);
            let is_as_made =
                found.is_ok_and(|found| found.is_dir() && found.mode() & 0o7777 == mode && found.uid() == owner);
            if !is_as_made {
                remove(&self.temporary)?;
                return Ok(false);
            }
            for path in entries(folder) {
                remove(&path)?;
            }
        }
        Ok(true)
    }

    /// Removes everything, the project's folder too: what lives on of this job may write to no folder of the next one.
    /// (What it may do hangs on the folders themselves, not on their names.)
    pub(super) fn abandon(&self) -> io::Result<()> {
        remove(&self.project)?;
        remove(&self.temporary)
    }

    fn make_temporary(&self) -> io::Result<()> {
        DirBuilder::new().mode(0o711).create(&self.temporary)?;
        for folder in [self.input(), self.variables()] {
            DirBuilder::new().mode(0o711).create(folder)?;
        }
        for folder in self.own_folders() {
            self.make_own(&folder)?;
        }
        Ok(())
    }

    fn temporary_folders(&self) -> [PathBuf; 5] {
        let [tmp, home, out] = self.own_folders();
        [self.input(), self.variables(), tmp, home, out]
    }

    /// Those in which the job may write.
    fn own_folders(&self) -> [PathBuf; 3] {
        [self.tmp(), self.home(), self.out()]
    }

    /// Where file variables are.
    fn variables(&self) -> PathBuf {
        self.temporary.join("var")
    }

    /// Makes `path` the job's, so that it can read it.
    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        match &self.account {
            Some(account) => chown(path, Some(account.uid), Some(account.gid)),
            None => Ok(()),
        }
    }

    /// Returns what the job may touch.
    pub(super) fn sandbox(&self, prepared: &Prepared) -> Sandbox {
        Sandbox {
            user: self.account.as_ref().map(|account| (account.uid, account.gid)),
            read: prepared.readable.clone(),
            write: prepared.writable.clone(),
            denied: prepared.denied.clone(),
            own_read: vec![self.temporary.clone()],
            own_write: vec![self.project.clone(), self.tmp(), self.home(), self.out()],
            private: prepared.private.clone(),
            scratch: self.temporary.clone(),
        }
    }

    fn make_own(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)?;
        self.give(path)
    }

    /// Whether a folder was left by jobs of another user, whose files this one cannot handle.
    fn belongs_to_another(&self, path: &Path) -> io::Result<bool> {
        match fs::symlink_metadata(path) {
            Ok(found) => Ok(found.uid() != self.owner() || !found.is_dir()),
            Err(_) => Ok(false),
        }
    }

    /// Whom the job's folders belong to.
    fn owner(&self) -> u32 {
        self.account
            .as_ref()
            .map_or_else(|| nix::unistd::geteuid().as_raw(), |account| account.uid)
    }
}

/// Returns what lies in a folder; nothing when it cannot be read.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten();
    found.flatten().map(|entry| entry.path())
}

/// Returns the path of a repository's address without `.git`; `None` when it cannot name a folder.
pub(super) fn repository_path(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let usable =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".tmp") && !part.contains('\0');
    (!host.is_empty() && path.split('/').all(usable)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_folders_stay_while_they_are_as_made() {
        let builds = std::env::temp_dir().join(format!("tripline-dirs-{}", std::process::id()));
        let dirs = Dirs {
            project: builds.join("a/b"),
            temporary: builds.join("a/b.tmp"),
            builds: builds.clone(),
            account: None,
        };
        dirs.prepare(false, false).unwrap();
        dirs.write(&dirs.temporary.join("step_script"), b"x").unwrap();
        fs::create_dir_all(dirs.home().join(".cache/deep")).unwrap();
        assert!(dirs.clean().unwrap());
        assert_eq!(entries(&dirs.home()).count() + entries(&dirs.tmp()).count(), 0);
        assert_eq!(entries(&dirs.temporary).count(), 5);

        fs::remove_dir_all(&builds).unwrap();
        dirs.prepare(false, true).unwrap();
        assert!(dirs.out().is_dir(), "somebody had cleared the builds folder");

        fs::remove_dir(dirs.tmp()).unwrap();
        std::os::unix::fs::symlink("/", dirs.tmp()).unwrap();
        assert!(!dirs.clean().unwrap());
        assert!(!dirs.temporary.exists(), "what the job has changed is made anew");
        fs::remove_dir_all(builds).unwrap();
    }

    #[test]
    fn only_harmless_addresses_name_folders() {
        for (address, path) in [
            ("http://gitlab-ci-token:x@h:80/team/demo.git", Some("team/demo")),
            ("http://h/a/b/c.git/", Some("a/b/c")),
            ("http://h/../x.git", None),
            ("http://h/a/.git", None),
            ("file:///srv/x.git", None),
            ("http://h/", None),
            ("x", None),
        ] {
            assert_eq!(repository_path(address).as_deref(), path, "{address}");
        }
    }
}
