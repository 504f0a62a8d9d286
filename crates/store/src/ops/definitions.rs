//! Compiled job definitions, stored once by content and shared by all jobs that look the same.

use std::sync::Arc;

use model::{DefinitionId, JobDefinition};

use crate::error::StoreError;
use crate::row::Row;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, Param, params};

/// A definition with the digest of its stored form.
#[derive(Clone, Debug)]
pub struct NewDefinition<'a> {
    /// 32-byte digest of `body`.
    pub digest: [u8; 32],
    /// The definition as JSON.
    pub body: &'a str,
}

statements! {
    ID_OF = both(
        "SELECT digest, id FROM job_definitions WHERE digest = ?1",
        "SELECT digest, id FROM job_definitions WHERE digest = ANY(?1::bytea[])",
    );
    INSERT = both(
        "INSERT INTO job_definitions (digest, body) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
        "INSERT INTO job_definitions (digest, body) SELECT d, b FROM unnest(?1::bytea[], ?2::text[]) AS new (d, b) ORDER BY d \
         ON CONFLICT (digest) DO NOTHING",
    );
    GET = "SELECT id, body FROM job_definitions WHERE id = ?1";
    GET_MANY = "SELECT id, body FROM job_definitions WHERE id = ANY(?1)";
}

/// Stores the definitions that are not there yet and returns the ids of all, in order.
///
/// # Errors
///
/// What the database said.
pub fn ensure(tx: &mut dyn Tx, definitions: &[NewDefinition<'_>]) -> Result<Vec<DefinitionId>, StoreError> {
    let known = ids_of(tx, definitions)?;
    let mut rows = Vec::new();
    for (definition, id) in definitions.iter().zip(&known) {
        if id.is_none() {
            rows.extend([Param::Bytes(&definition.digest), Param::Text(definition.body)]);
        }
    }
    if rows.is_empty() {
        return Ok(known.into_iter().flatten().collect());
    }
    tx.execute_rows(&INSERT, 2, &rows)?;
    ids_of(tx, definitions)?
        .into_iter()
        .map(|id| {
            id.ok_or_else(|| StoreError::Database {
                statement: INSERT.name.to_owned(),
                message: "stored a definition and did not find it".to_owned(),
            })
        })
        .collect()
}

/// Returns the ids of the definitions that are stored already.
///
/// # Errors
///
/// What the database said.
pub fn ids_of(tx: &mut dyn Tx, definitions: &[NewDefinition<'_>]) -> Result<Vec<Option<DefinitionId>>, StoreError> {
    let digests: Vec<Param<'_>> = definitions
        .iter()
        .map(|definition| Param::Bytes(&definition.digest))
        .collect();
    let mut found = std::collections::HashMap::with_capacity(digests.len());
    if !digests.is_empty() {
        tx.query_rows(&ID_OF, 1, &digests, &mut |row| {
            found.insert(row.read::<[u8; 32]>()?, row.read()?);
            Ok(())
        })?;
    }
    Ok(definitions
        .iter()
        .map(|definition| found.get(&definition.digest).copied())
        .collect())
}

/// Returns a definition.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, id: DefinitionId) -> Result<Option<Arc<JobDefinition>>, StoreError> {
    Ok(tx.optional(&GET, params![id], read)?.map(|(_, definition)| definition))
}

/// Returns those of the definitions that exist, in any order.
///
/// # Errors
///
/// What the database said.
pub fn get_many(tx: &mut dyn Tx, ids: &[DefinitionId]) -> Result<Vec<(DefinitionId, Arc<JobDefinition>)>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.all(&GET_MANY, params![ids.as_slice()], read)
}

fn read(row: &Row<'_>) -> Result<(DefinitionId, Arc<JobDefinition>), StoreError> {
    Ok((row.read()?, Arc::new(row.read::<Json<JobDefinition>>()?.0)))
}
