//! `cargo xtask test`: one `cargo test` over the whole workspace, with everything it needs running.
//!
//! Nothing is skipped: what is missing is installed (Debian) or named together with the command that
//! installs it, and the run fails. Tests find the services through two variables, [`POSTGRES_URL`] and [`PYTHON`].

use crate::process::{self, Process};
use crate::services::{browser, postgres, python};
use crate::{Result, services};

/// Address of a `PostgreSQL` server on which a test may create databases of its own.
const POSTGRES_URL: &str = "TRIPLINE_TEST_POSTGRES_URL";
/// A Python interpreter that has the client libraries we test against.
const PYTHON: &str = "TRIPLINE_TEST_PYTHON";

/// The program that drives Chromium.
const CHROMEDRIVER: &str = "TRIPLINE_TEST_CHROMEDRIVER";
/// The script that finds what keeps people from using a page.
const AXE: &str = "TRIPLINE_TEST_AXE";

/// The folder in which pictures of the pages are kept.
const PICTURES: &str = "TRIPLINE_PICTURES";

/// Runs the tests; arguments, when given, replace the selection of all tests (`-p store`, `-p compile rules`).
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    services::require_git()?;
    services::ensure_curl()?;
    let python = python::ensure()?;
    let test = selection(arguments)
        .env(PYTHON, python)
        .env(CHROMEDRIVER, browser::ensure_driver()?)
        .env(AXE, browser::ensure_axe()?);
    if let Some(url) = std::env::var_os(POSTGRES_URL) {
        eprintln!("postgres: using the server of {POSTGRES_URL}");
        return test.env(POSTGRES_URL, url).run();
    }
    let server = postgres::start()?;
    test.env(POSTGRES_URL, server.url()).run()
}

/// Takes pictures of the main pages and keeps them.
pub(crate) fn pictures(_arguments: &[String]) -> Result<()> {
    process::cargo(["test", "--package", "tripline", "--test", "browser", "pictures_of"])
        .env(CHROMEDRIVER, browser::ensure_driver()?)
        .env(AXE, browser::ensure_axe()?)
        .env(PICTURES, process::root().join("docs/pictures"))
        .run()
}

fn selection(arguments: &[String]) -> Process {
    if arguments.is_empty() {
        // Documentation examples are left out: each is a program of its own to link.
        process::cargo(["test", "--workspace", "--all-features", "--lib", "--bins", "--tests"])
    } else {
        process::cargo(["test"]).args(arguments)
    }
}
