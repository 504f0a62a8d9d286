//! The life of jobs: what follows from facts, what people do to them, what time does to them.

use std::time::Duration;

use app::jobs::{actions, sweep};
use app::{Error, pipelines};
use model::definition::GivenVariable;
use model::{FailureReason, Status, VariableKind};

use crate::place::{FEATURES, Place};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn jobs_run_stage_by_stage_and_the_pipeline_follows() {
    let place = Place::new("a: {stage: build, script: x}\nb: {stage: test, script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    assert_eq!(place.state(id).await, "pending | a=pending b=created");
    let a = place.take(&player).await;
    assert_eq!(place.state(id).await, "running | a=running b=created");
    place.pass(MINUTE);
    place.report(&a, "success").await;
    assert_eq!(place.state(id).await, "running | a=success b=pending");
    place.pass(MINUTE);
    place.run(&player, "success").await;
    let (pipeline, jobs) = place.read(id).await;
    assert_eq!(
        (pipeline.status, pipeline.duration_seconds),
        (Status::Success, Some(60))
    );
    assert!(pipeline.started_at.is_some() && pipeline.finished_at.is_some());
    let stages: Vec<_> = pipeline
        .stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage.status))
        .collect();
    assert_eq!(stages, [("build", Status::Success), ("test", Status::Success)]);
    assert!(
        jobs.iter()
            .all(|job| job.queued_at.is_some() && job.started_at.is_some() && job.finished_at.is_some())
    );
    place.close().await;
}

