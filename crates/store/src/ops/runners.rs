//! Runners, the projects they serve and their processes.

mod list;

use model::{
    NamespaceId, ProjectId, Runner, RunnerAccess, RunnerId, RunnerManager, RunnerManagerId, RunnerType, Timestamp,
    UserId,
};

use super::page::Page;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};

/// A runner to be created.
#[derive(Clone, Debug)]
pub struct NewRunner<'a> {
    /// Keyed digest of its token.
    pub digest: &'a [u8; 32],
    /// Whom it serves.
    pub runner_type: RunnerType,
    /// Free text.
    pub description: Option<&'a str>,
    /// Note of the administrator.
    pub maintenance_note: Option<&'a str>,
    /// Takes no jobs.
    pub paused: bool,
    /// May not be assigned to further projects.
    pub locked: bool,
    /// Takes jobs without tags.
    pub run_untagged: bool,
    /// Tags.
    pub tags: &'a [String],
    /// Which refs it takes jobs from.
    pub access: RunnerAccess,
    /// Upper limit of a job's timeout in seconds.
    pub maximum_timeout_seconds: Option<i64>,
    /// The group of a group runner.
    pub group_id: Option<NamespaceId>,
    /// The projects of a project runner; the first one owns it.
    pub project_ids: &'a [ProjectId],
    /// Who creates it.
    pub creator_id: Option<UserId>,
    /// When its token expires.
    pub token_expires_at: Option<Timestamp>,
    /// Whether it was registered with a registration token.
    pub registered_by_token: bool,
    /// Now.
    pub created_at: Timestamp,
}

/// What a runner's process tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagerFacts<'a> {
    /// `s_…` or `r_…`.
    pub system_id: &'a str,
    /// Version of the program.
    pub version: Option<&'a str>,
    /// Revision of the program.
    pub revision: Option<&'a str>,
    /// Operating system.
    pub platform: Option<&'a str>,
    /// Processor.
    pub architecture: Option<&'a str>,
    /// Executor.
    pub executor: Option<&'a str>,
    /// Network address.
    pub ip_address: Option<&'a str>,
    /// Names of the features it declared.
    pub features: &'a [String],
}

pub use list::{RunnerFilter, Standing, count, list};

macro_rules! columns {
    () => {
        "id, runner_type, description, maintenance_note, paused, locked, run_untagged, tags, access, maximum_timeout_seconds, group_id, \
         owner_project_id, creator_id, token_expires_at, registered_by_token, created_at, contacted_at"
    };
}
pub(crate) use columns as runner_columns;
macro_rules! manager_columns {
    () => {
        "id, runner_id, system_id, version, revision, platform, architecture, executor, ip_address, features, created_at, contacted_at"
    };
}

