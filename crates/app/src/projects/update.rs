//! Changing a project: names, visibility, CI settings.

use model::project::ProjectSettings;
use model::{OverrideRole, Project, Visibility};
use store::{Tx, ops};

use super::create::taken;
use super::{Shown, show};
use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::audit::{self, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::{groups, names};

/// Shortest and longest timeout of a job in seconds (GitLab: ten minutes to a month).
const BUILD_TIMEOUT: std::ops::RangeInclusive<i64> = 600..=2_678_400;

/// Most commits of a shallow clone that can be asked for (GitLab's limit).
const GIT_DEPTH: std::ops::RangeInclusive<i64> = 0..=1000;

/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 2000;

/// What is to change; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Display name.
    pub name: Option<String>,
    /// Last part of the path.
    pub path: Option<String>,
    /// Free text; `Some(None)` clears it.
    pub description: Option<Option<String>>,
    /// Who may see it.
    pub visibility: Option<Visibility>,
    /// Branch that clones check out.
    pub default_branch: Option<String>,
    /// `jobs_enabled` and `builds_access_level`.
    pub builds_enabled: Option<bool>,
    /// `public_jobs`.
    pub public_jobs: Option<bool>,
    /// `ci_config_path`; `Some(None)` = the usual one.
    pub config_path: Option<Option<String>>,
    /// `build_timeout`.
    pub build_timeout_seconds: Option<i64>,
    /// `build_git_strategy` is `fetch`.
    pub git_fetch: Option<bool>,
    /// `ci_default_git_depth`.
    pub git_depth: Option<i64>,
    /// `auto_cancel_pending_pipelines`.
    pub auto_cancel_pending: Option<bool>,
    /// `shared_runners_enabled`.
    pub instance_runners_enabled: Option<bool>,
    /// `group_runners_enabled`.
    pub group_runners_enabled: Option<bool>,
    /// `keep_latest_artifact`.
    pub keep_latest_artifact: Option<bool>,
    /// `ci_separated_caches`.
    pub separated_caches: Option<bool>,
    /// `ci_forward_deployment_enabled`.
    pub forward_deployment: Option<bool>,
    /// `ci_forward_deployment_rollback_allowed`.
    pub rollback_allowed: Option<bool>,
    /// `ci_pipeline_variables_minimum_override_role`, `restrict_user_defined_variables`.
    pub variables_override_role: Option<OverrideRole>,
    /// `ci_push_repository_for_job_token_allowed`.
    pub job_token_push: Option<bool>,
    /// Read-only or no longer.
    pub archived: Option<bool>,
}

/// Changes a project.
///
/// # Errors
///
/// 401, 403 for anybody but a Maintainer (archiving and renaming: an Owner); 404; 400 for bad values.
pub async fn update(app: &App, caller: &Caller, key: ProjectKey, changes: Changes) -> Result<Shown> {
    let (this, asking, wanted) = (app.clone(), caller.clone(), changes.clone());
    let access = app
        .store
        .read(move |tx| lookup::project_for(&this, tx, &asking, &key, Ability::AdminProject))
        .await?;
    if wanted.default_branch.is_some() {
        check_branch(app, &access.project, &wanted).await?;
    }
    let (this, asking) = (app.clone(), caller.clone());
    let shown = app
        .store
        .write(move |tx| {
            let key = ProjectKey::Id(access.project.id);
            let access = lookup::project_for(&this, tx, &asking, &key, Ability::AdminProject)?;
            let before = access.project.clone();
            let project = changed(&this, tx, &asking, access, &changes)?;
            ops::projects::update(tx, &project)?;
            ops::redirect_routes::moved(tx, project.id, &before.full_path, &project.full_path)?;
            note(&this, tx, &asking, &before, &project)?;
            show(&this, tx, &asking, project)
        })
        .await?;
    if let Some(branch) = wanted.default_branch {
        let (this, project) = (app.clone(), shown.project.clone());
        crate::blocking(move || Ok(this.repositories.open(&project)?.set_default_branch(&branch)?)).await?;
    }
    Ok(shown)
}

/// Writes down what differs, an event each.
fn note(app: &App, tx: &mut dyn Tx, caller: &Caller, before: &Project, after: &Project) -> Result<()> {
    let mut say = |name, field: &str, from: String, to: String| {
        let event = Event::new(name, format!("Changed {field}"))
            .with("change", field)
            .with("from", from)
            .with("to", to);
        audit::note(app, tx, caller, after, event)
    };
    if before.name != after.name {
        say("project_name_updated", "name", before.name.clone(), after.name.clone())?;
    }
    if before.full_path != after.full_path {
        let (from, to) = (before.full_path.clone(), after.full_path.clone());
        say("project_path_updated", "path", from, to)?;
    }
    if before.visibility != after.visibility {
        let (from, to) = (before.visibility.to_string(), after.visibility.to_string());
        say("project_visibility_level_updated", "visibility_level", from, to)?;
    }
    if before.default_branch != after.default_branch {
        let word = |branch: &Option<String>| branch.clone().unwrap_or_default();
        let (from, to) = (word(&before.default_branch), word(&after.default_branch));
        say("project_default_branch_updated", "default_branch", from, to)?;
    }
    for (field, from, to) in differences(&before.settings, &after.settings) {
        say("project_setting_updated", &field, from, to)?;
    }
    if before.archived != after.archived {
        let event = match after.archived {
            true => Event::new("project_archived", "Project archived"),
            false => Event::new("project_unarchived", "Project unarchived"),
        };
        audit::note(app, tx, caller, after, event)?;
    }
    Ok(())
}

