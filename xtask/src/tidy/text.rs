//! Rules about every text file: nothing that is true on one machine only.

use super::tree::{Finding, Tree};

/// Hosts of package registries. Split, so that this file does not break its own rule.
const REGISTRY_HOSTS: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
    concat!("maven", ".org"),
];

/// Starts of paths that exist on somebody's machine only.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/Us", "ers/")];

/// cargo writes the registry's address into it.
const LOCK_FILE: &str = "Cargo.lock";

pub(super) fn no_registry_hosts(tree: &Tree) -> Vec<Finding> {
    let message = "names a package registry's host; use the ordinary client and the package's name";
    find(tree, REGISTRY_HOSTS, &[], message)
}

pub(super) fn no_machine_paths(tree: &Tree) -> Vec<Finding> {
    let message = "names a folder of one machine; use a path relative to the repository or a temporary folder";
    // After one of these it is the end of a longer path or pattern.
    find(tree, MACHINE_PATHS, &['}', '/', '*', '.'], message)
}

/// Finds lines with one of the words that is neither the end of a longer name nor stands after one of `inside`.
fn find(tree: &Tree, words: &[&str], inside: &[char], message: &str) -> Vec<Finding> {
    let starts = |line: &str, word: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-') || inside.contains(&c))
        })
    };
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with(LOCK_FILE)) {
        for (index, line) in file.text.lines().enumerate() {
            if words.iter().any(|word| starts(line, word)) {
                findings.push(file.finding(index + 1, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_host_is_found_outside_the_lock_file() {
        let text = format!("see https://{}/x\n", REGISTRY_HOSTS[0]);
        assert_eq!(no_registry_hosts(&Tree::of(&[("README.md", &text)])).len(), 1);
        assert_eq!(no_registry_hosts(&Tree::of(&[(LOCK_FILE, &text)])).len(), 0);
    }

    #[test]
    fn a_machine_path_is_found_and_a_longer_path_is_not() {
        let path = MACHINE_PATHS[0];
        let tree = Tree::of(&[("a.md", &format!("cd {path}x\ncd group{path}x\n"))]);
        assert_eq!(no_machine_paths(&tree).iter().map(|f| f.line).collect::<Vec<_>>(), [1]);
    }
}
