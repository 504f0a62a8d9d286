//! Retry, play and cancel (status-machine 3.2).

use model::{FailureReason, Status, Timestamp};
use schedule::cancel::{cancel_pipeline, force_cancel_job};
use schedule::rerun::NotRetryable;
use schedule::simulate::{Fact, Simulation};
use schedule::{cancel_job, play, retry_job, retry_pipeline};

use crate::fixture::{Fixture, check};

#[test]
fn retrying_a_job_decides_the_skipped_jobs_after_it_anew() {
    check(
        "a 0
         b 1
         c 2 needs=b
         d 1 on_failure needs=",
        &[
            (
                "drop a",
                "failed | failed skipped skipped | a=failed b=skipped c=skipped d=skipped",
            ),
            (
                "retry a",
                "running | pending pending skipped | a=pending b=created c=created d=skipped",
            ),
            (
                "success a",
                "running | success pending skipped | a=success b=pending c=created d=skipped",
            ),
        ],
    );
}

#[test]
fn dependants_in_the_same_stage_are_reset_at_any_depth() {
    check(
        "a 0
         b 0 needs=a
         c 0 needs=b",
        &[
            ("drop a", "failed | failed | a=failed b=skipped c=skipped"),
            ("retry a", "running | pending | a=pending b=created c=created"),
        ],
    );
}

#[test]
fn a_retried_manual_job_starts_at_once() {
    check(
        "a 0 manual",
        &[
            ("play a, run a, drop a", "failed | failed | a=failed"),
            ("retry a", "running | pending | a=pending"),
        ],
    );
}

#[test]
fn a_retried_delayed_job_starts_at_once() {
    check(
        "a 0 delayed in=60",
        &[("due a, drop a, retry a", "running | pending | a=pending")],
    );
}

#[test]
fn playing_a_manual_job_that_ended_retries_it() {
    check(
        "a 0 manual",
        &[("play a, drop a, play a", "running | pending | a=pending")],
    );
}

#[test]
fn retrying_a_pipeline_makes_manual_jobs_manual_again() {
    check(
        "a 0
         b 0 manual af
         c 1
         d 2",
        &[
            (
                "success a, play b, drop b, drop c",
                "failed | success failed skipped | a=success b=failed c=failed d=skipped",
            ),
            (
                "retry",
                "running | success pending skipped | a=success b=manual c=pending d=created",
            ),
        ],
    );
}

#[test]
fn retrying_a_canceled_pipeline_takes_everything_up_again() {
    check(
        "a 0
         b 1
         c 1 manual",
        &[
            (
                "success a, cancel",
                "canceled | success canceled | a=success b=canceled c=canceled",
            ),
            ("retry", "running | success running | a=success b=pending c=manual"),
        ],
    );
}

#[test]
fn a_pipeline_that_passed_stays_so_when_its_retry_only_waits_for_a_person() {
    check(
        "a 0
         b 0 manual af",
        &[
            ("success a, play b, drop b", "success | success | a=success b=failed"),
            ("retry", "success | success | a=success b=manual"),
        ],
    );
}

#[test]
fn only_jobs_that_ended_or_are_being_canceled_can_be_retried() {
    let fixture = Fixture::parse("a 0");
    for status in Status::ALL {
        let mut jobs = fixture.states();
        jobs[0].status = *status;
        let expected = matches!(
            status,
            Status::Success | Status::Failed | Status::Canceled | Status::Canceling
        );
        assert_eq!(retry_job(&jobs, 0).is_ok(), expected, "{status}");
    }
}

