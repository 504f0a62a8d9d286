//! What can be asked about jobs (rest-api.md 8): lists, one job, its log, its artifacts.

use std::collections::{HashMap, HashSet};

pub use blob::Reader;
use model::{Job, JobId, Pipeline, PipelineId, Project, Runner, RunnerManager, Sha, Status, User, UserId};
pub use store::ops::artifacts::Artifact;
use store::ops::jobs::{JobFilter, JobOf};
use store::ops::page::{Page, Sort};
use store::{Tx, ops};

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};

/// A job with everything that is shown beside it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The job.
    pub job: Job,
    /// Its project.
    pub project: Project,
    /// Its pipeline.
    pub pipeline: Pipeline,
    /// Whom it runs as.
    pub user: Option<User>,
    /// Its commit; `None` when it is not in the repository any more.
    pub commit: Option<git::Commit>,
    /// Its files.
    pub artifacts: Vec<Artifact>,
    /// Bytes of its log; `None` when there is none.
    pub trace_size: Option<u64>,
    /// Who runs or ran it.
    pub runner: Option<Runner>,
    /// Which process of the runner.
    pub manager: Option<RunnerManager>,
    /// The pipeline it started, with the path of its project, for a bridge.
    pub downstream: Option<(String, Pipeline)>,
    /// Why it started nothing, for a bridge.
    pub messages: Vec<String>,
}

/// Which jobs to list.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Of one pipeline, or of the whole project.
    pub pipeline: Option<PipelineId>,
    /// Only these statuses; empty = all.
    pub scope: Vec<Status>,
    /// Bridges instead of jobs.
    pub bridges: bool,
    /// Attempts that were retried too.
    pub include_retried: bool,
    /// Only ids below, for paging by key.
    pub id_before: Option<JobId>,
    /// Only ids above, for paging by key.
    pub id_after: Option<JobId>,
    /// By id.
    pub sort: Sort,
}

/// Lists a page of jobs and counts all of them (up to a bound).
///
/// # Errors
///
/// 401 without login, 404 or 403 as project and role say; `404 Not found` for a pipeline of another project.
pub async fn list(app: &App, caller: Caller, key: ProjectKey, wanted: Wanted, page: Page) -> Result<(Vec<Shown>, i64)> {
    let this = app.clone();
    let (access, jobs, total) = app
        .store
        .read(move |tx| {
            let access = readable(&this, tx, &caller, &key)?;
            let of = match wanted.pipeline {
                Some(id) => {
                    ops::pipelines::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
                    JobOf::Pipeline(id)
                }
                None => JobOf::Project(access.project.id),
            };
            let filter = JobFilter {
                scope: &wanted.scope,
                bridges: Some(wanted.bridges),
                include_retried: wanted.include_retried,
                id_before: wanted.id_before,
                id_after: wanted.id_after,
                sort: wanted.sort,
                ..JobFilter::new(of)
            };
            let jobs = ops::jobs::list(tx, &filter, page)?;
            let total = ops::jobs::count(tx, &filter)?;
            Ok::<_, Error>((access, jobs, total))
        })
        .await?;
    Ok((show(app, access.project, jobs).await?, total))
}

/// Returns a job.
///
/// # Errors
///
/// As [`list`]; `404 Not found` for an id that is not of this project.
pub async fn get(app: &App, caller: Caller, key: ProjectKey, id: JobId) -> Result<Shown> {
    let (project, job) = find(app, caller, key, id).await?;
    one(app, project, job).await
}

/// Gathers what is shown beside a job.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn one(app: &App, project: Project, job: Job) -> Result<Shown> {
    let shown = show(app, project, vec![job]).await?;
    shown.into_iter().next().ok_or(Error::RecordNotFound)
}

/// Opens a job's log; `None` when there is none.
///
/// # Errors
///
/// As [`get`].
pub async fn trace(app: &App, caller: Caller, key: ProjectKey, id: JobId) -> Result<Option<Reader>> {
    let (_, job) = find(app, caller, key, id).await?;
    app.blobs
        .traces
        .read(job.id, 0..u64::MAX)
        .await
        .map_err(Error::internal)
}

async fn find(app: &App, caller: Caller, key: ProjectKey, id: JobId) -> Result<(Project, Job)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = readable(&this, tx, &caller, &key)?;
            let job = ops::jobs::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            Ok((access.project, job))
        })
        .await
}

/// Finds a project whose jobs the caller may read.
pub(super) fn readable(app: &App, tx: &mut dyn Tx, caller: &Caller, key: &ProjectKey) -> Result<ProjectAccess> {
    lookup::project_for(app, tx, caller, key, Ability::ReadJobs)
}

