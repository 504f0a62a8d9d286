//! Sealed variables and inputs of one job: given when it was played, or set by its dotenv report.

use model::JobId;

use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// Where the variables come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobVariablesKind {
    /// Given when the job was played.
    Played,
    /// Set by the job's dotenv report.
    Dotenv,
    /// Inputs given when the job was played or retried.
    Inputs,
}

impl JobVariablesKind {
    const fn as_str(self) -> &'static str {
        match self {
            JobVariablesKind::Played => "played",
            JobVariablesKind::Dotenv => "dotenv",
            JobVariablesKind::Inputs => "inputs",
        }
    }
}

statements! {
    SET = "INSERT INTO job_variables (job_id, kind, sealed) VALUES (?1, ?2, ?3) ON CONFLICT (job_id, kind) DO UPDATE SET sealed = excluded.sealed";
    GET = "SELECT sealed FROM job_variables WHERE job_id = ?1 AND kind = ?2";
    GET_MANY = "SELECT job_id, sealed FROM job_variables WHERE job_id = ANY(?1) AND kind = ?2 ORDER BY job_id";
    DELETE = "DELETE FROM job_variables WHERE job_id = ?1 AND kind = ?2";
}

/// Sets or replaces the variables.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the job does not exist.
pub fn set(tx: &mut dyn Tx, job: JobId, kind: JobVariablesKind, sealed: &[u8]) -> Result<(), StoreError> {
    tx.execute(&SET, params![job, kind.as_str(), sealed])?;
    Ok(())
}

/// Returns the variables.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, job: JobId, kind: JobVariablesKind) -> Result<Option<Vec<u8>>, StoreError> {
    tx.optional(&GET, params![job, kind.as_str()], column)
}

/// Returns the variables of those of the jobs that have any, by job.
///
/// # Errors
///
/// What the database said.
pub fn get_many(tx: &mut dyn Tx, jobs: &[JobId], kind: JobVariablesKind) -> Result<Vec<(JobId, Vec<u8>)>, StoreError> {
    let ids: Vec<i64> = jobs.iter().map(|id| id.0).collect();
    tx.all(&GET_MANY, params![ids.as_slice(), kind.as_str()], |row| {
        Ok((row.read()?, row.read()?))
    })
}

/// Removes the variables (erased or retried jobs).
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, job: JobId, kind: JobVariablesKind) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, params![job, kind.as_str()])? > 0)
}
