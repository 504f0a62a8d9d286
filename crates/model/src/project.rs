//! Projects and the namespaces they live in.

use crate::ids::{NamespaceId, ProjectId, UserId};
use crate::kinds::{OverrideRole, Visibility};
use crate::time::Timestamp;

/// A group, or a user's personal namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Server-wide id.
    pub id: NamespaceId,
    /// The enclosing group.
    pub parent_id: Option<NamespaceId>,
    /// The user whose personal namespace this is; `None` for a group.
    pub user_id: Option<UserId>,
    /// Display name.
    pub name: String,
    /// Last part of the path.
    pub path: String,
    /// Whole path, `group/subgroup`.
    pub full_path: String,
    /// Who may see the group.
    pub visibility: Visibility,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A project: a repository and its pipelines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Server-wide id.
    pub id: ProjectId,
    /// Where it lives.
    pub namespace_id: NamespaceId,
    /// Display name.
    pub name: String,
    /// Last part of the path.
    pub path: String,
    /// Whole path, `group/project`, as first written.
    pub full_path: String,
    /// Free text.
    pub description: Option<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Branch that clones check out; `None` while the repository is empty.
    pub default_branch: Option<String>,
    /// Who created it.
    pub creator_id: Option<UserId>,
    /// Folder of an attached local repository; `None` = our own in the data folder.
    pub attached_repository: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When settings last changed.
    pub updated_at: Timestamp,
    /// When something last happened (pushes, pipelines).
    pub last_activity_at: Timestamp,
    /// Read-only.
    pub archived: bool,
    /// Everything that `PUT /projects/:id` can set about CI.
    pub settings: ProjectSettings,
}

/// CI settings of a project (rest-api.md 14).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ProjectSettings {
    /// Whether CI/CD is on (`builds_access_level` is not `disabled`).
    pub builds_enabled: bool,
    /// `public_jobs`: Guests and the public of a public project see pipelines and jobs.
    pub public_jobs: bool,
    /// `ci_config_path`; `None` = `.gitlab-ci.yml`.
    pub config_path: Option<String>,
    /// `build_timeout` in seconds.
    pub build_timeout_seconds: i64,
    /// `build_git_strategy` is `fetch`; otherwise `clone`.
    pub git_fetch: bool,
    /// `ci_default_git_depth`; 0 = whole history.
    pub git_depth: i64,
    /// `auto_cancel_pending_pipelines`.
    pub auto_cancel_pending: bool,
    /// `shared_runners_enabled`.
    pub instance_runners_enabled: bool,
    /// `group_runners_enabled`.
    pub group_runners_enabled: bool,
    /// `keep_latest_artifact`.
    pub keep_latest_artifact: bool,
    /// `ci_separated_caches`.
    pub separated_caches: bool,
    /// `ci_forward_deployment_enabled`.
    pub forward_deployment: bool,
    /// `ci_forward_deployment_rollback_allowed`: whether a deployment that an other commit has replaced may be retried.
    pub rollback_allowed: bool,
    /// `ci_pipeline_variables_minimum_override_role`.
    pub variables_override_role: OverrideRole,
    /// `ci_push_repository_for_job_token_allowed`.
    pub job_token_push: bool,
    /// Job token scope: only listed projects may use their job tokens here.
    pub job_token_inbound: bool,
    /// What its webhooks want to be told of: known without looking at them.
    pub hook_kinds: crate::hook::HookKinds,
}

impl Default for ProjectSettings {
    fn default() -> Self {
        ProjectSettings {
            builds_enabled: true,
            public_jobs: true,
            config_path: None,
            build_timeout_seconds: 3600,
            git_fetch: true,
            git_depth: 20,
            auto_cancel_pending: true,
            instance_runners_enabled: true,
            group_runners_enabled: true,
            keep_latest_artifact: true,
            separated_caches: true,
            forward_deployment: true,
            rollback_allowed: true,
            variables_override_role: OverrideRole::Developer,
            job_token_push: false,
            job_token_inbound: true,
            hook_kinds: crate::hook::HookKinds(0),
        }
    }
}

/// A protected branch or tag: who may push (branches) or create (tags).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedRef {
    /// Its project.
    pub project_id: ProjectId,
    /// Whether it protects tags.
    pub is_tag: bool,
    /// Name, or a pattern with `*`.
    pub pattern: String,
    /// Least role that may push or create; `Owner + 1` never appears: nobody is `None`.
    pub push_level: Option<crate::kinds::AccessLevel>,
    /// Least role that may merge (branches).
    pub merge_level: Option<crate::kinds::AccessLevel>,
}

impl ProtectedRef {
    /// Whether the pattern covers `name`; `*` stands for any text, also with slashes.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        wildcard_match(&self.pattern, name)
    }
}

/// Whether `pattern`, in which `*` stands for any text, equals `text`.
#[must_use]
pub fn wildcard_match(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pattern.contains('*').then(|| parts.next_back().unwrap_or_default()) else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::wildcard_match;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("main", "main", true),
            ("main", "main2", false),
            ("*", "", true),
            ("release/*", "release/1/2", true),
            ("release/*", "release", false),
            ("*-stable", "1-0-stable", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(wildcard_match(pattern, text), expected, "{pattern} {text}");
        }
    }
}