statements! {
    INSERT = "INSERT INTO runners (digest, runner_type, description, maintenance_note, paused, locked, run_untagged, tags, access, \
        maximum_timeout_seconds, group_id, creator_id, token_expires_at, registered_by_token, created_at, owner_project_id) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) RETURNING id";
    GET = concat!("SELECT ", columns!(), " FROM runners WHERE id = ?1");
    BY_DIGEST = concat!("SELECT ", columns!(), " FROM runners WHERE digest = ?1");
    UPDATE = "UPDATE runners SET description = ?2, maintenance_note = ?3, paused = ?4, locked = ?5, run_untagged = ?6, tags = ?7, access = ?8, \
        maximum_timeout_seconds = ?9, token_expires_at = ?10 WHERE id = ?1";
    SET_DIGEST = "UPDATE runners SET digest = ?2, token_expires_at = ?3 WHERE id = ?1";
    TOUCH = "UPDATE runners SET contacted_at = ?2 WHERE id = ?1 AND (contacted_at IS NULL OR contacted_at < ?3)";
    DELETE = "DELETE FROM runners WHERE id = ?1";
    PROJECTS = "SELECT runner_id, project_id FROM runner_projects WHERE runner_id = ANY(?1) ORDER BY runner_id, project_id";
    ASSIGN = "INSERT INTO runner_projects (runner_id, project_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    UNASSIGN = "DELETE FROM runner_projects WHERE runner_id = ?1 AND project_id = ?2";
    SAVE_MANAGER = concat!("INSERT INTO runner_managers (runner_id, system_id, version, revision, platform, architecture, executor, ip_address, features, \
        created_at, contacted_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10) \
        ON CONFLICT (runner_id, system_id) DO UPDATE SET version = COALESCE(excluded.version, runner_managers.version), \
            revision = COALESCE(excluded.revision, runner_managers.revision), platform = COALESCE(excluded.platform, runner_managers.platform), \
            architecture = COALESCE(excluded.architecture, runner_managers.architecture), executor = COALESCE(excluded.executor, runner_managers.executor), \
            ip_address = COALESCE(excluded.ip_address, runner_managers.ip_address), features = COALESCE(excluded.features, runner_managers.features), \
            contacted_at = excluded.contacted_at RETURNING ", manager_columns!());
    MANAGER = concat!("SELECT ", manager_columns!(), " FROM runner_managers WHERE runner_id = ?1 AND system_id = ?2");
    MANAGERS = concat!("SELECT ", manager_columns!(), " FROM runner_managers WHERE runner_id = ?1 ORDER BY contacted_at DESC, id DESC LIMIT ?2 OFFSET ?3");
    MANAGERS_BY_ID = concat!("SELECT ", manager_columns!(), " FROM runner_managers WHERE id = ANY(?1)");
    BUSY = "SELECT DISTINCT runner_id FROM jobs WHERE (status = 'running' OR status = 'canceling') AND runner_id = ANY(?1)";
    BUSY_MANAGERS = "SELECT DISTINCT runner_manager_id FROM jobs WHERE (status = 'running' OR status = 'canceling') AND runner_id = ?1 AND runner_manager_id IS NOT NULL";
    LATEST_MANAGERS = concat!("SELECT ", manager_columns!(), " FROM runner_managers WHERE id IN (SELECT MAX(m.id) FROM runner_managers m \
        WHERE m.runner_id = ANY(?1) AND m.contacted_at = (SELECT MAX(n.contacted_at) FROM runner_managers n WHERE n.runner_id = m.runner_id) GROUP BY m.runner_id)");
    DELETE_MANAGER = "DELETE FROM runner_managers WHERE runner_id = ?1 AND system_id = ?2";
}

/// Creates a runner.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when its group or a project does not exist.
pub fn create(tx: &mut dyn Tx, new: &NewRunner<'_>) -> Result<Runner, StoreError> {
    let id: RunnerId = tx.one(
        &INSERT,
        params![
            new.digest,
            new.runner_type,
            new.description,
            new.maintenance_note,
            new.paused,
            new.locked,
            new.run_untagged,
            Json::text_unless_empty(new.tags).as_ref(),
            new.access,
            new.maximum_timeout_seconds,
            new.group_id,
            new.creator_id,
            new.token_expires_at,
            new.registered_by_token,
            new.created_at,
            new.project_ids.first().copied()
        ],
        column,
    )?;
    for project in new.project_ids {
        assign(tx, id, *project)?;
    }
    Ok(Runner {
        id,
        runner_type: new.runner_type,
        description: new.description.map(str::to_owned),
        maintenance_note: new.maintenance_note.map(str::to_owned),
        paused: new.paused,
        locked: new.locked,
        run_untagged: new.run_untagged,
        tags: new.tags.to_vec(),
        access: new.access,
        maximum_timeout_seconds: new.maximum_timeout_seconds,
        group_id: new.group_id,
        project_ids: new.project_ids.to_vec(),
        owner_project_id: new.project_ids.first().copied(),
        creator_id: new.creator_id,
        token_expires_at: new.token_expires_at,
        registered_by_token: new.registered_by_token,
        created_at: new.created_at,
        contacted_at: None,
    })
}

