//! What people do to jobs: cancel, retry, play, erase (rest-api.md 8).

use model::definition::GivenVariable;
use model::{Job, JobEvent, JobId, PipelineId, Status, Timestamp, UserId};
use schedule::rerun::{NotRetryable, Play};
use schedule::{play as decide_play, retry_job};
use serde_json::Value as Json;
use store::ops::job_variables::JobVariablesKind;
use store::{Tx, ops};

use crate::App;
use crate::access::{self, Ability, ProjectAccess};
use crate::caller::Caller;
use crate::environments::follow::outdated;
use crate::error::{Error, Result};
use crate::jobs::locked::LockedPipeline;
use crate::jobs::settle;
use crate::jobs::{files, given, inputs};
use crate::lookup::{self, ProjectKey};

/// Cancels a job; with `force` one that is being canceled already ends at once. One that has ended stays as it is.
///
/// # Errors
///
/// 404, 401 or 403 as project, role and ref say; `force` needs a Maintainer.
pub async fn cancel(app: &App, caller: Caller, key: ProjectKey, id: JobId, force: bool) -> Result<Job> {
    let ability = if force {
        Ability::ForceCancelJob
    } else {
        Ability::UpdatePipeline
    };
    let job = find(app, caller, key, id, ability).await?.job;
    let now = app.clock.now();
    act(app, &job, move |tx, locked, index| {
        refuse_outdated(tx, &locked.jobs[index])?;
        if force && locked.jobs[index].status == Status::Canceling {
            locked
                .happen(index, JobEvent::ForceCancel, now)
                .map_err(Error::internal)?;
        } else {
            locked.cancel(tx, &[index], now)?;
        }
        Ok(index)
    })
    .await
}

/// Retries a job; answers with the new attempt.
///
/// # Errors
///
/// As [`cancel`]; 403 `Job is not retryable` when it has not ended or was retried before.
pub async fn retry(app: &App, caller: Caller, key: ProjectKey, id: JobId) -> Result<Job> {
    retry_with(app, caller, key, id, None).await
}

/// What a job is started with.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Variables; of a retry, `None` are those of the attempt before.
    pub variables: Option<Vec<GivenVariable>>,
    /// Values of its inputs; of a retry, those not named are those of the attempt before.
    pub inputs: Vec<(String, Json)>,
}

/// Retries a job with other variables of its own than those it was played with; `None` leaves them.
///
/// # Errors
///
/// As [`retry`].
pub async fn retry_with(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    id: JobId,
    variables: Option<Vec<GivenVariable>>,
) -> Result<Job> {
    let given = Given {
        variables,
        inputs: Vec::new(),
    };
    retry_given(app, caller, key, id, given).await
}

/// Retries a job with variables and inputs.
///
/// # Errors
///
/// As [`retry`]; 400 for inputs that it does not have or that do not fit.
pub async fn retry_given(app: &App, caller: Caller, key: ProjectKey, id: JobId, given: Given) -> Result<Job> {
    let found = find(app, caller, key, id, Ability::UpdatePipeline).await?;
    let (user, now) = (found.user, app.clock.now());
    let keys = app.clone();
    act(app, &found.job, move |tx, locked, index| {
        refuse_outdated(tx, &locked.jobs[index])?;
        let rerun = retry_job(&locked.states(), index).map_err(not_retryable)?;
        let old = locked.jobs[index].id;
        check_inputs(tx, &locked.jobs[index], &given.inputs)?;
        let mut inputs = given::inputs(&keys.keys, tx, old)?;
        inputs.retain(|(name, _)| given.inputs.iter().all(|(given, _)| given != name));
        inputs.extend(given.inputs.iter().cloned());
        locked.rerun(tx, &rerun, user, now)?;
        let new = locked.jobs[index].id;
        match &given.variables {
            Some(variables) => given::set(&keys.keys, tx, new, variables)?,
            None => given::copy(&keys.keys, tx, old, new)?,
        }
        given::set_inputs(&keys.keys, tx, new, &inputs)?;
        Ok(index)
    })
    .await
    .map_err(|error| match error {
        Error::RecordNotFound => Error::Forbidden(Some("Job is not retryable".to_owned())),
        other => other,
    })
}

fn not_retryable(_: NotRetryable) -> Error {
    Error::Forbidden(Some("Job is not retryable".to_owned()))
}

/// Starts a manual or delayed job, with variables of its own; one that has ended is retried.
///
/// # Errors
///
/// As [`cancel`]; 400 `Unplayable Job` when nobody needs to start it.
pub async fn play(app: &App, caller: Caller, key: ProjectKey, id: JobId, variables: Vec<GivenVariable>) -> Result<Job> {
    let given = Given {
        variables: Some(variables),
        inputs: Vec::new(),
    };
    play_given(app, caller, key, id, given).await
}

/// Starts a manual or delayed job with variables and inputs.
///
/// # Errors
///
/// As [`play`]; 400 for inputs that it does not have or that do not fit.
pub async fn play_given(app: &App, caller: Caller, key: ProjectKey, id: JobId, given: Given) -> Result<Job> {
    let found = find(app, caller, key, id, Ability::UpdatePipeline).await?;
    let (user, now) = (found.user, app.clock.now());
    let keys = app.clone();
    act(app, &found.job, move |tx, locked, index| {
        refuse_outdated(tx, &locked.jobs[index])?;
        check_inputs(tx, &locked.jobs[index], &given.inputs)?;
        start(tx, locked, index, user, now)?;
        let id = locked.jobs[index].id;
        given::set(&keys.keys, tx, id, given.variables.as_deref().unwrap_or_default())?;
        given::set_inputs(&keys.keys, tx, id, &given.inputs)?;
        Ok(index)
    })
    .await
    .map_err(|error| match error {
        Error::RecordNotFound => unplayable(),
        other => other,
    })
}

