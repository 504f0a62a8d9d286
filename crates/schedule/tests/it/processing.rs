//! What follows from the state of the jobs (status-machine 3 and 3.1).

use model::OnJobFailure;

use crate::fixture::{check, check_with};

#[test]
fn stages_run_one_after_another() {
    check(
        "a 0
         b 1
         c 1",
        &[
            ("", "pending | pending created | a=pending b=created c=created"),
            ("run a", "running | running created | a=running b=created c=created"),
            ("success a", "running | success pending | a=success b=pending c=pending"),
            (
                "run b, success b",
                "running | success running | a=success b=success c=pending",
            ),
            ("success c", "success | success success | a=success b=success c=success"),
        ],
    );
}

#[test]
fn siblings_of_a_failed_job_go_on_and_later_stages_are_skipped_when_they_end() {
    check(
        "a 0
         b 0
         c 1
         d 2",
        &[
            (
                "run a, run b, drop a",
                "running | running created created | a=failed b=running c=created d=created",
            ),
            (
                "success b",
                "failed | failed skipped skipped | a=failed b=success c=skipped d=skipped",
            ),
        ],
    );
}

#[test]
fn an_on_failure_job_with_nothing_before_it_is_skipped_at_once() {
    check(
        "a 0 on_failure
         b 0",
        &[("", "pending | pending | a=skipped b=pending")],
    );
    check(
        "a 0
         b 1 on_failure needs=",
        &[("", "pending | pending skipped | a=pending b=skipped")],
    );
}

#[test]
fn an_on_failure_job_runs_after_a_failure_only() {
    let jobs = "a 0
         b 1 on_failure
         c 2";
    check(
        jobs,
        &[(
            "drop a",
            "running | failed pending created | a=failed b=pending c=created",
        )],
    );
    check(
        jobs,
        &[(
            "success a",
            "running | success skipped pending | a=success b=skipped c=pending",
        )],
    );
}

#[test]
fn an_allowed_failure_counts_as_success_and_starts_no_on_failure_job() {
    check(
        "a 0 af
         b 1 on_failure
         c 2",
        &[(
            "drop a",
            "pending | success skipped pending | a=failed b=skipped c=pending",
        )],
    );
}

#[test]
fn a_failed_manual_job_that_may_fail_counts_as_success() {
    check(
        "a 0 manual af
         b 1 needs=a",
        &[
            ("", "skipped | skipped skipped | a=manual b=skipped"),
            ("play a, run a", "running | running skipped | a=running b=created"),
            ("drop a", "running | success pending | a=failed b=pending"),
        ],
    );
}

#[test]
fn needs_that_are_optional_and_absent_do_not_hold_a_job() {
    check(
        "a 0
         b 1 needs=gone",
        &[("", "pending | pending pending | a=pending b=pending")],
    );
}

#[test]
fn an_empty_list_of_needs_waits_for_nothing_not_even_pre() {
    check(
        "setup 0
         a 1
         b 2 needs=",
        &[(
            "",
            "pending | pending created pending | setup=pending a=created b=pending",
        )],
    );
}

#[test]
fn a_stage_whose_jobs_are_all_skipped_does_not_hold_the_next() {
    check(
        "a 0
         b 1 on_failure
         c 2",
        &[(
            "success a",
            "running | success skipped pending | a=success b=skipped c=pending",
        )],
    );
}

#[test]
fn a_job_that_needs_a_skipped_one_is_skipped_unless_it_always_runs() {
    check(
        "a 0
         b 1 on_failure
         c 2 needs=b
         d 2 always needs=b",
        &[(
            "success a",
            "running | success skipped pending | a=success b=skipped c=skipped d=pending",
        )],
    );
}

#[test]
fn a_skipped_need_decides_although_another_still_runs() {
    check(
        "a 0
         b 0 on_failure
         c 1 needs=a,b
         d 1 always needs=a,b",
        &[(
            "",
            "pending | pending pending | a=pending b=skipped c=skipped d=pending",
        )],
    );
}

#[test]
fn an_optional_manual_job_is_ignored_by_stages_and_skips_what_needs_it() {
    check(
        "a 0 manual af
         b 1
         c 1 needs=a",
        &[
            ("", "pending | skipped pending | a=manual b=pending c=skipped"),
            ("play a", "pending | pending pending | a=pending b=pending c=created"),
            ("success a", "running | success pending | a=success b=pending c=pending"),
        ],
    );
}

