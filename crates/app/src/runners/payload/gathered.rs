//! What the database knows about a job that is to run: read at once, secrets opened.

use std::sync::Arc;

use compile::Variable;
use model::definition::GivenVariable;
use model::{Environment, Job, JobDefinition, JobId, Namespace, NamespaceId, Pipeline, Project, User};
use store::ops::artifacts::Artifact;
use store::{Tx, ops};

use super::Dependency;
use crate::App;
use crate::environments::follow;
use crate::error::{Error, Result};
use crate::jobs::artifacts::is_available;
use crate::jobs::token::{self, HandOut};
use crate::pipelines::chain::{self, Chain};
use crate::project_variables::{self, Owned};
use crate::runners::variables::JobFacts;
use crate::variables::{self, PipelineFacts};

/// What the database knows.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) job: Job,
    pub(crate) definition: Arc<JobDefinition>,
    pub(crate) environment: Option<Environment>,
    /// Whether its environment has a newer deployment by now, which the project does not want undone.
    pub(crate) outdated: bool,
    pub(crate) project: Project,
    pub(crate) namespace: Namespace,
    pub(crate) root_namespace: NamespaceId,
    pub(crate) pipeline: Pipeline,
    /// What led to the pipeline, and the pipeline itself.
    pub(crate) chain: Chain,
    pub(crate) user: Option<User>,
    pub(crate) trigger_short: Option<String>,
    /// Description of the schedule that started the pipeline.
    pub(crate) schedule_description: Option<String>,
    /// The bridge that made the pipeline: project, pipeline and job id.
    pub(crate) upstream: Option<(i64, i64, i64)>,
    /// Variables of instance, groups and project, weakest first, as they are stored.
    pub(crate) sealed: Vec<Owned>,
    /// The same, opened, those that this ref may have.
    pub(crate) stored: Vec<Variable>,
    pub(crate) given: Vec<GivenVariable>,
    pub(crate) manual: Vec<GivenVariable>,
    pub(crate) dotenv: Vec<(String, String)>,
    /// Values of the job's inputs that it was started with.
    pub(crate) inputs: Vec<(String, serde_json::Value)>,
    pub(crate) needed: Vec<Job>,
    pub(crate) archives: Vec<Artifact>,
}

/// Reads everything about a job that is to run.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(crate) fn gather(app: &App, tx: &mut dyn Tx, job: &Job) -> Result<Gathered> {
    let missing = |what: &str, id: i64| Error::internal(format!("{what} {id}: missing, job {} names it", job.id));
    let project = ops::projects::get(tx, job.project_id)?.ok_or_else(|| missing("projects", job.project_id.0))?;
    let pipeline =
        ops::pipelines::by_id(tx, job.pipeline_id)?.ok_or_else(|| missing("pipelines", job.pipeline_id.0))?;
    let definition =
        ops::definitions::get(tx, job.definition_id)?.ok_or_else(|| missing("job_definitions", job.definition_id.0))?;
    let namespace =
        ops::namespaces::get(tx, project.namespace_id)?.ok_or_else(|| missing("namespaces", project.namespace_id.0))?;
    let ancestors = ops::namespaces::with_ancestors(tx, namespace.id)?;
    let user = match job.user_id {
        Some(id) => ops::users::get(tx, id)?,
        None => None,
    };
    let trigger = match pipeline.trigger_token_id {
        Some(id) => ops::trigger_tokens::by_id(tx, id)?,
        None => None,
    };
    let schedule = match pipeline.schedule_id {
        Some(id) => ops::schedules::by_id(tx, id)?,
        None => None,
    };
    let sealed: Vec<Owned> = project_variables::of(tx, &project, &namespace)?;
    let mut stored = Vec::new();
    project_variables::open_into(&app.keys, &sealed, pipeline.protected, &mut stored)?;
    let given = ops::pipelines::given(tx, pipeline.id)?;
    let given = crate::pipelines::given::open(
        &app.keys,
        pipeline.project_id,
        pipeline.created_at,
        given.variables.as_deref(),
    )?;
    let environment = match &job.environment {
        Some(name) => ops::environments::by_name(tx, job.project_id, name)?,
        None => None,
    };
    let outdated = environment.is_some() && !follow::outdated(tx, &[job])?.is_empty();
    let needed = dependencies(job, &definition, ops::jobs::current(tx, pipeline.id)?);
    let ids: Vec<_> = needed.iter().map(|job| job.id).collect();
    let archives = archives_of(app, tx, &ids)?;
    Ok(Gathered {
        manual: crate::jobs::given::get(&app.keys, tx, job.id)?,
        dotenv: crate::jobs::given::dotenv(&app.keys, tx, &ids)?,
        inputs: given_inputs(app, tx, job, &definition)?,
        archives,
        upstream: upstream(tx, &pipeline)?,
        chain: chain::through(&app.keys, tx, &pipeline)?,
        root_namespace: ancestors.last().copied().unwrap_or(namespace.id),
        trigger_short: trigger.map(|trigger| trigger.short),
        schedule_description: schedule.map(|schedule| schedule.description),
        job: job.clone(),
        definition,
        environment,
        outdated,
        project,
        namespace,
        pipeline,
        user,
        sealed,
        stored,
        given,
        needed,
    })
}

