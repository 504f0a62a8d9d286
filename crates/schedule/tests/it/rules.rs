//! Tables for the single rules (status-machine 5 to 9).

use model::definition::Retry;
use model::{
    FailureReason as R, JobDefinition, OnJobFailure, OnNewCommit, PipelineId, ProcessMode, Sha, Status, Timestamp,
};
use schedule::auto_cancel::{Candidate, OnNewer, is_outdated, on_job_failure, on_new_commit};
use schedule::auto_retry::{allowed_exit_code, auto_retry, stored_exit_code};
use schedule::duration::covered_seconds;
use schedule::resource::{Upcoming, choose};
use schedule::timeout::effective_seconds;

use crate::fixture::Fixture;

fn retry(max: Option<u32>, when: &[&str], exit_codes: &[i64]) -> Retry {
    Retry {
        max,
        when: when.iter().map(|word| (*word).to_owned()).collect(),
        exit_codes: exit_codes.to_vec(),
    }
}

#[test]
fn a_failed_job_is_retried_as_often_as_its_configuration_says() {
    for (setting, reason, exit_code, times) in [
        (None, R::ScriptFailure, Some(1), 0),
        (None, R::SchedulerFailure, None, 2),
        (Some(retry(Some(2), &[], &[])), R::ScriptFailure, Some(1), 2),
        (Some(retry(Some(1), &["always"], &[])), R::ApiFailure, None, 1),
        (
            Some(retry(Some(2), &["script_failure"], &[])),
            R::ScriptFailure,
            Some(1),
            2,
        ),
        (
            Some(retry(Some(2), &["script_failure"], &[])),
            R::RunnerSystemFailure,
            None,
            0,
        ),
        (
            Some(retry(None, &["script_failure"], &[])),
            R::ScriptFailure,
            Some(1),
            0,
        ),
        (Some(retry(None, &["always"], &[])), R::SchedulerFailure, None, 2),
        (Some(retry(Some(2), &[], &[137])), R::ScriptFailure, Some(137), 2),
        (Some(retry(Some(2), &[], &[137])), R::ScriptFailure, Some(1), 0),
        (
            Some(retry(Some(2), &["runner_system_failure"], &[137])),
            R::RunnerSystemFailure,
            None,
            2,
        ),
        (
            Some(retry(Some(2), &["runner_system_failure"], &[137])),
            R::ScriptFailure,
            Some(137),
            2,
        ),
        (Some(retry(Some(0), &[], &[])), R::SchedulerFailure, None, 0),
        (
            Some(retry(Some(2), &["stuck_or_timeout_failure"], &[])),
            R::NoUpdatesRunning,
            None,
            2,
        ),
        (
            Some(retry(Some(2), &["job_execution_timeout"], &[])),
            R::ServerTimeoutRunning,
            None,
            2,
        ),
        (Some(retry(Some(2), &["always"], &[])), R::CiQuotaExceeded, None, 0),
        (Some(retry(Some(2), &["always"], &[])), R::NoMatchingRunner, None, 0),
        (
            Some(retry(Some(2), &["always"], &[])),
            R::MissingDependencyFailure,
            None,
            0,
        ),
        (
            Some(retry(Some(2), &["always"], &[])),
            R::ForwardDeploymentFailure,
            None,
            0,
        ),
        (
            Some(retry(Some(2), &["always"], &[])),
            R::EnvironmentCreationFailure,
            None,
            0,
        ),
    ] {
        let given = (0..5)
            .take_while(|retries| auto_retry(setting.as_ref(), reason, exit_code, *retries))
            .count();
        assert_eq!(given, times, "{setting:?} {reason} {exit_code:?}");
    }
}

#[test]
fn a_listed_exit_code_allows_the_failure_unless_a_rule_replaced_the_list() {
    let definition = JobDefinition {
        allow_failure_exit_codes: vec![3, 137],
        ..JobDefinition::default()
    };
    for (keep, code, expected) in [
        (true, Some(137), true),
        (true, Some(1), false),
        (true, None, false),
        (false, Some(137), false),
    ] {
        assert_eq!(allowed_exit_code(&definition, keep, code), expected, "{keep} {code:?}");
    }
}

#[test]
fn exit_codes_are_kept_in_fifteen_bits() {
    assert_eq!(
        [-1, 0, 255, 32767, 32768, i64::MAX].map(stored_exit_code),
        [0, 0, 255, 32767, 32767, 32767]
    );
}

#[test]
fn the_timeout_is_the_jobs_or_the_projects_and_at_most_the_runners() {
    for (job, project, runner, expected) in [
        (None, 3600, None, 3600),
        (Some(7200), 3600, None, 7200),
        (Some(60), 3600, Some(600), 60),
        (Some(7200), 3600, Some(600), 600),
        (None, 3600, Some(0), 3600),
    ] {
        assert_eq!(effective_seconds(job, project, runner), expected);
    }
}

