//! Which names and paths users, groups and projects may have (GitLab's rules and words).

use crate::error::{Error, Result};

/// Longest name or path of a namespace or project, in characters.
const MAX_LENGTH: usize = 255;

/// First parts of addresses that mean something else.
const RESERVED_ROOTS: &[&str] = &[
    "-",
    ".well-known",
    "404.html",
    "422.html",
    "500.html",
    "502.html",
    "503.html",
    "admin",
    "api",
    "assets",
    "dashboard",
    "deploy.html",
    "explore",
    "favicon.ico",
    "favicon.png",
    "files",
    "groups",
    "health_check",
    "help",
    "import",
    "jwt",
    "login",
    "oauth",
    "profile",
    "projects",
    "public",
    "robots.txt",
    "s",
    "search",
    "sitemap",
    "sitemap.xml",
    "slash-command-logo.png",
    "snippets",
    "unsubscribes",
    "uploads",
    "users",
    "v2",
];

/// Last parts of a project's path that mean something else behind a group's.
const RESERVED_PROJECTS: &[&str] = &[
    "-",
    "badges",
    "blame",
    "blob",
    "builds",
    "commits",
    "create",
    "create_dir",
    "edit",
    "environments/folders",
    "files",
    "find_file",
    "gitlab-lfs/objects",
    "info/lfs/objects",
    "new",
    "preview",
    "raw",
    "refs",
    "tree",
    "update",
    "wikis",
];

/// Checks the path of a user's namespace or a top-level group; `field` is what the caller named it.
///
/// # Errors
///
/// 400 with GitLab's words under `field`.
pub fn check_root_path(field: &'static str, path: &str) -> Result<()> {
    check_path(field, path)?;
    reserved(field, path, RESERVED_ROOTS)
}

/// Checks the path of a subgroup, or of a project.
///
/// # Errors
///
/// 400 with GitLab's words under `field`.
pub fn check_inner_path(field: &'static str, path: &str) -> Result<()> {
    check_path(field, path)?;
    reserved(field, path, RESERVED_PROJECTS)
}

/// Checks the display name of a project or group.
///
/// # Errors
///
/// 400 with GitLab's words under `name`.
pub fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid("name", "can't be blank"));
    }
    if name.chars().count() > MAX_LENGTH {
        return Err(too_long("name"));
    }
    let starts_well = name.starts_with(|c: char| c.is_alphanumeric() || c == '_' || is_symbol(c));
    let is_good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '-' | ' ' | '(' | ')') || is_symbol(c);
    if !starts_well || !name.chars().all(is_good) {
        let text = "can contain only letters, digits, emoji, '_', '.', '+', dashes, or spaces. It must start with a letter, digit, emoji, or '_'.";
        return Err(Error::invalid("name", text));
    }
    Ok(())
}

/// Returns the path that follows from a display name: lower-case, `-` for everything else.
#[must_use]
pub fn path_of_name(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') {
            path.push(c);
        } else if !path.ends_with('-') {
            path.push('-');
        }
    }
    path.trim_matches(['-', '.']).to_owned()
}

fn check_path(field: &'static str, path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(Error::invalid(field, "can't be blank"));
    }
    if path.len() > MAX_LENGTH {
        return Err(too_long(field));
    }
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let ends_badly = [".", ".git", ".atom"]
        .iter()
        .any(|end| path.to_ascii_lowercase().ends_with(end));
    if !path.chars().all(is_good) || path.starts_with(['-', '.']) || ends_badly {
        let text = "can contain only letters, digits, '_', '-' and '.'. Cannot start with '-', end in '.git' or end in '.atom'.";
        return Err(Error::invalid(field, text));
    }
    Ok(())
}

fn reserved(field: &'static str, path: &str, words: &[&str]) -> Result<()> {
    if words.iter().any(|word| word.eq_ignore_ascii_case(path)) {
        return Err(Error::invalid(field, format!("{path} is a reserved name")));
    }
    Ok(())
}

fn too_long(field: &'static str) -> Error {
    Error::invalid(field, format!("is too long (maximum is {MAX_LENGTH} characters)"))
}

/// Emoji and other symbols: what is neither ASCII nor white space nor a control character.
fn is_symbol(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain_and_not_reserved() {
        for good in ["a", "A-b_c.d", "group1", "_x"] {
            assert!(check_root_path("path", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            ".a",
            "a.git",
            "a.ATOM",
            "a.",
            "a/b",
            "a b",
            "é",
            "api",
            "Admin",
            "-",
            &"a".repeat(256),
        ] {
            assert!(check_root_path("path", bad).is_err(), "{bad}");
        }
        assert!(check_inner_path("path", "api").is_ok());
        assert!(check_inner_path("path", "tree").is_err());
    }

    #[test]
    fn names_are_for_people() {
        for good in ["My project", "Ünïcode (1)", "🚀 launch", "_x"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "-x", "a\nb", "a<b", "a/b", &"a".repeat(256)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_follows_from_a_name() {
        for (name, path) in [
            ("My Project", "my-project"),
            ("a  b!", "a-b"),
            ("v1.0_x", "v1.0_x"),
            ("-", ""),
            ("日本", ""),
        ] {
            assert_eq!(path_of_name(name), path, "{name}");
        }
    }
}
