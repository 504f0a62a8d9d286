//! A pipeline and its jobs, as they change.

use std::sync::Arc;
use std::time::Duration;

use model::{Job, PipelineId, Status, Timestamp};
use store::{Tx, ops};
use tokio::sync::watch;

use super::attention::{Attention, Call};
use super::shared::Shared;
use super::viewer::Viewer;
use crate::App;
use crate::error::{Error, Result};
use crate::pipelines::read::{self, Shown};

/// Changes this much older than what a returning viewer knows are told again.
///
/// Times are taken before a commit and by the clocks of several servers, so the newest time somebody was
/// told does not mean that everything before it was told, too.
const OVERLAP: Duration = Duration::from_secs(60);

/// A pipeline with its jobs at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The pipeline and what is shown beside it.
    pub shown: Shown,
    /// The newest attempts of its jobs and bridges, by id.
    pub jobs: Vec<Job>,
}

impl Snapshot {
    /// The newest change in it.
    #[must_use]
    pub fn newest(&self) -> Timestamp {
        let jobs = self.jobs.iter().map(|job| job.updated_at);
        jobs.fold(self.shown.pipeline.updated_at, Ord::max)
    }

    fn read(tx: &mut dyn Tx, id: PipelineId) -> Result<Option<Snapshot>> {
        let Some(pipeline) = ops::pipelines::by_id(tx, id)? else {
            return Ok(None);
        };
        let Some(project) = ops::projects::get(tx, pipeline.project_id)? else {
            return Ok(None);
        };
        let jobs = ops::jobs::current(tx, id)?;
        let shown = read::show_with(tx, project, pipeline, &jobs)?;
        Ok(Some(Snapshot { shown, jobs }))
    }
}

/// Whether nothing more will happen to a pipeline unless a person does something.
///
/// One that waits for the time of a delayed job goes on by itself.
#[must_use]
pub const fn is_over(status: Status) -> bool {
    status.is_completed() || matches!(status, Status::Manual)
}

/// How a feed begins and ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    /// What the viewer knows already: the newest change it was told of.
    pub since: Option<Timestamp>,
    /// Goes on after the pipeline's end, for somebody may retry it.
    pub stay: bool,
}

/// What a viewer is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// The job at this index is new or has changed.
    Job(Arc<Snapshot>, usize),
    /// The pipeline has changed; all its changed jobs were told before.
    Pipeline(Arc<Snapshot>),
    /// Nothing has happened for a while.
    Heartbeat,
    /// The pipeline is over; the feed ends.
    End(Status),
    /// The viewer may not look any more, or the pipeline is gone; the feed ends.
    Denied,
}

/// One viewer of a pipeline.
#[derive(Debug)]
pub struct PipelineFeed {
    app: App,
    viewer: Viewer,
    id: PipelineId,
    opening: Opening,
    logs: bool,
    shared: Arc<Shared<Option<Arc<Snapshot>>>>,
    changes: watch::Receiver<u64>,
    attention: Attention,
    now: Arc<Snapshot>,
    /// What the viewer knows; `None` before it was told anything.
    told: Option<Arc<Snapshot>>,
    /// The first job of `now` that was not compared yet.
    next_job: usize,
    /// Whether a job of `now` was told.
    has_told: bool,
    has_ended: bool,
}

/// What became of waiting for a change.
pub(super) enum Waited {
    Changed,
    Heartbeat,
    Denied,
    Stopped,
}

impl PipelineFeed {
    /// Opens a feed for a viewer; with `logs` only if it may also see what jobs print.
    ///
    /// # Errors
    ///
    /// 401, 403 or 404 when the viewer may not look, 429 when there are too many viewers.
    pub async fn open(app: &App, viewer: Viewer, id: PipelineId, opening: Opening, logs: bool) -> Result<PipelineFeed> {
        let (this, asked) = (app.clone(), viewer.clone());
        app.store
            .read(move |tx| asked.pipeline(&this, tx, id, logs).map(drop))
            .await?;
        let attention = Attention::new(&app.live)?;
        let shared = app.live.pipeline(app, id);
        let changes = shared.changes();
        let now = shared.get_anew(snapshot(app, id)).await?;
        let now = now.as_ref().clone().ok_or(Error::RecordNotFound)?;
        Ok(PipelineFeed {
            app: app.clone(),
            viewer,
            id,
            opening,
            logs,
            shared,
            changes,
            attention,
            now,
            told: None,
            next_job: 0,
            has_told: false,
            has_ended: false,
        })
    }

    /// Whether the pipeline is over and the viewer knows all of it.
    #[must_use]
    pub fn has_nothing_new(&self) -> bool {
        let knows_all = self.opening.since.is_some_and(|since| since >= self.now.newest());
        knows_all && !self.opening.stay && is_over(self.now.shown.pipeline.status)
    }

