//! What people do with runners: look, change, assign, delete (rest-api.md 19).

use model::{AccessLevel, Namespace, Project, Runner, RunnerAccess, RunnerId, RunnerManager, RunnerType, Status, User};
use store::ops::jobs::{JobFilter, JobOf};
use store::ops::page::{Page, Sort};
use store::ops::runners::{self, RunnerFilter, Standing};
use store::{Tx, ops};

use crate::App;
use crate::access::Ability;
use crate::access::runners::{RunnerAbility, relation, require};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::groups::{self, GroupKey};
use crate::jobs::read::{self, Shown as ShownJob};
use crate::lookup::{self, ProjectKey};
use crate::runners::{registry, standing};

/// A runner with what is shown beside it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The runner.
    pub runner: Runner,
    /// Who created it.
    pub creator: Option<User>,
    /// Whether it works on a job now.
    pub busy: bool,
}

/// A runner in full.
#[derive(Clone, Debug)]
pub struct Details {
    /// The runner.
    pub shown: Shown,
    /// The process that was heard of last.
    pub manager: Option<RunnerManager>,
    /// The projects it is assigned to, as far as the caller may see them.
    pub projects: Vec<crate::projects::Shown>,
    /// Its group, if the caller may see it.
    pub group: Option<Namespace>,
    /// Whether the caller may change it, and so read what its administrator noted.
    pub may_update: bool,
}

/// Whose runners to list.
#[derive(Clone, Debug)]
pub enum Of {
    /// Those that the caller administers.
    Caller,
    /// All of the server.
    Server,
    /// Those that may serve a project.
    Project(ProjectKey),
    /// Those of a group, the groups around it and the server.
    Group(GroupKey),
}

/// Which of them.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this type.
    pub runner_type: Option<RunnerType>,
    /// Those of the server not, if set.
    pub without_instance: bool,
    /// (Un)paused ones.
    pub paused: Option<bool>,
    /// In one of GitLab's states.
    pub states: Vec<standing::State>,
    /// With all of these tags.
    pub tags: Vec<String>,
    /// With a process of such a version.
    pub version_prefix: Option<String>,
}

/// Lists runners, the newest first, and counts all of them (up to a bound).
///
/// # Errors
///
/// 401 for nobody; 403 for all of the server unless the caller administers it; 404 or 403 as roles in project or group say.
pub async fn list(app: &App, caller: Caller, of: Of, wanted: Wanted, page: Page) -> Result<(Vec<Shown>, i64)> {
    let (this, now) = (app.clone(), app.clock.now());
    app.store
        .read(move |tx| {
            let user = caller.user().ok_or(Error::Unauthorized)?.id;
            let mut filter = RunnerFilter {
                runner_type: wanted.runner_type,
                without_instance: wanted.without_instance,
                paused: wanted.paused,
                tags: wanted.tags.clone(),
                version_prefix: wanted.version_prefix.clone(),
                standing: wanted
                    .states
                    .iter()
                    .map(|state| state.filter(now))
                    .collect::<Vec<Standing>>(),
                ..RunnerFilter::default()
            };
            match &of {
                Of::Caller => filter.owned_by = Some((user, now)),
                Of::Server if !caller.is_admin() => return Err(Error::forbidden()),
                Of::Server => {}
                Of::Project(key) => {
                    let access = lookup::project_for(&this, tx, &caller, key, Ability::AdminProject)?;
                    let settings = &access.project.settings;
                    filter.of_project = Some(access.project.id);
                    filter.without_instance |= !settings.instance_runners_enabled;
                    filter.without_group = !settings.group_runners_enabled;
                }
                Of::Group(key) => {
                    let group = groups::require(&this, tx, &caller, key, AccessLevel::Maintainer)?;
                    filter.of_group = Some(group.id);
                }
            }
            let total = runners::count(tx, &filter)?;
            let found = runners::list(tx, &filter, page)?;
            Ok((show(tx, found)?, total))
        })
        .await
}

fn show(tx: &mut dyn Tx, found: Vec<Runner>) -> Result<Vec<Shown>> {
    let ids: Vec<RunnerId> = found.iter().map(|runner| runner.id).collect();
    let busy = runners::busy(tx, &ids)?;
    let creators: Vec<_> = found.iter().filter_map(|runner| runner.creator_id).collect();
    let creators = ops::users::get_many(tx, &creators)?;
    let one = |runner: Runner| Shown {
        creator: creators.iter().find(|user| Some(user.id) == runner.creator_id).cloned(),
        busy: busy.contains(&runner.id),
        runner,
    };
    Ok(found.into_iter().map(one).collect())
}

/// Returns a runner in full.
///
/// # Errors
///
/// 401, `404 Not found`, 403.
pub async fn get(app: &App, caller: Caller, id: RunnerId) -> Result<Details> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let runner = found(tx, &caller, id)?;
            require(&this, tx, &caller, &runner, RunnerAbility::Read)?;
            details(&this, tx, &caller, runner)
        })
        .await
}

