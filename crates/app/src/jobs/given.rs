//! Variables and inputs that belong to one job: given when it was played, or set by its dotenv report. Sealed.

use model::JobId;
use model::definition::GivenVariable;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use store::ops::job_variables::JobVariablesKind;
use store::{Tx, ops};

use crate::error::{Error, Result};
use crate::keys::Keys;

/// Keeps the variables a job was played with; those given before stay when there are none.
///
/// # Errors
///
/// Only what is wrong with the server.
pub fn set(keys: &Keys, tx: &mut dyn Tx, job: JobId, variables: &[GivenVariable]) -> Result<()> {
    if variables.is_empty() {
        return Ok(());
    }
    let sealed = seal(keys, job, JobVariablesKind::Played, variables)?;
    Ok(ops::job_variables::set(tx, job, JobVariablesKind::Played, &sealed)?)
}

/// Returns the variables a job was played with.
///
/// # Errors
///
/// Only what is wrong with the server.
pub fn get(keys: &Keys, tx: &mut dyn Tx, job: JobId) -> Result<Vec<GivenVariable>> {
    let kind = JobVariablesKind::Played;
    ops::job_variables::get(tx, job, kind)?.map_or(Ok(Vec::new()), |sealed| open(keys, job, kind, &sealed))
}

/// Keeps the inputs a job was started with; those given before stay when there are none.
///
/// # Errors
///
/// Only what is wrong with the server.
pub fn set_inputs(keys: &Keys, tx: &mut dyn Tx, job: JobId, inputs: &[(String, Json)]) -> Result<()> {
    if inputs.is_empty() {
        return Ok(());
    }
    let sealed = seal(keys, job, JobVariablesKind::Inputs, inputs)?;
    Ok(ops::job_variables::set(tx, job, JobVariablesKind::Inputs, &sealed)?)
}

/// Returns the inputs a job was started with.
///
/// # Errors
///
/// Only what is wrong with the server.
pub fn inputs(keys: &Keys, tx: &mut dyn Tx, job: JobId) -> Result<Vec<(String, Json)>> {
    let kind = JobVariablesKind::Inputs;
    ops::job_variables::get(tx, job, kind)?.map_or(Ok(Vec::new()), |sealed| open(keys, job, kind, &sealed))
}

/// Gives a new attempt the variables and inputs of the old one.
///
/// # Errors
///
/// Only what is wrong with the server.
pub fn copy(keys: &Keys, tx: &mut dyn Tx, from: JobId, to: JobId) -> Result<()> {
    let variables = get(keys, tx, from)?;
    set(keys, tx, to, &variables)?;
    let inputs = inputs(keys, tx, from)?;
    set_inputs(keys, tx, to, &inputs)
}

/// Keeps the variables of a job's dotenv report; an earlier report is replaced.
///
/// # Errors
///
/// Only what is wrong with the server.
pub fn set_dotenv(keys: &Keys, tx: &mut dyn Tx, job: JobId, variables: &[(String, String)]) -> Result<()> {
    let sealed = seal(keys, job, JobVariablesKind::Dotenv, variables)?;
    Ok(ops::job_variables::set(tx, job, JobVariablesKind::Dotenv, &sealed)?)
}

/// Returns the variables of the dotenv reports of these jobs, in the order of the jobs.
///
/// # Errors
///
/// Only what is wrong with the server.
pub fn dotenv(keys: &Keys, tx: &mut dyn Tx, jobs: &[JobId]) -> Result<Vec<(String, String)>> {
    let kind = JobVariablesKind::Dotenv;
    let mut all = Vec::new();
    for (job, sealed) in ops::job_variables::get_many(tx, jobs, kind)? {
        all.extend(open::<Vec<(String, String)>>(keys, job, kind, &sealed)?);
    }
    Ok(all)
}

fn seal<T: Serialize + ?Sized>(keys: &Keys, job: JobId, kind: JobVariablesKind, value: &T) -> Result<Vec<u8>> {
    let plain = serde_json::to_vec(value).map_err(Error::internal)?;
    Ok(keys.seal(&purpose(job, kind), &plain))
}

fn open<T: DeserializeOwned>(keys: &Keys, job: JobId, kind: JobVariablesKind, sealed: &[u8]) -> Result<T> {
    let plain = keys.open(&purpose(job, kind), sealed).map_err(Error::internal)?;
    serde_json::from_slice(&plain).map_err(Error::internal)
}

fn purpose(job: JobId, kind: JobVariablesKind) -> String {
    let kind = match kind {
        JobVariablesKind::Played => "played",
        JobVariablesKind::Dotenv => "dotenv",
        JobVariablesKind::Inputs => "inputs",
    };
    format!("job_variables.sealed {kind} {job}")
}
