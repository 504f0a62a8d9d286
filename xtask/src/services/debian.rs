//! Installing Debian packages, or saying how.

use std::path::Path;

use super::is_root;
use crate::{Result, process};

/// Installs packages with apt.
///
/// # Errors
///
/// When this is no Debian, when we may not install (the message is the command to run), or when apt fails.
pub(super) fn install(reason: &str, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(format!(
            "{reason}; install the equivalent of Debian's `{list}` and start again"
        ));
    }
    let prefix: &[&str] = if is_root() {
        &[]
    } else if process::program("sudo").args(["-n", "true"]).succeeds() {
        &["sudo", "-n"]
    } else {
        return Err(format!(
            "{reason}; run this and start again:\n\n    sudo apt-get install --yes {list}\n"
        ));
    };
    eprintln!("{reason}: installing {list}");
    let apt = |arguments: &[&str]| {
        let mut words = prefix
            .iter()
            .copied()
            .chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        let first = words.next().expect("the list above is not empty");
        process::program(first)
            .args(words)
            .args(["-o", "DPkg::Lock::Timeout=300", "--quiet", "--yes"])
            .args(arguments)
            .run()
    };
    let install: Vec<&str> = ["install", "--no-install-recommends"]
        .iter()
        .chain(packages)
        .copied()
        .collect();
    // A fresh machine has no package lists; an old one has stale ones. Only then are they fetched.
    apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install)))
}
