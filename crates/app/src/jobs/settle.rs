//! One fact about a pipeline from lock to commit, and what it sets off elsewhere.

use std::collections::VecDeque;

use model::{JobEvent, PipelineId, ProjectId};
use store::{StoreError, Tx, ops};

use crate::error::{Error, Result};
use crate::jobs::locked::{LockedPipeline, Settled};
use crate::jobs::resources;
use crate::{App, bridges, environments};

/// Locks a pipeline, lets `fact` happen to it, decides and stores what follows; `None` when there is no such pipeline.
///
/// Then looks after everything that the change sets off: resource groups, bridges. When the server
/// dies in between, the sweep finds what is left ([`sweep`](crate::jobs::sweep)).
///
/// # Errors
///
/// What `fact` refused, and then nothing has changed; otherwise only what is wrong with the server.
pub async fn change<T, F>(app: &App, pipeline: PipelineId, fact: F) -> Result<Option<(T, Settled)>>
where
    F: FnMut(&mut dyn Tx, &mut LockedPipeline) -> Result<T> + Send + 'static,
    T: Send + 'static,
{
    let Some((answer, settled)) = once(app, pipeline, fact).await? else {
        return Ok(None);
    };
    let settled = follow_up(app, settled).await?;
    Ok(Some((answer, settled)))
}

/// As [`change`], without what it sets off.
pub(crate) async fn once<T, F>(app: &App, pipeline: PipelineId, mut fact: F) -> Result<Option<(T, Settled)>>
where
    F: FnMut(&mut dyn Tx, &mut LockedPipeline) -> Result<T> + Send + 'static,
    T: Send + 'static,
{
    let now = app.clock.now();
    app.store
        .write(move |tx| {
            let Some(mut locked) = LockedPipeline::lock(tx, pipeline)? else {
                return Ok(None);
            };
            let answer = fact(tx, &mut locked)?;
            Ok::<_, Error>(Some((answer, locked.settle(tx, now)?)))
        })
        .await
}

/// Does what a stored change sets off; returns the pipeline as it is afterwards.
///
/// Bridges are only noted: whoever reported the fact does not wait until their pipelines are made.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn follow_up(app: &App, settled: Settled) -> Result<Settled> {
    let id = settled.pipeline.id;
    let mut latest = settled.clone();
    let mut open = VecDeque::from([settled]);
    while let Some(settled) = open.pop_front() {
        for key in &settled.resource_groups {
            open.extend(assign_resource(app, settled.pipeline.project_id, key.clone()).await?);
        }
        for job in &settled.environment_updates {
            environments::update::try_apply(app, *job).await;
        }
        for bridge in &settled.bridges {
            app.bridges.add(*bridge);
        }
        if settled.status_changed || settled.taken_up {
            open.extend(bridges::follow::after(app, &settled.pipeline, settled.taken_up).await?);
            open.extend(bridges::follow::mirrors(app, settled.pipeline.id, settled.taken_up).await?);
        }
        open.extend(settled.children.iter().cloned());
        if settled.pipeline.id == id {
            latest = settled;
        }
    }
    Ok(latest)
}

/// Looks after what a pipeline sets off without any new fact: right after its creation, or when a server
/// died before it could. `None` when there is no such pipeline.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn look(app: &App, pipeline: PipelineId) -> Result<Option<Settled>> {
    Ok(change(app, pipeline, |_, _| Ok(())).await?.map(|((), settled)| settled))
}

/// Gives a free resource to the next job of its group, which may be in another pipeline.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn assign_resource(app: &App, project: ProjectId, key: String) -> Result<Option<Settled>> {
    let looked = key.clone();
    let (next, is_known) = app
        .store
        .read(move |tx| {
            let is_known = ops::resource_groups::get(tx, project, &looked)?.is_some();
            Ok::<_, StoreError>((resources::next(tx, project, &looked)?, is_known))
        })
        .await?;
    let now = app.clock.now();
    if !is_known {
        let new = key.clone();
        app.store
            .write(move |tx| ops::resource_groups::ensure(tx, project, &new, now))
            .await?;
    }
    let Some((_, pipeline)) = next else { return Ok(None) };
    let assigned = once(app, pipeline, move |tx, locked| {
        // Somebody else may have been faster: decide anew under the lock.
        let Some((job, _)) = resources::lock_next(tx, project, &key)? else {
            return Ok(());
        };
        if let Some(index) = locked.find(job) {
            locked
                .happen(index, JobEvent::ResourceAssigned, now)
                .map_err(Error::internal)?;
        }
        Ok(())
    });
    Ok(assigned.await?.map(|((), settled)| settled))
}
