//! `cargo xtask tidy`: the rules of this repository that no compiler knows.
//!
//! A rule is a function over a [`Tree`] (all files of the checkout, in memory) that answers with
//! [`Finding`]s; each finding says what to do. The invariants of `ARCHITECTURE.md` are here, so that
//! the document cannot become a wish.

mod documents;
mod layers;
mod licenses;
mod rust;
mod text;
mod tree;

use crate::process::root;
use crate::{CHORES, Result};
use tree::{Finding, Tree};

/// A rule: everything it finds wrong.
type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[Rule] = &[
    layers::edges_follow_the_design,
    layers::libraries_stay_in_their_crate,
    layers::dependencies_come_from_the_workspace,
    rust::modules_say_what_they_are_for,
    rust::files_are_short,
    rust::pure_crates_touch_nothing,
    rust::words_stay_in_their_crate,
    rust::sql_stays_in_store,
    rust::nothing_is_unfinished,
    rust::unwraps_have_a_reason,
    rust::tests_do_not_sleep,
    text::no_registry_hosts,
    text::no_machine_paths,
    documents::changelog_has_an_unreleased_section,
    documents::named_paths_exist,
    documents::named_chores_exist,
    documents::every_crate_is_described,
];

/// Checks all rules and prints what is wrong.
pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    let tree = Tree::read(root())?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    findings.extend(licenses::are_permissive()?);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} rules hold in {} files", RULES.len() + 1, tree.files.len());
            Ok(())
        }
        count => Err(format!("tidy: {count} places break a rule of this repository")),
    }
}

/// Returns the names of all chores, for the check of the documents.
fn chore_names() -> Vec<&'static str> {
    CHORES.iter().map(|(name, _, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let tree = Tree::read(root()).expect("the checkout can be read");
        let findings: Vec<String> = RULES
            .iter()
            .flat_map(|rule| rule(&tree))
            .map(|f| f.to_string())
            .collect();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }
}
