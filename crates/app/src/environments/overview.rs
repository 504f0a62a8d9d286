//! Environments as pages show them. Unlike the API, those who are not signed in may look at what everybody may see.

use model::{Deployment, DeploymentStatus, Environment, EnvironmentId, EnvironmentState, Job};
use store::ops::deployments::DeploymentFilter;
use store::ops::environments::EnvironmentFilter;
use store::ops::page::{Page, Sort};
use store::{StoreError, Tx, ops};

use super::read::{Deployed, Rows};
use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};

/// A page of a project's environments.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The project and the caller's role in it.
    pub access: ProjectAccess,
    /// Environments and what is deployed to them.
    pub rows: Vec<(Environment, Option<Deployed>)>,
    /// How many are there (up to a bound).
    pub there: i64,
    /// How many are stopped (up to a bound).
    pub stopped: i64,
}

/// Lists environments: those that are there, or with `stopped` those that are not.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn list(app: &App, caller: Caller, key: ProjectKey, stopped: bool, page: Page) -> Result<Listed> {
    let this = app.clone();
    let (access, environments, rows, there, gone) = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadEnvironments)?;
            let filter = |states: &[EnvironmentState]| EnvironmentFilter {
                project: access.project.id,
                name: None,
                search: None,
                states: states.to_vec(),
            };
            let there = filter(&[EnvironmentState::Available, EnvironmentState::Stopping]);
            let gone = filter(&[EnvironmentState::Stopped]);
            let found = ops::environments::list(tx, if stopped { &gone } else { &there }, page)?;
            let mut last = Vec::new();
            for environment in &found {
                last.extend(ops::deployments::last(tx, environment.id)?);
            }
            let rows = Rows::read(tx, last)?;
            let counts = (
                ops::environments::count(tx, &there)?,
                ops::environments::count(tx, &gone)?,
            );
            Ok::<_, Error>((access, found, rows, counts.0, counts.1))
        })
        .await?;
    let mut deployed = rows.show(app, &access.project).await?;
    let rows = environments.into_iter().map(|environment| {
        let at = deployed.iter().position(|one| one.environment.id == environment.id);
        (environment, at.map(|at| deployed.swap_remove(at)))
    });
    Ok(Listed {
        rows: rows.collect(),
        access,
        there,
        stopped: gone,
    })
}

/// An environment and a page of what was deployed to it, the newest first.
#[derive(Clone, Debug)]
pub struct History {
    /// The project and the caller's role in it.
    pub access: ProjectAccess,
    /// The environment.
    pub environment: Environment,
    /// Its deployments.
    pub deployments: Vec<Deployed>,
    /// How many there are (up to a bound).
    pub total: i64,
    /// The one that is there now.
    pub last: Option<Deployment>,
    /// Whether a job stops it.
    pub has_stop_job: bool,
}

/// Returns an environment with its history.
///
/// # Errors
///
/// As [`list`]; 404 when there is none.
pub async fn history(app: &App, caller: Caller, key: ProjectKey, id: EnvironmentId, page: Page) -> Result<History> {
    let this = app.clone();
    let (access, environment, rows, total, last, has_stop_job) = app
        .store
        .read(move |tx| {
            let (access, environment) = super::manage::find(&this, tx, &caller, &key, id, Ability::ReadEnvironments)?;
            let filter = DeploymentFilter {
                environment: Some(id),
                sort: Sort::Desc,
                ..DeploymentFilter::new(access.project.id)
            };
            let found = ops::deployments::list(tx, &filter, page)?;
            let rows = Rows::read(tx, found)?;
            let total = ops::deployments::count(tx, &filter)?;
            let last = ops::deployments::last(tx, id)?;
            let has_stop_job = super::stop::actions(tx, id)?.is_some();
            Ok::<_, Error>((access, environment, rows, total, last, has_stop_job))
        })
        .await?;
    Ok(History {
        deployments: rows.show(app, &access.project).await?,
        access,
        environment,
        total,
        last,
        has_stop_job,
    })
}

/// What a job does to its environment.
#[derive(Clone, Debug)]
pub struct OfJob {
    /// The environment.
    pub environment: Environment,
    /// How far its deployment is; `None` for a job that only uses or stops the environment.
    pub status: Option<DeploymentStatus>,
    /// Whether what it deployed is there now.
    pub is_last: bool,
}

/// Returns what a job does to its environment; `None` when it has none.
///
/// # Errors
///
/// What the database said.
pub fn of_job(tx: &mut dyn Tx, job: &Job) -> Result<Option<OfJob>, StoreError> {
    let Some(name) = &job.environment else { return Ok(None) };
    let Some(environment) = ops::environments::by_name(tx, job.project_id, name)? else {
        return Ok(None);
    };
    let deployment = ops::deployments::of_jobs(tx, &[job.id])?.pop();
    let last = ops::deployments::last(tx, environment.id)?;
    Ok(Some(OfJob {
        is_last: deployment.is_some() && deployment.as_ref().map(|one| one.id) == last.map(|last| last.id),
        status: deployment.map(|one| one.status),
        environment,
    }))
}