/// Gathers what is shown beside jobs, each thing once.
pub(crate) async fn show(app: &App, project: Project, jobs: Vec<Job>) -> Result<Vec<Shown>> {
    let asked = jobs.clone();
    let around = app.store.read(move |tx| Around::of(tx, &asked)).await?;
    let commits = commits(app, &project, &around.pipelines).await?;
    let mut shown = Vec::with_capacity(jobs.len());
    for job in jobs {
        let Some(pipeline) = around.pipelines.get(&job.pipeline_id) else {
            continue;
        };
        shown.push(Shown {
            project: project.clone(),
            user: job.user_id.and_then(|id| around.users.get(&id).cloned()),
            commit: commits.get(&pipeline.sha).cloned(),
            artifacts: around
                .artifacts
                .iter()
                .filter(|artifact| artifact.file.job_id == job.id)
                .cloned()
                .collect(),
            trace_size: app.blobs.traces.size(job.id).await.map_err(Error::internal)?,
            runner: job
                .runner_id
                .and_then(|id| around.runners.iter().find(|runner| runner.id == id).cloned()),
            manager: job
                .runner_manager_id
                .and_then(|id| around.managers.iter().find(|one| one.id == id).cloned()),
            downstream: around.downstream.get(&job.id).cloned(),
            messages: around.messages.get(&job.id).cloned().unwrap_or_default(),
            pipeline: pipeline.clone(),
            job,
        });
    }
    Ok(shown)
}

/// What the database knows around jobs.
struct Around {
    pipelines: HashMap<PipelineId, Pipeline>,
    users: HashMap<UserId, User>,
    artifacts: Vec<Artifact>,
    runners: Vec<Runner>,
    managers: Vec<RunnerManager>,
    downstream: HashMap<JobId, (String, Pipeline)>,
    messages: HashMap<JobId, Vec<String>>,
}

impl Around {
    fn of(tx: &mut dyn Tx, jobs: &[Job]) -> Result<Around> {
        let pipelines: Vec<_> = unique(jobs.iter().map(|job| job.pipeline_id));
        let users: Vec<_> = unique(jobs.iter().filter_map(|job| job.user_id));
        let runners: Vec<_> = unique(jobs.iter().filter_map(|job| job.runner_id));
        let managers: Vec<_> = unique(jobs.iter().filter_map(|job| job.runner_manager_id));
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let mut found = Vec::with_capacity(runners.len());
        for id in runners {
            found.extend(ops::runners::get(tx, id)?);
        }
        let bridges = jobs.iter().filter(|job| job.is_bridge);
        let downstream = downstream(tx, unique(bridges.map(|job| job.pipeline_id)))?;
        Ok(Around {
            pipelines: ops::pipelines::get_many(tx, &pipelines)?
                .into_iter()
                .map(|one| (one.id, one))
                .collect(),
            users: ops::users::get_many(tx, &users)?
                .into_iter()
                .map(|one| (one.id, one))
                .collect(),
            artifacts: ops::artifacts::of_jobs(tx, &ids)?,
            runners: found,
            managers: ops::runners::managers_by_id(tx, &managers)?,
            downstream,
            messages: messages(tx, jobs)?.into_iter().collect(),
        })
    }
}

/// Why failed bridges among these started nothing.
pub(crate) fn messages(tx: &mut dyn Tx, jobs: &[Job]) -> Result<Vec<(JobId, Vec<String>)>> {
    let failed = jobs.iter().filter(|job| job.is_bridge && job.status == Status::Failed);
    let failed: Vec<JobId> = failed.map(|job| job.id).collect();
    if failed.is_empty() {
        return Ok(Vec::new());
    }
    Ok(ops::bridges::messages(tx, &failed)?)
}

fn downstream(tx: &mut dyn Tx, upstream: Vec<PipelineId>) -> Result<HashMap<JobId, (String, Pipeline)>> {
    let mut found = HashMap::new();
    for id in upstream {
        for pipeline in ops::pipelines::downstream(tx, id)? {
            let Some(job) = pipeline.upstream_job_id else { continue };
            let project = ops::projects::get(tx, pipeline.project_id)?;
            found.insert(
                job,
                (project.map(|project| project.full_path).unwrap_or_default(), pipeline),
            );
        }
    }
    Ok(found)
}

async fn commits(
    app: &App,
    project: &Project,
    pipelines: &HashMap<PipelineId, Pipeline>,
) -> Result<HashMap<Sha, git::Commit>> {
    let wanted: HashSet<Sha> = pipelines.values().map(|pipeline| pipeline.sha.clone()).collect();
    let repository = match app.repositories.open(project) {
        Ok(repository) => repository,
        Err(git::Error::NoRepository { .. }) => return Ok(HashMap::new()),
        Err(error) => return Err(error.into()),
    };
    crate::blocking(move || {
        let mut found = HashMap::new();
        for sha in wanted {
            if let Some(commit) = repository.commit(&sha)? {
                found.insert(sha, commit);
            }
        }
        Ok(found)
    })
    .await
}

fn unique<T: Copy + Eq + std::hash::Hash>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(*item)).collect()
}