#[test]
fn bridges_that_would_fail_again_cannot_be_retried() {
    let fixture = Fixture::parse("a 0 bridge");
    let mut jobs = fixture.states();
    jobs[0].status = Status::Failed;
    for (reason, hopeless) in [
        (FailureReason::PipelineLoopDetected, true),
        (FailureReason::ReachedMaxDescendantPipelinesDepth, true),
        (FailureReason::DownstreamPipelineCreationFailed, false),
    ] {
        jobs[0].failure_reason = Some(reason);
        assert_eq!(
            retry_job(&jobs, 0).err(),
            hopeless.then_some(NotRetryable::Hopeless(reason)),
            "{reason}"
        );
        assert_eq!(retry_pipeline(&jobs).clones.is_empty(), hopeless, "{reason}");
    }
}

#[test]
fn only_manual_and_delayed_jobs_can_be_played() {
    let fixture = Fixture::parse("a 0 manual\n b 0 delayed in=5\n c 0\n d 0 delayed bridge");
    let mut jobs = fixture.states();
    for (status, expected) in [
        (Status::Manual, [true, true, false, false]),
        (Status::Scheduled, [true, true, false, false]),
        (Status::Failed, [true, true, false, false]),
        (Status::Created, [false; 4]),
        (Status::Pending, [false; 4]),
        (Status::Skipped, [false; 4]),
    ] {
        jobs.iter_mut().for_each(|job| job.status = status);
        assert_eq!([0, 1, 2, 3].map(|job| play(&jobs, job).is_ok()), expected, "{status}");
    }
    let refused = play(&jobs, 2).unwrap_err();
    assert_eq!(refused.to_string(), "the job is skipped and does not wait for anybody");
}

#[test]
fn canceling_is_graceful_for_a_running_job_whose_runner_can() {
    let fixture = Fixture::parse("a 0\n b 0\n c 0\n d 0 manual");
    let mut jobs = fixture.states();
    for (job, status) in jobs
        .iter_mut()
        .zip([Status::Running, Status::Running, Status::Pending, Status::Success])
    {
        job.status = status;
    }
    let changes = cancel_pipeline(&jobs, |job| job == 0);
    let changes: Vec<_> = changes.iter().map(|change| (change.job, change.status)).collect();
    assert_eq!(
        changes,
        [(0, Status::Canceling), (1, Status::Canceled), (2, Status::Canceled)]
    );
    assert!(cancel_job(&jobs, 3, true).is_err());
    jobs[0].status = Status::Canceling;
    assert!(cancel_job(&jobs, 0, true).is_err());
    assert_eq!(
        force_cancel_job(&jobs, 0).map(|change| change.status),
        Ok(Status::Canceled)
    );
}

#[test]
fn a_delayed_job_becomes_due_its_time_after_it_was_processed() {
    let fixture = Fixture::parse("a 0 delayed in=90");
    let now = Timestamp::from_seconds(1_000);
    let decided = schedule::advance(&fixture.states(), schedule::Before::NEW, now);
    assert_eq!(decided.changes[0].scheduled_at, Some(Timestamp::from_seconds(1_090)));
}

#[test]
fn a_settled_pipeline_does_not_change_when_asked_again() {
    let fixture = Fixture::parse("a 0\n b 0 manual af\n c 1 needs=b\n d 1 delayed in=5\n e 2 on_failure needs=a");
    let mut pipeline = Simulation::new(fixture.states(), model::OnJobFailure::None);
    pipeline.happen(Fact::Success, 0).unwrap();
    let before = schedule::Before {
        pipeline: pipeline.pipeline,
        stages: &pipeline.stages,
    };
    let again = schedule::advance(&pipeline.jobs, before, Timestamp(0));
    assert_eq!(again.changes, []);
    assert_eq!((again.pipeline, &again.stages), (pipeline.pipeline, &pipeline.stages));
}

#[test]
fn what_cannot_happen_is_refused_and_changes_nothing() {
    let fixture = Fixture::parse("a 0");
    let mut pipeline = Simulation::new(fixture.states(), model::OnJobFailure::None);
    let refused = pipeline.happen(Fact::Play, 0).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Play can not happen to `a`: the job is pending and does not wait for anybody"
    );
    assert_eq!(pipeline.jobs[0].status, Status::Pending);
}
