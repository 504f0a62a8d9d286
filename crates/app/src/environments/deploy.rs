//! Deployments as the API sees them: list, look, and those that other systems made.

use model::{Deployment, DeploymentId, DeploymentStatus, Environment, EnvironmentId, GitRef, Project, Sha, Timestamp};
use store::ops::deployments::{DeploymentFilter, DeploymentOrder, NewDeployment};
use store::ops::page::{Page, Sort};
use store::{Tx, ops};

use super::create::{Wanted as WantedEnvironment, ensure};
use super::follow::enter;
use super::manage::name_problems;
use super::read::{Deployed, Rows};
use crate::App;
use crate::access::Ability;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::hooks::happened;
use crate::lookup::{self, ProjectKey};

pub use store::ops::deployments::DeploymentOrder as Order;

/// Which deployments to list.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only those to the environment of this name.
    pub environment: Option<String>,
    /// Only those that are so far.
    pub status: Option<DeploymentStatus>,
    /// Changed at or after.
    pub updated_after: Option<Timestamp>,
    /// Changed at or before.
    pub updated_before: Option<Timestamp>,
    /// Ended at or after.
    pub finished_after: Option<Timestamp>,
    /// Ended before.
    pub finished_before: Option<Timestamp>,
    /// In which order.
    pub order: DeploymentOrder,
    /// In which direction.
    pub sort: Sort,
}

impl Wanted {
    /// Refuses what GitLab has no index for, in its words.
    fn check(&self) -> Result<()> {
        let by_update = self.updated_after.is_some() || self.updated_before.is_some();
        let by_end = self.finished_after.is_some() || self.finished_before.is_some();
        let refused = |text: &str| Err(Error::BadRequest(text.to_owned()));
        if by_update && by_end {
            return refused("Both `updated_at` filter and `finished_at` filter can not be specified");
        }
        if by_end != (self.order == DeploymentOrder::Finished) {
            return refused("`finished_at` filter and `finished_at` sorting must be paired");
        }
        if by_end && self.status != Some(DeploymentStatus::Success) {
            return refused("`finished_at` filter must be combined with `success` status filter.");
        }
        Ok(())
    }

    fn filter(&self, project: model::ProjectId, environment: Option<EnvironmentId>) -> DeploymentFilter {
        let by_update = self.updated_after.is_some() || self.updated_before.is_some();
        DeploymentFilter {
            project,
            environment,
            status: self.status,
            updated_after: self.updated_after,
            updated_before: self.updated_before,
            finished_after: self.finished_after,
            finished_before: self.finished_before,
            order: if by_update {
                DeploymentOrder::Updated
            } else {
                self.order
            },
            sort: self.sort,
        }
    }
}

/// Lists a page of a project's deployments and counts all of them (up to a bound).
///
/// # Errors
///
/// 404, 401 or 403 as project and role say; 400 for filters that do not go together.
pub async fn list(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    wanted: Wanted,
    page: Page,
) -> Result<(Project, Vec<Deployed>, i64)> {
    let this = app.clone();
    let (project, rows, total) = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadEnvironments)?;
            wanted.check()?;
            let project = access.project;
            let environment = match &wanted.environment {
                Some(name) => match ops::environments::by_name(tx, project.id, name)? {
                    Some(found) => Some(found.id),
                    None => return Ok((project, Rows::read(tx, Vec::new())?, 0)),
                },
                None => None,
            };
            let filter = wanted.filter(project.id, environment);
            let found = ops::deployments::list(tx, &filter, page)?;
            let total = ops::deployments::count(tx, &filter)?;
            Ok::<_, Error>((project, Rows::read(tx, found)?, total))
        })
        .await?;
    let shown = rows.show(app, &project).await?;
    Ok((project, shown, total))
}

