//! A work tree in a temporary folder, committed and pushed with the real `git`.

use std::path::Path;
use std::process::{Command, Output};

use crate::temp::TempDir;

/// A repository of a user.
#[derive(Debug)]
pub struct Repository {
    dir: TempDir,
}

impl Repository {
    /// Makes a repository whose first commit, on `main`, has these files.
    ///
    /// # Panics
    ///
    /// When `git` is missing or fails.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Repository {
        let repository = Repository { dir: TempDir::new() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit("first commit", files);
        repository
    }

    /// Writes files and commits them.
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = self.dir.path().join(path);
            let parent = path.parent().expect("a file in the work tree has a folder");
            std::fs::create_dir_all(parent).expect("the folder of a file can be made");
            std::fs::write(&path, text).expect("a file of the work tree can be written");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// Runs git and returns what it printed, without the last line break.
    ///
    /// # Panics
    ///
    /// When it fails; the message has what it said.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Runs git and returns its status and what it printed.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn try_git(&self, arguments: &[&str]) -> Output {
        git(self.dir.path(), arguments)
    }

    /// Returns the full id of the commit that `revision` names.
    #[must_use]
    pub fn sha(&self, revision: &str) -> String {
        self.git(&["rev-parse", revision])
    }

    /// Returns where the work tree is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Runs git in `dir`, untouched by the configuration of this machine's user.
pub(crate) fn git(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(dir);
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command.envs(git_environment()).stdin(std::process::Stdio::null());
    command
        .output()
        .unwrap_or_else(|error| panic!("cannot start git: {error}"))
}

/// Returns the variables that give git an author and nothing of this machine's configuration.
#[must_use]
pub fn git_environment() -> [(&'static str, &'static str); 7] {
    [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Ada Example"),
        ("GIT_COMMITTER_NAME", "Ada Example"),
        ("GIT_AUTHOR_EMAIL", "ada@example.com"),
        ("GIT_COMMITTER_EMAIL", "ada@example.com"),
    ]
}
