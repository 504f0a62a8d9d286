//! How jobs are protected on this system: found out by a process that tries it, and said once when the runner starts.

use std::process::{ExitCode, Stdio};
use std::sync::Arc;

use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope};
use serde::{Deserialize, Serialize};

use super::private::{self, Means};
use super::{PROTECTIONS, Protection};
use crate::job::Site;

/// What was found.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    landlock: Protection,
    folders: Means,
}

/// Finds out and prints it: the job shell's part.
pub(super) fn print() -> ExitCode {
    let found = Found {
        landlock: landlock(),
        folders: private::prepare(),
    };
    match serde_json::to_string(&found) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// How much of what [`super::sandbox`] asks for this kernel has.
fn landlock() -> Protection {
    let has = |abi: ABI| {
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let ruleset = ruleset.handle_access(AccessFs::from_all(abi));
        let scoped = if Scope::from_all(abi).is_empty() {
            ruleset
        } else {
            ruleset.and_then(|ruleset| ruleset.scope(Scope::from_all(abi)))
        };
        scoped.and_then(Ruleset::create).is_ok()
    };
    if has(super::sandbox::LANDLOCK_ABI) {
        Protection::Full
    } else if has(ABI::V1) {
        Protection::Partial
    } else {
        Protection::None
    }
}

/// Says which protections jobs have. Jobs do not wait for it.
pub(crate) async fn announce(site: Arc<Site>) {
    let Some((program, arguments)) = site.config.launcher.split_first() else {
        return;
    };
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).arg(PROTECTIONS).env_clear().current_dir("/");
    command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match command.output().await {
        Ok(output) => match serde_json::from_slice(&output.stdout) {
            Ok(found) => tracing::info!("{}", describe(&site, &found)),
            Err(error) => tracing::warn!(%error, "cannot find out how jobs are protected"),
        },
        Err(error) => tracing::warn!(%error, "cannot find out how jobs are protected"),
    }
}

fn describe(site: &Site, found: &Found) -> String {
    let user = site.prepared.account.as_ref().map_or_else(
        || "jobs run as the runner's own user".to_owned(),
        |account| format!("jobs run as user `{}`", account.name),
    );
    let files = match found.landlock {
        Protection::Full => "reach no other files and processes (Landlock)",
        Protection::Partial => "reach no other files (an older Landlock)",
        Protection::None => "reach all files of that user (this kernel has no Landlock)",
    };
    let names: Vec<String> = site
        .prepared
        .private
        .iter()
        .map(|folder| format!("`{}`", folder.display()))
        .collect();
    let folders = match (found.folders, names.is_empty()) {
        (_, true) => "share all temporary folders but `$TMPDIR`, as set".to_owned(),
        (Means::Mounts, _) => format!("each have their own {}", names.join(", ")),
        (Means::UserNamespace, _) => format!("each have their own {} (user namespace)", names.join(", ")),
        (Means::None, _) => format!("share {}: this system lets the runner mount nothing", names.join(", ")),
    };
    format!("{user}, {files}, {folders}")
}
