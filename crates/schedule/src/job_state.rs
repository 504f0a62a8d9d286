//! What the decisions look at of one job.

use model::job::{Need, PlannedJob};
use model::{CompositeInput, EnqueueTo, FailureReason, Job, Status, When};

/// The part of a job that decides about it and others.
///
/// A pipeline is a slice of these with each name once: retried attempts are left out, the order is
/// free. Decisions name jobs by their index in that slice.
#[derive(Clone, Copy, Debug)]
pub struct JobState<'a> {
    /// Full name.
    pub name: &'a str,
    /// Index of its stage.
    pub stage_index: u32,
    /// Current status.
    pub status: Status,
    /// When it runs.
    pub when: When,
    /// Whether its failure does not count.
    pub allow_failure: bool,
    /// `Some` for a DAG job, `None` for a job that follows its stage.
    pub needs: Option<&'a [Need]>,
    /// For `when: delayed`: seconds to wait.
    pub start_in_seconds: Option<i64>,
    /// Whether it must get a resource before it may go to a runner.
    pub has_resource_group: bool,
    /// Whether it only starts a downstream pipeline.
    pub is_bridge: bool,
    /// Whether it starts in its turn although `when` says manual or delayed.
    pub enqueue_immediately: bool,
    /// `interruptible`; `None` counts as not.
    pub interruptible: Option<bool>,
    /// Why it failed.
    pub failure_reason: Option<FailureReason>,
}

impl JobState<'_> {
    pub(crate) const fn composite_input(&self) -> CompositeInput {
        CompositeInput {
            status: self.status,
            allow_failure: self.allow_failure,
        }
    }

    /// Where the job goes first when it is enqueued.
    pub(crate) const fn enqueue_to(&self) -> EnqueueTo {
        if self.has_resource_group {
            EnqueueTo::WaitingForResource
        } else {
            EnqueueTo::Pending
        }
    }

    /// Whether a person (or a time) starts it: `when: manual`, or `delayed` unless it is a bridge.
    #[must_use]
    pub const fn is_action(&self) -> bool {
        matches!((self.when, self.is_bridge), (When::Manual, _) | (When::Delayed, false))
    }
}

impl<'a> From<&'a Job> for JobState<'a> {
    fn from(job: &'a Job) -> JobState<'a> {
        JobState {
            name: &job.name,
            stage_index: job.stage_index,
            status: job.status,
            when: job.when,
            allow_failure: job.allow_failure,
            needs: job.needs.as_deref(),
            start_in_seconds: job.start_in_seconds,
            has_resource_group: job.resource_group.is_some(),
            is_bridge: job.is_bridge,
            enqueue_immediately: job.enqueue_immediately,
            interruptible: job.interruptible,
            failure_reason: job.failure_reason,
        }
    }
}

/// The job as it will be right after its creation.
impl<'a> From<&'a PlannedJob> for JobState<'a> {
    fn from(job: &'a PlannedJob) -> JobState<'a> {
        JobState {
            name: &job.definition.name,
            stage_index: job.stage_index,
            status: Status::Created,
            when: job.when,
            allow_failure: job.allow_failure,
            needs: job.needs.as_deref(),
            start_in_seconds: job.start_in_seconds,
            has_resource_group: job.resource_group.is_some(),
            is_bridge: job.definition.is_bridge(),
            enqueue_immediately: false,
            interruptible: job.interruptible,
            failure_reason: None,
        }
    }
}
