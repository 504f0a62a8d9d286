//! A pipeline in memory: facts happen to its jobs, and what follows is decided and applied at once.
//!
//! For tests, conformance tables and "what if" questions. It knows no ids, runners or times; the
//! real thing is the use cases over the store, which ask the same functions.

use model::job::PlannedJob;
use model::{JobEvent, OnJobFailure, Status, Timestamp};

use crate::advance::{Before, Change, advance};
use crate::auto_cancel::on_job_failure;
use crate::cancel::{cancel_job, cancel_pipeline};
use crate::job_state::JobState;
use crate::rerun::{Play, Rerun, play, retry_job, retry_pipeline};

/// A pipeline and its jobs, newest attempts only.
#[derive(Clone, Debug)]
pub struct Simulation<'a> {
    /// The jobs as they are now.
    pub jobs: Vec<JobState<'a>>,
    /// Index and status of every stage that has jobs.
    pub stages: Vec<(u32, Status)>,
    /// Status of the pipeline.
    pub pipeline: Status,
    on_job_failure: OnJobFailure,
}

/// What can happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A runner takes it.
    Run,
    /// It ends well, also straight from the queue.
    Success,
    /// It ends badly, also straight from the queue.
    Drop,
    /// Somebody starts it.
    Play,
    /// Somebody retries it.
    Retry,
    /// Somebody cancels it; it ends at once.
    Cancel,
    /// The time of a delayed job has come.
    Due,
    /// It gets the resource of its resource group.
    ResourceAssigned,
}

/// The fact cannot happen to the job in its present status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fact:?} can not happen to `{job}`: {reason}")]
pub struct Refused {
    /// Name of the job.
    pub job: String,
    /// What should have happened.
    pub fact: Fact,
    /// Why it cannot.
    pub reason: String,
}

impl<'a> Simulation<'a> {
    /// Creates a pipeline of these jobs and lets it settle.
    #[must_use]
    pub fn new(jobs: Vec<JobState<'a>>, on_job_failure: OnJobFailure) -> Simulation<'a> {
        let mut new = Simulation {
            jobs,
            stages: Vec::new(),
            pipeline: Status::Created,
            on_job_failure,
        };
        new.settle();
        new
    }

    /// Creates a pipeline of compiled jobs and lets it settle.
    #[must_use]
    pub fn of_plan(jobs: &'a [PlannedJob], on_job_failure: OnJobFailure) -> Simulation<'a> {
        Simulation::new(jobs.iter().map(JobState::from).collect(), on_job_failure)
    }

    /// Returns the index of the job of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.jobs.iter().position(|job| job.name == name)
    }

    /// Lets a fact happen to a job and everything follow from it.
    ///
    /// # Errors
    ///
    /// [`Refused`] when it cannot happen in the job's status; nothing has changed then.
    pub fn happen(&mut self, fact: Fact, job: usize) -> Result<(), Refused> {
        let name = self.jobs[job].name;
        self.apply_fact(fact, job).map_err(|reason| Refused {
            job: name.to_owned(),
            fact,
            reason,
        })?;
        self.settle();
        if fact == Fact::Drop && on_job_failure(self.on_job_failure, self.jobs[job].allow_failure, false) {
            self.cancel();
        }
        Ok(())
    }

    /// Somebody retries the pipeline.
    pub fn retry(&mut self) {
        retry_pipeline(&self.jobs).apply(&mut self.jobs);
        self.settle();
    }

    /// Somebody cancels the pipeline; all jobs end at once.
    pub fn cancel(&mut self) {
        let changes = cancel_pipeline(&self.jobs, |_| false);
        self.apply(&changes);
        self.settle();
    }

    fn apply_fact(&mut self, fact: Fact, job: usize) -> Result<(), String> {
        let event = match fact {
            Fact::Run => JobEvent::Run,
            Fact::Success => JobEvent::Succeed,
            Fact::Drop => JobEvent::Drop,
            Fact::Due => JobEvent::Enqueue(self.jobs[job].enqueue_to()),
            Fact::ResourceAssigned => JobEvent::ResourceAssigned,
            Fact::Cancel => {
                let change = cancel_job(&self.jobs, job, false).map_err(|error| error.to_string())?;
                self.apply(&[change]);
                return Ok(());
            }
            Fact::Retry => {
                retry_job(&self.jobs, job)
                    .map_err(|error| error.to_string())?
                    .apply(&mut self.jobs);
                return Ok(());
            }
            Fact::Play => return self.play(job),
        };
        self.jobs[job].status = self.jobs[job].status.on(event).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn play(&mut self, job: usize) -> Result<(), String> {
        match play(&self.jobs, job).map_err(|error| error.to_string())? {
            Play::Start { status, resets, .. } => {
                Rerun {
                    clones: Vec::new(),
                    resets,
                }
                .apply(&mut self.jobs);
                self.jobs[job].status = status;
            }
            Play::Retry(rerun) => rerun.apply(&mut self.jobs),
        }
        Ok(())
    }

    fn settle(&mut self) {
        let before = Before {
            pipeline: self.pipeline,
            stages: &self.stages,
        };
        let decisions = advance(&self.jobs, before, Timestamp(0));
        self.apply(&decisions.changes);
        self.stages = decisions.stages;
        self.pipeline = decisions.pipeline;
    }

    fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            self.jobs[change.job].status = change.status;
        }
    }
}
