//! Whose job tokens a project accepts beside those of its own jobs (rest-api.md 18).

use model::{Namespace, NamespaceId, Project, ProjectId, Visibility};
use store::ops::job_token_scope::{self, Added};
use store::ops::members::Place;
use store::{Tx, ops};

use crate::access::{Ability, ProjectAccess};
use crate::audit::{self, Entity, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::projects::{Shown, show_all};
use crate::{App, Rows};

/// Most projects on a list, and most groups (GitLab's limit).
const MOST: i64 = 200;

/// Returns the project with its setting.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say; needs a Maintainer.
pub async fn get(app: &App, caller: Caller, key: ProjectKey) -> Result<Project> {
    let this = app.clone();
    app.store
        .read(move |tx| Ok(require(&this, tx, &caller, &key)?.project))
        .await
}

/// Says whether other projects must be on the list.
///
/// # Errors
///
/// As [`get`].
pub async fn set(app: &App, caller: Caller, key: ProjectKey, enabled: bool) -> Result<()> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let mut project = require(&this, tx, &caller, &key)?.project;
            let before = project.settings.job_token_inbound;
            project.settings.job_token_inbound = enabled;
            project.updated_at = this.clock.now();
            ops::projects::update(tx, &project)?;
            if before == enabled {
                return Ok(());
            }
            let event = match enabled {
                true => Event::new(
                    "secure_ci_job_token_inbound_enabled",
                    "Secure CI_JOB_TOKEN was enabled for inbound",
                ),
                false => Event::new(
                    "secure_ci_job_token_inbound_disabled",
                    "Secure CI_JOB_TOKEN was disabled for inbound",
                ),
            };
            Ok(audit::note(&this, tx, &caller, &project, event)?)
        })
        .await
}

/// Lists the projects on the list, and counts them.
///
/// # Errors
///
/// As [`get`].
pub async fn projects(app: &App, caller: Caller, key: ProjectKey, page: Rows) -> Result<(Vec<Shown>, i64)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let id = require(&this, tx, &caller, &key)?.project.id;
            let listed = job_token_scope::projects(tx, id, page)?;
            let total = job_token_scope::count_projects(tx, id)?;
            Ok((show_all(&this, tx, &caller, listed)?, total))
        })
        .await
}

/// Lists the groups on the list, and counts them.
///
/// # Errors
///
/// As [`get`].
pub async fn groups(app: &App, caller: Caller, key: ProjectKey, page: Rows) -> Result<(Vec<Namespace>, i64)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let id = require(&this, tx, &caller, &key)?.project.id;
            Ok((
                job_token_scope::groups(tx, id, page)?,
                job_token_scope::count_groups(tx, id)?,
            ))
        })
        .await
}

/// Puts a project on the list; returns the project whose list it is.
///
/// # Errors
///
/// As [`get`]; 404 for an unknown project, 400 for one that the caller cannot see, that is on the list
/// already or is the project itself, and when the list is full.
pub async fn add_project(app: &App, caller: Caller, key: ProjectKey, target: ProjectId) -> Result<ProjectId> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let id = require(&this, tx, &caller, &key)?.project.id;
            let project = ops::projects::get(tx, target)?.ok_or(Error::NotFound("target_project_id not found"))?;
            let role = role(&this, tx, &caller, &project)?;
            if !(ProjectAccess { project, role }).allows(&caller, Ability::ReadProject) {
                return Err(unknown("target_project"));
            }
            if target == id {
                return Err(invalid("Target project can't be the same as the source project"));
            }
            if job_token_scope::count_projects(tx, id)? >= MOST {
                return Err(invalid(
                    "Source project exceeds the allowable number of project links in this direction",
                ));
            }
            match job_token_scope::add_project(tx, id, target, added(&this, &caller))? {
                true => {
                    note(
                        &this,
                        tx,
                        &caller,
                        id,
                        ("secure_ci_job_token_project_added", Place::Project(target)),
                    )?;
                    Ok(id)
                }
                false => Err(bad("Target project is already in the job token scope")),
            }
        })
        .await
}

/// Takes a project off the list.
///
/// # Errors
///
/// As [`get`]; 404 for a project the caller cannot see, 400 for one that is not on the list.
pub async fn remove_project(app: &App, caller: Caller, key: ProjectKey, target: ProjectId) -> Result<()> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let id = require(&this, tx, &caller, &key)?.project.id;
            lookup::project(&this, tx, &caller, &ProjectKey::Id(target))?;
            if target == id {
                return Err(bad("Source project cannot be removed from the job token scope"));
            }
            match job_token_scope::remove_project(tx, id, target)? {
                true => note(
                    &this,
                    tx,
                    &caller,
                    id,
                    ("secure_ci_job_token_project_removed", Place::Project(target)),
                ),
                false => Err(bad("Target project is not in the job token scope")),
            }
        })
        .await
}

