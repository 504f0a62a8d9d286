//! What people do to environments: list, look, make, change, delete.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{AutoStopSetting, Environment, EnvironmentId, EnvironmentState, Project, Tier, Timestamp};
use store::ops::environments::{EnvironmentFilter, NewEnvironment};
use store::ops::page::Page;
use store::{Tx, ops};

use super::create::is_name;
use super::read::{Deployed, Rows};
use super::slug::{other_slug, slug};
use super::update::unsafe_scheme;
use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::projects;

/// Time between the wish to delete stopped review apps and their deletion (GitLab's time).
const UNTIL_DELETION: Duration = Duration::from_secs(7 * 24 * 3600);

/// Longest description.
const MAX_DESCRIPTION: usize = 10_000;

const NAME_RULE: &str = "can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, but it \
                         cannot start or end with '/'";

/// Which environments to list.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only the one of this name.
    pub name: Option<String>,
    /// Only those whose names begin like this.
    pub search: Option<String>,
    /// Only those in one of these states; empty = all.
    pub states: Vec<EnvironmentState>,
}

/// Environments of one project.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The project, with what its JSON shows.
    pub project: projects::Shown,
    /// A page of its environments.
    pub environments: Vec<Environment>,
    /// How many there are.
    pub total: i64,
}

/// Lists a page of a project's environments and counts all of them (up to a bound).
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn list(app: &App, caller: Caller, key: ProjectKey, wanted: Wanted, page: Page) -> Result<Listed> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadEnvironments)?;
            let filter = EnvironmentFilter {
                project: access.project.id,
                name: wanted.name.clone(),
                search: wanted.search.clone(),
                states: wanted.states.clone(),
            };
            Ok(Listed {
                environments: ops::environments::list(tx, &filter, page)?,
                total: ops::environments::count(tx, &filter)?,
                project: projects::show(&this, tx, &caller, access.project)?,
            })
        })
        .await
}

/// An environment and what is deployed to it.
#[derive(Clone, Debug)]
pub struct Details {
    /// Its project.
    pub project: Project,
    /// The environment.
    pub environment: Environment,
    /// Its last deployment that succeeded.
    pub last: Option<Deployed>,
}

/// Returns an environment.
///
/// # Errors
///
/// As [`list`]; `404 Not found`.
pub async fn get(app: &App, caller: Caller, key: ProjectKey, id: EnvironmentId) -> Result<Details> {
    let this = app.clone();
    let (project, environment, rows) = app
        .store
        .read(move |tx| {
            let (access, environment) = find(&this, tx, &caller, &key, id, Ability::ReadEnvironments)?;
            let last = ops::deployments::last(tx, id)?;
            Ok::<_, Error>((access.project, environment, Rows::read(tx, last.into_iter().collect())?))
        })
        .await?;
    let last = rows.show(app, &project).await?.into_iter().next();
    Ok(Details {
        project,
        environment,
        last,
    })
}

pub(super) fn find(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    key: &ProjectKey,
    id: EnvironmentId,
    ability: Ability,
) -> Result<(ProjectAccess, Environment)> {
    let access = lookup::project_for(app, tx, caller, key, ability)?;
    let found = ops::environments::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
    Ok((access, found))
}

/// What can be set of an environment; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Where it can be looked at; an empty text is none.
    pub external_url: Option<Option<String>>,
    /// What it is for.
    pub tier: Option<Tier>,
    /// Free text; an empty one is none.
    pub description: Option<Option<String>>,
    /// Whether it stops by itself without a job that stops it.
    pub auto_stop_setting: Option<AutoStopSetting>,
}

impl Changes {
    /// Notes what is wrong with them.
    fn check(&self, problems: &mut BTreeMap<&'static str, Vec<String>>) {
        let mut problem = |field: &'static str, text: String| problems.entry(field).or_default().push(text);
        if let Some(Some(url)) = &self.external_url {
            if url.chars().count() > Environment::MAX_TEXT {
                problem("external_url", too_long(Environment::MAX_TEXT));
            }
            if let Some(scheme) = unsafe_scheme(url) {
                problem("external_url", format!("{scheme} scheme is not allowed"));
            }
        }
        if let Some(Some(description)) = &self.description
            && description.chars().count() > MAX_DESCRIPTION
        {
            problem("description", too_long(MAX_DESCRIPTION));
        }
    }

    fn apply(self, environment: &mut Environment) {
        let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        if let Some(url) = self.external_url {
            environment.external_url = filled(url);
        }
        if let Some(description) = self.description {
            environment.description = filled(description);
        }
        environment.tier = self.tier.unwrap_or(environment.tier);
        environment.auto_stop_setting = self.auto_stop_setting.unwrap_or(environment.auto_stop_setting);
    }
}