/// Returns the runner.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, id: RunnerId) -> Result<Option<Runner>, StoreError> {
    let found = tx.optional(&GET, params![id], read)?;
    with_projects_of_one(tx, found)
}

/// Returns the runner whose token has that digest.
///
/// # Errors
///
/// What the database said.
pub fn by_digest(tx: &mut dyn Tx, digest: &[u8; 32]) -> Result<Option<Runner>, StoreError> {
    let found = tx.optional(&BY_DIGEST, params![digest], read)?;
    with_projects_of_one(tx, found)
}

/// Writes what an administrator can change; projects are assigned apart.
///
/// # Errors
///
/// What the database said.
pub fn update(tx: &mut dyn Tx, runner: &Runner) -> Result<bool, StoreError> {
    let changed = tx.execute(
        &UPDATE,
        params![
            runner.id,
            runner.description.as_ref(),
            runner.maintenance_note.as_ref(),
            runner.paused,
            runner.locked,
            runner.run_untagged,
            Json::text_unless_empty(&runner.tags).as_ref(),
            runner.access,
            runner.maximum_timeout_seconds,
            runner.token_expires_at
        ],
    )?;
    Ok(changed > 0)
}

/// Gives the runner a new token.
///
/// # Errors
///
/// What the database said.
pub fn set_digest(
    tx: &mut dyn Tx,
    id: RunnerId,
    digest: &[u8; 32],
    expires_at: Option<Timestamp>,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&SET_DIGEST, params![id, digest, expires_at])? > 0)
}

/// Least time in microseconds between two writes of "last contact": one minute.
pub const TOUCH_EVERY: i64 = 60_000_000;

/// Notes that the runner asked for something, at most once a minute. Look at `contacted_at` first: it spares the write.
///
/// # Errors
///
/// What the database said.
pub fn touch(tx: &mut dyn Tx, id: RunnerId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&TOUCH, params![id, now, now.0 - TOUCH_EVERY])?;
    Ok(())
}

/// Deletes a runner; its jobs keep the id, which then leads nowhere.
///
/// # Errors
///
/// What the database said.
pub fn delete(tx: &mut dyn Tx, id: RunnerId) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE, params![id])? > 0)
}

/// Assigns a project runner to a project; `false` when it is already.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when one of them does not exist.
pub fn assign(tx: &mut dyn Tx, runner: RunnerId, project: ProjectId) -> Result<bool, StoreError> {
    Ok(tx.execute(&ASSIGN, params![runner, project])? > 0)
}

/// Takes a project runner away from a project.
///
/// # Errors
///
/// What the database said.
pub fn unassign(tx: &mut dyn Tx, runner: RunnerId, project: ProjectId) -> Result<bool, StoreError> {
    Ok(tx.execute(&UNASSIGN, params![runner, project])? > 0)
}

/// Records what a runner's process told about itself; what it does not tell keeps its old value.
///
/// # Errors
///
/// [`StoreError::ForeignKey`] when the runner does not exist.
pub fn save_manager(
    tx: &mut dyn Tx,
    runner: RunnerId,
    facts: &ManagerFacts<'_>,
    now: Timestamp,
) -> Result<RunnerManager, StoreError> {
    tx.one(
        &SAVE_MANAGER,
        params![
            runner,
            facts.system_id,
            facts.version,
            facts.revision,
            facts.platform,
            facts.architecture,
            facts.executor,
            facts.ip_address,
            Json::text_unless_empty(facts.features).as_ref(),
            now
        ],
        read_manager,
    )
}

/// Returns one process of a runner.
///
/// # Errors
///
/// What the database said.
pub fn manager(tx: &mut dyn Tx, runner: RunnerId, system_id: &str) -> Result<Option<RunnerManager>, StoreError> {
    tx.optional(&MANAGER, params![runner, system_id], read_manager)
}

/// Lists the processes of a runner, the last seen first.
///
/// # Errors
///
/// What the database said.
pub fn managers(tx: &mut dyn Tx, runner: RunnerId, page: Page) -> Result<Vec<RunnerManager>, StoreError> {
    tx.all(&MANAGERS, params![runner, page.limit, page.offset], read_manager)
}

