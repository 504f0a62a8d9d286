//! Tells the embedded runner at once when one of its jobs was canceled; by itself it asks within seconds.

use app::App;
use model::{JobId, Status};
use runner::Nudger;
use store::{Wake, ops};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// Passes cancels on until told to stop.
pub(crate) async fn pass_on(app: App, runner: Nudger, mut stop: watch::Receiver<bool>) {
    let mut wakes = app.store.wakes();
    let told_to_stop = stop.wait_for(|stop| *stop);
    tokio::pin!(told_to_stop);
    loop {
        let wake = tokio::select! {
            _ = &mut told_to_stop => return,
            wake = wakes.recv() => wake,
        };
        match wake {
            Ok(Wake::Job(id)) if runner.is_running(id.0) && is_canceled(&app, id).await => runner.nudge(id.0),
            // Lost wake-ups may have been cancels; the runner asks by itself.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

async fn is_canceled(app: &App, id: JobId) -> bool {
    let job = app.store.read(move |tx| ops::jobs::by_id(tx, id)).await;
    // An error is told by whoever needs the job.
    let status = job.ok().flatten().map(|job| job.status);
    matches!(status, Some(Status::Canceling | Status::Canceled))
}
