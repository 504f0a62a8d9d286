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

    /// Was with a runner, or counts as if it had been: running, success, failed.
    #[must_use]
    pub const fn is_started(self) -> bool {
        matches!(self, Status::Running | Status::Success | Status::Failed)
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
            (S::Created | S::WaitingForResource | S::Preparing | S::Pending, E::Skip) => Ok(S::Skipped),
            (S::Canceling, E::Drop | E::Succeed) => Ok(S::Canceled),
            (_, E::Drop) if open || self.is_blocked() => Ok(S::Failed),
            (_, E::Succeed) if open => Ok(S::Success),
            (S::Running, E::Cancel { graceful: true }) => Ok(S::Canceling),
            (_, E::Cancel { .. }) if self.is_cancelable() => Ok(S::Canceled),
            (S::Canceling, E::ForceCancel) => Ok(S::Canceled),
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
    let group: StatusSet = jobs.into_iter().collect();
    if as_needs { group.needs_status() } else { group.status() }
}

/// A group of jobs, reduced to what [`composite`] depends on: cheap to grow and to merge.
///
/// One bit for each status that occurs, with a failure or cancellation that was allowed counted
/// as a warning, and an optional manual job as ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusSet(u32);

impl FromIterator<CompositeInput> for StatusSet {
    fn from_iter<I: IntoIterator<Item = CompositeInput>>(jobs: I) -> StatusSet {
        let mut group = StatusSet::default();
        for job in jobs {
            group.add(job);
        }
        group
    }
}

impl StatusSet {
    /// Adds a job.
    pub fn add(&mut self, job: CompositeInput) {
        self.0 |= match job.status {
            Status::Failed | Status::Canceled if job.allow_failure => Self::WARN,
            Status::Manual if job.allow_failure => Self::IGNORED,
            status => Self::bit(status),
        };
    }

    /// Adds all jobs of another group.
    pub const fn merge(&mut self, other: StatusSet) {
        self.0 |= other.0;
    }

    /// Returns the status of a stage, a pipeline or all jobs of earlier stages; `None` when there is no job.
    #[must_use]
    pub fn status(self) -> Option<Status> {
        (self.0 != 0).then(|| self.of_some())
    }

    /// Returns the status of jobs named in `needs`: one that is skipped or ignored decides.
    #[must_use]
    pub fn needs_status(self) -> Option<Status> {
        if self.has(Status::Skipped) || self.0 & Self::IGNORED != 0 {
            return Some(Status::Skipped);
        }
        self.status()
    }

    /// Whether a job failed or was canceled although that was allowed.
    #[must_use]
    pub const fn has_warnings(self) -> bool {
        self.0 & Self::WARN != 0
    }

    const WARN: u32 = 1 << 30;
    const IGNORED: u32 = 1 << 31;

    const fn bit(status: Status) -> u32 {
        1 << status as u32
    }

    const fn has(self, status: Status) -> bool {
        self.0 & Self::bit(status) != 0
    }

    /// Only these statuses, besides ignored jobs.
    fn only(self, statuses: &[Status]) -> bool {
        let allowed = statuses
            .iter()
            .fold(Self::IGNORED, |bits, status| bits | Self::bit(*status));
        self.0 & !allowed == 0
    }

    /// Only these statuses, besides ignored jobs and warnings.
    fn only_or_warn(self, statuses: &[Status]) -> bool {
        StatusSet(self.0 & !Self::WARN).only(statuses)
    }

