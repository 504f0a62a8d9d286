//! The rows of one trigger call with three jobs, inserted without anything around them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use model::job::PlannedJob;
use model::{
    DefinitionId, ExplanationId, GitRef, JobDefinition, OnJobFailure, OnNewCommit, Project, ProjectId, Sha, Source,
    StageState, Status, Timestamp, TriggerOutcome, TriggerTokenId, UserId, Visibility, When,
};
use store::ops::explanations::OfPipeline;
use store::ops::jobs::NewJob;
use store::ops::pipelines::{Given, NewPipeline};
use store::ops::trigger_log::NewEntry;
use store::{Store, StoreError, ops};

/// What the rows point at.
#[derive(Clone)]
pub(crate) struct Place(Arc<Parts>);

struct Parts {
    project: ProjectId,
    user: UserId,
    token: TriggerTokenId,
    definitions: Vec<DefinitionId>,
    explanation: ExplanationId,
    jobs: Vec<PlannedJob>,
    stages: Vec<StageState>,
    given: Given,
    sha: Sha,
}

const STAGES: [&str; 3] = ["build", "test", "deploy"];

/// Makes a user, a project, a token and three definitions.
pub(crate) async fn prepare(store: &Store) -> Result<Place, StoreError> {
    let jobs: Vec<PlannedJob> = STAGES.iter().zip(1..).map(|(stage, index)| job(stage, index)).collect();
    let for_write = jobs.clone();
    let (project, user, token, definitions, explanation) = store
        .write(move |tx| {
            let user = ops::users::create(
                tx,
                &ops::users::NewUser {
                    username: "root",
                    name: "Administrator",
                    email: "root@localhost",
                    is_admin: true,
                    is_bot: false,
                    password_hash: None,
                    created_at: now(),
                },
            )?;
            let project: Project = ops::projects::create(
                tx,
                &ops::projects::NewProject {
                    namespace_id: user.namespace_id,
                    name: "three",
                    path: "three",
                    full_path: "root/three",
                    description: None,
                    visibility: Visibility::Private,
                    default_branch: Some("main"),
                    creator_id: Some(user.id),
                    attached_repository: None,
                    created_at: now(),
                    settings: &model::project::ProjectSettings::default(),
                },
            )?;
            let token = ops::trigger_tokens::create(
                tx,
                &ops::trigger_tokens::NewTriggerToken {
                    project_id: project.id,
                    owner_id: user.id,
                    digest: &[1; 32],
                    description: None,
                    short: "abcd",
                    sealed: &[0; 64],
                    expires_at: None,
                    limits: &model::TriggerLimits::default(),
                    fixed: None,
                    created_at: now(),
                },
            )?;
            let definitions: Vec<_> = for_write
                .iter()
                .zip(0u8..)
                .map(|(job, number)| (job.definition.name.clone(), [number; 32]))
                .collect();
            let new: Vec<_> = definitions
                .iter()
                .map(|(body, digest)| ops::definitions::NewDefinition { digest: *digest, body })
                .collect();
            let ids = ops::definitions::ensure(tx, &new)?;
            let explanation = ops::explanations::ensure(tx, &[1; 32], &[0; 300])?;
            Ok::<_, StoreError>((project.id, user.id, token.id, ids, explanation))
        })
        .await?;
    let stages = jobs
        .iter()
        .map(|job| StageState {
            index: job.stage_index,
            name: job.definition.stage.clone(),
            status: Status::Created,
        })
        .collect();
    Ok(Place(Arc::new(Parts {
        project,
        user,
        token,
        definitions,
        explanation,
        jobs,
        stages,
        given: Given {
            variables: Some(vec![7; 300]),
            inputs: None,
        },
        sha: Sha::zero(),
    })))
}

/// Inserts a pipeline with three jobs; returns after the commit.
pub(crate) async fn insert(store: &Store, place: &Place) -> Result<(), StoreError> {
    let place = place.clone();
    store
        .write_for(place.0.project, move |tx| {
            let parts = &place.0;
            let now = now();
            let new = NewPipeline {
                project_id: parts.project,
                iid: None,
                user_id: Some(parts.user),
                sha: &parts.sha,
                before_sha: &parts.sha,
                git_ref: &GitRef::branch("main"),
                protected: true,
                status: Status::Pending,
                stages: &parts.stages,
                source: Source::Trigger,
                name: None,
                yaml_errors: None,
                failure_reason: None,
                on_new_commit: OnNewCommit::Conservative,
                on_job_failure: OnJobFailure::None,
                trigger_token_id: Some(parts.token),
                schedule_id: None,
                upstream_job_id: None,
                upstream_pipeline_id: None,
                created_at: now,
                finished_at: None,
                explanation: Some(OfPipeline {
                    id: parts.explanation,
                    values: None,
                }),
            };
            let pipeline = ops::pipelines::insert(tx, &new, &parts.given)?;
            ops::trigger_tokens::touch(tx, parts.token, now)?;
            let mut jobs: Vec<NewJob<'_>> = parts
                .jobs
                .iter()
                .zip(&parts.definitions)
                .map(|(job, definition)| NewJob::planned(&pipeline, job, *definition))
                .collect();
            jobs[0].status = Status::Pending;
            jobs[0].queued_at = Some(now);
            ops::jobs::insert(tx, &jobs)?;
            ops::trigger_log::insert(
                tx,
                &NewEntry {
                    project_id: parts.project,
                    created_at: now,
                    outcome: TriggerOutcome::Accepted,
                    reason: None,
                    status: 201,
                    token_id: Some(parts.token),
                    token_short: Some("abcd"),
                    token_description: Some("benchmark"),
                    job_id: None,
                    user_id: Some(parts.user),
                    address: Some("127.0.0.1"),
                    ref_name: Some("main"),
                    is_tag: Some(false),
                    sha: Some(&parts.sha),
                    pipeline_id: Some(pipeline.id),
                    payload_digest: Some(&[3; 32]),
                    repeats: None,
                    calls: 1,
                },
            )
        })
        .await
}

/// A planned job of that stage, named after it.
pub(crate) fn job(stage: &str, stage_index: u32) -> PlannedJob {
    PlannedJob {
        definition: Arc::new(JobDefinition {
            name: stage.to_owned(),
            stage: stage.to_owned(),
            ..JobDefinition::default()
        }),
        stage_index,
        when: When::OnSuccess,
        start_in_seconds: None,
        allow_failure: false,
        allow_failure_exit_codes: false,
        needs: None,
        rule_variables: Vec::new(),
        interruptible: None,
        tags: Vec::new(),
        environment: None,
        environment_tier: None,
        environment_auto_stop_in: None,
        resource_group: None,
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
