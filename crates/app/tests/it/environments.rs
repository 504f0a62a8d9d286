//! Environments: made by jobs, deployed to, stopped by jobs, people, time and the end of a branch.

use std::time::Duration;

use app::environments::manage::{self, Wanted};
use app::environments::{deploy, stop, sweep};
use app::jobs::actions;
use model::{
    Deployment, DeploymentStatus, Environment, EnvironmentState, FailureReason, JobId, PipelineId, Status, Tier,
};
use store::ops;
use store::ops::deployments::DeploymentFilter;
use store::ops::page::Page;

use crate::place::Place;

const HOUR: Duration = Duration::from_secs(3600);

const REVIEW: &str = "
stages: [build, deploy, clean]
build: {stage: build, script: x}
deploy:
  stage: deploy
  script: x
  environment:
    name: review/$CI_COMMIT_REF_SLUG
    url: https://$CI_ENVIRONMENT_SLUG.example.com/$CI_JOB_ID
    on_stop: stop
    auto_stop_in: 2 hours
stop:
  stage: clean
  script: x
  when: manual
  environment: {name: review/$CI_COMMIT_REF_SLUG, action: stop}
";

async fn environments(place: &Place) -> Vec<Environment> {
    let listed = manage::list(
        &place.app,
        place.root.clone(),
        place.key(),
        Wanted::default(),
        Page::of(1, 100),
    );
    listed.await.unwrap().environments
}