fn check_inputs(tx: &mut dyn Tx, job: &Job, given: &[(String, Json)]) -> Result<()> {
    if given.is_empty() {
        return Ok(());
    }
    let definition = ops::definitions::get(tx, job.definition_id)?;
    inputs::check(&definition.unwrap_or_default(), given)
}

/// Nobody may do anything to a job that deployed, or would deploy, what another commit has replaced.
fn refuse_outdated(tx: &mut dyn Tx, job: &Job) -> Result<()> {
    match outdated(tx, &[job])?.is_empty() {
        true => Ok(()),
        false => Err(Error::forbidden()),
    }
}

fn unplayable() -> Error {
    Error::BadRequest("Unplayable Job".to_owned())
}

/// Starts a manual or delayed job in a user's name; one that has ended is retried.
///
/// # Errors
///
/// 400 when nobody needs to start it, and then nothing has changed; otherwise what is wrong with the server.
pub(crate) fn start(
    tx: &mut dyn Tx,
    locked: &mut LockedPipeline,
    index: usize,
    user: Option<UserId>,
    now: Timestamp,
) -> Result<()> {
    match decide_play(&locked.states(), index).map_err(|_| unplayable())? {
        Play::Start { event, resets, .. } => {
            let rerun = schedule::rerun::Rerun {
                clones: Vec::new(),
                resets,
            };
            locked.rerun(tx, &rerun, user, now)?;
            locked.happen(index, event, now).map_err(|_| unplayable())?;
            locked.edit(index, now, |job| job.user_id = user);
        }
        Play::Retry(rerun) => locked.rerun(tx, &rerun, user, now)?,
    }
    Ok(())
}

/// Erases a job's log and artifacts.
///
/// # Errors
///
/// As [`cancel`]; 403 `Job is not erasable!` when it has not ended or is erased already.
pub async fn erase(app: &App, caller: Caller, key: ProjectKey, id: JobId) -> Result<Job> {
    let found = find(app, caller, key, id, Ability::ReadJobs).await?;
    let may = found.access.allows(&found.caller, Ability::EraseJob)
        || (found.access.allows(&found.caller, Ability::UpdatePipeline) && found.job.user_id == found.user);
    if !may {
        return Err(Error::forbidden());
    }
    let (id, now) = (found.job.id, app.clock.now());
    let (job, artifacts) = app
        .store
        .write(move |tx| {
            let mut job = ops::jobs::lock(tx, id)?.ok_or(Error::RecordNotFound)?;
            if !job.status.is_completed() || job.erased_at.is_some() {
                return Err(Error::Forbidden(Some("Job is not erasable!".to_owned())));
            }
            job.erased_at = Some(now);
            job.updated_at = now;
            ops::jobs::save(tx, &job)?;
            let artifacts: Vec<_> = ops::artifacts::of_jobs(tx, &[id])?.iter().map(|file| file.id).collect();
            ops::artifacts::delete(tx, &artifacts)?;
            ops::job_variables::delete(tx, id, JobVariablesKind::Dotenv)?;
            Ok((job, artifacts))
        })
        .await?;
    files::delete(app, &[id], &artifacts).await;
    Ok(job)
}

/// A job that the caller may do something to.
pub(super) struct Found {
    pub(super) job: Job,
    pub(super) access: ProjectAccess,
    caller: Caller,
    user: Option<UserId>,
}

pub(super) async fn find(app: &App, caller: Caller, key: ProjectKey, id: JobId, ability: Ability) -> Result<Found> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, ability)?;
            let job = ops::jobs::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            may_change(tx, &access, &caller, job.pipeline_id)?;
            let user = caller.user().map(|user| user.id);
            Ok(Found {
                job,
                access,
                caller: caller.clone(),
                user,
            })
        })
        .await
}

/// Refuses changes on protected refs to those who may not run pipelines there.
///
/// # Errors
///
/// 403; 404 when the pipeline is gone.
pub(crate) fn may_change(tx: &mut dyn Tx, access: &ProjectAccess, caller: &Caller, id: PipelineId) -> Result<()> {
    let pipeline = ops::pipelines::by_id(tx, id)?.ok_or(Error::RecordNotFound)?;
    let protected = ops::protected_refs::list(tx, access.project.id)?;
    let git_ref = &pipeline.git_ref;
    if access::may_run_on(
        &protected,
        &git_ref.name,
        git_ref.is_tag,
        access.role,
        caller.is_admin(),
    ) {
        return Ok(());
    }
    Err(Error::forbidden())
}

/// Does something to a current job and answers with the job that then stands in its place.
///
/// # Errors
///
/// [`Error::RecordNotFound`] when it was retried meanwhile; otherwise what `action` refuses.
async fn act<F>(app: &App, job: &Job, mut action: F) -> Result<Job>
where
    F: FnMut(&mut dyn Tx, &mut LockedPipeline, usize) -> Result<usize> + Send + 'static,
{
    let id = job.id;
    let done = settle::change(app, job.pipeline_id, move |tx, locked| {
        let index = locked.find(id).ok_or(Error::RecordNotFound)?;
        let index = action(tx, locked, index)?;
        Ok(locked.jobs[index].id)
    });
    let (id, settled) = done.await?.ok_or(Error::RecordNotFound)?;
    settled
        .jobs
        .into_iter()
        .find(|job| job.id == id)
        .ok_or(Error::RecordNotFound)
}
