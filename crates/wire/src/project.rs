//! Projects and namespaces (rest-api.md 14).

use serde::{Deserialize, Serialize};

use crate::time::Time;
use crate::user::UserBasic;

/// A project in short: lists for anonymous callers, `simple=true`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProjectShort {
    /// Id.
    pub id: i64,
    /// Free text.
    pub description: Option<String>,
    /// Display name.
    pub name: String,
    /// Display names of the namespaces and the project.
    pub name_with_namespace: String,
    /// Last part of the path.
    pub path: String,
    /// Whole path.
    pub path_with_namespace: String,
    /// When it was created.
    pub created_at: Time,
    /// Default branch; null while empty.
    pub default_branch: Option<String>,
    /// Old form of `topics`.
    pub tag_list: Vec<String>,
    /// Topics; none.
    pub topics: Vec<String>,
    /// Address for git over ssh, which is not served.
    pub ssh_url_to_repo: String,
    /// Address for git over HTTP.
    pub http_url_to_repo: String,
    /// Page.
    pub web_url: String,
    /// Page of the readme.
    pub readme_url: Option<String>,
    /// Number of forks.
    pub forks_count: i64,
    /// Picture.
    pub avatar_url: Option<String>,
    /// Number of stars.
    pub star_count: i64,
    /// When something last happened.
    pub last_activity_at: Time,
    /// `private`, `internal`, `public`.
    pub visibility: String,
    /// Where it lives.
    pub namespace: Namespace,
}

/// Where a project lives.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Namespace {
    /// Id.
    pub id: i64,
    /// Display name.
    pub name: String,
    /// Last part of the path.
    pub path: String,
    /// `user` or `group`.
    pub kind: String,
    /// Whole path.
    pub full_path: String,
    /// Enclosing group.
    pub parent_id: Option<i64>,
    /// Picture.
    pub avatar_url: Option<String>,
    /// Page.
    pub web_url: String,
}

/// A project in full.
#[derive(Clone, Debug, Serialize)]
pub struct Project {
    /// The short form.
    #[serde(flatten)]
    pub short: ProjectShort,
    /// Addresses in the API.
    #[serde(rename = "_links")]
    pub links: ProjectLinks,
    /// Whether the repository has no branch.
    pub empty_repo: bool,
    /// Read-only.
    pub archived: bool,
    /// Owner of a personal project; absent for groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserBasic>,
    /// Always true.
    pub resolve_outdated_diff_discussions: bool,
    /// What the project has, and for whom.
    #[serde(flatten)]
    pub features: ProjectFeatures,
    /// Who created it.
    pub creator_id: Option<i64>,
    /// `none` or `finished`.
    pub import_status: String,
    /// Number of open issues.
    pub open_issues_count: i64,
    /// CI settings.
    #[serde(flatten)]
    pub ci: ProjectCi,
    /// Groups it is shared with; none.
    pub shared_with_groups: Vec<Namespace>,
    /// `merge`.
    pub merge_method: String,
    /// When settings last changed.
    pub updated_at: Time,
    /// The caller's roles; absent for anonymous callers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
}

/// Addresses of a project in the API.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectLinks {
    /// The project.
    #[serde(rename = "self")]
    pub this: String,
    /// Branches.
    pub repo_branches: String,
    /// Members.
    pub members: String,
}

/// What a project has. Issues, merge requests, wikis and snippets are not there.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectFeatures {
    /// CI/CD.
    pub jobs_enabled: bool,
    /// Issues.
    pub issues_enabled: bool,
    /// Merge requests.
    pub merge_requests_enabled: bool,
    /// Wiki.
    pub wiki_enabled: bool,
    /// Snippets.
    pub snippets_enabled: bool,
    /// Container registry.
    pub container_registry_enabled: bool,
    /// Can the caller create a merge request.
    pub can_create_merge_request_in: bool,
    /// `enabled`, `private` or `disabled`.
    pub repository_access_level: String,
    /// As above.
    pub builds_access_level: String,
    /// As above.
    pub issues_access_level: String,
    /// As above.
    pub merge_requests_access_level: String,
    /// As above.
    pub wiki_access_level: String,
    /// As above.
    pub snippets_access_level: String,
}

/// CI settings of a project.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectCi {
    /// Instance runners may take its jobs.
    pub shared_runners_enabled: bool,
    /// Group runners may take its jobs.
    pub group_runners_enabled: bool,
    /// Registration token; registration by token is not offered.
    pub runners_token: Option<String>,
    /// Commits fetched by a job; 0 = all.
    pub ci_default_git_depth: i64,
    /// Older deployments do not replace newer ones.
    pub ci_forward_deployment_enabled: bool,
    /// Rollbacks are exempt from that.
    pub ci_forward_deployment_rollback_allowed: bool,
    /// Whether job tokens of this project are limited to listed projects.
    pub ci_job_token_scope_enabled: bool,
    /// Protected and other refs have caches of their own.
    pub ci_separated_caches: bool,
    /// Forks may run pipelines here.
    pub ci_allow_fork_pipelines_to_run_in_parent_project: bool,
    /// Parts of the `sub` claim.
    pub ci_id_token_sub_claim_components: Vec<String>,
    /// Pipelines older than this many seconds go.
    pub ci_delete_pipelines_in_seconds: Option<i64>,
    /// Path of the configuration.
    pub ci_config_path: Option<String>,
    /// Guests and the public see jobs.
    pub public_jobs: bool,
    /// Seconds.
    pub build_timeout: i64,
    /// `fetch` or `clone`.
    pub build_git_strategy: String,
    /// `enabled` or `disabled`.
    pub auto_cancel_pending_pipelines: String,
    /// Old form of the next one.
    pub restrict_user_defined_variables: bool,
    /// Who may set pipeline variables.
    pub ci_pipeline_variables_minimum_override_role: String,
    /// Job tokens may push.
    pub ci_push_repository_for_job_token_allowed: bool,
    /// The newest successful job's artifacts stay.
    pub keep_latest_artifact: bool,
}

/// The caller's roles.
#[derive(Clone, Debug, Serialize)]
pub struct Permissions {
    /// As a member of the project.
    pub project_access: Option<Access>,
    /// As a member of its groups.
    pub group_access: Option<Access>,
}

/// A role.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Access {
    /// GitLab's number.
    pub access_level: i64,
    /// Always 3.
    pub notification_level: i64,
}

/// A group.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// Id.
    pub id: i64,
    /// Page.
    pub web_url: String,
    /// Display name.
    pub name: String,
    /// Last part of the path.
    pub path: String,
    /// Free text.
    pub description: String,
    /// `private`, `internal`, `public`.
    pub visibility: String,
    /// Picture.
    pub avatar_url: Option<String>,
    /// Display names of the group and those around it.
    pub full_name: String,
    /// Whole path.
    pub full_path: String,
    /// When it was created.
    pub created_at: Time,
    /// Enclosing group.
    pub parent_id: Option<i64>,
}

/// Whose job tokens a project accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobTokenScope {
    /// Whether other projects must be on the list.
    pub inbound_enabled: bool,
    /// Always false: GitLab has given up restricting the other direction.
    pub outbound_enabled: bool,
}

/// A project that was put on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobTokenProject {
    /// Whose list.
    pub source_project_id: i64,
    /// What was put on it.
    pub target_project_id: i64,
}

/// A group that was put on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobTokenGroup {
    /// Whose list.
    pub source_project_id: i64,
    /// What was put on it.
    pub target_group_id: i64,
}

/// A group on a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupName {
    /// Id.
    pub id: i64,
    /// Page.
    pub web_url: String,
    /// Display name.
    pub name: String,
}
