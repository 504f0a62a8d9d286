//! Who may see and change which runner.
//!
//! A runner has one owner: the server, a group, or the project it was made for. Whoever administers the
//! owner administers the runner; a project runner that serves several projects may be changed, but not
//! deleted, by the maintainers of each of them.

use model::{AccessLevel, NamespaceId, Runner, RunnerType, User};
use store::{Tx, ops};

use crate::App;
use crate::caller::Caller;
use crate::error::{Error, Result};

/// Something that can be done to a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerAbility {
    /// See it.
    Read,
    /// See the jobs it runs and ran.
    ReadJobs,
    /// Change it, give it a new token.
    Update,
    /// Let it serve another project.
    Assign,
    /// Delete it.
    Delete,
}

/// Projects below a group that are looked at to find one whose maintainer the caller is.
const PROJECTS: i64 = 1000;

/// What a caller is to a runner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    is_admin: bool,
    /// Administers the runner's owner.
    owns: bool,
    /// Maintains something that the runner serves: its group, or one of its projects.
    maintains: bool,
    /// Maintains a project below the runner's group that uses group runners.
    uses: bool,
}

/// Finds out what a caller is to a runner.
///
/// # Errors
///
/// What the database said.
pub fn relation(app: &App, tx: &mut dyn Tx, caller: &Caller, runner: &Runner) -> Result<Relation> {
    let Some(user) = caller.user() else {
        return Ok(Relation::default());
    };
    if caller.is_admin() {
        return Ok(Relation {
            is_admin: true,
            ..Relation::default()
        });
    }
    match (runner.runner_type, runner.group_id) {
        (RunnerType::Group, Some(group)) => to_group_runner(app, tx, user, group),
        (RunnerType::Project, _) => to_project_runner(app, tx, user, runner),
        _ => Ok(Relation::default()),
    }
}

fn to_group_runner(app: &App, tx: &mut dyn Tx, user: &User, group: NamespaceId) -> Result<Relation> {
    let now = app.clock.now();
    let level = ops::members::level_in_group(tx, group, user.id, now)?;
    let mut relation = Relation {
        owns: level >= AccessLevel::Owner,
        maintains: level >= AccessLevel::Maintainer,
        ..Relation::default()
    };
    if !relation.maintains {
        let projects = ops::members::projects_below(tx, group, user.id, AccessLevel::Maintainer, now, PROJECTS)?;
        let facts = ops::queue::projects(tx, &projects)?;
        relation.uses = facts.values().any(|(_, settings)| settings.group_runners_enabled);
    }
    Ok(relation)
}

fn to_project_runner(app: &App, tx: &mut dyn Tx, user: &User, runner: &Runner) -> Result<Relation> {
    let now = app.clock.now();
    let mut relation = Relation::default();
    for project in &runner.project_ids {
        if ops::members::level_in_project(tx, *project, user.id, now)? >= AccessLevel::Maintainer {
            relation.maintains = true;
            relation.owns |= runner.owner_project() == Some(*project);
        }
    }
    Ok(relation)
}

impl Relation {
    /// Whether the ability follows from it.
    #[must_use]
    pub fn allows(self, runner: &Runner, ability: RunnerAbility) -> bool {
        if self.is_admin {
            return true;
        }
        let is_shared = runner.project_ids.len() > 1;
        let administers = self.owns || (is_shared && self.maintains);
        match ability {
            RunnerAbility::Read => {
                runner.runner_type == RunnerType::Instance || self.owns || self.maintains || self.uses
            }
            RunnerAbility::ReadJobs => administers || (runner.runner_type == RunnerType::Group && self.maintains),
            RunnerAbility::Update => administers,
            RunnerAbility::Assign => administers && !runner.locked,
            RunnerAbility::Delete => self.owns && !is_shared,
        }
    }
}

/// Refuses with GitLab's words when the caller may not do this to the runner.
///
/// # Errors
///
/// 401 for nobody, 403 with the reason.
pub fn require(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    runner: &Runner,
    ability: RunnerAbility,
) -> Result<Relation> {
    if !caller.is_authenticated() {
        return Err(Error::Unauthorized);
    }
    let relation = relation(app, tx, caller, runner)?;
    if relation.allows(runner, ability) {
        return Ok(relation);
    }
    let reason = match ability {
        RunnerAbility::Delete if runner.project_ids.len() > 1 => "Runner associated with more than one project",
        RunnerAbility::Assign if runner.locked => "Runner is locked",
        _ => "No access granted",
    };
    Err(Error::Forbidden(Some(reason.to_owned())))
}
