//! Environments: found by name or id, changed, stopped when their time has come.

mod list;

use model::{AutoStopSetting, Environment, EnvironmentId, EnvironmentState, JobId, ProjectId, Tier, Timestamp};

use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::params;

pub use list::{EnvironmentFilter, count, list};

macro_rules! columns {
    () => {
        "id, project_id, name, slug, tier, external_url, description, state, auto_stop_setting, auto_stop_at, delete_at, created_at, updated_at"
    };
}
pub(crate) use columns as environment_columns;

macro_rules! insert {
    () => {
        "INSERT INTO environments (project_id, name, name_key, folder, slug, tier, external_url, description, state, auto_stop_setting, \
         auto_stop_at, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12) ON CONFLICT DO NOTHING"
    };
}

statements! {
    INSERT = insert!();
    GET = concat!("SELECT ", columns!(), " FROM environments WHERE project_id = ?1 AND id = ?2");
    BY_ID = concat!("SELECT ", columns!(), " FROM environments WHERE id = ?1");
    LOCK = both(
        concat!("SELECT ", columns!(), " FROM environments WHERE id = ?1"),
        concat!("SELECT ", columns!(), " FROM environments WHERE id = ?1 FOR UPDATE"),
    );
    BY_NAME = concat!("SELECT ", columns!(), " FROM environments WHERE project_id = ?1 AND name = ?2");
    BY_NAMES = concat!("SELECT ", columns!(), " FROM environments WHERE project_id = ?1 AND name = ANY(?2)");
    MANY = concat!("SELECT ", columns!(), " FROM environments WHERE id = ANY(?1)");
    SAVE = "UPDATE environments SET tier = ?2, external_url = ?3, description = ?4, auto_stop_setting = ?5, auto_stop_at = ?6, \
        updated_at = ?7 WHERE id = ?1";
    START = "UPDATE environments SET state = 'available', delete_at = NULL, updated_at = ?2 WHERE id = ?1 AND state <> 'available'";
    BEGIN_STOP = "UPDATE environments SET state = 'stopping', updated_at = ?2 WHERE id = ?1 AND state = 'available'";
    STOP = "UPDATE environments SET state = 'stopped', auto_stop_at = NULL, updated_at = ?2 WHERE id = ?1 AND state <> 'stopped'";
    STOP_AVAILABLE = "UPDATE environments SET state = 'stopped', auto_stop_at = NULL, updated_at = ?2 WHERE id = ?1 AND state = 'available'";
    RECOVER = "UPDATE environments SET state = 'available', updated_at = ?2 WHERE state = 'stopping' AND updated_at < ?1";
    FORGET_AUTO_STOP = "UPDATE environments SET auto_stop_at = NULL WHERE id = ?1 AND auto_stop_at = ?2";
    DELETE = "DELETE FROM environments WHERE id = ?1 AND state = 'stopped'";
    DELETE_DUE = "DELETE FROM environments WHERE delete_at <= ?1 AND delete_at IS NOT NULL AND state = 'stopped'";
    HAS_OLD = "SELECT EXISTS (SELECT 1 FROM environments WHERE delete_at <= ?1 AND delete_at IS NOT NULL AND state = 'stopped') \
        OR EXISTS (SELECT 1 FROM environments WHERE state = 'stopping' AND updated_at < ?2)";
    DUE = concat!("SELECT ", columns!(), " FROM environments WHERE state = 'available' AND auto_stop_at IS NOT NULL AND auto_stop_at <= ?1 \
        ORDER BY auto_stop_at LIMIT ?2");
    STALE = concat!("SELECT ", columns!(), " FROM environments WHERE project_id = ?1 AND state = 'available' AND id > ?3 AND updated_at < ?2 \
        AND NOT EXISTS (SELECT 1 FROM deployments WHERE deployments.environment_id = environments.id AND deployments.updated_at >= ?2) \
        ORDER BY id LIMIT ?4");
    OF_BRANCH = concat!("SELECT ", columns!(), " FROM environments WHERE project_id = ?1 AND state = 'available' AND id IN \
        (SELECT environment_id FROM deployments WHERE project_id = ?1 AND ref_name = ?2 AND NOT is_tag) ORDER BY id LIMIT ?3");
    REVIEW_APPS = concat!("SELECT ", columns!(), " FROM environments WHERE project_id = ?1 AND state = 'stopped' AND folder = 'review' \
        AND delete_at IS NULL AND created_at < ?2 ORDER BY created_at, id LIMIT ?3");
    SCHEDULE_DELETION = "UPDATE environments SET delete_at = ?2 WHERE id = ANY(?1)";
    ADD_UPDATE = "INSERT INTO environment_updates (job_id) VALUES (?1) ON CONFLICT DO NOTHING";
    TAKE_UPDATE = "DELETE FROM environment_updates WHERE job_id = ?1";
    UPDATES = "SELECT job_id FROM environment_updates ORDER BY job_id LIMIT ?1";
}

