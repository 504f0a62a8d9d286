//! The job shell as a program of its own, for the tests of this crate.
//!
//! The `tripline` binary offers the same entry as a hidden subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::job_shell_main(std::env::args_os().skip(1))
}
