//! Creating a pipeline: the chain of checks every way of starting one goes through
//! (rest-api.md 2.1), then one transaction.
//!
//! The chain is split in two so that a dry run is the very same code: [`prepare`] decides and
//! stores nothing, [`create`] stores what it decided. The first problem ends the chain.

use std::sync::Arc;

use compile::Plan;
use model::{GitRef, Namespace, OverrideRole, Pipeline, Project, ProtectedRef, Sha, User};
use store::{StoreError, Tx, ops};

use crate::access::{self, Ability};
use crate::error::{Error, Result};
use crate::pipelines::compiled::{self, Compiled, Numbering, Place, PlannedRun};
use crate::pipelines::config::{ConfigText, Revision, RevisionKey};
use crate::pipelines::explanation::keep::Why;
use crate::pipelines::request::{self, MAX_INPUTS, NewPipeline, Refusal, Skip};
use crate::pipelines::{chain, idempotency, persist};
use crate::variables::CommitFacts;
use crate::{App, project_variables};

/// Largest configuration file read, in bytes; `compile` has a limit of its own below this one.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

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
    /// Whether an earlier call with the same idempotency key made it.
    pub replayed: bool,
}

/// A pipeline that could be stored: what a dry run shows.
#[derive(Debug)]
pub struct Prepared {
    /// Branch or tag, and the commit.
    pub place: Place,
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
        /// What they come from.
        compiled: Box<Compiled>,
        /// Why they are there.
        why: Why,
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
pub async fn create(app: &App, request: NewPipeline, context: &Context) -> Result<Created> {
    // Whoever may start nothing any more is not shown what was started before either.
    if check_user(&request).is_ok()
        && let Some(first) = idempotency::first(app, &request).await?
    {
        return Ok(first);
    }
    chain::check(app, &request).await?;
    let request = Arc::new(request);
    let stored = match prepare(app, &request, context, Numbering::Take).await? {
        Ok(prepared) => persist::store(app, Arc::clone(&request), prepared).await,
        Err(failure) => return Err(refuse(app, request, failure).await?),
    };
    match stored {
        // Perhaps because the same call made the pipeline at the same time.
        Err(error) if request.provenance.once.is_some() => idempotency::first(app, &request).await?.ok_or(error),
        stored => stored,
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

impl Failure {
    /// What the caller of a dry run is told: the same as by the call itself.
    #[must_use]
    pub fn into_error(self, request: &NewPipeline) -> Error {
        let would_keep = request.keep_failed && self.refusal.failure_reason.is_some() && self.place.is_some();
        self.refusal.into_error(would_keep)
    }
}

async fn refuse(app: &App, request: Arc<NewPipeline>, failure: Failure) -> Result<Error> {
    let Failure { mut refusal, place } = failure;
    let kept = match (request.keep_failed, refusal.failure_reason, place) {
        (true, Some(reason), Some(place)) => {
            persist::store_failed(app, request, place, reason, &refusal).await?;
            true
        }
        _ => false,
    };
    refusal.shorten();
    Ok(refusal.into_error(kept))
}

/// Goes through all checks and compiles; stores nothing but that a number was taken.
///
/// # Errors
///
/// The outer error is one of the server; the inner one is what the caller did wrong.
pub async fn prepare(
    app: &App,
    request: &NewPipeline,
    context: &Context,
    numbering: Numbering,
) -> Result<std::result::Result<Prepared, Failure>> {
    prepare_with(app, request, context, numbering, None).await
}

/// Does the same with a text in place of the configuration in the repository, if there is one.
pub(crate) async fn prepare_with(
    app: &App,
    request: &NewPipeline,
    context: &Context,
    numbering: Numbering,
    text: Option<Arc<str>>,
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
    let mut revision = revision(app, &request.project, &sha).await?;
    if let Some(text) = text {
        revision = Arc::new(Revision::new(revision.commit.clone(), ConfigText::Text(text)));
    }
    let place = Place {
        tag_message: tag_message(app, &request.project, &git_ref)?,
        git_ref,
        sha,
        protected,
        revision,
    };
    match compile_plan(app, request, context, numbering, &place).await? {
        Ok((outcome, warnings)) => Ok(Ok(Prepared {
            place,
            outcome,
            warnings,
        })),
        Err(refusal) => {
            let place = Some((place.git_ref, place.protected, place.sha));
            Ok(Err(Failure { refusal, place }))
        }
    }
}

/// Returns the message of an annotated tag; `None` for anything else.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(crate) fn tag_message(app: &App, project: &Project, git_ref: &GitRef) -> Result<Option<String>> {
    if !git_ref.is_tag {
        return Ok(None);
    }
    match app.repositories.open(project) {
        Ok(repository) => Ok(repository.tag(&git_ref.name)?.and_then(|tag| tag.message)),
        Err(git::Error::NoRepository { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
    if let (Some(pinned), Some(sha)) = (&request.provenance.pinned, &request.sha) {
        let may = access::may_run_on(
            &context.protected,
            &pinned.name,
            pinned.is_tag,
            request.role,
            request.is_admin,
        );
        return Ok(if may {
            Ok((pinned.clone(), sha.clone()))
        } else {
            Err(may_not_run_on(&pinned.name))
        });
    }
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
        return Ok(Err(may_not_run_on(name)));
    }
    Ok(match found {
        git::Resolution::Found(found) => Ok((found.git_ref, request.sha.clone().unwrap_or(found.sha))),
        git::Resolution::Ambiguous => Err(Refusal::not_kept("Ref is ambiguous")),
        git::Resolution::NotFound => Err(Refusal::not_kept("Reference not found")),
    })
}

fn may_not_run_on(name: &str) -> Refusal {
    Refusal::not_kept(format!(
        "You do not have sufficient permission to run a pipeline on '{name}'. Please select a different branch \
         or contact your administrator for assistance."
    ))
}

/// Reads a commit and its configuration, or takes them from memory.
pub(crate) async fn revision(app: &App, project: &Project, sha: &Sha) -> Result<Arc<Revision>> {
    let path = compiled::config_name(project).to_owned();
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
    request: &NewPipeline,
    context: &Context,
    numbering: Numbering,
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
    if text.trim().is_empty() {
        let text = format!("Local file `{}` is empty!", compiled::config_name(&request.project));
        return Ok(Err(Refusal::config_error(text)));
    }
    let mut compiled = Box::new(Compiled::new(app, request, context, place, text).await?);
    if let Some(message) = compiled.first_error() {
        return Ok(Err(Refusal::config_error(message)));
    }
    compiled.number(app, request.project.id, numbering).await?;
    let PlannedRun { plan, warnings, why } = match compiled.plan(app, request, place).await? {
        Ok(planned) => planned,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ok(Ok((Outcome::Run { plan, compiled, why }, warnings)))
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
