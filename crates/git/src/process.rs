//! Child processes of git: what they may see.

use std::path::{Path, PathBuf};

use crate::Error;

/// Name of the file below the root that is the only configuration our git processes see.
const CONFIGURATION: &str = "git.config";

/// What every git process of ours is told, over whatever a repository itself says.
///
/// The administrator attaches repositories of other users on purpose, hence `safe.directory`.
const SETTINGS: &str = "\
# Written at every start; changes are lost.
[safe]
\tdirectory = *
";

/// Writes the configuration file.
pub(crate) fn write_configuration(root: &Path) -> Result<(), Error> {
    let path = configuration(root);
    std::fs::write(&path, SETTINGS).map_err(Error::io("write", &path))
}

fn configuration(root: &Path) -> PathBuf {
    root.join(CONFIGURATION)
}
