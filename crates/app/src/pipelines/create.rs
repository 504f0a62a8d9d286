//! Creating a pipeline: the chain of checks every way of starting one goes through
//! (rest-api.md 2.1), then one transaction.
//!
//! The chain is split in two so that a dry run is the very same code: [`prepare`] decides and
//! stores nothing, [`create`] stores what it decided. The first problem ends the chain.

use std::sync::Arc;

use compile::config::PlanRequest;
use compile::load::{Limits, LoadRequest, Loaded};
use compile::{Plan, PlanResult, Severity, Step, Variable, VariableOrigin};
use model::definition::GivenVariable;
use model::{
    GitRef, Namespace, OverrideRole, Pipeline, PipelineFailureReason, Project, ProtectedRef, Sha, User, VariableKind,
};
use store::{StoreError, Tx, ops};

use crate::access::{self, Ability};
use crate::error::{Error, Result};
use crate::pipelines::config::{ConfigText, Form, Revision, RevisionKey, include_time};
use crate::pipelines::facts::Provider;
use crate::pipelines::persist;
use crate::pipelines::request::{self, MAX_INPUTS, NewPipeline, Refusal, Skip};
use crate::variables::{self, CommitFacts, PipelineFacts};
use crate::{App, DEFAULT_CONFIG_PATH, project_variables};

/// Largest configuration file read, in bytes; `compile` has a limit of its own below this one.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// Configurations larger than this are compiled off the async threads.
const LARGE_CONFIG_BYTES: usize = 16 << 10;

/// What the database knows about a project and a pipeline needs to know.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where the project lives.
    pub namespace: Namespace,
    /// Its protected branches and tags.
    pub protected: Vec<ProtectedRef>,
    /// Variables of instance, groups and project, weakest first, still sealed.
    pub variables: Vec<project_variables::Owned>,
}

/// Reads the [`Context`] of a project.
///
/// # Errors
///
/// What the database said.
pub fn context(tx: &mut dyn Tx, project: &Project) -> Result<Context, StoreError> {
    let namespace = ops::namespaces::get(tx, project.namespace_id)?.ok_or_else(|| StoreError::Database {
        statement: "namespaces::get".to_owned(),
        message: format!(
            "project {} lives in namespace {}, which does not exist",
            project.id, project.namespace_id
        ),
    })?;
    Ok(Context {
        variables: project_variables::of(tx, project, &namespace)?,
        namespace,
        protected: ops::protected_refs::list(tx, project.id)?,
    })
}

/// A pipeline that was stored.
#[derive(Clone, Debug)]
pub struct Created {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Its project.
    pub project: Project,
    /// Whom it runs as.
    pub user: User,
    /// Remarks that stopped nothing.
    pub warnings: Vec<String>,
}

/// A pipeline that could be stored: what a dry run shows.
#[derive(Debug)]
pub struct Prepared {
    /// Branch or tag.
    pub git_ref: GitRef,
    /// Whether that is protected.
    pub protected: bool,
    /// The commit.
    pub sha: Sha,
    /// What to store.
    pub outcome: Outcome,
    /// Remarks that stopped nothing.
    pub warnings: Vec<String>,
}

/// What the chain decided to store.
#[derive(Debug)]
pub enum Outcome {
    /// A pipeline with jobs.
    Run {
        /// The jobs.
        plan: Plan,
        /// The compiled form they come from.
        form: Arc<Form>,
    },
    /// A pipeline without jobs whose status is `skipped`.
    Skip,
}

/// Creates a pipeline.
///
/// # Errors
///
/// [`Error::PipelineNotCreated`] with GitLab's text when a check fails; `kept` says whether a failed
/// pipeline was stored. Nothing else is stored then.
pub async fn create(app: &App, request: NewPipeline, context: Context) -> Result<Created> {
    let request = Arc::new(request);
    match prepare(app, &request, &context).await? {
        Ok(prepared) => persist::store(app, request, prepared).await,
        Err(failure) => Err(refuse(app, request, failure).await?),
    }
}

/// A failed check, and what was known of the pipeline by then.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong.
    pub refusal: Refusal,
    /// Ref, protection and commit, once they are known: needed to keep a failed pipeline.
    pub place: Option<(GitRef, bool, Sha)>,
}

async fn refuse(app: &App, request: Arc<NewPipeline>, failure: Failure) -> Result<Error> {
    let keep = request.keep_failed;
    if let (true, Some(reason), Some(place)) = (keep, failure.refusal.failure_reason, failure.place) {
        persist::store_failed(app, request, place, reason, failure.refusal.message.clone()).await?;
        return Ok(failure.refusal.into_error(true));
    }
    Ok(failure.refusal.into_error(false))
}

