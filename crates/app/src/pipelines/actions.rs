//! What people do to pipelines: cancel, retry, delete (rest-api.md 3.1).

use model::{JobId, Pipeline, PipelineId, Project};
use schedule::retry_pipeline;
use store::ops;

use crate::App;
use crate::access::Ability;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::jobs::{actions, files, given, settle};
use crate::lookup::{self, ProjectKey};

/// Cancels every job of a pipeline that can be, and its child pipelines.
///
/// # Errors
///
/// 404, 401 or 403 as project, role and ref say.
pub async fn cancel(app: &App, caller: Caller, key: ProjectKey, id: PipelineId) -> Result<(Project, Pipeline)> {
    let (project, pipeline) = find(app, caller, key, id).await?;
    let canceled = cancel_with_children(app, pipeline.id)
        .await?
        .ok_or(Error::RecordNotFound)?;
    Ok((project, canceled))
}

/// Cancels a pipeline and its child pipelines; `None` when it is gone.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(crate) async fn cancel_with_children(app: &App, id: PipelineId) -> Result<Option<Pipeline>> {
    let now = app.clock.now();
    let done = settle::change(app, id, move |tx, locked| Ok(locked.cancel_tree(tx, now)?));
    Ok(done.await?.map(|((), settled)| settled.pipeline))
}

/// Retries the failed and canceled jobs of a pipeline and decides the skipped ones anew.
///
/// # Errors
///
/// As [`cancel`].
pub async fn retry(app: &App, caller: Caller, key: ProjectKey, id: PipelineId) -> Result<(Project, Pipeline)> {
    let user = caller.user().map(|user| user.id);
    let (project, pipeline) = find(app, caller, key, id).await?;
    let now = app.clock.now();
    let keys = app.clone();
    let done = settle::change(app, pipeline.id, move |tx, locked| {
        let rerun = retry_pipeline(&locked.states());
        let old: Vec<JobId> = rerun.clones.iter().map(|clone| locked.jobs[clone.job].id).collect();
        locked.rerun(tx, &rerun, user, now)?;
        for (clone, old) in rerun.clones.iter().zip(old) {
            given::copy(&keys.keys, tx, old, locked.jobs[clone.job].id)?;
        }
        Ok(())
    });
    let ((), settled) = done.await?.ok_or(Error::RecordNotFound)?;
    Ok((project, settled.pipeline))
}

/// Deletes a pipeline with its jobs, logs and artifacts; running jobs are canceled before.
///
/// # Errors
///
/// As [`cancel`]; needs the Owner.
pub async fn delete(app: &App, caller: Caller, key: ProjectKey, id: PipelineId) -> Result<()> {
    let this = app.clone();
    let pipeline = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::DeletePipeline)?;
            ops::pipelines::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)
        })
        .await?;
    let (id, project) = (pipeline.id, pipeline.project_id);
    cancel_with_children(app, id).await?;
    let (jobs, artifacts, project) = app
        .store
        .write(move |tx| {
            let project = ops::projects::get(tx, project)?;
            let Some(pipeline) = ops::pipelines::lock(tx, id)? else {
                return Ok((Vec::new(), Vec::new(), project));
            };
            let artifacts = ops::artifacts::of_pipeline(tx, id)?
                .iter()
                .map(|file| file.id)
                .collect();
            let jobs = ops::jobs::ids_of_pipeline(tx, id)?;
            ops::pipelines::delete(tx, &pipeline)?;
            Ok::<_, Error>((jobs, artifacts, project))
        })
        .await?;
    files::delete(app, &jobs, &artifacts).await;
    match project.map(|project| app.repositories.open(&project)) {
        Some(Ok(repository)) => crate::blocking(move || Ok(repository.delete_pipeline_ref(id)?))
            .await
            .map(drop),
        Some(Err(git::Error::NoRepository { .. })) | None => Ok(()),
        Some(Err(error)) => Err(error.into()),
    }
}

async fn find(app: &App, caller: Caller, key: ProjectKey, id: PipelineId) -> Result<(Project, Pipeline)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::UpdatePipeline)?;
            let pipeline = ops::pipelines::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            actions::may_change(tx, &access, &caller, pipeline.id)?;
            Ok((access.project, pipeline))
        })
        .await
}
