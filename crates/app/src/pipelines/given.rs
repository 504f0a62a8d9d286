//! The variables a pipeline was given, sealed as one value.

use model::definition::GivenVariable;
use model::{ProjectId, Timestamp};

use crate::error::{Error, Result};
use crate::keys::Keys;

/// Seals the variables of a pipeline; `None` when there are none.
///
/// # Errors
///
/// [`Error::Internal`] when they cannot be written as JSON, which does not happen.
pub fn seal(
    keys: &Keys,
    project: ProjectId,
    created_at: Timestamp,
    variables: &[&GivenVariable],
) -> Result<Option<Vec<u8>>> {
    if variables.is_empty() {
        return Ok(None);
    }
    let plain = serde_json::to_vec(variables).map_err(Error::internal)?;
    Ok(Some(keys.seal(&purpose(project, created_at), &plain)))
}

/// Opens the variables of a pipeline.
///
/// # Errors
///
/// [`Error::Internal`] when they were changed, belong to another pipeline or have another key.
pub fn open(
    keys: &Keys,
    project: ProjectId,
    created_at: Timestamp,
    sealed: Option<&[u8]>,
) -> Result<Vec<GivenVariable>> {
    let Some(sealed) = sealed else { return Ok(Vec::new()) };
    let plain = keys
        .open(&purpose(project, created_at), sealed)
        .map_err(Error::internal)?;
    serde_json::from_slice(&plain).map_err(Error::internal)
}

/// The pipeline's id is not known when its variables are sealed; project and moment tell it apart.
fn purpose(project: ProjectId, created_at: Timestamp) -> String {
    format!("pipeline_given.variables {project} {}", created_at.microseconds())
}