#[test]
fn a_newer_commit_cancels_by_the_setting_of_the_older_pipeline() {
    use {OnNewCommit as C, OnNewer as O, Status as S};
    let fixture = Fixture::parse("a 0 interruptible\n b 0\n c 0 bridge\n d 0 interruptible bridge");
    for (setting, statuses, expected) in [
        (C::None, [S::Pending; 4], O::Keep),
        (C::Conservative, [S::Pending; 4], O::CancelAll),
        (
            C::Conservative,
            [S::Running, S::Pending, S::Running, S::Pending],
            O::CancelAll,
        ),
        (
            C::Conservative,
            [S::Running, S::Running, S::Pending, S::Pending],
            O::Keep,
        ),
        (
            C::Conservative,
            [S::Pending, S::Success, S::Pending, S::Pending],
            O::Keep,
        ),
        (
            C::Conservative,
            [S::Pending, S::Failed, S::Pending, S::Pending],
            O::Keep,
        ),
        (
            C::Conservative,
            [S::Pending, S::Canceled, S::Pending, S::Pending],
            O::CancelAll,
        ),
        (C::Interruptible, [S::Running; 4], O::CancelJobs(vec![0, 3])),
        (
            C::Interruptible,
            [S::Success, S::Running, S::Running, S::Created],
            O::CancelJobs(vec![3]),
        ),
        (
            C::Interruptible,
            [S::Success, S::Running, S::Running, S::Success],
            O::Keep,
        ),
    ] {
        let mut jobs = fixture.states();
        jobs.iter_mut()
            .zip(statuses)
            .for_each(|(job, status)| job.status = status);
        assert_eq!(on_new_commit(setting, &jobs), expected, "{setting} {statuses:?}");
    }
}

#[test]
fn only_older_unfinished_pipelines_of_other_commits_are_outdated() {
    let sha = |digit: &str| digit.repeat(40).parse::<Sha>().unwrap();
    let (old, new, head) = (sha("a"), sha("b"), sha("b"));
    let day = |days: i64| Timestamp::from_seconds(days * 24 * 3600);
    let candidate = Candidate {
        id: PipelineId(1),
        sha: &old,
        status: Status::Pending,
        created_at: day(10),
    };
    let newer = Candidate {
        id: PipelineId(2),
        sha: &new,
        status: Status::Created,
        created_at: day(11),
    };
    assert!(is_outdated(candidate, newer, Some(&head)));
    assert!(is_outdated(
        Candidate {
            status: Status::Manual,
            ..candidate
        },
        newer,
        None
    ));
    for (kept, why) in [
        (
            Candidate {
                id: PipelineId(3),
                ..candidate
            },
            "newer",
        ),
        (
            Candidate {
                status: Status::Success,
                ..candidate
            },
            "finished",
        ),
        (
            Candidate {
                status: Status::Canceling,
                ..candidate
            },
            "being canceled",
        ),
        (Candidate { sha: &new, ..candidate }, "same commit"),
        (
            Candidate {
                created_at: day(3),
                ..candidate
            },
            "too old",
        ),
    ] {
        assert!(!is_outdated(kept, newer, Some(&head)), "{why}");
    }
    assert!(
        !is_outdated(candidate, newer, Some(&old)),
        "the ref went back to its commit"
    );
}

#[test]
fn a_failed_job_cancels_the_rest_only_where_that_is_wanted_and_final() {
    for (setting, allow_failure, will_be_retried, expected) in [
        (OnJobFailure::All, false, false, true),
        (OnJobFailure::All, true, false, false),
        (OnJobFailure::All, false, true, false),
        (OnJobFailure::None, false, false, false),
    ] {
        assert_eq!(on_job_failure(setting, allow_failure, will_be_retried), expected);
    }
}

#[test]
fn a_free_resource_goes_to_a_job_by_the_mode_of_its_group() {
    use {ProcessMode as M, Status as S};
    // Pipeline and status, by job id.
    let ready = [
        (2, S::WaitingForResource),
        (1, S::WaitingForResource),
        (3, S::WaitingForResource),
    ];
    let not_ready = [(2, S::WaitingForResource), (1, S::Created), (3, S::Scheduled)];
    let same_pipeline = [(1, S::Created), (1, S::WaitingForResource), (1, S::Created)];
    let none = [(1, S::Created), (1, S::Pending), (2, S::Success)];
    for (mode, expected) in [
        (M::Unordered, [Some(0), Some(0), Some(1), None]),
        (M::OldestFirst, [Some(1), None, Some(1), None]),
        (M::NewestFirst, [Some(2), None, Some(1), None]),
        (M::NewestReadyFirst, [Some(2), Some(0), Some(1), None]),
    ] {
        let found = [ready, not_ready, same_pipeline, none].map(|jobs| {
            choose(
                mode,
                &jobs.map(|(pipeline, status)| Upcoming {
                    pipeline_id: PipelineId(pipeline),
                    status,
                }),
            )
        });
        assert_eq!(found, expected, "{mode}");
    }
}

#[test]
fn a_pipelines_duration_counts_overlaps_once_and_gaps_not_at_all() {
    for (intervals, expected) in [
        (vec![], 0),
        (vec![(1, 3), (2, 4), (6, 7)], 4),
        (vec![(6, 7), (1, 3), (2, 4)], 4),
        (vec![(0, 10), (2, 4), (4, 5)], 10),
        (vec![(0, 5), (5, 8)], 8),
        (vec![(5, 3)], 0),
    ] {
        let times = intervals
            .iter()
            .map(|(from, to)| (Timestamp::from_seconds(*from), Timestamp::from_seconds(*to)));
        assert_eq!(covered_seconds(times.collect()), expected, "{intervals:?}");
    }
    assert_eq!(
        covered_seconds(vec![(Timestamp(0), Timestamp(1_999_999))]),
        1,
        "whole seconds"
    );
}
