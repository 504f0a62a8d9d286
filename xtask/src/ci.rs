//! `cargo xtask ci` and `cargo xtask check`: what every change must pass, the quick things first.

use std::time::Instant;

use crate::process::{self, root};
use crate::{Result, fuzz, test, tidy};

/// Where the recorded behavior lies beside a checkout, unless an argument names another folder.
const CONFORMANCE_DIR: &str = "../shared/conformance";

/// Runs everything. An argument names the folder of the conformance suites.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    check(&[])?;
    step("test", || test::run(&[]))?;
    conformance(arguments.first().map_or(CONFORMANCE_DIR, String::as_str))
}

/// Formatting, the rules of this repository, clippy, the fuzz targets and rustdoc.
pub(crate) fn check(_arguments: &[String]) -> Result<()> {
    step("fmt", || {
        process::cargo(["fmt", "--all", "--check"]).run().map_err(|error| {
            format!("{error}\nrun `cargo fmt --all`; if the command is missing: `rustup component add rustfmt`")
        })
    })?;
    step("tidy", || tidy::run(&[]))?;
    step("clippy", || {
        process::cargo([
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ])
        .run()
        .map_err(|error| format!("{error}\nif the command is missing: `rustup component add clippy`"))
    })?;
    step("fuzz targets", fuzz::check)?;
    step("doc", || {
        process::cargo([
            "doc",
            "--workspace",
            "--all-features",
            "--no-deps",
            "--document-private-items",
            "--quiet",
        ])
        // The pages are for us and show private items, so links to them are welcome.
        .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links")
        .run()
    })
}

fn conformance(dir: &str) -> Result<()> {
    let dir = root().join(dir);
    if !dir.is_dir() {
        println!("conformance: no folder `{}`, left out", dir.display());
        return Ok(());
    }
    step("conformance", || crate::run_conformance(&[dir.display().to_string()]))
}

fn step(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("== {name}");
    let start = Instant::now();
    run()?;
    eprintln!("== {name}: passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
