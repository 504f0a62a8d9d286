//! Running a call of the trigger log again: with what it brought, on its commit or on the newest of its ref.
//!
//! Whoever repeats a call acts for themselves: their role decides, and the pipeline is theirs. All else is as it was,
//! also the source and the visible part of the token, so that the same rules decide the same.

use std::net::IpAddr;
use std::sync::Arc;

use model::{GitRef, Sha, Source, TriggerLogEntry, TriggerLogId, TriggerOutcome, VariableKind};
use serde_json::Value as Json;
use store::ops::pipelines::Given;
use store::{Tx, ops};

use crate::App;
use crate::access::ProjectAccess;
use crate::caller::Caller;
use crate::error::{Error, Reasoned, Result};
use crate::lookup::ProjectKey;
use crate::pipelines::Created;
use crate::pipelines::create::{self, Context};
use crate::pipelines::given;
use crate::pipelines::request::{NewPipeline, Provenance, Skip};
use crate::triggers::log::{self, Note, Record};
use crate::triggers::run::PAYLOAD_VARIABLE;

/// On which commit a call is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// On that of then, also when the branch or tag has moved on or is gone.
    Same,
    /// On that of the branch or tag now.
    Newest,
}

/// Repeats a call that made a pipeline.
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say; `404 Not found` for an unknown entry; 422 for one
/// without a pipeline; 410 when the commit is gone; otherwise what [`create::create`] says.
pub async fn repeat(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    id: TriggerLogId,
    commit: Commit,
    address: Option<IpAddr>,
) -> Result<Created> {
    let (access, entry) = log::find(app, caller, key, id).await?;
    let (Some(name), Some(is_tag), Some(sha), Some(digest)) =
        (&entry.ref_name, entry.is_tag, &entry.sha, entry.payload_digest)
    else {
        return Err(nothing_to_repeat());
    };
    if entry.outcome != TriggerOutcome::Accepted {
        return Err(nothing_to_repeat());
    }
    let git_ref = GitRef {
        name: name.clone(),
        is_tag,
    };
    if commit == Commit::Same {
        check_commit(app, &access, sha)?;
    }
    let record = Arc::new(Record {
        token: entry.token_id.map(|id| {
            (
                id,
                entry.token_short.clone().unwrap_or_default(),
                entry.token_description.clone(),
            )
        }),
        job: None,
        address,
        digest,
        repeats: Some(entry.id),
    });
    let (given, context) = read(app, &access, &entry).await?;
    let mut request = request(app, caller, &access, &entry, given)?;
    request.ref_text = git_ref.full_name();
    request.provenance.record = Some(Arc::clone(&record));
    if commit == Commit::Same {
        request.sha = Some(sha.clone());
        request.provenance.pinned = Some(git_ref);
    }
    let created = create::create(app, request, &context).await;
    if let Err(error) = &created
        && !matches!(error, Error::PipelineNotCreated { kept: true, .. })
    {
        let user = caller.user().map(|user| user.id);
        let note = Note::new(app, access.project.id, user, name, record);
        app.trigger_log.push(note.refused(error));
    }
    created
}

fn check_commit(app: &App, access: &ProjectAccess, sha: &Sha) -> Result<()> {
    let found = match app.repositories.open(&access.project) {
        Ok(repository) => repository.commit(sha)?,
        Err(git::Error::NoRepository { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    found.map(drop).ok_or_else(|| {
        Reasoned::error(
            410,
            format!("the commit {sha} is not in the repository any more"),
            "commit_gone",
            "repeat the call on the newest commit",
        )
    })
}

/// Reads what the call brought: from its pipeline, or where it was kept when that was deleted.
async fn read(app: &App, access: &ProjectAccess, entry: &TriggerLogEntry) -> Result<(Given, Context)> {
    let (project, entry) = (access.project.clone(), entry.clone());
    app.store
        .read(move |tx: &mut dyn Tx| {
            let pipeline = match entry.pipeline_id {
                Some(id) => ops::pipelines::get(tx, project.id, id)?,
                None => None,
            };
            let given = match pipeline {
                Some(pipeline) => ops::pipelines::given(tx, pipeline.id)?,
                None => ops::trigger_log::kept_given(tx, entry.id)?,
            };
            Ok::<_, Error>((given, create::context(tx, &project)?))
        })
        .await
}

fn request(
    app: &App,
    caller: &Caller,
    access: &ProjectAccess,
    entry: &TriggerLogEntry,
    given: Given,
) -> Result<NewPipeline> {
    let user = caller.user().ok_or(Error::Unauthorized)?.clone();
    let sealed = given.variables.as_deref();
    let all = given::open(&app.keys, access.project.id, entry.created_at, sealed)?;
    let is_payload = |key: &str, kind| key == PAYLOAD_VARIABLE && kind == VariableKind::File;
    let (call_variables, variables) = all
        .into_iter()
        .partition(|variable| is_payload(&variable.key, variable.kind));
    let inputs = match given.inputs.as_deref().map(serde_json::from_str) {
        None => Vec::new(),
        Some(Ok(Json::Object(inputs))) => inputs.into_iter().collect(),
        Some(Ok(_)) => Vec::new(),
        Some(Err(error)) => return Err(Error::internal(error)),
    };
    Ok(NewPipeline {
        project: access.project.clone(),
        is_admin: caller.is_admin(),
        user,
        role: access.role,
        ref_text: String::new(),
        sha: None,
        before_sha: Sha::zero(),
        source: if entry.token_id.is_some() {
            Source::Trigger
        } else {
            Source::Pipeline
        },
        variables,
        call_variables,
        inputs,
        keep_failed: true,
        skip: Skip::Never,
        trigger: entry.token_id.zip(entry.token_short.clone()),
        schedule: None,
        upstream: None,
        provenance: Provenance::default(),
    })
}

fn nothing_to_repeat() -> Error {
    Reasoned::error(
        422,
        "this call made no pipeline, so nothing of it was kept",
        "nothing_to_repeat",
        "repeat an accepted call, or have its sender call again",
    )
}
