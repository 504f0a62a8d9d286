//! Deployments: made with their jobs, following them, listed.

mod list;

use model::{
    Deployment, DeploymentId, DeploymentStatus, EnvironmentId, GitRef, JobId, PipelineId, ProjectId, Sha, Timestamp,
    UserId,
};

use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Param, params};

pub use list::{DeploymentFilter, DeploymentOrder, count, list};

macro_rules! columns {
    () => {
        "id, iid, project_id, environment_id, pipeline_id, job_id, user_id, ref_name, is_tag, sha, status, on_stop, created_at, updated_at, finished_at"
    };
}
pub(crate) use columns as deployment_columns;

macro_rules! inserted {
    () => {
        "iid, project_id, environment_id, pipeline_id, job_id, user_id, ref_name, is_tag, sha, status, on_stop, created_at, updated_at, finished_at"
    };
}

statements! {
    COUNT_UP = "UPDATE project_counters SET deployment_iid = deployment_iid + ?2 WHERE project_id = ?1";
    COUNTED = "SELECT deployment_iid FROM project_counters WHERE project_id = ?1";
    INSERT = both(
        concat!("INSERT INTO deployments (", inserted!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13)"),
        concat!("INSERT INTO deployments (", inserted!(), ") SELECT n.a, n.b, n.c, n.d, n.e, n.f, n.g, n.h, n.i, n.j, n.k, n.l, n.l, n.m \
            FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[], ?4::bigint[], ?5::bigint[], ?6::bigint[], ?7::text[], ?8::boolean[], \
            ?9::text[], ?10::text[], ?11::text[], ?12::bigint[], ?13::bigint[]) AS n (a, b, c, d, e, f, g, h, i, j, k, l, m) RETURNING id"),
    );
    GET = concat!("SELECT ", columns!(), " FROM deployments WHERE project_id = ?1 AND id = ?2");
    LOCK = both(
        concat!("SELECT ", columns!(), " FROM deployments WHERE id = ?1"),
        concat!("SELECT ", columns!(), " FROM deployments WHERE id = ?1 FOR UPDATE"),
    );
    OF_JOBS = concat!("SELECT ", columns!(), " FROM deployments WHERE job_id = ANY(?1)");
    OF_PIPELINE = concat!("SELECT ", columns!(), " FROM deployments WHERE environment_id = ?1 AND pipeline_id = ?2 ORDER BY id");
    LAST = concat!("SELECT ", columns!(), " FROM deployments WHERE environment_id = ?1 AND status = ?2 ORDER BY finished_at DESC, id DESC LIMIT 1");
    UPCOMING = concat!("SELECT ", columns!(), " FROM deployments WHERE environment_id = ?1 AND status = ?2 ORDER BY id DESC LIMIT 1");
    SAVE = "UPDATE deployments SET status = ?2, finished_at = ?3, updated_at = ?4 WHERE id = ?1";
    DELETE = "DELETE FROM deployments WHERE id = ?1";
}

/// Number of parameters of [`INSERT`].
const WIDTH: usize = 13;

/// A deployment to be made.
#[derive(Clone, Debug)]
pub struct NewDeployment<'a> {
    /// Where to.
    pub environment_id: EnvironmentId,
    /// The pipeline of its job.
    pub pipeline_id: Option<PipelineId>,
    /// Its job.
    pub job_id: Option<JobId>,
    /// Who deploys.
    pub user_id: Option<UserId>,
    /// Branch or tag.
    pub git_ref: &'a GitRef,
    /// What is deployed.
    pub sha: &'a Sha,
    /// How far it is.
    pub status: DeploymentStatus,
    /// Name of the job that stops the environment.
    pub on_stop: Option<&'a str>,
    /// Now.
    pub created_at: Timestamp,
    /// When it ended, if it has.
    pub finished_at: Option<Timestamp>,
}

