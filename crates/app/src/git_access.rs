//! Who may clone, fetch and push over HTTP, and which refs.
//!
//! The password is an access token or a job token; the user name beside it says nothing. Whoever
//! may not see a project is told that there is none, but only after proving who they are: before,
//! every address that could not be read asks for a password, so that git sends it.

use git::{PushCommand, Refusal, Service};
use model::{AccessLevel, Project, ProtectedRef, User};
use store::{StoreError, ops};

use crate::App;
use crate::access::{self, Ability, ProjectAccess};
use crate::authenticate;
use crate::caller::{Caller, JobCaller};
use crate::error::Error;
use crate::keys::JOB_TOKEN_PREFIX;
use crate::lookup::{self, ProjectKey};
use crate::runners::report::is_with_runner;

/// Scopes of an access token that let it read; `api` always does.
const READ_SCOPES: &str = "read_repository write_repository";

/// Scopes of an access token that let it write; `api` always does.
const WRITE_SCOPES: &str = "write_repository";

const MAY_NOT_READ: &str = "You are not allowed to download code from this project.";
const MAY_NOT_PUSH: &str = "You are not allowed to push code to this project.";

/// Why a git client is turned away.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// It has to say who it is: 401.
    #[error(
        "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect or \
         you're required to use a token instead of a password. If a token was provided, it was either incorrect, \
         expired, or improperly scoped."
    )]
    Login,
    /// There is no such project, as far as this caller may know: 404.
    #[error("The project you were looking for could not be found or you don't have permission to view it.")]
    NotFound,
    /// It may not do this: 403.
    #[error("{0}")]
    Forbidden(String),
    /// Nothing the client can do about: 500.
    #[error("500 Internal Server Error")]
    Internal(#[source] Error),
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Denied {
        Denied::Internal(error.into())
    }
}

/// A caller that may do what it asked for.
#[derive(Clone, Debug)]
pub struct GitAccess {
    /// The project.
    pub project: Project,
    /// Who.
    pub caller: Caller,
    /// The caller's role in it.
    pub role: AccessLevel,
    /// Protected branches and tags; empty when only reading.
    pub protected: Vec<ProtectedRef>,
}

/// Decides whether the holder of a password may clone from (or push to) the project at a path.
///
/// # Errors
///
/// [`Denied`].
pub async fn authorize(
    app: &App,
    path: String,
    password: Option<String>,
    service: Service,
) -> Result<GitAccess, Denied> {
    let caller = match password {
        None => Caller::Anonymous,
        Some(token) if token.starts_with(JOB_TOKEN_PREFIX) => job_caller(app, token).await?,
        Some(token) => user_caller(app, token, service).await?,
    };
    let this = app.clone();
    let writes = service == Service::ReceivePack;
    let asking = caller.clone();
    let found = app
        .store
        .read(move |tx| {
            let Some(project) = lookup::find(tx, &ProjectKey::Path(path.clone()))? else {
                return Ok(None);
            };
            let role = match asking.user() {
                Some(user) => lookup::role(&this, tx, user, &project)?,
                None => AccessLevel::None,
            };
            let protected = if writes {
                ops::protected_refs::list(tx, project.id)?
            } else {
                Vec::new()
            };
            let in_scope = match &asking {
                Caller::Job(job) => lookup::job_may_use(tx, &job.job, &job.user, &project, role)?,
                _ => true,
            };
            Ok::<_, StoreError>(Some((project, role, protected, in_scope)))
        })
        .await?;
    // Somebody without a name learns nothing, not even whether the project exists.
    let unknown = || {
        if caller.is_authenticated() {
            Denied::NotFound
        } else {
            Denied::Login
        }
    };
    let (project, role, protected, in_scope) = found.ok_or_else(unknown)?;
    let access = ProjectAccess { project, role };
    let own_job = is_own_job(&caller, &access.project);
    if !own_job && !access.allows(&caller, Ability::ReadProject) {
        return Err(unknown());
    }
    let allowed = match (&caller, service) {
        (Caller::Job(job), _) => check_job(job, &access, in_scope, service),
        (_, Service::UploadPack) => access
            .allows(&caller, Ability::ReadCode)
            .then_some(())
            .ok_or(MAY_NOT_READ.into()),
        (_, Service::ReceivePack) => access
            .allows(&caller, Ability::PushCode)
            .then_some(())
            .ok_or(MAY_NOT_PUSH.into()),
    };
    match allowed {
        Ok(()) => Ok(GitAccess {
            project: access.project,
            caller,
            role,
            protected,
        }),
        Err(_) if !caller.is_authenticated() => Err(Denied::Login),
        Err(text) => Err(Denied::Forbidden(text)),
    }
}

