//! Which pipelines led to a pipeline: written once, for those that others led to.

use model::PipelineId;

use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    INSERT = "INSERT INTO trigger_chains (pipeline_id, links) VALUES (?1, ?2)";
    GET = "SELECT links FROM trigger_chains WHERE pipeline_id = ?1";
}

/// Writes down what led to a new pipeline.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the pipeline does not exist.
pub fn insert(tx: &mut dyn Tx, pipeline: PipelineId, links: &str) -> Result<(), StoreError> {
    tx.execute(&INSERT, params![pipeline, links])?;
    Ok(())
}

/// Returns what led to a pipeline; `None` when nothing did.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, pipeline: PipelineId) -> Result<Option<String>, StoreError> {
    tx.optional(&GET, params![pipeline], column)
}
