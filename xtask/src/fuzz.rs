//! `cargo xtask fuzz [TARGET…] [--seconds N]`: runs the fuzz targets, and saves what breaks something.
//!
//! cargo-fuzz wants a nightly compiler for flags that the everyday one has as well; the variable that
//! unlocks them there means that a fuzzer runs what everybody else builds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::process::{cargo, root};

/// Names of the targets, as in `fuzz/targets`.
const TARGETS: &[&str] = &["yaml", "expression", "interpolation", "configuration"];
/// Seconds for each target, unless said otherwise.
const SECONDS: u64 = 60;
/// Seconds for one input: what takes longer hangs.
const SECONDS_PER_INPUT: u64 = 10;
/// MiB that one input may take.
const MEMORY_MIB: u64 = 2048;
/// Bytes of an input. Longer ones find little and take long; the suites of the compiler have the large files.
const INPUT_BYTES: u64 = 4096;
/// Where cargo-fuzz builds, below the build folder; other flags than everything else.
const BUILD: &str = "target/fuzz";

/// Runs the targets that are named, or all of them.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (targets, seconds) = parse(arguments)?;
    if !cargo(["fuzz", "--version"]).succeeds() {
        return Err("cargo-fuzz is missing; run `cargo install cargo-fuzz --locked`".to_owned());
    }
    for target in targets {
        run_target(target, seconds)?;
    }
    Ok(())
}

/// Checks that the targets compile, without the fuzzer's library, which needs a compiler for C++.
pub(crate) fn check() -> Result<()> {
    cargo([
        "check",
        "--quiet",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--no-default-features",
        "--bins",
    ])
    .args([Path::new("--target-dir"), &root().join(BUILD)])
    .env("RUSTFLAGS", "-D warnings")
    .run()
}

fn run_target(target: &str, seconds: u64) -> Result<()> {
    let build = root().join(BUILD);
    // What the fuzzer found interesting goes on the pile of earlier runs; seeds are only read.
    let corpus = folder(build.join("corpus").join(target))?;
    let found = folder(root().join("fuzz/regressions").join(target))?;
    let seeds = root().join("fuzz/seeds").join(target);
    let dictionary = root().join("fuzz/dictionaries").join(target);
    cargo(["fuzz", "run", "--fuzz-dir", "fuzz", "--target-dir"])
        .args([&build])
        .args([target])
        .args([&corpus, &seeds, &found])
        .args(["--"])
        .args([
            format!("-dict={}", dictionary.display()),
            format!("-artifact_prefix={}/", found.display()),
            format!("-max_total_time={seconds}"),
            format!("-timeout={SECONDS_PER_INPUT}"),
            format!("-rss_limit_mb={MEMORY_MIB}"),
            format!("-max_len={INPUT_BYTES}"),
        ])
        .env("RUSTC_BOOTSTRAP", "1")
        .run()
        .map_err(|error| {
            format!("{error}\nthe input is in `fuzz/regressions/{target}`: `cargo test -p fuzzing` replays it")
        })
}

fn folder(path: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&path).map_err(|error| format!("cannot make `{}`: {error}", path.display()))?;
    Ok(path)
}

fn parse(arguments: &[String]) -> Result<(Vec<&'static str>, u64)> {
    let mut targets = Vec::new();
    let mut seconds = SECONDS;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--seconds" {
            let number = words.next().and_then(|text| text.parse().ok());
            seconds = number.ok_or("expected a number behind `--seconds`")?;
        } else {
            let known = TARGETS.iter().find(|target| *target == word);
            let known = known.ok_or_else(|| format!("there is no target `{word}`: {}", TARGETS.join(", ")))?;
            targets.push(*known);
        }
    }
    if targets.is_empty() {
        targets.extend(TARGETS);
    }
    Ok((targets, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn targets_and_seconds_come_in_any_order() {
        assert_eq!(parse(&words("")), Ok((TARGETS.to_vec(), SECONDS)));
        assert_eq!(parse(&words("--seconds 5 yaml")), Ok((vec!["yaml"], 5)));
        assert_eq!(
            parse(&words("yaml expression")),
            Ok((vec!["yaml", "expression"], SECONDS))
        );
        assert!(parse(&words("--seconds")).is_err());
        assert!(parse(&words("jaml")).is_err());
    }

    #[test]
    fn every_target_has_a_program_seeds_and_words() {
        for target in TARGETS {
            for path in ["targets/{}.rs", "seeds/{}", "dictionaries/{}"] {
                let path = root().join("fuzz").join(path.replace("{}", target));
                assert!(path.exists(), "`{}` is missing", path.display());
            }
        }
    }
}
