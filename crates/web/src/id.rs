//! What names a project in a path: its id, or its full path in one encoded segment (rest-api.md 7).

use model::ProjectId;

/// The `:id` of a project, as the caller wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectKey {
    /// Its id.
    Id(ProjectId),
    /// Its full path; letter case does not matter.
    Path(String),
}

impl ProjectKey {
    /// Reads the decoded segment; `None` when no project can have such a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<ProjectKey> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(ProjectKey::Id);
        }
        text.contains('/').then(|| ProjectKey::Path(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_an_id_and_a_slash_makes_a_path() {
        let path = |text: &str| Some(ProjectKey::Path(text.to_owned()));
        for (text, expected) in [
            ("12", Some(ProjectKey::Id(ProjectId(12)))),
            ("-1", Some(ProjectKey::Id(ProjectId(-1)))),
            ("group/project", path("group/project")),
            ("Group/sub.group/p", path("Group/sub.group/p")),
            ("1/2", path("1/2")),
            ("project", None),
            ("", None),
            ("-", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(ProjectKey::parse(text), expected, "{text}");
        }
    }
}
