//! A project with many pipelines of the last weeks, and a job with a long log, without the server.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use model::{
    DefinitionId, GitRef, JobDefinition, JobId, OnJobFailure, OnNewCommit, ProjectId, Sha, Source, StageState, Status,
    Timestamp, TriggerTokenId, UserId,
};
use store::ops::page::Page;
use store::ops::pipelines::{Given, NewPipeline, PipelineFilter};
use store::{Options, Store, StoreError, Tx, ops};

/// Pipelines of one transaction.
const BATCH: usize = 500;

/// Microseconds between two pipelines: 100,000 of them in seven weeks.
const APART: i64 = 42_000_000;

const STAGES: [&str; 3] = ["build", "test", "deploy"];

/// What is measured of it.
pub(super) struct Filled {
    /// A token that started one of a thousand pipelines.
    pub(super) rare_token: i64,
}

/// What the rows point at.
struct Parts {
    project: ProjectId,
    user: UserId,
    tokens: [TriggerTokenId; 2],
    definitions: Vec<DefinitionId>,
    sha: Sha,
    now: Timestamp,
    count: usize,
}

/// Inserts pipelines with three jobs each that have ended.
pub(super) async fn fill(data: &Path, project: i64, count: usize) -> anyhow::Result<Filled> {
    let store = Store::open(&Options::sqlite(data.join("tripline.db")))?;
    let parts = Arc::new(store.write(move |tx| prepare(tx, ProjectId(project), count)).await?);
    for start in (0..count).step_by(BATCH) {
        let parts = Arc::clone(&parts);
        store
            .write(move |tx| (start..(start + BATCH).min(count)).try_for_each(|number| insert(tx, &parts, number)))
            .await?;
    }
    store.close().await;
    Ok(Filled {
        rare_token: parts.tokens[1].0,
    })
}

/// The project's own pipeline says whose they are and what they are of.
fn prepare(tx: &mut dyn Tx, project: ProjectId, count: usize) -> Result<Parts, StoreError> {
    let newest = ops::pipelines::list(tx, &PipelineFilter::new(project), Page::of(1, 1))?;
    let known = newest.into_iter().next().expect("a pipeline was started before");
    let user = known.user_id.expect("its user");
    let mut token = |digest: [u8; 32], short: &str| {
        let new = ops::trigger_tokens::NewTriggerToken {
            project_id: project,
            owner_id: user,
            digest: &digest,
            description: Some("Importer"),
            short,
            sealed: &[],
            expires_at: None,
            limits: &model::TriggerLimits::default(),
            fixed: None,
            created_at: known.created_at,
        };
        ops::trigger_tokens::create(tx, &new).map(|token| token.id)
    };
    let tokens = [token([1; 32], "Aaaa")?, token([2; 32], "Bbbb")?];
    let bodies: Vec<String> = STAGES
        .iter()
        .map(|stage| {
            let definition = JobDefinition {
                name: (*stage).to_owned(),
                stage: (*stage).to_owned(),
                ..JobDefinition::default()
            };
            serde_json::to_string(&definition).expect("definitions are JSON")
        })
        .collect();
    let new: Vec<_> = bodies
        .iter()
        .zip(1_u8..)
        .map(|(body, number)| ops::definitions::NewDefinition {
            digest: [number; 32],
            body,
        })
        .collect();
    Ok(Parts {
        project,
        user,
        tokens,
        definitions: ops::definitions::ensure(tx, &new)?,
        sha: known.sha,
        now: known.created_at,
        count,
    })
}

fn insert(tx: &mut dyn Tx, parts: &Parts, number: usize) -> Result<(), StoreError> {
    let age = i64::try_from(parts.count - number).unwrap_or(0) * APART;
    let created_at = Timestamp(parts.now.0 - age);
    let status = match number % 10 {
        0 | 1 => Status::Failed,
        2 => Status::Canceled,
        _ => Status::Success,
    };
    let git_ref = match number % 3 {
        0 => GitRef::branch("main"),
        _ => GitRef::branch(format!("feature-{}", number % 200)),
    };
    let stages: Vec<StageState> = (1..)
        .zip(STAGES)
        .map(|(index, name)| StageState {
            index,
            name: name.to_owned(),
            status,
        })
        .collect();
    let name = format!("Nightly {number}");
    let token = match number % 1_000 {
        0 => Some(parts.tokens[1]),
        _ => number.is_multiple_of(4).then_some(parts.tokens[0]),
    };
    let new = NewPipeline {
        iid: None,
        project_id: parts.project,
        user_id: Some(parts.user),
        sha: &parts.sha,
        before_sha: &parts.sha,
        git_ref: &git_ref,
        protected: true,
        status,
        stages: &stages,
        source: match (token, number % 7) {
            (Some(_), _) => Source::Trigger,
            (None, 0) => Source::Schedule,
            (None, _) => Source::Push,
        },
        name: Some(&name),
        yaml_errors: None,
        failure_reason: None,
        on_new_commit: OnNewCommit::Conservative,
        on_job_failure: OnJobFailure::None,
        trigger_token_id: token,
        schedule_id: None,
        upstream_job_id: None,
        upstream_pipeline_id: None,
        created_at,
        finished_at: Some(created_at),
        explanation: None,
    };
    let pipeline = ops::pipelines::insert(
        tx,
        &new,
        &Given {
            variables: None,
            inputs: None,
        },
    )?;
    jobs(tx, parts, &pipeline, status)?;
    let took = i64::try_from(number % 900).unwrap_or(0) + 20;
    let ended = model::Pipeline {
        started_at: Some(Timestamp(created_at.0 + 3_000_000)),
        finished_at: Some(Timestamp(created_at.0 + took * 1_000_000)),
        duration_seconds: Some(took),
        ..pipeline
    };
    ops::pipelines::save(tx, &ended).map(drop)
}

fn jobs(tx: &mut dyn Tx, parts: &Parts, pipeline: &model::Pipeline, status: Status) -> Result<(), StoreError> {
    let planned: Vec<_> = STAGES
        .iter()
        .zip(1..)
        .map(|(stage, index)| crate::rows::job(stage, index))
        .collect();
    let rows: Vec<_> = planned
        .iter()
        .zip(&parts.definitions)
        .map(|(job, definition)| ops::jobs::NewJob {
            status,
            ..ops::jobs::NewJob::planned(pipeline, job, *definition)
        })
        .collect();
    ops::jobs::insert(tx, &rows).map(drop)
}

/// Writes a log of lines as compilers print them.
pub(super) async fn write_log(blobs: &Path, job: i64, length: usize) -> anyhow::Result<()> {
    let blobs = blob::Blobs::new(blobs)?;
    let (mut offset, mut line) = (0, 0_u64);
    while offset < length as u64 {
        let mut text = String::with_capacity(1 << 20);
        while text.len() < 1 << 20 {
            line += 1;
            text.push_str(&format!(
                "\u{1b}[32m   Compiling\u{1b}[0m part {line} of the shop, with its tests and its documents\n"
            ));
        }
        let size = text.len() as u64;
        blobs
            .traces
            .append(JobId(job), offset, text.into(), u64::MAX)
            .await
            .context("the log can be written")?;
        offset += size;
    }
    Ok(())
}
