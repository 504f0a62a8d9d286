//! Stopping environments: by playing the job that does it, or just so where there is none.

use model::{Environment, EnvironmentId, EnvironmentState, JobId, PipelineId, ProjectId, Timestamp, User, When};
use schedule::JobState;
use store::{Tx, ops};
use tracing::{error, info};

use crate::App;
use crate::access::{self, Ability};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::jobs::actions;
use crate::jobs::settle;
use crate::lookup::{self, ProjectKey};
use crate::projects;

/// Environments looked at for one branch, and in one step of those nobody uses.
const BATCH: i64 = 100;

/// The jobs that stop an environment: all of one pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StopActions {
    pub(super) pipeline: PipelineId,
    jobs: Vec<JobId>,
}

/// Returns the jobs that stop an environment: manual ones of the pipeline that deployed to it last, which its
/// deployments name. `None` when there are none that could start.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(super) fn actions(tx: &mut dyn Tx, environment: EnvironmentId) -> Result<Option<StopActions>> {
    let last = ops::deployments::last_finished(tx, environment)?;
    let Some(pipeline) = last.and_then(|last| last.pipeline_id) else {
        return Ok(None);
    };
    let deployments = ops::deployments::of_pipeline(tx, environment, pipeline)?;
    let names: Vec<&str> = deployments
        .iter()
        .filter(|one| one.status.is_finished())
        .filter_map(|one| one.on_stop.as_deref())
        .collect();
    if names.is_empty() {
        return Ok(None);
    }
    let all = ops::jobs::current(tx, pipeline)?;
    let states: Vec<JobState<'_>> = all.iter().map(JobState::from).collect();
    let jobs: Vec<JobId> = all
        .iter()
        .enumerate()
        .filter(|(_, job)| job.when == When::Manual && names.contains(&job.name.as_str()))
        .filter(|(index, _)| schedule::play(&states, *index).is_ok())
        .map(|(_, job)| job.id)
        .collect();
    Ok((!jobs.is_empty()).then_some(StopActions { pipeline, jobs }))
}

/// Stops an environment; with `force` without the job that does it. One that is not available stays as it is.
///
/// # Errors
///
/// 404, 401 or 403 as project, role and the ref of the stop job say; `404 Not found`.
pub async fn stop(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    id: EnvironmentId,
    force: bool,
) -> Result<(projects::Shown, Environment)> {
    let this = app.clone();
    let (project, found) = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadEnvironments)?;
            let found = ops::environments::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            access.require(&caller, Ability::ChangeEnvironments)?;
            if let Some(actions) = actions(tx, id)? {
                actions::may_change(tx, &access, &caller, actions.pipeline)?;
            }
            Ok::<_, Error>((projects::show(&this, tx, &caller, access.project)?, found))
        })
        .await?;
    if force {
        let now = app.clock.now();
        app.store.write(move |tx| ops::environments::stop(tx, id, now)).await?;
    } else if found.state == EnvironmentState::Available {
        stop_now(app, id).await?;
    }
    let environment = app.store.read(move |tx| ops::environments::by_id(tx, id)).await?;
    Ok((project, environment.ok_or(Error::RecordNotFound)?))
}

/// Stops an available environment, whoever wants that; `false` when it was not available any more.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(super) async fn stop_now(app: &App, id: EnvironmentId) -> Result<bool> {
    let now = app.clock.now();
    let found = app.store.read(move |tx| actions(tx, id)).await?;
    let Some(actions) = found else {
        return Ok(app
            .store
            .write(move |tx| ops::environments::stop_available(tx, id, now))
            .await?);
    };
    let jobs = actions.jobs;
    let done = settle::change(app, actions.pipeline, move |tx, locked| {
        // Whoever changes the state plays the jobs, so they start once however many servers look.
        if !ops::environments::begin_stop(tx, id, now)? {
            return Ok(false);
        }
        let mut played = 0;
        for job in &jobs {
            if let Some(index) = locked.find(*job) {
                let user = locked.jobs[index].user_id;
                played += usize::from(actions::start(tx, locked, index, user, now).is_ok());
            }
        }
        if played == 0 {
            ops::environments::stop(tx, id, now)?;
        }
        Ok(true)
    });
    Ok(done.await?.is_some_and(|(stopped, _)| stopped))
}

/// Stops the environments of a branch that is gone, as far as who deleted it may.
pub(crate) async fn of_branch(app: &App, project: ProjectId, user: &User, is_admin: bool, branch: &str) {
    if let Err(error) = try_of_branch(app, project, user, is_admin, branch).await {
        error!(
            error = &error as &dyn std::error::Error,
            "could not stop the environments of branch `{branch}`"
        );
    }
}

async fn try_of_branch(app: &App, project: ProjectId, user: &User, is_admin: bool, branch: &str) -> Result<()> {
    let (this, user, name) = (app.clone(), user.clone(), branch.to_owned());
    let found = app
        .store
        .read(move |tx| left_behind(&this, tx, project, (&user, is_admin), &name))
        .await?;
    for id in found {
        if stop_now(app, id).await? {
            info!(environment.id = %id, "branch `{branch}` is gone, environment {id} stops");
        }
    }
    Ok(())
}

/// Available environments to which a branch was deployed last, that the user may stop.
fn left_behind(
    app: &App,
    tx: &mut dyn Tx,
    project: ProjectId,
    (user, is_admin): (&User, bool),
    branch: &str,
) -> Result<Vec<EnvironmentId>> {
    let mut ids = Vec::new();
    let found = ops::environments::of_branch(tx, project, branch, BATCH)?;
    if found.is_empty() {
        return Ok(ids);
    }
    let Some(project) = ops::projects::get(tx, project)? else {
        return Ok(ids);
    };
    let role = lookup::role(app, tx, user, &project)?;
    if !is_admin && role < Ability::ChangeEnvironments.minimum_role() {
        return Ok(ids);
    }
    let protected = ops::protected_refs::list(tx, project.id)?;
    for environment in found {
        let last = ops::deployments::last(tx, environment.id)?;
        if !last.is_some_and(|last| !last.git_ref.is_tag && last.git_ref.name == branch) {
            continue;
        }
        let may =
            actions(tx, environment.id)?.is_none() || access::may_run_on(&protected, branch, false, role, is_admin);
        if may {
            ids.push(environment.id);
        }
    }
    Ok(ids)
}

/// Whether the caller may stop all environments that nobody uses.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn may_stop_stale(app: &App, caller: Caller, key: ProjectKey) -> Result<ProjectId> {
    let this = app.clone();
    let access = app
        .store
        .read(move |tx| lookup::project_for(&this, tx, &caller, &key, Ability::AdminEnvironments))
        .await?;
    Ok(access.project.id)
}

/// Stops all environments of a project that nothing happened to since `before`.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn stop_stale(app: &App, caller: Caller, key: ProjectKey, before: Timestamp) -> Result<()> {
    let project = may_stop_stale(app, caller, key).await?;
    let mut after = EnvironmentId(0);
    loop {
        let page = app
            .store
            .read(move |tx| ops::environments::stale(tx, project, before, after, BATCH))
            .await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for environment in page {
            stop_now(app, environment.id).await?;
        }
    }
}
