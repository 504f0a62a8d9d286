//! Storing a pipeline: everything is decided before, one transaction writes it.
//!
//! The jobs that may start at once are inserted as pending, so a trigger costs one commit and no
//! second look. Definitions are stored once per content; an unchanged configuration inserts none.

use std::sync::Arc;

use compile::Plan;
use model::{
    DefinitionId, ExplanationId, FailureReason, GitRef, JobId, OnJobFailure, OnNewCommit, Pipeline,
    PipelineFailureReason, PipelineIid, ProjectId, Sha, StageState, Status, Timestamp,
};
use schedule::{Before, Decisions, JobState};
use sha2::{Digest, Sha256};
use store::ops::definitions::NewDefinition;
use store::ops::jobs::NewJob;
use store::ops::pipelines::Given;
use store::{StoreError, Tx, ops};

use crate::App;
use crate::environments::{self, create::New};
use crate::error::{Error, Result};
use crate::hooks::happened;
use crate::jobs::settle;
use crate::pipelines::compiled::Place;
use crate::pipelines::config::Form;
use crate::pipelines::create::{Created, Outcome, Prepared};
use crate::pipelines::explanation::keep::{Remembered, Why};
use crate::pipelines::given;
use crate::pipelines::outdated;
use crate::pipelines::request::{NewPipeline, Refusal};

/// Stores a pipeline and its jobs.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(super) async fn store(app: &App, request: Arc<NewPipeline>, prepared: Prepared) -> Result<Created> {
    let warnings = prepared.warnings;
    let row = Arc::new(Row::of(app, request, prepared.place, prepared.outcome)?);
    let written = row.write(app).await?;
    let pipeline = after(app, &row, written).await;
    Ok(Created {
        pipeline,
        project: row.request.project.clone(),
        user: row.request.user.clone(),
        warnings,
        replayed: false,
    })
}

/// Does what a new pipeline sets off; returns it as it is then.
///
/// It is stored and will be answered whatever happens here: what fails is logged, and found again by the sweep.
pub(crate) async fn after(app: &App, row: &Row, written: Written) -> Pipeline {
    let Written {
        pipeline,
        definitions,
        explanation,
        outdates,
    } = written;
    let log = |error: &Error| {
        tracing::error!(pipeline.id = %pipeline.id, error = error as &dyn std::error::Error,
            "could not look after new pipeline {}", pipeline.id);
    };
    let Some(jobs) = &row.jobs else {
        return pipeline;
    };
    jobs.form
        .remember_definitions(jobs.plan.jobs.iter().map(|job| &job.definition).zip(definitions));
    if let (Some(why), Some(id)) = (&row.why, explanation) {
        jobs.form.explanations.insert(why, id);
    }
    if outdates && let Err(error) = outdated::cancel_outdated(app, &row.request.project, &pipeline).await {
        log(&error);
    }
    if !jobs.set_off_more() {
        return pipeline;
    }
    match settle::look(app, pipeline.id).await {
        Ok(Some(settled)) => settled.pipeline,
        Ok(None) => pipeline,
        Err(error) => {
            log(&error);
            pipeline
        }
    }
}

/// Stores a pipeline that failed before it had jobs.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(super) async fn store_failed(
    app: &App,
    request: Arc<NewPipeline>,
    place: (GitRef, bool, Sha),
    reason: PipelineFailureReason,
    refusal: &Refusal,
) -> Result<Pipeline> {
    let row = Row::failed(app, request, place, reason, refusal)?;
    Ok(Arc::new(row).write(app).await?.pipeline)
}

/// What was written.
pub(crate) struct Written {
    /// The pipeline.
    pub(crate) pipeline: Pipeline,
    /// Ids of the jobs' definitions, in the order of the plan.
    definitions: Vec<DefinitionId>,
    /// Id of what its explanation has in common with others.
    explanation: Option<ExplanationId>,
    /// Whether it may make older pipelines superfluous.
    outdates: bool,
}

