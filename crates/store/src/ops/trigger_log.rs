//! The trigger log: calls to trigger endpoints, by project.

use model::{
    JobId, PipelineId, ProjectId, Reason, Sha, Timestamp, TriggerLogEntry, TriggerLogId, TriggerOutcome,
    TriggerTokenId, UserId,
};

use super::filter::Filter;
use super::page::Page;
use super::pipelines::Given;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// An entry to be written.
#[derive(Clone, Debug)]
pub struct NewEntry<'a> {
    /// The project.
    pub project_id: ProjectId,
    /// When.
    pub created_at: Timestamp,
    /// What came of it.
    pub outcome: TriggerOutcome,
    /// Why it was refused.
    pub reason: Option<Reason>,
    /// HTTP status of the answer.
    pub status: i32,
    /// The trigger token.
    pub token_id: Option<TriggerTokenId>,
    /// Its visible part.
    pub token_short: Option<&'a str>,
    /// Its description.
    pub token_description: Option<&'a str>,
    /// The job whose token it was.
    pub job_id: Option<JobId>,
    /// As whom.
    pub user_id: Option<UserId>,
    /// From where.
    pub address: Option<&'a str>,
    /// Branch or tag.
    pub ref_name: Option<&'a str>,
    /// Whether it is a tag.
    pub is_tag: Option<bool>,
    /// The commit.
    pub sha: Option<&'a Sha>,
    /// The pipeline.
    pub pipeline_id: Option<PipelineId>,
    /// Keyed digest of the payload.
    pub payload_digest: Option<&'a [u8; 32]>,
    /// The entry that it repeats.
    pub repeats: Option<TriggerLogId>,
    /// Calls that it stands for.
    pub calls: i64,
}

/// Which entries to list.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Of one token.
    pub token: Option<TriggerTokenId>,
    /// With one outcome.
    pub outcome: Option<TriggerOutcome>,
    /// Refused for one reason.
    pub reason: Option<Reason>,
    /// On one branch or tag.
    pub ref_name: Option<String>,
    /// From one address.
    pub address: Option<String>,
    /// At this moment or later.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, project_id, created_at, outcome, reason, status, token_id, token_short, token_description, job_id, user_id, \
         address, ref_name, is_tag, sha, pipeline_id, payload_digest, repeats_id, calls"
    };
}

macro_rules! insert {
    () => {
        "INSERT INTO trigger_log (project_id, created_at, outcome, reason, status, token_id, token_short, token_description, \
         job_id, user_id, address, ref_name, is_tag, sha, pipeline_id, payload_digest, repeats_id, calls) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
    };
}

statements! {
    INSERT = insert!();
    GET = concat!("SELECT ", columns!(), " FROM trigger_log WHERE project_id = ?1 AND id = ?2");
    KEPT_GIVEN = "SELECT variables, inputs FROM trigger_log WHERE id = ?1";
    OLDEST = "SELECT id, created_at FROM trigger_log ORDER BY id LIMIT ?1";
    FORGET_UNTIL = "DELETE FROM trigger_log WHERE id <= ?1";
    NEXT_PROJECT = "SELECT MIN(project_id) FROM trigger_log WHERE project_id > ?1";
    NEWEST_TO_GO = "SELECT id FROM trigger_log WHERE project_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2";
    SOME_TO_GO = "SELECT id FROM trigger_log WHERE project_id = ?1 AND id <= ?2 ORDER BY id LIMIT ?3";
    FORGET = "DELETE FROM trigger_log WHERE id = ANY(?1)";
}

/// Writes an entry.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the project does not exist.
pub fn insert(tx: &mut dyn Tx, new: &NewEntry<'_>) -> Result<(), StoreError> {
    tx.execute(
        &INSERT,
        params![
            new.project_id,
            new.created_at,
            new.outcome,
            new.reason,
            new.status,
            new.token_id,
            new.token_short,
            new.token_description,
            new.job_id,
            new.user_id,
            new.address,
            new.ref_name,
            new.is_tag,
            new.sha,
            new.pipeline_id,
            new.payload_digest,
            new.repeats,
            new.calls
        ],
    )?;
    Ok(())
}

/// Returns an entry of a project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, project: ProjectId, id: TriggerLogId) -> Result<Option<TriggerLogEntry>, StoreError> {
    tx.optional(&GET, params![project, id], read)
}

