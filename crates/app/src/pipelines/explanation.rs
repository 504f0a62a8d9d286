//! Why a pipeline has the jobs that it has: asked later, of what was stored.
//!
//! The commit, the variables and inputs that were given and the way it was started are those of then;
//! variables of project, groups and instance, and files of other projects, are those of now.

use compile::Explanation;
use model::{AccessLevel, Pipeline, PipelineId, Source, Status};
use serde_json::Value as Json;
use store::{Tx, ops};

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::compiled::{Compiled, Place, Reveal};
use crate::pipelines::config::ConfigText;
use crate::pipelines::create::{self, Context};
use crate::pipelines::given;
use crate::pipelines::request::{NewPipeline, Skip, Upstream};

/// Why a pipeline is as it is.
#[derive(Debug)]
pub struct Explained {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What is wrong with its configuration; then there is no explanation.
    pub errors: Vec<String>,
    /// The explanation.
    pub explanation: Option<Explanation>,
}

/// Explains a pipeline.
///
/// # Errors
///
/// As [`read::get`](super::read::get), and 403 for those who may not read the code; 404 with a text of its own when the repository no longer has the
/// commit or the user is gone, 422 for a child pipeline, whose configuration is not in the repository.
pub async fn explain(app: &App, caller: Caller, key: ProjectKey, id: PipelineId) -> Result<Explained> {
    let this = app.clone();
    let stored = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadPipelines)?;
            // Rules are part of the code, and shown here.
            access.require(&caller, Ability::ReadCode)?;
            read(&this, tx, &caller, access, id)
        })
        .await?;
    let Stored {
        pipeline,
        request,
        context,
        reveal,
    } = stored;
    if pipeline.source == Source::ParentPipeline {
        return Err(told(
            422,
            "The configuration of a child pipeline is not in its repository",
        ));
    }
    let gone = || {
        let sha = &pipeline.sha;
        told(
            404,
            format!("The repository no longer has the commit {sha} of this pipeline"),
        )
    };
    let revision = match create::revision(app, &request.project, &pipeline.sha).await {
        Ok(revision) => revision,
        Err(Error::NotFound(_)) => return Err(gone()),
        Err(error) => return Err(error),
    };
    let place = Place {
        tag_message: create::tag_message(app, &request.project, &pipeline.git_ref)?,
        git_ref: pipeline.git_ref.clone(),
        sha: pipeline.sha.clone(),
        protected: pipeline.protected,
        revision,
    };
    let ConfigText::Text(text) = &place.revision.text else {
        return Ok(unexplained(pipeline, "Missing CI config file".to_owned()));
    };
    if pipeline.status == Status::Skipped && pipeline.stages.is_empty() {
        return Ok(unexplained(
            pipeline,
            "The push or its commit message asked to skip CI".to_owned(),
        ));
    }
    let compiled = Compiled::new(app, &request, &context, &place, text).await?;
    let errors: Vec<String> = compiled.errors().map(|error| error.message.clone()).collect();
    let explanation = if errors.is_empty() {
        Some(compiled.explain(app, &request, &place, reveal).await?)
    } else {
        None
    };
    Ok(Explained {
        pipeline,
        errors,
        explanation,
    })
}

fn unexplained(pipeline: Pipeline, why: String) -> Explained {
    Explained {
        pipeline,
        errors: vec![why],
        explanation: None,
    }
}

fn told(status: u16, message: impl Into<String>) -> Error {
    Error::Status {
        status,
        message: message.into(),
    }
}

/// A pipeline as it was asked for.
struct Stored {
    pipeline: Pipeline,
    request: NewPipeline,
    context: Context,
    reveal: Reveal,
}

fn read(app: &App, tx: &mut dyn Tx, caller: &Caller, access: ProjectAccess, id: PipelineId) -> Result<Stored> {
    let pipeline = ops::pipelines::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
    let user = match pipeline.user_id {
        Some(user) => ops::users::get(tx, user)?,
        None => None,
    };
    let user = user.ok_or_else(|| told(404, "The user whom this pipeline ran as no longer exists"))?;
    let started_it = caller.user().is_some_and(|user| Some(user.id) == pipeline.user_id);
    let reveal = Reveal {
        settings: access.allows(caller, Ability::AdminProject),
        given: (started_it && access.role >= AccessLevel::Developer)
            || access.allows(caller, Ability::ReadPipelineVariables),
    };
    let context = create::context(tx, &access.project)?;
    let sealed = ops::pipelines::given(tx, pipeline.id)?;
    let variables = given::open(
        &app.keys,
        pipeline.project_id,
        pipeline.created_at,
        sealed.variables.as_deref(),
    )?;
    let inputs = match sealed.inputs.as_deref().map(serde_json::from_str).transpose() {
        Ok(Some(Json::Object(object))) => object.into_iter().collect(),
        Ok(_) => Vec::new(),
        Err(error) => return Err(Error::internal(error)),
    };
    let trigger = match pipeline.trigger_token_id {
        Some(token) => ops::trigger_tokens::by_id(tx, token)?.map(|token| (token.id, token.short)),
        None => None,
    };
    let upstream = match pipeline.upstream_job_id {
        Some(job) => ops::jobs::by_id(tx, job)?.map(|job| Upstream {
            project: job.project_id,
            pipeline: job.pipeline_id,
            job: job.id,
            is_bridge: job.is_bridge,
        }),
        None => None,
    };
    let role = lookup::role(app, tx, &user, &access.project)?;
    let request = NewPipeline {
        is_admin: user.is_admin,
        project: access.project,
        user,
        role,
        ref_text: pipeline.git_ref.full_name(),
        sha: Some(pipeline.sha.clone()),
        before_sha: pipeline.before_sha.clone(),
        source: pipeline.source,
        variables,
        call_variables: Vec::new(),
        inputs,
        keep_failed: false,
        skip: Skip::Never,
        trigger,
        schedule: pipeline.schedule_id.map(|id| (id, String::new())),
        upstream,
    };
    Ok(Stored {
        pipeline,
        request,
        context,
        reveal,
    })
}
