//! `cargo xtask compare-ci-local DIR`: the jobs that Tripline and `gitlab-ci-local --list-json` find in
//! the same files.
//!
//! `DIR` holds a folder per repository (`real-world/` of the conformance data). The other program needs a
//! git repository, so each folder is copied and committed first; what it downloads it does not get.
//! Which differences there are and why is in `docs/gitlab-ci-local.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use model::When;
use serde_json::Value as Json;

use crate::Result;
use crate::job_list::{Listing, list};

/// The other program, as npm installs it.
const PROGRAM: &str = "gitlab-ci-local";
/// The project that the copies pretend to be.
const REMOTE: &str = "https://gitlab.example.com/group/project.git";

/// What both programs say of a job at a push.
#[derive(Debug, Clone)]
struct Job {
    stage: String,
    /// `never` = it does not run.
    when: String,
    may_fail: bool,
    has_rules: bool,
    /// Whether there is no pipeline at all, because of what its jobs need.
    is_refused: bool,
}

type Jobs = BTreeMap<String, Job>;

/// Compares every repository that both can read, and prints each difference.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [dir] = arguments else {
        return Err("expected the folder of repositories".to_owned());
    };
    let dir = Path::new(dir);
    if Command::new(PROGRAM).arg("--version").output().is_err() {
        return Err(format!(
            "`{PROGRAM}` is not in PATH; install it with npm, outside of this repository"
        ));
    }
    let scratch = std::env::temp_dir().join(format!("tripline-compare-{}", std::process::id()));
    let result = compare_all(dir, &scratch);
    _ = fs::remove_dir_all(&scratch);
    result
}

fn compare_all(dir: &Path, scratch: &Path) -> Result<()> {
    let (mut read, mut unread, mut explained, mut unexplained) = (0, 0, 0, 0);
    for name in crate::conformance_files::names(dir)? {
        let folder = dir.join(&name);
        if !folder.join(".gitlab-ci.yml").is_file() {
            continue;
        }
        let ours = list(&folder, &dir.with_file_name("templates"), None).map(|listing| ours(&listing));
        let theirs = copy(&folder, &scratch.join(&name)).and_then(|copy| theirs(&copy));
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                let differences = differences(&ours, &theirs);
                println!("{name}: {} jobs, {} differences", ours.len(), differences.len());
                for Difference { text, reason } in &differences {
                    println!("    {text} ({})", reason.unwrap_or("not explained"));
                    explained += usize::from(reason.is_some());
                    unexplained += usize::from(reason.is_none());
                }
                read += 1;
            }
            (ours, theirs) => {
                unread += 1;
                let reason =
                    |side: Result<Jobs>| side.map_or_else(|error| error, |jobs| format!("{} jobs", jobs.len()));
                println!("{name}: Tripline: {}; {PROGRAM}: {}", reason(ours), reason(theirs));
            }
        }
    }
    println!("{read} read by both, {unread} not; {explained} differences explained, {unexplained} not");
    match unexplained {
        0 => Ok(()),
        count => Err(format!("{count} differences have no explanation")),
    }
}

fn ours(listing: &Listing) -> Jobs {
    let is_refused = listing.refused.iter().any(|(occasion, _)| *occasion == "push");
    let jobs = listing.jobs.iter().map(|job| {
        let (when, may_fail) = job.runs.get("push").copied().unwrap_or((When::Never, false));
        let found = Job {
            stage: job.stage.clone(),
            when: when.as_str().to_owned(),
            may_fail,
            has_rules: job.has_rules,
            is_refused,
        };
        (job.name.clone(), found)
    });
    jobs.collect()
}

/// Copies a folder and makes it a repository with one commit on `main`.
fn copy(from: &Path, to: &Path) -> Result<PathBuf> {
    copy_files(from, to).map_err(|error| format!("cannot copy `{}`: {error}", from.display()))?;
    for arguments in [
        &["init", "--quiet", "--initial-branch", "main"][..],
        &["add", "--all", "--force"],
        &[
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "commit",
            "--quiet",
            "--message",
            "all",
        ],
        &["remote", "add", "origin", REMOTE],
    ] {
        let status = Command::new("git").args(arguments).current_dir(to).status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(format!("git {} failed", arguments.join(" ")));
        }
    }
    Ok(to.to_owned())
}

fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_files(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn theirs(folder: &Path) -> Result<Jobs> {
    // Into a pipe it writes only the first 64 KiB before it ends.
    let listing = folder.with_extension("json");
    let file = fs::File::create(&listing).map_err(|error| format!("cannot write `{}`: {error}", listing.display()))?;
    let output = Command::new(PROGRAM)
        .args([
            "--list-json",
            "--json-schema-validation=false",
            "--evaluate-rule-changes=false",
        ])
        .current_dir(folder)
        .env("HOME", folder)
        .stdout(file)
        .output()
        .map_err(|error| format!("cannot start: {error}"))?;
    // Warnings stand before the list.
    let written = fs::read_to_string(&listing).unwrap_or_default();
    let start = written.find("[\n").unwrap_or_default();
    let parsed: Option<Vec<Json>> = serde_json::from_str(&written[start..]).ok();
    let Some(jobs) = parsed else {
        let errors = String::from_utf8_lossy(&output.stderr);
        let reason = errors.lines().rfind(|line| !line.trim().is_empty());
        return Err(reason.unwrap_or("no output").trim().to_owned());
    };
    let text = |job: &Json, key: &str| job[key].as_str().unwrap_or_default().to_owned();
    let read = |job: &Json| Job {
        stage: text(job, "stage"),
        when: text(job, "when"),
        // With exit codes it is an object; GitLab says `false` then, for all other exit codes.
        may_fail: job["allow_failure"] == Json::Bool(true),
        has_rules: job["rules"].is_array(),
        is_refused: false,
    };
    Ok(jobs.iter().map(|job| (text(job, "name"), read(job))).collect())
}

/// One thing that the programs do not agree on, and why they need not.
struct Difference {
    text: String,
    reason: Option<&'static str>,
}

/// Tripline's value stands first. Whether a job may fail is told only of jobs that run on both sides.
fn differences(ours: &Jobs, theirs: &Jobs) -> Vec<Difference> {
    let theirs: Jobs = theirs
        .iter()
        .map(|(name, job)| (spaced(name, ours), job.clone()))
        .collect();
    let mut found = Vec::new();
    let mut add = |text: String, reason| found.push(Difference { text, reason });
    for (name, our) in ours {
        let Some(their) = theirs.get(name) else {
            add(format!("{name}: only Tripline has it ({})", our.when), None);
            continue;
        };
        if our.stage != their.stage {
            add(format!("{name}: stage {}, there {}", our.stage, their.stage), None);
        }
        if our.when != their.when {
            let reason = match (our.is_refused, our.when == "never" && !our.has_rules) {
                (true, _) => Some("there is no such pipeline: a job needs one that is not in it"),
                (false, true) => Some("it does not know `only` and `except`"),
                (false, false) => None,
            };
            add(format!("{name}: {}, there {}", our.when, their.when), reason);
        } else if our.when != "never" && our.may_fail != their.may_fail {
            let is_manual = our.may_fail && our.when == "manual" && !our.has_rules;
            let reason = is_manual.then_some("a manual job may fail, unless rules make it manual");
            add(
                format!("{name}: allow_failure {}, there {}", our.may_fail, their.may_fail),
                reason,
            );
        }
    }
    for (name, their) in theirs.iter().filter(|(name, _)| !ours.contains_key(*name)) {
        add(format!("{name}: only {PROGRAM} has it ({})", their.when), None);
    }
    found
}

/// The name of a job with a matrix as GitLab writes it: with a space behind each comma.
fn spaced(name: &str, ours: &Jobs) -> String {
    let spaced = name.replace(',', ", ");
    if !ours.contains_key(name) && ours.contains_key(&spaced) {
        spaced
    } else {
        name.to_owned()
    }
}
