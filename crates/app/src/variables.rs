//! Predefined variables (predefined-variables.md): what every pipeline and job knows of itself.
//!
//! Only those whose condition holds are made: absent means absent, never empty. Features that
//! Tripline does not have (container registry, Pages, merge requests) make none. Values are
//! taken as given; expansion is the business of `compile` and of the runner.

use std::borrow::Cow;

use compile::{Variable, VariableOrigin};
use model::text::slug;
use model::{GitRef, Namespace, PipelineIid, Project, Sha, Source, Timestamp, User};

use crate::settings::Settings;

/// Longest commit message in `CI_COMMIT_MESSAGE`, in bytes; the rest is cut (GitLab's limit).
const MAX_COMMIT_MESSAGE: usize = 100_000;

/// Titles from this length on are repeated in `CI_COMMIT_DESCRIPTION` (GitLab's rule).
const LONG_TITLE: usize = 100;

/// What the commit of a pipeline says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitFacts {
    /// Whole message.
    pub message: String,
    /// `Name <email>` of the author.
    pub author: String,
    /// ISO 8601 with the committer's offset.
    pub timestamp: String,
}

/// What a pipeline's predefined variables are made of.
#[derive(Clone, Copy, Debug)]
pub struct PipelineFacts<'a> {
    /// Settings of the server.
    pub settings: &'a Settings,
    /// The project.
    pub project: &'a Project,
    /// Where it lives.
    pub namespace: &'a Namespace,
    /// Branch or tag.
    pub git_ref: &'a GitRef,
    /// Whether that is protected.
    pub protected: bool,
    /// The commit.
    pub sha: &'a Sha,
    /// The ref's commit before the push.
    pub before_sha: &'a Sha,
    /// What the commit says.
    pub commit: &'a CommitFacts,
    /// Message of an annotated tag.
    pub tag_message: Option<&'a str>,
    /// Why the pipeline exists.
    pub source: Source,
    /// Number of the pipeline; not known before it is stored.
    pub iid: Option<PipelineIid>,
    /// When it was created; not known before it is stored.
    pub created_at: Option<Timestamp>,
    /// `workflow:name`, once known.
    pub name: Option<&'a str>,
    /// The visible part of the trigger token that started it.
    pub trigger_short_token: Option<&'a str>,
    /// Description of the schedule that started it.
    pub schedule_description: Option<&'a str>,
    /// The bridge that started it: project, pipeline and job id.
    pub upstream: Option<(i64, i64, i64)>,
}

/// Returns the predefined variables of a pipeline in order of precedence, weakest first
/// (rules-and-variables.md 5, rows 3 to 5).
#[must_use]
pub fn of_pipeline(facts: &PipelineFacts<'_>) -> Vec<Variable> {
    let mut list = List(Vec::with_capacity(80));
    server(&mut list, facts.settings);
    project(&mut list, facts);
    commit(&mut list, facts);
    pipeline(&mut list, facts);
    list.0
}

/// Returns the variables about the user a pipeline runs as (row 9): stronger than the configuration's.
#[must_use]
pub fn of_user(user: &User) -> [Variable; 4] {
    let variable = |key: &'static str, value: String| Variable {
        origin: VariableOrigin::User,
        ..predefined(key, value)
    };
    [
        variable("GITLAB_USER_ID", user.id.to_string()),
        variable("GITLAB_USER_EMAIL", user.email.clone()),
        variable("GITLAB_USER_LOGIN", user.username.clone()),
        variable("GITLAB_USER_NAME", user.name.clone()),
    ]
}

