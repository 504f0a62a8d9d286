//! Projects: the path by which callers find them, the settings, the deletion in steps.

mod list;

use model::project::ProjectSettings;
use model::{ArtifactId, JobId, NamespaceId, PipelineId, Project, ProjectId, Timestamp, UserId, Visibility};

use super::key;
use crate::error::StoreError;
use crate::row::{Row, column};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Json, params};

pub(crate) use list::member_of;
pub use list::{ProjectFilter, ProjectOrder, Viewer, count, list};

/// A project to be created.
#[derive(Clone, Debug)]
pub struct NewProject<'a> {
    /// Where it lives.
    pub namespace_id: NamespaceId,
    /// Display name.
    pub name: &'a str,
    /// Last part of the path.
    pub path: &'a str,
    /// Whole path.
    pub full_path: &'a str,
    /// Free text.
    pub description: Option<&'a str>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Default branch, once there is one.
    pub default_branch: Option<&'a str>,
    /// Who creates it.
    pub creator_id: Option<UserId>,
    /// Folder of an attached local repository.
    pub attached_repository: Option<&'a str>,
    /// CI settings.
    pub settings: &'a ProjectSettings,
    /// Now.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "projects.id, projects.namespace_id, projects.name, projects.path, projects.full_path, projects.description, \
         projects.visibility, projects.default_branch, projects.creator_id, projects.attached_repository, \
         projects.created_at, projects.updated_at, projects.last_activity_at, projects.archived, projects.settings"
    };
}
pub(crate) use columns as project_columns;

statements! {
    INSERT = "INSERT INTO projects (namespace_id, name, path, full_path, path_key, description, visibility, default_branch, creator_id, \
              attached_repository, created_at, updated_at, last_activity_at, archived, settings) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?11, FALSE, ?12) RETURNING id";
    INSERT_COUNTER = "INSERT INTO project_counters (project_id, pipeline_iid) VALUES (?1, 0)";
    GET = concat!("SELECT ", columns!(), " FROM projects WHERE id = ?1");
    GET_MANY = concat!("SELECT ", columns!(), " FROM projects WHERE id = ANY(?1)");
    BY_PATH = concat!("SELECT ", columns!(), " FROM projects WHERE path_key = ?1");
    UPDATE = "UPDATE projects SET name = ?2, path = ?3, full_path = ?4, path_key = ?5, description = ?6, visibility = ?7, \
              default_branch = ?8, attached_repository = ?9, updated_at = ?10, archived = ?11, settings = ?12, namespace_id = ?13 \
              WHERE id = ?1";
    SET_DEFAULT_BRANCH = "UPDATE projects SET default_branch = ?2 WHERE id = ?1";
    TOUCH = "UPDATE projects SET last_activity_at = ?2 WHERE id = ?1 AND last_activity_at < ?3";
    SOME_PIPELINES = "SELECT id FROM pipelines WHERE project_id = ?1 ORDER BY iid LIMIT ?2";
    DELETE_VARIABLES = "DELETE FROM variables WHERE owner_kind = 'project' AND owner_id = ?1";
    DELETE = "DELETE FROM projects WHERE id = ?1";
    COUNT = "SELECT COUNT(*) FROM projects";
}

/// Creates a project.
///
/// # Errors
///
/// [`StoreError::Unique`] when a project or namespace has that path.
pub fn create(tx: &mut dyn Tx, new: &NewProject<'_>) -> Result<Project, StoreError> {
    if super::namespaces::path_taken(tx, new.full_path)? {
        return Err(StoreError::Unique {
            statement: INSERT.name.to_owned(),
            message: format!("path `{}` is taken", new.full_path),
        });
    }
    let id = tx.one(
        &INSERT,
        params![
            new.namespace_id,
            new.name,
            new.path,
            new.full_path,
            &key(new.full_path),
            new.description,
            new.visibility,
            new.default_branch,
            new.creator_id,
            new.attached_repository,
            new.created_at,
            &Json::text(new.settings)
        ],
        column::<ProjectId>,
    )?;
    tx.execute(&INSERT_COUNTER, params![id])?;
    super::redirect_routes::taken_over(tx, new.full_path)?;
    Ok(Project {
        id,
        namespace_id: new.namespace_id,
        name: new.name.to_owned(),
        path: new.path.to_owned(),
        full_path: new.full_path.to_owned(),
        description: new.description.map(str::to_owned),
        visibility: new.visibility,
        default_branch: new.default_branch.map(str::to_owned),
        creator_id: new.creator_id,
        attached_repository: new.attached_repository.map(str::to_owned),
        created_at: new.created_at,
        updated_at: new.created_at,
        last_activity_at: new.created_at,
        archived: false,
        settings: new.settings.clone(),
    })
}

