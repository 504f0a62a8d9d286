//! Who may depend on whom: the layers of `ARCHITECTURE.md`, read from the manifests.
//!
//! Understands only the way we write manifests: one dependency a line, inherited from the workspace.

use super::tree::{File, Finding, Tree};

/// Our crates and the ones of ours that each may use in its library or program.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &[]),
    ("compile", &["model"]),
    ("schedule", &["model"]),
    ("store", &["model"]),
    ("git", &["model"]),
    ("blob", &["model"]),
    ("outbound", &[]),
    (
        "app",
        &["model", "compile", "schedule", "store", "git", "blob", "outbound"],
    ),
    ("pages", &["model"]),
    ("web", &["model", "app", "pages", "wire"]),
    ("runner", &["wire"]),
    (
        "server",
        &[
            "model", "wire", "compile", "schedule", "store", "git", "blob", "outbound", "app", "pages", "web", "runner",
        ],
    ),
    // Drives the binary from outside, so that every crate may use it in its tests.
    ("testkit", &[]),
    ("bench", &["model", "compile", "wire", "store", "blob"]),
    // What must hold for every configuration; `fuzz/` feeds it.
    ("fuzzing", &["model", "compile"]),
    ("xtask", &["model", "compile", "schedule", "testkit"]),
];

/// Libraries that belong to one place, and the crates that are this place.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("axum", &["web", "bench"]),
    ("tower-http", &["web"]),
    ("hyper-util", &["web", "runner", "server", "outbound"]),
    ("tokio-rustls", &["outbound"]),
    ("rustls-native-certs", &["outbound"]),
    ("ipnet", &["outbound", "app"]),
    ("rusqlite", &["store"]),
    ("postgres", &["store", "testkit"]),
    ("gix", &["git"]),
    ("libyaml-rs", &["compile"]),
    ("argon2", &["app"]),
    ("chacha20poly1305", &["app"]),
    ("hmac", &["app"]),
    ("getrandom", &["app", "runner"]),
    ("askama", &["pages", "web"]),
    ("clap", &["server"]),
    ("toml", &["server"]),
    ("tracing-subscriber", &["server"]),
    ("landlock", &["runner"]),
    (
        "tokio",
        &[
            "store", "git", "blob", "outbound", "app", "web", "runner", "server", "bench",
        ],
    ),
    // Errors that nobody is meant to take apart: only where a person reads them.
    ("anyhow", &["server", "bench"]),
    ("tracing", &["store", "git", "blob", "app", "web", "runner", "server"]),
];

/// A dependency of the library or program, as its manifest says.
struct Dependency<'a> {
    name: &'a str,
    line: usize,
    text: &'a str,
}

pub(super) fn edges_follow_the_design(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        let name = manifest.crate_name().unwrap_or_default();
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
            findings.push(manifest.finding(
                0,
                format!("crate `{name}` has no place in the layers; give it one in EDGES and in ARCHITECTURE.md"),
            ));
            continue;
        };
        for dependency in dependencies(manifest, &["[dependencies]"]) {
            let is_ours = EDGES.iter().any(|(known, _)| *known == dependency.name);
            if is_ours && !allowed.contains(&dependency.name) {
                findings.push(manifest.finding(
                    dependency.line,
                    format!(
                        "`{name}` may not use `{}`; move the code to the layer that may, or pass a value in",
                        dependency.name
                    ),
                ));
            }
        }
    }
    findings
}

pub(super) fn libraries_stay_in_their_crate(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        let name = manifest.crate_name().unwrap_or_default();
        for dependency in dependencies(manifest, &["[dependencies]"]) {
            let Some((_, homes)) = LIBRARIES.iter().find(|(library, _)| *library == dependency.name) else {
                continue;
            };
            if !homes.contains(&name) {
                let homes = homes.join("`, `");
                findings.push(manifest.finding(
                    dependency.line,
                    format!(
                        "`{}` may only be used by `{homes}`; call through that crate",
                        dependency.name
                    ),
                ));
            }
        }
        if name == "wire" {
            for dependency in dependencies(manifest, &["[dependencies]"]) {
                if !matches!(dependency.name, "serde" | "serde_json") {
                    findings.push(manifest.finding(
                        dependency.line,
                        "`wire` is serde types and nothing else; convert in `web` or `runner`",
                    ));
                }
            }
        }
    }
    findings
}

pub(super) fn dependencies_come_from_the_workspace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        let sections = ["[dependencies]", "[dev-dependencies]", "[build-dependencies]"];
        for dependency in dependencies(manifest, &sections) {
            if !dependency.text.contains("workspace = true") {
                findings.push(manifest.finding(
                    dependency.line,
                    format!(
                        "name the version of `{}` once, in the workspace's Cargo.toml, and inherit it",
                        dependency.name
                    ),
                ));
            }
        }
    }
    findings
}

fn manifests(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files
        .iter()
        .filter(|file| file.path.ends_with("/Cargo.toml") && file.crate_name().is_some())
        // Sample projects and test data may hold manifests of their own.
        .filter(|file| file.path.matches('/').count() == if file.path.starts_with("crates/") { 2 } else { 1 })
}

fn dependencies<'a>(manifest: &'a File, sections: &[&str]) -> Vec<Dependency<'a>> {
    let mut section = "";
    let mut found = Vec::new();
    for (index, text) in manifest.text.lines().enumerate() {
        let text = text.trim();
        if text.starts_with('[') {
            section = text;
        } else if sections.contains(&section) && !text.is_empty() && !text.starts_with('#') {
            let name = text.split(['.', '=', ' ']).next().unwrap_or_default().trim_matches('"');
            found.push(Dependency {
                name,
                line: index + 1,
                text,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_against_the_layers_is_found_and_a_dev_dependency_is_not() {
        let manifest = "[dependencies]\nmodel.workspace = true\nstore.workspace = true\n[dev-dependencies]\napp.workspace = true\n";
        let findings = edges_follow_the_design(&Tree::of(&[("crates/compile/Cargo.toml", manifest)]));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 3);
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        let findings = edges_follow_the_design(&Tree::of(&[("crates/helpers/Cargo.toml", "[dependencies]\n")]));
        assert!(findings[0].message.contains("has no place"));
    }

    #[test]
    fn a_library_outside_its_crate_is_found() {
        let tree = Tree::of(&[("crates/app/Cargo.toml", "[dependencies]\naxum.workspace = true\n")]);
        assert_eq!(libraries_stay_in_their_crate(&tree).len(), 1);
        let tree = Tree::of(&[("crates/wire/Cargo.toml", "[dependencies]\nthiserror.workspace = true\n")]);
        assert_eq!(libraries_stay_in_their_crate(&tree).len(), 1);
    }

    #[test]
    fn a_version_outside_the_workspace_is_found() {
        let manifest = "[dependencies]\nserde = \"1\"\nwire = { workspace = true, optional = true }\n";
        let findings = dependencies_come_from_the_workspace(&Tree::of(&[("crates/web/Cargo.toml", manifest)]));
        assert_eq!(findings.iter().map(|f| f.line).collect::<Vec<_>>(), [2]);
    }
}
