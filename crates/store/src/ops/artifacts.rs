//! What is known of artifact files; the files themselves are blobs.

use model::{ArtifactId, JobId, PipelineId, ProjectId, Timestamp};

use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// An artifact file to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewArtifact {
    /// The project.
    pub project_id: ProjectId,
    /// The job that made it.
    pub job_id: JobId,
    /// `archive`, `metadata`, `trace`, or the type of a report.
    pub kind: String,
    /// `zip`, `gzip`, `raw`.
    pub format: String,
    /// Name of the file.
    pub filename: String,
    /// Size in bytes.
    pub size: i64,
    /// SHA-256 in hex.
    pub sha256: String,
    /// Where the blob is.
    pub blob_key: String,
    /// Who may download it (`artifacts:access`), `None` = everybody who sees the job.
    pub access: Option<String>,
    /// When it is to be deleted.
    pub expire_at: Option<Timestamp>,
    /// Now.
    pub created_at: Timestamp,
}

/// A recorded artifact file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its id.
    pub id: ArtifactId,
    /// What was recorded.
    pub file: NewArtifact,
}

macro_rules! columns {
    () => {
        "a.id, a.project_id, a.job_id, a.kind, a.format, a.filename, a.size, a.sha256, a.blob_key, a.access, a.expire_at, a.created_at"
    };
}

/// Whether a later pipeline of the same branch or tag as pipeline `p` ended well.
macro_rules! newer_success {
    () => {
        "EXISTS (SELECT 1 FROM pipelines n WHERE n.project_id = p.project_id AND n.ref_name = p.ref_name AND n.is_tag = p.is_tag \
            AND n.iid > p.iid AND n.status = 'success')"
    };
}
/// Expired files, without those of the latest pipelines of projects that keep these.
macro_rules! expired {
    ($keeps:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM job_artifacts a JOIN projects r ON r.id = a.project_id JOIN jobs j ON j.id = a.job_id \
             JOIN pipelines p ON p.id = j.pipeline_id WHERE a.expire_at IS NOT NULL AND a.expire_at < ?1 AND (NOT ",
            $keeps,
            " OR ",
            newer_success!(),
            ") ORDER BY a.expire_at LIMIT ?2"
        )
    };
}

statements! {
    SIZE_OF_PROJECT = "SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM job_artifacts WHERE project_id = ?1";
    SAVE = "INSERT INTO job_artifacts (project_id, job_id, kind, format, filename, size, sha256, blob_key, access, expire_at, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
        ON CONFLICT (job_id, kind) DO UPDATE SET format = excluded.format, filename = excluded.filename, size = excluded.size, \
            sha256 = excluded.sha256, blob_key = excluded.blob_key, access = excluded.access, expire_at = excluded.expire_at, \
            created_at = excluded.created_at RETURNING id";
    GET = concat!("SELECT ", columns!(), " FROM job_artifacts a WHERE a.job_id = ?1 AND a.kind = ?2");
    OF_JOBS = concat!("SELECT ", columns!(), " FROM job_artifacts a WHERE a.job_id = ANY(?1) ORDER BY a.id");
    OF_PIPELINE = concat!("SELECT ", columns!(), " FROM job_artifacts a JOIN jobs j ON j.id = a.job_id WHERE j.pipeline_id = ?1 ORDER BY a.id");
    OF_PROJECT = concat!("SELECT ", columns!(), " FROM job_artifacts a JOIN jobs j ON j.id = a.job_id WHERE j.project_id = ?1 AND a.id > ?2 \
        ORDER BY a.id LIMIT ?3");
    EXPIRED = both(
        concat!(expired!("COALESCE(json_extract(r.settings, '$.keep_latest_artifact'), 1)")),
        concat!(expired!("COALESCE((CAST(r.settings AS json)->>'keep_latest_artifact')::boolean, true)")),
    );
    IS_LATEST = concat!("SELECT 1 FROM jobs j JOIN pipelines p ON p.id = j.pipeline_id WHERE j.id = ?1 AND NOT ", newer_success!());
    EXPIRE_OF_PROJECT = "UPDATE job_artifacts SET expire_at = ?2 WHERE job_id IN (SELECT id FROM jobs WHERE project_id = ?1) \
        AND (expire_at IS NULL OR expire_at > ?2)";
    KEEP = "UPDATE job_artifacts SET expire_at = NULL WHERE job_id = ?1";
    DELETE = "DELETE FROM job_artifacts WHERE id = ANY(?1)";
}

