//! Names that come from outside: refs and paths, checked before they reach a file system or git.

use crate::Error;

/// Refs that only the server writes; a push to one of them is refused.
///
/// `refs/replace/` is among them because a replacement would change what a commit id stands for.
pub const RESERVED: [&str; 6] = [
    "refs/pipelines/",
    "refs/keep-around/",
    "refs/merge-requests/",
    "refs/environments/",
    "refs/replace/",
    "refs/tmp/",
];

/// Longest ref name taken, in bytes: it has to fit into a path on every file system.
pub const MAX_REF_NAME: usize = 1024;

/// Longest part of a ref name between two `/`, in bytes: file systems take 255, and git locks with `.lock` behind it.
pub const MAX_REF_PART: usize = 255 - ".lock".len();

/// Checks the full name (`refs/…`) of a ref that is to be created or changed.
///
/// # Errors
///
/// [`Error::InvalidRefName`] with the reason.
pub fn check_ref(full_name: &str) -> Result<(), Error> {
    let invalid = |reason| {
        Err(Error::InvalidRefName {
            name: full_name.to_owned(),
            reason,
        })
    };
    if full_name.len() > MAX_REF_NAME || full_name.split('/').any(|part| part.len() > MAX_REF_PART) {
        return invalid("it is too long");
    }
    if !full_name.starts_with("refs/") || gix::refs::FullName::try_from(full_name).is_err() {
        return invalid("git does not allow it");
    }
    let short = full_name
        .strip_prefix("refs/heads/")
        .or_else(|| full_name.strip_prefix("refs/tags/"));
    match short {
        Some(short) if short.starts_with('-') => invalid("it starts with `-`"),
        Some(short) if short.starts_with("refs/") => invalid("it looks like a full ref name"),
        Some("HEAD") => invalid("`HEAD` is taken"),
        Some(short) if full_name.starts_with("refs/heads/") && looks_like_sha(short) => {
            invalid("it looks like a commit id")
        }
        _ => Ok(()),
    }
}

/// Whether a ref is one that only the server writes.
#[must_use]
pub fn is_reserved(full_name: &str) -> bool {
    RESERVED.iter().any(|prefix| full_name.starts_with(prefix))
}

/// Whether a text has the form of a full object id.
#[must_use]
pub fn looks_like_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Checks the path of a file that is to be written: relative, `/` between parts, no part that is
/// empty, `.`, `..` or `.git` in any letter case.
///
/// # Errors
///
/// [`Error::InvalidPath`].
pub fn check_path(path: &str) -> Result<(), Error> {
    let good = path.split('/').all(|part| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.eq_ignore_ascii_case(".git")
            && !part.contains(['\0', '\\'])
    });
    if good && path.len() <= 4096 {
        Ok(())
    } else {
        Err(Error::InvalidPath { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ref_names_follow_git_and_never_look_like_options() {
        for good in [
            "refs/heads/main",
            "refs/heads/a/b",
            "refs/tags/v1.0",
            "refs/notes/commits",
            "refs/heads/日本",
            &format!("refs/tags/{0}/{0}", "x".repeat(MAX_REF_PART)),
        ] {
            assert!(check_ref(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "main",
            "HEAD",
            "refs/heads/",
            "refs/heads/a..b",
            "refs/heads/../../config",
            "refs/heads/a//b",
            "refs/heads/-x",
            "refs/heads/--upload-pack=touch x",
            "refs/heads/a b",
            "refs/heads/a\nb",
            "refs/heads/a\u{1}b",
            "refs/heads/a~1",
            "refs/heads/a:b",
            "refs/heads/.hidden",
            "refs/heads/a.lock",
            "refs/heads/a@{1}",
            "refs/heads/HEAD",
            "refs/heads/refs/heads/x",
            "refs/tags/-v",
            "refs/heads/0123456789012345678901234567890123456789",
            &format!("refs/heads/{}", "x/".repeat(MAX_REF_NAME / 2) + "x"),
            &format!("refs/heads/a/{}", "x".repeat(MAX_REF_PART + 1)),
        ] {
            assert!(check_ref(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_stay_inside_the_tree() {
        for good in ["a", "a/b.txt", ".gitlab-ci.yml", ".gitignore", "a b/ü"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            "./a",
            ".git/config",
            "a/.GIT/x",
            "a\0b",
            "a\\b",
        ] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }
}
