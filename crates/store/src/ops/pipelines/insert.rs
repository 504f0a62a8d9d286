//! Creating a pipeline with a number of its own.

use model::pipeline::StageState;
use model::{
    GitRef, JobId, OnJobFailure, OnNewCommit, Pipeline, PipelineFailureReason, PipelineId, PipelineIid, ProjectId,
    ScheduleId, Sha, Source, Status, Timestamp, TriggerTokenId, UserId,
};

use super::Given;
use crate::error::StoreError;
use crate::ops::explanations;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, Param, params};
use crate::wake::Wake;

/// A pipeline to be created.
#[derive(Clone, Debug)]
pub struct NewPipeline<'a> {
    /// Its project.
    pub project_id: ProjectId,
    /// A number that was taken for it ([`take_iid`]); otherwise it gets the next one.
    pub iid: Option<PipelineIid>,
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
    /// Why it has the jobs it has.
    pub explanation: Option<explanations::OfPipeline<'a>>,
}

macro_rules! columns {
    () => {
        "iid, project_id, user_id, sha, before_sha, ref_name, is_tag, protected, status, stages, source, name, \
         yaml_errors, failure_reason, on_new_commit, on_job_failure, trigger_token_id, schedule_id, upstream_job_id, \
         upstream_pipeline_id, created_at, updated_at, finished_at"
    };
}
macro_rules! values {
    () => {
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?20, ?21"
    };
}

statements! {
    COUNT_UP = "UPDATE project_counters SET pipeline_iid = pipeline_iid + 1 WHERE project_id = ?1";
    INSERT = both(
        concat!("INSERT INTO pipelines (", columns!(), ") \
            VALUES ((SELECT pipeline_iid FROM project_counters WHERE project_id = ?1), ", values!(), ")"),
        concat!("WITH next AS (UPDATE project_counters SET pipeline_iid = pipeline_iid + 1 WHERE project_id = ?1 RETURNING pipeline_iid), \
            new AS (INSERT INTO pipelines (", columns!(), ") SELECT pipeline_iid, ", values!(), " FROM next RETURNING id, iid), \
            given AS (INSERT INTO pipeline_given (pipeline_id, variables, inputs, explanation_id, explanation_values) \
                SELECT id, ?22::bytea, ?23::text, ?24::bigint, ?25::bytea FROM new \
                WHERE ?22::bytea IS NOT NULL OR ?23::text IS NOT NULL OR ?24::bigint IS NOT NULL) \
            SELECT id, iid FROM new"),
    );
    INSERT_NUMBERED = both(
        concat!("INSERT INTO pipelines (", columns!(), ") VALUES (?22, ", values!(), ")"),
        concat!("INSERT INTO pipelines (", columns!(), ") VALUES (?22, ", values!(), ") RETURNING id"),
    );
    IID = "SELECT iid FROM pipelines WHERE id = ?1";
    LAST_IID = "SELECT pipeline_iid FROM project_counters WHERE project_id = ?1";
    INSERT_GIVEN = "INSERT INTO pipeline_given (pipeline_id, variables, inputs, explanation_id, explanation_values) \
        VALUES (?1, ?2, ?3, ?4, ?5)";
}

/// Returns the number that the next pipeline of a project gets; 1 for a project that does not exist.
///
/// # Errors
///
/// What the database said.
pub fn next_iid(tx: &mut dyn Tx, project: ProjectId) -> Result<PipelineIid, StoreError> {
    let last: Option<i64> = tx.optional(&LAST_IID, params![project], column)?;
    Ok(PipelineIid(last.unwrap_or(0) + 1))
}

/// Takes the next number of a project: no other pipeline gets it, whatever becomes of this one.
///
/// # Errors
///
/// What the database said.
pub fn take_iid(tx: &mut dyn Tx, project: ProjectId) -> Result<PipelineIid, StoreError> {
    // The counter is locked first: two that take a number at the same time take two numbers.
    tx.execute(&COUNT_UP, params![project])?;
    tx.one(&LAST_IID, params![project], column)
}

