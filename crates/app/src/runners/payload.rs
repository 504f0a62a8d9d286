//! Everything a runner needs to run the job it was given (runner-protocol 2.7), as entities and decided values.
//!
//! The shape on the wire is made in `web`. What stands in the way of running the job is found here
//! too ([`Unfit`]): the job then fails with that reason and the runner gets another one.

mod checkout;
mod cross;
mod gathered;

use std::sync::Arc;

use model::{
    FailureReason, Job, JobDefinition, JobId, Namespace, NamespaceId, Pipeline, Project, Runner, RunnerManager, Status,
    Timestamp, User,
};
use schedule::matching::missing_features;
use store::ops::artifacts::Artifact;

use crate::App;
use crate::error::Result;
use crate::jobs::inputs::{self, Value};
use crate::pipelines::create;
use crate::runners::payload::checkout::{Refs, cache_keys, clone_url, depth, refspecs};
pub(crate) use crate::runners::payload::gathered::{Gathered, gather};
use crate::runners::variables::{HandedOut, JobVariable, of_job};
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
    /// Values of its inputs.
    pub inputs: Vec<Value>,
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
    let mut gathered = app.store.read(move |tx| gather(&this, tx, &job)).await?;
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
    if !gathered.definition.cross_needs.is_empty() {
        let is_there = cross::add(app, &mut gathered, &of_pipeline).await?;
        let reason = unfit(&gathered, manager, app.clock.now());
        if let Some(reason) = reason.or((!is_there).then_some(FailureReason::MissingDependencyFailure)) {
            return Ok(Err(Unfit(reason)));
        }
    }
    let trigger_chain = gathered.chain.to_string();
    let hand_out = HandedOut {
        trigger_chain: &trigger_chain,
        runner,
        token: &token,
        repository_url: &url,
        started_at: app.clock.now(),
    };
    let variables = of_job(&gathered.job_facts(app, &of_pipeline), &hand_out);
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
        inputs: inputs::resolve(&gathered.definition, &gathered.inputs),
        queued_seconds,
        job: gathered.job,
        definition: gathered.definition,
        project: gathered.project,
        namespace: gathered.namespace,
        root_namespace: gathered.root_namespace,
        pipeline: gathered.pipeline,
    }))
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
    } else if gathered.outdated {
        Some(FailureReason::FailedOutdatedDeploymentJob)
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
