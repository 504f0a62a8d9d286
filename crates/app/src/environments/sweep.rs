//! What happens to environments with time: they stop by themselves, deleted ones go, stuck ones come back.
//!
//! Safe on several servers at once: an environment is stopped by whoever changes its state.

use std::time::Duration;

use model::{AutoStopSetting, Environment};
use store::{StoreError, ops};
use tokio::sync::watch;
use tracing::{error, info};

use super::{stop, update};
use crate::App;
use crate::error::Result;

/// Time between two looks: how late an environment may stop.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Environments stopped in one look; the rest comes with the next.
const BATCH: i64 = 100;

/// How long a stop job may take before its environment counts as there again (GitLab's time).
const LONG_STOP: Duration = Duration::from_secs(7 * 24 * 3600);

/// Looks after environments until told to stop.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = look.tick() => {}
        }
        if let Err(error) = sweep(&app).await {
            error!(
                error = &error as &dyn std::error::Error,
                "could not look after environments"
            );
        }
    }
}

/// Looks after all environments once.
///
/// # Errors
///
/// Only what is wrong with the server; one environment's problems do not stop the others.
pub async fn sweep(app: &App) -> Result<()> {
    let now = app.clock.now();
    let (due, updates, has_old) = app
        .store
        .read(move |tx| {
            let due = ops::environments::due(tx, now, BATCH)?;
            let updates = ops::environments::updates(tx, BATCH)?;
            let has_old = ops::environments::has_old(tx, now, now - LONG_STOP)?;
            Ok::<_, StoreError>((due, updates, has_old))
        })
        .await?;
    for job in updates {
        update::try_apply(app, job).await;
    }
    for environment in due {
        let id = environment.id;
        if let Err(error) = stop_due(app, environment).await {
            error!(environment.id = %id, error = &error as &dyn std::error::Error, "could not stop environment {id}");
        }
    }
    if has_old {
        app.store
            .write(move |tx| {
                ops::environments::delete_due(tx, now)?;
                ops::environments::recover(tx, now - LONG_STOP, now)
            })
            .await?;
    }
    Ok(())
}

async fn stop_due(app: &App, environment: Environment) -> Result<()> {
    let id = environment.id;
    if environment.auto_stop_setting == AutoStopSetting::WithAction {
        let has_action = app.store.read(move |tx| stop::actions(tx, id)).await?.is_some();
        if let (false, Some(due)) = (has_action, environment.auto_stop_at) {
            return Ok(app
                .store
                .write(move |tx| ops::environments::forget_auto_stop(tx, id, due))
                .await?);
        }
    }
    if stop::stop_now(app, id).await? {
        info!(environment.id = %id, "the time of environment {id} is over, it stops");
    }
    Ok(())
}
