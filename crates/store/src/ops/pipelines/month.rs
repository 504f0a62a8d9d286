//! The pipelines of the last days in figures.

use model::{ProjectId, Timestamp};

use crate::error::StoreError;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

/// The pipelines of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01, in the zone that was asked for.
    pub day: i64,
    /// How many were created.
    pub total: i64,
    /// How many of them ended well.
    pub success: i64,
    /// How many of them failed.
    pub failed: i64,
}

/// How long one pipeline took and waited, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Time in which jobs ran.
    pub duration: i64,
    /// Time from its creation to its first job.
    pub queued: i64,
}

statements! {
    // By the time of the last change, which has an index and is never before the creation.
    DAYS = "SELECT (created_at + ?3) / 86400000000, COUNT(*), SUM(CASE WHEN status = 'success' THEN 1 ELSE 0 END), \
                SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) \
            FROM pipelines WHERE project_id = ?1 AND updated_at >= ?2 AND created_at >= ?2 AND source <> 'parent_pipeline' GROUP BY 1 ORDER BY 1";
    TIMES = "SELECT duration_seconds, (started_at - created_at) / 1000000 FROM pipelines \
             WHERE project_id = ?1 AND updated_at >= ?2 AND created_at >= ?2 AND source <> 'parent_pipeline' \
             AND duration_seconds IS NOT NULL AND started_at IS NOT NULL ORDER BY updated_at DESC LIMIT ?3";
}

/// Counts the pipelines created since a moment by day; `offset` is the zone's in microseconds. Days without any are left out.
///
/// # Errors
///
/// What the database said.
pub fn days(tx: &mut dyn Tx, project: ProjectId, since: Timestamp, offset: i64) -> Result<Vec<Day>, StoreError> {
    tx.all(&DAYS, params![project, since, offset], |row| {
        Ok(Day {
            day: row.read()?,
            total: row.read()?,
            success: row.read()?,
            failed: row.read()?,
        })
    })
}

/// Returns the times of at most `limit` pipelines created since a moment, the last changed ones.
///
/// # Errors
///
/// What the database said.
pub fn times(tx: &mut dyn Tx, project: ProjectId, since: Timestamp, limit: i64) -> Result<Vec<Times>, StoreError> {
    tx.all(&TIMES, params![project, since, limit], |row| {
        Ok(Times {
            duration: row.read()?,
            queued: row.read()?,
        })
    })
}