/// Goes through all checks and compiles; stores nothing.
///
/// # Errors
///
/// The outer error is one of the server; the inner one is what the caller did wrong.
pub async fn prepare(
    app: &App,
    request: &Arc<NewPipeline>,
    context: &Context,
) -> Result<std::result::Result<Prepared, Failure>> {
    let early = |refusal| Ok(Err(Failure { refusal, place: None }));
    if let Err(refusal) = check_user(request) {
        return early(refusal);
    }
    let (git_ref, sha) = match resolve(app, request, context)? {
        Ok(found) => found,
        Err(refusal) => return early(refusal),
    };
    let protected = access::is_protected(&context.protected, &git_ref.name, git_ref.is_tag);
    let revision = revision(app, &request.project, &sha).await?;
    let place = Place {
        git_ref,
        sha,
        protected,
        revision,
    };
    match compile_plan(app, request, context, &place).await? {
        Ok((outcome, warnings)) => {
            let Place {
                git_ref,
                sha,
                protected,
                ..
            } = place;
            Ok(Ok(Prepared {
                git_ref,
                protected,
                sha,
                outcome,
                warnings,
            }))
        }
        Err(refusal) => {
            let place = Some((place.git_ref, place.protected, place.sha));
            Ok(Err(Failure { refusal, place }))
        }
    }
}

/// Where the pipeline runs.
struct Place {
    git_ref: GitRef,
    sha: Sha,
    protected: bool,
    revision: Arc<Revision>,
}

/// Rows 2 and 4.
fn check_user(request: &NewPipeline) -> Result<(), Refusal> {
    if !request.project.settings.builds_enabled {
        return Err(Refusal::not_kept("Pipelines are disabled!"));
    }
    let may = request.user.is_active()
        && !request.project.archived
        && (request.is_admin || request.role >= Ability::CreatePipeline.minimum_role());
    if may {
        Ok(())
    } else {
        Err(Refusal::not_kept("Insufficient permissions to create a new pipeline"))
    }
}

/// Rows 5, 6 and 7: may the user write the ref, is it one, which commit is it.
fn resolve(app: &App, request: &NewPipeline, context: &Context) -> Result<std::result::Result<(GitRef, Sha), Refusal>> {
    let found = match app.repositories.open(&request.project) {
        Ok(repository) => repository.resolve(&request.ref_text)?,
        Err(git::Error::NoRepository { .. }) => git::Resolution::NotFound,
        Err(error) => return Err(error.into()),
    };
    let (name, is_tag) = match &found {
        git::Resolution::Found(found) => (found.git_ref.name.as_str(), found.git_ref.is_tag),
        _ => (
            request
                .ref_text
                .strip_prefix("refs/heads/")
                .unwrap_or(&request.ref_text),
            false,
        ),
    };
    if !access::may_run_on(&context.protected, name, is_tag, request.role, request.is_admin) {
        let text = format!(
            "You do not have sufficient permission to run a pipeline on '{name}'. Please select a different branch \
             or contact your administrator for assistance."
        );
        return Ok(Err(Refusal::not_kept(text)));
    }
    Ok(match found {
        git::Resolution::Found(found) => Ok((found.git_ref, request.sha.clone().unwrap_or(found.sha))),
        git::Resolution::Ambiguous => Err(Refusal::not_kept("Ref is ambiguous")),
        git::Resolution::NotFound => Err(Refusal::not_kept("Reference not found")),
    })
}

/// Reads a commit and its configuration, or takes them from memory.
pub(crate) async fn revision(app: &App, project: &Project, sha: &Sha) -> Result<Arc<Revision>> {
    let path = project
        .settings
        .config_path
        .clone()
        .unwrap_or_else(|| DEFAULT_CONFIG_PATH.to_owned());
    let key = RevisionKey {
        project: project.id,
        sha: sha.clone(),
        path,
    };
    if let Some(revision) = app.configs.get(&key) {
        return Ok(revision);
    }
    let repository = app.repositories.open(project)?;
    let read = {
        let (sha, path) = (key.sha.clone(), key.path.clone());
        move || -> Result<Revision> {
            let commit = repository.commit(&sha)?.ok_or(Error::NotFound("Commit"))?;
            Ok(Revision::new(
                commit_facts(&commit),
                config_text(&repository, &sha, &path)?,
            ))
        }
    };
    let revision = Arc::new(crate::blocking(read).await?);
    app.configs.insert(key, Arc::clone(&revision));
    Ok(revision)
}