/// An environment to be made.
#[derive(Clone, Debug)]
pub struct NewEnvironment<'a> {
    /// Its project.
    pub project_id: ProjectId,
    /// Its name, expanded.
    pub name: &'a str,
    /// Its name for hosts and labels.
    pub slug: &'a str,
    /// What it is for.
    pub tier: Tier,
    /// Where it can be looked at.
    pub external_url: Option<&'a str>,
    /// Free text.
    pub description: Option<&'a str>,
    /// Whether it stops by itself without a job that stops it.
    pub auto_stop_setting: AutoStopSetting,
    /// When it stops by itself.
    pub auto_stop_at: Option<Timestamp>,
    /// Now.
    pub created_at: Timestamp,
}

/// Makes an environment; `false` when its name or its slug is taken.
///
/// # Errors
///
/// What the database said.
pub fn insert(tx: &mut dyn Tx, new: &NewEnvironment<'_>) -> Result<bool, StoreError> {
    let inserted = tx.execute(
        &INSERT,
        params![
            new.project_id,
            new.name,
            &super::key(new.name),
            Environment::folder(new.name),
            new.slug,
            new.tier,
            new.external_url,
            new.description,
            EnvironmentState::Available,
            new.auto_stop_setting,
            new.auto_stop_at,
            new.created_at
        ],
    )?;
    Ok(inserted > 0)
}

/// Returns an environment of a project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, project: ProjectId, id: EnvironmentId) -> Result<Option<Environment>, StoreError> {
    tx.optional(&GET, params![project, id], read)
}

/// Returns an environment by its id alone.
///
/// # Errors
///
/// What the database said.
pub fn by_id(tx: &mut dyn Tx, id: EnvironmentId) -> Result<Option<Environment>, StoreError> {
    tx.optional(&BY_ID, params![id], read)
}

/// As [`by_id`], and keeps others from changing it until the commit.
///
/// # Errors
///
/// What the database said.
pub fn lock(tx: &mut dyn Tx, id: EnvironmentId) -> Result<Option<Environment>, StoreError> {
    tx.optional(&LOCK, params![id], read)
}

/// Returns the environment of that name.
///
/// # Errors
///
/// What the database said.
pub fn by_name(tx: &mut dyn Tx, project: ProjectId, name: &str) -> Result<Option<Environment>, StoreError> {
    tx.optional(&BY_NAME, params![project, name], read)
}

/// Returns the environments of those names, in any order.
///
/// # Errors
///
/// What the database said.
pub fn by_names(tx: &mut dyn Tx, project: ProjectId, names: &[&str]) -> Result<Vec<Environment>, StoreError> {
    tx.all(&BY_NAMES, params![project, names], read)
}

/// Returns those of the environments that exist, in any order.
///
/// # Errors
///
/// What the database said.
pub fn get_many(tx: &mut dyn Tx, ids: &[EnvironmentId]) -> Result<Vec<Environment>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.all(&MANY, params![ids.as_slice()], read)
}

/// Writes what can be set of an environment; not its state.
///
/// # Errors
///
/// What the database said.
pub fn save(tx: &mut dyn Tx, environment: &Environment) -> Result<bool, StoreError> {
    let changed = tx.execute(
        &SAVE,
        params![
            environment.id,
            environment.tier,
            environment.external_url.as_ref(),
            environment.description.as_ref(),
            environment.auto_stop_setting,
            environment.auto_stop_at,
            environment.updated_at
        ],
    )?;
    Ok(changed > 0)
}

/// Brings an environment back; `false` when it was there.
///
/// # Errors
///
/// What the database said.
pub fn start(tx: &mut dyn Tx, id: EnvironmentId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&START, params![id, now])? > 0)
}

/// Notes that the job runs that stops an environment; `false` unless it was available.
///
/// # Errors
///
/// What the database said.
pub fn begin_stop(tx: &mut dyn Tx, id: EnvironmentId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&BEGIN_STOP, params![id, now])? > 0)
}

/// Notes that an environment is gone; `false` when it was before.
///
/// # Errors
///
/// What the database said.
pub fn stop(tx: &mut dyn Tx, id: EnvironmentId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&STOP, params![id, now])? > 0)
}

