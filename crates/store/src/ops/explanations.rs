//! Why pipelines have the jobs they have: stored once by content, like the definitions of jobs.
//! What the words in it mean is not known here.

use model::{ExplanationId, PipelineId};

use crate::error::StoreError;
use crate::row::column;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// The explanation of a pipeline that is to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfPipeline<'a> {
    /// The shared part, stored already.
    pub id: ExplanationId,
    /// The pipeline's own part, sealed; `None` when there is none.
    pub values: Option<&'a [u8]>,
}

/// The explanation of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The shared part.
    pub body: Vec<u8>,
    /// The pipeline's own part, sealed; `None` when there is none.
    pub values: Option<Vec<u8>>,
}

statements! {
    ID_OF = "SELECT id FROM explanations WHERE digest = ?1";
    INSERT = "INSERT INTO explanations (digest, body) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING";
    OF_PIPELINE = "SELECT e.body, g.explanation_values FROM pipeline_given g JOIN explanations e ON e.id = g.explanation_id \
        WHERE g.pipeline_id = ?1";
}

/// Stores the shared part of an explanation unless it is there, and returns its id.
///
/// # Errors
///
/// What the database said.
pub fn ensure(tx: &mut dyn Tx, digest: &[u8; 32], body: &[u8]) -> Result<ExplanationId, StoreError> {
    if let Some(id) = tx.optional(&ID_OF, params![digest.as_slice()], column)? {
        return Ok(id);
    }
    tx.execute(&INSERT, params![digest.as_slice(), body])?;
    tx.one(&ID_OF, params![digest.as_slice()], column)
}

/// Returns the explanation of a pipeline; `None` when none was kept.
///
/// # Errors
///
/// What the database said.
pub fn of_pipeline(tx: &mut dyn Tx, id: PipelineId) -> Result<Option<Explanation>, StoreError> {
    tx.optional(&OF_PIPELINE, params![id], |row| {
        Ok(Explanation {
            body: row.read()?,
            values: row.read()?,
        })
    })
}