fn config_text(repository: &git::Repository, sha: &Sha, path: &str) -> Result<ConfigText> {
    Ok(match repository.file(sha, path, MAX_CONFIG_BYTES) {
        Ok(None) | Err(git::Error::InvalidPath { .. }) => ConfigText::Missing,
        Ok(Some(file)) => match String::from_utf8(file.content) {
            Ok(text) => ConfigText::Text(Arc::from(text)),
            Err(_) => ConfigText::NotText,
        },
        Err(git::Error::TooLarge { .. }) => ConfigText::TooLarge,
        Err(error) => return Err(error.into()),
    })
}

fn commit_facts(commit: &git::Commit) -> CommitFacts {
    CommitFacts {
        message: commit.message.clone(),
        author: format!("{} <{}>", commit.author.name, commit.author.email),
        timestamp: crate::time::iso_with_offset(commit.committer.time.seconds, commit.committer.time.offset_seconds),
    }
}

/// Rows 8 to 20: variables, skip markers, inputs, configuration, rules.
async fn compile_plan(
    app: &App,
    request: &Arc<NewPipeline>,
    context: &Context,
    place: &Place,
) -> Result<std::result::Result<(Outcome, Vec<String>), Refusal>> {
    if let Err(refusal) = check_given_variables(request) {
        return Ok(Err(refusal));
    }
    let by_message = request.skip == Skip::ByMessage && request::asks_to_skip(&place.revision.commit.message);
    if by_message || request.skip == Skip::Always {
        return Ok(Ok((Outcome::Skip, Vec::new())));
    }
    if request.inputs.len() > MAX_INPUTS {
        return Ok(Err(Refusal::not_kept("There cannot be more than 20 inputs")));
    }
    let text = match &place.revision.text {
        ConfigText::Text(text) => text,
        ConfigText::Missing => return Ok(Err(Refusal::not_kept("Missing CI config file"))),
        ConfigText::TooLarge => return Ok(Err(Refusal::config_error("The provided YAML is too big"))),
        ConfigText::NotText => {
            return Ok(Err(Refusal::config_error(
                "(<unknown>): invalid leading UTF-8 octet at line 1 column 1",
            )));
        }
    };
    let predefined = place.revision.predefined(&facts_of(app, request, context, place));
    let overriding = overriding(app, request, context, place)?;
    let form = match form(app, request, place, text, &predefined, &overriding).await? {
        Ok(form) => form,
        Err(refusal) => return Ok(Err(refusal)),
    };
    plan(app, request, place, form, &predefined, &overriding).await
}

/// Row 8.
fn check_given_variables(request: &NewPipeline) -> Result<(), Refusal> {
    if !request.variables.is_empty() {
        let may = match request.project.settings.variables_override_role {
            OverrideRole::NoOneAllowed => false,
            role => request.is_admin || role.minimum().is_some_and(|least| request.role >= least),
        };
        if !may {
            return Err(Refusal::not_kept("Insufficient permissions to set pipeline variables"));
        }
    }
    request::check_variables(request)
}

fn facts_of<'a>(app: &'a App, request: &'a NewPipeline, context: &'a Context, place: &'a Place) -> PipelineFacts<'a> {
    PipelineFacts {
        settings: &app.settings,
        project: &request.project,
        namespace: &context.namespace,
        git_ref: &place.git_ref,
        protected: place.protected,
        sha: &place.sha,
        before_sha: &request.before_sha,
        commit: &place.revision.commit,
        tag_message: None,
        source: request.source,
        iid: None,
        created_at: None,
        name: None,
        trigger_short_token: request.trigger.as_ref().map(|(_, short)| short.as_str()),
        schedule_description: request.schedule.as_ref().map(|(_, description)| description.as_str()),
        upstream: request
            .upstream
            .filter(|u| u.is_bridge)
            .map(|u| (u.project.0, u.pipeline.0, u.job.0)),
    }
}

/// The variables that are stronger than the configuration's, weakest first.
fn overriding(app: &App, request: &NewPipeline, context: &Context, place: &Place) -> Result<Vec<Variable>> {
    let mut list = Vec::from(variables::of_user(&request.user));
    project_variables::open_into(&app.keys, &context.variables, place.protected, &mut list)?;
    let origin = match request.schedule {
        Some(_) => VariableOrigin::Schedule,
        None => VariableOrigin::Pipeline,
    };
    list.extend(
        request
            .variables
            .iter()
            .chain(&request.call_variables)
            .map(|given| of_given(given, origin)),
    );
    Ok(list)
}

/// A variable given with a call, as the compiler sees it.
#[must_use]
pub fn of_given(given: &GivenVariable, origin: VariableOrigin) -> Variable {
    Variable {
        key: given.key.clone().into(),
        value: given.value.clone(),
        raw: given.raw,
        file: given.kind == VariableKind::File,
        masked: false,
        environment_scope: None,
        origin,
    }
}

