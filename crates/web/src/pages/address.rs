//! Which page an address means.

use ::pages::html::url_value;

/// First parts of addresses that are no group or user.
const ROOTS: &[&str] = &["-", "admin", "dashboard", "explore", "projects", "users"];

/// Writes an address so that a route can match it: `/r/…` below the server, `/n/NAME` for a group or user,
/// `/g/GROUP/…` below a group, `/p/PROJECT/…` below a project. What nothing can have as its name becomes `/none`.
pub(super) fn rewritten(path: &str) -> String {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return "/r".to_owned();
    }
    let root = path.split('/').next().unwrap_or_default();
    if let Some((group, rest)) = path.strip_prefix("groups/").and_then(|rest| rest.split_once("/-/")) {
        return match group.split('/').all(is_name) {
            true => format!("/g/{}/{rest}", url_value(group)),
            false => "/none".to_owned(),
        };
    }
    if ROOTS.contains(&root) {
        return format!("/r/{path}");
    }
    let (name, rest) = match path.split_once("/-/") {
        Some((name, rest)) => (name, format!("/{rest}")),
        None => (path, String::new()),
    };
    if !name.split('/').all(is_name) {
        return "/none".to_owned();
    }
    match (name.contains('/'), rest.is_empty()) {
        (true, _) => format!("/p/{}{rest}", url_value(name)),
        (false, true) => format!("/n/{name}"),
        (false, false) => "/none".to_owned(),
    }
}

/// Whether a part of a path can be a group's, a user's or a project's.
fn is_name(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    // No project's name ends in `.git`: these are addresses of git's.
    !part.is_empty() && !part.ends_with(".git") && part.chars().all(is_plain)
}

/// Undoes [`rewritten`] for a route: `/p/{project}/jobs` is `/{project}/-/jobs` in a browser.
pub(super) fn shown(route: &str) -> String {
    if let Some(rest) = route.strip_prefix("/p/{project}") {
        let separator = if rest.is_empty() { "" } else { "/-" };
        return format!("/{{project}}{separator}{rest}");
    }
    if let Some(rest) = route.strip_prefix("/g/{group}") {
        return format!("/groups/{{group}}/-{rest}");
    }
    let shown = route.strip_prefix("/r").or_else(|| route.strip_prefix("/n"));
    shown.filter(|shown| !shown.is_empty()).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_routes() {
        for (path, expected) in [
            ("/", "/r"),
            ("/users/sign_in", "/r/users/sign_in"),
            ("/admin/", "/r/admin"),
            ("/-/preferences", "/r/-/preferences"),
            ("/ada", "/n/ada"),
            ("/a/b", "/p/a%2Fb"),
            ("/a/b/", "/p/a%2Fb"),
            ("/a/b/c/-/jobs/9", "/p/a%2Fb%2Fc/jobs/9"),
            ("/a/b/-/blob/x/-/y", "/p/a%2Fb/blob/x/-/y"),
            ("/a/-/jobs", "/none"),
            ("/a/b.git/config", "/none"),
            ("/groups/a/b/-/group_members/3", "/g/a%2Fb/group_members/3"),
            ("/groups/a%20b/-/group_members", "/none"),
            ("//b", "/none"),
            ("/a/%3Cb%3E", "/none"),
            ("/a/../b", "/p/a%2F..%2Fb"),
        ] {
            assert_eq!(rewritten(path), expected, "{path}");
        }
    }

    #[test]
    fn routes_are_shown_as_addresses() {
        for (route, expected) in [
            ("/p/{project}", "/{project}"),
            ("/p/{project}/jobs/{id}", "/{project}/-/jobs/{id}"),
            ("/n/{namespace}", "/{namespace}"),
            ("/g/{group}/group_members", "/groups/{group}/-/group_members"),
            ("/r", "/"),
            ("/r/-/preferences", "/-/preferences"),
        ] {
            assert_eq!(shown(route), expected);
        }
    }
}
