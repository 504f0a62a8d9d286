//! The jobs of the files that people use, as recorded in `xtask/snapshots`: a change of the compiler that
//! changes them shows which.
//!
//! The files are not ours to publish; the names and stages of their jobs are what a snapshot keeps.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use model::When;

use crate::Result;
use crate::conformance::Tally;
use crate::conformance_files::STUB;
use crate::job_list::{Listed, Listing, OCCASIONS, list};
use crate::process::root;

/// Compares every folder of `real-world/` that has a snapshot.
pub(crate) fn run(folder: &Path, verbose: bool) -> Result<Tally> {
    let mut tally = Tally::default();
    for name in repositories(folder)? {
        let Ok(expected) = std::fs::read_to_string(snapshot(&name)) else {
            if verbose {
                println!("    {name}: has no snapshot; `conformance DIR --record` makes one");
            }
            continue;
        };
        let found = describe(folder, &name);
        if found == expected {
            tally.passed += 1;
            continue;
        }
        tally.failed += 1;
        let differences = differences(&expected, &found);
        println!("    {name}: {} lines differ from its snapshot", differences.len());
        let shown = if verbose { differences.len() } else { 3 };
        differences
            .iter()
            .take(shown)
            .for_each(|line| println!("        {line}"));
    }
    Ok(tally)
}

/// Writes a snapshot of every folder.
pub(crate) fn record(folder: &Path) -> Result<()> {
    for name in repositories(folder)? {
        let path = snapshot(&name);
        std::fs::create_dir_all(path.parent().unwrap_or(root()))
            .and_then(|()| std::fs::write(&path, describe(folder, &name)))
            .map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    }
    Ok(())
}

fn repositories(folder: &Path) -> Result<Vec<String>> {
    let names = crate::conformance_files::names(folder)?;
    let has_file = |name: &String| folder.join(name).join(".gitlab-ci.yml").is_file();
    Ok(names.into_iter().filter(has_file).collect())
}

fn snapshot(name: &str) -> PathBuf {
    root().join("xtask/snapshots").join(format!("{name}.txt"))
}

/// The jobs, or why there are none. Where files are not at hand, a stub stands for them.
fn describe(folder: &Path, name: &str) -> String {
    let templates = folder.with_file_name("templates");
    let whole = list(&folder.join(name), &templates, None);
    let listing = whole.or_else(|error| {
        list(&folder.join(name), &templates, Some(STUB))
            .map_err(|stubbed| format!("error: {error}\nwith stubs for what is not at hand: {stubbed}\n"))
    });
    match listing {
        Ok(listing) => text(&listing),
        Err(error) => error,
    }
}

fn text(listing: &Listing) -> String {
    let mut text = String::new();
    for (occasion, reason) in &listing.refused {
        _ = writeln!(text, "{occasion}: {reason}");
    }
    for job in &listing.jobs {
        line(job, &mut text);
    }
    text
}

/// `STAGE | NAME | push tag:manual … | needs: A, B`.
fn line(job: &Listed, text: &mut String) {
    _ = write!(text, "{} | {} |", job.stage, job.name);
    for occasion in OCCASIONS {
        if let Some((when, may_fail)) = job.runs.get(occasion.name) {
            _ = write!(text, " {}", occasion.name);
            if *when != When::OnSuccess {
                _ = write!(text, ":{}", when.as_str());
            }
            if *may_fail {
                text.push('?');
            }
        }
    }
    if let Some(needs) = &job.needs {
        _ = write!(text, " | needs: {}", needs.join(", "));
    }
    text.push('\n');
}

/// The lines that only one of the texts has.
fn differences(expected: &str, found: &str) -> Vec<String> {
    let without = |one: &str, other: &str, sign: &str| {
        let other: std::collections::HashSet<&str> = other.lines().collect();
        let only = one.lines().filter(|line| !other.contains(line));
        only.map(|line| format!("{sign}{line}")).collect::<Vec<_>>()
    };
    let mut all = without(expected, found, "-");
    all.extend(without(found, expected, "+"));
    if all.is_empty() {
        all.push("the order of the jobs".to_owned());
    }
    all
}