/// The settings that differ, by their names, with what they were and are.
fn differences(before: &ProjectSettings, after: &ProjectSettings) -> Vec<(String, String, String)> {
    let fields = |settings: &ProjectSettings| match serde_json::to_value(settings) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let word = |value: Option<&serde_json::Value>| match value {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let (before, after) = (fields(before), fields(after));
    let differs = |name: &&String| before.get(*name) != after.get(*name);
    after
        .keys()
        .filter(differs)
        .map(|name| (name.clone(), word(before.get(name)), word(after.get(name))))
        .collect()
}

fn changed(app: &App, tx: &mut dyn Tx, caller: &Caller, access: ProjectAccess, changes: &Changes) -> Result<Project> {
    if changes.path.is_some() || changes.archived.is_some() {
        access.require(caller, Ability::OwnProject)?;
    }
    changes.check()?;
    let mut project = access.project;
    if let Some(name) = &changes.name {
        names::check_name(name)?;
        project.name.clone_from(name);
    }
    if let Some(path) = &changes.path {
        names::check_inner_path("path", path)?;
        let (parent, _) = project.full_path.rsplit_once('/').unwrap_or_default();
        let full_path = format!("{parent}/{path}");
        let same = full_path.eq_ignore_ascii_case(&project.full_path);
        if !same && ops::namespaces::path_taken(tx, &full_path)? {
            return Err(taken());
        }
        project.path.clone_from(path);
        project.full_path = full_path;
    }
    if let Some(visibility) = changes.visibility {
        let namespace = ops::namespaces::get(tx, project.namespace_id)?;
        groups::check_project_visibility(visibility, namespace.as_ref().filter(|one| one.user_id.is_none()))?;
        project.visibility = visibility;
    }
    if let Some(description) = &changes.description {
        project.description.clone_from(description);
    }
    if let Some(branch) = &changes.default_branch {
        project.default_branch = Some(branch.clone());
    }
    project.archived = changes.archived.unwrap_or(project.archived);
    changes.apply_settings(&mut project.settings);
    project.updated_at = app.clock.now();
    Ok(project)
}

/// The default branch must be there.
async fn check_branch(app: &App, project: &Project, changes: &Changes) -> Result<()> {
    let (this, project) = (app.clone(), project.clone());
    let branch = changes.default_branch.clone().unwrap_or_default();
    let exists = crate::blocking(move || Ok(this.repositories.open(&project)?.branch(&branch)?.is_some())).await?;
    if exists {
        return Ok(());
    }
    Err(Error::invalid("base", "Could not set the default branch"))
}

impl Changes {
    pub(super) fn check(&self) -> Result<()> {
        if self
            .build_timeout_seconds
            .is_some_and(|seconds| !BUILD_TIMEOUT.contains(&seconds))
        {
            return Err(Error::invalid(
                "build_timeout",
                "needs to be between 10 minutes and 1 month",
            ));
        }
        if self.git_depth.is_some_and(|depth| !GIT_DEPTH.contains(&depth)) {
            return Err(Error::invalid("ci_default_git_depth", "must be between 0 and 1000"));
        }
        let description = self.description.as_ref().and_then(Option::as_ref);
        if description.is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
            let text = format!("is too long (maximum is {MAX_DESCRIPTION} characters)");
            return Err(Error::invalid("description", text));
        }
        let path = self.config_path.as_ref().and_then(Option::as_ref);
        if path.is_some_and(|path| path.len() > 255 || path.split('/').any(|part| part == "..")) {
            return Err(Error::invalid("ci_config_path", "cannot include directory traversal"));
        }
        Ok(())
    }

    /// Writes what is to change into settings.
    pub(super) fn apply_settings(&self, settings: &mut ProjectSettings) {
        fn set<T: Clone>(target: &mut T, wanted: &Option<T>) {
            if let Some(wanted) = wanted {
                target.clone_from(wanted);
            }
        }
        set(&mut settings.builds_enabled, &self.builds_enabled);
        set(&mut settings.public_jobs, &self.public_jobs);
        set(&mut settings.config_path, &self.config_path);
        set(&mut settings.build_timeout_seconds, &self.build_timeout_seconds);
        set(&mut settings.git_fetch, &self.git_fetch);
        set(&mut settings.git_depth, &self.git_depth);
        set(&mut settings.auto_cancel_pending, &self.auto_cancel_pending);
        set(&mut settings.instance_runners_enabled, &self.instance_runners_enabled);
        set(&mut settings.group_runners_enabled, &self.group_runners_enabled);
        set(&mut settings.keep_latest_artifact, &self.keep_latest_artifact);
        set(&mut settings.separated_caches, &self.separated_caches);
        set(&mut settings.forward_deployment, &self.forward_deployment);
        set(&mut settings.rollback_allowed, &self.rollback_allowed);
        set(&mut settings.variables_override_role, &self.variables_override_role);
        set(&mut settings.job_token_push, &self.job_token_push);
    }
}
