//! One pipeline with everything that is shown around it.

use std::collections::HashSet;

use model::definition::GivenVariable;
use model::{AccessLevel, Job, JobId, Pipeline, PipelineId, TriggerToken, User};
use store::ops::jobs::{JobFilter, JobOf};
use store::ops::page::Page;
use store::{Tx, ops};

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::jobs;
use crate::lookup::{self, ProjectKey};
use crate::pipelines::{given, listing};

/// Bytes of a failed job's log that are read for its last lines.
const TAIL_BYTES: u64 = 8 << 10;

/// Most failed jobs whose last lines are read.
const MOST_TAILS: usize = 5;

/// A pipeline and what is around it.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The project and the caller's role in it.
    pub access: ProjectAccess,
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Whom it runs as.
    pub user: Option<User>,
    /// The trigger token that started it, while it exists.
    pub token: Option<TriggerToken>,
    /// The newest attempt of each job, by id.
    pub jobs: Vec<Job>,
    /// The pipeline whose job started this one.
    pub upstream: Option<Linked>,
    /// The pipelines that jobs of this one started, each with that job.
    pub downstream: Vec<(Option<JobId>, Linked)>,
    /// The first line of the commit's message.
    pub title: Option<String>,
    /// What was given.
    pub given: Given,
    /// The ends of the logs of failed jobs; of bridges, why they started nothing.
    pub tails: Vec<(JobId, Vec<u8>)>,
}

/// A pipeline next to another one.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Path of its project; `None` when the caller may not see it.
    pub project: Option<String>,
}

/// What a pipeline was given.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Names of variables, each with its value for those who may read it.
    pub variables: Vec<(String, Option<String>)>,
    /// Inputs as JSON text of an object; for those who may read values.
    pub inputs: Option<String>,
    /// Whether values may be read.
    pub may_read: bool,
}

/// Returns a pipeline with everything around it.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn overview(app: &App, caller: Caller, key: ProjectKey, id: PipelineId) -> Result<Overview> {
    let this = app.clone();
    let mut overview = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadPipelines)?;
            let pipeline = ops::pipelines::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            let jobs = ops::jobs::current(tx, pipeline.id)?;
            let messages = jobs::read::messages(tx, &jobs)?;
            Ok::<_, Error>(Overview {
                user: match pipeline.user_id {
                    Some(id) => ops::users::get(tx, id)?,
                    None => None,
                },
                token: match pipeline.trigger_token_id {
                    Some(id) => ops::trigger_tokens::by_id(tx, id)?,
                    None => None,
                },
                jobs,
                upstream: match pipeline.upstream_pipeline_id {
                    Some(id) => match ops::pipelines::by_id(tx, id)? {
                        Some(upstream) => Some(linked(&this, tx, &caller, upstream)?),
                        None => None,
                    },
                    None => None,
                },
                downstream: {
                    let mut all = Vec::new();
                    for one in ops::pipelines::downstream(tx, pipeline.id)? {
                        all.push((one.upstream_job_id, linked(&this, tx, &caller, one)?));
                    }
                    all
                },
                given: read_given(&this, tx, &caller, &access, &pipeline)?,
                title: None,
                tails: messages
                    .into_iter()
                    .map(|(bridge, messages)| (bridge, messages.join("\n").into_bytes()))
                    .collect(),
                access,
                pipeline,
            })
        })
        .await?;
    let sha = HashSet::from([overview.pipeline.sha.clone()]);
    let mut titles = listing::titles(app, &overview.access.project, sha).await?;
    overview.title = titles.remove(&overview.pipeline.sha);
    overview.tails.extend(tails(app, &overview.jobs).await?);
    Ok(overview)
}

/// Returns the pipeline's earlier attempts at its jobs, newest first.
///
/// # Errors
///
/// Only what the database said.
pub(crate) fn attempts(tx: &mut dyn Tx, job: &Job) -> Result<Vec<Job>> {
    let filter = JobFilter {
        bridges: Some(job.is_bridge),
        ..JobFilter::new(JobOf::Pipeline(job.pipeline_id))
    };
    let all = ops::jobs::list(tx, &filter, Page::all())?;
    Ok(all
        .into_iter()
        .filter(|other| other.name == job.name && other.id != job.id)
        .collect())
}

/// Returns what a pipeline was given, as far as the caller may know.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(crate) fn read_given(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    access: &ProjectAccess,
    pipeline: &Pipeline,
) -> Result<Given> {
    let started_it = caller.user().is_some_and(|user| Some(user.id) == pipeline.user_id);
    let may_read =
        (started_it && access.role >= AccessLevel::Developer) || access.allows(caller, Ability::ReadPipelineVariables);
    let sealed = ops::pipelines::given(tx, pipeline.id)?;
    let variables = given::open(
        &app.keys,
        pipeline.project_id,
        pipeline.created_at,
        sealed.variables.as_deref(),
    )?;
    let shown = |variable: GivenVariable| (variable.key, may_read.then_some(variable.value));
    Ok(Given {
        variables: variables.into_iter().map(shown).collect(),
        inputs: sealed.inputs.filter(|_| may_read),
        may_read,
    })
}

fn linked(app: &App, tx: &mut dyn Tx, caller: &Caller, pipeline: Pipeline) -> Result<Linked> {
    let key = ProjectKey::Id(pipeline.project_id);
    let project = match lookup::project_for(app, tx, caller, &key, Ability::ReadPipelines) {
        Ok(access) => Some(access.project.full_path),
        Err(Error::Internal(cause)) => return Err(Error::Internal(cause)),
        Err(_) => None,
    };
    Ok(Linked { pipeline, project })
}

async fn tails(app: &App, jobs: &[Job]) -> Result<Vec<(JobId, Vec<u8>)>> {
    let failed = jobs
        .iter()
        .filter(|job| job.status == model::Status::Failed && !job.is_bridge);
    let mut tails = Vec::new();
    for job in failed.take(MOST_TAILS) {
        let Some(size) = app.blobs.traces.size(job.id).await.map_err(Error::internal)? else {
            continue;
        };
        let range = size.saturating_sub(TAIL_BYTES)..size;
        let reader = app.blobs.traces.read(job.id, range).await.map_err(Error::internal)?;
        if let Some(reader) = reader {
            tails.push((job.id, reader.read_all().await.map_err(Error::internal)?));
        }
    }
    Ok(tails)
}
