//! What hooks were told: the log, saying it again, and trying a hook out.

use git::Repository;
use model::{Hook, HookDelivery, HookDeliveryId, HookId, HookKind, Project, Sha, UserId};
use store::ops;
use store::ops::deployments::DeploymentFilter;
use store::ops::hook_deliveries::NewDelivery;
use store::ops::jobs::{JobFilter, JobOf};
use store::ops::page::{Page, Sort};
use store::ops::pipelines::PipelineFilter;
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::hooks::dispatch::{self, KEPT};
use crate::hooks::happened::{self, Event, JobThen, PipelineThen};
use crate::hooks::secrets::Secrets;
use crate::hooks::{deliver, manage, payload};
use crate::lookup::ProjectKey;
use crate::{App, throttle};

/// Which deliveries to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// With this HTTP status.
    Code(i64),
    /// 200 to 399.
    Successful,
    /// 400 to 499.
    ClientFailure,
    /// 500 to 599.
    ServerFailure,
}

/// Lists what a hook was told in the last seven days, the newest first, and counts it.
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say; `404 Not found` for an unknown hook.
pub async fn list(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    id: HookId,
    status: Option<Status>,
    page: Page,
) -> Result<(Vec<HookDelivery>, i64)> {
    manage::find(app, caller, key, id).await?;
    let since = app.clock.now() - KEPT;
    let found = app.store.read(move |tx| {
        let of = |tx: &mut dyn store::Tx, range, page| ops::hook_deliveries::of_hook(tx, id, since, range, page);
        match status {
            None => of(tx, None, page),
            Some(Status::Code(code)) => of(tx, Some((code, code)), page),
            Some(Status::Successful) => of(tx, Some((200, 399)), page),
            Some(Status::ClientFailure) => of(tx, Some((400, 499)), page),
            Some(Status::ServerFailure) => of(tx, Some((500, 599)), page),
        }
    });
    Ok(found.await?)
}

/// Returns one delivery.
///
/// # Errors
///
/// As [`list`]; `404 Not found` for an unknown delivery.
pub async fn get(app: &App, caller: &Caller, key: ProjectKey, id: HookId, one: HookDeliveryId) -> Result<HookDelivery> {
    manage::find(app, caller, key, id).await?;
    let found = app.store.read(move |tx| ops::hook_deliveries::get(tx, id, one)).await?;
    found.ok_or(Error::RecordNotFound)
}

/// Says something again, with the same key; returns the HTTP status of the answer.
///
/// # Errors
///
/// As [`list`]; `404 Not found` for an unknown delivery; 422 when there was no answer.
pub async fn resend(app: &App, caller: &Caller, key: ProjectKey, id: HookId, old: HookDeliveryId) -> Result<u16> {
    let (project, hook) = manage::find(app, caller, key, id).await?;
    let user = caller.user().ok_or(Error::Unauthorized)?.id;
    throttle::hook_resend(app, project.id, user)?;
    let old = app.store.read(move |tx| ops::hook_deliveries::get(tx, id, old)).await?;
    let old = old.ok_or(Error::RecordNotFound)?;
    tell(app, hook, old).await
}

/// Tells a hook of something that could have happened: of the newest commit, pipeline or job.
///
/// # Errors
///
/// As [`list`]; 422 when there is nothing to tell, or the answer is no success.
pub async fn test(app: &App, caller: &Caller, key: ProjectKey, id: HookId, trigger: &str) -> Result<()> {
    let (project, hook) = manage::find(app, caller, key, id).await?;
    let user = caller.user().ok_or(Error::Unauthorized)?.id;
    throttle::hook_test(app, project.id, user)?;
    let kind = HookKind::ALL.into_iter().find(|kind| kind.flag() == trigger);
    let kind = kind.ok_or_else(|| unprocessable("Testing not available for this hook"))?;
    let event = sample(app, &project, kind, user).await?;
    let payload = payload::of(app, project.id, event).await?;
    let payload = payload.ok_or_else(|| unprocessable("Ensure the project has something to tell."))?;
    let delivery = HookDelivery {
        id: HookDeliveryId(0),
        hook_id: hook.id,
        trigger: kind.trigger().to_owned(),
        key: Uuid::new_v4().to_string(),
        event_key: Uuid::new_v4().to_string(),
        request: dispatch::body(&hook, &payload).map_err(|reason| unprocessable(&reason))?,
        attempts: 0,
        created_at: app.clock.now(),
        outcome: None,
        pipeline_id: payload.pipeline,
    };
    let status = tell(app, hook, delivery).await?;
    if (200..300).contains(&status) {
        return Ok(());
    }
    Err(unprocessable(&format!(
        "Hook executed successfully but returned HTTP {status}"
    )))
}

