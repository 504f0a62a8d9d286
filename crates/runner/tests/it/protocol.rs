//! How the runner takes the server's odd answers.

use crate::fake::{Fake, job};

/// Returns the checksum that the last update of a job carried.
fn last_output(fake: &Fake, id: i64) -> (Option<String>, Option<i64>) {
    fake.read(|state| {
        let (_, update) = state.updates.iter().rfind(|(updated, _)| *updated == id).unwrap();
        (update.output.checksum.clone(), update.output.bytesize)
    })
}

fn crc32(bytes: &[u8]) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    format!("crc32:{:08x}", crc.sum())
}

#[tokio::test]
async fn the_first_word_is_running_and_the_last_has_size_and_checksum() {
    let fake = Fake::start().await;
    let id = fake.hand_out(job(&["echo hello"]));
    let ended = fake.ended(id).await;
    fake.read(|state| {
        let first = &state.updates[0].1;
        assert_eq!((first.state.as_str(), &first.output.checksum), ("running", &None));
        let request = &state.requests[0];
        assert!(request.info.features.declares("two_phase_job_commit") && request.info.features.declares("refspecs"));
        assert_eq!((request.info.executor.as_str(), request.system_id.len()), ("shell", 14));
    });
    let expected = (Some(crc32(ended.trace.as_bytes())), Some(ended.trace.len() as i64));
    assert_eq!(last_output(&fake, id), expected);
}

#[tokio::test]
async fn a_gap_is_filled_from_where_the_server_says() {
    let fake = Fake::start().await;
    fake.script(|state| state.patch_answers = [(416, vec![("Range", "0-0")]), (202, vec![])].into());
    // The second answer claims to have stored what it has not: the next patch meets a real 416.
    let ended = fake.run(job(&["echo one", "sleep 0.3", "echo two"])).await;
    ended.succeeded().says("Running with").says("\none\n").says("\ntwo\n");
    assert_eq!(ended.trace.matches("Running with").count(), 1);
}

#[tokio::test]
async fn overload_is_waited_out() {
    let fake = Fake::start().await;
    let busy = || (503, vec![("Retry-After", "0")]);
    fake.script(|state| {
        state.request_answers = [busy(), (429, vec![("Retry-After", "0")])].into();
        state.running_answers = [busy()].into();
        state.patch_answers = [busy(), (500, vec![])].into();
        state.final_answers = [busy(), (502, vec![("Retry-After", "0")])].into();
    });
    fake.run(job(&["echo hello"])).await.succeeded().says("\nhello\n");
}

#[tokio::test]
async fn the_final_update_is_repeated_until_it_is_complete() {
    let fake = Fake::start().await;
    fake.script(|state| state.final_answers = [(202, vec![("X-GitLab-Trace-Update-Interval", "1")])].into());
    fake.run(job(&["echo hello"])).await.succeeded();
}

#[tokio::test]
async fn a_log_that_does_not_fit_its_checksum_is_sent_again_from_the_start() {
    let fake = Fake::start().await;
    fake.script(|state| state.final_answers = [(412, vec![])].into());
    let ended = fake.run(job(&["echo hello"])).await;
    ended.succeeded();
    let restarts = fake.read(|state| {
        state
            .patches
            .iter()
            .filter(|(range, _)| range.starts_with("0-"))
            .count()
    });
    assert_eq!(restarts, 2);
    assert_eq!(ended.trace.matches("\nhello\n").count(), 1);
}

#[tokio::test]
async fn a_job_refused_at_its_start_never_runs_and_is_not_reported() {
    let fake = Fake::start().await;
    let witness = fake.folder.join("ran");
    fake.script(|state| state.running_answers = [(403, vec![("Job-Status", "canceled")])].into());
    let refused = fake.hand_out(job(&[&format!("touch {}", witness.display())]));
    fake.run(job(&["true"])).await.succeeded();
    fake.read(|state| {
        assert!(
            state
                .updates
                .iter()
                .all(|(id, update)| *id != refused || update.state == "running")
        )
    });
    assert!(!witness.exists());
}

#[tokio::test]
async fn a_job_canceled_before_its_start_is_reported_without_running() {
    let fake = Fake::start().await;
    fake.script(|state| state.running_answers = [(200, vec![("Job-Status", "canceling")])].into());
    let ended = fake.run(job(&["echo never"])).await;
    ended.failed("job_canceled", None).hides("$ echo never");
}

#[tokio::test]
async fn refusals_and_conflicts_do_not_end_the_runner() {
    let fake = Fake::start().await;
    fake.script(|state| {
        state.request_answers = [
            (403, vec![]),
            (409, vec![]),
            (204, vec![("X-GitLab-Last-Update", "abc")]),
            (204, vec![]),
        ]
        .into();
    });
    fake.run(job(&["echo hello"])).await.succeeded();
    fake.read(|state| {
        assert_eq!(state.requests[0].last_update, None);
        assert_eq!(state.requests.last().unwrap().last_update.as_deref(), Some("abc"));
    });
}

#[tokio::test]
async fn reasons_a_server_does_not_know_are_replaced() {
    let fake = Fake::start().await;
    let mut job = job(&["true"]);
    job.features.failure_reasons.clear();
    job.services = vec![Default::default()];
    fake.run(job).await.failed("script_failure", None);
}

#[tokio::test]
async fn no_request_is_made_while_one_is_held_or_all_slots_are_busy() {
    let fake = Fake::start().await;
    let id = fake.hand_out(job(&["echo started", "while [ ! -e go ]; do sleep 0.02; done"]));
    fake.logged(id, "\nstarted").await;
    let during = fake.read(|state| state.requests.len());
    fake.script(|state| state.job_status = Some("canceled"));
    fake.runner().nudger().nudge(id);
    fake.ended(id).await;
    assert_eq!(during, 1);
    fake.until(|state| state.requests.len() == 2).await;
}

#[tokio::test]
async fn a_token_is_verified_by_the_server() {
    let fake = Fake::start().await;
    let config = runner::Config::new(fake.url(), "glrt-x", &fake.folder);
    // This server knows no such call: anything but 403 counts as valid.
    assert_eq!(runner::Runner::verify(&config).await, Ok(true));
}

/// A job of a server that takes the end of the log with the end of the job.
fn short(script: &[&str]) -> wire::runner::Job {
    let mut job = job(script);
    job.features.tripline_log_in_update = true;
    job
}

#[tokio::test]
async fn a_short_log_comes_with_the_end_of_its_job() {
    let fake = Fake::start().await;
    let id = fake.hand_out(short(&["true"]));
    let ended = fake.ended(id).await;
    ended.succeeded().says("Running with").says("Job succeeded");
    let expected = (Some(crc32(ended.trace.as_bytes())), Some(ended.trace.len() as i64));
    assert_eq!(last_output(&fake, id), expected);
}

#[tokio::test]
async fn a_log_whose_end_was_not_taken_is_sent_again_in_pieces() {
    let fake = Fake::start().await;
    fake.script(|state| state.final_answers = [(503, vec![("Retry-After", "0")]), (412, vec![])].into());
    let ended = fake.run(short(&["echo hello"])).await;
    ended.succeeded().says("Running with").says("\nhello\n");
    assert_eq!(ended.trace.matches("Running with").count(), 1);
    assert!(fake.read(|state| state.patches.iter().any(|(range, _)| range.starts_with("0-"))));
}
