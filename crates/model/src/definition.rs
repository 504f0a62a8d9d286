//! The compiled form of one job, independent of who started the pipeline and why.
//!
//! A configuration that does not change gives the same definitions for every pipeline, so
//! they are stored once (by content) and shared; what rules decide for one pipeline is in
//! [`PlannedJob`](crate::job::PlannedJob). Serialized as JSON that only our own code reads:
//! fields may be added with `#[serde(default)]`, never renamed or given another meaning.

use serde::{Deserialize, Serialize};

use crate::kinds::{VariableKind, When};

/// Everything about a job that the configuration fixes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobDefinition {
    /// Full name, after `parallel` expansion (`test 1/3`, `deploy: [aws, eu]`).
    pub name: String,
    /// Name of the stage.
    pub stage: String,
    /// `before_script`, one entry per YAML line, flattened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before_script: Vec<String>,
    /// `script`, likewise. Empty for bridges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<String>,
    /// `after_script`, likewise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after_script: Vec<String>,
    /// `run:` steps as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// YAML variables the job sees (root, workflow-independent, job, matrix), after `inherit`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<YamlVariable>,
    /// `inherit:variables`: which root and workflow-rule variables reach the job.
    #[serde(skip_serializing_if = "Inherit::is_all")]
    pub inherit_variables: Inherit,
    /// `tags` as written, unexpanded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `image`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// `services`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Image>,
    /// `artifacts`, without reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<Artifacts>,
    /// `artifacts:reports`, one per type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Report>,
    /// `cache`, at most four.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caches: Vec<Cache>,
    /// `dependencies`: names of jobs to take artifacts from; `None` = all of earlier stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Vec<String>>,
    /// `needs:` entries that name jobs of other pipelines or projects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cross_needs: Vec<CrossNeed>,
    /// `environment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// `retry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// `timeout` in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    /// `coverage`: the regular expression without its slashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
    /// `resource_group` as written, unexpanded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_group: Option<String>,
    /// `allow_failure:exit_codes`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_failure_exit_codes: Vec<i64>,
    /// `hooks:pre_get_sources_script`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pre_get_sources_script: Vec<String>,
    /// `id_tokens`: variable name and audiences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id_tokens: Vec<IdToken>,
    /// Names under `secrets`; a job that has any fails with the reason instead of running.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// `release`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// `pages` (or a job named `pages`): the published folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<Pages>,
    /// `manual_confirmation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual_confirmation: Option<String>,
    /// `inputs` of the job.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<JobInput>,
    /// Position in a parallel or matrix job: (`CI_NODE_INDEX`, `CI_NODE_TOTAL`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<(u32, u32)>,
    /// `trigger`: this job is a bridge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// File and line of the job in the configuration, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<(String, u32)>,
}

impl JobDefinition {
    /// Whether this job only starts a downstream pipeline.
    #[must_use]
    pub const fn is_bridge(&self) -> bool {
        self.trigger.is_some()
    }

    /// Returns the name of the group that the pages and `CI_JOB_GROUP_NAME` show:
    /// the name without its parallel suffix.
    #[must_use]
    pub fn group_name(&self) -> &str {
        group_name(&self.name)
    }
}

/// Returns a job's name without the suffixes that `parallel` or numbering gave it (`test 1/3`, `test: [a]`): at
/// most three of them, each behind blanks or colons.
///
/// GitLab's rule, as one expression: `([\b\s:]+((\[.*\])|(\d+[\s:\/\\]+\d+))){1,3}\s*\z`.
#[must_use]
pub fn group_name(name: &str) -> &str {
    let start = (0..name.len()).find(|start| name.is_char_boundary(*start) && are_suffixes(&name[*start..]));
    start.map_or(name, |start| &name[..start]).trim_matches(is_blank)
}

/// Suffixes that a name may lose.
const MAX_SUFFIXES: usize = 3;

/// Whether a text is nothing but one to three suffixes.
fn are_suffixes(text: &str) -> bool {
    // Ends of what is read so far. All are followed at once: a `]` may end a list or stand inside it.
    let mut ends = vec![0];
    for _ in 0..MAX_SUFFIXES {
        let mut next: Vec<usize> = ends.iter().flat_map(|end| suffix_ends(text, *end)).collect();
        next.sort_unstable();
        next.dedup();
        if next.iter().any(|end| text[*end..].chars().all(is_blank)) {
            return true;
        }
        ends = next;
    }
    false
}

