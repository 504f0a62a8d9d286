//! Starts the pipelines of schedules that are due.
//!
//! Exactly one for each due time, however many servers look: the due time is taken in the very
//! transaction that stores the pipeline. A server that dies before has taken nothing; one that comes
//! second takes nothing and stores nothing. Due times that passed while no server ran are one.

use std::time::Duration;

use model::definition::GivenVariable;
use model::schedule::{DueTime, Schedule};
use model::{AccessLevel, Project, ScheduleId, Sha, Source, Timestamp, User};
use serde_json::{Map, Value as Json};
use store::{Tx, ops};
use tokio::sync::watch;
use tracing::{error, info};

use crate::App;
use crate::access::{self, Ability};
use crate::error::{Error, Result};
use crate::lookup;
use crate::pipelines::Created;
use crate::pipelines::create::{self, Context};
use crate::pipelines::request::{NewPipeline, Provenance, Scheduled, Skip};
use crate::schedules::manage::{next_run, short_ref};
use crate::schedules::variables;

/// Longest time between two looks; there is one at each full minute, when schedules are due.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Schedules started in one look; the rest comes with the next.
const BATCH: i64 = 100;

/// Starts what is due until told to stop.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(error) = start_due(&app).await {
            error!(
                error = &error as &dyn std::error::Error,
                "could not look for schedules that are due"
            );
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(until_next_look(app.clock.now())) => {}
        }
    }
}

/// Time until the next look: cron knows no times between full minutes.
fn until_next_look(now: Timestamp) -> Duration {
    const MINUTE: i64 = 60_000_000;
    let rest = MINUTE - now.microseconds().rem_euclid(MINUTE);
    let rest = Duration::from_micros(rest.unsigned_abs());
    // Timers count in milliseconds, and one that rings too early would find nothing due.
    LOOK_EVERY.min(rest + Duration::from_millis(1))
}

/// Starts the pipelines of all schedules that are due.
///
/// # Errors
///
/// Only what is wrong with the server; one schedule's problems do not stop the others.
pub async fn start_due(app: &App) -> Result<()> {
    let now = app.clock.now();
    let due = app.store.read(move |tx| ops::schedules::due(tx, now, BATCH)).await?;
    for schedule in due {
        let id = schedule.id;
        if let Err(error) = start(app, schedule).await {
            error!(schedule.id = %id, error = &error as &dyn std::error::Error, "could not run schedule {id}");
        }
    }
    Ok(())
}

async fn start(app: &App, schedule: Schedule) -> Result<()> {
    let Some(at) = schedule.next_run_at else { return Ok(()) };
    let now = app.clock.now();
    let id = schedule.id;
    // A zone that the database of time zones does not have any more, say: nothing can be due again.
    let next = next_run(&schedule.cron, &schedule.cron_timezone, now).ok().flatten();
    let due = DueTime { schedule: id, at, next };
    let (this, asked) = (app.clone(), schedule.clone());
    let owner = app.store.read(move |tx| owner(&this, tx, &asked)).await?;
    let Some((project, runner)) = owner else {
        info!(schedule.id = %id, "the owner of schedule {id} may not run it any more; it is switched off");
        let off = move |tx: &mut dyn Tx| ops::schedules::deactivate(tx, due, now);
        return Ok(app.store.write(off).await.map(drop)?);
    };
    match create_pipeline(app, project, &schedule, runner, Some(due)).await {
        Ok(created) => {
            let pipeline = created.pipeline.id;
            info!(schedule.id = %id, pipeline.id = %pipeline, "schedule {id} started pipeline {pipeline}");
            Ok(())
        }
        Err(Error::Internal(cause)) => Err(Error::Internal(cause)),
        Err(error) => {
            info!(schedule.id = %id, "schedule {id} started no pipeline: {error}");
            // A failed pipeline that was kept has taken the due time already; another server may have, too.
            let taken = move |tx: &mut dyn Tx| ops::schedules::take(tx, due);
            Ok(app.store.write(taken).await.map(drop)?)
        }
    }
}