async fn only(place: &Place) -> Environment {
    let mut all = environments(place).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

async fn deployments(place: &Place) -> Vec<Deployment> {
    let filter = DeploymentFilter::new(place.project);
    let listed = place
        .app
        .store
        .read(move |tx| ops::deployments::list(tx, &filter, Page::all()));
    listed.await.unwrap()
}

async fn statuses(place: &Place) -> Vec<DeploymentStatus> {
    deployments(place).await.iter().map(|one| one.status).collect()
}

/// A pipeline of the review configuration whose environment is there.
async fn deployed(place: &Place, player: &crate::place::Player) -> PipelineId {
    let id = place.pipeline().await.id;
    place.run(player, "success").await;
    place.run(player, "success").await;
    id
}

#[tokio::test]
async fn a_job_makes_its_environment_and_a_deployment_that_follows_it() {
    use DeploymentStatus as D;
    let place = Place::new(REVIEW).await;
    let player = place.player().await;
    let id = place.pipeline().await.id;
    let made = only(&place).await;
    assert_eq!(
        (made.name.as_str(), made.tier, made.state),
        ("review/main", Tier::Development, EnvironmentState::Available)
    );
    assert!(
        made.slug.starts_with("review-main-") && made.slug.len() <= 24,
        "{}",
        made.slug
    );
    assert_eq!(
        (made.external_url.as_deref(), made.auto_stop_at),
        (None, Some(place.app.clock.now() + HOUR * 2))
    );
    assert_eq!(statuses(&place).await, [D::Created]);

    place.run(&player, "success").await;
    place.pass(HOUR);
    let payload = place.take(&player).await;
    assert_eq!(statuses(&place).await, [D::Running]);
    let value = |key: &str| {
        let found = payload.variables.iter().find(|variable| variable.key == key);
        found.unwrap_or_else(|| panic!("no {key}")).value.clone()
    };
    assert_eq!(value("CI_ENVIRONMENT_ID"), made.id.to_string());
    assert_eq!(value("CI_ENVIRONMENT_NAME"), "review/main");
    assert_eq!(value("CI_ENVIRONMENT_SLUG"), made.slug);
    assert_eq!(value("CI_ENVIRONMENT_ACTION"), "start");
    assert_eq!(value("CI_ENVIRONMENT_TIER"), "development");
    let url = format!("https://{}.example.com/{}", made.slug, payload.job.id);
    assert_eq!(value("CI_ENVIRONMENT_URL"), url, "the server knows all of it");
    place.report(&payload, "success").await;

    let deployments = deployments(&place).await;
    let [deployment] = deployments.as_slice() else {
        panic!("{deployments:?}")
    };
    assert_eq!(
        (
            deployment.status,
            deployment.iid.0,
            deployment.job_id,
            deployment.pipeline_id
        ),
        (D::Success, 1, Some(payload.job.id), Some(id))
    );
    assert_eq!(deployment.finished_at, Some(place.app.clock.now()));
    let now = only(&place).await;
    assert_eq!(
        (now.external_url, now.auto_stop_at),
        (Some(url), Some(place.app.clock.now() + HOUR * 2)),
        "each deployment counts the time anew"
    );
    assert_eq!(
        place.state(id).await,
        "success | build=success deploy=success stop=manual"
    );
    place.close().await;
}

#[tokio::test]
async fn stopping_plays_the_job_that_does_it_and_its_success_is_the_end() {
    let place = Place::new(REVIEW).await;
    let player = place.player().await;
    let id = deployed(&place, &player).await;
    let environment = only(&place).await;
    let stop = |force| stop::stop(&place.app, place.root.clone(), place.key(), environment.id, force);
    assert_eq!(stop(false).await.unwrap().1.state, EnvironmentState::Stopping);
    assert_eq!(place.job(id, "stop").await.status, Status::Pending);
    assert_eq!(
        stop(false).await.unwrap().1.state,
        EnvironmentState::Stopping,
        "once is enough"
    );
    place.run(&player, "success").await;
    let stopped = only(&place).await;
    assert_eq!((stopped.state, stopped.auto_stop_at), (EnvironmentState::Stopped, None));
    assert_eq!(deployments(&place).await.len(), 1, "a job that stops deploys nothing");

    // A deployment brings it back; without its stop job it can be stopped by force only.
    deployed(&place, &player).await;
    assert_eq!(only(&place).await.state, EnvironmentState::Available);
    assert_eq!(stop(true).await.unwrap().1.state, EnvironmentState::Stopped);
    place.close().await;
}

#[tokio::test]
async fn an_environment_whose_time_is_over_is_stopped_once_by_many_servers() {
    let place = Place::new(REVIEW).await;
    let player = place.player().await;
    let id = deployed(&place, &player).await;
    place.pass(HOUR * 2 - Duration::from_secs(1));
    sweep::sweep(&place.app).await.unwrap();
    assert_eq!(only(&place).await.state, EnvironmentState::Available);
    place.pass(Duration::from_secs(1));
    let looks = (0..8).map(|_| {
        let app = place.app.clone();
        tokio::spawn(async move { sweep::sweep(&app).await })
    });
    for look in looks.collect::<Vec<_>>() {
        look.await.unwrap().unwrap();
    }
    assert_eq!(only(&place).await.state, EnvironmentState::Stopping);
    let attempts = place.attempts(id).await;
    let stops: Vec<_> = attempts.iter().filter(|job| job.name == "stop").collect();
    assert_eq!(stops.len(), 1, "{stops:?}");
    assert_eq!(stops[0].status, Status::Pending);
    place.run(&player, "success").await;
    assert_eq!(only(&place).await.state, EnvironmentState::Stopped);
    place.close().await;
}

#[tokio::test]
async fn a_stop_job_that_failed_can_be_tried_again_and_nobody_waits_for_it_for_ever() {
    let place = Place::new(REVIEW).await;
    let player = place.player().await;
    let id = deployed(&place, &player).await;
    let environment = only(&place).await.id;
    stop::stop(&place.app, place.root.clone(), place.key(), environment, false)
        .await
        .unwrap();
    place.run(&player, "failed").await;
    assert_eq!(only(&place).await.state, EnvironmentState::Stopping);
    place.pass(HOUR * 24 * 8);
    sweep::sweep(&place.app).await.unwrap();
    // It is there again, its time has long been over, and the next look stops it again.
    sweep::sweep(&place.app).await.unwrap();
    assert_eq!(only(&place).await.state, EnvironmentState::Stopping);
    assert_eq!(place.job(id, "stop").await.status, Status::Pending, "a new attempt");
    place.run(&player, "success").await;
    assert_eq!(only(&place).await.state, EnvironmentState::Stopped);
    place.close().await;
}

#[tokio::test]
async fn an_environment_without_a_stop_job_stops_just_so() {
    let config = "deploy: {script: x, environment: {name: live, auto_stop_in: 1 day}}\n";
    let place = Place::new(config).await;
    let player = place.player().await;
    place.pipeline().await;
    place.run(&player, "success").await;
    place.pass(HOUR * 24);
    sweep::sweep(&place.app).await.unwrap();
    let stopped = only(&place).await;
    assert_eq!(
        (stopped.state, stopped.tier),
        (EnvironmentState::Stopped, Tier::Production)
    );
    place.close().await;
}

#[tokio::test]
async fn a_job_that_only_uses_an_environment_deploys_nothing_and_counts_its_time_anew() {
    let config = "
stages: [one, two, three]
deploy: {stage: one, script: x, environment: {name: qa, auto_stop_in: 1 day}}
look: {stage: two, script: x, environment: {name: qa, action: verify}}
use: {stage: three, script: x, environment: {name: qa, action: access}}
";
    let place = Place::new(config).await;
    let player = place.player().await;
    place.pipeline().await;
    place.run(&player, "success").await;
    let due = only(&place).await.auto_stop_at;
    place.pass(HOUR);
    place.run(&player, "success").await;
    assert_eq!(only(&place).await.auto_stop_at, due, "verify leaves it as it is");
    place.run(&player, "success").await;
    assert_eq!(only(&place).await.auto_stop_at, due.map(|due| due + HOUR));
    assert_eq!(deployments(&place).await.len(), 1);
    place.close().await;
}

const PRODUCTION: &str = "
stages: [build, deploy]
build: {stage: build, script: x}
deploy: {stage: deploy, script: x, environment: production}
";

/// Two pipelines of two commits: the first still builds, the second is deployed.
async fn overtaken(place: &Place, player: &crate::place::Player) -> (PipelineId, PipelineId, JobId) {
    let old = place.pipeline().await.id;
    let building = place.take(player).await;
    place.commit(&format!("{PRODUCTION}# newer\n"));
    let new = deployed(place, player).await;
    place.report(&building, "success").await;
    (old, new, building.job.id)
}

#[tokio::test]
async fn an_older_deployment_does_not_undo_a_newer_one() {
    let place = Place::new(PRODUCTION).await;
    let player = place.player().await;
    let (old, new, _) = overtaken(&place, &player).await;
    assert_eq!(place.state(old).await, "failed | build=success deploy=failed");
    let refused = place.job(old, "deploy").await;
    assert_eq!(refused.failure_reason, Some(FailureReason::FailedOutdatedDeploymentJob));
    assert_eq!(
        statuses(&place).await,
        [DeploymentStatus::Failed, DeploymentStatus::Success]
    );
    assert_eq!(place.state(new).await, "success | build=success deploy=success");

    // Somebody who wants the old state back retries the old job: that is a new deployment.
    let again = actions::retry(&place.app, place.root.clone(), place.key(), refused.id);
    let again = again.await.unwrap();
    assert_eq!(place.run(&player, "success").await, again.id);
    let all = deployments(&place).await;
    let last = all.last().unwrap();
    assert_eq!(
        (last.status, last.job_id, &last.sha),
        (DeploymentStatus::Success, Some(again.id), &all[0].sha)
    );
    let details = manage::get(&place.app, place.root.clone(), place.key(), only(&place).await.id);
    assert_eq!(details.await.unwrap().last.unwrap().deployment.id, last.id);
    place.close().await;
}

#[tokio::test]
async fn a_project_may_want_no_way_back() {
    let place = Place::new(PRODUCTION).await;
    let player = place.player().await;
    let old = deployed(&place, &player).await;
    place.commit(&format!("{PRODUCTION}# newer\n"));
    let new = deployed(&place, &player).await;
    let (old, new) = (place.job(old, "deploy").await.id, place.job(new, "deploy").await.id);
    let allow = async |allowed: bool| {
        let set = move |project: &mut model::Project| project.settings.rollback_allowed = allowed;
        place.change(place.project, set).await;
    };
    let retry = async |id| actions::retry(&place.app, place.root.clone(), place.key(), id).await;
    allow(false).await;
    for refused in [
        retry(old).await,
        actions::play(&place.app, place.root.clone(), place.key(), old, Vec::new()).await,
        actions::cancel(&place.app, place.root.clone(), place.key(), old, false).await,
    ] {
        assert!(matches!(refused, Err(app::Error::Forbidden(_))), "{refused:?}");
    }
    // What is deployed now may be deployed again, and with the setting so may what was.
    let again = retry(new).await.unwrap();
    assert_eq!(place.run(&player, "success").await, again.id);
    allow(true).await;
    let again = retry(old).await.unwrap();
    assert_eq!(place.run(&player, "success").await, again.id);
    place.close().await;
}

#[tokio::test]
async fn an_older_deployment_runs_where_the_project_wants_that() {
    let place = Place::new(PRODUCTION).await;
    place
        .change(place.project, |project| project.settings.forward_deployment = false)
        .await;
    let player = place.player().await;
    let (old, _, _) = overtaken(&place, &player).await;
    assert_eq!(place.state(old).await, "running | build=success deploy=pending");
    place.close().await;
}

#[tokio::test]
async fn a_deployment_that_is_overtaken_in_the_queue_is_not_handed_out() {
    let config = |script: &str| {
        let workflow = "workflow: {auto_cancel: {on_new_commit: none}}";
        format!("{workflow}\ndeploy: {{script: {script}, environment: production}}\n")
    };
    let place = Place::new(&config("x")).await;
    let player = place.player().await;
    let old = place.pipeline().await.id;
    let held = place.take(&player).await;
    place.commit(&config("y"));
    let new = place.pipeline().await.id;
    let waiting = place.job(new, "deploy").await.id;
    place.commit(&config("z"));
    let newest = place.pipeline().await.id;
    // The newest one is deployed before the one that waits.
    let by_hand = ops::deployments::of_jobs;
    let job = place.job(newest, "deploy").await.id;
    let now = place.app.clock.now();
    place
        .app
        .store
        .write(move |tx| {
            let mut found = by_hand(tx, &[job])?.remove(0);
            found.status = DeploymentStatus::Success;
            found.finished_at = Some(now);
            ops::deployments::save(tx, &found)
        })
        .await
        .unwrap();
    let given = place.ask(&player).await.expect("the newest job");
    assert_eq!(given.job.id, job);
    let refused = place.job(new, "deploy").await;
    assert_eq!(
        (refused.id, refused.status, refused.failure_reason),
        (
            waiting,
            Status::Failed,
            Some(FailureReason::FailedOutdatedDeploymentJob)
        )
    );
    place.report(&held, "success").await;
    assert_eq!(place.state(old).await, "success | deploy=success", "what runs goes on");
    place.close().await;
}

#[tokio::test]
async fn a_manual_job_that_was_overtaken_cannot_be_played() {
    let config = "deploy: {script: x, when: manual, environment: production}\n";
    let place = Place::new(config).await;
    let player = place.player().await;
    let old = place.pipeline().await.id;
    assert_eq!(statuses(&place).await, [DeploymentStatus::Blocked]);
    place.commit(&format!("{config}# newer\n"));
    let new = place.pipeline().await.id;
    let play = |job| actions::play(&place.app, place.root.clone(), place.key(), job, Vec::new());
    play(place.job(new, "deploy").await.id).await.unwrap();
    place.run(&player, "success").await;
    let refused = play(place.job(old, "deploy").await.id).await.unwrap_err();
    assert_eq!(refused.to_string(), "403 Forbidden");
    place.close().await;
}

#[tokio::test]
async fn a_job_whose_environment_cannot_be_made_fails_and_others_run() {
    for environment in [
        "{name: x, deployment_tier: $TIER}",
        "{name: $NOTHING/x, action: stop}",
        "$NOTHING",
        "{name: x, auto_stop_in: $TIER}",
    ] {
        let config =
            format!("variables: {{TIER: wrong}}\na: {{script: x, environment: {environment}}}\nb: {{script: x}}\n");
        let place = Place::new(&config).await;
        let id = place.pipeline().await.id;
        let failed = place.job(id, "a").await;
        assert_eq!(
            (failed.status, failed.failure_reason, failed.finished_at),
            (
                Status::Failed,
                Some(FailureReason::EnvironmentCreationFailure),
                Some(place.app.clock.now())
            ),
            "{environment}"
        );
        assert_eq!(place.job(id, "b").await.status, Status::Pending, "{environment}");
        assert_eq!(
            (environments(&place).await, deployments(&place).await),
            (vec![], vec![])
        );
        place.close().await;
    }
}

#[tokio::test]
async fn a_tier_and_an_address_may_name_variables() {
    let config = "
variables: {KIND: staging, HOST: '$CI_ENVIRONMENT_SLUG.example.com'}
deploy: {script: x, environment: {name: canary, deployment_tier: $KIND, url: 'https://$HOST/$FROM_JOB'}}
bad: {stage: deploy, script: x, environment: {name: other, url: 'javascript:alert(1)'}}
";
    let place = Place::new(config).await;
    let player = place.player().await;
    place.pipeline().await;
    let payload = place.take(&player).await;
    let (keys, job) = (place.app.clone(), payload.job.id);
    place
        .app
        .store
        .write(move |tx| {
            let dotenv = [("FROM_JOB".to_owned(), "v7".to_owned())];
            app::jobs::given::set_dotenv(&keys.keys, tx, job, &dotenv)
        })
        .await
        .unwrap();
    place.report(&payload, "success").await;
    place.run(&player, "success").await;
    let found: Vec<_> = environments(&place)
        .await
        .into_iter()
        .map(|one| (one.name, one.tier, one.external_url))
        .collect();
    assert_eq!(
        found,
        [
            (
                "canary".to_owned(),
                Tier::Staging,
                Some("https://canary.example.com/v7".to_owned())
            ),
            ("other".to_owned(), Tier::Other, None)
        ]
    );
    place.close().await;
}

#[tokio::test]
async fn a_deployment_that_others_made_is_noted_once() {
    let place = Place::new(PRODUCTION).await;
    let new = |status| deploy::New {
        environment: "production".to_owned(),
        sha: "main".to_owned(),
        git_ref: model::GitRef::branch("main"),
        status,
    };
    let make = |status| deploy::create(&place.app, place.root.clone(), place.key(), new(status));
    let running = make(DeploymentStatus::Running).await.unwrap();
    let update = |status| {
        let id = running.deployment.id;
        deploy::update(&place.app, place.root.clone(), place.key(), id, status)
    };
    let done = update(DeploymentStatus::Success).await.unwrap();
    assert_eq!(done.deployment.status, DeploymentStatus::Success);
    assert!(update(DeploymentStatus::Running).await.is_err(), "it has ended");
    let same = make(DeploymentStatus::Success).await.unwrap();
    assert_eq!(same.deployment.id, running.deployment.id);
    place.close().await;
}
