//! Pipeline schedules and their variables. Each due time is taken by one transaction.

use model::definition::GivenVariable;
use model::schedule::{DueTime, Schedule, ScheduleVariable};
use model::{Pipeline, ProjectId, ScheduleId, Timestamp, UserId};

use super::page::{Page, Sort};
use super::pipelines;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::{Sql, statements};
use crate::tx::Tx;
use crate::value::params;

macro_rules! columns {
    () => {
        "id, project_id, owner_id, description, ref_name, cron, cron_timezone, active, next_run_at, inputs, created_at, updated_at"
    };
}

macro_rules! insert {
    () => {
        "INSERT INTO pipeline_schedules (project_id, owner_id, description, ref_name, cron, cron_timezone, active, next_run_at, inputs, \
         created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    };
}

macro_rules! pipelines_of {
    ($order:literal) => {
        concat!(
            "SELECT ",
            pipelines::pipeline_columns!(),
            " FROM pipelines WHERE schedule_id = ?1 ORDER BY id ",
            $order,
            " LIMIT ?2 OFFSET ?3"
        )
    };
}

statements! {
    INSERT = both(insert!(), concat!(insert!(), " RETURNING id"));
    GET = concat!("SELECT ", columns!(), " FROM pipeline_schedules WHERE project_id = ?1 AND id = ?2");
    BY_ID = concat!("SELECT ", columns!(), " FROM pipeline_schedules WHERE id = ?1");
    LIST = concat!("SELECT ", columns!(), " FROM pipeline_schedules WHERE project_id = ?1 AND (active = ?2 OR active = ?3) ORDER BY id LIMIT ?4 OFFSET ?5");
    COUNT = "SELECT COUNT(*) FROM pipeline_schedules WHERE project_id = ?1 AND (active = ?2 OR active = ?3)";
    SAVE = "UPDATE pipeline_schedules SET owner_id = ?2, description = ?3, ref_name = ?4, cron = ?5, cron_timezone = ?6, active = ?7, \
        next_run_at = ?8, inputs = ?9, updated_at = ?10 WHERE id = ?1";
    DELETE = "DELETE FROM pipeline_schedules WHERE id = ?1";
    DUE = concat!("SELECT ", columns!(), " FROM pipeline_schedules WHERE active AND next_run_at <= ?1 ORDER BY next_run_at, id LIMIT ?2");
    TAKE = "UPDATE pipeline_schedules SET next_run_at = ?3 WHERE id = ?1 AND next_run_at = ?2 AND active";
    DEACTIVATE = "UPDATE pipeline_schedules SET active = FALSE, updated_at = ?3 WHERE id = ?1 AND next_run_at = ?2 AND active";
    VARIABLES = "SELECT key, kind, raw, sealed FROM pipeline_schedule_variables WHERE schedule_id = ?1 ORDER BY key";
    ADD_VARIABLE = "INSERT INTO pipeline_schedule_variables (schedule_id, key, kind, raw, sealed) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    SAVE_VARIABLE = "UPDATE pipeline_schedule_variables SET kind = ?3, raw = ?4, sealed = ?5 WHERE schedule_id = ?1 AND key = ?2";
    DELETE_VARIABLE = "DELETE FROM pipeline_schedule_variables WHERE schedule_id = ?1 AND key = ?2";
    PIPELINES_UP = pipelines_of!("ASC");
    PIPELINES_DOWN = pipelines_of!("DESC");
    COUNT_PIPELINES = "SELECT COUNT(*) FROM pipelines WHERE schedule_id = ?1";
}

/// A schedule about to be stored.
#[derive(Clone, Debug)]
pub struct NewSchedule<'a> {
    /// Its project.
    pub project_id: ProjectId,
    /// Whom its pipelines run as.
    pub owner_id: UserId,
    /// Free text.
    pub description: &'a str,
    /// Full name of the branch or tag.
    pub ref_name: &'a str,
    /// When, as cron line.
    pub cron: &'a str,
    /// In which time zone.
    pub cron_timezone: &'a str,
    /// Whether it runs.
    pub active: bool,
    /// When it runs first.
    pub next_run_at: Option<Timestamp>,
    /// Inputs as JSON text of an object.
    pub inputs: Option<&'a str>,
    /// Now.
    pub created_at: Timestamp,
}

/// Creates a schedule.
///
/// # Errors
///
/// What the database said.
pub fn create(tx: &mut dyn Tx, new: &NewSchedule<'_>) -> Result<Schedule, StoreError> {
    let id = tx.insert(
        &INSERT,
        params![
            new.project_id,
            new.owner_id,
            new.description,
            new.ref_name,
            new.cron,
            new.cron_timezone,
            new.active,
            new.next_run_at,
            new.inputs,
            new.created_at,
            new.created_at
        ],
    )?;
    tx.one(&BY_ID, params![ScheduleId(id)], read)
}

/// Returns a schedule of a project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, project: ProjectId, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
    tx.optional(&GET, params![project, id], read)
}

/// Returns a schedule by its id alone.
///
/// # Errors
///
/// What the database said.
pub fn by_id(tx: &mut dyn Tx, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
    tx.optional(&BY_ID, params![id], read)
}