/// Whom a pipeline of a schedule runs as.
pub(super) struct Runner {
    /// Who.
    pub(super) user: User,
    /// The user's role in the project.
    pub(super) role: AccessLevel,
    /// Whether the user is an administrator acting as such.
    pub(super) is_admin: bool,
}

/// The project and the owner of a schedule; `None` when the owner may not run it any more.
fn owner(app: &App, tx: &mut dyn Tx, schedule: &Schedule) -> Result<Option<(Project, Runner)>> {
    let Some(project) = ops::projects::get(tx, schedule.project_id)? else {
        return Ok(None);
    };
    let Some(id) = schedule.owner_id else { return Ok(None) };
    let Some(user) = ops::users::get(tx, id)?.filter(User::is_active) else {
        return Ok(None);
    };
    let role = lookup::role(app, tx, &user, &project)?;
    let is_admin = user.is_admin;
    let protected = ops::protected_refs::list(tx, project.id)?;
    let (name, is_tag) = short_ref(&schedule.ref_name);
    let may = (is_admin || role >= Ability::CreatePipeline.minimum_role())
        && access::may_run_on(&protected, name, is_tag, role, is_admin);
    Ok(may.then_some((project, Runner { user, role, is_admin })))
}

/// Creates the pipeline of a schedule; with `due` only if that time is still to be taken.
///
/// # Errors
///
/// What [`create::create`] says; 409 when the due time was taken by somebody else.
pub(super) async fn create_pipeline(
    app: &App,
    project: Project,
    schedule: &Schedule,
    runner: Runner,
    due: Option<DueTime>,
) -> Result<Created> {
    let (this, id, context_of) = (app.clone(), schedule.id, project.clone());
    let (context, variables) = app.store.read(move |tx| given(&this, tx, id, &context_of)).await?;
    let request = NewPipeline {
        project,
        user: runner.user,
        role: runner.role,
        ref_text: schedule.ref_name.clone(),
        sha: None,
        before_sha: Sha::zero(),
        source: Source::Schedule,
        variables: Vec::new(),
        // Whoever set them was allowed to; the owner of today need not be.
        call_variables: variables,
        inputs: inputs(schedule)?,
        keep_failed: true,
        skip: Skip::Never,
        trigger: None,
        schedule: Some(Scheduled {
            id,
            description: schedule.description.clone(),
            due,
        }),
        upstream: None,
        provenance: Provenance::default(),
        is_admin: runner.is_admin,
    };
    create::create(app, request, &context).await
}

fn given(app: &App, tx: &mut dyn Tx, id: ScheduleId, project: &Project) -> Result<(Context, Vec<GivenVariable>)> {
    Ok((create::context(tx, project)?, variables::all(&app.keys, tx, id)?))
}

fn inputs(schedule: &Schedule) -> Result<Vec<(String, Json)>> {
    let Some(text) = &schedule.inputs else {
        return Ok(Vec::new());
    };
    let object: Map<String, Json> = serde_json::from_str(text).map_err(Error::internal)?;
    Ok(object.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_look_at_each_full_minute_and_every_few_seconds_between() {
        const SECOND: i64 = 1_000_000;
        let minute = 1_800_000_000 * SECOND;
        for (now, milliseconds) in [
            (minute, 5_000),
            (minute + 30 * SECOND, 5_000),
            (minute + 56 * SECOND, 4_001),
            (minute + 60 * SECOND - 1_000, 2),
            (minute - SECOND, 1_001),
        ] {
            let pause = until_next_look(Timestamp(now));
            assert_eq!(pause, Duration::from_millis(milliseconds), "{now}");
            let next = Timestamp(now + i64::try_from(pause.as_micros()).unwrap());
            let due = (now / (60 * SECOND) + 1) * 60 * SECOND;
            assert!(
                next.0 < due || next.0 - due <= SECOND / 100,
                "in time for the next minute"
            );
        }
    }
}
