//! A Python environment with the client libraries that drive the server in tests.
//!
//! It lies in `target/` and is made again when the list of libraries changes.

use std::fs;
use std::path::{Path, PathBuf};

use super::debian;
use crate::Result;
use crate::process::{program, root, services_dir};

/// The libraries with their exact versions, in pip's format.
const REQUIREMENTS: &str = "crates/server/tests/clients/requirements.txt";

/// Returns the interpreter, after making the environment if needed.
///
/// # Errors
///
/// When Python or its `venv` module is missing and cannot be installed, or when pip fails.
pub(crate) fn ensure() -> Result<PathBuf> {
    let requirements = root().join(REQUIREMENTS);
    let wanted = fs::read_to_string(&requirements).map_err(|error| format!("cannot read `{REQUIREMENTS}`: {error}"))?;
    let dir = services_dir().join("python");
    let interpreter = dir.join("bin/python");
    // Written last, so an interrupted installation is started again.
    let stamp = dir.join("installed-requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && interpreter.exists() {
        return Ok(interpreter);
    }
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(|error| format!("cannot remove `{}`: {error}", dir.display()))?;
    }
    make_environment(&dir)?;
    program(&interpreter)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--requirement",
        ])
        .args([&requirements])
        .run()?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write `{}`: {error}", stamp.display()))?;
    Ok(interpreter)
}

fn make_environment(dir: &Path) -> Result<()> {
    let make = |python: &str| program(python).args(["-m", "venv"]).args([dir]).output().map(drop);
    make("python3").or_else(|_| {
        debian::install(
            "the client tests need Python with its `venv` module",
            &["python3", "python3-venv"],
        )?;
        // Another python3 may stand first in PATH; the one just installed is known to be complete.
        drop(fs::remove_dir_all(dir));
        make("/usr/bin/python3")
    })
}
