//! Starting other programs: what is run is printed, and a failure says which program failed how.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// A program about to be run in the root of the workspace.
pub(crate) struct Process {
    command: Command,
}

/// Returns a process for `program`.
pub(crate) fn program(program: impl AsRef<OsStr>) -> Process {
    let mut command = Command::new(program);
    command.current_dir(root());
    Process { command }
}

/// Returns a process for the cargo that runs us.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Process {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    program(cargo).args(arguments)
}

/// Returns the root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the root of the workspace")
}

/// Returns the folder for what the tests need beside the build: `target/test-services`.
pub(crate) fn services_dir() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    root().join(target).join("test-services")
}

/// Builds the server as tests use it and returns the program.
#[cfg(any(feature = "conformance", feature = "soak"))]
pub(crate) fn build_server() -> Result<PathBuf> {
    cargo(["build", "--package", "tripline"]).run()?;
    let target = services_dir();
    Ok(target.with_file_name("debug").join("tripline"))
}

impl Process {
    /// Adds arguments.
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not exit with 0.
    pub(crate) fn run(mut self) -> Result<()> {
        let line = self.line();
        eprintln!("$ {line}");
        let status = self
            .command
            .status()
            .map_err(|error| format!("cannot start `{line}`: {error}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{line}` failed: {status}"))
        }
    }

    /// Runs it and returns what it wrote to its standard output.
    ///
    /// # Errors
    ///
    /// As [`Process::run`]; the message ends with what it wrote to its standard error.
    pub(crate) fn output(mut self) -> Result<String> {
        let line = self.line();
        let output = self
            .command
            .output()
            .map_err(|error| format!("cannot start `{line}`: {error}"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            let reason = String::from_utf8_lossy(&output.stderr);
            Err(format!("`{line}` failed: {}\n{}", output.status, reason.trim_end()))
        }
    }

    /// Whether it can be started and exits with 0; its output is thrown away.
    pub(crate) fn succeeds(self) -> bool {
        self.output().is_ok()
    }

    /// Returns the command itself, for a process that is to go on beside us.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    fn line(&self) -> String {
        let program = Path::new(self.command.get_program());
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
        let arguments = self.command.get_args().map(|argument| argument.to_string_lossy());
        std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
    }
}
