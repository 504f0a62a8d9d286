//! What tests need beside cargo: a `PostgreSQL` server, a Python with client libraries, curl, git.
//!
//! On Debian missing packages are installed when we may do so; otherwise the error is the command to run.

pub(crate) mod browser;
mod debian;
pub(crate) mod postgres;
pub(crate) mod python;

use crate::{Result, process};

/// Checks that git is there: it is a prerequisite of the project, not something we install.
///
/// # Errors
///
/// When `git --version` does not run.
pub(crate) fn require_git() -> Result<()> {
    if process::program("git").args(["--version"]).succeeds() {
        Ok(())
    } else {
        Err("`git` is needed to build and test and was not found".to_owned())
    }
}

/// Installs curl if it is missing: README's examples are tested with it.
///
/// # Errors
///
/// When it is missing and cannot be installed.
pub(crate) fn ensure_curl() -> Result<()> {
    if process::program("curl").args(["--version"]).succeeds() {
        return Ok(());
    }
    debian::install("the tests of README's examples need curl", &["curl"])
}

/// Whether we are the administrator of this machine.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
