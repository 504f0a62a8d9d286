//! What has to be settled before the first job: user, folders, shell, identity, what jobs may read.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};

use super::StartError;
use crate::config::{Config, JobUser};
use crate::job::{Account, Prepared};
use crate::keeper::PRIVATE_FOLDERS;
use crate::random;

/// Users tried for [`JobUser::Auto`] when started as root, in this order.
const JOB_USERS: [&str; 2] = ["tripline-job", "nobody"];

/// What every job may read and execute from, where it exists.
const SYSTEM_FOLDERS: [&str; 14] = [
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/etc", "/opt", "/var", "/run", "/proc", "/sys",
    "/nix",
];

/// What every job may write to besides its own folders; where it can be, each job has its own (`private_folders`).
const SHARED_FOLDERS: [&str; 2] = ["/tmp", "/var/tmp"];

/// Search path when the runner has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Mode of the folders above projects: jobs pass through, but cannot look around.
const PASSAGE: u32 = 0o711;

pub(super) fn prepare(config: &Config) -> Result<Prepared, StartError> {
    make_folder(&config.builds_dir, PASSAGE)?;
    make_folder(&config.cache_dir, 0o700)?;
    let builds_dir = canonical(&config.builds_dir)?;
    let cache_dir = canonical(&config.cache_dir)?;
    let account = account(&config.job_user, &builds_dir)?;
    let shell = shell(config.shell.as_deref())?;
    let shell_name = shell
        .file_name()
        .map_or_else(|| "sh".to_owned(), |name| name.to_string_lossy().into_owned());

    let path = std::env::var("PATH")
        .ok()
        .filter(|path| !path.is_empty())
        .unwrap_or_else(|| DEFAULT_PATH.to_owned());
    let mut readable: Vec<PathBuf> = SYSTEM_FOLDERS.iter().map(PathBuf::from).collect();
    readable.extend(config.readable_paths.iter().cloned());
    readable.extend(std::env::split_paths(&path).filter(|folder| folder.is_absolute()));
    let mut environment = vec![("PATH".to_owned(), path)];
    let reachable = |folder: &PathBuf| {
        account
            .as_ref()
            .is_none_or(|account| blocked_folder(folder, account).is_none())
    };
    if let Some(folder) = rustup_home().filter(reachable) {
        environment.push(("RUSTUP_HOME".to_owned(), folder.to_string_lossy().into_owned()));
        readable.push(folder);
    }
    for name in ["LANG", "LC_ALL", "TZ"] {
        environment.extend(std::env::var(name).ok().map(|value| (name.to_owned(), value)));
    }
    let user = match &account {
        Some(account) => account.name.clone(),
        None => std::env::var("USER").unwrap_or_else(|_| "tripline".to_owned()),
    };
    environment.extend(["USER", "LOGNAME"].map(|name| (name.to_owned(), user.clone())));
    environment.extend(config.environment.iter().cloned());
    let readable = outermost(readable);
    let private = private_folders(config, &readable);
    let mut writable: Vec<PathBuf> = SHARED_FOLDERS.iter().map(PathBuf::from).collect();
    writable.extend(config.writable_paths.iter().cloned());
    // Landlock compares real paths. What does not exist yet is denied by its name.
    let mut denied: Vec<PathBuf> = config
        .denied_paths
        .iter()
        .map(|path| fs::canonicalize(path).unwrap_or_else(|_| path.clone()))
        .collect();
    denied.extend([builds_dir.clone(), cache_dir.clone()]);

    Ok(Prepared {
        system_id: system_id(config, &builds_dir)?,
        short_token: short_token(&config.token),
        host: nix::unistd::gethostname()
            .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned()),
        builds_dir,
        cache_dir,
        account,
        shell,
        shell_name,
        environment,
        readable,
        writable,
        private,
        denied,
    })
}

/// Returns the real paths of what exists, without what lies below another: every rule costs each job some time.
fn outermost(folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut real: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| fs::canonicalize(folder).ok())
        .collect();
    real.sort();
    // A folder comes right before what lies below it.
    real.dedup_by(|later, earlier| later.starts_with(earlier));
    real
}

/// Returns the folders that each job is to have for itself: not those in which jobs are to share something.
///
/// Whoever wants one of them shared lets jobs write to it ([`Config::writable_paths`]).
fn private_folders(config: &Config, readable: &[PathBuf]) -> Vec<PathBuf> {
    let wanted: Vec<PathBuf> = config
        .writable_paths
        .iter()
        .filter_map(|path| fs::canonicalize(path).ok())
        .collect();
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in PRIVATE_FOLDERS
        .iter()
        .filter_map(|folder| fs::canonicalize(folder).ok())
    {
        let shared = wanted.iter().chain(readable).find(|path| path.starts_with(&folder));
        match shared {
            Some(path) => tracing::info!(
                "all jobs see the same `{}`, for they may reach `{}`",
                folder.display(),
                path.display()
            ),
            // One may be another name of the other.
            None if folder.is_dir() && !folders.iter().any(|other| folder.starts_with(other)) => folders.push(folder),
            None => {}
        }
    }
    folders
}

