//! Bridges that follow a pipeline which they did not start, and bridges whose pipeline goes on after they had ended.

use app::jobs::locked::LockedPipeline;
use app::jobs::{actions, sweep};
use app::pipelines;
use model::{FailureReason as R, PipelineId, ProjectId, Status};
use store::ops;

use crate::bridges::{DEPEND, place_of};
use crate::place::Place;

const MIRROR: &str =
    "b: {stage: test, needs: {pipeline: root/other}}\nafter: {stage: deploy, script: x, tags: [nobody]}\n";

/// Two projects; the bridge of the first follows the second.
async fn places() -> (Place, ProjectId) {
    let place = Place::new(MIRROR).await;
    let other = place.add_project("other", "work: {script: x}\n").await;
    (place, other)
}

#[tokio::test]
async fn a_bridge_without_trigger_has_the_status_of_the_newest_pipeline_of_the_other_project() {
    let (place, other) = places().await;
    let player = place.player().await;
    let _older = place.pipeline_of(other).await;
    place.run(&player, "failed").await;
    let mirrored = place.pipeline_of(other).await;
    let id = place.pipeline().await.id;
    place.start_bridges().await;
    assert_eq!(place.state(id).await, "running | after=created b=running");
    assert!(place.downstream(id).await.is_empty(), "it starts nothing");

    let failed = place.run(&player, "failed").await;
    assert_eq!(place.state(id).await, "failed | after=skipped b=failed");
    let key = app::ProjectKey::Id(other);
    actions::retry(&place.app, place.root.clone(), key, failed)
        .await
        .unwrap();
    assert_eq!(place.state(mirrored).await, "running | work=pending");
    assert_eq!(place.state(id).await, "running | after=created b=running");
    place.run(&player, "success").await;
    assert_eq!(place.state(id).await, "running | after=pending b=success");

    // What has ended already is taken over at once.
    let next = place.pipeline().await.id;
    place.start_bridges().await;
    assert_eq!(place.state(next).await, "running | after=pending b=success");
    place.close().await;
}

#[tokio::test]
async fn a_bridge_takes_over_that_a_pipeline_waits_for_a_person() {
    let (place, other) = places().await;
    place.commit_file(
        other,
        ".gitlab-ci.yml",
        "work: {script: x, when: manual, allow_failure: false}\n",
    );
    let mirrored = place.pipeline_of(other).await;
    let id = place.pipeline().await.id;
    place.start_bridges().await;
    assert_eq!(place.state(id).await, "manual | after=created b=manual");
    let work = place.job(mirrored, "work").await.id;
    let key = app::ProjectKey::Id(other);
    actions::play(&place.app, place.root.clone(), key, work, Vec::new())
        .await
        .unwrap();
    assert_eq!(place.state(id).await, "running | after=created b=running");
    place.close().await;
}

#[tokio::test]
async fn a_bridge_with_no_pipeline_to_follow_is_skipped() {
    let (place, other) = places().await;
    let id = place.pipeline().await.id;
    place.start_bridges().await;
    assert_eq!(place.state(id).await, "pending | after=pending b=skipped");
    // A pipeline that comes later is for the next bridge.
    let _ = place.pipeline_of(other).await;
    sweep::sweep(&place.app).await.unwrap();
    place.start_bridges().await;
    assert_eq!(place.state(id).await, "pending | after=pending b=skipped");
    let next = place.pipeline().await.id;
    place.start_bridges().await;
    assert_eq!(place.state(next).await, "running | after=created b=running");
    place.close().await;
}

#[tokio::test]
async fn the_sweep_finds_that_a_followed_pipeline_has_ended_or_is_gone() {
    let (place, other) = places().await;
    for gone in [false, true] {
        let mirrored = place.pipeline_of(other).await;
        let id = place.pipeline().await.id;
        place.start_bridges().await;
        assert_eq!(place.state(id).await, "running | after=created b=running");
        // The server died right after it had stored that.
        let stored = place.app.store.write(move |tx| {
            let mut pipeline = ops::pipelines::lock(tx, mirrored)?.unwrap();
            if gone {
                return ops::pipelines::delete(tx, &pipeline);
            }
            pipeline.status = Status::Success;
            ops::pipelines::save(tx, &pipeline)
        });
        stored.await.unwrap();
        sweep::sweep(&place.app).await.unwrap();
        let expected = if gone {
            "failed | after=skipped b=failed"
        } else {
            "running | after=pending b=success"
        };
        assert_eq!(place.state(id).await, expected);
    }
    place.close().await;
}

#[tokio::test]
async fn a_bridge_follows_no_project_that_is_missing_or_its_own() {
    for (project, reason) in [
        ("root/unknown", R::UpstreamBridgeProjectNotFound),
        ("root/demo", R::InvalidBridgeTrigger),
    ] {
        let place = Place::new(&format!("b: {{needs: {{pipeline: {project}}}}}\n")).await;
        let id = place.pipeline().await.id;
        place.start_bridges().await;
        let bridge = place.job(id, "b").await;
        assert_eq!((bridge.status, bridge.failure_reason), (Status::Failed, Some(reason)));
        place.close().await;
    }
}