/// A pipeline as it will be stored.
pub(crate) struct Row {
    request: Arc<NewPipeline>,
    git_ref: GitRef,
    protected: bool,
    sha: Sha,
    now: Timestamp,
    given: Given,
    status: Status,
    finished_at: Option<Timestamp>,
    failure_reason: Option<PipelineFailureReason>,
    yaml_errors: Option<String>,
    jobs: Option<Jobs>,
    why: Option<Why>,
    /// A number that was taken already.
    iid: Option<PipelineIid>,
}

impl Row {
    fn new(app: &App, request: Arc<NewPipeline>, (git_ref, protected, sha): (GitRef, bool, Sha)) -> Result<Row> {
        let now = app.clock.now();
        let given = given(app, &request, now)?;
        Ok(Row {
            request,
            git_ref,
            protected,
            sha,
            now,
            given,
            status: Status::Created,
            finished_at: None,
            failure_reason: None,
            yaml_errors: None,
            jobs: None,
            why: None,
            iid: None,
        })
    }

    /// A pipeline that was decided.
    pub(crate) fn of(app: &App, request: Arc<NewPipeline>, place: Place, outcome: Outcome) -> Result<Row> {
        let mut row = Row::new(app, request, (place.git_ref, place.protected, place.sha))?;
        match outcome {
            Outcome::Skip => {
                row.status = Status::Skipped;
                row.finished_at = Some(row.now);
            }
            Outcome::Run { plan, compiled, why } => {
                row.iid = compiled.iid;
                let jobs = Jobs::decide(plan, compiled.form, row.now)?;
                row.status = jobs.decisions.pipeline;
                row.jobs = Some(jobs);
                row.why = Some(why);
            }
        }
        Ok(row)
    }

    /// A pipeline that failed before it had jobs.
    pub(crate) fn failed(
        app: &App,
        request: Arc<NewPipeline>,
        place: (GitRef, bool, Sha),
        reason: PipelineFailureReason,
        refusal: &Refusal,
    ) -> Result<Row> {
        let project = request.project.id;
        let mut row = Row::new(app, request, place)?;
        row.status = Status::Failed;
        row.finished_at = Some(row.now);
        row.failure_reason = Some(reason);
        row.yaml_errors = (reason == PipelineFailureReason::ConfigError).then(|| refusal.message.clone());
        if let Some(explanation) = &refusal.explanation {
            row.why = Some(Why::new(&app.keys, project, &Remembered::default(), explanation, None)?);
        }
        Ok(row)
    }

    /// Returns the project it will be in.
    pub(crate) fn project(&self) -> ProjectId {
        self.request.project.id
    }

    /// Writes everything.
    async fn write(self: &Arc<Self>, app: &App) -> Result<Written> {
        let this = Arc::clone(self);
        let project = this.request.project.id;
        let write = move |tx: &mut dyn Tx| {
            this.take_due_time(tx)?;
            let written = this.insert(tx)?;
            // A failed pipeline is a refusal: the call may be sent again.
            if let Some(once) = &this.request.provenance.once
                && this.failure_reason.is_none()
            {
                once.remember(tx, &written.pipeline, this.now)?;
            }
            happened::created(tx, &this.request.project, &written.pipeline)?;
            Ok::<_, Error>(written)
        };
        app.store.write_for(project, write).await
    }

    /// Takes the due time of the schedule, if one started this.
    fn take_due_time(&self, tx: &mut dyn Tx) -> Result<()> {
        let due = self.request.schedule.as_ref().and_then(|schedule| schedule.due);
        if let Some(due) = due
            && !ops::schedules::take(tx, due)?
        {
            return Err(Error::Status {
                status: 409,
                message: "the due time was taken already".to_owned(),
            });
        }
        Ok(())
    }

