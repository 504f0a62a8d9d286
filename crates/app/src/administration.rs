//! What administrators look at: what waits for a runner, and what takes the disk.

use model::{Job, JobId, Project};
use store::ops;
use store::ops::jobs::{JobFilter, JobOf};
use store::ops::page::Page;
use store::ops::projects::{ProjectFilter, Viewer};

use crate::App;
use crate::access_tokens::require_admin;
use crate::caller::Caller;
use crate::error::{Error, Result};

/// The newest jobs of a project whose logs are counted: each is a file to look at.
pub const MOST_LOGS: i64 = 5_000;

/// A job that waits for a runner.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The job.
    pub job: Job,
    /// Its project.
    pub project: Project,
}

/// Lists jobs that wait for a runner, the oldest first: at most `most`, and whether there are more.
///
/// # Errors
///
/// 401 or 403 for others than administrators.
pub async fn queue(app: &App, caller: &Caller, after: JobId, most: i64) -> Result<(Vec<Waiting>, bool)> {
    require_admin(caller)?;
    let found = app.store.read(move |tx| {
        let jobs = ops::queue::waiting(tx, after, most + 1)?;
        let mut ids: Vec<_> = jobs.iter().map(|job| job.project_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let projects = ops::projects::get_many(tx, &ids)?;
        Ok::<_, Error>((jobs, projects))
    });
    let (mut jobs, projects) = found.await?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let has_more = jobs.len() > most;
    jobs.truncate(most);
    let waiting = |job: Job| {
        let project = projects.iter().find(|project| project.id == job.project_id)?.clone();
        Some(Waiting { job, project })
    };
    Ok((jobs.into_iter().filter_map(waiting).collect(), has_more))
}

/// What a project takes, in bytes.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The project.
    pub project: Project,
    /// Its repository.
    pub repository: u64,
    /// Artifacts of its jobs.
    pub artifacts: u64,
    /// Logs of its jobs.
    pub logs: u64,
    /// Whether only those of its newest jobs were counted.
    pub has_more_logs: bool,
}

/// Lists what projects take, in the order of their names.
///
/// # Errors
///
/// 401 or 403 for others than administrators.
pub async fn storage(app: &App, caller: &Caller, page: Page) -> Result<Vec<Taken>> {
    let viewer = Viewer::Admin(require_admin(caller)?.id);
    let now = app.clock.now();
    let found = app.store.read(move |tx| {
        let all = ProjectFilter::new(viewer, now);
        let projects = ops::projects::list(tx, &all, page)?;
        let mut all = Vec::with_capacity(projects.len());
        for project in projects {
            let artifacts = ops::artifacts::size_of_project(tx, project.id)?;
            let newest = JobFilter::new(JobOf::Project(project.id));
            let jobs = ops::jobs::list_ids(tx, &newest, Page::of(1, MOST_LOGS))?;
            all.push((project, artifacts, jobs));
        }
        Ok::<_, Error>(all)
    });
    let mut taken = Vec::new();
    for (project, artifacts, jobs) in found.await? {
        let (this, id) = (app.clone(), project.id);
        let has_more_logs = i64::try_from(jobs.len()).unwrap_or(MOST_LOGS) >= MOST_LOGS;
        taken.push(Taken {
            repository: crate::blocking(move || Ok(this.repositories.size(id))).await?,
            artifacts: u64::try_from(artifacts).unwrap_or(0),
            logs: app.blobs.traces.total(jobs).await.map_err(Error::internal)?,
            has_more_logs,
            project,
        });
    }
    Ok(taken)
}
