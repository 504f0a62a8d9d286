//! Licences of everything we link: permissive ones only.

use super::tree::Finding;
use crate::{Result, process};

/// Licences that ask for nothing but their text.
const PERMISSIVE: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unlicense",
    "Unicode-3.0",
    "CC0-1.0",
    "MIT-0",
    "0BSD",
    "BSL-1.0",
];

/// Asks cargo for the licence of every package and returns those that are not on the list.
pub(super) fn are_permissive() -> Result<Vec<Finding>> {
    let list = process::cargo([
        "tree",
        "--workspace",
        "--all-features",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ])
    .output()?;
    let mut lines: Vec<&str> = list.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    Ok(lines.into_iter().filter_map(finding).collect())
}

fn finding(line: &str) -> Option<Finding> {
    let (package, license) = line.trim_end_matches(" (*)").rsplit_once('|')?;
    (!is_permissive(license)).then(|| Finding {
        path: "Cargo.toml".to_owned(),
        line: 0,
        message: format!("`{package}` has the licence `{license}`, which is not on the list in xtask/src/tidy/licenses.rs; use another library"),
    })
}

/// Whether an SPDX expression can be satisfied with permissive licences alone.
fn is_permissive(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    // `A AND B OR C` never meets us without brackets around the OR part; every AND part needs one good choice.
    plain.split(" AND ").all(|part| {
        part.split(" OR ").any(|license| {
            let name = license.split(" WITH ").next().unwrap_or_default().trim();
            PERMISSIVE.contains(&name)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_good_choice_is_enough_and_every_part_needs_one() {
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(is_permissive(good), "{good}");
        }
        for bad in ["", "GPL-3.0", "MPL-2.0", "MIT AND GPL-3.0"] {
            assert!(!is_permissive(bad), "{bad}");
        }
    }

    #[test]
    fn a_package_is_named_with_its_licence() {
        assert!(finding("a v1.0.0|MIT (*)").is_none());
        assert!(finding("a v1.0.0|MPL-2.0").is_some_and(|f| f.message.contains("a v1.0.0")));
    }
}