/// Returns a deployment.
///
/// # Errors
///
/// As [`list`]; `404 Not found`.
pub async fn get(app: &App, caller: Caller, key: ProjectKey, id: DeploymentId) -> Result<Deployed> {
    let this = app.clone();
    let (project, rows) = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadEnvironments)?;
            let found = find(tx, &access.project, id)?;
            Ok::<_, Error>((access.project, Rows::read(tx, vec![found])?))
        })
        .await?;
    one(app, &project, rows).await
}

fn find(tx: &mut dyn Tx, project: &Project, id: DeploymentId) -> Result<Deployment> {
    ops::deployments::get(tx, project.id, id)?.ok_or(Error::RecordNotFound)
}

async fn one(app: &App, project: &Project, rows: Rows) -> Result<Deployed> {
    rows.show(app, project)
        .await?
        .into_iter()
        .next()
        .ok_or(Error::RecordNotFound)
}

/// A deployment that another system made.
#[derive(Clone, Debug)]
pub struct New {
    /// Name of the environment; it is made unless it is there.
    pub environment: String,
    /// What is deployed, as written.
    pub sha: String,
    /// Branch or tag.
    pub git_ref: GitRef,
    /// How far it is.
    pub status: DeploymentStatus,
}

/// Notes a deployment that another system made. The same again changes nothing.
///
/// # Errors
///
/// As [`list`]; 400 for a bad name, an unknown commit, an unknown ref.
pub async fn create(app: &App, caller: Caller, key: ProjectKey, new: New) -> Result<Deployed> {
    let (this, asked, by) = (app.clone(), key.clone(), caller.clone());
    let project = app
        .store
        .read(move |tx| lookup::project_for(&this, tx, &by, &asked, Ability::ChangeEnvironments))
        .await?
        .project;
    let problems = name_problems(&new.environment);
    if let Some(problem) = problems.first() {
        return Err(Error::invalid("name", problem));
    }
    let sha = resolve(app, &project, &new).await?;
    let user = caller.user().map(|user| user.id);
    let now = app.clock.now();
    let of_project = project.clone();
    let rows = app
        .store
        .write(move |tx| {
            let name = new.environment.as_str();
            let wanted = std::iter::once(WantedEnvironment::named(name));
            let made = ensure(tx, of_project.id, wanted, now)?;
            let environment = made
                .get(name)
                .ok_or_else(|| Error::invalid("name", "has already been taken"))?;
            let found = same(tx, environment, &new, &sha)?;
            let deployment = match found {
                Some(found) => found,
                None => insert(tx, environment, &new, &sha, user, now)?,
            };
            Rows::read(tx, vec![deployment])
        })
        .await?;
    one(app, &project, rows).await
}

/// Checks commit and ref against the repository.
async fn resolve(app: &App, project: &Project, new: &New) -> Result<Sha> {
    let no_commit = || Error::invalid("sha", "The commit does not exist");
    let repository = match app.repositories.open(project) {
        Ok(repository) => repository,
        Err(git::Error::NoRepository { .. }) => return Err(no_commit()),
        Err(error) => return Err(error.into()),
    };
    let (sha, name) = (new.sha.clone(), new.git_ref.name.clone());
    crate::blocking(move || {
        let known = |text: &str| match repository.revision(text) {
            Ok(found) => Ok(found),
            Err(error @ git::Error::Io { .. }) => Err(Error::from(error)),
            // A text that names nothing, however it does.
            Err(_) => Ok(None),
        };
        let sha = known(&sha)?.ok_or_else(no_commit)?;
        if known(&name)?.is_none() {
            return Err(Error::invalid("ref", "The branch or tag does not exist"));
        }
        Ok(sha)
    })
    .await
}

/// The last deployment of an environment, if it is the one that is to be made.
fn same(tx: &mut dyn Tx, environment: &Environment, new: &New, sha: &Sha) -> Result<Option<Deployment>> {
    let last = ops::deployments::last(tx, environment.id)?;
    let is_same = |last: &Deployment| last.git_ref == new.git_ref && last.sha == *sha && last.status == new.status;
    Ok(last.filter(is_same))
}

