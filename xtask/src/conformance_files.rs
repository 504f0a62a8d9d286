//! Folders of files that people use (`real-world/`, `templates/`): each must be accepted, as far as
//! what it includes is at hand.

use std::path::Path;

use compile::{Loaded, Severity};

use crate::Result;
use crate::conformance::Tally;
use crate::conformance_oracle::real_world::{Repository, read};

/// What stands for a file that is not at hand.
pub(crate) const STUB: &str = ".stub-of-a-missing-file: {script: x}\n";

/// Files that need something that is not at hand, and what.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Compiles the root file of every folder of `real-world/`.
pub(crate) fn real_world(folder: &Path, verbose: bool) -> Result<Tally> {
    let mut tally = Tally::default();
    for name in names(folder)? {
        let root = folder.join(&name);
        if root.join(".gitlab-ci.yml").is_file() {
            check(&mut tally, &name, &root.join(".gitlab-ci.yml"), &root, folder, verbose)?;
        }
    }
    Ok(tally)
}

/// Compiles every template; those that only add to other files get a job.
pub(crate) fn templates(folder: &Path, verbose: bool) -> Result<Tally> {
    let mut tally = Tally::default();
    for path in files(folder)? {
        let name = path
            .strip_prefix(folder)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".yml") {
            check(&mut tally, &name, &path, folder, folder, verbose)?;
            if let Err(error) = included_alone(folder, &name) {
                tally.failed += 1;
                println!("    {name} as the only include: {error}");
            }
        }
    }
    Ok(tally)
}

/// A template as the only include of a file gives the same verdict and the same configuration.
fn included_alone(folder: &Path, name: &str) -> Result<()> {
    let text = std::fs::read_to_string(folder.join(name)).map_err(|error| format!("cannot read it: {error}"))?;
    let repository = Repository {
        root: folder,
        templates: Some(folder),
        stub: None,
    };
    let whole = read(&text, repository)?;
    let included = read(&format!("include: /{name}\n"), repository)?;
    if judge(&whole) != judge(&included) {
        return Err(format!("expected {:?}, found {:?}", judge(&whole), judge(&included)));
    }
    if whole.merged == included.merged {
        Ok(())
    } else {
        Err("another configuration".to_owned())
    }
}

fn check(tally: &mut Tally, name: &str, file: &Path, root: &Path, suite: &Path, verbose: bool) -> Result<()> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    let templates = suite.with_file_name("templates");
    let whole = read(
        &text,
        Repository {
            root,
            templates: Some(&templates),
            stub: None,
        },
    )?;
    let verdict = match judge(&whole) {
        Ok(()) => Ok(String::new()),
        Err(_) if is_partial(&whole) => {
            let stubbed = read(
                &text,
                Repository {
                    root,
                    templates: Some(&templates),
                    stub: Some(STUB),
                },
            )?;
            match judge(&stubbed) {
                Ok(()) => Ok(format!("without what is not at hand: {}", first(&whole))),
                Err(error) if is_missing_name(&error) => Ok(format!("as far as it is at hand: {error}")),
                Err(error) => Err(error),
            }
        }
        // A template that expects stages or jobs of the file that includes it.
        Err(error) if error.contains("chosen stage") || error.contains("at least one visible job") => {
            Ok(format!("as a part of another file: {error}"))
        }
        Err(error) => Err(error),
    };
    let reason = EXCEPTIONS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, reason)| *reason);
    match (verdict, reason) {
        (Ok(note), None) => {
            tally.passed += 1;
            if verbose && !note.is_empty() {
                println!("    {name}: accepted {note}");
            }
        }
        (Err(error), Some(reason)) => {
            tally.passed += 1;
            if verbose {
                println!("    {name}: {error} ({reason})");
            }
        }
        (Ok(_), Some(_)) => {
            tally.failed += 1;
            println!("    {name} is accepted now: take it out of the list of exceptions");
        }
        (Err(error), None) => {
            tally.failed += 1;
            println!("    {name}: {error}");
        }
    }
    Ok(())
}

fn judge(loaded: &Loaded) -> Result<()> {
    let errors = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error);
    let texts: Vec<&str> = errors.map(|diagnostic| diagnostic.message.as_str()).collect();
    if texts.is_empty() {
        Ok(())
    } else {
        Err(texts.join("; "))
    }
}

/// Whether the first error is about a file of another project, host or component.
fn is_partial(loaded: &Loaded) -> bool {
    let error = first(loaded);
    [
        "Project `",
        "Remote file `",
        "Component '",
        "Included file `",
        "Local file `",
    ]
    .iter()
    .any(|start| error.starts_with(start))
}

/// Whether an error is about a name that a missing file would define.
fn is_missing_name(error: &str) -> bool {
    [
        "unknown keys in `extends`",
        "could not be found",
        "undefined need",
        "undefined dependency",
        "chosen stage",
        "Given inputs not defined",
        "should implement the script:",
    ]
    .iter()
    .any(|part| error.contains(part))
}

fn first(loaded: &Loaded) -> &str {
    loaded
        .diagnostics
        .first()
        .map_or("", |diagnostic| diagnostic.message.as_str())
}

pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("cannot read `{}`: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut all = Vec::new();
    for name in names(folder)? {
        let path = folder.join(name);
        if path.is_dir() {
            all.extend(files(&path)?);
        } else {
            all.push(path);
        }
    }
    Ok(all)
}
