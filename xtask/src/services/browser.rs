//! Chromium with its driver, and axe-core, which finds what keeps people from using a page.
//!
//! axe-core lies in `target/` and never in the repository.

use std::path::PathBuf;

use super::debian;
use crate::Result;
use crate::process::{program, services_dir};

/// The version of axe-core whose rules hold.
const AXE_CORE: &str = "axe-core@4.14.1";

/// Returns the program that drives Chromium, after installing both if needed.
///
/// # Errors
///
/// When they are missing and cannot be installed.
pub(crate) fn ensure_driver() -> Result<PathBuf> {
    let found = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let browser = ["chromium", "google-chrome"];
        let in_path = |name: &str| {
            std::env::split_paths(&path)
                .map(|dir| dir.join(name))
                .find(|file| file.exists())
        };
        browser
            .iter()
            .find_map(|name| in_path(name))
            .and_then(|_| in_path("chromedriver"))
    };
    if let Some(driver) = found() {
        return Ok(driver);
    }
    // Without fonts for Japanese the pictures would show boxes.
    debian::install(
        "the tests of the pages need Chromium",
        &["chromium", "chromium-driver", "fonts-noto-cjk", "fonts-dejavu-core"],
    )?;
    found().ok_or_else(|| "no `chromium` and `chromedriver` in PATH even after installing them".to_owned())
}

/// Returns the file of axe-core, after fetching it with npm if needed.
///
/// # Errors
///
/// When npm is missing and cannot be installed, or fails.
pub(crate) fn ensure_axe() -> Result<PathBuf> {
    let dir = services_dir().join(AXE_CORE.replace('@', "-"));
    let file = dir.join("node_modules/axe-core/axe.min.js");
    if file.exists() {
        return Ok(file);
    }
    if !program("npm").args(["--version"]).succeeds() {
        debian::install("the tests of the pages fetch axe-core with npm", &["npm"])?;
    }
    program("npm")
        .args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ])
        .args([&dir])
        .args([AXE_CORE])
        .run()?;
    Ok(file)
}
