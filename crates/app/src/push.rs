//! A push: refs move, then pipelines start.
//!
//! Whether the refs may move is decided before git sees them ([`GitAccess::check`]); which ones did,
//! git reports. What follows can fail without the push failing: it has happened.

use bytes::Bytes;
use git::{PushCommand, PushOptions, PushRequest, ServeError};
use model::definition::GivenVariable;
use model::{GitRef, ProtectedRef, Sha, Source, VariableKind};
use serde_json::Value as Json;
use store::{StoreError, ops};
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::App;
use crate::access;
use crate::caller::Caller;
use crate::environments::stop;
use crate::error::{Error, Result};
use crate::git_access::GitAccess;
use crate::hooks::happened;
use crate::pipelines::create;
use crate::pipelines::request::{NewPipeline, Provenance, Skip};

/// Most refs of one push that start pipelines, so that mirroring a repository does not start thousands.
const MAX_PIPELINES: usize = 4;

/// Receives a push and starts its pipelines; the answer's body goes to `answer` chunk by chunk.
///
/// Runs to its end even when nobody listens any more. Dropping the future stops git.
///
/// # Errors
///
/// [`ServeError`] as long as nothing has been answered; refs may have moved when it is a timeout or
/// a lost connection.
pub async fn receive<R: AsyncRead + Unpin + Send>(
    app: &App,
    mut access: GitAccess,
    mut request: PushRequest<R>,
    answer: mpsc::Sender<Bytes>,
) -> Result<(), ServeError> {
    let refusal = request.faults().or_else(|| access.check(&request.commands));
    if let Some(refusal) = refusal {
        let body = request.refuse(&refusal).await?;
        // Nobody listens any more: nobody has to be told.
        let _ = answer.send(body).await;
        return Ok(());
    }
    request.fast_forward_only = access.wants_fast_forward(&request.commands);
    let options = request.options.clone();
    let repository = app.repositories.open(&access.project)?;
    let received = app
        .repositories
        .server()
        .receive_pack(&repository, request, answer.clone())
        .await?;
    let lines = if received.updates.is_empty() {
        Vec::new()
    } else {
        after(app, &mut access, &received.updates, &options).await
    };
    let end = received.finish(&lines.join("\n"));
    if !end.is_empty() {
        let _ = answer.send(end).await;
    }
    received.error.map_or(Ok(()), Err)
}

/// Does what follows from refs that have moved; returns lines for the person who pushed.
pub(crate) async fn after(
    app: &App,
    access: &mut GitAccess,
    updates: &[PushCommand],
    options: &PushOptions,
) -> Vec<String> {
    let project = &access.project;
    info!(project.id = %project.id, refs = updates.len(), "push to `{}`: {} refs", project.full_path, updates.len());
    if let Err(error) = note(app, access, updates, options).await {
        error!(%error, "a push to `{}` could not be noted", access.project.full_path);
    }
    stop_environments(app, access, updates).await;
    if matches!(access.caller, Caller::Job(_)) {
        // Otherwise a job that pushes would start the pipeline that starts the job that pushes.
        return Vec::new();
    }
    let moved = updates.iter().filter(|update| !update.deletes());
    let moved: Vec<_> = moved.filter_map(|update| Some((update, update.git_ref()?))).collect();
    let mut lines = Vec::new();
    for (update, git_ref) in moved.iter().take(MAX_PIPELINES) {
        lines.extend(start(app, access, update, git_ref, options).await);
    }
    lines
}

/// Stops the environments of branches that are gone.
async fn stop_environments(app: &App, access: &GitAccess, updates: &[PushCommand]) {
    let Some(user) = access.user() else { return };
    for update in updates.iter().filter(|update| update.deletes()) {
        if let Some(branch) = update.ref_name.strip_prefix("refs/heads/") {
            stop::of_branch(app, access.project.id, user, access.caller.is_admin(), branch).await;
        }
    }
}

