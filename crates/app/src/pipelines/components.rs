//! Components of this server: `HOST/GROUP/PROJECT/NAME@VERSION`.
//!
//! The address and its version, as text; reading the project's files is the business of
//! [`facts`](super::facts). There is no catalog: a project's releases are its tags that are
//! semantic versions.

/// A component as an `include` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Full path of its project.
    pub project: String,
    /// Its name in that project.
    pub name: String,
    /// Commit, tag, branch, part of a version, or `~latest`.
    pub version: String,
}

impl Address {
    /// Reads an address of this server; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str, fqdn: &str) -> Option<Address> {
        let (path, version) = text.strip_prefix(fqdn)?.strip_prefix('/')?.split_once('@')?;
        let (project, name) = path.rsplit_once('/')?;
        let is_whole = project.contains('/') && !name.is_empty() && !version.is_empty();
        is_whole.then(|| Address {
            project: project.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    /// Returns the files that may hold the component, in order.
    #[must_use]
    pub fn files(&self) -> [String; 2] {
        let name = &self.name;
        [
            format!("templates/{name}.yml"),
            format!("templates/{name}/template.yml"),
        ]
    }
}

/// Returns the tag that `~latest`, `1` or `1.2` stands for: of the released versions that fit, the
/// highest. `None` for any other text, and when nothing fits.
#[must_use]
pub fn newest<'a>(version: &str, tags: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<u64> = match version {
        "~latest" => Vec::new(),
        part => numbers(part).filter(|numbers| numbers.len() < 3)?,
    };
    let fitting = tags.into_iter().filter_map(|tag| Some((released(tag)?, tag)));
    fitting
        .filter(|(numbers, _)| numbers.starts_with(&wanted))
        .max_by(|(one, _), (other, _)| one.cmp(other))
        .map(|(_, tag)| tag)
}

/// Returns the three numbers of a tag that is a semantic version without a pre-release, `v` allowed in front.
#[must_use]
pub fn released(tag: &str) -> Option<[u64; 3]> {
    let text = tag.strip_prefix('v').unwrap_or(tag);
    let text = text.split_once('+').map_or(text, |(numbers, _)| numbers);
    numbers(text)?.try_into().ok()
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    text.split('.')
        .map(|part| {
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| is_number)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_a_project_a_name_and_a_version() {
        let found = Address::parse("ci.example.com/group/sub/tools/lint@1.0", "ci.example.com").unwrap();
        assert_eq!(
            (found.project.as_str(), found.name.as_str(), found.version.as_str()),
            ("group/sub/tools", "lint", "1.0")
        );
        assert_eq!(found.files(), ["templates/lint.yml", "templates/lint/template.yml"]);
        for text in [
            "other.example.com/group/tools/lint@1.0",
            "ci.example.com/group/lint@1.0",
            "ci.example.com/group/tools/lint",
            "ci.example.com/group/tools/lint@",
            "ci.example.com/group/tools/@1",
            "ci.example.com.evil/group/tools/lint@1",
        ] {
            assert_eq!(Address::parse(text, "ci.example.com"), None, "{text}");
        }
    }

    #[test]
    fn the_newest_release_is_the_highest_version() {
        let tags = [
            "1.9.0",
            "v1.10.0",
            "2.0.0-rc1",
            "0.9.9",
            "latest",
            "1.2",
            "v1.2.3+build",
        ];
        for (version, expected) in [
            ("~latest", Some("v1.10.0")),
            ("1", Some("v1.10.0")),
            ("1.9", Some("1.9.0")),
            ("1.2", Some("v1.2.3+build")),
            ("0", Some("0.9.9")),
            ("3", None),
            ("1.9.0", None),
            ("main", None),
            ("", None),
        ] {
            assert_eq!(newest(version, tags), expected, "{version}");
        }
        assert_eq!(newest("~latest", ["main", "1.0"]), None);
    }
}
