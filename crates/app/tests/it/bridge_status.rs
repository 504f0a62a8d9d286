//! Bridges: what becomes of them and of their pipelines together.

use std::time::Duration;

use app::jobs::{actions, sweep};
use app::pipelines;
use model::{Source, Status};

use crate::bridges::{CHILD, DEPEND, place_of};
use crate::place::Place;

const MIRROR: &str =
    "b: {stage: test, trigger: {include: child.yml, strategy: mirror}}\nafter: {stage: deploy, script: x}\n";

#[tokio::test]
async fn a_running_bridge_waits_for_days() {
    let place = place_of(DEPEND).await;
    place.commit_file(place.project, "child.yml", "work: {script: x, timeout: 1 week}\n");
    let (id, child) = place.with_downstream().await;
    let player = place.player().await;
    let work = place.take(&player).await;
    for _ in 0..60 {
        // Its runner reports, so that only the bridge is silent.
        place.pass(Duration::from_secs(3000));
        place.report(&work, "running").await;
        sweep::sweep(&place.app).await.unwrap();
    }
    assert_eq!(place.state(id).await, "running | after=created b=running");
    assert_eq!(place.state(child.id).await, "running | work=running");
    place.close().await;
}

#[tokio::test]
async fn with_depend_the_bridge_ends_as_its_pipeline_does() {
    for (end, parent) in [
        ("success", "running | after=pending b=success"),
        ("failed", "failed | after=skipped b=failed"),
    ] {
        let place = place_of(DEPEND).await;
        let (id, _) = place.with_downstream().await;
        let player = place.player().await;
        place.run(&player, end).await;
        assert_eq!(place.state(id).await, parent);
        assert_eq!(place.job(id, "b").await.failure_reason, None);
        place.close().await;
    }
}

#[tokio::test]
async fn a_pipeline_of_manual_jobs_keeps_depend_waiting_and_is_mirrored() {
    let manual = "work: {script: x, when: manual, allow_failure: false}\n";
    for (config, status, played) in [
        (
            DEPEND,
            "running | after=created b=running",
            "running | after=created b=running",
        ),
        (
            MIRROR,
            "manual | after=created b=manual",
            "running | after=created b=running",
        ),
    ] {
        let place = Place::new(config).await;
        place.commit_file(place.project, "child.yml", manual);
        let (id, child) = place.with_downstream().await;
        assert_eq!(place.state(id).await, status);
        let work = place.job(child.id, "work").await.id;
        actions::play(&place.app, place.root.clone(), place.key(), work, Vec::new())
            .await
            .unwrap();
        assert_eq!(place.state(id).await, played);
        place.run(&place.player().await, "success").await;
        assert_eq!(place.state(id).await, "running | after=pending b=success");
        place.close().await;
    }
}

#[tokio::test]
async fn a_job_retried_downstream_takes_the_bridge_and_what_was_skipped_up_again() {
    let place = place_of(DEPEND).await;
    let (id, child) = place.with_downstream().await;
    let player = place.player().await;
    let failed = place.run(&player, "failed").await;
    assert_eq!(place.state(id).await, "failed | after=skipped b=failed");
    actions::retry(&place.app, place.root.clone(), place.key(), failed)
        .await
        .unwrap();
    assert_eq!(place.state(child.id).await, "running | work=pending");
    assert_eq!(place.state(id).await, "running | after=created b=running");
    place.run(&player, "success").await;
    assert_eq!(place.state(id).await, "running | after=pending b=success");
    assert_eq!(place.downstream(id).await.len(), 1);
    place.close().await;
}

