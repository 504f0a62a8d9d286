//! Artifacts as people use them (rest-api.md 9): which are there, download, keep, delete, expire.

use model::{AccessLevel, Job, JobId, PipelineId, Project, ProjectId, Status, Timestamp};
use store::ops::artifacts::{self, Artifact};
use store::ops::page::Page;
use store::ops::pipelines::PipelineFilter;
use store::{Tx, ops};
use tracing::info;

pub use crate::jobs::archive_entry::{Entry, Item};

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::jobs::read::{self, Reader, Shown};
use crate::jobs::{actions, archive_entry, files};
use crate::lookup::{self, ProjectKey};

/// Files deleted in one step of the sweep.
const BATCH: i64 = 200;

/// Pipelines below one another that are searched for a job's archive: children of the same project.
const CHILDREN: usize = 20;

/// Which archive a caller wants.
#[derive(Clone, Debug)]
pub enum Which {
    /// Of a job.
    Of(JobId),
    /// Of the job with this name in the latest pipeline of a branch or tag that ended well.
    Latest {
        /// Branch or tag.
        git_ref: String,
        /// Name of the job.
        job: String,
    },
}

/// Whether an artifact can still be had: it has not expired, or it is one of those that its project keeps.
///
/// # Errors
///
/// What the database said.
pub fn is_available(tx: &mut dyn Tx, artifact: &Artifact, now: Timestamp) -> Result<bool> {
    if artifact.file.expire_at.is_none_or(|end| now < end) {
        return Ok(true);
    }
    let project = ops::projects::get(tx, artifact.file.project_id)?;
    let keeps = project.is_some_and(|project| project.settings.keep_latest_artifact);
    Ok(keeps && artifacts::is_of_latest(tx, artifact.file.job_id)?)
}

/// Returns an archive and a reader of it.
///
/// # Errors
///
/// As [`read::get`]; `404 Not found` for a name or ref that has none, `404 Not Found` when it is gone; 403 when the
/// job's configuration keeps it from the caller.
pub async fn archive(app: &App, caller: Caller, key: ProjectKey, which: Which) -> Result<(Artifact, Reader)> {
    let artifact = find(app, caller, key, which).await?;
    let reader = crate::runners::artifacts::open(app, &artifact).await?;
    Ok((artifact, reader))
}

/// Opens one file of an archive.
///
/// # Errors
///
/// As [`archive`]; `400 Bad request` for a path that cannot be in one, `404 Not Found` for one that is not.
pub async fn entry(app: &App, caller: Caller, key: ProjectKey, which: Which, path: String) -> Result<Entry> {
    let artifact = find(app, caller, key, which).await?;
    archive_entry::open(app, artifact.id, path).await
}

/// A folder of an archive.
#[derive(Debug)]
pub struct Folder {
    /// The project and the caller's role in it.
    pub access: ProjectAccess,
    /// The job.
    pub job: Job,
    /// What lies directly in it, folders first.
    pub items: Vec<Item>,
    /// Whether there are more.
    pub has_more: bool,
}

/// Most files and folders of a folder that are listed.
const MOST_ITEMS: usize = 1_000;

/// Lists a folder of a job's archive; the empty path is the archive itself.
///
/// # Errors
///
/// As [`archive`]; `404 Not Found` for a folder that is not in it.
pub async fn folder(app: &App, caller: Caller, key: ProjectKey, id: JobId, path: String) -> Result<Folder> {
    let (this, asker, wanted) = (app.clone(), caller.clone(), key.clone());
    let (access, job) = app
        .store
        .read(move |tx| {
            let access = read::readable(&this, tx, &asker, &wanted)?;
            let job = ops::jobs::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            Ok::<_, Error>((access, job))
        })
        .await?;
    let artifact = find(app, caller, key, Which::Of(id)).await?;
    let (items, has_more) = archive_entry::list(app, artifact.id, path, MOST_ITEMS).await?;
    Ok(Folder {
        access,
        job,
        items,
        has_more,
    })
}

async fn find(app: &App, caller: Caller, key: ProjectKey, which: Which) -> Result<Artifact> {
    let (this, now) = (app.clone(), app.clock.now());
    app.store
        .read(move |tx| {
            let access = read::readable(&this, tx, &caller, &key)?;
            let job = match &which {
                Which::Of(id) => ops::jobs::get(tx, access.project.id, *id)?,
                Which::Latest { git_ref, job } => latest(tx, access.project.id, git_ref, job)?,
            };
            let job = job.ok_or(Error::RecordNotFound)?;
            let archive = artifacts::get(tx, job.id, "archive")?.ok_or(Error::NotFoundPlain)?;
            may_read(&access, &caller, &archive)?;
            if is_available(tx, &archive, now)? {
                Ok(archive)
            } else {
                Err(Error::NotFoundPlain)
            }
        })
        .await
}

