//! Schedules as people look at them: each with its newest pipeline and what the reader may do to it.

use model::schedule::Schedule;
use model::{ScheduleId, Timestamp};
use store::ops::page::Page;
use store::{Tx, ops};

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::schedules::cron::Cron;
use crate::schedules::manage::{self, Details};
use crate::schedules::zones;

/// A schedule and what the reader may do to it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The schedule with what is shown beside it.
    pub details: Details,
    /// Whether they may start it now.
    pub may_play: bool,
    /// Whether they may change it.
    pub may_change: bool,
    /// Whether they may become its owner.
    pub may_take: bool,
    /// Whether they may delete it.
    pub may_delete: bool,
}

/// A page of a project's schedules.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The project and the caller's role in it.
    pub access: ProjectAccess,
    /// The schedules.
    pub rows: Vec<Shown>,
    /// Schedules in all.
    pub total: i64,
}

/// Lists a page of a project's schedules.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn list_with_rights(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    active: Option<bool>,
    page: Page,
) -> Result<Listed> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadPipelines)?;
            let total = ops::schedules::count(tx, access.project.id, active)?;
            let found = ops::schedules::list(tx, access.project.id, active, page)?;
            let rows = found.into_iter().map(|one| shown(&this, tx, &access, &caller, one));
            let rows = rows.collect::<Result<_>>()?;
            Ok(Listed { access, rows, total })
        })
        .await
}

/// Returns a schedule.
///
/// # Errors
///
/// As [`list_with_rights`]; `404 Pipeline Schedule Not Found`.
pub async fn with_rights(app: &App, caller: Caller, key: ProjectKey, id: ScheduleId) -> Result<(ProjectAccess, Shown)> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let (access, schedule) = manage::find(&this, tx, &caller, &key, id)?;
            let shown = shown(&this, tx, &access, &caller, schedule)?;
            Ok((access, shown))
        })
        .await
}

/// Returns when a schedule would run next, at most `count` times.
///
/// # Errors
///
/// 400 that names the field that is wrong.
pub fn next_runs(cron: &str, zone: &str, after: Timestamp, count: usize) -> Result<Vec<Timestamp>> {
    manage::next_run(cron, zone, after)?;
    let (Some(line), Some(zone)) = (Cron::parse(cron), zones::find(zone)) else {
        return Ok(Vec::new());
    };
    let later = |at: &Timestamp| line.next(*at, &zone);
    Ok(std::iter::successors(line.next(after, &zone), later)
        .take(count)
        .collect())
}

fn shown(app: &App, tx: &mut dyn Tx, access: &ProjectAccess, caller: &Caller, schedule: Schedule) -> Result<Shown> {
    let may_run = match manage::may_run(tx, access, caller, &schedule.ref_name) {
        Ok(()) => true,
        Err(Error::Forbidden(_)) => false,
        Err(error) => return Err(error),
    };
    Ok(Shown {
        may_play: may_run && access.allows(caller, Ability::CreatePipeline),
        may_change: manage::require_owner(access, caller, &schedule).is_ok(),
        may_take: access.allows(caller, Ability::AdminProject) && !manage::owns(caller, &schedule),
        may_delete: manage::sees_variables(access, caller, &schedule),
        details: manage::details(app, tx, access, caller, schedule)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_runs_follow_one_another_in_the_schedules_zone() {
        let runs = next_runs("30 9 * * mon", "Asia/Tokyo", Timestamp(0), 3).unwrap();
        let days: Vec<i64> = runs.iter().map(|at| at.0 / 86_400_000_000).collect();
        assert_eq!(days, [4, 11, 18]);
        assert_eq!(runs[0].0 % 86_400_000_000, 30 * 60 * 1_000_000);
    }

    #[test]
    fn what_is_no_cron_line_is_named() {
        let Err(Error::Invalid(fields)) = next_runs("61 * * * *", "Nowhere", Timestamp(0), 3) else {
            panic!("it is refused");
        };
        assert_eq!(fields.keys().copied().collect::<Vec<_>>(), ["cron", "cron_timezone"]);
    }
}