async fn user_caller(app: &App, token: String, service: Service) -> Result<Caller, Denied> {
    let (scopes, text) = match service {
        Service::UploadPack => (READ_SCOPES, MAY_NOT_READ),
        Service::ReceivePack => (WRITE_SCOPES, MAY_NOT_PUSH),
    };
    match authenticate::by_access_token(app, token, scopes).await {
        Ok(caller) => Ok(Caller::User(Box::new(caller))),
        Err(Error::InsufficientScope { .. }) => Err(Denied::Forbidden(text.to_owned())),
        Err(Error::Forbidden(reason)) => Err(Denied::Forbidden(reason.unwrap_or_else(|| text.to_owned()))),
        Err(error @ Error::Internal(_)) => Err(Denied::Internal(error)),
        Err(_) => Err(Denied::Login),
    }
}

async fn job_caller(app: &App, token: String) -> Result<Caller, Denied> {
    let this = app.clone();
    let found = app
        .store
        .read(move |tx| {
            let Some(job) = lookup::job_of_token(&this, tx, &token)? else {
                return Ok(None);
            };
            let user = job.user_id.map(|id| ops::users::get(tx, id)).transpose()?.flatten();
            Ok::<_, StoreError>(user.map(|user| JobCaller { user, job }))
        })
        .await?;
    // A runner may clone while the server still writes down that it has taken the job.
    let caller = found.filter(|caller| is_with_runner(&caller.job) && caller.user.is_active());
    caller.map(|caller| Caller::Job(Box::new(caller))).ok_or(Denied::Login)
}

fn is_own_job(caller: &Caller, project: &Project) -> bool {
    matches!(caller, Caller::Job(caller) if caller.job.project_id == project.id)
}

/// A job reads its own project, and others that accept its token (`in_scope`) and that its user may
/// read; it pushes to its own project where that is switched on and its user may push.
fn check_job(caller: &JobCaller, access: &ProjectAccess, in_scope: bool, service: Service) -> Result<(), String> {
    let project = &access.project;
    let own = caller.job.project_id == project.id;
    let as_job = Caller::Job(Box::new(caller.clone()));
    match service {
        Service::UploadPack if own => Ok(()),
        Service::UploadPack if !in_scope => Err(format!(
            "Authentication by CI/CD job token not allowed to {}.",
            project.path
        )),
        Service::UploadPack => access
            .allows(&as_job, Ability::ReadCode)
            .then_some(())
            .ok_or(MAY_NOT_READ.into()),
        Service::ReceivePack if own && project.settings.job_token_push => access
            .allows(&as_job, Ability::PushCode)
            .then_some(())
            .ok_or(MAY_NOT_PUSH.into()),
        Service::ReceivePack => Err(MAY_NOT_PUSH.to_owned()),
    }
}

impl GitAccess {
    /// Returns the user a push is made as; anonymous callers never push.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.caller.user()
    }

    /// Returns a refusal when the caller may not make one of these ref updates, in GitLab's words.
    #[must_use]
    pub fn check(&self, commands: &[PushCommand]) -> Option<Refusal> {
        let refused: Vec<_> = commands
            .iter()
            .filter_map(|command| Some((command.ref_name.clone(), self.objection(command)?.to_owned())))
            .collect();
        let (_, first) = refused.first()?;
        Some(Refusal {
            message: format!("GitLab: {first}"),
            refs: refused,
        })
    }

    /// Whether one of these ref updates may only add commits.
    #[must_use]
    pub fn wants_fast_forward(&self, commands: &[PushCommand]) -> bool {
        let is_protected_branch = |command: &PushCommand| {
            let branch = command.git_ref().filter(|git_ref| !git_ref.is_tag);
            branch.is_some_and(|branch| access::is_protected(&self.protected, &branch.name, false))
        };
        commands
            .iter()
            .any(|command| !command.creates() && !command.deletes() && is_protected_branch(command))
    }

    /// What speaks against a ref update, if anything does.
    fn objection(&self, command: &PushCommand) -> Option<&'static str> {
        let git_ref = command.git_ref()?;
        let name = git_ref.name.as_str();
        let may_push = access::may_push_to(&self.protected, name, git_ref.is_tag, self.role, self.caller.is_admin());
        let is_protected = access::is_protected(&self.protected, name, git_ref.is_tag);
        if !git_ref.is_tag && command.deletes() && self.project.default_branch.as_deref() == Some(name) {
            return Some("The default branch of a project cannot be deleted.");
        }
        if !is_protected {
            return (!may_push).then_some(MAY_NOT_PUSH);
        }
        match (git_ref.is_tag, command.creates(), command.deletes()) {
            (false, _, true) if may_push => Some("You can only delete protected branches using the web interface."),
            (false, _, true) => Some(
                "You are not allowed to delete protected branches from this project. Only a project maintainer or \
                 owner can delete a protected branch.",
            ),
            (false, true, _) if !may_push => Some("You are not allowed to create protected branches on this project."),
            (false, ..) => {
                (!may_push).then_some("You are not allowed to push code to protected branches on this project.")
            }
            (true, _, true) if may_push => Some("You can only delete protected tags using the web interface."),
            (true, _, true) => Some(
                "You are not allowed to delete protected tags from this project. Only a project maintainer or owner \
                 can delete a protected tag.",
            ),
            (true, true, _) => (!may_push).then_some("You are not allowed to create this tag as it is protected."),
            (true, false, _) => Some("Protected tags cannot be updated."),
        }
    }
}
