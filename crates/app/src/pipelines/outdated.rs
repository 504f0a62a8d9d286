//! What a newer pipeline on the same ref makes superfluous (`workflow:auto_cancel:on_new_commit`).

use model::{Pipeline, PipelineId, Project, Sha, Source};
use schedule::auto_cancel::{Candidate, MAX_CANDIDATES, OnNewer, is_outdated, on_new_commit};
use store::{StoreError, Tx, ops};

use crate::App;
use crate::error::Result;
use crate::jobs::settle;

/// Whether a new pipeline may make older ones superfluous: only the first one of its commit can.
///
/// The later ones need not look again, which keeps a burst of triggers from looking at each other.
///
/// # Errors
///
/// What the database said.
pub fn may_outdate(tx: &mut dyn Tx, project: &Project, newer: &Pipeline) -> Result<bool, StoreError> {
    if !project.settings.auto_cancel_pending || newer.source == Source::ParentPipeline {
        return Ok(false);
    }
    let previous = ops::pipelines::previous_sha(tx, newer)?;
    Ok(previous.is_some_and(|previous| previous != newer.sha))
}

/// Cancels older pipelines of the ref, or their interruptible jobs, as their own settings say.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn cancel_outdated(app: &App, project: &Project, newer: &Pipeline) -> Result<()> {
    let looked = newer.clone();
    let candidates = app.store.read(move |tx| candidates(tx, &looked)).await?;
    if candidates.is_empty() {
        return Ok(());
    }
    let head = head(app, project, newer)?;
    let newer = facts(newer);
    for candidate in candidates
        .iter()
        .filter(|older| is_outdated(facts(older), newer, head.as_ref()))
    {
        cancel(app, candidate.id).await?;
    }
    Ok(())
}

/// Pipelines of the ref that have not ended and are of another commit.
fn candidates(tx: &mut dyn Tx, newer: &Pipeline) -> Result<Vec<Pipeline>, StoreError> {
    let mut alive = ops::pipelines::alive_on_ref(tx, newer.project_id, &newer.git_ref, newer.iid)?;
    alive.retain(|older| older.sha != newer.sha);
    let surplus = alive.len().saturating_sub(MAX_CANDIDATES);
    Ok(alive.split_off(surplus))
}

fn head(app: &App, project: &Project, newer: &Pipeline) -> Result<Option<Sha>> {
    let repository = match app.repositories.open(project) {
        Ok(repository) => repository,
        Err(git::Error::NoRepository { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(match repository.resolve(&newer.git_ref.full_name())? {
        git::Resolution::Found(found) => Some(found.sha),
        git::Resolution::Ambiguous | git::Resolution::NotFound => None,
    })
}

const fn facts(pipeline: &Pipeline) -> Candidate<'_> {
    Candidate {
        id: pipeline.id,
        sha: &pipeline.sha,
        status: pipeline.status,
        created_at: pipeline.created_at,
    }
}

async fn cancel(app: &App, id: PipelineId) -> Result<()> {
    let now = app.clock.now();
    let canceled = settle::change(app, id, move |tx, locked| {
        match on_new_commit(locked.pipeline.on_new_commit, &locked.states()) {
            OnNewer::Keep => {}
            OnNewer::CancelAll => locked.cancel_all(tx, now)?,
            OnNewer::CancelJobs(jobs) => locked.cancel(tx, &jobs, now)?,
        }
        Ok(())
    });
    canceled.await.map(drop)
}