/// What a job was started with; most jobs have no inputs, and then nobody looks.
fn given_inputs(
    app: &App,
    tx: &mut dyn Tx,
    job: &Job,
    definition: &JobDefinition,
) -> Result<Vec<(String, serde_json::Value)>> {
    if definition.inputs.is_empty() {
        return Ok(Vec::new());
    }
    crate::jobs::given::inputs(&app.keys, tx, job.id)
}

/// The archives of these jobs.
pub(super) fn archives_of(app: &App, tx: &mut dyn Tx, ids: &[JobId]) -> Result<Vec<Artifact>> {
    let mut archives = ops::artifacts::of_jobs(tx, ids)?;
    archives.retain(|file| file.file.kind == "archive");
    for archive in &mut archives {
        // Some are kept beyond their time.
        if is_available(tx, archive, app.clock.now())? {
            archive.file.expire_at = None;
        }
    }
    Ok(archives)
}

/// The bridge that made a pipeline, if one did: a job that used its token leaves no trace in variables.
fn upstream(tx: &mut dyn Tx, pipeline: &Pipeline) -> Result<Option<(i64, i64, i64)>> {
    let Some(id) = pipeline.upstream_job_id else {
        return Ok(None);
    };
    let bridge = ops::jobs::by_id(tx, id)?.filter(|job| job.is_bridge);
    Ok(bridge.map(|job| (job.project_id.0, job.pipeline_id.0, job.id.0)))
}

/// The jobs whose artifacts a job gets: those it needs, or all of earlier stages, narrowed by `dependencies`.
fn dependencies(job: &Job, definition: &JobDefinition, jobs: Vec<Job>) -> Vec<Job> {
    let precedes = |other: &Job| match &job.needs {
        Some(needs) => needs.iter().any(|need| need.artifacts && need.name == other.name),
        None => other.stage_index < job.stage_index,
    };
    let wanted = |other: &Job| {
        definition
            .dependencies
            .as_ref()
            .is_none_or(|names| names.contains(&other.name))
    };
    jobs.into_iter()
        .filter(|other| !other.is_bridge && precedes(other) && wanted(other))
        .collect()
}

impl Gathered {
    pub(crate) fn token(&self, app: &App) -> String {
        let hand_out = HandOut {
            job: self.job.id,
            claim: self.job.claim,
        };
        token::make(&app.keys, hand_out)
    }

    pub(crate) fn pipeline_facts<'a>(&'a self, app: &'a App, commit: &'a variables::CommitFacts) -> PipelineFacts<'a> {
        let pipeline = &self.pipeline;
        PipelineFacts {
            settings: &app.settings,
            project: &self.project,
            namespace: &self.namespace,
            git_ref: &pipeline.git_ref,
            protected: pipeline.protected,
            sha: &pipeline.sha,
            before_sha: &pipeline.before_sha,
            commit,
            tag_message: None,
            source: pipeline.source,
            iid: Some(pipeline.iid),
            created_at: Some(pipeline.created_at),
            name: pipeline.name.as_deref(),
            trigger_short_token: self.trigger_short.as_deref(),
            schedule_description: self.schedule_description.as_deref(),
            upstream: self.upstream,
        }
    }

    /// Puts together what the variables of the job are made of.
    pub(crate) fn job_facts<'a>(&'a self, app: &'a App, of_pipeline: &'a [Variable]) -> JobFacts<'a> {
        JobFacts {
            settings: &app.settings,
            project: &self.project,
            pipeline: &self.pipeline,
            job: &self.job,
            definition: &self.definition,
            environment: self.environment.as_ref(),
            of_pipeline,
            user: self.user.as_ref(),
            dotenv: &self.dotenv,
            stored: &self.stored,
            given: &self.given,
            manual: &self.manual,
        }
    }

    pub(super) fn dependencies(&self) -> Vec<Dependency> {
        let archive = |job: &Job| {
            let file = self.archives.iter().find(|file| file.file.job_id == job.id)?;
            Some((file.file.filename.clone(), file.file.size))
        };
        let one = |job: &Job| Dependency {
            id: job.id,
            name: job.name.clone(),
            archive: archive(job),
        };
        self.needed.iter().map(one).collect()
    }
}