/// Returns those of the processes that exist, in any order.
///
/// # Errors
///
/// What the database said.
pub fn managers_by_id(tx: &mut dyn Tx, ids: &[RunnerManagerId]) -> Result<Vec<RunnerManager>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.all(&MANAGERS_BY_ID, params![ids.as_slice()], read_manager)
}

/// Returns those of the runners that work on a job now.
///
/// # Errors
///
/// What the database said.
pub fn busy(tx: &mut dyn Tx, ids: &[RunnerId]) -> Result<Vec<RunnerId>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.all(&BUSY, params![ids.as_slice()], column)
}

/// Returns the processes of a runner that work on a job now.
///
/// # Errors
///
/// What the database said.
pub fn busy_managers(tx: &mut dyn Tx, runner: RunnerId) -> Result<Vec<RunnerManagerId>, StoreError> {
    tx.all(&BUSY_MANAGERS, params![runner], column)
}

/// Returns of each runner the process that was heard of last.
///
/// # Errors
///
/// What the database said.
pub fn latest_managers(tx: &mut dyn Tx, ids: &[RunnerId]) -> Result<Vec<RunnerManager>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.all(&LATEST_MANAGERS, params![ids.as_slice()], read_manager)
}

/// Forgets one process of a runner.
///
/// # Errors
///
/// What the database said.
pub fn delete_manager(tx: &mut dyn Tx, runner: RunnerId, system_id: &str) -> Result<bool, StoreError> {
    Ok(tx.execute(&DELETE_MANAGER, params![runner, system_id])? > 0)
}

fn with_projects_of_one(tx: &mut dyn Tx, runner: Option<Runner>) -> Result<Option<Runner>, StoreError> {
    Ok(with_projects(tx, runner.into_iter().collect())?.pop())
}

/// Fills in the projects; only project runners have any.
fn with_projects(tx: &mut dyn Tx, mut runners: Vec<Runner>) -> Result<Vec<Runner>, StoreError> {
    let is_of_project = |runner: &&mut Runner| runner.runner_type == RunnerType::Project;
    let ids: Vec<i64> = runners
        .iter_mut()
        .filter(is_of_project)
        .map(|runner| runner.id.0)
        .collect();
    if ids.is_empty() {
        return Ok(runners);
    }
    let pairs: Vec<(RunnerId, ProjectId)> =
        tx.all(&PROJECTS, params![ids.as_slice()], |row| Ok((row.read()?, row.read()?)))?;
    for runner in runners.iter_mut().filter(is_of_project) {
        runner.project_ids = pairs
            .iter()
            .filter(|(id, _)| *id == runner.id)
            .map(|(_, project)| *project)
            .collect();
    }
    Ok(runners)
}

fn read(row: &Row<'_>) -> Result<Runner, StoreError> {
    Ok(Runner {
        id: row.read()?,
        runner_type: row.read()?,
        description: row.read()?,
        maintenance_note: row.read()?,
        paused: row.read()?,
        locked: row.read()?,
        run_untagged: row.read()?,
        tags: row.read_list()?,
        access: row.read()?,
        maximum_timeout_seconds: row.read()?,
        group_id: row.read()?,
        project_ids: Vec::new(),
        owner_project_id: row.read()?,
        creator_id: row.read()?,
        token_expires_at: row.read()?,
        registered_by_token: row.read()?,
        created_at: row.read()?,
        contacted_at: row.read()?,
    })
}

fn read_manager(row: &Row<'_>) -> Result<RunnerManager, StoreError> {
    Ok(RunnerManager {
        id: row.read()?,
        runner_id: row.read()?,
        system_id: row.read()?,
        version: row.read()?,
        revision: row.read()?,
        platform: row.read()?,
        architecture: row.read()?,
        executor: row.read()?,
        ip_address: row.read()?,
        features: row.read_list()?,
        created_at: row.read()?,
        contacted_at: row.read()?,
    })
}