/// Makes deployments in the order given, which is that of their numbers and of the ids returned.
///
/// # Errors
///
/// What the database said.
pub fn insert(tx: &mut dyn Tx, project: ProjectId, new: &[NewDeployment<'_>]) -> Result<Vec<DeploymentId>, StoreError> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
    tx.execute(&COUNT_UP, params![project, count])?;
    let last: i64 = tx.one(&COUNTED, params![project], column)?;
    let mut rows: Vec<Param<'_>> = Vec::with_capacity(new.len() * WIDTH);
    for (iid, one) in (last - count + 1..).zip(new) {
        let row: [Param<'_>; WIDTH] = [
            iid.into(),
            project.into(),
            one.environment_id.into(),
            one.pipeline_id.into(),
            one.job_id.into(),
            one.user_id.into(),
            (&one.git_ref.name).into(),
            one.git_ref.is_tag.into(),
            one.sha.into(),
            one.status.into(),
            one.on_stop.into(),
            one.created_at.into(),
            one.finished_at.into(),
        ];
        rows.extend(row);
    }
    let ids = tx.insert_rows(&INSERT, WIDTH, &rows)?;
    Ok(ids.into_iter().map(DeploymentId).collect())
}

/// Returns a deployment of a project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, project: ProjectId, id: DeploymentId) -> Result<Option<Deployment>, StoreError> {
    tx.optional(&GET, params![project, id], read)
}

/// Returns a deployment and keeps others from changing it until the commit.
///
/// # Errors
///
/// What the database said.
pub fn lock(tx: &mut dyn Tx, id: DeploymentId) -> Result<Option<Deployment>, StoreError> {
    tx.optional(&LOCK, params![id], read)
}

/// Returns the deployments that these jobs make, in any order.
///
/// # Errors
///
/// What the database said.
pub fn of_jobs(tx: &mut dyn Tx, jobs: &[JobId]) -> Result<Vec<Deployment>, StoreError> {
    let jobs: Vec<i64> = jobs.iter().map(|id| id.0).collect();
    tx.all(&OF_JOBS, params![jobs.as_slice()], read)
}

/// Returns the deployments of one pipeline to an environment, by id.
///
/// # Errors
///
/// What the database said.
pub fn of_pipeline(
    tx: &mut dyn Tx,
    environment: EnvironmentId,
    pipeline: PipelineId,
) -> Result<Vec<Deployment>, StoreError> {
    tx.all(&OF_PIPELINE, params![environment, pipeline], read)
}

/// Returns what is deployed to an environment: its last deployment that succeeded.
///
/// # Errors
///
/// What the database said.
pub fn last(tx: &mut dyn Tx, environment: EnvironmentId) -> Result<Option<Deployment>, StoreError> {
    tx.optional(&LAST, params![environment, DeploymentStatus::Success], read)
}

/// Returns the deployment to an environment that ended last, however it did.
///
/// # Errors
///
/// What the database said.
pub fn last_finished(tx: &mut dyn Tx, environment: EnvironmentId) -> Result<Option<Deployment>, StoreError> {
    use DeploymentStatus as D;
    let mut newest: Option<Deployment> = None;
    for status in [D::Success, D::Failed, D::Canceled] {
        let found = tx.optional(&LAST, params![environment, status], read)?;
        newest = newest
            .into_iter()
            .chain(found)
            .max_by_key(|one| (one.finished_at, one.id));
    }
    Ok(newest)
}

/// Returns the newest deployment to an environment that is under way or waits for a person.
///
/// # Errors
///
/// What the database said.
pub fn upcoming(tx: &mut dyn Tx, environment: EnvironmentId) -> Result<Option<Deployment>, StoreError> {
    use DeploymentStatus as D;
    let mut newest: Option<Deployment> = None;
    for status in [D::Running, D::Blocked] {
        let found = tx.optional(&UPCOMING, params![environment, status], read)?;
        newest = newest.into_iter().chain(found).max_by_key(|one| one.id);
    }
    Ok(newest)
}

/// Writes how far a deployment is.
///
/// # Errors
///
/// What the database said.
pub fn save(tx: &mut dyn Tx, deployment: &Deployment) -> Result<(), StoreError> {
    tx.execute(
        &SAVE,
        params![
            deployment.id,
            deployment.status,
            deployment.finished_at,
            deployment.updated_at
        ],
    )?;
    Ok(())
}

/// Deletes a deployment.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, id: DeploymentId) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, params![id])? > 0)
}

pub(super) fn read(row: &Row<'_>) -> Result<Deployment, StoreError> {
    Ok(Deployment {
        id: row.read()?,
        iid: row.read()?,
        project_id: row.read()?,
        environment_id: row.read()?,
        pipeline_id: row.read()?,
        job_id: row.read()?,
        user_id: row.read()?,
        git_ref: GitRef {
            name: row.read()?,
            is_tag: row.read()?,
        },
        sha: row.read()?,
        status: row.read()?,
        on_stop: row.read()?,
        created_at: row.read()?,
        updated_at: row.read()?,
        finished_at: row.read()?,
    })
}
