//! Which files of a project belong to an archive.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use super::glob::Glob;
use super::{ArchiveError, PackOrder};

/// Chosen files and folders by path inside the project, in order; links are not followed.
pub(super) type Selection = BTreeMap<String, Metadata>;

/// Chooses what `order` names, and says for each path what was found.
pub(super) fn select(order: &PackOrder) -> Result<Selection, ArchiveError> {
    let exclude: Vec<Glob> = order
        .exclude
        .iter()
        .filter_map(|pattern| inside(&order.root, pattern))
        .map(|pattern| Glob::new(&pattern))
        .collect();
    let mut selection = Selection::new();
    for written in &order.paths {
        let Some(pattern) = inside(&order.root, written) else {
            println!("\x1b[0;33mWARNING: {written}: not inside the project folder, left out\x1b[0;m");
            continue;
        };
        let before = selection.len();
        choose(&order.root, &pattern, &mut selection)?;
        match selection.len() - before {
            0 => println!(
                "\x1b[0;33mWARNING: {written}: no matching files. \
                 Ensure that the artifact path is relative to the working directory ({})\x1b[0;m",
                order.root.display()
            ),
            found => println!("{written}: found {found} matching artifact files and directories"),
        }
    }
    if order.untracked {
        let before = selection.len();
        for path in untracked(&order.root)? {
            add(&order.root, &path, &mut selection);
        }
        println!("untracked: found {} files", selection.len() - before);
    }
    selection.retain(|path, _| !exclude.iter().any(|pattern| pattern.matches(path)));
    Ok(selection)
}

/// Returns `path` relative to the project, cleaned; `None` when it leads out of it.
fn inside(root: &Path, path: &str) -> Option<String> {
    let relative = match Path::new(path).strip_prefix(root) {
        Ok(relative) => relative,
        Err(_) if path.starts_with('/') => return None,
        Err(_) => Path::new(path),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in relative.components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// Adds everything that matches `pattern`; a folder comes with all below it.
fn choose(root: &Path, pattern: &str, selection: &mut Selection) -> Result<(), ArchiveError> {
    if !pattern.contains(['*', '?', '[', '{', '\\']) {
        if !through_link(root, pattern) {
            add_all(root, pattern, selection)?;
        }
        return Ok(());
    }
    let glob = Glob::new(pattern);
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for (path, metadata) in entries(root, &folder)? {
            if glob.matches(&path) {
                add_all(root, &path, selection)?;
            } else if metadata.is_dir() && glob.may_match_below(&path) {
                folders.push(path);
            }
        }
    }
    Ok(())
}

/// Whether a folder on the way to `path` is a link.
fn through_link(root: &Path, path: &str) -> bool {
    let ancestors = Path::new(path)
        .ancestors()
        .skip(1)
        .filter(|ancestor| !ancestor.as_os_str().is_empty());
    ancestors
        .map(|ancestor| root.join(ancestor))
        .any(|folder| folder.is_symlink())
}

fn add_all(root: &Path, path: &str, selection: &mut Selection) -> Result<(), ArchiveError> {
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        if add(root, &path, selection) {
            waiting.extend(entries(root, &path)?.into_iter().map(|(path, _)| path));
        }
    }
    Ok(())
}

/// Adds one path; returns whether it is a folder.
fn add(root: &Path, path: &str, selection: &mut Selection) -> bool {
    let Ok(metadata) = fs::symlink_metadata(root.join(path)) else {
        return false;
    };
    let is_dir = metadata.is_dir();
    let kind = metadata.file_type();
    if !path.is_empty() && path != ".git" && (is_dir || kind.is_file() || kind.is_symlink()) {
        selection.insert(path.to_owned(), metadata);
    }
    is_dir && path != ".git"
}

/// Returns what lies in a folder, by path inside the project; the repository itself is left out.
fn entries(root: &Path, folder: &str) -> Result<Vec<(String, Metadata)>, ArchiveError> {
    let place: PathBuf = root.join(folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(&place).map_err(ArchiveError::at(&place))? {
        let entry = entry.map_err(ArchiveError::at(&place))?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            println!(
                "\x1b[0;33mWARNING: {}: not a UTF-8 name, left out\x1b[0;m",
                entry.path().display()
            );
            continue;
        };
        let path = if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        };
        if path != ".git" {
            found.push((path, entry.metadata().map_err(ArchiveError::at(&place))?));
        }
    }
    Ok(found)
}

/// Asks git for the files it does not know.
fn untracked(root: &Path) -> Result<Vec<String>, ArchiveError> {
    let output = Command::new("git")
        .args([
            "-c",
            "safe.directory=*",
            "-c",
            "core.fsmonitor=false",
            "ls-files",
            "--others",
            "-z",
        ])
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(ArchiveError::at(root))?;
    let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names
        .filter_map(|name| std::str::from_utf8(name).ok().map(str::to_owned))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_may_not_leave_the_project() {
        let root = Path::new("/b/p");
        for (path, expected) in [
            ("a/./b/", Some("a/b")),
            ("/b/p/x", Some("x")),
            ("a/../b", Some("b")),
            ("../x", None),
            ("a/../../x", None),
            ("/etc/passwd", None),
            ("", Some("")),
            ("/b/p", Some("")),
        ] {
            assert_eq!(inside(root, path).as_deref(), expected, "{path}");
        }
    }
}