#[tokio::test]
async fn a_bridge_follows_no_project_that_its_user_may_not_read() {
    let (place, other) = places().await;
    let _ = place.pipeline_of(other).await;
    let id = place.pipeline().await.id;
    let set = place.app.store.write(move |tx| {
        let new = ops::users::NewUser {
            username: "ann",
            name: "Ann",
            email: "ann@example.com",
            is_admin: false,
            is_bot: false,
            password_hash: None,
            created_at: model::Timestamp(1),
        };
        let ann = ops::users::create(tx, &new)?.id;
        let mut jobs = ops::jobs::current(tx, id)?;
        for job in &mut jobs {
            job.user_id = Some(ann);
        }
        ops::jobs::save_all(tx, &jobs)
    });
    set.await.unwrap();
    place.start_bridges().await;
    let reason = place.job(id, "b").await.failure_reason;
    assert_eq!(reason, Some(R::InsufficientUpstreamPermissions));
    place.close().await;
}

/// Retries the job of a pipeline as a server does that dies before the bridge above has looked.
async fn retried_by_a_dying_server(place: &Place, child: PipelineId) {
    let now = place.app.clock.now();
    let stored = place.app.store.write(move |tx| {
        let mut locked = LockedPipeline::lock(tx, child)?.unwrap();
        let rerun = schedule::rerun::retry_job(&locked.states(), 0).unwrap();
        let user = locked.pipeline.user_id;
        locked.rerun(tx, &rerun, user, now)?;
        locked.settle(tx, now).map(drop)
    });
    stored.await.unwrap();
}

#[tokio::test]
async fn a_bridge_goes_on_with_its_pipeline_although_the_server_that_retried_a_job_died() {
    for canceled in [true, false] {
        let place = place_of(DEPEND).await;
        let (id, child) = place.with_downstream().await;
        let player = place.player().await;
        if canceled {
            let (app, root) = (&place.app, place.root.clone());
            pipelines::actions::cancel(app, root, place.key(), child.id)
                .await
                .unwrap();
            assert_eq!(place.state(id).await, "canceled | after=skipped b=canceled");
        } else {
            place.run(&player, "failed").await;
            assert_eq!(place.state(id).await, "failed | after=skipped b=failed");
        }
        retried_by_a_dying_server(&place, child.id).await;
        assert!(place.job(id, "b").await.status.is_completed(), "nobody has told it");
        sweep::sweep(&place.app).await.unwrap();
        assert_eq!(place.state(id).await, "running | after=created b=running");

        // It is told once: who cancels the bridge now is obeyed.
        let bridge = place.job(id, "b").await.id;
        actions::cancel(&place.app, place.root.clone(), place.key(), bridge, false)
            .await
            .unwrap();
        sweep::sweep(&place.app).await.unwrap();
        assert_eq!(place.job(id, "b").await.status, Status::Canceled);
        place.close().await;
    }
}

#[tokio::test]
async fn a_canceled_bridge_takes_over_an_end_that_came_before_the_sweep() {
    let place = place_of(DEPEND).await;
    let (id, child) = place.with_downstream().await;
    let (app, root) = (&place.app, place.root.clone());
    pipelines::actions::cancel(app, root, place.key(), child.id)
        .await
        .unwrap();
    retried_by_a_dying_server(&place, child.id).await;
    place.run(&place.player().await, "success").await;
    sweep::sweep(&place.app).await.unwrap();
    assert_eq!(place.state(id).await, "running | after=pending b=success");
    place.close().await;
}

#[tokio::test]
async fn a_bridge_with_a_delay_starts_at_once_as_in_gitlab() {
    let place = place_of("b: {trigger: {include: child.yml}, rules: [{when: delayed, start_in: 10 minutes}]}\n").await;
    let id = place.pipeline().await.id;
    place.start_bridges().await;
    assert_eq!(place.state(id).await, "success | b=success");
    assert_eq!(place.downstream(id).await.len(), 1);
    place.close().await;
}

#[tokio::test]
async fn a_child_is_made_of_a_template_or_of_a_component_with_inputs() {
    let template = "b: {trigger: {include: [{template: Bash.gitlab-ci.yml}]}}\n";
    let component = "b:\n  trigger:\n    include:\n      - component: $CI_SERVER_FQDN/root/parts/hello@main\n        inputs: {who: ann}\n";
    for (config, jobs) in [(template, "build1"), (component, "hello ann")] {
        let place = Place::new(config).await;
        let parts = place.add_project("parts", "work: {script: x}\n").await;
        let text = "spec: {inputs: {who: {}}}\n---\nhello $[[ inputs.who ]]: {script: x}\n";
        place.commit_file(parts, "templates/hello.yml", text);
        let (id, child) = place.with_downstream().await;
        assert_eq!(place.state(id).await, "success | b=success");
        let state = place.state(child.id).await;
        assert!(state.contains(&format!("{jobs}=")), "{state}");
        place.close().await;
    }
}
