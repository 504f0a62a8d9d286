//! Inserting all jobs of a pipeline.

use model::definition::YamlVariable;
use model::job::{Need, PlannedJob};
use model::{DefinitionId, Job, JobId, Pipeline, PipelineId, ProjectId, Status, Timestamp, UserId, When};

use crate::error::StoreError;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, Param};
use crate::wake::Wake;

/// A job to be created.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// Its project.
    pub project_id: ProjectId,
    /// Its pipeline.
    pub pipeline_id: PipelineId,
    /// Full name.
    pub name: &'a str,
    /// Name of its stage.
    pub stage: &'a str,
    /// Index of its stage.
    pub stage_index: u32,
    /// Its definition.
    pub definition_id: DefinitionId,
    /// Whether it only starts a downstream pipeline.
    pub is_bridge: bool,
    /// First status.
    pub status: Status,
    /// When it runs.
    pub when: When,
    /// Whether its failure does not count.
    pub allow_failure: bool,
    /// Whether `allow_failure:exit_codes` of the definition hold.
    pub allow_failure_exit_codes: bool,
    /// `Some` for a DAG job.
    pub needs: Option<&'a [Need]>,
    /// Variables that rules added.
    pub rule_variables: &'a [YamlVariable],
    /// Tags a runner must have.
    pub tags: &'a [String],
    /// Expanded environment name.
    pub environment: Option<&'a str>,
    /// Expanded resource group key.
    pub resource_group: Option<&'a str>,
    /// `interruptible`.
    pub interruptible: Option<bool>,
    /// Whether its ref is protected.
    pub protected: bool,
    /// For `when: delayed`: seconds to wait.
    pub start_in_seconds: Option<i64>,
    /// When a delayed job becomes due, if it is scheduled at once.
    pub scheduled_at: Option<Timestamp>,
    /// Whether it starts in its turn although `when` says manual or delayed.
    pub enqueue_immediately: bool,
    /// Who it runs as.
    pub user_id: Option<UserId>,
    /// Now.
    pub created_at: Timestamp,
    /// Now, for a job that is pending at once.
    pub queued_at: Option<Timestamp>,
}