#[tokio::test]
async fn a_failed_job_is_retried_as_its_configuration_says() {
    let place = Place::new("a: {script: x, retry: 1}\nb: {stage: deploy, script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    place.run(&player, "failed").await;
    assert_eq!(place.state(id).await, "running | a=pending b=created");
    place.run(&player, "failed").await;
    assert_eq!(place.state(id).await, "failed | a=failed b=skipped");
    let attempts = place.attempts(id).await;
    let ends: Vec<_> = attempts
        .iter()
        .map(|job| (job.name.as_str(), job.status, job.retried, job.finished_at.is_some()))
        .collect();
    assert_eq!(
        ends,
        [
            ("a", Status::Failed, true, true),
            ("b", Status::Skipped, false, false),
            ("a", Status::Failed, false, true)
        ]
    );
    let a = place.job(id, "a").await;
    assert_eq!(
        (a.failure_reason, a.exit_code),
        (Some(FailureReason::ScriptFailure), Some(1))
    );
    place.close().await;
}

#[tokio::test]
async fn an_allowed_exit_code_makes_the_failure_a_warning() {
    let place = Place::new("a: {script: x, allow_failure: {exit_codes: 1}}\nb: {stage: deploy, script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    place.run(&player, "failed").await;
    assert_eq!(place.state(id).await, "running | a=failed b=pending");
    assert!(place.job(id, "a").await.allow_failure);
    place.close().await;
}

#[tokio::test]
async fn a_failed_job_can_cancel_the_rest() {
    let config = "workflow: {auto_cancel: {on_job_failure: all}}\na: {script: x}\nb: {script: x}\nc: {stage: deploy, script: x}\n";
    let place = Place::new(config).await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    place.run(&player, "failed").await;
    assert_eq!(place.state(id).await, "failed | a=failed b=canceled c=canceled");
    place.close().await;
}

#[tokio::test]
async fn a_running_job_is_canceled_gracefully_where_its_runner_can() {
    let place = Place::new("a: {script: x}\n").await;
    let player = place.player().await;
    let id = place.pipeline().await.id;
    let a = place.take(&player).await;
    let canceled = pipelines::actions::cancel(&place.app, place.root.clone(), place.key(), id)
        .await
        .unwrap();
    assert_eq!(canceled.1.status, Status::Canceling);
    place.report(&a, "failed").await;
    assert_eq!(place.state(id).await, "canceled | a=canceled");

    let plain = place.player_with(&["two_phase_job_commit"], Default::default()).await;
    let id = place.pipeline().await.id;
    let a = place.take(&plain).await;
    actions::cancel(&place.app, place.root.clone(), place.key(), a.job.id, false)
        .await
        .unwrap();
    assert_eq!(place.state(id).await, "canceled | a=canceled");
    place.close().await;
}

#[tokio::test]
async fn a_cancel_by_force_waits_for_nobody() {
    let place = Place::new("a: {script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    let a = place.take(&player).await.job.id;
    let cancel = |force| actions::cancel(&place.app, place.root.clone(), place.key(), a, force);
    assert_eq!(cancel(false).await.unwrap().status, Status::Canceling);
    assert_eq!(cancel(true).await.unwrap().status, Status::Canceled);
    assert_eq!(place.state(id).await, "canceled | a=canceled");
    place.close().await;
}

#[tokio::test]
async fn a_retried_job_is_a_new_one_and_the_skipped_ones_come_back() {
    let place = Place::new("a: {stage: build, script: x}\nb: {stage: test, script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    let old = place.run(&player, "failed").await;
    let retried = actions::retry(&place.app, place.root.clone(), place.key(), old)
        .await
        .unwrap();
    assert!(retried.id > old && retried.status == Status::Pending);
    assert_eq!(place.state(id).await, "running | a=pending b=created");
    let again = actions::retry(&place.app, place.root.clone(), place.key(), old)
        .await
        .unwrap_err();
    assert_eq!(again.to_string(), "403 Forbidden - Job is not retryable");
    place.close().await;
}

#[tokio::test]
async fn a_manual_job_is_played_with_variables_of_its_own() {
    let place = Place::new("a: {script: x, when: manual}\nb: {script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    let (a, b) = (place.job(id, "a").await.id, place.job(id, "b").await.id);
    let variable = GivenVariable {
        key: "COLOR".to_owned(),
        value: "red".to_owned(),
        kind: VariableKind::EnvVar,
        raw: false,
    };
    let play = |job, variables| actions::play(&place.app, place.root.clone(), place.key(), job, variables);
    assert_eq!(play(a, vec![variable]).await.unwrap().status, Status::Pending);
    let refused = play(b, Vec::new()).await.unwrap_err();
    assert_eq!(refused.to_string(), "400 Bad request - Unplayable Job");
    let payload = place.take(&player).await;
    let color = payload
        .variables
        .iter()
        .find(|variable| variable.key == "COLOR")
        .unwrap();
    assert_eq!((payload.job.id, color.value.as_str()), (a, "red"));
    place.close().await;
}

#[tokio::test]
async fn a_pipeline_is_retried_with_its_failed_jobs_only() {
    let place =
        Place::new("a: {stage: build, script: x}\nb: {stage: test, script: x}\nc: {stage: deploy, script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    place.run(&player, "success").await;
    place.run(&player, "failed").await;
    assert_eq!(place.state(id).await, "failed | a=success b=failed c=skipped");
    let retried = pipelines::actions::retry(&place.app, place.root.clone(), place.key(), id)
        .await
        .unwrap();
    assert_eq!(retried.1.status, Status::Running);
    assert_eq!(place.state(id).await, "running | a=success b=pending c=created");
    place.close().await;
}

#[tokio::test]
async fn an_erased_job_keeps_its_row_and_loses_its_log() {
    let place = Place::new("a: {script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    let a = place.take(&player).await;
    let log = app::runners::logs::append(&place.app, a.job.id, &a.token, 0, "hello".into())
        .await
        .unwrap();
    assert!(matches!(log, app::runners::logs::Appended::Stored { size: 5, .. }));
    let erase = || actions::erase(&place.app, place.root.clone(), place.key(), a.job.id);
    assert!(matches!(erase().await, Err(Error::Forbidden(Some(_)))));
    place.report(&a, "success").await;
    assert!(erase().await.unwrap().erased_at.is_some());
    assert_eq!(place.app.blobs.traces.size(a.job.id).await.unwrap(), None);
    assert_eq!(place.state(id).await, "success | a=success");
    place.close().await;
}

#[tokio::test]
async fn a_deleted_pipeline_leaves_nothing() {
    let place = Place::new("a: {script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    let a = place.take(&player).await;
    app::runners::logs::append(&place.app, a.job.id, &a.token, 0, "hello".into())
        .await
        .unwrap();
    pipelines::actions::delete(&place.app, place.root.clone(), place.key(), id)
        .await
        .unwrap();
    assert_eq!(place.attempts(id).await.len(), 0);
    assert_eq!(place.app.blobs.traces.size(a.job.id).await.unwrap(), None);
    place.close().await;
}

#[tokio::test]
async fn a_delayed_job_starts_when_it_is_due() {
    let place = Place::new("a: {script: x, when: delayed, start_in: 10 minutes}\n").await;
    let id = place.pipeline().await.id;
    assert_eq!(place.state(id).await, "scheduled | a=scheduled");
    place.pass(9 * MINUTE);
    sweep::start_due(&place.app).await.unwrap();
    assert_eq!(place.state(id).await, "scheduled | a=scheduled");
    place.pass(MINUTE);
    sweep::start_due(&place.app).await.unwrap();
    assert_eq!(place.state(id).await, "pending | a=pending");
    place.close().await;
}

#[tokio::test]
async fn a_job_that_fell_silent_fails_and_its_late_report_is_refused() {
    let place = Place::new("a: {script: x, timeout: 5 hours}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    let a = place.take(&player).await;
    place.pass(61 * MINUTE);
    sweep::sweep(&place.app).await.unwrap();
    assert_eq!(place.state(id).await, "failed | a=failed");
    assert_eq!(
        place.job(id, "a").await.failure_reason,
        Some(FailureReason::StuckOrTimeoutFailure)
    );
    let late = place.report(&a, "success").await;
    assert_eq!(late, app::runners::report::Answer::Forbidden(Some(Status::Failed)));
    place.close().await;
}

#[tokio::test]
async fn a_pending_job_that_no_runner_online_could_take_fails_after_an_hour() {
    let place = Place::new("a: {script: x, tags: [gpu]}\nb: {script: x}\n").await;
    let (_player, id) = (place.player().await, place.pipeline().await.id);
    place.pass(61 * MINUTE);
    sweep::sweep(&place.app).await.unwrap();
    assert_eq!(place.state(id).await, "running | a=failed b=pending");
    place.close().await;
}

#[tokio::test]
async fn jobs_of_a_resource_group_run_one_at_a_time_across_pipelines() {
    let place = Place::new("a: {script: x, resource_group: production}\n").await;
    let player = place.player().await;
    let (first, second) = (place.pipeline().await.id, place.pipeline().await.id);
    assert_eq!(place.state(first).await, "pending | a=pending");
    assert_eq!(
        place.state(second).await,
        "waiting_for_resource | a=waiting_for_resource"
    );
    place.run(&player, "success").await;
    assert_eq!(place.state(second).await, "pending | a=pending");
    place.close().await;
}

#[tokio::test]
async fn a_newer_commit_cancels_the_older_pipeline_unless_it_must_not_stop() {
    let place = Place::new("a: {stage: build, script: x}\nb: {stage: test, script: x, interruptible: true}\n").await;
    let player = place.player().await;
    let old = place.pipeline().await.id;
    let same_commit = place.pipeline().await.id;
    assert_eq!(place.state(old).await, "pending | a=pending b=created");
    // Started and not interruptible: goes on.
    place.take(&player).await;
    place.commit("a: {script: y}\n");
    place.pipeline().await;
    assert_eq!(place.state(old).await, "running | a=running b=created");
    assert_eq!(place.state(same_commit).await, "canceled | a=canceled b=canceled");
    place.close().await;
}

#[tokio::test]
async fn a_job_has_the_inputs_it_was_started_with_and_keeps_them_when_retried() {
    use app::jobs::actions::Given;
    use serde_json::json;

    let config = "
deploy:
  script: 'echo ${{ job.inputs.place }}'
  when: manual
  inputs:
    place: {default: eu, options: [eu, us]}
    count: {default: 1, type: number}
";
    let place = Place::new(config).await;
    let mut features = FEATURES.to_vec();
    features.push("job_inputs");
    let player = place.player_with(&features, Default::default()).await;
    let id = place.pipeline().await.id;
    let job = place.job(id, "deploy").await.id;
    let given = |inputs: &[(&str, serde_json::Value)]| Given {
        variables: Some(Vec::new()),
        inputs: inputs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    };
    let play = async |job, given| actions::play_given(&place.app, place.root.clone(), place.key(), job, given).await;
    for wrong in [
        given(&[("place", json!("mars"))]),
        given(&[("count", json!("1"))]),
        given(&[("nothing", json!(1))]),
    ] {
        let refused = play(job, wrong).await;
        assert!(matches!(refused, Err(app::Error::BadRequest(_))), "{refused:?}");
    }
    assert_eq!(place.state(id).await, "skipped | deploy=manual");

    play(job, given(&[("place", json!("us"))])).await.unwrap();
    let taken = place.take(&player).await;
    let seen = |payload: &app::runners::payload::Payload| {
        let inputs = payload.inputs.iter();
        inputs
            .map(|input| format!("{}={}", input.name, input.value))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(seen(&taken), "place=\"us\" count=1");
    place.report(&taken, "failed").await;
    let retried = actions::retry_given(
        &place.app,
        place.root.clone(),
        place.key(),
        job,
        Given {
            variables: None,
            inputs: vec![("count".to_owned(), json!(5))],
        },
    );
    let _ = retried.await.unwrap();
    assert_eq!(seen(&place.take(&player).await), "place=\"us\" count=5");
    place.close().await;
}