/// Where a suffix that starts at `from` may end.
fn suffix_ends(text: &str, from: usize) -> Vec<usize> {
    let rest = text[from..].trim_start_matches(|c| is_blank(c) || matches!(c, ':' | '\u{8}'));
    let start = text.len() - rest.len();
    if start == from {
        return Vec::new();
    }
    if rest.starts_with('[') {
        let line = rest.split('\n').next().unwrap_or_default();
        return line.match_indices(']').map(|(at, _)| start + at + 1).collect();
    }
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let first = digits(rest);
    let behind = rest[first..].trim_start_matches(|c| is_blank(c) || matches!(c, ':' | '/' | '\\'));
    let (between, second) = (rest.len() - first - behind.len(), digits(behind));
    if first == 0 || between == 0 || second == 0 {
        return Vec::new();
    }
    vec![text.len() - behind.len() + second]
}

/// What Ruby's `\s` is.
const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}')
}

/// A variable written in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct YamlVariable {
    /// Its name.
    pub key: String,
    /// Its value as text, unexpanded.
    pub value: String,
    /// `expand: false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub raw: bool,
}

/// Which of something a job inherits (`inherit`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inherit {
    /// All (`true`).
    #[default]
    All,
    /// None (`false`).
    None,
    /// Only these.
    Only(Vec<String>),
}

impl Inherit {
    /// Whether everything is inherited.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        matches!(self, Inherit::All)
    }

    /// Whether `name` is inherited.
    #[must_use]
    pub fn includes(&self, name: &str) -> bool {
        match self {
            Inherit::All => true,
            Inherit::None => false,
            Inherit::Only(names) => names.iter().any(|n| n == name),
        }
    }
}

/// A container image, of the job or of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Image {
    /// Image name, unexpanded.
    pub name: String,
    /// `alias` (services).
    pub alias: Option<String>,
    /// `entrypoint`.
    pub entrypoint: Option<Vec<String>>,
    /// `command` (services).
    pub command: Option<Vec<String>>,
    /// `pull_policy`.
    pub pull_policy: Vec<String>,
    /// `docker: {platform, user}` and `kubernetes: {user}` as JSON text.
    pub executor_options: Option<String>,
    /// `variables` (services).
    pub variables: Vec<YamlVariable>,
}

/// `artifacts`, without reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Artifacts {
    /// `name`.
    pub name: Option<String>,
    /// `paths`.
    pub paths: Vec<String>,
    /// `exclude`.
    pub exclude: Vec<String>,
    /// `untracked`.
    pub untracked: bool,
    /// `when`; `None` = on_success.
    pub when: Option<When>,
    /// `expire_in` as written.
    pub expire_in: Option<String>,
    /// `expose_as`.
    pub expose_as: Option<String>,
    /// `access` or `public`, as `none`, `developer`, `maintainer`, `all`.
    pub access: Option<String>,
}

/// One entry of `artifacts:reports`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Type on the wire (`junit`, `dotenv`, `cobertura` …).
    pub kind: String,
    /// Paths.
    pub paths: Vec<String>,
}

/// One entry of `cache`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cache {
    /// Where the key comes from.
    pub key: CacheKey,
    /// `paths`.
    pub paths: Vec<String>,
    /// `untracked`.
    pub untracked: bool,
    /// `policy`; `None` = pull-push.
    pub policy: Option<String>,
    /// `when`; `None` = on_success.
    pub when: Option<When>,
    /// `unprotect`.
    pub unprotect: bool,
    /// `fallback_keys`.
    pub fallback_keys: Vec<String>,
}

/// `cache:key`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheKey {
    /// Not written: `default`.
    #[default]
    Default,
    /// Text, unexpanded.
    Text(String),
    /// From the last commits that changed these files.
    Files {
        /// At most two.
        files: Vec<String>,
        /// `prefix`.
        prefix: Option<String>,
        /// `files_commits` instead of `files`.
        by_commit: bool,
    },
}

/// A need for a job of another pipeline or project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrossNeed {
    /// `needs: {project, ref, job, artifacts}`.
    Project {
        /// Full path of the project, unexpanded.
        project: String,
        /// Ref, unexpanded.
        git_ref: String,
        /// Job name, unexpanded.
        job: String,
        /// Whether to take artifacts.
        artifacts: bool,
    },
    /// `needs: {pipeline, job, artifacts}`.
    Pipeline {
        /// Id of a pipeline of this project, unexpanded.
        pipeline: String,
        /// Job name, unexpanded; `None` = mirror the pipeline's status (bridges).
        job: Option<String>,
        /// Whether to take artifacts.
        artifacts: bool,
    },
}

