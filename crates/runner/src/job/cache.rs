//! Caches between jobs, on this machine's disk. A cache that cannot be read or written never
//! fails a job.
//!
//! Jobs have no access to the folder of caches: the runner links an archive into the job's
//! input folder, and takes a new one from its output folder.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use wire::runner::Cache;

use super::context::Context;
use super::dirs::repository_path;
use super::stage::{Failure, Shell, Watch};
use super::{dependencies, uploads};
use crate::archive::{Format, PackOrder};
use crate::random;

/// Restores the caches of the job.
pub(super) async fn restore(context: &Context<'_>, shell: &mut Shell<'_>, watch: &mut Watch) -> Result<(), Failure> {
    check_policies(&context.job.cache)?;
    let caches: Vec<&Cache> = context
        .job
        .cache
        .iter()
        .filter(|cache| has_files(cache) && matches!(cache.policy.as_str(), "" | "pull-push" | "pull"))
        .collect();
    if caches.is_empty() {
        return Ok(());
    }
    shell.open("restore_cache", "Restoring cache");
    for (index, cache) in caches.into_iter().enumerate() {
        let mut keys = vec![key(context, &cache.key)];
        keys.extend(cache.fallback_keys.iter().map(|written| key(context, written)));
        keys.extend(common_key(&context.expand("$CACHE_FALLBACK_KEY")));
        for (attempt, key) in keys.iter().enumerate() {
            shell
                .log
                .line(&format!("\x1b[32;1mChecking cache for {key}...\x1b[0;m"));
            let given = context.dirs.input().join(format!("cache-{index}-{attempt}.zip"));
            if let Err(error) = hand_over(&place(context, key), &given) {
                if error.kind() == io::ErrorKind::NotFound {
                    shell.log.line("No cache found for this key");
                } else {
                    shell.warn(&format!("the cache cannot be read: {error}"));
                }
                continue;
            }
            match dependencies::unpack(context, shell, watch, &given, &format!("cache-{index}-{attempt}.json")).await {
                Ok(()) => shell.log.line("\x1b[32;1mSuccessfully extracted cache\x1b[0;m"),
                Err(Failure::Script(_)) => shell.warn("Failed to extract cache"),
                Err(other) => return Err(other),
            }
            break;
        }
    }
    shell.close("restore_cache");
    Ok(())
}

/// Saves the caches that the job's end wants saved.
pub(super) async fn archive(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
    succeeded: bool,
) -> Result<(), Failure> {
    let wanted = |cache: &&Cache| {
        has_files(cache)
            && matches!(cache.policy.as_str(), "" | "pull-push" | "push")
            && uploads::is_wanted(&cache.when, succeeded)
    };
    let caches: Vec<&Cache> = context.job.cache.iter().filter(wanted).collect();
    if caches.is_empty() {
        return Ok(());
    }
    let (name, title) = if succeeded {
        ("archive_cache", "Saving cache for successful job")
    } else {
        ("archive_cache_on_failure", "Saving cache for failed job")
    };
    shell.open(name, title);
    for (index, cache) in caches.into_iter().enumerate() {
        let key = key(context, &cache.key);
        shell.log.line(&format!("\x1b[32;1mCreating cache {key}...\x1b[0;m"));
        let made = context.dirs.out().join(format!("cache-{index}"));
        let order = PackOrder {
            root: context.dirs.project.clone(),
            paths: cache.paths.iter().map(|path| context.expand(path)).collect(),
            exclude: Vec::new(),
            untracked: cache.untracked,
            format: Format::Zip,
            output: made.clone(),
        };
        match uploads::pack(context, shell, watch, &order, &format!("new-cache-{index}.json")).await {
            Ok(()) if !made.exists() => {}
            Ok(()) => match take(&made, &place(context, &key)) {
                Ok(()) => shell.log.line("\x1b[32;1mCreated cache\x1b[0;m"),
                Err(error) => shell.warn(&format!("Failed to create cache: {error}")),
            },
            Err(Failure::Script(_)) => shell.warn("Failed to create cache"),
            Err(other) => return Err(other),
        }
    }
    shell.close(name);
    Ok(())
}

