//! The project's chores: `cargo xtask test`, `cargo xtask ci` and the others.
//!
//! Without features this program has no dependencies, so that the first command of the README
//! answers within a second. It starts other programs (cargo, `PostgreSQL`, Python) and knows nothing of
//! what they test; chores that use the project's own crates are behind features.

use std::process::ExitCode;

mod ci;
#[cfg(feature = "conformance")]
mod compare_ci_local;
#[cfg(feature = "conformance")]
mod conformance;
#[cfg(feature = "conformance")]
mod conformance_composite;
#[cfg(feature = "conformance")]
mod conformance_files;
#[cfg(feature = "conformance")]
mod conformance_oracle;
#[cfg(feature = "conformance")]
mod conformance_processing;
#[cfg(feature = "conformance")]
mod conformance_server;
#[cfg(feature = "conformance")]
mod conformance_snapshots;
mod fuzz;
#[cfg(feature = "soak")]
mod gitlab_runner;
#[cfg(feature = "conformance")]
mod job_list;
mod process;
mod services;
#[cfg(feature = "soak")]
mod soak;
mod test;
mod tidy;

/// Why a chore stopped, for the person who started it.
type Result<T, E = String> = std::result::Result<T, E>;

/// One chore: its name, what it does, the function that does it with the rest of the arguments.
type Chore = (&'static str, &'static str, fn(&[String]) -> Result<()>);

const CHORES: &[Chore] = &[
    (
        "test",
        "all tests on both databases; installs or starts what they need. Arguments go to `cargo test`",
        test::run,
    ),
    (
        "ci",
        "everything a change must pass: `check`, `test`, and `conformance` where its data is there",
        ci::run,
    ),
    (
        "check",
        "formatting, tidy rules, clippy, rustdoc: no warning anywhere",
        ci::check,
    ),
    (
        "tidy",
        "only the rules of this repository (layers, words, documents)",
        tidy::run,
    ),
    (
        "bench",
        "figures beside their floors, in release builds: `bench trigger`, `bench live`, `bench pages`, `bench compile [DIR]`",
        bench,
    ),
    (
        "fuzz",
        "runs the fuzz targets: `fuzz [TARGET…] [--seconds N]`",
        fuzz::run,
    ),
    (
        "pictures",
        "takes the pictures of the pages in `docs/` anew, for README",
        test::pictures,
    ),
    (
        "conformance",
        "recorded behavior of GitLab against ours: `conformance DIR [--verbose | --record]`",
        run_conformance,
    ),
    (
        "compare-ci-local",
        "the jobs that `gitlab-ci-local` finds against ours: `compare-ci-local DIR`",
        compare_ci_local,
    ),
    (
        "soak",
        "kill server and runner while jobs run, then look for what is lost: `soak [--rounds N] [--seed N] [--postgres]`",
        run_soak,
    ),
    (
        "gitlab-runner",
        "holds a real GitLab Runner to what the embedded one is held to: `gitlab-runner PROGRAM [--slow]`",
        run_gitlab_runner,
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print_usage();
        return ExitCode::FAILURE;
    };
    let Some((_, _, chore)) = CHORES.iter().find(|(known, _, _)| known == name) else {
        eprintln!("error: there is no chore `{name}`\n");
        print_usage();
        return ExitCode::FAILURE;
    };
    match chore(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn print_usage() {
    eprintln!("usage: cargo xtask CHORE [ARGUMENTS]\n");
    for (name, about, _) in CHORES {
        eprintln!("  {name:<16} {about}");
    }
}

/// Builds the release binaries and runs the benchmark program.
fn bench(arguments: &[String]) -> Result<()> {
    process::cargo(["build", "--release", "--package", "tripline", "--package", "bench"]).run()?;
    process::cargo(["run", "--release", "--quiet", "--package", "bench", "--"])
        .args(arguments)
        .run()
}

#[cfg(feature = "soak")]
fn run_soak(arguments: &[String]) -> Result<()> {
    soak::run(arguments)
}

#[cfg(feature = "soak")]
fn run_gitlab_runner(arguments: &[String]) -> Result<()> {
    gitlab_runner::run(arguments)
}

#[cfg(not(feature = "soak"))]
fn run_soak(arguments: &[String]) -> Result<()> {
    with_the_test_kit("soak", arguments)
}

#[cfg(not(feature = "soak"))]
fn run_gitlab_runner(arguments: &[String]) -> Result<()> {
    with_the_test_kit("gitlab-runner", arguments)
}

/// Starts this program again with the test kit compiled in.
#[cfg(not(feature = "soak"))]
fn with_the_test_kit(chore: &str, arguments: &[String]) -> Result<()> {
    process::cargo([
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--features",
        "soak",
        "--",
        chore,
    ])
    .args(arguments)
    .run()
}

#[cfg(feature = "conformance")]
fn run_conformance(arguments: &[String]) -> Result<()> {
    conformance::run(arguments)
}

#[cfg(feature = "conformance")]
fn compare_ci_local(arguments: &[String]) -> Result<()> {
    compare_ci_local::run(arguments)
}

#[cfg(not(feature = "conformance"))]
fn run_conformance(arguments: &[String]) -> Result<()> {
    with_the_compiler("conformance", arguments)
}

#[cfg(not(feature = "conformance"))]
fn compare_ci_local(arguments: &[String]) -> Result<()> {
    with_the_compiler("compare-ci-local", arguments)
}

/// Starts this program again with what such chores need compiled in.
#[cfg(not(feature = "conformance"))]
fn with_the_compiler(chore: &str, arguments: &[String]) -> Result<()> {
    process::cargo([
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--features",
        "conformance",
        "--",
        chore,
    ])
    .args(arguments)
    .run()
}
