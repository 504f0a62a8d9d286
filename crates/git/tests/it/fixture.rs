//! A root folder that goes away with the test, and a real git that sees no configuration.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use git::write::{Action, NewCommit};
use git::{CommitTime, Repositories, Repository, Signature};
use model::{ProjectId, Sha};

/// A folder that is removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tripline-git-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Repositories with one project, number 1, whose default branch is `main`.
pub(crate) struct Fixture {
    pub(crate) folder: Folder,
    pub(crate) repositories: Repositories,
    pub(crate) repo: Repository,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let folder = Folder::new();
        let repositories = Repositories::new(folder.0.join("repositories")).unwrap();
        let repo = repositories.create(ProjectId(1), "main").unwrap();
        Fixture {
            folder,
            repositories,
            repo,
        }
    }

    /// Commits new files on a branch.
    pub(crate) fn commit(&self, branch: &str, files: &[(&str, &str)], message: &str) -> Sha {
        let actions: Vec<_> = files.iter().map(|(path, text)| Action::create(*path, *text)).collect();
        self.apply(branch, &actions, message).unwrap()
    }

    pub(crate) fn apply(&self, branch: &str, actions: &[Action], message: &str) -> Result<Sha, git::Error> {
        let author = signature(1_700_000_000);
        let new = NewCommit {
            branch,
            start: None,
            actions,
            author: &author,
            committer: &author,
            message,
        };
        self.repo.commit_files(&new)
    }

    /// Runs git on the repository.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(self.repo.git_dir(), arguments)
    }
}

pub(crate) fn signature(seconds: i64) -> Signature {
    let time = CommitTime {
        seconds,
        offset_seconds: 2 * 3600,
    };
    Signature {
        name: "Ann Example".into(),
        email: "ann@example.com".into(),
        time,
    }
}

/// Runs git in a folder and returns what it wrote, without the newline at the end.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap());
    command
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "Ann Example")
            .env(format!("GIT_{who}_EMAIL"), "ann@example.com");
        command.env(format!("GIT_{who}_DATE"), "2023-11-14T22:13:20+0000");
    }
    command
}

pub(crate) fn sha(text: &str) -> Sha {
    text.parse().unwrap()
}