/// Records a file; one of the same kind is replaced (its blob is the caller's to delete).
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the job does not exist.
pub fn save(tx: &mut dyn Tx, new: &NewArtifact) -> Result<ArtifactId, StoreError> {
    tx.one(
        &SAVE,
        params![
            new.project_id,
            new.job_id,
            &new.kind,
            &new.format,
            &new.filename,
            new.size,
            &new.sha256,
            &new.blob_key,
            new.access.as_ref(),
            new.expire_at,
            new.created_at
        ],
        column,
    )
}

/// Returns a job's file of one kind.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, job: JobId, kind: &str) -> Result<Option<Artifact>, StoreError> {
    tx.optional(&GET, params![job, kind], read)
}

/// Returns the files of several jobs.
///
/// # Errors
///
/// What the database said.
pub fn of_jobs(tx: &mut dyn Tx, jobs: &[JobId]) -> Result<Vec<Artifact>, StoreError> {
    let ids: Vec<i64> = jobs.iter().map(|id| id.0).collect();
    tx.all(&OF_JOBS, params![ids.as_slice()], read)
}

/// Returns the files of all jobs of a pipeline, also of retried ones.
///
/// # Errors
///
/// What the database said.
pub fn of_pipeline(tx: &mut dyn Tx, pipeline: PipelineId) -> Result<Vec<Artifact>, StoreError> {
    tx.all(&OF_PIPELINE, params![pipeline], read)
}

/// Returns files of a project by id, after `after`.
///
/// # Errors
///
/// What the database said.
pub fn of_project(
    tx: &mut dyn Tx,
    project: ProjectId,
    after: ArtifactId,
    limit: i64,
) -> Result<Vec<Artifact>, StoreError> {
    tx.all(&OF_PROJECT, params![project, after, limit], read)
}

/// Returns files that expired before `now`, the oldest first; without those of the latest pipelines of their branch or
/// tag where the project keeps these.
///
/// # Errors
///
/// What the database said.
pub fn expired(tx: &mut dyn Tx, now: Timestamp, limit: i64) -> Result<Vec<Artifact>, StoreError> {
    tx.all(&EXPIRED, params![now, limit], read)
}

/// Whether no later pipeline of the job's branch or tag ended well.
///
/// # Errors
///
/// What the database said.
pub fn is_of_latest(tx: &mut dyn Tx, job: JobId) -> Result<bool, StoreError> {
    Ok(tx.optional(&IS_LATEST, params![job], column::<i64>)?.is_some())
}

/// Lets all files of a project expire; returns how many.
///
/// # Errors
///
/// What the database said.
pub fn expire_of_project(tx: &mut dyn Tx, project: ProjectId, now: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&EXPIRE_OF_PROJECT, params![project, now])
}

/// Keeps the files of a job for ever.
///
/// # Errors
///
/// What the database said.
pub fn keep(tx: &mut dyn Tx, job: JobId) -> Result<bool, StoreError> {
    Ok(tx.execute(&KEEP, params![job])? > 0)
}

/// Forgets files; delete their blobs after the commit.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, ids: &[ArtifactId]) -> Result<u64, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.execute(&DELETE, params![ids.as_slice()])
}

fn read(row: &Row<'_>) -> Result<Artifact, StoreError> {
    Ok(Artifact {
        id: row.read()?,
        file: NewArtifact {
            project_id: row.read()?,
            job_id: row.read()?,
            kind: row.read()?,
            format: row.read()?,
            filename: row.read()?,
            size: row.read()?,
            sha256: row.read()?,
            blob_key: row.read()?,
            access: row.read()?,
            expire_at: row.read()?,
            created_at: row.read()?,
        },
    })
}

/// Returns the bytes of all artifacts of a project.
///
/// # Errors
///
/// What the database said.
pub fn size_of_project(tx: &mut dyn Tx, project: ProjectId) -> Result<i64, StoreError> {
    tx.one(&SIZE_OF_PROJECT, params![project], column)
}
