//! Configurations of the size that people have, written here, with the jobs that they give.
//!
//! `tests/configurations/NAME` is a repository; `jobs.txt` in it is what a push, a tag, a merge request, a
//! schedule and a trigger call get. A test that fails prints what stands there now.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use compile::{PlanResult, Variable, VariableOrigin};
use model::Source;

use crate::support::{Run, World, variable};

/// All files below a folder, with their paths in it.
fn files(folder: &Path, prefix: &str, into: &mut Vec<(String, String)>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = format!("{prefix}{}", path.file_name().expect("it has a name").to_string_lossy());
        if path.is_dir() {
            files(&path, &format!("{name}/"), into);
        } else {
            into.push((name, std::fs::read_to_string(&path).expect("it is text")));
        }
    }
}

fn runs() -> [(&'static str, Run); 5] {
    let branch = |run: Run| with(run, &[("CI_COMMIT_BRANCH", "main")]);
    [
        ("push", branch(Run::of(Source::Push))),
        ("tag", with(Run::tag("v1.2.3"), &[])),
        (
            "merge request",
            with(
                Run::of(Source::MergeRequestEvent),
                &[("CI_MERGE_REQUEST_LABELS", "bug,e2e")],
            ),
        ),
        ("schedule", branch(Run::of(Source::Schedule))),
        ("trigger", branch(Run::of(Source::Trigger)).given("CHANNEL", "beta")),
    ]
}

fn with(mut run: Run, variables: &[(&'static str, &str)]) -> Run {
    let all = variables.iter().chain(&[
        ("CI_DEFAULT_BRANCH", "main"),
        ("CI_COMMIT_REF_SLUG", "main"),
        ("CI_COMMIT_MESSAGE", "fix things"),
    ]);
    let made = all.map(|(key, value)| variable(VariableOrigin::Predefined, key, value));
    run.predefined.extend(made.collect::<Vec<Variable>>());
    run
}

fn describe(world: &World, text: &str) -> String {
    let mut out = String::new();
    for (name, run) in runs() {
        match world.plan(text, &run) {
            PlanResult::Plan(plan) => {
                _ = writeln!(out, "{name}: {}", plan.name.as_deref().unwrap_or("(no name)"));
                for job in &plan.jobs {
                    _ = write!(
                        out,
                        "  {} | {} | {}",
                        job.definition.stage,
                        job.definition.name,
                        job.when.as_str()
                    );
                    if job.allow_failure {
                        out.push_str(" | may fail");
                    }
                    if let Some(needs) = &job.needs {
                        let names: Vec<&str> = needs.iter().map(|need| need.name.as_str()).collect();
                        _ = write!(out, " | needs {}", names.join(" + "));
                    }
                    for (word, value) in [("on", &job.environment), ("one of", &job.resource_group)] {
                        if let Some(value) = value {
                            _ = write!(out, " | {word} {value}");
                        }
                    }
                    out.push('\n');
                }
            }
            other => _ = writeln!(out, "{name}: {other:?}"),
        }
    }
    out
}

#[test]
fn a_monorepo_gives_the_recorded_jobs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations/monorepo");
    let mut all = Vec::new();
    files(&folder, "", &mut all);
    let pairs: Vec<(&str, &str)> = all.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let mut world = World::with(&pairs);
    world.changes = Some(vec!["web/a.ts".to_owned(), "services/search/b.rs".to_owned()]);
    let text = |name: &str| pairs.iter().find(|(path, _)| *path == name).map(|(_, text)| *text);
    let found = describe(&world, text(".gitlab-ci.yml").expect("the root file is there"));
    assert!(text("jobs.txt") == Some(&found), "now:\n{found}");
}