/// Returns the project.
///
/// # Errors
///
/// What the database said.
pub fn get(tx: &mut dyn Tx, id: ProjectId) -> Result<Option<Project>, StoreError> {
    tx.optional(&GET, params![id], read)
}

/// Returns those of the projects that exist, in any order.
///
/// # Errors
///
/// What the database said.
pub fn get_many(tx: &mut dyn Tx, ids: &[ProjectId]) -> Result<Vec<Project>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    tx.all(&GET_MANY, params![ids.as_slice()], read)
}

/// Returns the project with that whole path, letter case ignored.
///
/// # Errors
///
/// What the database said.
pub fn by_full_path(tx: &mut dyn Tx, full_path: &str) -> Result<Option<Project>, StoreError> {
    tx.optional(&BY_PATH, params![&key(full_path)], read)
}

/// Writes everything that can change, except the time of the last activity.
///
/// # Errors
///
/// [`StoreError::Unique`] when a new path is taken.
pub fn update(tx: &mut dyn Tx, project: &Project) -> Result<bool, StoreError> {
    let changed = tx.execute(
        &UPDATE,
        params![
            project.id,
            &project.name,
            &project.path,
            &project.full_path,
            &key(&project.full_path),
            project.description.as_ref(),
            project.visibility,
            project.default_branch.as_ref(),
            project.attached_repository.as_ref(),
            project.updated_at,
            project.archived,
            &Json::text(&project.settings),
            project.namespace_id
        ],
    )?;
    Ok(changed > 0)
}

/// Sets the default branch, after the first push.
///
/// # Errors
///
/// What the database said.
pub fn set_default_branch(tx: &mut dyn Tx, id: ProjectId, branch: Option<&str>) -> Result<bool, StoreError> {
    Ok(tx.execute(&SET_DEFAULT_BRANCH, params![id, branch])? > 0)
}

/// Least time in microseconds between two writes of "last activity": it is shown to the hour at best.
const ACTIVITY: i64 = 60_000_000;

/// Notes that something happened, at most once a minute.
///
/// # Errors
///
/// What the database said.
pub fn touch(tx: &mut dyn Tx, id: ProjectId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&TOUCH, params![id, now, now.0 - ACTIVITY])?;
    Ok(())
}

/// Pipelines deleted in one step of [`delete_step`].
const STEP: i64 = 100;

/// What a step of [`delete_step`] has deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Whether the project itself is gone: there is no further step.
    pub is_done: bool,
    /// Jobs whose logs nobody names any more.
    pub jobs: Vec<JobId>,
    /// Artifacts whose files nobody names any more.
    pub artifacts: Vec<ArtifactId>,
}

/// Deletes a part of the project: some pipelines with their jobs, or at last the project itself. Logs and files are not
/// rows: delete them after the commit.
///
/// Call it in a transaction of its own until it is done, so that nobody waits long behind a
/// large project. Make the project unreachable first (archive it, refuse new pipelines).
///
/// # Errors
///
/// What the database said.
pub fn delete_step(tx: &mut dyn Tx, id: ProjectId) -> Result<Deleted, StoreError> {
    let mut deleted = Deleted::default();
    let pipelines: Vec<i64> = tx.all(&SOME_PIPELINES, params![id, STEP], column)?;
    if !pipelines.is_empty() {
        for pipeline in &pipelines {
            deleted
                .jobs
                .extend(super::jobs::ids_of_pipeline(tx, PipelineId(*pipeline))?);
            let files = super::artifacts::of_pipeline(tx, PipelineId(*pipeline))?;
            deleted.artifacts.extend(files.into_iter().map(|file| file.id));
        }
        super::pipelines::delete_many(tx, &pipelines)?;
        return Ok(deleted);
    }
    tx.execute(&DELETE_VARIABLES, params![id])?;
    super::bots::delete_of(tx, super::members::Place::Project(id))?;
    tx.execute(&DELETE, params![id])?;
    deleted.is_done = true;
    Ok(deleted)
}

/// Returns the number of projects.
///
/// # Errors
///
/// What the database said.
pub fn count_all(tx: &mut dyn Tx) -> Result<i64, StoreError> {
    tx.one(&COUNT, &[], column)
}

/// Makes a project of [`project_columns`].
pub(crate) fn read(row: &Row<'_>) -> Result<Project, StoreError> {
    Ok(Project {
        id: row.read()?,
        namespace_id: row.read()?,
        name: row.read()?,
        path: row.read()?,
        full_path: row.read()?,
        description: row.read()?,
        visibility: row.read()?,
        default_branch: row.read()?,
        creator_id: row.read()?,
        attached_repository: row.read()?,
        created_at: row.read()?,
        updated_at: row.read()?,
        last_activity_at: row.read()?,
        archived: row.read()?,
        settings: row.read::<Json<ProjectSettings>>()?.0,
    })
}
