//! Statuses of jobs, stages and pipelines, and the two functions that give them.
//!
//! A job's status follows from facts through [`Status::on`]; the status of a stage, a
//! pipeline or "the jobs before" follows from jobs through [`composite`]. Nobody assigns
//! a status otherwise (status-machine.md 1 and 2).

use crate::words::words;

words! {
    /// Status of a job, a stage or a pipeline, in GitLab's spelling.
    pub enum Status {
        /// Exists, waits for the jobs before it.
        Created = "created",
        /// Waits for its resource group.
        WaitingForResource = "waiting_for_resource",
        /// Waits for prerequisites.
        Preparing = "preparing",
        /// Waits for a callback.
        WaitingForCallback = "waiting_for_callback",
        /// Waits for a runner.
        Pending = "pending",
        /// A runner works on it.
        Running = "running",
        /// Ended well.
        Success = "success",
        /// Ended badly.
        Failed = "failed",
        /// Being canceled; `after_script` may still run.
        Canceling = "canceling",
        /// Was canceled.
        Canceled = "canceled",
        /// Will not run.
        Skipped = "skipped",
        /// Waits for a person.
        Manual = "manual",
        /// Waits for its time.
        Scheduled = "scheduled",
    }
}

impl Status {
    /// Ended, one way or the other: success, failed, canceled, skipped.
    #[must_use]
    pub const fn is_completed(self) -> bool {
        matches!(
            self,
            Status::Success | Status::Failed | Status::Canceled | Status::Skipped
        )
    }

    /// On its way to or with a runner.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(
            self,
            Status::WaitingForResource
                | Status::Preparing
                | Status::WaitingForCallback
                | Status::Pending
                | Status::Running
        )
    }

    /// Waits for a person or a time.
    #[must_use]
    pub const fn is_blocked(self) -> bool {
        matches!(self, Status::Manual | Status::Scheduled)
    }

    /// Completed or blocked: nothing will happen by itself.
    #[must_use]
    pub const fn is_stopped(self) -> bool {
        self.is_completed() || self.is_blocked()
    }

    /// Created, active or canceling.
    #[must_use]
    pub const fn is_alive(self) -> bool {
        self.is_active() || matches!(self, Status::Created | Status::Canceling)
    }

    /// Everything except completed and canceling.
    #[must_use]
    pub const fn is_cancelable(self) -> bool {
        !self.is_completed() && !matches!(self, Status::Canceling)
    }

    /// A job token is valid in these statuses only.
    #[must_use]
    pub const fn is_executing(self) -> bool {
        matches!(self, Status::Running | Status::Canceling)
    }
}

/// A fact about a job (status-machine.md 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobEvent {
    /// The jobs before it are done and it may go to a runner; what it waits for first is inside.
    Enqueue(EnqueueTo),
    /// Its resource was assigned.
    ResourceAssigned,
    /// Its prerequisites are met.
    Prepared,
    /// A delayed job's timer starts.
    Schedule,
    /// A delayed job's timer is given up.
    Unschedule,
    /// It now waits for a person.
    Actionize,
    /// A runner took it.
    Run,
    /// It will not run.
    Skip,
    /// It failed.
    Drop,
    /// It succeeded.
    Succeed,
    /// A cancel was asked for; `graceful` when the runner supports `after_script` on cancel.
    Cancel {
        /// Whether a running job gets the time to run its `after_script`.
        graceful: bool,
    },
    /// A cancel that waits for nobody.
    ForceCancel,
    /// An upstream job was retried or played: decide anew.
    Reset,
    /// The runner never acknowledged the job (two-phase hand-out): back to the queue.
    Requeue,
}

/// Where an enqueued job goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EnqueueTo {
    /// It has a resource group.
    WaitingForResource,
    /// It has unmet prerequisites.
    Preparing,
    /// Straight to the queue.
    Pending,
}

/// An event cannot happen in a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {from} cannot take the event {event:?}")]
pub struct InvalidTransition {
    /// The status at the time.
    pub from: Status,
    /// What was reported.
    pub event: JobEvent,
}

