//! `cargo xtask conformance DIR`: recorded behavior of GitLab against ours.
//!
//! `DIR` holds one folder per suite. A suite is a module of its own (`conformance_….rs`) with one
//! function that takes its folder and answers with a [`Tally`]; it prints each case that differs.

use std::path::Path;

use crate::Result;

/// What a suite found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Cases that came out as recorded.
    pub(crate) passed: usize,
    /// Cases that did not.
    pub(crate) failed: usize,
}

/// A folder of `DIR` and the function that runs it; the flag asks for more words.
type Suite = (&'static str, fn(&Path, bool) -> Result<Tally>);

const SUITES: &[Suite] = &[
    ("oracle", |folder, _| crate::conformance_composite::run(folder)),
    ("oracle", crate::conformance_oracle::run),
    ("pipeline-processing", |folder, _| {
        crate::conformance_processing::run(folder)
    }),
    ("pipeline-processing", |folder, _| {
        crate::conformance_server::run(folder)
    }),
    ("real-world", crate::conformance_files::real_world),
    ("real-world", crate::conformance_snapshots::run),
    ("templates", crate::conformance_files::templates),
];

/// Runs every suite whose folder is there.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (flags, folders): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|word| word.starts_with("--"));
    let verbose = flags.iter().any(|flag| *flag == "--verbose");
    let record = flags.iter().any(|flag| *flag == "--record");
    let ([dir], true) = (&folders[..], flags.len() == usize::from(verbose) + usize::from(record)) else {
        return Err("expected the folder with the suites, and maybe `--verbose` or `--record`".to_owned());
    };
    if record {
        return crate::conformance_snapshots::record(&Path::new(dir).join("real-world"));
    }
    let mut total = Tally::default();
    for (folder, suite) in SUITES {
        let path = Path::new(dir).join(folder);
        if !path.is_dir() {
            println!("conformance: no folder `{}`, left out", path.display());
            continue;
        }
        let tally = suite(&path, verbose)?;
        println!(
            "conformance: {folder}: {} passed, {} failed",
            tally.passed, tally.failed
        );
        total.passed += tally.passed;
        total.failed += tally.failed;
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    match total.failed {
        0 => Ok(()),
        failed => Err(format!("{failed} conformance cases differ from the recorded behavior")),
    }
}
