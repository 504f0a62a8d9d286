//! Rules about the documents: what they name exists.

use super::chore_names;
use super::tree::{File, Finding, Tree};

/// Documents that describe the repository as it is.
const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

pub(super) fn changelog_has_an_unreleased_section(tree: &Tree) -> Vec<Finding> {
    let text = tree.text("CHANGELOG.md").unwrap_or_default();
    if text.lines().any(|line| line == "## [Unreleased]") {
        return Vec::new();
    }
    vec![Finding {
        path: "CHANGELOG.md".to_owned(),
        line: 0,
        message: "needs a section `## [Unreleased]` for the changes to come".to_owned(),
    }]
}

/// Paths in back-quotes and targets of links must exist.
pub(super) fn named_paths_exist(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in documents(tree) {
        for (index, line) in file.text.lines().enumerate() {
            let quoted = line.split('`').skip(1).step_by(2).filter(|text| is_path(text));
            let linked = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            let linked = linked.filter(|target| !target.contains("://") && !target.starts_with('#'));
            for path in quoted.chain(linked) {
                if !tree.contains(path.split('#').next().unwrap_or_default()) {
                    findings.push(file.finding(
                        index + 1,
                        format!("names `{path}`, which does not exist; correct the path"),
                    ));
                }
            }
        }
    }
    findings
}

pub(super) fn named_chores_exist(tree: &Tree) -> Vec<Finding> {
    let chores = chore_names();
    let mut findings = Vec::new();
    for file in documents(tree) {
        for (index, line) in file.text.lines().enumerate() {
            for rest in line.split("cargo xtask ").skip(1) {
                let name = rest
                    .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                    .next()
                    .unwrap_or_default();
                if name.starts_with(|c: char| c.is_ascii_lowercase()) && !chores.contains(&name) {
                    findings.push(file.finding(
                        index + 1,
                        format!("names `cargo xtask {name}`, which does not exist; correct the command"),
                    ));
                }
            }
        }
    }
    findings
}

pub(super) fn every_crate_is_described(tree: &Tree) -> Vec<Finding> {
    let architecture = tree.text("ARCHITECTURE.md").unwrap_or_default();
    tree.files
        .iter()
        .filter(|file| {
            file.path.starts_with("crates/")
                && file.path.ends_with("/Cargo.toml")
                && file.path.matches('/').count() == 2
        })
        .filter(|file| !architecture.contains(&format!("### `{}`", file.crate_name().unwrap_or_default())))
        .map(|file| {
            file.finding(
                0,
                "its crate has no section in ARCHITECTURE.md; add what it is for and what it never does",
            )
        })
        .collect()
}

fn documents(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|file| DOCUMENTS.contains(&file.path.as_str()))
}

/// Whether quoted text is a path of this repository rather than code or an address of the API.
fn is_path(text: &str) -> bool {
    let ours = ["crates/", "xtask/", ".ci/", ".cargo/"]
        .iter()
        .any(|start| text.starts_with(start));
    ours && !text.contains([' ', '*', '<', '…', '{'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_does_not_exist_is_found() {
        let text = "`crates/a/src` `crates/b.rs` `not/ours` [x](CHANGELOG.md) [y](gone.md) [z](https://a/b)\n";
        let tree = Tree::of(&[("README.md", text), ("crates/a/src/lib.rs", ""), ("CHANGELOG.md", "")]);
        let messages: Vec<String> = named_paths_exist(&tree).into_iter().map(|f| f.message).collect();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[0].contains("crates/b.rs") && messages[1].contains("gone.md"));
    }

    #[test]
    fn a_chore_that_does_not_exist_is_found() {
        let tree = Tree::of(&[("README.md", "`cargo xtask test` `cargo xtask dance`\n")]);
        assert_eq!(named_chores_exist(&tree).len(), 1);
    }

    #[test]
    fn a_changelog_without_the_section_is_found() {
        assert_eq!(changelog_has_an_unreleased_section(&Tree::of(&[])).len(), 1);
        let tree = Tree::of(&[("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n")]);
        assert_eq!(changelog_has_an_unreleased_section(&tree).len(), 0);
    }

    #[test]
    fn a_crate_that_is_not_described_is_found() {
        let tree = Tree::of(&[
            ("ARCHITECTURE.md", "### `a`\n"),
            ("crates/a/Cargo.toml", ""),
            ("crates/b/Cargo.toml", ""),
        ]);
        assert_eq!(every_crate_is_described(&tree).len(), 1);
    }
}