fn too_long(maximum: usize) -> String {
    format!("is too long (maximum is {maximum} characters)")
}

/// Returns what is wrong with a name.
pub(super) fn name_problems(name: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if name.trim().is_empty() {
        problems.push("can't be blank".to_owned());
    }
    if name.chars().count() > Environment::MAX_TEXT {
        problems.push(too_long(Environment::MAX_TEXT));
    } else if !is_name(name) {
        problems.push(NAME_RULE.to_owned());
    }
    problems
}

/// Makes an environment.
///
/// # Errors
///
/// As [`list`]; 400 for a bad or taken name and for a bad address.
pub async fn create(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    name: String,
    changes: Changes,
) -> Result<(projects::Shown, Environment)> {
    let (this, now) = (app.clone(), app.clock.now());
    app.store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ChangeEnvironments)?;
            let mut problems = BTreeMap::new();
            let of_name = name_problems(&name);
            if !of_name.is_empty() {
                problems.insert("name", of_name);
            }
            changes.check(&mut problems);
            if !problems.is_empty() {
                return Err(Error::Invalid(problems));
            }
            let project = access.project.id;
            if ops::environments::by_name(tx, project, &name)?.is_some() {
                return Err(Error::invalid("name", "has already been taken"));
            }
            let mut made = false;
            for slug in [slug(&name), other_slug(&name)] {
                made = made || insert(tx, project, &name, &slug, now)?;
            }
            let found = ops::environments::by_name(tx, project, &name)?;
            let mut environment = found
                .filter(|_| made)
                .ok_or_else(|| Error::invalid("name", "has already been taken"))?;
            changes.clone().apply(&mut environment);
            ops::environments::save(tx, &environment)?;
            Ok((projects::show(&this, tx, &caller, access.project)?, environment))
        })
        .await
}

fn insert(tx: &mut dyn Tx, project: model::ProjectId, name: &str, slug: &str, now: Timestamp) -> Result<bool> {
    let new = NewEnvironment {
        project_id: project,
        name,
        slug,
        tier: Tier::guess(name),
        external_url: None,
        description: None,
        auto_stop_setting: AutoStopSetting::Always,
        auto_stop_at: None,
        created_at: now,
    };
    Ok(ops::environments::insert(tx, &new)?)
}

/// Changes an environment.
///
/// # Errors
///
/// As [`get`]; 400 for a bad address.
pub async fn update(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    id: EnvironmentId,
    changes: Changes,
) -> Result<(projects::Shown, Environment)> {
    let (this, now) = (app.clone(), app.clock.now());
    app.store
        .write(move |tx| {
            let (access, _) = find(&this, tx, &caller, &key, id, Ability::ChangeEnvironments)?;
            let mut problems = BTreeMap::new();
            changes.check(&mut problems);
            if !problems.is_empty() {
                return Err(Error::Invalid(problems));
            }
            let mut environment = ops::environments::lock(tx, id)?.ok_or(Error::RecordNotFound)?;
            changes.clone().apply(&mut environment);
            environment.updated_at = now;
            ops::environments::save(tx, &environment)?;
            Ok((projects::show(&this, tx, &caller, access.project)?, environment))
        })
        .await
}

/// Deletes a stopped environment with its deployments.
///
/// # Errors
///
/// As [`get`]; 403 when it is not stopped.
pub async fn delete(app: &App, caller: Caller, key: ProjectKey, id: EnvironmentId) -> Result<()> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let (access, _) = find(&this, tx, &caller, &key, id, Ability::ReadEnvironments)?;
            access.require(&caller, Ability::ChangeEnvironments)?;
            if ops::environments::delete(tx, id)? {
                Ok(())
            } else {
                Err(Error::forbidden())
            }
        })
        .await
}

/// Has stopped review apps deleted that were made before a time; with `dry_run` only lists them.
///
/// # Errors
///
/// As [`list`]; 400 when there are none.
pub async fn delete_review_apps(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    before: Timestamp,
    limit: i64,
    dry_run: bool,
) -> Result<Vec<Environment>> {
    let (this, at) = (app.clone(), app.clock.now() + UNTIL_DELETION);
    app.store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadEnvironments)?;
            access.require(&caller, Ability::ChangeEnvironments)?;
            let found = ops::environments::review_apps(tx, access.project.id, before, limit)?;
            if !dry_run && !found.is_empty() {
                let ids: Vec<EnvironmentId> = found.iter().map(|one| one.id).collect();
                ops::environments::schedule_deletion(tx, &ids, at)?;
            }
            Ok(found)
        })
        .await
}