impl Environment {
    /// Returns what the job does with the environment.
    #[must_use]
    pub fn action(&self) -> &str {
        self.action.as_deref().unwrap_or("start")
    }

    /// Whether the job deploys to the environment.
    #[must_use]
    pub fn starts(&self) -> bool {
        self.action() == "start"
    }
}

/// `environment`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// Name, unexpanded.
    pub name: String,
    /// `url`, unexpanded.
    pub url: Option<String>,
    /// `action`: `start`, `stop`, `prepare`, `verify`, `access`.
    pub action: Option<String>,
    /// `on_stop`.
    pub on_stop: Option<String>,
    /// `auto_stop_in`, unexpanded.
    pub auto_stop_in: Option<String>,
    /// `deployment_tier`.
    pub deployment_tier: Option<String>,
    /// `kubernetes` as JSON text.
    pub kubernetes: Option<String>,
}

/// `retry`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// `max`, 0 to 2; `None` when only `when` or `exit_codes` is written.
    pub max: Option<u32>,
    /// `when`: `always` or failure reasons.
    pub when: Vec<String>,
    /// `exit_codes`.
    pub exit_codes: Vec<i64>,
}

/// One entry of `id_tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdToken {
    /// Name of the variable.
    pub name: String,
    /// `aud`, unexpanded.
    pub audiences: Vec<String>,
}

/// `release`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Release {
    /// `tag_name`.
    pub tag_name: String,
    /// `tag_message`.
    pub tag_message: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// `description`.
    pub description: String,
    /// `ref`.
    pub git_ref: Option<String>,
    /// `released_at`.
    pub released_at: Option<String>,
    /// `milestones`.
    pub milestones: Vec<String>,
    /// `assets` as JSON text.
    pub assets: Option<String>,
}

/// `pages`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pages {
    /// Published folder.
    pub publish: Option<String>,
    /// `path_prefix`.
    pub path_prefix: Option<String>,
    /// `expire_in`.
    pub expire_in: Option<String>,
}

/// One job input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobInput {
    /// Its name.
    pub name: String,
    /// `string`, `number`, `boolean`, `array`.
    pub kind: String,
    /// Default as JSON text.
    pub default: String,
    /// Allowed values as JSON texts.
    pub options: Vec<String>,
    /// `regex`.
    pub regex: Option<String>,
    /// `description`.
    pub description: Option<String>,
}

/// `trigger`: what a bridge starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trigger {
    /// `project`, unexpanded; `None` = a child pipeline.
    pub project: Option<String>,
    /// `branch`, unexpanded.
    pub branch: Option<String>,
    /// `include` of a child pipeline.
    pub includes: Vec<TriggerInclude>,
    /// `strategy`: `depend` or `mirror`.
    pub strategy: Option<String>,
    /// `forward:yaml_variables`, default true.
    pub forward_yaml_variables: Option<bool>,
    /// `forward:pipeline_variables`, default false.
    pub forward_pipeline_variables: Option<bool>,
    /// `inputs` as JSON text of an object.
    pub inputs: Option<String>,
}

/// One `trigger:include`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerInclude {
    /// Any form of `include` that needs no artifact, as YAML/JSON text of the entry.
    Entry(String),
    /// A file in an artifact of a job.
    Artifact {
        /// Path inside the archive.
        artifact: String,
        /// Name of the job.
        job: String,
        /// `inputs` as JSON text of an object.
        inputs: Option<String>,
    },
}

/// A variable given from outside: by a trigger call, the API, a schedule, a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenVariable {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Value or file.
    pub kind: VariableKind,
    /// Whether its own value is taken literally.
    #[serde(default)]
    pub raw: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_a_name_without_at_most_three_suffixes() {
        for (name, expected) in [
            ("test 1/3", "test"),
            ("test 1 3", "test"),
            ("test 1:3", "test"),
            ("test:1\\3", "test"),
            ("test: [aws, eu]", "test"),
            ("test: [a] 1/3", "test"),
            ("test 1/2 1/3: [x] ", "test"),
            ("test 1/2 1/3 1/4 1/5", "test 1/2"),
            ("deploy [a]: [b]", "deploy"),
            ("a: [b] c", "a: [b] c"),
            ("test1/3", "test1/3"),
            ("test 1/", "test 1/"),
            ("test 13", "test 13"),
            ("[a]", "[a]"),
            (" [a]", ""),
            ("é: [ü]", "é"),
            ("", ""),
        ] {
            assert_eq!(group_name(name), expected, "{name:?}");
        }
    }
}