/// Lists the schedules of a project by id; only active or inactive ones when asked for.
///
/// # Errors
///
/// What the database said.
pub fn list(
    tx: &mut dyn Tx,
    project: ProjectId,
    active: Option<bool>,
    page: Page,
) -> Result<Vec<Schedule>, StoreError> {
    tx.all(
        &LIST,
        params![
            project,
            active.unwrap_or(true),
            active.unwrap_or(false),
            page.limit,
            page.offset
        ],
        read,
    )
}

/// Counts the schedules of a project.
///
/// # Errors
///
/// What the database said.
pub fn count(tx: &mut dyn Tx, project: ProjectId, active: Option<bool>) -> Result<i64, StoreError> {
    tx.one(
        &COUNT,
        params![project, active.unwrap_or(true), active.unwrap_or(false)],
        column,
    )
}

/// Writes everything that can change of a schedule.
///
/// # Errors
///
/// What the database said.
pub fn save(tx: &mut dyn Tx, schedule: &Schedule) -> Result<bool, StoreError> {
    let changed = tx.execute(
        &SAVE,
        params![
            schedule.id,
            schedule.owner_id,
            &schedule.description,
            &schedule.ref_name,
            &schedule.cron,
            &schedule.cron_timezone,
            schedule.active,
            schedule.next_run_at,
            schedule.inputs.as_ref(),
            schedule.updated_at
        ],
    )?;
    Ok(changed > 0)
}

/// Deletes a schedule with its variables; its pipelines keep an id that leads nowhere.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, id: ScheduleId) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, params![id])? > 0)
}

/// Lists active schedules that are due, the longest overdue first.
///
/// # Errors
///
/// What the database said.
pub fn due(tx: &mut dyn Tx, now: Timestamp, limit: i64) -> Result<Vec<Schedule>, StoreError> {
    tx.all(&DUE, params![now, limit], read)
}

/// Takes a due time; `false` when somebody else has, or the schedule was changed meanwhile.
///
/// # Errors
///
/// What the database said.
pub fn take(tx: &mut dyn Tx, due: DueTime) -> Result<bool, StoreError> {
    Ok(tx.execute(&TAKE, params![due.schedule, due.at, due.next])? > 0)
}

/// Switches a schedule off instead of running it at a due time; `false` as for [`take`].
///
/// # Errors
///
/// What the database said.
pub fn deactivate(tx: &mut dyn Tx, due: DueTime, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&DEACTIVATE, params![due.schedule, due.at, now])? > 0)
}

/// Returns the variables of a schedule by key.
///
/// # Errors
///
/// What the database said.
pub fn variables(tx: &mut dyn Tx, id: ScheduleId) -> Result<Vec<ScheduleVariable>, StoreError> {
    tx.all(&VARIABLES, params![id], |row| {
        Ok(ScheduleVariable {
            variable: GivenVariable {
                key: row.read()?,
                value: String::new(),
                kind: row.read()?,
                raw: row.read()?,
            },
            sealed: row.read()?,
        })
    })
}

/// Adds a variable; `false` when the key is taken.
///
/// # Errors
///
/// What the database said.
pub fn add_variable(tx: &mut dyn Tx, id: ScheduleId, new: &ScheduleVariable) -> Result<bool, StoreError> {
    write_variable(tx, &ADD_VARIABLE, id, new)
}

/// Changes a variable; `false` when there is none of its key.
///
/// # Errors
///
/// What the database said.
pub fn save_variable(tx: &mut dyn Tx, id: ScheduleId, changed: &ScheduleVariable) -> Result<bool, StoreError> {
    write_variable(tx, &SAVE_VARIABLE, id, changed)
}

fn write_variable(tx: &mut dyn Tx, sql: &Sql, id: ScheduleId, one: &ScheduleVariable) -> Result<bool, StoreError> {
    let variable = &one.variable;
    let params = params![id, &variable.key, variable.kind, variable.raw, &one.sealed];
    Ok(tx.execute(sql, params)? > 0)
}

/// Removes a variable.
///
/// # Errors
///
/// What the database said.
pub fn delete_variable(tx: &mut dyn Tx, id: ScheduleId, key: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE_VARIABLE, params![id, key])? > 0)
}

/// Lists the pipelines of a schedule by id.
///
/// # Errors
///
/// What the database said.
pub fn pipelines(tx: &mut dyn Tx, id: ScheduleId, sort: Sort, page: Page) -> Result<Vec<Pipeline>, StoreError> {
    let sql = match sort {
        Sort::Asc => &PIPELINES_UP,
        Sort::Desc => &PIPELINES_DOWN,
    };
    tx.all(sql, params![id, page.limit, page.offset], pipelines::read)
}

/// Counts the pipelines of a schedule.
///
/// # Errors
///
/// What the database said.
pub fn count_pipelines(tx: &mut dyn Tx, id: ScheduleId) -> Result<i64, StoreError> {
    tx.one(&COUNT_PIPELINES, params![id], column)
}

fn read(row: &Row<'_>) -> Result<Schedule, StoreError> {
    Ok(Schedule {
        id: row.read()?,
        project_id: row.read()?,
        owner_id: row.read()?,
        description: row.read()?,
        ref_name: row.read()?,
        cron: row.read()?,
        cron_timezone: row.read()?,
        active: row.read()?,
        next_run_at: row.read()?,
        inputs: row.read()?,
        created_at: row.read()?,
        updated_at: row.read()?,
    })
}