#[tokio::test]
async fn a_retried_bridge_starts_a_new_pipeline_and_no_longer_follows_the_old_one() {
    let place = place_of(DEPEND).await;
    let (id, old) = place.with_downstream().await;
    let bridge = place.job(id, "b").await.id;
    let cancel = |id| pipelines::actions::cancel(&place.app, place.root.clone(), place.key(), id);
    cancel(old.id).await.unwrap();
    assert_eq!(place.state(id).await, "canceled | after=skipped b=canceled");
    actions::retry(&place.app, place.root.clone(), place.key(), bridge)
        .await
        .unwrap();
    place.start_bridges().await;
    assert_eq!(place.state(id).await, "running | after=created b=running");
    let started = place.downstream(id).await;
    assert_eq!(started.len(), 2);
    // Whatever becomes of the old one is nobody's business now.
    pipelines::actions::retry(&place.app, place.root.clone(), place.key(), old.id)
        .await
        .unwrap();
    cancel(old.id).await.unwrap();
    assert_eq!(place.state(id).await, "running | after=created b=running");
    cancel(started[1].id).await.unwrap();
    assert_eq!(place.state(id).await, "canceled | after=skipped b=canceled");
    place.close().await;
}

#[tokio::test]
async fn retrying_the_pipeline_retries_its_failed_bridge() {
    let place = place_of(DEPEND).await;
    let (id, _) = place.with_downstream().await;
    let player = place.player().await;
    place.run(&player, "failed").await;
    pipelines::actions::retry(&place.app, place.root.clone(), place.key(), id)
        .await
        .unwrap();
    place.start_bridges().await;
    assert_eq!(place.downstream(id).await.len(), 2);
    place.run(&player, "success").await;
    assert_eq!(place.state(id).await, "running | after=pending b=success");
    place.close().await;
}

#[tokio::test]
async fn canceling_a_pipeline_cancels_its_children_and_theirs() {
    let place = Place::new(CHILD).await;
    place.commit_file(
        place.project,
        "child.yml",
        "b: {trigger: {include: grandchild.yml}}\nc: {script: x}\n",
    );
    place.commit_file(place.project, "grandchild.yml", "work: {script: x}\n");
    let (id, child) = place.with_downstream().await;
    let grandchild = place.downstream(child.id).await.remove(0);
    assert_eq!(grandchild.source, Source::ParentPipeline);
    let canceled = pipelines::actions::cancel(&place.app, place.root.clone(), place.key(), id).await;
    assert_eq!(canceled.unwrap().1.status, Status::Success, "its own jobs had ended");
    assert_eq!(place.state(child.id).await, "canceled | b=success c=canceled");
    assert_eq!(place.state(grandchild.id).await, "canceled | work=canceled");
    place.close().await;
}

#[tokio::test]
async fn a_failed_job_that_cancels_the_rest_cancels_the_children_too() {
    let config = "workflow: {auto_cancel: {on_job_failure: all}}\nb: {trigger: {include: child.yml, strategy: depend}}\na: {script: x}\n";
    let place = Place::new(config).await;
    place.commit_file(place.project, "child.yml", "work: {script: x, tags: [none]}\n");
    let (id, child) = place.with_downstream().await;
    place.run(&place.player().await, "failed").await;
    assert_eq!(place.state(id).await, "failed | a=failed b=canceled");
    assert_eq!(place.state(child.id).await, "canceled | work=canceled");
    place.close().await;
}

#[tokio::test]
async fn a_bridge_waits_for_a_person_or_for_its_resource() {
    let place = place_of("b: {trigger: {include: child.yml}, when: manual}\n").await;
    let id = place.pipeline().await.id;
    place.start_bridges().await;
    assert_eq!(place.state(id).await, "skipped | b=manual");
    let bridge = place.job(id, "b").await.id;
    actions::play(&place.app, place.root.clone(), place.key(), bridge, Vec::new())
        .await
        .unwrap();
    place.start_bridges().await;
    assert_eq!(place.state(id).await, "success | b=success");
    assert_eq!(place.downstream(id).await.len(), 1);

    place.commit("b: {trigger: {include: child.yml, strategy: depend}, resource_group: one}\n");
    let (first, second) = (place.pipeline().await.id, place.pipeline().await.id);
    place.start_bridges().await;
    assert_eq!(place.state(first).await, "running | b=running");
    assert_eq!(
        place.state(second).await,
        "waiting_for_resource | b=waiting_for_resource"
    );
    let player = place.player().await;
    place.run(&player, "success").await;
    place.start_bridges().await;
    assert_eq!(place.state(first).await, "success | b=success");
    assert_eq!(place.state(second).await, "running | b=running");
    place.close().await;
}