/// As [`stop`], but leaves alone what is being stopped by a job.
///
/// # Errors
///
/// What the database said.
pub fn stop_available(tx: &mut dyn Tx, id: EnvironmentId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&STOP_AVAILABLE, params![id, now])? > 0)
}

/// Makes environments available again whose stop job has not stopped them since `before`; returns how many.
///
/// # Errors
///
/// What the database said.
pub fn recover(tx: &mut dyn Tx, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&RECOVER, params![before, now])
}

/// Lets an environment live on whose time had come at `due`.
///
/// # Errors
///
/// What the database said.
pub fn forget_auto_stop(tx: &mut dyn Tx, id: EnvironmentId, due: Timestamp) -> Result<(), StoreError> {
    tx.execute(&FORGET_AUTO_STOP, params![id, due])?;
    Ok(())
}

/// Deletes a stopped environment and its deployments; `false` when it is not stopped or not there.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, id: EnvironmentId) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, params![id])? > 0)
}

/// Deletes the stopped environments whose time for that has come; returns how many.
///
/// # Errors
///
/// What the database said.
pub fn delete_due(tx: &mut dyn Tx, now: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&DELETE_DUE, params![now])
}

/// Whether there is anything for [`delete_due`] (at `now`) or [`recover`] (before `before`).
///
/// # Errors
///
/// What the database said.
pub fn has_old(tx: &mut dyn Tx, now: Timestamp, before: Timestamp) -> Result<bool, StoreError> {
    tx.one(&HAS_OLD, params![now, before], column)
}

/// Lists available environments whose time to stop has come, the longest overdue first.
///
/// # Errors
///
/// What the database said.
pub fn due(tx: &mut dyn Tx, now: Timestamp, limit: i64) -> Result<Vec<Environment>, StoreError> {
    tx.all(&DUE, params![now, limit], read)
}

/// Lists available environments of a project that nothing happened to since `before`, by id, those above `after`.
///
/// # Errors
///
/// What the database said.
pub fn stale(
    tx: &mut dyn Tx,
    project: ProjectId,
    before: Timestamp,
    after: EnvironmentId,
    limit: i64,
) -> Result<Vec<Environment>, StoreError> {
    tx.all(&STALE, params![project, before, after, limit], read)
}

/// Lists available environments that a branch was deployed to.
///
/// # Errors
///
/// What the database said.
pub fn of_branch(
    tx: &mut dyn Tx,
    project: ProjectId,
    branch: &str,
    limit: i64,
) -> Result<Vec<Environment>, StoreError> {
    tx.all(&OF_BRANCH, params![project, branch, limit], read)
}

/// Lists stopped environments of the folder `review` made before a time that nobody wants deleted yet, the oldest first.
///
/// # Errors
///
/// What the database said.
pub fn review_apps(
    tx: &mut dyn Tx,
    project: ProjectId,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Environment>, StoreError> {
    tx.all(&REVIEW_APPS, params![project, before, limit], read)
}

/// Notes when environments are to be deleted.
///
/// # Errors
///
/// What the database said.
pub fn schedule_deletion(tx: &mut dyn Tx, ids: &[EnvironmentId], at: Timestamp) -> Result<(), StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.execute(&SCHEDULE_DELETION, params![ids.as_slice(), at])?;
    Ok(())
}

/// Notes that what a job did to its environment is still to be written down.
///
/// # Errors
///
/// What the database said.
pub fn add_update(tx: &mut dyn Tx, job: JobId) -> Result<(), StoreError> {
    tx.execute(&ADD_UPDATE, params![job])?;
    Ok(())
}

/// Takes such a note away; `false` when somebody else was faster.
///
/// # Errors
///
/// What the database said.
pub fn take_update(tx: &mut dyn Tx, job: JobId) -> Result<bool, StoreError> {
    Ok(tx.execute(&TAKE_UPDATE, params![job])? > 0)
}

/// Lists the jobs with such notes.
///
/// # Errors
///
/// What the database said.
pub fn updates(tx: &mut dyn Tx, limit: i64) -> Result<Vec<JobId>, StoreError> {
    tx.all(&UPDATES, params![limit], column)
}

pub(super) fn read(row: &Row<'_>) -> Result<Environment, StoreError> {
    Ok(Environment {
        id: row.read()?,
        project_id: row.read()?,
        name: row.read()?,
        slug: row.read()?,
        tier: row.read()?,
        external_url: row.read()?,
        description: row.read()?,
        state: row.read()?,
        auto_stop_setting: row.read()?,
        auto_stop_at: row.read()?,
        delete_at: row.read()?,
        created_at: row.read()?,
        updated_at: row.read()?,
    })
}
