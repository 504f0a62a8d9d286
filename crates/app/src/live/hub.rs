//! Passes wake-ups of the store on to those who watch what changed, and to nobody else.
//!
//! A thousand viewers that each listened to every wake-up of the server would all wake up for each
//! of its commits. While nobody watches, nobody listens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{Job, JobId, PipelineId};
use store::Wake;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use super::pieces::Pieces;
use super::pipeline::Snapshot;
use super::shared::Shared;
use super::trace::Tail;
use crate::App;
use crate::error::{Error, Result};

/// Viewers of one process. Each costs a connection and a few kilobytes; the limit keeps some files for everybody else.
const MAX_VIEWERS: usize = 10_000;

/// Seconds after which a viewer that found no place may try again.
const TRY_AGAIN: u64 = 10;

/// How often feeds do something although nothing has happened.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time between two signs of life to a viewer. Shorter than the minute after which proxies cut silent connections.
    pub heartbeat: Duration,
    /// Time between two looks at everything that is watched, in case a wake-up was lost.
    pub look: Duration,
    /// Time between two looks at a log that another server may be writing.
    pub log: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            heartbeat: Duration::from_secs(15),
            look: Duration::from_secs(10),
            log: Duration::from_secs(1),
        }
    }
}

/// Who watches what.
#[derive(Debug)]
pub struct Live {
    pub(super) pace: Pace,
    places: Arc<Semaphore>,
    watched: Mutex<Watched>,
    begin: Notify,
    access: watch::Sender<u64>,
    stopped: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Watched {
    pipelines: HashMap<PipelineId, Arc<Shared<Option<Arc<Snapshot>>>>>,
    jobs: HashMap<JobId, Arc<JobTopic>>,
    /// Whether wake-ups are listened to, or will be as soon as [`run`] takes the receiver.
    listening: bool,
    wakes: Option<broadcast::Receiver<Wake>>,
}

/// A job whose log is watched.
#[derive(Debug, Default)]
pub(super) struct JobTopic {
    /// The job itself, for its status.
    pub(super) job: Shared<Option<Job>>,
    /// The end of its log.
    pub(super) tail: Tail,
    /// The same as pages show it.
    pub(super) pieces: Pieces,
}

impl Default for Live {
    fn default() -> Live {
        Live::new(Pace::default())
    }
}

impl Live {
    /// Nobody watches anything yet.
    #[must_use]
    pub fn new(pace: Pace) -> Live {
        Live {
            pace,
            places: Arc::new(Semaphore::new(MAX_VIEWERS)),
            watched: Mutex::default(),
            begin: Notify::new(),
            access: watch::Sender::new(0),
            stopped: watch::Sender::new(false),
        }
    }

    /// Returns the number of viewers.
    #[must_use]
    pub fn viewers(&self) -> usize {
        MAX_VIEWERS - self.places.available_permits()
    }

    /// Whether there is a place for one more viewer.
    ///
    /// # Errors
    ///
    /// 429 when there is none.
    pub fn has_place(&self) -> Result<()> {
        self.place().map(drop)
    }

    /// Takes a viewer's place until the permit is dropped.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Error::TooMany { retry_after: TRY_AGAIN })
    }

    pub(super) fn pipeline(&self, app: &App, id: PipelineId) -> Arc<Shared<Option<Arc<Snapshot>>>> {
        let mut watched = self.watched();
        self.listen(app, &mut watched);
        Arc::clone(watched.pipelines.entry(id).or_default())
    }

    pub(super) fn job(&self, app: &App, id: JobId) -> Arc<JobTopic> {
        let mut watched = self.watched();
        self.listen(app, &mut watched);
        Arc::clone(watched.jobs.entry(id).or_default())
    }

    /// Returns what tells that tokens, members or users changed.
    pub(super) fn access(&self) -> watch::Receiver<u64> {
        self.access.subscribe()
    }

    /// Returns what tells that the server stops.
    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.subscribe()
    }

    /// Has wake-ups listened to from this very moment on.
    fn listen(&self, app: &App, watched: &mut Watched) {
        if !watched.listening {
            watched.listening = true;
            watched.wakes = Some(app.store.wakes());
            self.begin.notify_one();
        }
    }

    fn heard(&self, wake: Wake) {
        match wake {
            Wake::Everything => self.look_again(),
            Wake::Access => self.access.send_modify(|version| *version += 1),
            Wake::Pipeline(id) => {
                if let Some(pipeline) = self.watched().pipelines.get(&id) {
                    pipeline.changed();
                }
            }
            Wake::Job(id) => {
                if let Some(topic) = self.watched().jobs.get(&id) {
                    topic.job.changed();
                }
            }
            Wake::JobsPending | Wake::Project(_) | Wake::Hooks => {}
        }
    }

    fn look_again(&self) {
        let watched = self.watched();
        for pipeline in watched.pipelines.values() {
            pipeline.changed();
        }
        for topic in watched.jobs.values() {
            topic.job.changed();
        }
        drop(watched);
        self.access.send_modify(|version| *version += 1);
    }

    /// Forgets what nobody watches any more; says whether that is everything.
    fn tidy_up(&self) -> bool {
        let mut watched = self.watched();
        watched.pipelines.retain(|_, pipeline| Arc::strong_count(pipeline) > 1);
        watched.jobs.retain(|_, topic| Arc::strong_count(topic) > 1);
        let is_idle = watched.pipelines.is_empty() && watched.jobs.is_empty();
        watched.listening = !is_idle;
        is_idle
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes wake-ups on until told to stop; then all feeds end.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = told(&mut stop) => break,
            () = app.live.begin.notified() => {}
        }
        let Some(wakes) = app.live.watched().wakes.take() else {
            continue;
        };
        tokio::select! {
            () = told(&mut stop) => break,
            () = pass_on(&app, wakes) => {}
        }
    }
    app.live.stopped.send_replace(true);
}

/// Passes wake-ups on until nobody watches.
async fn pass_on(app: &App, mut wakes: broadcast::Receiver<Wake>) {
    let mut look = tokio::time::interval(app.live.pace.look);
    // The first tick comes at once, when there is nothing to look at again.
    look.tick().await;
    loop {
        tokio::select! {
            wake = wakes.recv() => match wake {
                Ok(wake) => app.live.heard(wake),
                Err(RecvError::Lagged(_)) => app.live.heard(Wake::Everything),
                Err(RecvError::Closed) => return,
            },
            _ = look.tick() => {
                if app.live.tidy_up() {
                    return;
                }
                app.live.look_again();
            }
        }
    }
}

/// Waits until told to stop; a sender that is gone means the same.
async fn told(stop: &mut watch::Receiver<bool>) {
    _ = stop.wait_for(|stop| *stop).await;
}