/// `artifacts:access`: who may read them besides seeing the job.
fn may_read(access: &ProjectAccess, caller: &Caller, archive: &Artifact) -> Result<()> {
    let least = match archive.file.access.as_deref() {
        None | Some("all") => return Ok(()),
        Some("none") => return Err(Error::forbidden()),
        Some("maintainer") => AccessLevel::Maintainer,
        Some(_) => AccessLevel::Developer,
    };
    if access.role >= least || caller.is_admin() {
        Ok(())
    } else {
        Err(Error::forbidden())
    }
}

/// The job of that name with an archive in the latest pipeline of a ref that ended well, or in a child pipeline of it.
fn latest(tx: &mut dyn Tx, project: ProjectId, git_ref: &str, name: &str) -> Result<Option<Job>> {
    let filter = PipelineFilter {
        status: Some(Status::Success),
        ref_name: Some(git_ref),
        ..PipelineFilter::new(project)
    };
    let found = ops::pipelines::list(tx, &filter, Page::of(1, 1))?;
    let mut pipelines: Vec<PipelineId> = found.iter().map(|pipeline| pipeline.id).collect();
    let mut next = 0;
    while let Some(id) = pipelines.get(next).copied() {
        next += 1;
        for job in ops::jobs::current(tx, id)? {
            if job.name == name && artifacts::get(tx, job.id, "archive")?.is_some() {
                return Ok(Some(job));
            }
        }
        let below = ops::pipelines::downstream(tx, id)?;
        let own = below.iter().filter(|one| one.project_id == project).map(|one| one.id);
        pipelines.extend(own.take(CHILDREN.saturating_sub(pipelines.len())));
    }
    Ok(None)
}

/// Keeps a job's artifacts for ever.
///
/// # Errors
///
/// As for other changes of a job; `404 Not Found` when it has none.
pub async fn keep(app: &App, caller: Caller, key: ProjectKey, id: JobId) -> Result<Shown> {
    let found = actions::find(app, caller, key, id, Ability::UpdatePipeline).await?;
    let kept = app.store.write(move |tx| artifacts::keep(tx, id)).await?;
    if !kept {
        return Err(Error::NotFoundPlain);
    }
    read::one(app, found.access.project, found.job).await
}

/// Deletes all artifacts of a job; its log stays.
///
/// # Errors
///
/// As for other changes of a job.
pub async fn delete(app: &App, caller: Caller, key: ProjectKey, id: JobId) -> Result<()> {
    let found = actions::find(app, caller, key, id, Ability::EraseJob).await?;
    let deleted = app
        .store
        .write(move |tx| {
            let all = artifacts::of_jobs(tx, &[found.job.id])?;
            let ids: Vec<_> = all.iter().map(|artifact| artifact.id).collect();
            artifacts::delete(tx, &ids)?;
            Ok::<_, Error>(ids)
        })
        .await?;
    files::delete(app, &[], &deleted).await;
    Ok(())
}

/// Lets all artifacts of a project expire; those that it keeps stay until it no longer does.
///
/// # Errors
///
/// 404, 401 or 403 as roles say.
pub async fn expire_all(app: &App, caller: Caller, key: ProjectKey) -> Result<()> {
    let (this, now) = (app.clone(), app.clock.now());
    let project: Project = app
        .store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::EraseJob)?;
            artifacts::expire_of_project(tx, access.project.id, now)?;
            Ok::<_, Error>(access.project)
        })
        .await?;
    info!(project.id = %project.id, "all artifacts of project {} expire", project.full_path);
    Ok(())
}

/// Deletes what has expired, as far as projects do not keep it.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn sweep(app: &App) -> Result<()> {
    let now = app.clock.now();
    loop {
        let deleted = app
            .store
            .write(move |tx| {
                let ids: Vec<_> = artifacts::expired(tx, now, BATCH)?.iter().map(|one| one.id).collect();
                artifacts::delete(tx, &ids)?;
                Ok::<_, Error>(ids)
            })
            .await?;
        files::delete(app, &[], &deleted).await;
        if i64::try_from(deleted.len()).unwrap_or(BATCH) < BATCH {
            return Ok(());
        }
        info!("deleted {} expired artifacts", deleted.len());
    }
}
