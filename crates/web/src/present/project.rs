//! Projects, namespaces and groups.

use app::ExternalUrl;
use model::{AccessLevel, Namespace, OverrideRole, Project, User, Visibility};
use wire::project::{
    Access, Group, Namespace as NamespaceJson, Permissions, Project as Full, ProjectCi, ProjectFeatures, ProjectLinks,
    ProjectShort,
};

use super::{time, user};

/// What a project's JSON needs besides the project itself.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Where it lives.
    pub namespace: &'a Namespace,
    /// Display names of the namespace and those around it, `Group / Subgroup`.
    pub namespace_name: &'a str,
    /// The owner of a personal project.
    pub owner: Option<&'a User>,
    /// The caller's roles by membership of the project and of its groups; none for anonymous callers.
    pub roles: Option<(AccessLevel, AccessLevel)>,
    /// The project's registration token, where the caller may see it.
    pub runners_token: Option<&'a str>,
}

/// A project in short.
#[must_use]
pub fn short(url: &ExternalUrl, project: &Project, around: &Around<'_>) -> ProjectShort {
    let web_url = format!("{}/{}", url.base(), project.full_path);
    ProjectShort {
        id: project.id.0,
        description: project.description.clone(),
        name: project.name.clone(),
        name_with_namespace: format!("{} / {}", around.namespace_name, project.name),
        path: project.path.clone(),
        path_with_namespace: project.full_path.clone(),
        created_at: time(project.created_at),
        default_branch: project.default_branch.clone(),
        tag_list: Vec::new(),
        topics: Vec::new(),
        ssh_url_to_repo: format!("git@{}:{}.git", url.host(), project.full_path),
        http_url_to_repo: format!("{web_url}.git"),
        web_url,
        readme_url: None,
        forks_count: 0,
        avatar_url: None,
        star_count: 0,
        last_activity_at: time(project.last_activity_at),
        visibility: project.visibility.to_string(),
        namespace: namespace(url, around.namespace),
    }
}

/// A project in full.
#[must_use]
pub fn full(url: &ExternalUrl, project: &Project, around: &Around<'_>) -> Full {
    let this = format!("{}/api/v4/projects/{}", url.base(), project.id);
    Full {
        short: short(url, project, around),
        links: ProjectLinks {
            repo_branches: format!("{this}/repository/branches"),
            members: format!("{this}/members"),
            this,
        },
        empty_repo: project.default_branch.is_none(),
        archived: project.archived,
        owner: around.owner.map(|owner| user::basic(url, owner)),
        resolve_outdated_diff_discussions: false,
        features: features(project),
        creator_id: project.creator_id.map(|id| id.0),
        import_status: "none".to_owned(),
        open_issues_count: 0,
        ci: ProjectCi {
            runners_token: around.runners_token.map(str::to_owned),
            ..ci(project)
        },
        shared_with_groups: Vec::new(),
        merge_method: "merge".to_owned(),
        updated_at: time(project.updated_at),
        permissions: around.roles.map(|(own, group)| Permissions {
            project_access: access(own),
            group_access: access(group),
        }),
    }
}

/// A namespace.
#[must_use]
pub fn namespace(url: &ExternalUrl, namespace: &Namespace) -> NamespaceJson {
    let is_user = namespace.user_id.is_some();
    NamespaceJson {
        id: namespace.id.0,
        name: namespace.name.clone(),
        path: namespace.path.clone(),
        kind: if is_user { "user" } else { "group" }.to_owned(),
        full_path: namespace.full_path.clone(),
        parent_id: namespace.parent_id.map(|id| id.0),
        avatar_url: None,
        web_url: namespace_url(url, namespace),
    }
}

/// A group; `full_name` has the display names of the group and those around it.
#[must_use]
pub fn group(url: &ExternalUrl, group: &Namespace, full_name: &str) -> Group {
    Group {
        id: group.id.0,
        web_url: namespace_url(url, group),
        name: group.name.clone(),
        path: group.path.clone(),
        description: String::new(),
        visibility: group.visibility.to_string(),
        avatar_url: None,
        full_name: full_name.to_owned(),
        full_path: group.full_path.clone(),
        created_at: time(group.created_at),
        parent_id: group.parent_id.map(|id| id.0),
    }
}

pub(crate) fn namespace_url(url: &ExternalUrl, namespace: &Namespace) -> String {
    let groups = if namespace.user_id.is_some() { "" } else { "groups/" };
    format!("{}/{groups}{}", url.base(), namespace.full_path)
}

fn access(role: AccessLevel) -> Option<Access> {
    (role > AccessLevel::None).then(|| Access {
        access_level: role.number(),
        notification_level: 3,
    })
}

fn features(project: &Project) -> ProjectFeatures {
    let disabled = || "disabled".to_owned();
    let enabled = |yes: bool| if yes { "enabled".to_owned() } else { disabled() };
    ProjectFeatures {
        jobs_enabled: project.settings.builds_enabled,
        issues_enabled: false,
        merge_requests_enabled: false,
        wiki_enabled: false,
        snippets_enabled: false,
        container_registry_enabled: false,
        can_create_merge_request_in: false,
        repository_access_level: enabled(true),
        builds_access_level: enabled(project.settings.builds_enabled),
        issues_access_level: disabled(),
        merge_requests_access_level: disabled(),
        wiki_access_level: disabled(),
        snippets_access_level: disabled(),
    }
}

fn ci(project: &Project) -> ProjectCi {
    let settings = &project.settings;
    ProjectCi {
        shared_runners_enabled: settings.instance_runners_enabled,
        group_runners_enabled: settings.group_runners_enabled,
        runners_token: None,
        ci_default_git_depth: settings.git_depth,
        ci_forward_deployment_enabled: settings.forward_deployment,
        ci_forward_deployment_rollback_allowed: settings.rollback_allowed,
        ci_job_token_scope_enabled: false,
        ci_separated_caches: settings.separated_caches,
        ci_allow_fork_pipelines_to_run_in_parent_project: project.visibility != Visibility::Private,
        ci_id_token_sub_claim_components: ["project_path", "ref_type", "ref"].map(str::to_owned).to_vec(),
        ci_delete_pipelines_in_seconds: None,
        ci_config_path: settings.config_path.clone(),
        public_jobs: settings.public_jobs,
        build_timeout: settings.build_timeout_seconds,
        build_git_strategy: if settings.git_fetch { "fetch" } else { "clone" }.to_owned(),
        auto_cancel_pending_pipelines: if settings.auto_cancel_pending {
            "enabled"
        } else {
            "disabled"
        }
        .to_owned(),
        restrict_user_defined_variables: settings.variables_override_role != OverrideRole::Developer,
        ci_pipeline_variables_minimum_override_role: settings.variables_override_role.to_string(),
        ci_push_repository_for_job_token_allowed: settings.job_token_push,
        keep_latest_artifact: settings.keep_latest_artifact,
    }
}
