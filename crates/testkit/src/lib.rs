//! What tests share: a server to talk to, a client to talk with, repositories to push, a runner to play.
//!
//! Everything here drives Tripline from outside, as a user would: the real binary, real HTTP, the real
//! `git`. It knows none of our crates, so each of them may use it in its tests. Whatever is missing on the
//! machine fails the test with the command that provides it; nothing is skipped.

mod api;
mod browser;
mod combined;
mod database;
mod encoding;
mod gitlab_runner;
mod http;
mod processing;
mod repository;
mod runner;
mod server;
mod site;
mod soak;
mod temp;
mod wait;

pub use api::{Api, Project};
pub use browser::{Browser, BrowserOptions, ENTER, TAB};
pub use combined::{COMBINED_STATUSES, combined};
pub use database::{Database, TestDatabase};
pub use encoding::{Form, base64, encode_segment, gzip};
pub use gitlab_runner::GitlabRunner;
pub use http::{Client, Request, Response};
pub use processing::follow_case;
pub use repository::{Repository, git_environment};
pub use runner::{RunnerJob, ScriptedRunner, Upload};
pub use server::{AnotherServer, ServerOptions, TestServer};
pub use site::Site;
pub use soak::{SoakFindings, soak};
pub use temp::{TempDir, files_with};
pub use wait::eventually;

/// Variable that names a Python interpreter with the client libraries.
const PYTHON: &str = "TRIPLINE_TEST_PYTHON";

/// Returns the Python interpreter that has the client libraries.
///
/// # Panics
///
/// When there is none: tests are to be run with `cargo xtask test`.
#[must_use]
pub fn python() -> std::path::PathBuf {
    match std::env::var_os(PYTHON) {
        Some(path) => path.into(),
        None => panic!("{PYTHON} is not set: run the tests with `cargo xtask test`"),
    }
}