fn check_policies(caches: &[Cache]) -> Result<(), Failure> {
    match caches
        .iter()
        .find(|cache| !matches!(cache.policy.as_str(), "" | "pull-push" | "pull" | "push"))
    {
        Some(cache) => Err(Failure::Configuration(format!(
            "unknown cache policy `{}`; expected `pull-push`, `pull` or `push`",
            cache.policy
        ))),
        None => Ok(()),
    }
}

fn has_files(cache: &Cache) -> bool {
    !cache.paths.is_empty() || cache.untracked
}

/// Returns the key with variables replaced, fit to be a path.
fn key(context: &Context<'_>, written: &str) -> String {
    let git_ref = context.job.git_info.as_ref().map_or("", |git| git.git_ref.as_str());
    let usual = format!("{}/{git_ref}", context.job.job_info.name);
    let expanded = clean(&context.expand(written));
    if expanded.is_empty() { clean(&usual) } else { expanded }
}

/// Returns the key that the variable names, unless it is one of a protected ref: anybody may set the variable.
fn common_key(expanded: &str) -> Option<String> {
    let key = clean(expanded);
    (!key.is_empty() && !key.to_ascii_lowercase().ends_with("-protected")).then_some(key)
}

/// Returns a key without anything that leads elsewhere.
fn clean(key: &str) -> String {
    let key = key
        .replace('\\', "/")
        .replace("%2f", "/")
        .replace("%2F", "/")
        .replace(['\0', '\n', '\r'], "");
    let parts = key
        .split('/')
        .map(str::trim_end)
        .filter(|part| !matches!(*part, "" | "." | ".."));
    parts.collect::<Vec<_>>().join("/")
}

/// Returns the path of a cache.
fn place(context: &Context<'_>, key: &str) -> PathBuf {
    let repository = context
        .job
        .git_info
        .as_ref()
        .and_then(|git| repository_path(&git.repo_url));
    let project = repository.unwrap_or_else(|| format!("project-{}", context.job.job_info.project_id));
    context
        .place
        .site
        .prepared
        .cache_dir
        .join(project)
        .join(key)
        .join("cache.zip")
}

/// Puts a cache where the job can read it; a link where possible, since caches are large.
fn hand_over(from: &Path, to: &Path) -> io::Result<()> {
    // Fails with the error that says that there is none.
    File::open(from)?;
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

/// Takes a new cache from the job.
fn take(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(to);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // A copy, so that nobody who still has the file open can change the cache.
    let mut source = uploads::open_made(from)?;
    let fresh = folder.join(format!(".{}", random::hex(8)));
    let mut target = File::options().write(true).create_new(true).open(&fresh)?;
    io::copy(&mut source, &mut target)?;
    target.set_permissions(fs::Permissions::from_mode(0o644))?;
    fs::rename(&fresh, to)?;
    fs::remove_file(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_key_is_never_one_of_a_protected_ref() {
        for key in [
            "",
            "a-protected",
            "a-protected/",
            "a-protected/.",
            "a-protected%2f",
            "a-protected ",
            "a-PROTECTED",
            "a/b-protected/../",
        ] {
            assert_eq!(common_key(key), None, "{key}");
        }
        assert_eq!(common_key("a-protected/b").as_deref(), Some("a-protected/b"));
        assert_eq!(common_key("a").as_deref(), Some("a"));
    }

    #[test]
    fn keys_cannot_lead_elsewhere() {
        for (key, expected) in [
            ("a/b", "a/b"),
            ("../../x", "x"),
            (r"..\x", "x"),
            ("%2f..%2Fx ", "x"),
            ("main-1  ", "main-1"),
            ("..", ""),
        ] {
            assert_eq!(clean(key), expected, "{key}");
        }
    }
}