/// Returns what the deleted pipeline of an entry was given.
///
/// # Errors
///
/// What the database said.
pub fn kept_given(tx: &mut dyn Tx, id: TriggerLogId) -> Result<Given, StoreError> {
    let found = tx.optional(&KEPT_GIVEN, params![id], |row| {
        Ok(Given {
            variables: row.read()?,
            inputs: row.read()?,
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// Lists entries of a project, the newest first.
///
/// # Errors
///
/// What the database said.
pub fn list(
    tx: &mut dyn Tx,
    project: ProjectId,
    filter: &LogFilter,
    page: Page,
) -> Result<Vec<TriggerLogEntry>, StoreError> {
    let select = concat!("SELECT ", columns!(), " FROM trigger_log");
    let mut wanted = wanted(select, project, filter);
    wanted.push("ORDER BY created_at DESC, id DESC");
    wanted.page(page);
    let (sql, params) = wanted.finish("ops::trigger_log::LIST");
    tx.all(&sql, &params, read)
}

/// Counts the entries that [`list`] would list, up to one more than is counted.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, project: ProjectId, filter: &LogFilter) -> Result<i64, StoreError> {
    let wanted = wanted("SELECT 1 AS one FROM trigger_log", project, filter).count();
    let (sql, params) = wanted.finish("ops::trigger_log::COUNT");
    tx.one(&sql, &params, column)
}

fn wanted<'a>(select: &str, project: ProjectId, filter: &'a LogFilter) -> Filter<'a> {
    let mut wanted = Filter::new(select);
    wanted.and_with("project_id = ?", project);
    wanted.and_some("token_id = ?", filter.token);
    wanted.and_some("outcome = ?", filter.outcome);
    wanted.and_some("reason = ?", filter.reason);
    wanted.and_some("ref_name = ?", filter.ref_name.as_deref());
    wanted.and_some("address = ?", filter.address.as_deref());
    wanted.and_some("created_at >= ?", filter.since);
    wanted.and_some("created_at < ?", filter.until);
    wanted
}

/// Forgets entries of before a moment, at most so many; returns how many. They have the smallest ids.
///
/// # Errors
///
/// What the database said.
pub fn forget_before(tx: &mut dyn Tx, before: Timestamp, most: i64) -> Result<u64, StoreError> {
    let oldest: Vec<(TriggerLogId, Timestamp)> =
        tx.all(&OLDEST, params![most], |row| Ok((row.read()?, row.read()?)))?;
    let last = oldest.iter().take_while(|(_, at)| *at < before).last();
    match last {
        Some((id, _)) => tx.execute(&FORGET_UNTIL, params![*id]),
        None => Ok(0),
    }
}

/// Returns the next project with entries.
///
/// # Errors
///
/// What the database said.
pub fn next_project(tx: &mut dyn Tx, after: ProjectId) -> Result<Option<ProjectId>, StoreError> {
    tx.one(&NEXT_PROJECT, params![after], column)
}

/// Forgets entries of a project beyond the newest `kept`, at most so many; returns how many.
///
/// # Errors
///
/// What the database said.
pub fn forget_beyond(tx: &mut dyn Tx, project: ProjectId, kept: i64, most: i64) -> Result<u64, StoreError> {
    let newest: Option<TriggerLogId> = tx.optional(&NEWEST_TO_GO, params![project, kept], column)?;
    let Some(newest) = newest else { return Ok(0) };
    let ids: Vec<i64> = tx.all(&SOME_TO_GO, params![project, newest, most], column)?;
    tx.execute(&FORGET, params![&ids[..]])
}

fn read(row: &Row<'_>) -> Result<TriggerLogEntry, StoreError> {
    Ok(TriggerLogEntry {
        id: row.read()?,
        project_id: row.read()?,
        created_at: row.read()?,
        outcome: row.read()?,
        reason: row.read()?,
        status: row.read()?,
        token_id: row.read()?,
        token_short: row.read()?,
        token_description: row.read()?,
        job_id: row.read()?,
        user_id: row.read()?,
        address: row.read()?,
        ref_name: row.read()?,
        is_tag: row.read()?,
        sha: row.read()?,
        pipeline_id: row.read()?,
        payload_digest: row.read()?,
        repeats: row.read()?,
        calls: row.read()?,
    })
}
