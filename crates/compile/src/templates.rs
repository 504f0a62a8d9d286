//! Our own configuration templates under the names people use with `include:template`.

/// How every template's name ends.
pub const SUFFIX: &str = ".gitlab-ci.yml";

/// Returns the text of a template, by its name with the suffix.
#[must_use]
pub fn find(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Returns the names of all templates.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

const ALL: &[(&str, &str)] = &[];