impl Status {
    /// Returns the status that `event` leads a job to.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] when the event cannot happen in this status; nothing has changed then.
    pub fn on(self, event: JobEvent) -> Result<Status, InvalidTransition> {
        use {JobEvent as E, Status as S};
        let open = matches!(
            self,
            S::Created | S::WaitingForResource | S::Preparing | S::WaitingForCallback | S::Pending | S::Running
        );
        match (self, event) {
            (S::Created | S::Skipped | S::Manual | S::Scheduled, E::Enqueue(to)) => Ok(match to {
                EnqueueTo::WaitingForResource => S::WaitingForResource,
                EnqueueTo::Preparing => S::Preparing,
                EnqueueTo::Pending => S::Pending,
            }),
            (S::WaitingForResource, E::ResourceAssigned) => Ok(S::Pending),
            (S::Preparing, E::Prepared) => Ok(S::Pending),
            (S::Created, E::Schedule) => Ok(S::Scheduled),
            (S::Scheduled, E::Unschedule) => Ok(S::Manual),
            (S::Created, E::Actionize) => Ok(S::Manual),
            (S::Pending, E::Run) => Ok(S::Running),
            (S::Running, E::Requeue) => Ok(S::Pending),
            (S::Created | S::WaitingForResource | S::Preparing | S::Pending, E::Skip) => Ok(S::Skipped),
            (S::Canceling, E::Drop | E::Succeed) => Ok(S::Canceled),
            (_, E::Drop) if open || self.is_blocked() => Ok(S::Failed),
            (_, E::Succeed) if open => Ok(S::Success),
            (S::Running, E::Cancel { graceful: true }) => Ok(S::Canceling),
            (_, E::Cancel { .. }) if self.is_cancelable() => Ok(S::Canceled),
            (S::Canceling, E::ForceCancel) => Ok(S::Canceled),
            (_, E::ForceCancel) if self.is_cancelable() => Ok(S::Canceled),
            (S::Skipped | S::Manual, E::Reset) => Ok(S::Created),
            (from, event) => Err(InvalidTransition { from, event }),
        }
    }
}

/// What [`composite`] looks at of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CompositeInput {
    /// The job's status.
    pub status: Status,
    /// Whether its failure does not count.
    pub allow_failure: bool,
}

/// Returns the status of a group of jobs; `None` when the group is empty (status-machine.md 2).
///
/// `as_needs` adds the rule for jobs that others name in `needs`: a skipped or ignored one
/// makes the group skipped. Retried jobs must be left out by the caller.
#[must_use]
pub fn composite(jobs: impl IntoIterator<Item = CompositeInput>, as_needs: bool) -> Option<Status> {
    let mut seen = Seen::default();
    for job in jobs {
        seen.add(job);
    }
    seen.status(as_needs)
}

/// Says whether a job of the group failed or was canceled although that was allowed.
#[must_use]
pub fn has_warnings(jobs: impl IntoIterator<Item = CompositeInput>) -> bool {
    jobs.into_iter()
        .any(|job| job.allow_failure && matches!(job.status, Status::Failed | Status::Canceled))
}

/// The set of symbols, one bit each.
#[derive(Default)]
struct Seen(u32);

impl Seen {
    const WARN: u32 = 1 << 30;
    const IGNORED: u32 = 1 << 31;

    const fn bit(status: Status) -> u32 {
        1 << status as u32
    }

    fn add(&mut self, job: CompositeInput) {
        self.0 |= match job.status {
            Status::Failed | Status::Canceled if job.allow_failure => Self::WARN,
            Status::Manual if job.allow_failure => Self::IGNORED,
            status => Self::bit(status),
        };
    }

    const fn has(&self, status: Status) -> bool {
        self.0 & Self::bit(status) != 0
    }

    /// Only these statuses, besides warnings and ignored jobs where allowed.
    fn only(&self, statuses: &[Status], extra: u32) -> bool {
        let allowed = statuses.iter().fold(extra, |bits, status| bits | Self::bit(*status));
        self.0 & !allowed == 0
    }

    fn status(&self, as_needs: bool) -> Option<Status> {
        use Status as S;
        let both = Self::WARN | Self::IGNORED;
        if self.0 == 0 {
            return None;
        }
        if as_needs && (self.has(S::Skipped) || self.0 & Self::IGNORED != 0) {
            return Some(S::Skipped);
        }
        Some(if self.only(&[S::Skipped], Self::IGNORED) {
            S::Skipped
        } else if self.only(&[S::Success, S::Skipped], both) {
            S::Success
        } else if self.only(&[S::Created], both) {
            S::Created
        } else if self.only(&[S::Preparing], both) {
            S::Preparing
        } else if self.only(&[S::Canceled, S::Success, S::Skipped], both) {
            S::Canceled
        } else if self.only(&[S::Pending, S::Created, S::Skipped], both) {
            S::Pending
        } else if self.has(S::Running) || self.has(S::Pending) {
            S::Running
        } else if self.has(S::WaitingForResource) {
            S::WaitingForResource
        } else if self.has(S::WaitingForCallback) {
            S::WaitingForCallback
        } else if self.has(S::Manual) {
            S::Manual
        } else if self.has(S::Scheduled) {
            S::Scheduled
        } else if self.has(S::Preparing) {
            S::Preparing
        } else if self.has(S::Created) {
            S::Running
        } else if self.has(S::Canceling) {
            S::Canceling
        } else {
            S::Failed
        })
    }
}