    /// Writes everything in a transaction that may do more.
    pub(crate) fn insert(&self, tx: &mut dyn Tx) -> Result<Written, StoreError> {
        let explanation = self.why.as_ref().map(|why| why.store(tx)).transpose()?;
        let pipeline = self.insert_pipeline(tx, explanation)?;
        let chain = &self.request.provenance.chain;
        if !chain.is_empty() {
            ops::trigger_chains::insert(tx, pipeline.id, &chain.to_string())?;
        }
        let record = self.request.provenance.record.as_deref();
        if let Some(record) = record {
            let problem = self
                .failure_reason
                .map(|_| self.yaml_errors.as_deref().unwrap_or_default());
            record.created(tx, &pipeline, problem)?;
        }
        // Whoever repeats a call does not use its token.
        if let Some((token, _)) = &self.request.trigger
            && record.is_none_or(|record| record.repeats.is_none())
        {
            ops::trigger_tokens::touch(tx, *token, self.now)?;
        }
        let Some(jobs) = &self.jobs else {
            // A pipeline without jobs (skipped by its commit message) makes nothing superfluous.
            return Ok(Written {
                pipeline,
                definitions: Vec::new(),
                explanation,
                outdates: false,
            });
        };
        let definitions = jobs.definition_ids(tx)?;
        jobs.insert(tx, &pipeline, &definitions)?;
        Ok(Written {
            outdates: outdated::may_outdate(tx, &self.request.project, &pipeline)?,
            pipeline,
            definitions,
            explanation,
        })
    }

    fn insert_pipeline(&self, tx: &mut dyn Tx, explanation: Option<ExplanationId>) -> Result<Pipeline, StoreError> {
        let request = &self.request;
        let plan = self.jobs.as_ref().map(|jobs| &jobs.plan);
        let new = ops::pipelines::NewPipeline {
            project_id: request.project.id,
            iid: self.iid,
            user_id: Some(request.user.id),
            sha: &self.sha,
            before_sha: &request.before_sha,
            git_ref: &self.git_ref,
            protected: self.protected,
            status: self.status,
            stages: self.jobs.as_ref().map_or(&[], |jobs| &jobs.stages),
            source: request.source,
            name: plan.and_then(|plan| plan.name.as_deref()),
            yaml_errors: self.yaml_errors.as_deref(),
            failure_reason: self.failure_reason,
            on_new_commit: plan.map_or(OnNewCommit::Conservative, |plan| plan.on_new_commit),
            on_job_failure: plan.map_or(OnJobFailure::None, |plan| plan.on_job_failure),
            trigger_token_id: request.trigger.as_ref().map(|(id, _)| *id),
            schedule_id: request.schedule.as_ref().map(|one| one.id),
            upstream_job_id: request.upstream.map(|upstream| upstream.job),
            upstream_pipeline_id: request.upstream.map(|upstream| upstream.pipeline),
            created_at: self.now,
            finished_at: self.finished_at,
            explanation: explanation.and_then(|id| Some(self.why.as_ref()?.of_pipeline(id))),
        };
        ops::pipelines::insert(tx, &new, &self.given)
    }
}

/// What the caller gave, as it is kept.
fn given(app: &App, request: &NewPipeline, now: Timestamp) -> Result<Given> {
    let variables: Vec<_> = request.variables.iter().chain(&request.call_variables).collect();
    let inputs = (!request.inputs.is_empty()).then(|| {
        let object: serde_json::Map<_, _> = request.inputs.iter().cloned().collect();
        serde_json::Value::Object(object).to_string()
    });
    Ok(Given {
        variables: given::seal(&app.keys, request.project.id, now, &variables)?,
        inputs,
    })
}

/// The jobs of a pipeline, with their first statuses.
struct Jobs {
    plan: Plan,
    form: Arc<Form>,
    decisions: Decisions,
    /// Those whose environments cannot be made.
    failed: Vec<usize>,
    stages: Vec<StageState>,
    /// Stored form of the definitions that may not be stored yet; `Err` is the id of one that is.
    definitions: Vec<std::result::Result<Body, DefinitionId>>,
}

fn stage(plan: &Plan, index: u32, status: Status) -> StageState {
    let name = usize::try_from(index).ok().and_then(|index| plan.stages.get(index));
    StageState {
        index,
        name: name.cloned().unwrap_or_default(),
        status,
    }
}

/// A definition as it is stored.
struct Body {
    digest: [u8; 32],
    json: String,
}