/// Puts a group on the list: all projects in it and in the groups below. Returns the project whose list it is.
///
/// # Errors
///
/// As [`add_project`].
pub async fn add_group(app: &App, caller: Caller, key: ProjectKey, target: NamespaceId) -> Result<ProjectId> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let id = require(&this, tx, &caller, &key)?.project.id;
            let group = group(tx, target)?.ok_or(Error::NotFound("target_group_id not found"))?;
            if !may_see(&this, tx, &caller, &group)? {
                return Err(unknown("target_group"));
            }
            if job_token_scope::count_groups(tx, id)? >= MOST {
                return Err(invalid("Source project exceeds the allowable number of group links"));
            }
            match job_token_scope::add_group(tx, id, target, added(&this, &caller))? {
                true => {
                    note(
                        &this,
                        tx,
                        &caller,
                        id,
                        ("secure_ci_job_token_group_added", Place::Group(target)),
                    )?;
                    Ok(id)
                }
                false => Err(bad("Target group is already in the job token scope")),
            }
        })
        .await
}

/// Takes a group off the list.
///
/// # Errors
///
/// As [`remove_project`].
pub async fn remove_group(app: &App, caller: Caller, key: ProjectKey, target: NamespaceId) -> Result<()> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let id = require(&this, tx, &caller, &key)?.project.id;
            match group(tx, target)? {
                Some(group) if may_see(&this, tx, &caller, &group)? => {}
                _ => return Err(Error::NotFound("Group")),
            }
            match job_token_scope::remove_group(tx, id, target)? {
                true => note(
                    &this,
                    tx,
                    &caller,
                    id,
                    ("secure_ci_job_token_group_removed", Place::Group(target)),
                ),
                false => Err(bad("Target group is not in the job token scope")),
            }
        })
        .await
}

/// Writes down what was put on a project's list or taken off it.
fn note(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    id: ProjectId,
    (name, target): (&'static str, Place),
) -> Result<()> {
    let entity = Entity::of_place(tx, Place::Project(id))?;
    let (kind, number, path) = match target {
        Place::Project(id) => (
            "Project",
            id.0,
            ops::projects::get(tx, id)?.map(|found| found.full_path),
        ),
        Place::Group(id) => (
            "Group",
            id.0,
            ops::namespaces::get(tx, id)?.map(|found| found.full_path),
        ),
    };
    let what = name.rsplit('_').next().unwrap_or_default();
    let event = Event::new(name, format!("{kind} {what} in the CI_JOB_TOKEN allowlist")).target(
        kind,
        number,
        path.unwrap_or_default(),
    );
    Ok(audit::note(app, tx, caller, entity, event)?)
}

fn require(app: &App, tx: &mut dyn Tx, caller: &Caller, key: &ProjectKey) -> Result<ProjectAccess> {
    lookup::project_for(app, tx, caller, key, Ability::AdminProject)
}

fn role(app: &App, tx: &mut dyn Tx, caller: &Caller, project: &Project) -> Result<model::AccessLevel> {
    Ok(match caller.user() {
        Some(user) => lookup::role(app, tx, user, project)?,
        None => model::AccessLevel::None,
    })
}

/// A group; personal namespaces are none.
fn group(tx: &mut dyn Tx, id: NamespaceId) -> Result<Option<Namespace>> {
    Ok(ops::namespaces::get(tx, id)?.filter(|namespace| namespace.user_id.is_none()))
}

fn may_see(app: &App, tx: &mut dyn Tx, caller: &Caller, group: &Namespace) -> Result<bool> {
    if caller.is_admin() || group.visibility != Visibility::Private {
        return Ok(true);
    }
    let Some(user) = caller.user() else { return Ok(false) };
    let level = ops::members::level_in_group(tx, group.id, user.id, app.clock.now())?;
    Ok(level > model::AccessLevel::None)
}

fn added(app: &App, caller: &Caller) -> Added {
    Added {
        by: caller.user().map(|user| user.id),
        at: app.clock.now(),
    }
}

fn bad(text: &str) -> Error {
    Error::BadRequest(text.to_owned())
}

fn invalid(text: &str) -> Error {
    Error::BadRequest(format!("Validation failed: {text}"))
}

fn unknown(what: &str) -> Error {
    bad(&format!(
        "The {what} that you are attempting to access does not exist or you don't have permission to perform this action"
    ))
}