/// Makes one attempt at once and writes it into the log; only a success counts for the hook's health.
async fn tell(app: &App, hook: Hook, told: HookDelivery) -> Result<u16> {
    let now = app.clock.now();
    let secrets = Secrets::open(&app.keys, &hook)?;
    let chain = dispatch::chain_of(app, &told).await?;
    let attempt = deliver::attempt(app, &hook, &secrets, &told, &chain).await;
    let (status, problem) = (attempt.status, attempt.outcome.response_body.clone());
    let stored = told.clone();
    let id = app
        .store
        .write(move |tx| {
            let new = NewDelivery {
                hook_id: stored.hook_id,
                trigger: &stored.trigger,
                key: &stored.key,
                event_key: &stored.event_key,
                request: &stored.request,
                pipeline_id: stored.pipeline_id,
                created_at: now,
                next_attempt_at: None,
            };
            ops::hook_deliveries::insert(tx, &new)
        })
        .await?;
    // As many attempts as there can be: it is not repeated, and a failure is not one of the hook.
    let last = HookDelivery {
        id,
        attempts: i64::MAX,
        ..told
    };
    dispatch::note(app, &hook, &last, attempt).await?;
    status.ok_or_else(|| unprocessable(&problem))
}

async fn sample(app: &App, project: &Project, kind: HookKind, user: UserId) -> Result<Event> {
    match kind {
        HookKind::Push | HookKind::TagPush => {
            let (this, project) = (app.clone(), project.clone());
            crate::blocking(move || {
                let missing = || unprocessable("Ensure the project has at least one commit.");
                let repository = match this.repositories.open(&project) {
                    Ok(repository) => repository,
                    Err(git::Error::NoRepository { .. }) => return Err(missing()),
                    Err(error) => return Err(error.into()),
                };
                let branch = project.default_branch.as_deref().ok_or_else(missing)?;
                sample_push(&repository, branch, user)?.ok_or_else(missing)
            })
            .await
        }
        HookKind::Pipeline => {
            let id = project.id;
            let found = app.store.read(move |tx| {
                let found = ops::pipelines::list(tx, &PipelineFilter::new(id), Page::of(1, 1))?;
                let Some(pipeline) = found.into_iter().next() else {
                    return Ok(None);
                };
                let jobs = ops::jobs::current(tx, pipeline.id)?;
                Ok::<_, Error>(Some(Event::Pipeline(PipelineThen::new(&pipeline, &jobs))))
            });
            found
                .await?
                .ok_or_else(|| unprocessable("Ensure the project has CI pipelines."))
        }
        HookKind::Job => {
            let id = project.id;
            let found = app.store.read(move |tx| {
                let found = ops::jobs::list(tx, &JobFilter::new(JobOf::Project(id)), Page::of(1, 1))?;
                let Some(job) = found.into_iter().next() else {
                    return Ok(None);
                };
                let pipeline = ops::pipelines::by_id(tx, job.pipeline_id)?;
                let event = pipeline.map(|pipeline| Event::Job {
                    job: JobThen::from(&job),
                    pipeline: PipelineThen::new(&pipeline, []),
                });
                Ok::<_, Error>(event)
            });
            found
                .await?
                .ok_or_else(|| unprocessable("Ensure the project has CI jobs."))
        }
        HookKind::Deployment => {
            let (id, now) = (project.id, app.clock.now());
            let found = app.store.read(move |tx| {
                let filter = DeploymentFilter {
                    sort: Sort::Desc,
                    ..DeploymentFilter::new(id)
                };
                let found = ops::deployments::list(tx, &filter, Page::of(1, 1))?;
                Ok::<_, Error>(found.into_iter().next().map(|one| Event::Deployment {
                    id: one.id.0,
                    status: one.status,
                    at: now,
                }))
            });
            found
                .await?
                .ok_or_else(|| unprocessable("Ensure the project has deployments."))
        }
    }
}

/// A push of the newest commit of a branch.
fn sample_push(repository: &Repository, branch: &str, user: UserId) -> Result<Option<Event>> {
    let Some(entry) = repository.branch(branch)? else {
        return Ok(None);
    };
    let commit = repository.commit(&entry.target)?;
    let before = commit.and_then(|commit| commit.parents.into_iter().next());
    let git_ref = format!("refs/heads/{branch}");
    let before = before.unwrap_or_else(Sha::zero);
    Ok(Some(Event::Push(happened::push(
        &git_ref,
        &before,
        &entry.target,
        user,
        false,
    ))))
}

fn unprocessable(text: &str) -> Error {
    Error::Status {
        status: 422,
        message: text.to_owned(),
    }
}