fn found(tx: &mut dyn Tx, caller: &Caller, id: RunnerId) -> Result<Runner> {
    if !caller.is_authenticated() {
        return Err(Error::Unauthorized);
    }
    runners::get(tx, id)?.ok_or(Error::RecordNotFound)
}

fn details(app: &App, tx: &mut dyn Tx, caller: &Caller, runner: Runner) -> Result<Details> {
    let may_update = relation(app, tx, caller, &runner)?.allows(&runner, RunnerAbility::Update);
    let mut projects = Vec::new();
    for id in &runner.project_ids {
        let key = ProjectKey::Id(*id);
        match lookup::project(app, tx, caller, &key) {
            Ok(access) if caller.is_admin() || access.role > AccessLevel::None => {
                projects.push(crate::projects::show(app, tx, caller, access.project)?);
            }
            Ok(_) | Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let group = match runner.group_id {
        Some(id) => ops::namespaces::get(tx, id)?,
        None => None,
    };
    let group = match group {
        Some(group) if caller.is_admin() || groups::role(app, tx, caller, &group)? > AccessLevel::None => Some(group),
        _ => None,
    };
    let manager = runners::latest_managers(tx, &[runner.id])?.pop();
    let shown = show(tx, vec![runner])?.pop().ok_or(Error::RecordNotFound)?;
    Ok(Details {
        shown,
        manager,
        projects,
        group,
        may_update,
    })
}

/// Lists the processes of a runner, the last seen first, each with whether it works on a job now.
///
/// # Errors
///
/// As [`get`].
pub async fn managers(app: &App, caller: Caller, id: RunnerId, page: Page) -> Result<Vec<(RunnerManager, bool)>> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let runner = found(tx, &caller, id)?;
            require(&this, tx, &caller, &runner, RunnerAbility::Read)?;
            let busy = runners::busy_managers(tx, id)?;
            let managers = runners::managers(tx, id, page)?;
            let with_busy = |manager: RunnerManager| (manager.clone(), busy.contains(&manager.id));
            Ok(managers.into_iter().map(with_busy).collect())
        })
        .await
}

/// Which jobs of a runner to list.
#[derive(Clone, Debug, Default)]
pub struct WantedJobs {
    /// In this status.
    pub status: Option<Status>,
    /// Of the process with this name.
    pub system_id: Option<String>,
    /// By id.
    pub sort: Sort,
}

/// Lists the jobs that a runner has or had, in projects where the caller is a reporter at least; each with the
/// display names of the namespaces around its project.
///
/// # Errors
///
/// 401, `404 Not found`, 403.
pub async fn jobs(
    app: &App,
    caller: Caller,
    id: RunnerId,
    wanted: WantedJobs,
    page: Page,
) -> Result<(Vec<(ShownJob, String)>, i64)> {
    let (this, now) = (app.clone(), app.clock.now());
    let (found, total) = app
        .store
        .read(move |tx| {
            let runner = found(tx, &caller, id)?;
            require(&this, tx, &caller, &runner, RunnerAbility::ReadJobs)?;
            let manager = match &wanted.system_id {
                None => None,
                Some(system_id) => match runners::manager(tx, id, system_id)? {
                    Some(manager) => Some(manager.id),
                    None => return Ok((Vec::new(), 0)),
                },
            };
            let scope: Vec<Status> = wanted.status.into_iter().collect();
            let filter = JobFilter {
                scope: &scope,
                manager,
                readable_by: caller.user().filter(|_| !caller.is_admin()).map(|user| (user.id, now)),
                sort: wanted.sort,
                ..JobFilter::new(JobOf::Runner(id))
            };
            let total = ops::jobs::count(tx, &filter)?;
            let mut with_projects = Vec::new();
            for job in ops::jobs::list(tx, &filter, page)? {
                let Some(project) = ops::projects::get(tx, job.project_id)? else {
                    continue;
                };
                let Some(namespace) = ops::namespaces::get(tx, project.namespace_id)? else {
                    continue;
                };
                let name = groups::named(tx, namespace)?.full_name;
                with_projects.push((project, job, name));
            }
            Ok::<(Vec<(Project, _, String)>, i64), Error>((with_projects, total))
        })
        .await?;
    let mut shown = Vec::with_capacity(found.len());
    for (project, job, name) in found {
        shown.push((read::one(app, project, job).await?, name));
    }
    Ok((shown, total))
}

/// What to change; `None` = as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Free text.
    pub description: Option<Option<String>>,
    /// Note of the administrator.
    pub maintenance_note: Option<Option<String>>,
    /// Takes no jobs.
    pub paused: Option<bool>,
    /// May not be assigned to further projects.
    pub locked: Option<bool>,
    /// Takes jobs without tags.
    pub run_untagged: Option<bool>,
    /// Tags.
    pub tags: Option<Vec<String>>,
    /// Only jobs of protected refs.
    pub protected_only: Option<bool>,
    /// Upper limit of a job's timeout in seconds.
    pub maximum_timeout_seconds: Option<Option<i64>>,
}

