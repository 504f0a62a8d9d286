//! Finding the project that a caller names, with the caller's role in it.

use model::{AccessLevel, Job, Project, ProjectId, User};
use store::{StoreError, Tx, ops};

use crate::App;
use crate::access::{self, Ability, ProjectAccess};
use crate::caller::{Caller, JobCaller};
use crate::error::{Error, Moved, Result};

/// The `:id` of a project, as the caller wrote it (rest-api.md 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectKey {
    /// Its id.
    Id(ProjectId),
    /// Its full path; letter case does not matter.
    Path(String),
}

impl ProjectKey {
    /// Reads the decoded segment; `None` when no project can have such a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<ProjectKey> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(ProjectKey::Id);
        }
        text.contains('/').then(|| ProjectKey::Path(text.to_owned()))
    }
}

/// Finds a project, whoever asks, also by a path that it had once.
///
/// # Errors
///
/// What the database said.
pub fn find(tx: &mut dyn Tx, key: &ProjectKey) -> Result<Option<Project>, StoreError> {
    let path = match key {
        ProjectKey::Id(id) => return ops::projects::get(tx, *id),
        ProjectKey::Path(path) => path,
    };
    match ops::projects::by_full_path(tx, path)? {
        Some(project) => Ok(Some(project)),
        None => match ops::redirect_routes::find(tx, path)? {
            Some(id) => ops::projects::get(tx, id),
            None => Ok(None),
        },
    }
}

impl ProjectKey {
    /// Where a project is that was found by a path it does not have any more.
    fn moved(&self, project: &Project) -> Option<Moved> {
        let ProjectKey::Path(path) = self else { return None };
        (path.to_lowercase() != project.full_path.to_lowercase()).then(|| Moved {
            id: project.id,
            full_path: project.full_path.clone(),
        })
    }
}

/// Finds a project and the caller's role in it; the caller must be able to see it.
///
/// # Errors
///
/// `404 Project Not Found` when there is none, or none that the caller may know of; 403 for a job
/// whose token is not for this project; where it is now, for a path that it had once.
pub fn project(app: &App, tx: &mut dyn Tx, caller: &Caller, key: &ProjectKey) -> Result<ProjectAccess> {
    let project = find(tx, key)?.ok_or(Error::NotFound("Project"))?;
    let role = match caller.user() {
        Some(user) => role(app, tx, user, &project)?,
        None => AccessLevel::None,
    };
    let access = ProjectAccess { project, role };
    access.require(caller, Ability::ReadProject)?;
    if let Caller::Job(job) = caller
        && !job_may_use(tx, &job.job, &job.user, &access.project, role)?
    {
        let source = ops::projects::get(tx, job.job.project_id)?;
        let source = source.map(|source| source.path).unwrap_or_default();
        return Err(Error::Forbidden(Some(format!(
            "Authentication by CI/CD job token not allowed from {source} to {}.",
            access.project.path
        ))));
    }
    match key.moved(&access.project) {
        Some(moved) => Err(Error::Moved(Box::new(moved))),
        None => Ok(access),
    }
}

/// Finds a project in which the caller has the ability.
///
/// # Errors
///
/// As [`project`] and [`ProjectAccess::require`].
pub fn project_for(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    key: &ProjectKey,
    ability: Ability,
) -> Result<ProjectAccess> {
    let access = project(app, tx, caller, key)?;
    access.require(caller, ability)?;
    Ok(access)
}

/// The highest role that memberships of project and groups give a user; owner in one's own namespace.
///
/// # Errors
///
/// What the database said.
pub fn role(app: &App, tx: &mut dyn Tx, user: &User, project: &Project) -> Result<AccessLevel, StoreError> {
    // The statement would say the same; it walks up the groups for it.
    if project.namespace_id == user.namespace_id {
        return Ok(AccessLevel::Owner);
    }
    if is_dead_bot(app, tx, user)? {
        return Ok(AccessLevel::None);
    }
    ops::members::level_in_project(tx, project.id, user.id, app.clock.now())
}

/// Whether a bot has lost all its access tokens: it is kept for a while, for the record, and may do nothing, nor may
/// trigger tokens and schedules that it made.
///
/// # Errors
///
/// What the database said.
pub fn is_dead_bot(app: &App, tx: &mut dyn Tx, user: &User) -> Result<bool, StoreError> {
    Ok(user.is_bot && !ops::bots::is_alive(tx, user.id, app.clock.now())?)
}

/// The job of a job token, whatever its status; `None` when we did not make the token or the job was
/// handed out anew since.
///
/// # Errors
///
/// What the database said.
pub fn job_of_token(app: &App, tx: &mut dyn Tx, token: &str) -> Result<Option<Job>, StoreError> {
    let Some(hand_out) = crate::jobs::token::read(&app.keys, token) else {
        return Ok(None);
    };
    Ok(ops::jobs::by_id(tx, hand_out.job)?.filter(|job| job.claim == hand_out.claim))
}

/// Whether a job may use its token on a project: always on its own; on another one when that one is
/// open to all or has the job's project on its list, and the job's user could read it.
///
/// # Errors
///
/// What the database said.
pub fn job_may_use(
    tx: &mut dyn Tx,
    job: &Job,
    user: &User,
    project: &Project,
    role: AccessLevel,
) -> Result<bool, StoreError> {
    if job.project_id == project.id {
        return Ok(true);
    }
    let caller = Caller::Job(Box::new(JobCaller {
        user: user.clone(),
        job: job.clone(),
    }));
    if !access::allows(project, role, &caller, Ability::ReadProject) {
        return Ok(false);
    }
    Ok(!project.settings.job_token_inbound || ops::job_token_scope::allows(tx, project.id, job.project_id)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_an_id_and_a_slash_makes_a_path() {
        let path = |text: &str| Some(ProjectKey::Path(text.to_owned()));
        for (text, expected) in [
            ("12", Some(ProjectKey::Id(ProjectId(12)))),
            ("-1", Some(ProjectKey::Id(ProjectId(-1)))),
            ("group/project", path("group/project")),
            ("1/2", path("1/2")),
            ("project", None),
            ("", None),
            ("-", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(ProjectKey::parse(text), expected, "{text}");
        }
    }
}
