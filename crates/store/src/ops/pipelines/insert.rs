//! Creating a pipeline with a number of its own.

use model::pipeline::StageState;
use model::{
    GitRef, JobId, OnJobFailure, OnNewCommit, Pipeline, PipelineFailureReason, PipelineId, PipelineIid, ProjectId,
    ScheduleId, Sha, Source, Status, Timestamp, TriggerTokenId, UserId,
};

use super::Given;
use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};
use crate::wake::Wake;

/// A pipeline to be created.
#[derive(Clone, Debug)]
pub struct NewPipeline<'a> {
    /// Its project.
    pub project_id: ProjectId,
    /// Who it runs as.
    pub user_id: Option<UserId>,
    /// The commit.
    pub sha: &'a Sha,
    /// The ref's commit before the push, or zeros.
    pub before_sha: &'a Sha,
    /// The branch or tag.
    pub git_ref: &'a GitRef,
    /// Whether the ref is protected.
    pub protected: bool,
    /// First status.
    pub status: Status,
    /// The stages that have jobs, in order.
    pub stages: &'a [StageState],
    /// Why it exists.
    pub source: Source,
    /// `workflow:name`.
    pub name: Option<&'a str>,
    /// What is wrong with the configuration.
    pub yaml_errors: Option<&'a str>,
    /// Why it failed at once.
    pub failure_reason: Option<PipelineFailureReason>,
    /// `workflow:auto_cancel:on_new_commit`.
    pub on_new_commit: OnNewCommit,
    /// `workflow:auto_cancel:on_job_failure`.
    pub on_job_failure: OnJobFailure,
    /// The trigger token.
    pub trigger_token_id: Option<TriggerTokenId>,
    /// The schedule.
    pub schedule_id: Option<ScheduleId>,
    /// The job that started it.
    pub upstream_job_id: Option<JobId>,
    /// The pipeline of that job.
    pub upstream_pipeline_id: Option<PipelineId>,
    /// Now.
    pub created_at: Timestamp,
    /// Now, for a pipeline that ended before it began.
    pub finished_at: Option<Timestamp>,
}

macro_rules! insert {
    () => {
        "INSERT INTO pipelines (iid, project_id, user_id, sha, before_sha, ref_name, is_tag, protected, status, stages, source, name, \
         yaml_errors, failure_reason, on_new_commit, on_job_failure, trigger_token_id, schedule_id, upstream_job_id, \
         upstream_pipeline_id, created_at, updated_at, finished_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?21, ?22)"
    };
}

statements! {
    // On SQLite two small statements are cheaper than one that returns a row.
    COUNT_UP = "UPDATE project_counters SET pipeline_iid = pipeline_iid + 1 WHERE project_id = ?1";
    COUNTED = "SELECT pipeline_iid FROM project_counters WHERE project_id = ?1";
    NEXT_IID = "UPDATE project_counters SET pipeline_iid = pipeline_iid + 1 WHERE project_id = ?1 RETURNING pipeline_iid";
    INSERT = both(insert!(), concat!(insert!(), " RETURNING id"));
    INSERT_GIVEN = "INSERT INTO pipeline_given (pipeline_id, variables, inputs) VALUES (?1, ?2, ?3)";
}

/// Creates a pipeline with the next number of its project; `given` is kept when there is anything in it.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the project does not exist.
pub fn insert(tx: &mut dyn Tx, new: &NewPipeline<'_>, given: &Given) -> Result<Pipeline, StoreError> {
    let iid = next_iid(tx, new.project_id)?;
    let id = PipelineId(tx.insert(
        &INSERT,
        params![
            iid,
            new.project_id,
            new.user_id,
            new.sha,
            new.before_sha,
            &new.git_ref.name,
            new.git_ref.is_tag,
            new.protected,
            new.status,
            Json::text_unless_empty(new.stages).as_ref(),
            new.source,
            new.name,
            new.yaml_errors,
            new.failure_reason,
            new.on_new_commit,
            new.on_job_failure,
            new.trigger_token_id,
            new.schedule_id,
            new.upstream_job_id,
            new.upstream_pipeline_id,
            new.created_at,
            new.finished_at
        ],
    )?);
    if given.variables.is_some() || given.inputs.is_some() {
        tx.execute(
            &INSERT_GIVEN,
            params![id, given.variables.as_ref(), given.inputs.as_ref()],
        )?;
    }
    tx.notify(Wake::Project(new.project_id));
    Ok(new.stored(id, iid))
}

fn next_iid(tx: &mut dyn Tx, project: ProjectId) -> Result<PipelineIid, StoreError> {
    let next = if tx.is_postgres() {
        tx.optional(&NEXT_IID, params![project], column)?
    } else {
        tx.execute(&COUNT_UP, params![project])?;
        tx.optional(&COUNTED, params![project], column)?
    };
    next.ok_or_else(|| StoreError::ForeignKey {
        statement: NEXT_IID.name.to_owned(),
        message: format!("project {project} does not exist"),
    })
}

impl NewPipeline<'_> {
    fn stored(&self, id: PipelineId, iid: PipelineIid) -> Pipeline {
        Pipeline {
            id,
            iid,
            project_id: self.project_id,
            user_id: self.user_id,
            sha: self.sha.clone(),
            before_sha: self.before_sha.clone(),
            git_ref: self.git_ref.clone(),
            protected: self.protected,
            status: self.status,
            stages: self.stages.to_vec(),
            source: self.source,
            name: self.name.map(str::to_owned),
            yaml_errors: self.yaml_errors.map(str::to_owned),
            failure_reason: self.failure_reason,
            on_new_commit: self.on_new_commit,
            on_job_failure: self.on_job_failure,
            trigger_token_id: self.trigger_token_id,
            schedule_id: self.schedule_id,
            upstream_job_id: self.upstream_job_id,
            upstream_pipeline_id: self.upstream_pipeline_id,
            created_at: self.created_at,
            updated_at: self.created_at,
            started_at: None,
            finished_at: self.finished_at,
            duration_seconds: None,
        }
    }
}