/// Returns a predefined variable.
#[must_use]
pub fn predefined(key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Variable {
    Variable {
        key: key.into(),
        value: value.into(),
        raw: false,
        file: false,
        masked: false,
        environment_scope: None,
        origin: VariableOrigin::Predefined,
    }
}

struct List(Vec<Variable>);

impl List {
    fn add(&mut self, key: &'static str, value: impl Into<String>) {
        self.0.push(predefined(key, value));
    }

    fn add_if(&mut self, key: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }
}

fn server(list: &mut List, settings: &Settings) {
    let url = &settings.external_url;
    let version = &settings.version.version;
    let mut numbers = version.split(['.', '-']);
    let mut number = || numbers.next().unwrap_or("0").to_owned();
    list.add("CI", "true");
    list.add("GITLAB_CI", "true");
    list.add("GITLAB_FEATURES", "");
    list.add("CI_API_V4_URL", format!("{}/api/v4", url.base()));
    list.add("CI_API_GRAPHQL_URL", format!("{}/api/graphql", url.base()));
    list.add("CI_SERVER_URL", url.base());
    list.add("CI_SERVER_HOST", url.host());
    list.add("CI_SERVER_PORT", url.port().to_string());
    list.add("CI_SERVER_PROTOCOL", url.scheme());
    list.add("CI_SERVER_FQDN", url.fqdn());
    list.add("CI_SERVER_SHELL_SSH_HOST", url.host());
    list.add("CI_SERVER_SHELL_SSH_PORT", "22");
    list.add("CI_SERVER_NAME", "GitLab");
    list.add("CI_SERVER_VERSION", version.as_str());
    list.add("CI_SERVER_VERSION_MAJOR", number());
    list.add("CI_SERVER_VERSION_MINOR", number());
    list.add("CI_SERVER_VERSION_PATCH", number());
    list.add("CI_SERVER_REVISION", settings.version.revision.as_str());
    list.add("CI_TEMPLATE_REGISTRY_HOST", "registry.gitlab.com");
}

fn project(list: &mut List, facts: &PipelineFacts<'_>) {
    let (project, namespace) = (facts.project, facts.namespace);
    let root = namespace.full_path.split('/').next().unwrap_or_default();
    list.add("CI_PROJECT_ID", project.id.to_string());
    list.add("CI_PROJECT_NAME", project.path.as_str());
    list.add("CI_PROJECT_TITLE", project.name.as_str());
    list.add(
        "CI_PROJECT_DESCRIPTION",
        project.description.as_deref().unwrap_or_default(),
    );
    list.add("CI_PROJECT_TOPICS", "");
    list.add("CI_PROJECT_PATH", project.full_path.as_str());
    list.add("CI_PROJECT_PATH_SLUG", slug(&project.full_path));
    list.add("CI_PROJECT_NAMESPACE", namespace.full_path.as_str());
    list.add("CI_PROJECT_NAMESPACE_SLUG", slug(&namespace.full_path));
    list.add("CI_PROJECT_NAMESPACE_ID", namespace.id.to_string());
    list.add("CI_PROJECT_ROOT_NAMESPACE", root);
    list.add(
        "CI_PROJECT_URL",
        format!("{}/{}", facts.settings.external_url.base(), project.full_path),
    );
    list.add("CI_PROJECT_VISIBILITY", project.visibility.as_str());
    list.add("CI_PROJECT_REPOSITORY_LANGUAGES", "");
    list.add("CI_PROJECT_CLASSIFICATION_LABEL", "");
    list.add_if("CI_DEFAULT_BRANCH", project.default_branch.as_deref());
    list.add_if("CI_DEFAULT_BRANCH_SLUG", project.default_branch.as_deref().map(slug));
    list.add(
        "CI_CONFIG_PATH",
        project
            .settings
            .config_path
            .as_deref()
            .unwrap_or(crate::DEFAULT_CONFIG_PATH),
    );
}

fn commit(list: &mut List, facts: &PipelineFacts<'_>) {
    let (message, truncated) = truncate(&facts.commit.message, MAX_COMMIT_MESSAGE);
    list.add("CI_COMMIT_SHA", facts.sha.as_str());
    list.add("CI_COMMIT_SHORT_SHA", facts.sha.short());
    list.add("CI_COMMIT_BEFORE_SHA", facts.before_sha.as_str());
    list.add("CI_COMMIT_REF_NAME", facts.git_ref.name.as_str());
    list.add("CI_COMMIT_REF_SLUG", facts.git_ref.slug());
    if facts.git_ref.is_tag {
        list.add("CI_COMMIT_TAG", facts.git_ref.name.as_str());
        list.add_if("CI_COMMIT_TAG_MESSAGE", facts.tag_message);
    } else {
        list.add("CI_COMMIT_BRANCH", facts.git_ref.name.as_str());
    }
    list.add("CI_COMMIT_MESSAGE", message);
    list.add("CI_COMMIT_MESSAGE_IS_TRUNCATED", truncated.to_string());
    list.add("CI_COMMIT_TITLE", title(message));
    list.add("CI_COMMIT_DESCRIPTION", description(message));
    list.add("CI_COMMIT_REF_PROTECTED", facts.protected.to_string());
    list.add("CI_COMMIT_TIMESTAMP", facts.commit.timestamp.as_str());
    list.add("CI_COMMIT_AUTHOR", facts.commit.author.as_str());
    // The user whose public address the author's is; nobody's address is public here.
    list.add("CI_COMMIT_USER_LOGIN", "");
}

fn pipeline(list: &mut List, facts: &PipelineFacts<'_>) {
    list.add_if("CI_PIPELINE_IID", facts.iid.map(|iid| iid.to_string()));
    list.add("CI_PIPELINE_SOURCE", facts.source.as_str());
    list.add_if("CI_PIPELINE_CREATED_AT", facts.created_at.map(crate::time::iso_seconds));
    list.add_if("CI_PIPELINE_NAME", facts.name);
    list.add_if("CI_PIPELINE_SCHEDULE_DESCRIPTION", facts.schedule_description);
    if let Some(short) = facts.trigger_short_token {
        list.add("CI_PIPELINE_TRIGGERED", "true");
        list.add("CI_TRIGGER_SHORT_TOKEN", short);
    }
    if let Some((project, pipeline, job)) = facts.upstream {
        list.add("CI_UPSTREAM_PROJECT_ID", project.to_string());
        list.add("CI_UPSTREAM_PIPELINE_ID", pipeline.to_string());
        list.add("CI_UPSTREAM_JOB_ID", job.to_string());
    }
    let full_ref = facts.git_ref.full_name();
    let config_path = facts
        .project
        .settings
        .config_path
        .as_deref()
        .unwrap_or(crate::DEFAULT_CONFIG_PATH);
    let fqdn = facts.settings.external_url.fqdn();
    list.add(
        "CI_CONFIG_REF_URI",
        format!("{fqdn}/{}//{config_path}@{full_ref}", facts.project.full_path),
    );
}

/// Returns the first line of a commit message.
#[must_use]
pub fn title(message: &str) -> &str {
    message
        .trim_start_matches('\n')
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end()
}

/// The message without its first line; the whole message when that line is long.
fn description(message: &str) -> &str {
    let title = title(message);
    if title.len() >= LONG_TITLE {
        return message;
    }
    message
        .trim_start_matches('\n')
        .strip_prefix(title)
        .unwrap_or_default()
        .trim_start_matches(['\r', '\n', ' '])
}

/// Cuts a text to at most `limit` bytes at a character's border.
fn truncate(text: &str, limit: usize) -> (&str, bool) {
    if text.len() <= limit {
        return (text, false);
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_descriptions_are_cut_from_the_message() {
        assert_eq!((title("a\n\nb\nc\n"), description("a\n\nb\nc\n")), ("a", "b\nc\n"));
        assert_eq!((title("a"), description("a")), ("a", ""));
        assert_eq!((title(""), description("")), ("", ""));
        let long = "x".repeat(100) + "\n\nbody";
        assert_eq!(description(&long), long);
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        assert_eq!(truncate("aé", 2), ("a", true));
        assert_eq!(truncate("aé", 3), ("aé", false));
    }
}
