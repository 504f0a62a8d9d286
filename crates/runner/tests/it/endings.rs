//! Ends from outside: cancel, abort, timeouts, shutdown. Nothing of a job survives them.

use std::time::Duration;

use crate::fake::{Fake, job, set, step};
use wire::runner::Job;

/// A job that leaves a shell, a background process and a daemon in a session of its own, and says their ids.
fn stubborn() -> Job {
    let mut job = job(&[
        "sleep 1001 & echo background=$!",
        "mkfifo started",
        "setsid sh -c 'trap \"\" TERM HUP; echo daemon=$$; echo > started; exec >/dev/null 2>&1; while :; do sleep 1; done' &",
        "read line < started",
        "echo all started",
        "sleep 1002",
    ]);
    job.steps.push(step("after_script", &["echo after=$CI_JOB_STATUS"]));
    job
}

/// Asserts that none of the processes named in the log is alive.
fn assert_all_dead(trace: &str) {
    let ids = trace.lines().filter_map(|line| {
        line.strip_prefix("background=")
            .or_else(|| line.strip_prefix("daemon="))
    });
    let ids: Vec<&str> = ids.collect();
    assert_eq!(ids.len(), 2, "{trace}");
    for id in ids {
        assert!(
            !std::path::Path::new(&format!("/proc/{id}")).exists(),
            "process {id} is alive"
        );
    }
}

#[tokio::test]
async fn a_graceful_cancel_kills_the_tree_and_runs_after_script() {
    let fake = Fake::start().await;
    let id = fake.hand_out(stubborn());
    fake.logged(id, "\nall started").await;
    fake.script(|state| state.job_status = Some("canceling"));
    fake.runner().nudger().nudge(id);
    let ended = fake.ended(id).await;
    ended
        .failed("job_canceled", None)
        .says("\nafter=canceled\n")
        .says("ERROR: Job failed: canceled");
    assert_all_dead(&ended.trace);
}

#[tokio::test]
async fn an_abort_kills_the_tree_at_once_without_after_script() {
    let fake = Fake::start().await;
    let id = fake.hand_out(stubborn());
    fake.logged(id, "\nall started").await;
    fake.script(|state| state.job_status = Some("canceled"));
    fake.runner().nudger().nudge(id);
    let ended = fake.ended(id).await;
    ended.failed("job_canceled", None).hides("\nafter=");
    // The server no longer takes the log after `canceled`, so the ids come from what it has.
    assert_all_dead(&ended.trace);
}

#[tokio::test]
async fn a_silent_job_learns_of_its_cancel_by_itself() {
    let fake = Fake::start().await;
    let id = fake.hand_out(job(&["echo quiet now", "sleep 1000"]));
    fake.logged(id, "quiet now").await;
    fake.script(|state| state.job_status = Some("canceling"));
    fake.ended(id).await.failed("job_canceled", None);
}

#[tokio::test]
async fn what_a_good_job_leaves_behind_is_killed_too() {
    let fake = Fake::start().await;
    let script = [
        "sleep 1001 & echo background=$!",
        "mkfifo started",
        "setsid sh -c 'echo daemon=$$; echo > started; exec >/dev/null 2>&1; trap \"\" TERM; while :; do sleep 1; done' &",
        "read line < started",
    ];
    let ended = fake.run(job(&script)).await;
    ended.succeeded();
    assert_all_dead(&ended.trace);
}

/// Processes that fork and end all the time, so that no list of processes has those that live when it has been read.
#[tokio::test]
async fn processes_that_flee_by_forking_are_killed_too() {
    let fake = Fake::start().await;
    let flee = "flee() { : > alive; (flee &) ; }; echo > $0; exec >/dev/null 2>&1 </dev/null; flee";
    let script = [
        "mkfifo started-1 started-2 started-3",
        &format!("for one in 1 2 3; do setsid bash -c '{flee}' started-$one & done"),
        "for one in 1 2 3; do read line < started-$one; done",
    ];
    fake.run(job(&script)).await.succeeded();
    let look = [
        "rm -f alive",
        "for look in 1 2 3 4 5 6 7 8 9; do ls > /dev/null; done",
        "test ! -e alive",
    ];
    fake.run(job(&look)).await.succeeded();
}

#[tokio::test]
async fn the_jobs_time_ends_everything() {
    let fake = Fake::start().await;
    let mut job = job(&["echo started", "sleep 1000"]);
    job.runner_info.timeout = 1;
    job.steps.push(step("after_script", &["echo never"]));
    let ended = fake.run(job).await;
    ended
        .failed("job_execution_timeout", None)
        .says("execution took longer than 1s")
        .hides("$ echo never");
}

#[tokio::test]
async fn the_scripts_own_time_lets_after_script_run() {
    let fake = Fake::start().await;
    let mut slow = job(&["sleep 1000"]);
    set(&mut slow, "RUNNER_SCRIPT_TIMEOUT", "100ms");
    slow.steps.push(step("after_script", &["echo status=$CI_JOB_STATUS"]));
    fake.run(slow)
        .await
        .failed("job_execution_timeout", None)
        .says("status=timedout\n");

    let mut slow_after = job(&["true"]);
    set(&mut slow_after, "RUNNER_AFTER_SCRIPT_TIMEOUT", "100ms");
    slow_after.steps.push(step("after_script", &["sleep 1000"]));
    fake.run(slow_after)
        .await
        .succeeded()
        .says("WARNING: after_script failed");

    let mut wrong = job(&["true"]);
    set(&mut wrong, "RUNNER_SCRIPT_TIMEOUT", "soon");
    fake.run(wrong)
        .await
        .failed("runner_configuration_error", None)
        .says("RUNNER_SCRIPT_TIMEOUT is `soon`");
}

#[tokio::test]
async fn a_stop_waits_for_jobs_and_kills_them_at_the_deadline() {
    let mut fake = Fake::start().await;
    let id = fake.hand_out(job(&["echo started", "sleep 1000"]));
    fake.logged(id, "\nstarted").await;
    fake.stop(Duration::from_millis(50)).await;
    fake.ended(id).await.failed("runner_interrupted", None);
    let before = fake.read(|state| state.requests.len());
    fake.hand_out(job(&["true"]));
    assert_eq!(fake.read(|state| state.requests.len()), before);
}

#[tokio::test]
async fn a_stop_lets_short_jobs_finish() {
    let mut fake = Fake::start().await;
    let id = fake.hand_out(job(&["echo started", "sleep 0.2", "echo finished"]));
    fake.logged(id, "\nstarted").await;
    fake.stop(Duration::from_secs(60)).await;
    fake.ended(id).await.succeeded().says("\nfinished\n");
}
