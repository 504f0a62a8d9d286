//! Everything a runner needs to run the job it was given (runner-protocol 2.7), as entities and decided values.
//!
//! The shape on the wire is made in `web`. What stands in the way of running the job is found here
//! too ([`Unfit`]): the job then fails with that reason and the runner gets another one.

mod checkout;

use std::sync::Arc;

use compile::Variable;
use model::definition::GivenVariable;
use model::{
    FailureReason, Job, JobDefinition, JobId, Namespace, NamespaceId, Pipeline, Project, Runner, RunnerManager, Status,
    Timestamp, User,
};
use schedule::matching::missing_features;
use store::ops::artifacts::Artifact;
use store::{Tx, ops};

use crate::App;
use crate::error::{Error, Result};
use crate::jobs::artifacts::is_available;
use crate::jobs::token::{self, HandOut};
use crate::pipelines::create;
use crate::project_variables::{self, Owned};
use crate::runners::payload::checkout::{Refs, cache_keys, clone_url, depth, refspecs};
use crate::runners::variables::{JobFacts, JobVariable, of_job};
use crate::variables::{self, PipelineFacts};

/// A job with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The job.
    pub job: Job,
    /// Its token.
    pub token: String,
    /// Its definition.
    pub definition: Arc<JobDefinition>,
    /// Its project.
    pub project: Project,
    /// Where the project lives.
    pub namespace: Namespace,
    /// The outermost group.
    pub root_namespace: NamespaceId,
    /// Its pipeline.
    pub pipeline: Pipeline,
    /// Variables, weakest first.
    pub variables: Vec<JobVariable>,
    /// What to check out.
    pub checkout: Checkout,
    /// Keys of the caches, in the order of the definition.
    pub cache_keys: Vec<CacheKeys>,
    /// Jobs whose archives are unpacked before the script.
    pub dependencies: Vec<Dependency>,
    /// Seconds it waited.
    pub queued_seconds: f64,
}

/// What to check out, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Clone address with the job's token.
    pub url: String,
    /// What to fetch; every left side exists.
    pub refspecs: Vec<String>,
    /// Commits to fetch; 0 = all.
    pub depth: i64,
}

/// Keys of one cache, unexpanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKeys {
    /// The key.
    pub key: String,
    /// Tried in this order when there is nothing under the key.
    pub fallback_keys: Vec<String>,
}

/// A job to take an archive from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Its id.
    pub id: JobId,
    /// Its name.
    pub name: String,
    /// Name and size of its archive.
    pub archive: Option<(String, i64)>,
}

impl Payload {
    /// Values that must not be seen in the job's log.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        secrets(&self.variables)
    }
}

fn secrets(variables: &[JobVariable]) -> impl Iterator<Item = &str> {
    variables
        .iter()
        .filter(|variable| variable.masked)
        .map(|variable| variable.value.as_str())
}

/// Gathers the values that must not be seen in a job's log again: this process did not hand it out.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn secrets_of(app: &App, job: &Job) -> Result<Vec<String>> {
    let (this, job) = (app.clone(), job.clone());
    let gathered = app.store.read(move |tx| gather(&this, tx, &job)).await?;
    let token = gathered.token(app);
    let stored = gathered
        .stored
        .iter()
        .filter(|variable| variable.masked)
        .map(|variable| variable.value.clone());
    Ok(stored.chain([token]).collect())
}

/// Why the job cannot run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(pub FailureReason);