impl<'a> NewJob<'a> {
    /// Returns the job of a plan, with status `created`.
    #[must_use]
    pub fn planned(pipeline: &Pipeline, planned: &'a PlannedJob, definition_id: DefinitionId) -> NewJob<'a> {
        NewJob {
            project_id: pipeline.project_id,
            pipeline_id: pipeline.id,
            name: &planned.definition.name,
            stage: &planned.definition.stage,
            stage_index: planned.stage_index,
            definition_id,
            is_bridge: planned.definition.is_bridge(),
            status: Status::Created,
            when: planned.when,
            allow_failure: planned.allow_failure,
            allow_failure_exit_codes: planned.allow_failure_exit_codes,
            needs: planned.needs.as_deref(),
            rule_variables: &planned.rule_variables,
            tags: &planned.tags,
            environment: planned.environment.as_deref(),
            resource_group: planned.resource_group.as_deref(),
            interruptible: planned.interruptible,
            protected: pipeline.protected,
            start_in_seconds: planned.start_in_seconds,
            scheduled_at: None,
            enqueue_immediately: false,
            user_id: pipeline.user_id,
            created_at: pipeline.created_at,
            queued_at: None,
        }
    }

    /// Returns a new attempt of a job, with status `created`.
    #[must_use]
    pub fn retry_of(job: &'a Job, user_id: Option<UserId>, now: Timestamp) -> NewJob<'a> {
        NewJob {
            project_id: job.project_id,
            pipeline_id: job.pipeline_id,
            name: &job.name,
            stage: &job.stage,
            stage_index: job.stage_index,
            definition_id: job.definition_id,
            is_bridge: job.is_bridge,
            status: Status::Created,
            when: job.when,
            allow_failure: job.allow_failure,
            allow_failure_exit_codes: job.allow_failure_exit_codes,
            needs: job.needs.as_deref(),
            rule_variables: &job.rule_variables,
            tags: &job.tags,
            environment: job.environment.as_deref(),
            resource_group: job.resource_group.as_deref(),
            interruptible: job.interruptible,
            protected: job.protected,
            start_in_seconds: job.start_in_seconds,
            scheduled_at: None,
            enqueue_immediately: false,
            user_id,
            created_at: now,
            queued_at: None,
        }
    }

    fn stored(&self, id: JobId) -> Job {
        Job {
            id,
            project_id: self.project_id,
            pipeline_id: self.pipeline_id,
            name: self.name.to_owned(),
            stage: self.stage.to_owned(),
            stage_index: self.stage_index,
            definition_id: self.definition_id,
            is_bridge: self.is_bridge,
            status: self.status,
            when: self.when,
            allow_failure: self.allow_failure,
            allow_failure_exit_codes: self.allow_failure_exit_codes,
            needs: self.needs.map(<[Need]>::to_vec),
            rule_variables: self.rule_variables.to_vec(),
            tags: self.tags.to_vec(),
            environment: self.environment.map(str::to_owned),
            resource_group: self.resource_group.map(str::to_owned),
            interruptible: self.interruptible,
            protected: self.protected,
            start_in_seconds: self.start_in_seconds,
            scheduled_at: self.scheduled_at,
            enqueue_immediately: self.enqueue_immediately,
            user_id: self.user_id,
            runner_id: None,
            runner_manager_id: None,
            claim: 0,
            acknowledged: false,
            failure_reason: None,
            exit_code: None,
            retried: false,
            timeout_seconds: None,
            coverage: None,
            created_at: self.created_at,
            updated_at: self.created_at,
            queued_at: self.queued_at,
            started_at: None,
            finished_at: None,
            erased_at: None,
        }
    }
}

statements! {
    INSERT = both(
        "INSERT INTO jobs (project_id, pipeline_id, name, stage, stage_index, definition_id, is_bridge, status, run_when, allow_failure, \
            allow_failure_exit_codes, needs, rule_variables, tags, environment, resource_group, interruptible, protected, \
            start_in_seconds, scheduled_at, user_id, created_at, updated_at, queued_at, enqueue_immediately, claim, acknowledged, retried) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?22, ?23, ?24, 0, FALSE, FALSE)",
        "INSERT INTO jobs (project_id, pipeline_id, name, stage, stage_index, definition_id, is_bridge, status, run_when, allow_failure, \
            allow_failure_exit_codes, needs, rule_variables, tags, environment, resource_group, interruptible, protected, \
            start_in_seconds, scheduled_at, user_id, created_at, updated_at, queued_at, enqueue_immediately, claim, acknowledged, retried) \
         SELECT n.a, n.b, n.c, n.d, n.e, n.f, n.g, n.h, n.i, n.j, n.k, n.l, n.m, n.n, n.o, n.p, n.q, n.r, n.s, n.t, n.u, n.v, n.v, n.w, n.x, \
            0, FALSE, FALSE \
         FROM unnest(?1::bigint[], ?2::bigint[], ?3::text[], ?4::text[], ?5::bigint[], ?6::bigint[], ?7::boolean[], ?8::text[], ?9::text[], \
            ?10::boolean[], ?11::boolean[], ?12::text[], ?13::text[], ?14::text[], ?15::text[], ?16::text[], ?17::boolean[], ?18::boolean[], \
            ?19::bigint[], ?20::bigint[], ?21::bigint[], ?22::bigint[], ?23::bigint[], ?24::boolean[]) \
            AS n (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x) \
         RETURNING id",
    );
}

/// Number of parameters of [`INSERT`].
const WIDTH: usize = 24;

/// As [`insert`], but returns the jobs as they are stored.
///
/// # Errors
///
/// The same.
pub fn insert_all(tx: &mut dyn Tx, jobs: &[NewJob<'_>]) -> Result<Vec<Job>, StoreError> {
    let ids = insert(tx, jobs)?;
    Ok(jobs.iter().zip(ids).map(|(job, id)| job.stored(id)).collect())
}

/// Creates jobs in the order given, which is the order of the ids returned.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the pipeline does not exist.
pub fn insert(tx: &mut dyn Tx, jobs: &[NewJob<'_>]) -> Result<Vec<JobId>, StoreError> {
    let texts: Vec<Texts> = jobs.iter().map(Texts::of).collect();
    let mut rows = Vec::with_capacity(jobs.len() * WIDTH);
    for (job, texts) in jobs.iter().zip(&texts) {
        rows.extend(params_of(job, texts));
        if job.status == Status::Pending && !job.is_bridge {
            tx.notify(Wake::JobsPending);
        }
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = tx.insert_rows(&INSERT, WIDTH, &rows)?;
    Ok(ids.into_iter().map(JobId).collect())
}

/// The columns that are JSON; most jobs have none of them.
struct Texts {
    needs: Option<String>,
    rule_variables: Option<String>,
    tags: Option<String>,
}

impl Texts {
    fn of(job: &NewJob<'_>) -> Texts {
        Texts {
            needs: job.needs.map(Json::text),
            rule_variables: Json::text_unless_empty(job.rule_variables),
            tags: Json::text_unless_empty(job.tags),
        }
    }
}

fn params_of<'a>(job: &NewJob<'a>, texts: &'a Texts) -> [Param<'a>; WIDTH] {
    [
        job.project_id.into(),
        job.pipeline_id.into(),
        job.name.into(),
        job.stage.into(),
        job.stage_index.into(),
        job.definition_id.into(),
        job.is_bridge.into(),
        job.status.into(),
        job.when.into(),
        job.allow_failure.into(),
        job.allow_failure_exit_codes.into(),
        texts.needs.as_ref().into(),
        texts.rule_variables.as_ref().into(),
        texts.tags.as_ref().into(),
        job.environment.into(),
        job.resource_group.into(),
        job.interruptible.into(),
        job.protected.into(),
        job.start_in_seconds.into(),
        job.scheduled_at.into(),
        job.user_id.into(),
        job.created_at.into(),
        job.queued_at.into(),
        job.enqueue_immediately.into(),
    ]
}
