//! Why a pipeline has the jobs that it has: as it was when the pipeline was created, whatever
//! variables, branches and files have become since.

pub mod keep;

use compile::Explanation;
use model::{AccessLevel, Pipeline, PipelineId, Status};
use store::ops;

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::compiled::Reveal;

/// Why a pipeline is as it is.
#[derive(Debug)]
pub struct Explained {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What is wrong with its configuration, or why else it never had jobs.
    pub errors: Vec<String>,
    /// The explanation; `None` when rules had no part in it.
    pub explanation: Option<Explanation>,
}

/// Explains a pipeline.
///
/// # Errors
///
/// As [`read::get`](super::read::get), and 403 for those who may not read the code; 404 with a text of its own for a pipeline that was
/// created by a version that kept no explanations.
pub async fn explain(app: &App, caller: Caller, key: ProjectKey, id: PipelineId) -> Result<Explained> {
    let this = app.clone();
    let (pipeline, stored, reveal) = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadPipelines)?;
            // Rules are part of the code, and shown here.
            access.require(&caller, Ability::ReadCode)?;
            let pipeline = ops::pipelines::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            let stored = ops::explanations::of_pipeline(tx, id)?;
            let reveal = reveal(&access, &caller, &pipeline);
            Ok::<_, Error>((pipeline, stored, reveal))
        })
        .await?;
    if let Some(stored) = stored {
        let mut explanation = keep::open(&app.keys, pipeline.project_id, &stored)?;
        reveal.apply(&mut explanation);
        return Ok(Explained {
            errors: pipeline.yaml_errors.clone().into_iter().collect(),
            pipeline,
            explanation: Some(explanation),
        });
    }
    let why = without_jobs(&pipeline).ok_or_else(|| Error::Status {
        status: 404,
        message: "404 Explanation Not Found".to_owned(),
    })?;
    Ok(Explained {
        pipeline,
        errors: vec![why],
        explanation: None,
    })
}

/// Why a pipeline never had jobs.
fn without_jobs(pipeline: &Pipeline) -> Option<String> {
    if let Some(errors) = &pipeline.yaml_errors {
        return Some(errors.clone());
    }
    if !pipeline.stages.is_empty() {
        return None;
    }
    match (pipeline.status, pipeline.failure_reason) {
        (Status::Skipped, _) => Some("The push or its commit message asked to skip CI".to_owned()),
        (_, Some(reason)) => Some(format!("The pipeline failed before it had jobs: {reason}")),
        _ => None,
    }
}

fn reveal(access: &ProjectAccess, caller: &Caller, pipeline: &Pipeline) -> Reveal {
    let started_it = caller.user().is_some_and(|user| Some(user.id) == pipeline.user_id);
    Reveal {
        settings: access.allows(caller, Ability::AdminProject),
        given: (started_it && access.role >= AccessLevel::Developer)
            || access.allows(caller, Ability::ReadPipelineVariables),
    }
}
