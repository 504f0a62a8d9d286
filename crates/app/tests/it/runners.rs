//! Handing out jobs (runner-protocol 2).

use std::time::Duration;

use app::jobs::sweep;
use app::runners::left_behind;
use app::runners::registry::Draft;
use app::runners::report::Answer;
use app::runners::request::request;
use model::{FailureReason, Status};

use crate::place::Place;

#[tokio::test]
async fn a_job_that_nobody_acknowledges_is_handed_out_again_and_the_first_token_is_void() {
    let place = Place::new("a: {script: x}\n").await;
    let (player, id) = (place.player().await, place.pipeline().await.id);
    let first = place.ask(&player).await.unwrap();
    assert!(place.ask(&player).await.is_none(), "it is handed out already");
    assert_eq!(place.state(id).await, "pending | a=pending");
    place.pass(Duration::from_secs(121));
    sweep::sweep(&place.app).await.unwrap();
    let second = place.take(&player).await;
    assert_eq!((second.job.id, second.job.claim), (first.job.id, first.job.claim + 1));
    assert_eq!(place.report(&first, "running").await, Answer::Forbidden(None));
    assert_eq!(place.report(&second, "success").await, Answer::Noted(Status::Success));
    place.close().await;
}

#[tokio::test]
async fn a_runner_that_does_not_acknowledge_has_its_job_running_at_once() {
    let place = Place::new("a: {script: x}\n").await;
    let player = place.player_with(&["refspecs"], Draft::default()).await;
    let id = place.pipeline().await.id;
    place.ask(&player).await.unwrap();
    assert_eq!(place.state(id).await, "running | a=running");
    place.close().await;
}

#[tokio::test]
async fn tags_decide_which_runner_gets_a_job() {
    let place = Place::new("a: {script: x, tags: [gpu]}\nb: {script: x}\n").await;
    place.pipeline().await;
    let plain = place.player().await;
    let gpu = Draft {
        tags: vec!["gpu".to_owned()],
        run_untagged: Some(false),
        ..Draft::default()
    };
    let gpu = place.player_with(&crate::place::FEATURES, gpu).await;
    assert_eq!(place.take(&plain).await.job.name, "b");
    assert!(place.ask(&plain).await.is_none());
    assert_eq!(place.take(&gpu).await.job.name, "a");
    place.close().await;
}

#[tokio::test]
async fn a_paused_runner_gets_nothing() {
    let place = Place::new("a: {script: x}\n").await;
    place.pipeline().await;
    let paused = place
        .player_with(
            &crate::place::FEATURES,
            Draft {
                paused: true,
                ..Draft::default()
            },
        )
        .await;
    assert!(place.ask(&paused).await.is_none());
    place.close().await;
}

#[tokio::test]
async fn held_requests_are_answered_as_soon_as_there_is_a_job_one_each() {
    let place = Place::new("a: {script: x}\nb: {script: x}\n").await;
    let player = place.player().await;
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (app, player) = (place.app.clone(), player.clone());
        let hold = Some(Duration::from_secs(30));
        held.spawn(async move { request(&app, player.runner, Some(player.manager), hold).await.unwrap() });
    }
    // Some of the requests may come after the jobs; they are served all the same.
    tokio::task::yield_now().await;
    place.pipeline().await;
    let mut names = Vec::new();
    for _ in 0..2 {
        names.push(held.join_next().await.unwrap().unwrap().unwrap().job.name);
    }
    names.sort();
    assert_eq!(names, ["a", "b"]);
    place.close().await;
    while let Some(answer) = held.join_next().await {
        assert!(answer.unwrap().is_none(), "nobody gets a job that is not there");
    }
}

#[tokio::test]
async fn a_runner_that_is_taken_away_while_it_waits_gets_nothing() {
    for deleted in [true, false] {
        let place = Place::new("a: {script: x}\n").await;
        let (player, other) = (place.player().await, place.player().await);
        let id = player.runner.id;
        let (app, gone) = (place.app.clone(), player.clone());
        let hold = Some(Duration::from_secs(600));
        let held = tokio::spawn(async move { request(&app, gone.runner, Some(gone.manager), hold).await });
        // Whether it waits already or comes afterwards: what it knows of its runner is old.
        tokio::task::yield_now().await;
        place
            .app
            .store
            .write(move |tx| {
                if deleted {
                    return store::ops::runners::delete(tx, id).map(drop);
                }
                let mut runner = store::ops::runners::get(tx, id)?.unwrap();
                runner.paused = true;
                store::ops::runners::update(tx, &runner).map(drop)
            })
            .await
            .unwrap();
        place.pipeline().await;
        let answer = held.await.unwrap().unwrap();
        assert!(answer.is_none(), "deleted: {deleted}");
        assert_eq!(place.take(&other).await.job.name, "a");
        place.close().await;
    }
}

#[tokio::test]
async fn a_job_for_a_runner_that_went_away_goes_to_the_next() {
    let place = Place::new("a: {script: x}\n").await;
    let player = place.player().await;
    let (app, gone) = (place.app.clone(), player.clone());
    let hold = Some(Duration::from_secs(30));
    let held = tokio::spawn(async move { request(&app, gone.runner, Some(gone.manager), hold).await });
    tokio::task::yield_now().await;
    held.abort();
    place.pipeline().await;
    assert_eq!(place.take(&player).await.job.name, "a");
    place.close().await;
}