impl Jobs {
    fn decide(plan: Plan, form: Arc<Form>, now: Timestamp) -> Result<Jobs> {
        let mut states: Vec<JobState<'_>> = plan.jobs.iter().map(JobState::from).collect();
        let failed: Vec<usize> = (0..states.len())
            .filter(|job| !environments::create::is_possible(&plan.jobs[*job]))
            .collect();
        for job in &failed {
            states[*job].status = Status::Failed;
            states[*job].failure_reason = Some(FailureReason::EnvironmentCreationFailure);
        }
        let decisions = schedule::advance(&states, Before::NEW, now);
        let stages = decisions
            .stages
            .iter()
            .map(|(index, status)| stage(&plan, *index, *status))
            .collect();
        let known = form.definition_ids(plan.jobs.iter().map(|job| &job.definition));
        let definitions = plan
            .jobs
            .iter()
            .zip(known)
            .map(|(job, known)| match known {
                Some(id) => Ok(Err(id)),
                None => {
                    let json = serde_json::to_string(&*job.definition).map_err(Error::internal)?;
                    Ok(Ok(Body {
                        digest: Sha256::digest(&json).into(),
                        json,
                    }))
                }
            })
            .collect::<Result<_>>()?;
        Ok(Jobs {
            plan,
            form,
            decisions,
            failed,
            stages,
            definitions,
        })
    }

    /// Whether there are jobs that wait for a resource, or bridges to start.
    fn set_off_more(&self) -> bool {
        let sets_off = |change: &schedule::Change| {
            change.status == Status::WaitingForResource
                || (change.status == Status::Pending && self.plan.jobs[change.job].definition.is_bridge())
        };
        self.decisions.changes.iter().any(sets_off)
    }

    /// Returns the ids of all definitions, storing those that are not stored yet.
    fn definition_ids(&self, tx: &mut dyn Tx) -> Result<Vec<DefinitionId>, StoreError> {
        let new: Vec<NewDefinition<'_>> = self
            .definitions
            .iter()
            .filter_map(|definition| definition.as_ref().ok())
            .map(|body| NewDefinition {
                digest: body.digest,
                body: &body.json,
            })
            .collect();
        let mut stored = if new.is_empty() {
            Vec::new()
        } else {
            ops::definitions::ensure(tx, &new)?
        }
        .into_iter();
        let id_of = |definition: &std::result::Result<Body, DefinitionId>| match definition {
            Ok(_) => stored.next(),
            Err(id) => Some(*id),
        };
        let ids: Option<Vec<DefinitionId>> = self.definitions.iter().map(id_of).collect();
        ids.ok_or_else(|| StoreError::Database {
            statement: "definitions::ensure".to_owned(),
            message: "gave fewer ids than definitions".to_owned(),
        })
    }

    /// Stores the jobs and what belongs to them.
    fn insert(&self, tx: &mut dyn Tx, pipeline: &Pipeline, definitions: &[DefinitionId]) -> Result<(), StoreError> {
        let rows = self.rows(pipeline, definitions);
        let ids = ops::jobs::insert(tx, &rows)?;
        if !self.failed.is_empty() {
            let failed: Vec<JobId> = self.failed.iter().map(|job| ids[*job]).collect();
            let reason = FailureReason::EnvironmentCreationFailure;
            ops::jobs::fail(tx, &failed, reason, pipeline.created_at)?;
        }
        let with_environment: Vec<New<'_>> = (self.plan.jobs.iter().zip(&rows).zip(&ids))
            .filter(|((_, row), _)| row.status != Status::Failed)
            .filter_map(|((job, row), id)| New::planned(*id, row.status, row.user_id, job))
            .collect();
        environments::create::store(tx, pipeline, &with_environment, pipeline.created_at)
    }

    fn rows<'a>(&'a self, pipeline: &Pipeline, definitions: &[DefinitionId]) -> Vec<NewJob<'a>> {
        let mut rows: Vec<NewJob<'a>> = self
            .plan
            .jobs
            .iter()
            .zip(definitions)
            .map(|(job, definition)| NewJob::planned(pipeline, job, *definition))
            .collect();
        for job in &self.failed {
            rows[*job].status = Status::Failed;
        }
        for change in &self.decisions.changes {
            let row = &mut rows[change.job];
            row.status = change.status;
            row.scheduled_at = change.scheduled_at;
            row.queued_at = (change.status == Status::Pending).then_some(pipeline.created_at);
        }
        rows
    }
}