/// Notes the activity, what hooks are to be told, and the first branch as the default one, which is protected from then on.
async fn note(app: &App, access: &mut GitAccess, updates: &[PushCommand], options: &PushOptions) -> Result<()> {
    let first = match access.project.default_branch {
        Some(_) => None,
        None => first_branch(app, access, updates)?,
    };
    let (id, now, chosen) = (access.project.id, app.clock.now(), first.clone());
    let (project, pushes) = (access.project.clone(), pushes(access, updates, options));
    app.store
        .write(move |tx| {
            ops::projects::touch(tx, id, now)?;
            happened::pushed(tx, &project, &pushes)?;
            let Some(branch) = &chosen else { return Ok(()) };
            ops::projects::set_default_branch(tx, id, Some(branch))?;
            if !access::is_protected(&ops::protected_refs::list(tx, id)?, branch, false) {
                ops::protected_refs::save(tx, &protection(id, branch))?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    if first.is_some() {
        access.project.default_branch = first;
    }
    Ok(())
}

/// What moved, for hooks.
fn pushes(access: &GitAccess, updates: &[PushCommand], options: &PushOptions) -> Vec<happened::Push> {
    let Some(user) = access.user() else { return Vec::new() };
    let moved = updates.iter().filter(|update| update.git_ref().is_some());
    moved
        .map(|update| happened::push(&update.ref_name, &update.old, &update.new, user.id, options.skip_ci))
        .collect()
}

/// Maintainers push and merge: how GitLab protects a default branch from the start.
fn protection(project_id: model::ProjectId, branch: &str) -> ProtectedRef {
    let maintainer = Some(model::AccessLevel::Maintainer);
    ProtectedRef {
        project_id,
        is_tag: false,
        pattern: branch.to_owned(),
        push_level: maintainer,
        merge_level: maintainer,
    }
}

/// The default branch of a repository that had none: the one `HEAD` names if it was pushed, otherwise the first.
fn first_branch(app: &App, access: &GitAccess, updates: &[PushCommand]) -> Result<Option<String>> {
    let repository = app.repositories.open(&access.project)?;
    let branches = updates
        .iter()
        .filter(|update| !update.deletes())
        .filter_map(PushCommand::git_ref);
    let names: Vec<String> = branches
        .filter(|git_ref| !git_ref.is_tag)
        .map(|git_ref| git_ref.name)
        .collect();
    let head = repository.default_branch()?.filter(|head| names.contains(head));
    let Some(chosen) = head.clone().or_else(|| names.into_iter().next()) else {
        return Ok(None);
    };
    if head.is_none() {
        repository.set_default_branch(&chosen)?;
    }
    Ok(Some(chosen))
}

/// Starts the pipeline of one ref; returns lines that say so, or why there is none.
async fn start(
    app: &App,
    access: &GitAccess,
    update: &PushCommand,
    git_ref: &GitRef,
    options: &PushOptions,
) -> Vec<String> {
    let name = &git_ref.name;
    match create_pipeline(app, access, update, git_ref, options).await {
        Ok(created) => {
            let (base, path) = (app.settings.external_url.base(), &created.project.full_path);
            vec![
                format!("View pipeline for {name}:"),
                format!("  {base}/{path}/-/pipelines/{}", created.pipeline.id),
            ]
        }
        // A project without a configuration has chosen not to have pipelines.
        Err(Error::PipelineNotCreated { message, .. }) if message == "Missing CI config file" => Vec::new(),
        Err(Error::PipelineNotCreated { message, kept, .. }) => {
            let what = if kept { "The pipeline failed" } else { "No pipeline" };
            let mut lines = message.lines();
            let mut text = vec![format!("{what} for {name}: {}", lines.next().unwrap_or_default())];
            text.extend(lines.map(str::to_owned));
            text
        }
        Err(error) => {
            let cause = std::error::Error::source(&error)
                .map(ToString::to_string)
                .unwrap_or_default();
            warn!(
                cause,
                "no pipeline for `{name}` of `{}`: {error}", access.project.full_path
            );
            Vec::new()
        }
    }
}

async fn create_pipeline(
    app: &App,
    access: &GitAccess,
    update: &PushCommand,
    git_ref: &GitRef,
    options: &PushOptions,
) -> Result<create::Created> {
    let project = access.project.clone();
    let user = access.user().ok_or(Error::Unauthorized)?.clone();
    let context = {
        let project = project.clone();
        app.store.read(move |tx| create::context(tx, &project)).await?
    };
    // An annotated tag is a tag object; the pipeline runs on its commit.
    let sha = app.repositories.open(&project)?.revision(update.new.as_str())?;
    let request = NewPipeline {
        project,
        user,
        role: access.role,
        ref_text: git_ref.full_name(),
        sha: Some(sha.ok_or(Error::NotFound("Commit"))?),
        before_sha: if update.old.is_zero() {
            Sha::zero()
        } else {
            update.old.clone()
        },
        source: Source::Push,
        variables: options.variables.iter().map(given).collect(),
        call_variables: Vec::new(),
        inputs: options
            .inputs
            .iter()
            .map(|(name, value)| (name.clone(), Json::String(value.clone())))
            .collect(),
        keep_failed: true,
        skip: if options.skip_ci { Skip::Always } else { Skip::ByMessage },
        trigger: None,
        schedule: None,
        upstream: None,
        provenance: Provenance::default(),
        is_admin: access.caller.is_admin(),
    };
    create::create(app, request, &context).await
}

fn given((key, value): &(String, String)) -> GivenVariable {
    GivenVariable {
        key: key.clone(),
        value: value.clone(),
        kind: VariableKind::EnvVar,
        raw: false,
    }
}
