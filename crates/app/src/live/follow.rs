//! A pipeline with what its jobs print, as one story for a terminal.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use model::{Job, JobId, PipelineId, Status};

use super::pipeline::{Event, Opening, PipelineFeed, Snapshot, Waited};
use super::trace;
use super::viewer::Viewer;
use crate::App;
use crate::error::Result;

/// What is told next.
#[derive(Clone, Debug)]
pub enum Told {
    /// The pipeline, before anything else.
    Beginning(Arc<Snapshot>),
    /// A job has another status than before. When it is over, all of its log was told before.
    Job(Box<Job>),
    /// Bytes of a job's log, in order; logs of jobs that run at the same time alternate.
    Log {
        /// Which job.
        job: JobId,
        /// Its name.
        name: Arc<str>,
        /// The bytes.
        bytes: Bytes,
    },
    /// The pipeline is over; the story ends.
    End(Arc<Snapshot>),
    /// The viewer may not look any more, or the pipeline is gone; the story ends.
    Denied,
}

/// One viewer of a pipeline with its logs.
#[derive(Debug)]
pub struct Follow {
    app: App,
    feed: PipelineFeed,
    logs: Vec<Log>,
    /// Changes of jobs to tell before anything else.
    waiting: VecDeque<Job>,
    /// Which log is looked at first next time, so that a talkative one does not silence the others.
    turn: usize,
    last: Option<Arc<Snapshot>>,
    has_begun: bool,
    has_ended: bool,
}

/// A log that is followed.
#[derive(Debug)]
struct Log {
    job: JobId,
    name: Arc<str>,
    offset: u64,
    growth: blob::Watch,
    /// The job as it ended; told when nothing of its log is left.
    ended: Option<Job>,
}

impl Follow {
    /// Opens the story of a pipeline from its beginning.
    ///
    /// # Errors
    ///
    /// As [`PipelineFeed::open`]; the viewer must also be allowed to read logs.
    pub async fn open(app: &App, viewer: Viewer, id: PipelineId) -> Result<Follow> {
        Ok(Follow {
            app: app.clone(),
            feed: PipelineFeed::open(app, viewer, id, Opening::default(), true).await?,
            logs: Vec::new(),
            waiting: VecDeque::new(),
            turn: 0,
            last: None,
            has_begun: false,
            has_ended: false,
        })
    }

    /// Returns the next thing to tell; `None` after the end.
    ///
    /// # Errors
    ///
    /// Only what is wrong with the server.
    pub async fn next(&mut self) -> Result<Option<Told>> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Ok(Some(Told::Beginning(self.feed.snapshot())));
        }
        while !self.has_ended {
            if let Some(job) = self.waiting.pop_front() {
                return Ok(Some(Told::Job(Box::new(job))));
            }
            if let Some(told) = self.log().await? {
                return Ok(Some(told));
            }
            match self.feed.change() {
                Some(Event::Job(snapshot, index)) => self.take(&snapshot.jobs[index]),
                Some(Event::Pipeline(snapshot)) => self.last = Some(snapshot),
                _ => {
                    if let Some(told) = self.end_or_wait().await? {
                        self.has_ended = true;
                        return Ok(Some(told));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Notes a change of a job: a log to follow from now on, or one to end.
    fn take(&mut self, job: &Job) {
        let known = self.logs.iter().position(|log| log.job == job.id);
        let has_log = job.started_at.is_some() && !job.is_bridge;
        let ended = job.status.is_completed().then(|| job.clone());
        match known {
            Some(at) => self.logs[at].ended = ended,
            None if has_log => {
                if ended.is_some() {
                    // It began and ended between two looks.
                    let began = Job {
                        status: Status::Running,
                        ..job.clone()
                    };
                    self.waiting.push_back(began);
                }
                self.logs.push(Log {
                    job: job.id,
                    name: job.name.as_str().into(),
                    offset: 0,
                    growth: self.app.blobs.traces.watch(job.id),
                    ended,
                });
            }
            None => {
                self.waiting.push_back(job.clone());
                return;
            }
        }
        if !job.status.is_completed() {
            self.waiting.push_back(job.clone());
        }
    }

    /// Returns what a log has gained, or the end of a job whose log has nothing left.
    async fn log(&mut self) -> Result<Option<Told>> {
        for step in 0..self.logs.len() {
            let at = (self.turn + step) % self.logs.len();
            let log = &mut self.logs[at];
            let bytes = trace::read(&self.app, log.job, log.offset).await?;
            if !bytes.is_empty() {
                log.offset += bytes.len() as u64;
                self.turn = at + 1;
                let (job, name) = (log.job, Arc::clone(&log.name));
                return Ok(Some(Told::Log { job, name, bytes }));
            }
            if let Some(job) = log.ended.take() {
                self.logs.remove(at);
                return Ok(Some(Told::Job(Box::new(job))));
            }
        }
        Ok(None)
    }

    /// The end, if this is it; otherwise waits until something may have changed.
    async fn end_or_wait(&mut self) -> Result<Option<Told>> {
        if let Some(last) = &self.last
            && super::is_over(last.shown.pipeline.status)
        {
            return Ok(Some(Told::End(Arc::clone(last))));
        }
        let is_shared = self.app.store.is_postgres();
        let look = tokio::time::sleep(self.app.live.pace.log);
        let growths = self.logs.iter_mut().map(|log| Box::pin(log.growth.changed()));
        let waited = tokio::select! {
            () = any(growths) => return Ok(None),
            () = look, if is_shared => return Ok(None),
            waited = self.feed.wait() => waited?,
        };
        match waited {
            Waited::Changed | Waited::Heartbeat => Ok(None),
            Waited::Denied => Ok(Some(Told::Denied)),
            Waited::Stopped => {
                self.has_ended = true;
                Ok(None)
            }
        }
    }
}

/// Waits for the first of several; forever when there are none.
async fn any<F: Future + Unpin>(futures: impl Iterator<Item = F>) {
    let mut futures: Vec<F> = futures.collect();
    std::future::poll_fn(|context| {
        let ready = futures
            .iter_mut()
            .any(|future| std::pin::Pin::new(future).poll(context).is_ready());
        if ready {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