fn make_folder(path: &Path, mode: u32) -> Result<(), StartError> {
    let make = || {
        DirBuilder::new().recursive(true).mode(mode).create(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    };
    make().map_err(|source| StartError::Folder {
        path: path.display().to_string(),
        source,
    })
}

fn canonical(path: &Path) -> Result<PathBuf, StartError> {
    fs::canonicalize(path).map_err(|source| StartError::Folder {
        path: path.display().to_string(),
        source,
    })
}

/// Finds the user of the jobs; `None` = the runner's own.
fn account(wanted: &JobUser, builds_dir: &Path) -> Result<Option<Account>, StartError> {
    let is_root = geteuid().is_root();
    match wanted {
        JobUser::Own => Ok(None),
        JobUser::Auto if !is_root => Ok(None),
        JobUser::Auto => {
            let Some(found) = JOB_USERS.iter().find_map(|name| lookup(name)) else {
                tracing::warn!(
                    "there is no user for jobs (`{}`): they run as root",
                    JOB_USERS.join("` or `")
                );
                return Ok(None);
            };
            if let Some(blocked) = blocked_folder(builds_dir, &found) {
                tracing::warn!(
                    "jobs run as root: user `{}` cannot pass through `{}`; make it passable (mode o+x), or set another builds folder",
                    found.name,
                    blocked.display()
                );
                return Ok(None);
            }
            Ok(Some(found))
        }
        JobUser::Named(name) => {
            let refused = |reason: String| StartError::User {
                user: name.clone(),
                reason,
            };
            if !is_root {
                return Err(refused("the runner was not started as root".to_owned()));
            }
            let found = lookup(name).ok_or_else(|| refused("there is no such user".to_owned()))?;
            match blocked_folder(builds_dir, &found) {
                Some(blocked) => Err(refused(format!(
                    "the folder `{}` does not let it pass (mode o+x)",
                    blocked.display()
                ))),
                None => Ok(Some(found)),
            }
        }
    }
}

fn lookup(name: &str) -> Option<Account> {
    let user = User::from_name(name).ok()??;
    Some(Account {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
    })
}

/// Returns the first folder on the way to `path` that `account` cannot pass.
fn blocked_folder<'a>(path: &'a Path, account: &Account) -> Option<&'a Path> {
    path.ancestors().find(|folder| {
        let Ok(found) = fs::metadata(folder) else { return false };
        let needed = match (found.uid() == account.uid, found.gid() == account.gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        found.mode() & needed == 0
    })
}

fn shell(wanted: Option<&Path>) -> Result<PathBuf, StartError> {
    if let Some(path) = wanted {
        return if path.is_file() {
            Ok(path.to_owned())
        } else {
            Err(StartError::Shell(format!("`{}` does not exist", path.display())))
        };
    }
    let usual = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh"].map(PathBuf::from);
    let searched = std::env::var_os("PATH").map(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join("bash"))
            .find(|file| file.is_file())
            .into_iter()
    });
    let found = usual[..3]
        .iter()
        .cloned()
        .chain(searched.into_iter().flatten())
        .chain([usual[3].clone()])
        .find(|file| file.is_file());
    found.ok_or_else(|| StartError::Shell("neither `bash` nor `sh` was found".to_owned()))
}

/// Returns where rustup keeps toolchains: without it the `cargo` in the search path does nothing.
fn rustup_home() -> Option<PathBuf> {
    let named = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".rustup"));
    named
        .or_else(usual)
        .filter(|folder| folder.is_absolute() && folder.is_dir())
}

/// Returns the identity of this process among those that share the token.
fn system_id(config: &Config, builds_dir: &Path) -> Result<String, StartError> {
    if let Some(id) = &config.system_id {
        return Ok(id.clone());
    }
    let path = builds_dir.join(".system_id");
    let failed = |source: io::Error| StartError::Folder {
        path: path.display().to_string(),
        source,
    };
    match fs::read_to_string(&path) {
        Ok(id) if id.trim().len() == 14 => Ok(id.trim().to_owned()),
        Ok(_) => renew(&path).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => renew(&path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

fn renew(path: &Path) -> io::Result<String> {
    let id = format!("r_{}", random::hex(6));
    fs::write(path, &id)?;
    Ok(id)
}

/// Returns the characters of a token that name folders and the runner in logs.
fn short_token(token: &str) -> String {
    let rest = token
        .strip_prefix("glrt-")
        .or_else(|| token.strip_prefix("glrtr-"))
        .unwrap_or(token);
    let rest = ["t1_", "t2_", "t3_"]
        .iter()
        .find_map(|partition| rest.strip_prefix(partition))
        .unwrap_or(rest);
    rest.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .take(9)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tokens_are_nine_characters_behind_all_prefixes() {
        for (token, short) in [
            ("glrt-t1_abcdefghijkl", "abcdefghi"),
            ("glrt-abcdefghijkl", "abcdefghi"),
            ("glrtr-x/../y", "xy"),
            ("plain", "plain"),
        ] {
            assert_eq!(short_token(token), short);
        }
    }
}