/// Changes a runner.
///
/// # Errors
///
/// 401, `404 Not found`, 403; 400 for values that are not valid.
pub async fn update(app: &App, caller: Caller, id: RunnerId, changes: Changes) -> Result<Details> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let mut runner = found(tx, &caller, id)?;
            require(&this, tx, &caller, &runner, RunnerAbility::Update)?;
            apply(&mut runner, changes.clone());
            registry::check(&registry::Draft::of(&runner))?;
            runners::update(tx, &runner)?;
            registry::note(&this, tx, &caller, "ci_runner_updated", &runner)?;
            // It may take jobs now that it did not take before.
            tx.notify(store::Wake::JobsPending);
            details(&this, tx, &caller, runner)
        })
        .await
}

fn apply(runner: &mut Runner, changes: Changes) {
    if let Some(description) = changes.description {
        runner.description = description;
    }
    if let Some(note) = changes.maintenance_note {
        runner.maintenance_note = note;
    }
    if let Some(tags) = changes.tags {
        runner.tags = tags;
    }
    if let Some(maximum) = changes.maximum_timeout_seconds {
        runner.maximum_timeout_seconds = maximum;
    }
    if let Some(protected_only) = changes.protected_only {
        runner.access = if protected_only {
            RunnerAccess::RefProtected
        } else {
            RunnerAccess::NotProtected
        };
    }
    runner.paused = changes.paused.unwrap_or(runner.paused);
    runner.locked = changes.locked.unwrap_or(runner.locked);
    runner.run_untagged = changes.run_untagged.unwrap_or(runner.run_untagged);
}

/// Deletes a runner; its jobs stay.
///
/// # Errors
///
/// 401, `404 Not found`, 403.
pub async fn delete(app: &App, caller: Caller, id: RunnerId) -> Result<()> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let runner = found(tx, &caller, id)?;
            require(&this, tx, &caller, &runner, RunnerAbility::Delete)?;
            runners::delete(tx, id)?;
            registry::note(&this, tx, &caller, "ci_runner_unregistered", &runner)
        })
        .await
}

/// Gives a runner a new token and answers with it.
///
/// # Errors
///
/// 401, `404 Not found`, 403.
pub async fn reset_token(app: &App, caller: Caller, id: RunnerId) -> Result<String> {
    let this = app.clone();
    let runner = app
        .store
        .write(move |tx| {
            let runner = found(tx, &caller, id)?;
            require(&this, tx, &caller, &runner, RunnerAbility::Update)?;
            registry::note(&this, tx, &caller, "ci_runner_token_reset", &runner)?;
            Ok::<_, Error>(runner)
        })
        .await?;
    registry::reset_token(app, &runner).await
}

/// Lets a project runner serve a project.
///
/// # Errors
///
/// 401; 404 for project or runner; 403 unless the caller administers both, or for a runner that is locked or of a
/// group or the server; 400 when it serves the project already.
pub async fn assign(app: &App, caller: Caller, project: ProjectKey, id: RunnerId) -> Result<Shown> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &project, Ability::AdminProject)?;
            let mut runner = found(tx, &caller, id)?;
            if runner.runner_type == RunnerType::Group {
                return Err(Error::Forbidden(Some("Runner is a group runner".to_owned())));
            }
            require(&this, tx, &caller, &runner, RunnerAbility::Assign)?;
            if runner.runner_type == RunnerType::Instance {
                return Err(Error::Forbidden(Some("Runner is an instance runner".to_owned())));
            }
            if !runners::assign(tx, id, access.project.id)? {
                return Err(Error::BadRequest("Runner has already been taken".to_owned()));
            }
            tx.notify(store::Wake::JobsPending);
            registry::note_at(
                &this,
                tx,
                &caller,
                &access.project,
                "ci_runner_assigned_to_project",
                &runner,
            )?;
            runner.project_ids.push(access.project.id);
            show(tx, vec![runner])?.pop().ok_or(Error::RecordNotFound)
        })
        .await
}

/// Takes a project runner away from a project.
///
/// # Errors
///
/// 401, 403, 404 as roles say; `404 Runner Not Found` when it does not serve the project; 403 for the project that owns it.
pub async fn unassign(app: &App, caller: Caller, project: ProjectKey, id: RunnerId) -> Result<()> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &project, Ability::AdminProject)?;
            let runner = runners::get(tx, id)?.filter(|runner| runner.project_ids.contains(&access.project.id));
            let runner = runner.ok_or(Error::NotFound("Runner"))?;
            if runner.owner_project() == Some(access.project.id) {
                let reason = "You cannot unassign a runner from the owner project. Delete the runner instead";
                return Err(Error::Forbidden(Some(reason.to_owned())));
            }
            runners::unassign(tx, id, access.project.id)?;
            let name = "ci_runner_unassigned_from_project";
            registry::note_at(&this, tx, &caller, &access.project, name, &runner)
        })
        .await
}
