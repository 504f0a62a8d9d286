//! Every seed and every input that once broke something, with the compiler that builds everything else.

use std::fs;
use std::path::{Path, PathBuf};

use fuzzing::{TARGETS, Verdict};

/// The files of a folder of `fuzz/`, sorted.
fn inputs(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz")
        .join(kind)
        .join(target);
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: PathBuf| fs::read(&path).map(|data| (path, data));
    paths
        .into_iter()
        .map(read)
        .collect::<Result<_, _>>()
        .expect("the files can be read")
}

/// Seeds whose names start with `bad` are refused, all others accepted: they reach what they were written for.
#[test]
fn every_seed_reaches_what_it_was_written_for() {
    for (target, run) in TARGETS {
        let seeds = inputs("seeds", target);
        assert!(seeds.len() >= 5, "`{target}` has no seeds");
        for (path, data) in seeds {
            let name = path.file_name().expect("it is a file").to_string_lossy();
            let expected = if name.starts_with("bad") {
                Verdict::Refused
            } else {
                Verdict::Accepted
            };
            assert_eq!(run(&data), expected, "{}", path.display());
        }
    }
}

#[test]
fn nothing_that_was_found_comes_back() {
    for (target, run) in TARGETS {
        for (path, data) in inputs("regressions", target) {
            eprintln!("{}", path.display());
            run(&data);
        }
    }
}

/// Every prefix and every seed with one byte cut out or doubled: what a fuzzer tries first, on each run of the tests.
#[test]
fn seeds_that_are_cut_or_garbled_hold_too() {
    for (target, run) in TARGETS {
        for (path, data) in inputs("seeds", target)
            .into_iter()
            .filter(|(_, data)| data.len() <= 160)
        {
            eprintln!("{}", path.display());
            for at in 0..data.len() {
                run(&data[..at]);
                run(&[&data[..at], &data[at + 1..]].concat());
                run(&[&data[..=at], &data[at..]].concat());
            }
        }
    }
}