    /// Returns the pipeline as this viewer sees it now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.now)
    }

    /// Returns the next thing to tell; `None` after the end.
    ///
    /// # Errors
    ///
    /// Only what is wrong with the server.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if self.has_ended {
                return Ok(None);
            }
            if let Some(event) = self.change() {
                return Ok(Some(event));
            }
            let status = self.now.shown.pipeline.status;
            if is_over(status) && !self.opening.stay {
                self.has_ended = true;
                return Ok(Some(Event::End(status)));
            }
            match self.wait().await? {
                Waited::Changed => {}
                Waited::Heartbeat => return Ok(Some(Event::Heartbeat)),
                Waited::Denied => {
                    self.has_ended = true;
                    return Ok(Some(Event::Denied));
                }
                Waited::Stopped => self.has_ended = true,
            }
        }
    }

    /// Waits until the pipeline is over, at most `limit`; returns it as it is then.
    ///
    /// Also returns when the viewer may not look any more and when the server stops.
    ///
    /// # Errors
    ///
    /// Only what is wrong with the server.
    pub async fn ending(mut self, limit: Duration) -> Result<Arc<Snapshot>> {
        let deadline = tokio::time::Instant::now() + limit;
        while !is_over(self.now.shown.pipeline.status) {
            let Ok(waited) = tokio::time::timeout_at(deadline, self.wait()).await else {
                break;
            };
            if matches!(waited?, Waited::Denied | Waited::Stopped) {
                break;
            }
        }
        Ok(self.now)
    }

    /// Returns the next difference between what is and what was told.
    pub(super) fn change(&mut self) -> Option<Event> {
        if self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, &self.now)) {
            return None;
        }
        while self.next_job < self.now.jobs.len() {
            let index = self.next_job;
            self.next_job += 1;
            if self.is_news(&self.now.jobs[index]) {
                self.has_told = true;
                return Some(Event::Job(Arc::clone(&self.now), index));
            }
        }
        let before = self.told.replace(Arc::clone(&self.now));
        let is_same = before.is_some_and(|before| before.shown.pipeline == self.now.shown.pipeline);
        let has_told = std::mem::take(&mut self.has_told);
        (has_told || !is_same).then(|| Event::Pipeline(Arc::clone(&self.now)))
    }

    fn is_news(&self, job: &Job) -> bool {
        match &self.told {
            None => self.opening.since.is_none_or(|since| job.updated_at >= since - OVERLAP),
            Some(told) => match told.jobs.binary_search_by_key(&job.id, |known| known.id) {
                Err(_) => true,
                Ok(at) => looks(&told.jobs[at]) != looks(job),
            },
        }
    }

    /// Waits until something may have changed. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> Result<Waited> {
        let call = tokio::select! {
            // The other end is kept by this feed.
            _ = self.changes.changed() => None,
            call = self.attention.called() => Some(call),
        };
        let may_look = match call {
            Some(Call::Stop) => return Ok(Waited::Stopped),
            Some(Call::Heartbeat | Call::Check) => self.check().await?,
            None => true,
        };
        if !may_look || !self.look().await? {
            return Ok(Waited::Denied);
        }
        Ok(if call == Some(Call::Heartbeat) {
            Waited::Heartbeat
        } else {
            Waited::Changed
        })
    }

    /// Takes the present state; `false` when the pipeline is gone.
    async fn look(&mut self) -> Result<bool> {
        let now = self.shared.get(snapshot(&self.app, self.id)).await?;
        let Some(snapshot) = now.as_ref() else {
            return Ok(false);
        };
        if !Arc::ptr_eq(snapshot, &self.now) {
            self.now = Arc::clone(snapshot);
            self.next_job = 0;
        }
        Ok(true)
    }

    async fn check(&mut self) -> Result<bool> {
        let (this, viewer, id, logs) = (self.app.clone(), self.viewer.clone(), self.id, self.logs);
        let checked = self
            .app
            .store
            .read(move |tx| {
                let viewer = viewer.refresh(&this, tx)?;
                viewer.pipeline(&this, tx, id, logs)?;
                Ok(viewer)
            })
            .await;
        match checked {
            Ok(viewer) => {
                self.viewer = viewer;
                Ok(true)
            }
            Err(Error::Internal(cause)) => Err(Error::Internal(cause)),
            Err(_) => Ok(false),
        }
    }
}

async fn snapshot(app: &App, id: PipelineId) -> Result<Option<Arc<Snapshot>>> {
    let read = app.store.read(move |tx| Snapshot::read(tx, id)).await?;
    Ok(read.map(Arc::new))
}

/// What is shown of a job, without the times that only say that it is alive.
fn looks(job: &Job) -> impl PartialEq + '_ {
    (
        (job.status, job.allow_failure, job.failure_reason, job.coverage),
        (job.queued_at, job.started_at, job.finished_at, job.erased_at),
        (job.user_id, job.runner_id, job.scheduled_at),
    )
}
