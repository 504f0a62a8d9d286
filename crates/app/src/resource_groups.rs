//! Resource groups as people see them: list, look who has the resource and who comes next, change the order.

use std::cmp::Reverse;

use model::resource::ResourceGroup;
use model::{Job, ProcessMode, Project, Status};
use store::ops::page::Page;
use store::{Tx, ops};

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::jobs::read::{self, Shown};
use crate::jobs::{resources, settle};
use crate::lookup::{self, ProjectKey};

/// Lists a page of a project's groups and counts all of them.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn list(app: &App, caller: Caller, key: ProjectKey, page: Page) -> Result<(Vec<ResourceGroup>, i64)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = require(&this, tx, &caller, &key)?;
            let found = ops::resource_groups::list(tx, access.project.id, page)?;
            Ok((found, ops::resource_groups::count(tx, access.project.id)?))
        })
        .await
}

/// Returns a group.
///
/// # Errors
///
/// As [`list`]; `404 Not found`.
pub async fn get(app: &App, caller: Caller, key: ProjectKey, name: String) -> Result<ResourceGroup> {
    let this = app.clone();
    app.store
        .read(move |tx| find(&this, tx, &caller, &key, &name).map(|(_, group)| group))
        .await
}

/// Changes the order of a group; a free resource is given away by the new one at once.
///
/// # Errors
///
/// As [`get`].
pub async fn update(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    name: String,
    mode: ProcessMode,
) -> Result<ResourceGroup> {
    let this = app.clone();
    let changed = app
        .store
        .write(move |tx| {
            let (access, group) = find(&this, tx, &caller, &key, &name)?;
            ops::resource_groups::set_mode(tx, access.project.id, &group.key, mode, this.clock.now())?;
            find(&this, tx, &caller, &key, &name).map(|(_, group)| group)
        })
        .await?;
    if let Some(settled) = settle::assign_resource(app, changed.project_id, changed.key.clone()).await? {
        settle::follow_up(app, settled).await?;
    }
    Ok(changed)
}

/// Returns the job that has the resource, if one has.
///
/// # Errors
///
/// As [`get`].
pub async fn current_job(app: &App, caller: Caller, key: ProjectKey, name: String) -> Result<Option<Shown>> {
    let (project, _, jobs) = jobs(app, caller, key, name).await?;
    match jobs.into_iter().find(|job| resources::holds(job.status)) {
        Some(job) => read::one(app, project, job).await.map(Some),
        None => Ok(None),
    }
}

/// Returns the jobs that get the resource, the next one first, and their number.
///
/// # Errors
///
/// As [`get`].
pub async fn upcoming_jobs(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    name: String,
    page: Page,
) -> Result<(Vec<Shown>, i64)> {
    let (project, mode, jobs) = jobs(app, caller, key, name).await?;
    let upcoming = in_order(mode, jobs);
    let total = i64::try_from(upcoming.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
    let take = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut shown = Vec::new();
    for job in upcoming.into_iter().skip(skip).take(take) {
        shown.push(read::one(app, project.clone(), job).await?);
    }
    Ok((shown, total))
}

/// The jobs that wait for the resource, or will, in the order of the mode.
fn in_order(mode: ProcessMode, jobs: Vec<Job>) -> Vec<Job> {
    let waits = |job: &Job| job.status == Status::WaitingForResource;
    let comes = |job: &Job| waits(job) || matches!(job.status, Status::Created | Status::Scheduled);
    let ready_only = matches!(mode, ProcessMode::Unordered | ProcessMode::NewestReadyFirst);
    let mut upcoming: Vec<Job> = jobs
        .into_iter()
        .filter(|job| if ready_only { waits(job) } else { comes(job) })
        .collect();
    match mode {
        ProcessMode::Unordered => upcoming.sort_by_key(|job| job.id),
        ProcessMode::OldestFirst => upcoming.sort_by_key(|job| (job.pipeline_id, !waits(job), job.id)),
        ProcessMode::NewestFirst | ProcessMode::NewestReadyFirst => {
            upcoming.sort_by_key(|job| (Reverse(job.pipeline_id), !waits(job), job.id));
        }
    }
    upcoming
}

async fn jobs(app: &App, caller: Caller, key: ProjectKey, name: String) -> Result<(Project, ProcessMode, Vec<Job>)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let (access, group) = find(&this, tx, &caller, &key, &name)?;
            let members = ops::jobs::of_resource_group(tx, access.project.id, &group.key)?;
            let ids: Vec<_> = members.iter().map(|member| member.id).collect();
            Ok((access.project, group.process_mode, ops::jobs::get_many(tx, &ids)?))
        })
        .await
}

fn find(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    key: &ProjectKey,
    name: &str,
) -> Result<(ProjectAccess, ResourceGroup)> {
    let access = require(app, tx, caller, key)?;
    let group = ops::resource_groups::get(tx, access.project.id, name)?.ok_or(Error::RecordNotFound)?;
    Ok((access, group))
}

fn require(app: &App, tx: &mut dyn Tx, caller: &Caller, key: &ProjectKey) -> Result<ProjectAccess> {
    lookup::project_for(app, tx, caller, key, Ability::UpdatePipeline)
}