#[tokio::test]
async fn a_job_that_its_runner_cannot_run_fails_and_the_next_one_comes() {
    let place = Place::new("a: {script: x, artifacts: {reports: {junit: a.xml}}}\nb: {script: x}\n").await;
    let player = place.player_with(&["two_phase_job_commit"], Draft::default()).await;
    let id = place.pipeline().await.id;
    assert_eq!(place.take(&player).await.job.name, "b");
    assert_eq!(
        place.job(id, "a").await.failure_reason,
        Some(FailureReason::RunnerUnsupported)
    );
    place.close().await;
}

#[tokio::test]
async fn a_job_that_would_run_without_what_it_relies_on_fails_with_that_reason() {
    let config = "
        a: {script: x, secrets: {PASSWORD: {vault: a/b@c}}}
        b: {script: x, identity: google_cloud}
        c: {run: [{name: s, script: x}]}
        d: {script: x, inputs: {i: {default: a}}}
        e: {script: x}
        ";
    let place = Place::new(config).await;
    let player = place.player_with(&["two_phase_job_commit"], Draft::default()).await;
    let id = place.pipeline().await.id;
    assert_eq!(place.take(&player).await.job.name, "e");
    for (name, expected) in [
        ("a", FailureReason::SecretsProviderNotFound),
        ("b", FailureReason::SecretsProviderNotFound),
        ("c", FailureReason::RunnerUnsupported),
        ("d", FailureReason::RunnerUnsupported),
    ] {
        assert_eq!(place.job(id, name).await.failure_reason, Some(expected), "{name}");
    }
    place.close().await;
}

#[tokio::test]
async fn the_payload_has_what_a_runner_needs() {
    let config = "
        variables: {ROOT: root, BOTH: root}
        a:
          script: x
          timeout: 30 minutes
          variables: {BOTH: job, NESTED: $ROOT-$BOTH}
          cache: [{key: k, paths: [p], fallback_keys: [f]}]
        ";
    let place = Place::new(config).await;
    let (player, pipeline) = (place.player().await, place.pipeline().await);
    let payload = place.take(&player).await;
    let value = |key: &str| {
        let last = payload.variables.iter().rev().find(|variable| variable.key == key);
        last.map_or("absent", |variable| variable.value.as_str())
    };
    for (key, expected) in [
        ("ROOT", "root"),
        ("BOTH", "job"),
        ("NESTED", "root-job"),
        ("CI", "true"),
        ("CI_JOB_NAME", "a"),
        ("CI_JOB_STAGE", "test"),
        ("CI_COMMIT_SHA", pipeline.sha.as_str()),
        ("CI_PIPELINE_SOURCE", "api"),
        ("CI_JOB_TOKEN", payload.token.as_str()),
        ("CI_PROJECT_PATH", "root/demo"),
        ("CI_JOB_URL", "http://ci.example/root/demo/-/jobs/1"),
        ("GITLAB_USER_LOGIN", "root"),
        ("CI_NODE_TOTAL", "1"),
        ("CI_JOB_MANUAL", "absent"),
        ("CI_ENVIRONMENT_NAME", "absent"),
    ] {
        assert_eq!(value(key), expected, "{key}");
    }
    let token = payload
        .variables
        .iter()
        .find(|variable| variable.key == "CI_JOB_TOKEN")
        .unwrap();
    assert!(token.masked && !token.public);
    assert_eq!(payload.job.timeout_seconds, Some(1800));
    assert_eq!(payload.checkout.depth, 20);
    assert_eq!(
        payload.checkout.refspecs,
        [
            "+refs/pipelines/1:refs/pipelines/1",
            "+refs/heads/main:refs/remotes/origin/main"
        ]
    );
    assert_eq!(payload.cache_keys[0].fallback_keys.len(), 1);
    assert!(payload.checkout.url.ends_with("@ci.example/root/demo.git"));
    place.close().await;
}

#[tokio::test]
async fn a_runner_that_starts_anew_leaves_no_job_behind() {
    let place = Place::new("a: {script: x}\nb: {script: x, needs: []}\nc: {stage: deploy, script: x}\n").await;
    let (player, other) = (place.player().await, place.player().await);
    let id = place.pipeline().await.id;
    let running = place.take(&player).await;
    let handed_out = place.ask(&player).await.expect("the second job");
    left_behind::end(&place.app, &other.runner, &other.manager)
        .await
        .unwrap();
    assert_eq!(place.state(id).await, "running | a=running b=pending c=created");

    left_behind::end(&place.app, &player.runner, &player.manager)
        .await
        .unwrap();
    assert_eq!(place.state(id).await, "running | a=failed b=pending c=created");
    let a = place.job(id, "a").await;
    assert_eq!(a.failure_reason, Some(FailureReason::RunnerSystemFailure));
    assert_eq!(
        place.report(&running, "success").await,
        Answer::Forbidden(Some(Status::Failed))
    );
    assert_eq!(
        place.report(&handed_out, "running").await,
        Answer::Forbidden(Some(Status::Pending)),
        "it was taken back"
    );
    let again = place.ask(&player).await.expect("the second job again");
    assert_eq!(again.job.id, handed_out.job.id);
    assert_eq!(
        place.report(&handed_out, "running").await,
        Answer::Forbidden(None),
        "its old token is void"
    );
    place.report(&again, "success").await;
    assert_eq!(place.state(id).await, "failed | a=failed b=success c=skipped");
    place.close().await;
}