/// Rows 12 and 13: the compiled form of the configuration.
async fn form(
    app: &App,
    request: &Arc<NewPipeline>,
    place: &Place,
    text: &Arc<str>,
    predefined: &[Variable],
    overriding: &[Variable],
) -> Result<std::result::Result<Arc<Form>, Refusal>> {
    let form = match place.revision.form(&request.inputs, predefined, overriding) {
        Some(form) => form,
        None => {
            let known = include_time(predefined, overriding);
            let loaded = load(app, request, place, text, &known).await?;
            place.revision.remember(loaded, &request.inputs, &known)
        }
    };
    let first_error = form
        .loaded
        .diagnostics
        .iter()
        .find(|found| found.severity == Severity::Error);
    Ok(match first_error {
        Some(error) => Err(Refusal::config_error(error.message.clone())),
        None => Ok(form),
    })
}

/// Compiles the configuration, fetching what it includes.
async fn load(app: &App, request: &NewPipeline, place: &Place, text: &Arc<str>, known: &[Variable]) -> Result<Loaded> {
    let mut provider = Provider::new(app, request, &place.sha);
    let limits = limits(app);
    let fqdn = app.settings.external_url.fqdn();
    let load = LoadRequest {
        file_name: request
            .project
            .settings
            .config_path
            .as_deref()
            .unwrap_or(DEFAULT_CONFIG_PATH),
        text: Arc::clone(text),
        file_project: None,
        file_sha: None,
        inputs: &request.inputs,
        variables: known,
        project_path: &request.project.full_path,
        sha: place.sha.as_str(),
        server_fqdn: &fqdn,
        limits: &limits,
    };
    loop {
        // Files are small as a rule; a large one must not hold up other requests on this thread.
        let step = if load.text.len() > LARGE_CONFIG_BYTES {
            tokio::task::block_in_place(|| compile::load::load(&load, provider.facts()))
        } else {
            compile::load::load(&load, provider.facts())
        };
        match step {
            Step::Done(loaded) => return Ok(loaded),
            Step::Needs(demands) => provider.fetch(demands).await?,
        }
    }
}

/// Rows 14 to 20: which jobs the pipeline gets.
async fn plan(
    app: &App,
    request: &Arc<NewPipeline>,
    place: &Place,
    form: Arc<Form>,
    predefined: &[Variable],
    overriding: &[Variable],
) -> Result<std::result::Result<(Outcome, Vec<String>), Refusal>> {
    let config = form
        .loaded
        .config
        .as_ref()
        .ok_or_else(|| Error::internal("no configuration and no error"))?;
    let limits = limits(app);
    let plan_request = PlanRequest {
        source: request.source,
        git_ref: &place.git_ref,
        merge_request: false,
        project_path: &request.project.full_path,
        predefined,
        overriding,
        only_job: None,
        limits: &limits,
    };
    let mut provider = Provider::new(app, request, &place.sha);
    let large = place.revision.text.len() > LARGE_CONFIG_BYTES;
    let planned = loop {
        let step = if large {
            tokio::task::block_in_place(|| config.plan(&plan_request, provider.facts()))
        } else {
            config.plan(&plan_request, provider.facts())
        };
        match step {
            Step::Done(planned) => break planned,
            Step::Needs(demands) => provider.fetch(demands).await?,
        }
    };
    let warnings = planned.warnings.into_iter().map(|warning| warning.message).collect();
    Ok(match planned.result {
        PlanResult::Plan(plan) => check_size(app, &plan).map(|()| {
            (
                Outcome::Run {
                    plan,
                    form: Arc::clone(&form),
                },
                warnings,
            )
        }),
        PlanResult::FilteredByWorkflowRules => Err(Refusal::not_kept(
            "The pipeline did not run. Review the workflow:rules configuration for the pipeline.",
        )),
        PlanResult::Empty => Err(Refusal::not_kept(
            "The resulting pipeline would have been empty. Review the rules configuration for the relevant jobs.",
        )),
        PlanResult::Invalid(found) => {
            let texts: Vec<&str> = found.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
            Err(Refusal::config_error(texts.join("\n")))
        }
    })
}

/// Row 16.
fn check_size(app: &App, plan: &Plan) -> Result<(), Refusal> {
    let most = app.settings.max_jobs_per_pipeline;
    if most == 0 || plan.jobs.len() <= most {
        return Ok(());
    }
    Err(Refusal {
        message: format!(
            "The number of jobs has exceeded the limit of {most}. Try splitting the configuration with \
             parent-child-pipelines"
        ),
        failure_reason: Some(PipelineFailureReason::SizeLimitExceeded),
    })
}

fn limits(app: &App) -> Limits {
    Limits {
        jobs: app.settings.max_jobs_per_pipeline,
        ..Limits::default()
    }
}