    /// The first rule that holds; the order is GitLab's and matters.
    fn of_some(self) -> Status {
        use Status as S;
        if self.only(&[S::Skipped]) {
            S::Skipped
        } else if self.only_or_warn(&[S::Success, S::Skipped]) {
            S::Success
        } else if self.only_or_warn(&[S::Created]) {
            S::Created
        } else if self.only_or_warn(&[S::Preparing]) {
            S::Preparing
        } else if self.only_or_warn(&[S::Canceled, S::Success, S::Skipped]) {
            S::Canceled
        } else if self.only_or_warn(&[S::Pending, S::Created, S::Skipped]) {
            S::Pending
        } else {
            const DECIDING: [(Status, Status); 9] = [
                (S::Running, S::Running),
                (S::Pending, S::Running),
                (S::WaitingForResource, S::WaitingForResource),
                (S::WaitingForCallback, S::WaitingForCallback),
                (S::Manual, S::Manual),
                (S::Scheduled, S::Scheduled),
                (S::Preparing, S::Preparing),
                (S::Created, S::Running),
                (S::Canceling, S::Canceling),
            ];
            let found = DECIDING.into_iter().find(|(status, _)| self.has(*status));
            found.map_or(S::Failed, |(_, result)| result)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use {JobEvent as E, Status as S};

    /// `"success, failed?"`: a question mark means `allow_failure`.
    fn group(text: &str) -> StatusSet {
        text.split(", ")
            .filter(|job| !job.is_empty())
            .map(|job| CompositeInput {
                status: job.trim_end_matches('?').parse().unwrap(),
                allow_failure: job.ends_with('?'),
            })
            .collect()
    }

    #[test]
    fn the_status_of_a_group_follows_from_the_set_of_its_jobs() {
        for (jobs, as_stage, as_needs) in [
            ("success, created", "running", "running"),
            ("created, skipped", "pending", "skipped"),
            ("failed, created", "running", "running"),
            ("failed, manual", "manual", "manual"),
            ("success, manual?", "success", "skipped"),
            ("manual?", "skipped", "skipped"),
            ("success, manual", "manual", "manual"),
            ("failed?", "success", "success"),
            ("failed?, created", "created", "created"),
            ("skipped, failed", "failed", "skipped"),
            ("skipped, running", "running", "skipped"),
            ("success, skipped", "success", "skipped"),
            ("canceled, success", "canceled", "canceled"),
            ("canceled, failed", "failed", "failed"),
            ("canceled?, success", "success", "success"),
            ("pending, success", "running", "running"),
            ("scheduled, success", "scheduled", "scheduled"),
            ("preparing, failed?", "preparing", "preparing"),
            ("preparing, failed", "preparing", "preparing"),
            ("pending, created, failed?", "pending", "pending"),
            (
                "waiting_for_resource, failed",
                "waiting_for_resource",
                "waiting_for_resource",
            ),
            ("waiting_for_resource, running", "running", "running"),
            (
                "waiting_for_callback, manual",
                "waiting_for_callback",
                "waiting_for_callback",
            ),
            ("canceling, success", "canceling", "canceling"),
            ("canceling, running", "running", "running"),
            ("canceling, failed", "canceling", "canceling"),
            ("failed, success", "failed", "failed"),
        ] {
            assert_eq!(group(jobs).status().unwrap().as_str(), as_stage, "{jobs}");
            assert_eq!(
                group(jobs).needs_status().unwrap().as_str(),
                as_needs,
                "{jobs} as needs"
            );
        }
    }

    #[test]
    fn a_group_without_jobs_has_no_status() {
        assert_eq!((group("").status(), group("").needs_status()), (None, None));
    }

    #[test]
    fn a_warning_is_a_failure_or_cancellation_that_was_allowed() {
        for (jobs, expected) in [
            ("failed?", true),
            ("canceled?, success", true),
            ("failed", false),
            ("manual?", false),
            ("success?", false),
        ] {
            assert_eq!(group(jobs).has_warnings(), expected, "{jobs}");
        }
    }

    #[test]
    fn merged_groups_are_as_if_they_were_one() {
        let mut merged = group("success, failed?");
        merged.merge(group("created"));
        assert_eq!(merged, group("created, success, failed?"));
    }

    /// Every status an event can happen in, and where it leads; it is refused in all others.
    #[test]
    fn an_event_happens_in_the_listed_statuses_only() {
        let before_end = [
            S::Created,
            S::WaitingForResource,
            S::Preparing,
            S::WaitingForCallback,
            S::Pending,
            S::Running,
        ];
        let to = |status: S, from: &[S]| from.iter().map(|from| (*from, status)).collect::<Vec<_>>();
        let enqueued = [S::Created, S::Skipped, S::Manual, S::Scheduled];
        let cancelable = || [before_end.as_slice(), &[S::Manual, S::Scheduled]].concat();
        let table: Vec<(E, Vec<(S, S)>)> = vec![
            (E::Enqueue(EnqueueTo::Pending), to(S::Pending, &enqueued)),
            (E::Enqueue(EnqueueTo::Preparing), to(S::Preparing, &enqueued)),
            (
                E::Enqueue(EnqueueTo::WaitingForResource),
                to(S::WaitingForResource, &enqueued),
            ),
            (E::ResourceAssigned, to(S::Pending, &[S::WaitingForResource])),
            (E::Prepared, to(S::Pending, &[S::Preparing])),
            (E::Schedule, to(S::Scheduled, &[S::Created])),
            (E::Unschedule, to(S::Manual, &[S::Scheduled])),
            (E::Actionize, to(S::Manual, &[S::Created])),
            (E::Run, to(S::Running, &[S::Pending])),
            (
                E::Skip,
                to(
                    S::Skipped,
                    &[S::Created, S::WaitingForResource, S::Preparing, S::Pending],
                ),
            ),
            (
                E::Drop,
                [to(S::Failed, &cancelable()), to(S::Canceled, &[S::Canceling])].concat(),
            ),
            (
                E::Succeed,
                [to(S::Success, &before_end), to(S::Canceled, &[S::Canceling])].concat(),
            ),
            (E::Cancel { graceful: false }, to(S::Canceled, &cancelable())),
            (
                E::Cancel { graceful: true },
                cancelable()
                    .into_iter()
                    .map(|s| (s, if s == S::Running { S::Canceling } else { S::Canceled }))
                    .collect(),
            ),
            (E::ForceCancel, to(S::Canceled, &[S::Canceling])),
            (E::Reset, to(S::Created, &[S::Skipped, S::Manual])),
        ];
        for (event, allowed) in table {
            for from in S::ALL {
                let expected = allowed.iter().find(|(status, _)| status == from).map(|(_, to)| *to);
                assert_eq!(from.on(event).ok(), expected, "{event:?} in {from}");
            }
        }
    }

    #[test]
    fn a_refused_event_says_which_and_where() {
        let refused = S::Success.on(E::Run).unwrap_err();
        assert_eq!(refused.to_string(), "a job that is success cannot take the event Run");
    }

    #[test]
    fn sets_of_statuses_are_gitlabs() {
        let all = |test: fn(S) -> bool| {
            S::ALL
                .iter()
                .filter(|s| test(**s))
                .map(|s| s.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(all(S::is_completed), ["success", "failed", "canceled", "skipped"]);
        assert_eq!(
            all(S::is_active),
            [
                "waiting_for_resource",
                "preparing",
                "waiting_for_callback",
                "pending",
                "running"
            ]
        );
        assert_eq!(all(S::is_blocked), ["manual", "scheduled"]);
        assert_eq!(
            all(S::is_stopped),
            ["success", "failed", "canceled", "skipped", "manual", "scheduled"]
        );
        assert_eq!(all(S::is_started), ["running", "success", "failed"]);
        assert_eq!(all(S::is_executing), ["running", "canceling"]);
        assert_eq!(all(|s| !s.is_alive()), all(S::is_stopped));
        assert_eq!(
            all(|s| !s.is_cancelable()),
            ["success", "failed", "canceling", "canceled", "skipped"]
        );
    }
}
