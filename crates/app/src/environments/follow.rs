//! What becomes of deployments and environments when jobs change, in the same transaction.

use std::collections::HashMap;

use model::{Deployment, DeploymentStatus, Job, JobId, Pipeline, Status, Timestamp};
use store::{StoreError, Tx, ops};

use crate::hooks::happened;

/// Lets deployments follow their jobs, and environments what the jobs did to them.
///
/// Returns the jobs after which an environment is still to be written down ([`update`](super::update)).
///
/// # Errors
///
/// What the database said.
pub(crate) fn settled<'a>(
    tx: &mut dyn Tx,
    pipeline: &Pipeline,
    moved: impl Iterator<Item = &'a Job>,
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    let jobs: Vec<&Job> = moved.filter(|job| job.environment.is_some()).collect();
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut deployments = of_jobs(tx, jobs.iter().map(|job| job.id).collect())?;
    let mut updates = Vec::new();
    for job in jobs {
        if let Some(deployment) = deployments.get_mut(&job.id) {
            follow(tx, pipeline, job, deployment, now)?;
        }
        if job.status == Status::Success && succeeded(tx, job, deployments.get(&job.id), now)? {
            ops::environments::add_update(tx, job.id)?;
            updates.push(job.id);
        }
    }
    Ok(updates)
}

fn of_jobs(tx: &mut dyn Tx, ids: Vec<JobId>) -> Result<HashMap<JobId, Deployment>, StoreError> {
    let found = ops::deployments::of_jobs(tx, &ids)?;
    Ok(found.into_iter().filter_map(|one| Some((one.job_id?, one))).collect())
}

fn follow(
    tx: &mut dyn Tx,
    pipeline: &Pipeline,
    job: &Job,
    deployment: &mut Deployment,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(status) = deployment.status.follow(job.status) else {
        return Ok(());
    };
    enter(deployment, status, now);
    ops::deployments::save(tx, deployment)?;
    happened::deployed(tx, pipeline.project_id, deployment, now)
}

/// Sets a deployment's status and the times that go with it.
pub(super) fn enter(deployment: &mut Deployment, status: DeploymentStatus, now: Timestamp) {
    deployment.status = status;
    deployment.updated_at = now;
    if status.is_finished() {
        deployment.finished_at = Some(now);
    }
}

/// Changes the state of the environment of a job that went well; whether more of it is to be written down.
fn succeeded(tx: &mut dyn Tx, job: &Job, deployment: Option<&Deployment>, now: Timestamp) -> Result<bool, StoreError> {
    if let Some(deployment) = deployment {
        ops::environments::start(tx, deployment.environment_id, now)?;
        return Ok(true);
    }
    let definition = ops::definitions::get(tx, job.definition_id)?;
    let Some(written) = definition
        .as_ref()
        .and_then(|definition| definition.environment.as_ref())
    else {
        return Ok(false);
    };
    match written.action() {
        "stop" => {
            let name = job.environment.as_deref().unwrap_or_default();
            if let Some(environment) = ops::environments::by_name(tx, job.project_id, name)? {
                ops::environments::stop(tx, environment.id, now)?;
            }
            Ok(false)
        }
        "prepare" | "verify" | "access" => Ok(true),
        _ => Ok(false),
    }
}

/// Returns those of the jobs whose environment has a newer deployment of another commit by now, where the project
/// does not want that: jobs that have ended already may run again unless it wants no going back either.
///
/// # Errors
///
/// What the database said.
pub(crate) fn outdated(tx: &mut dyn Tx, jobs: &[&Job]) -> Result<Vec<JobId>, StoreError> {
    let jobs: Vec<&&Job> = jobs.iter().filter(|job| job.environment.is_some()).collect();
    let Some(first) = jobs.first() else {
        return Ok(Vec::new());
    };
    let project = ops::projects::get(tx, first.project_id)?;
    let Some(settings) = project.map(|project| project.settings) else {
        return Ok(Vec::new());
    };
    if !settings.forward_deployment {
        return Ok(Vec::new());
    }
    let jobs = jobs
        .iter()
        .filter(|job| !settings.rollback_allowed || !job.status.is_completed());
    let mut outdated = Vec::new();
    for deployment in of_jobs(tx, jobs.map(|job| job.id).collect())?.into_values() {
        let last = ops::deployments::last(tx, deployment.environment_id)?;
        let is_older = |last: &Deployment| deployment.id < last.id && deployment.sha != last.sha;
        if last.as_ref().is_some_and(is_older) {
            outdated.extend(deployment.job_id);
        }
    }
    Ok(outdated)
}