/// Creates a pipeline with the next number of its project, or the one it has; `given` and the explanation are kept when there is anything in them.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the project does not exist.
pub fn insert(tx: &mut dyn Tx, new: &NewPipeline<'_>, given: &Given) -> Result<Pipeline, StoreError> {
    let stages = Json::text_unless_empty(new.stages);
    let columns = new.columns(stages.as_ref());
    let given = new.given(given);
    let inserted = match new.iid {
        Some(iid) => Some((numbered(tx, &columns, iid, &given)?, iid)),
        None if tx.is_postgres() => in_one_statement(tx, &columns, &given)?,
        None => in_small_statements(tx, &columns, &given)?,
    };
    let (id, iid) = inserted.ok_or_else(|| StoreError::ForeignKey {
        statement: INSERT.name.to_owned(),
        message: format!("project {} does not exist", new.project_id),
    })?;
    tx.notify(Wake::Project(new.project_id));
    Ok(new.stored(id, iid))
}

/// One question to the server and back instead of three, while the counter is locked.
fn in_one_statement(
    tx: &mut dyn Tx,
    columns: &[Param<'_>],
    given: &[Param<'_>; 4],
) -> Result<Option<(PipelineId, PipelineIid)>, StoreError> {
    let mut params = columns.to_vec();
    params.extend_from_slice(given);
    tx.optional(&INSERT, &params, |row| Ok((row.read()?, row.read()?)))
}

/// Cheaper for SQLite than statements that return rows.
fn in_small_statements(
    tx: &mut dyn Tx,
    columns: &[Param<'_>],
    given: &[Param<'_>; 4],
) -> Result<Option<(PipelineId, PipelineIid)>, StoreError> {
    if tx.execute(&COUNT_UP, &columns[..1])? == 0 {
        return Ok(None);
    }
    let id = PipelineId(tx.insert(&INSERT, columns)?);
    let iid = tx.one(&IID, params![id], column)?;
    insert_given(tx, id, given)?;
    Ok(Some((id, iid)))
}

/// With a number that was taken before.
fn numbered(
    tx: &mut dyn Tx,
    columns: &[Param<'_>],
    iid: PipelineIid,
    given: &[Param<'_>; 4],
) -> Result<PipelineId, StoreError> {
    let mut params = columns.to_vec();
    params.push(iid.into());
    let id = PipelineId(tx.insert(&INSERT_NUMBERED, &params)?);
    insert_given(tx, id, given)?;
    Ok(id)
}

fn insert_given(tx: &mut dyn Tx, id: PipelineId, given: &[Param<'_>; 4]) -> Result<(), StoreError> {
    let [variables, inputs, explanation, values] = *given;
    if [variables, inputs, explanation].iter().any(|param| !param.is_null()) {
        tx.execute(&INSERT_GIVEN, &[id.into(), variables, inputs, explanation, values])?;
    }
    Ok(())
}

impl<'a> NewPipeline<'a> {
    /// The parameters of [`INSERT`], the project first.
    fn columns(&self, stages: Option<&'a String>) -> [Param<'a>; 21] {
        [
            self.project_id.into(),
            self.user_id.into(),
            self.sha.into(),
            self.before_sha.into(),
            (&self.git_ref.name).into(),
            self.git_ref.is_tag.into(),
            self.protected.into(),
            self.status.into(),
            stages.into(),
            self.source.into(),
            self.name.into(),
            self.yaml_errors.into(),
            self.failure_reason.into(),
            self.on_new_commit.into(),
            self.on_job_failure.into(),
            self.trigger_token_id.into(),
            self.schedule_id.into(),
            self.upstream_job_id.into(),
            self.upstream_pipeline_id.into(),
            self.created_at.into(),
            self.finished_at.into(),
        ]
    }

    /// The parameters of the row beside.
    fn given(&self, given: &'a Given) -> [Param<'a>; 4] {
        [
            given.variables.as_ref().into(),
            given.inputs.as_ref().into(),
            self.explanation.map(|explanation| explanation.id).into(),
            self.explanation.and_then(|explanation| explanation.values).into(),
        ]
    }

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