/// Gathers everything about a job that was just handed out.
///
/// # Errors
///
/// The outer error is one of the server; the inner one says why the job cannot run.
pub async fn build(
    app: &App,
    runner: &Runner,
    manager: Option<&RunnerManager>,
    job: Job,
) -> Result<std::result::Result<Payload, Unfit>> {
    let this = app.clone();
    let gathered = app.store.read(move |tx| gather(&this, tx, &job)).await?;
    if let Some(reason) = unfit(&gathered, manager, app.clock.now()) {
        return Ok(Err(Unfit(reason)));
    }
    let revision = create::revision(app, &gathered.project, &gathered.pipeline.sha).await?;
    let token = gathered.token(app);
    let url = clone_url(app, &gathered.project, &token);
    let tag_message = create::tag_message(app, &gathered.project, &gathered.pipeline.git_ref)?;
    let facts = PipelineFacts {
        tag_message: tag_message.as_deref(),
        ..gathered.pipeline_facts(app, &revision.commit)
    };
    let of_pipeline = variables::of_pipeline(&facts);
    let variables = of_job(&JobFacts {
        settings: &app.settings,
        project: &gathered.project,
        pipeline: &gathered.pipeline,
        job: &gathered.job,
        definition: &gathered.definition,
        runner,
        token: &token,
        repository_url: &url,
        started_at: app.clock.now(),
        of_pipeline: &of_pipeline,
        user: gathered.user.as_ref(),
        dotenv: &gathered.dotenv,
        stored: &gathered.stored,
        given: &gathered.given,
        manual: &gathered.manual,
    });
    let depth = depth(&variables, &gathered.project);
    let repository = app.repositories.open(&gathered.project)?;
    let (definition, pipeline) = (Arc::clone(&gathered.definition), gathered.pipeline.clone());
    let separated = gathered.project.settings.separated_caches.then_some(pipeline.protected);
    let (refspecs, cache_keys) = crate::blocking(move || {
        let refs = Refs {
            of_pipeline: repository.create_pipeline_ref(pipeline.id, &pipeline.sha)?,
            own: repository.ref_target(&pipeline.git_ref.full_name())?.is_some(),
        };
        Ok((
            refspecs(&pipeline, depth, refs),
            cache_keys(&repository, &definition, &pipeline, separated)?,
        ))
    })
    .await?;
    let queued_seconds = gathered.job.queued_seconds(app.clock.now()).unwrap_or_default();
    Ok(Ok(Payload {
        token,
        variables,
        checkout: Checkout { url, refspecs, depth },
        cache_keys,
        dependencies: gathered.dependencies(),
        queued_seconds,
        job: gathered.job,
        definition: gathered.definition,
        project: gathered.project,
        namespace: gathered.namespace,
        root_namespace: gathered.root_namespace,
        pipeline: gathered.pipeline,
    }))
}

/// What the database knows.
struct Gathered {
    job: Job,
    definition: Arc<JobDefinition>,
    project: Project,
    namespace: Namespace,
    root_namespace: NamespaceId,
    pipeline: Pipeline,
    user: Option<User>,
    trigger_short: Option<String>,
    stored: Vec<Variable>,
    given: Vec<GivenVariable>,
    manual: Vec<GivenVariable>,
    dotenv: Vec<(String, String)>,
    needed: Vec<Job>,
    archives: Vec<Artifact>,
}

fn gather(app: &App, tx: &mut dyn Tx, job: &Job) -> Result<Gathered> {
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
    let needed = dependencies(job, &definition, ops::jobs::current(tx, pipeline.id)?);
    let ids: Vec<_> = needed.iter().map(|job| job.id).collect();
    let mut archives = ops::artifacts::of_jobs(tx, &ids)?;
    archives.retain(|file| file.file.kind == "archive");
    for archive in &mut archives {
        // Some are kept beyond their time.
        if is_available(tx, archive, app.clock.now())? {
            archive.file.expire_at = None;
        }
    }
    Ok(Gathered {
        manual: crate::jobs::given::get(&app.keys, tx, job.id)?,
        dotenv: crate::jobs::given::dotenv(&app.keys, tx, &ids)?,
        archives,
        root_namespace: ancestors.last().copied().unwrap_or(namespace.id),
        trigger_short: trigger.map(|trigger| trigger.short),
        job: job.clone(),
        definition,
        project,
        namespace,
        pipeline,
        user,
        stored,
        given,
        needed,
    })
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

/// Why the job cannot run, if so.
fn unfit(gathered: &Gathered, manager: Option<&RunnerManager>, now: Timestamp) -> Option<FailureReason> {
    let (job, definition) = (&gathered.job, &gathered.definition);
    let no_features = Vec::new();
    let features = manager.map_or(&no_features, |manager| &manager.features);
    let gone = |needed: &Job| {
        let expired = |file: &Artifact| file.file.expire_at.is_some_and(|expire| expire <= now);
        let archive = gathered.archives.iter().find(|file| file.file.job_id == needed.id);
        needed.status == Status::Success && (needed.erased_at.is_some() || archive.is_some_and(expired))
    };
    if !gathered.project.settings.builds_enabled || gathered.project.archived {
        Some(FailureReason::BuildsDisabled)
    } else if !gathered.user.as_ref().is_some_and(User::is_active) {
        Some(FailureReason::UserBlocked)
    } else if !definition.secrets.is_empty() {
        Some(FailureReason::SecretsProviderNotFound)
    } else if !missing_features(definition, job.allow_failure_exit_codes, features).is_empty() {
        Some(FailureReason::RunnerUnsupported)
    } else if gathered.needed.iter().any(gone) {
        Some(FailureReason::MissingDependencyFailure)
    } else {
        None
    }
}

impl Gathered {
    fn token(&self, app: &App) -> String {
        let hand_out = HandOut {
            job: self.job.id,
            claim: self.job.claim,
        };
        token::make(&app.keys, hand_out)
    }

    fn pipeline_facts<'a>(&'a self, app: &'a App, commit: &'a variables::CommitFacts) -> PipelineFacts<'a> {
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
            schedule_description: None,
            upstream: None,
        }
    }

    fn dependencies(&self) -> Vec<Dependency> {
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
