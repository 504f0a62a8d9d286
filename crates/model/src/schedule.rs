//! Pipelines at certain times.

use crate::definition::GivenVariable;
use crate::ids::{ProjectId, ScheduleId, UserId};
use crate::time::Timestamp;

/// A pipeline schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// Its project.
    pub project_id: ProjectId,
    /// Whom its pipelines run as; `None` or an id that leads nowhere when that user was deleted.
    pub owner_id: Option<UserId>,
    /// Free text.
    pub description: String,
    /// Full name of the branch or tag: `refs/heads/main`.
    pub ref_name: String,
    /// When, as cron line.
    pub cron: String,
    /// In which time zone.
    pub cron_timezone: String,
    /// Whether it runs.
    pub active: bool,
    /// When it runs next; also known while it is not active.
    pub next_run_at: Option<Timestamp>,
    /// Inputs as JSON text of an object.
    pub inputs: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A due time of a schedule, taken in the transaction that creates its pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueTime {
    /// The schedule.
    pub schedule: ScheduleId,
    /// The time that is due.
    pub at: Timestamp,
    /// The one after it.
    pub next: Option<Timestamp>,
}

/// A variable that a schedule gives to its pipelines; its value is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleVariable {
    /// What it is, with an empty value.
    pub variable: GivenVariable,
    /// The value, encrypted.
    pub sealed: Vec<u8>,
}