fn insert(
    tx: &mut dyn Tx,
    environment: &Environment,
    new: &New,
    sha: &Sha,
    user: Option<model::UserId>,
    now: Timestamp,
) -> Result<Deployment> {
    let row = NewDeployment {
        environment_id: environment.id,
        pipeline_id: None,
        job_id: None,
        user_id: user,
        git_ref: &new.git_ref,
        sha,
        status: new.status,
        on_stop: None,
        created_at: now,
        finished_at: new.status.is_finished().then_some(now),
    };
    let project = environment.project_id;
    let id = ops::deployments::insert(tx, project, &[row])?.pop();
    let id = id.ok_or_else(|| Error::internal("deployments::insert gave no id"))?;
    let deployment = ops::deployments::get(tx, project, id)?.ok_or(Error::RecordNotFound)?;
    entered(tx, &deployment, now)?;
    Ok(deployment)
}

/// What follows when a deployment has got so far.
fn entered(tx: &mut dyn Tx, deployment: &Deployment, now: Timestamp) -> Result<()> {
    if deployment.status == DeploymentStatus::Success {
        ops::environments::start(tx, deployment.environment_id, now)?;
    }
    Ok(happened::deployed(tx, deployment.project_id, deployment, now)?)
}

/// Notes how far a deployment is that another system made.
///
/// # Errors
///
/// As [`get`]; 403 for one of a job; 400 for a status that cannot follow.
pub async fn update(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    id: DeploymentId,
    status: DeploymentStatus,
) -> Result<Deployed> {
    let (this, now) = (app.clone(), app.clock.now());
    let (project, rows) = app
        .store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadEnvironments)?;
            find(tx, &access.project, id)?;
            access.require(&caller, Ability::ChangeEnvironments)?;
            let mut deployment = ops::deployments::lock(tx, id)?.ok_or(Error::RecordNotFound)?;
            if deployment.job_id.is_some() {
                let text = "Deployments created using GitLab CI can not be updated using the API";
                return Err(Error::Forbidden(Some(text.to_owned())));
            }
            let can_run = matches!(deployment.status, DeploymentStatus::Created | DeploymentStatus::Blocked);
            if deployment.status == status || (status == DeploymentStatus::Running && !can_run) {
                return Err(Error::invalid(
                    "status",
                    format!("cannot transition via \"{}\"", event(status)),
                ));
            }
            enter(&mut deployment, status, now);
            ops::deployments::save(tx, &deployment)?;
            entered(tx, &deployment, now)?;
            Ok((access.project.clone(), Rows::read(tx, vec![deployment])?))
        })
        .await?;
    one(app, &project, rows).await
}

/// What GitLab calls the step to a status.
const fn event(status: DeploymentStatus) -> &'static str {
    match status {
        DeploymentStatus::Running => "run",
        DeploymentStatus::Success => "succeed",
        DeploymentStatus::Failed => "drop",
        _ => "cancel",
    }
}

/// Deletes a deployment.
///
/// # Errors
///
/// As [`get`]; 400 for one that runs or is what is deployed now.
pub async fn delete(app: &App, caller: Caller, key: ProjectKey, id: DeploymentId) -> Result<()> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let access = lookup::project(&this, tx, &caller, &key)?;
            let deployment = find(tx, &access.project, id)?;
            access.require(&caller, Ability::AdminEnvironments)?;
            let refused = |text: &str| {
                Err(Error::Status {
                    status: 400,
                    message: text.to_owned(),
                })
            };
            if deployment.status == DeploymentStatus::Running {
                return refused("Cannot destroy running deployment");
            }
            let last = ops::deployments::last(tx, deployment.environment_id)?;
            if last.is_some_and(|last| last.id == id) {
                return refused("Deployment currently deployed to environment");
            }
            ops::deployments::delete(tx, id)?;
            Ok(())
        })
        .await
}