#[test]
fn a_blocking_manual_job_holds_everything_after_it() {
    check(
        "a 0 manual
         b 1
         c 2 needs=a",
        &[
            ("", "manual | manual created created | a=manual b=created c=created"),
            (
                "play a",
                "pending | pending created created | a=pending b=created c=created",
            ),
            (
                "success a",
                "running | success pending pending | a=success b=pending c=pending",
            ),
        ],
    );
}

#[test]
fn everything_after_a_canceled_job_is_skipped_even_what_always_runs() {
    check(
        "a 0
         b 1
         c 1 always
         d 1 always needs=a
         e 2 on_failure",
        &[(
            "cancel a",
            "canceled | canceled skipped skipped | a=canceled b=skipped c=skipped d=skipped e=skipped",
        )],
    );
}

#[test]
fn a_canceled_job_that_may_fail_counts_as_success() {
    check(
        "a 0 af\n b 1",
        &[("cancel a", "pending | success pending | a=canceled b=pending")],
    );
}

#[test]
fn a_delayed_job_waits_for_its_time_and_later_stages_wait_with_it() {
    check(
        "a 0
         b 1 delayed in=60
         c 2",
        &[
            ("", "pending | pending created created | a=pending b=created c=created"),
            (
                "success a",
                "scheduled | success scheduled created | a=success b=scheduled c=created",
            ),
            (
                "due b",
                "running | success pending created | a=success b=pending c=created",
            ),
            (
                "success b",
                "running | success success pending | a=success b=success c=pending",
            ),
        ],
    );
}

#[test]
fn a_delayed_job_without_a_time_waits_for_a_person() {
    check(
        "a 0 delayed",
        &[
            ("", "manual | manual | a=manual"),
            ("play a", "pending | pending | a=pending"),
        ],
    );
}

#[test]
fn a_delayed_bridge_starts_directly() {
    check("a 0 delayed in=60 bridge", &[("", "pending | pending | a=pending")]);
}

#[test]
fn a_delayed_job_can_be_played_before_its_time() {
    check(
        "a 0 delayed in=60",
        &[
            ("", "scheduled | scheduled | a=scheduled"),
            ("play a", "pending | pending | a=pending"),
        ],
    );
}

#[test]
fn a_job_with_a_resource_group_waits_for_its_resource() {
    check(
        "a 0 group
         b 0 manual af group",
        &[
            (
                "",
                "waiting_for_resource | waiting_for_resource | a=waiting_for_resource b=manual",
            ),
            ("assign a", "pending | pending | a=pending b=manual"),
            (
                "run a, success a, play b",
                "waiting_for_resource | waiting_for_resource | a=success b=waiting_for_resource",
            ),
        ],
    );
}

#[test]
fn needs_inside_a_stage_are_decided_in_their_own_order() {
    check(
        "c 0 needs=b
         b 0 needs=a
         a 0 on_failure",
        &[("", "skipped | skipped | c=skipped b=skipped a=skipped")],
    );
}

#[test]
fn jobs_that_need_each_other_wait_for_ever_but_do_not_hang_us() {
    check(
        "a 0 needs=b\n b 0 needs=a",
        &[("", "created | created | a=created b=created")],
    );
}

#[test]
fn a_pipeline_that_ran_is_running_while_it_only_waits_for_runners() {
    check(
        "a 0 af
         b 1",
        &[
            ("run a", "running | running created | a=running b=created"),
            ("drop a", "running | success pending | a=failed b=pending"),
        ],
    );
}

#[test]
fn a_stage_keeps_its_status_when_its_jobs_are_created_again() {
    check(
        "a 0
         b 1",
        &[
            ("drop a", "failed | failed skipped | a=failed b=skipped"),
            ("retry a", "running | pending skipped | a=pending b=created"),
        ],
    );
}

#[test]
fn a_failed_job_can_cancel_the_rest_of_the_pipeline() {
    check_with(
        OnJobFailure::All,
        "a 0
         b 0
         c 1 always
         d 1 manual",
        &[(
            "run a, run b, drop a",
            "failed | failed canceled | a=failed b=canceled c=canceled d=canceled",
        )],
    );
}

#[test]
fn an_allowed_failure_cancels_nothing() {
    check_with(
        OnJobFailure::All,
        "a 0 af\n b 0",
        &[("drop a", "pending | pending | a=failed b=pending")],
    );
}
