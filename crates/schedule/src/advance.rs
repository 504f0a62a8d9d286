//! What follows from the present state of a pipeline's jobs (status-machine 3).
//!
//! One pass goes through the stages in order and, inside a stage, from needed jobs to those that
//! need them. A `created` job whose predecessors are all done is enqueued, put on a timer, handed
//! to a person or skipped; later jobs of the pass see that. Passes repeat until nothing changes.
//! Then every stage and the pipeline get the status of their jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{JobEvent, Status, StatusSet, Timestamp, When};

use crate::graph::Graph;
use crate::job_state::JobState;

/// Decides what follows from the present state of `jobs`, the newest attempts of a pipeline.
///
/// Linear in jobs and needs. Does nothing the second time.
#[must_use]
pub fn advance(jobs: &[JobState<'_>], before: Before<'_>, now: Timestamp) -> Decisions {
    let graph = Graph::new(jobs);
    let order = graph.order(jobs);
    let mut pass = Pass {
        jobs,
        graph: &graph,
        statuses: jobs.iter().map(|job| job.status).collect(),
        changes: Vec::new(),
    };
    // One pass settles everything unless a job needs one of a later stage.
    let stages = loop {
        let known = pass.changes.len();
        let stages = pass.run(&order, now);
        if pass.changes.len() == known {
            break stages;
        }
    };
    let mut all = StatusSet::default();
    let mut decided = Vec::with_capacity(stages.len());
    for (index, set) in stages {
        all.merge(set);
        let before = before
            .stages
            .iter()
            .find(|stage| stage.0 == index)
            .map_or(Status::Created, |stage| stage.1);
        decided.push((index, stage_status(before, set)));
    }
    Decisions {
        changes: pass.changes,
        stages: decided,
        pipeline: pipeline_status(before.pipeline, all),
    }
}

/// What the pipeline and its stages were before, for the statuses that stay (see [`pipeline_status`]).
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// Status of the pipeline.
    pub pipeline: Status,
    /// Index and status of each stage; one that is missing counts as `created`.
    pub stages: &'a [(u32, Status)],
}

impl Before<'_> {
    /// A pipeline that does not exist yet.
    pub const NEW: Before<'static> = Before {
        pipeline: Status::Created,
        stages: &[],
    };
}

/// What is to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Decisions {
    /// Jobs that change, in the order in which they do.
    pub changes: Vec<Change>,
    /// Index and status of every stage that has jobs, in order.
    pub stages: Vec<(u32, Status)>,
    /// Status of the pipeline.
    pub pipeline: Status,
}

/// A job that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Index in the slice of jobs.
    pub job: usize,
    /// What happens to it.
    pub event: JobEvent,
    /// The status that leads to.
    pub status: Status,
    /// When it becomes due, for [`JobEvent::Schedule`].
    pub scheduled_at: Option<Timestamp>,
}

/// Returns a pipeline's new status from its old one and its jobs.
///
/// Not a function of the jobs alone, as in GitLab: `created` never replaces an earlier status; a
/// pipeline that was finished or running and only waits for runners again is `running`, not `pending`.
#[must_use]
pub fn pipeline_status(before: Status, jobs: StatusSet) -> Status {
    use Status as S;
    match (before, jobs.status().unwrap_or(S::Success)) {
        (before, S::Created) => before,
        (S::Success | S::Failed | S::Canceling | S::Canceled | S::Running, S::Pending) => S::Running,
        (S::WaitingForCallback, S::Pending) => S::WaitingForCallback,
        (S::Canceled, S::Canceling) => S::Canceled,
        (_, status) => status,
    }
}

/// Returns a stage's new status from its old one and its jobs: `created` never replaces an earlier status.
#[must_use]
pub fn stage_status(before: Status, jobs: StatusSet) -> Status {
    match jobs.status() {
        Some(Status::Created) => before,
        Some(status) => status,
        None => Status::Skipped,
    }
}

/// The statuses while they change.
struct Pass<'a> {
    jobs: &'a [JobState<'a>],
    graph: &'a Graph,
    statuses: Vec<Status>,
    changes: Vec<Change>,
}

impl Pass<'_> {
    /// Looks at every job once; returns the jobs of each stage as they are then.
    fn run(&mut self, order: &[usize], now: Timestamp) -> BTreeMap<u32, StatusSet> {
        let mut stages = BTreeMap::new();
        let mut earlier = StatusSet::default();
        for stage in order.chunk_by(|a, b| self.jobs[*a].stage_index == self.jobs[*b].stage_index) {
            for job in stage {
                if self.statuses[*job] == Status::Created {
                    self.decide(*job, earlier, now);
                }
            }
            let set: StatusSet = stage.iter().map(|job| self.input(*job)).collect();
            earlier.merge(set);
            stages.insert(self.jobs[stage[0]].stage_index, set);
        }
        stages
    }

    /// The job as composite statuses see it now.
    fn input(&self, job: usize) -> model::CompositeInput {
        model::CompositeInput {
            status: self.statuses[job],
            ..self.jobs[job].composite_input()
        }
    }

    fn decide(&mut self, index: usize, earlier_stages: StatusSet, now: Timestamp) {
        let job = &self.jobs[index];
        let previous = match job.needs {
            Some(_) => self
                .graph
                .needs(index)
                .map(|need| self.input(need))
                .collect::<StatusSet>()
                .needs_status(),
            None => earlier_stages.status(),
        };
        let previous = previous.unwrap_or(Status::Success);
        if !previous.is_completed() {
            return;
        }
        let event = if accepts(job, previous) {
            start(job)
        } else {
            JobEvent::Skip
        };
        let scheduled_at = job.start_in_seconds.filter(|_| event == JobEvent::Schedule);
        let scheduled_at = scheduled_at.map(|seconds| now + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        let status = Status::Created
            .on(event)
            .expect("a created job can be enqueued, scheduled, actionized and skipped");
        self.statuses[index] = status;
        self.changes.push(Change {
            job: index,
            event,
            status,
            scheduled_at,
        });
    }
}

/// Whether the job runs after predecessors that ended like this. Nothing runs after `canceled`.
fn accepts(job: &JobState<'_>, previous: Status) -> bool {
    use Status as S;
    match job.when {
        When::OnSuccess | When::Manual | When::Delayed => {
            previous == S::Success || (previous == S::Skipped && job.needs.is_none())
        }
        When::OnFailure => previous == S::Failed,
        When::Always => matches!(previous, S::Success | S::Failed | S::Skipped),
        When::Never => false,
    }
}

/// What happens to a job whose turn it is.
fn start(job: &JobState<'_>) -> JobEvent {
    let waits = job.is_action() && !job.enqueue_immediately;
    match job.when {
        When::Delayed if waits && job.start_in_seconds.is_some() => JobEvent::Schedule,
        _ if waits => JobEvent::Actionize,
        _ => JobEvent::Enqueue(job.enqueue_to()),
    }
}
