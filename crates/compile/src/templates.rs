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

const ALL: &[(&str, &str)] = &[
    (
        "Auto-DevOps.gitlab-ci.yml",
        include_str!("../templates/Auto-DevOps.gitlab-ci.yml"),
    ),
    ("Bash.gitlab-ci.yml", include_str!("../templates/Bash.gitlab-ci.yml")),
    (
        "Code-Quality.gitlab-ci.yml",
        include_str!("../templates/Code-Quality.gitlab-ci.yml"),
    ),
    (
        "Docker.gitlab-ci.yml",
        include_str!("../templates/Docker.gitlab-ci.yml"),
    ),
    (
        "Getting-Started.gitlab-ci.yml",
        include_str!("../templates/Getting-Started.gitlab-ci.yml"),
    ),
    ("Go.gitlab-ci.yml", include_str!("../templates/Go.gitlab-ci.yml")),
    (
        "Gradle.gitlab-ci.yml",
        include_str!("../templates/Gradle.gitlab-ci.yml"),
    ),
    (
        "Jobs/Build.gitlab-ci.yml",
        include_str!("../templates/Jobs/Build.gitlab-ci.yml"),
    ),
    (
        "Jobs/Code-Quality.gitlab-ci.yml",
        include_str!("../templates/Jobs/Code-Quality.gitlab-ci.yml"),
    ),
    (
        "Jobs/Container-Scanning.gitlab-ci.yml",
        include_str!("../templates/Jobs/Container-Scanning.gitlab-ci.yml"),
    ),
    (
        "Jobs/Dependency-Scanning.gitlab-ci.yml",
        include_str!("../templates/Jobs/Dependency-Scanning.gitlab-ci.yml"),
    ),
    (
        "Jobs/SAST.gitlab-ci.yml",
        include_str!("../templates/Jobs/SAST.gitlab-ci.yml"),
    ),
    (
        "Jobs/Secret-Detection.gitlab-ci.yml",
        include_str!("../templates/Jobs/Secret-Detection.gitlab-ci.yml"),
    ),
    (
        "Jobs/Test.gitlab-ci.yml",
        include_str!("../templates/Jobs/Test.gitlab-ci.yml"),
    ),
    ("Maven.gitlab-ci.yml", include_str!("../templates/Maven.gitlab-ci.yml")),
    (
        "Nodejs.gitlab-ci.yml",
        include_str!("../templates/Nodejs.gitlab-ci.yml"),
    ),
    (
        "Pages/HTML.gitlab-ci.yml",
        include_str!("../templates/Pages/HTML.gitlab-ci.yml"),
    ),
    (
        "Python.gitlab-ci.yml",
        include_str!("../templates/Python.gitlab-ci.yml"),
    ),
    ("Ruby.gitlab-ci.yml", include_str!("../templates/Ruby.gitlab-ci.yml")),
    ("Rust.gitlab-ci.yml", include_str!("../templates/Rust.gitlab-ci.yml")),
    (
        "Security/Container-Scanning.gitlab-ci.yml",
        include_str!("../templates/Security/Container-Scanning.gitlab-ci.yml"),
    ),
    (
        "Security/Dependency-Scanning.gitlab-ci.yml",
        include_str!("../templates/Security/Dependency-Scanning.gitlab-ci.yml"),
    ),
    (
        "Security/SAST.gitlab-ci.yml",
        include_str!("../templates/Security/SAST.gitlab-ci.yml"),
    ),
    (
        "Security/Secret-Detection.gitlab-ci.yml",
        include_str!("../templates/Security/Secret-Detection.gitlab-ci.yml"),
    ),
    (
        "Workflows/Branch-Pipelines.gitlab-ci.yml",
        include_str!("../templates/Workflows/Branch-Pipelines.gitlab-ci.yml"),
    ),
    (
        "Workflows/MergeRequest-Pipelines.gitlab-ci.yml",
        include_str!("../templates/Workflows/MergeRequest-Pipelines.gitlab-ci.yml"),
    ),
];
