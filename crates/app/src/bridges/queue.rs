//! Who starts bridges: a task beside the requests, so that nobody waits for pipelines of other projects.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::JobId;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tracing::error;

use crate::App;
use crate::bridges::start;
use crate::error::Result;
use crate::jobs::sweep::stopped;

/// Bridges that are started at the same time: compiling is work for the processor.
const AT_ONCE: usize = 4;

/// Bridges remembered at most; further ones are left to the sweep, which reads them from the database.
const MOST: usize = 10_000;

/// Bridges whose downstream pipelines this server was asked to make. Loses nothing when it is lost.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<JobId>,
    /// Those that wait and those that are being started.
    known: HashSet<JobId>,
}

impl Queue {
    /// Notes that a bridge is pending; one that is known already is not noted twice.
    pub fn add(&self, bridge: JobId) {
        let mut state = self.lock();
        if state.known.len() < MOST && state.known.insert(bridge) {
            state.waiting.push_back(bridge);
            self.added.notify_one();
        }
    }

    fn take(&self) -> Option<JobId> {
        self.lock().waiting.pop_front()
    }

    /// Waits for a bridge.
    async fn next(&self) -> JobId {
        loop {
            if let Some(bridge) = self.take() {
                return bridge;
            }
            // A note that came in between is kept by the notification itself.
            self.added.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a bridge when its start is over, however that went.
struct InWork<'a>(&'a App, JobId);

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        self.0.bridges.lock().known.remove(&self.1);
    }
}

/// Starts bridges until told to stop; those that are being started are finished.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut work = JoinSet::new();
    loop {
        let free = work.len() < AT_ONCE;
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(ended) = work.join_next() => note(ended),
            bridge = app.bridges.next(), if free => {
                let app = app.clone();
                work.spawn(async move { one(&app, bridge).await });
            }
        }
    }
    while let Some(ended) = work.join_next().await {
        note(ended);
    }
}

/// Starts everything that was noted and what that sets off, one after the other.
///
/// # Errors
///
/// Only what is wrong with the server; the rest stays noted.
pub async fn start_all(app: &App) -> Result<()> {
    while let Some(bridge) = app.bridges.take() {
        let _in_work = InWork(app, bridge);
        start(app, bridge).await?;
    }
    Ok(())
}

async fn one(app: &App, bridge: JobId) {
    let _in_work = InWork(app, bridge);
    if let Err(error) = start(app, bridge).await {
        // It is still pending: the sweep comes back to it.
        error!(job.id = %bridge, error = &error as &dyn std::error::Error, "could not start bridge {bridge}");
    }
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "starting a bridge ended with a panic");
    }
}
