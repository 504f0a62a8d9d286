//! One job at a time of a resource group, in the order of its mode.

use app::resource_groups;
use model::{PipelineId, ProcessMode};
use store::ops::page::Page;

use crate::place::Place;

const CONFIG: &str = "
stages: [build, deploy]
build: {stage: build, script: x}
deploy: {stage: deploy, script: x, resource_group: prod, tags: [nobody]}
";

/// Four pipelines: the first holds the resource, the second and third wait for it, the fourth still builds.
async fn four(place: &Place) -> Vec<PipelineId> {
    let player = place.player().await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(place.pipeline().await.id);
    }
    for _ in 0..3 {
        place.run(&player, "success").await;
    }
    for (id, expected) in ids.iter().zip([
        "running | build=success deploy=pending",
        "waiting_for_resource | build=success deploy=waiting_for_resource",
        "waiting_for_resource | build=success deploy=waiting_for_resource",
        "pending | build=pending deploy=created",
    ]) {
        assert_eq!(place.state(*id).await, expected);
    }
    ids
}

#[tokio::test]
async fn a_free_resource_goes_to_the_job_that_the_mode_says() {
    for (mode, upcoming, expected) in [
        (ProcessMode::Unordered, vec![1, 2], Some(1)),
        (ProcessMode::OldestFirst, vec![1, 2, 3], Some(1)),
        // It waits for the newest one, which is not ready.
        (ProcessMode::NewestFirst, vec![3, 2, 1], None),
        (ProcessMode::NewestReadyFirst, vec![2, 1], Some(2)),
    ] {
        let place = Place::new(CONFIG).await;
        let ids = four(&place).await;
        let (app, key) = (&place.app, "prod".to_owned());
        let set = resource_groups::update(app, place.root.clone(), place.key(), key.clone(), mode)
            .await
            .unwrap();
        assert_eq!(set.process_mode, mode);
        let current = resource_groups::current_job(app, place.root.clone(), place.key(), key.clone())
            .await
            .unwrap();
        assert_eq!(current.unwrap().pipeline.id, ids[0]);
        let (listed, total) =
            resource_groups::upcoming_jobs(app, place.root.clone(), place.key(), key, Page::of(1, 20))
                .await
                .unwrap();
        let listed: Vec<_> = listed.iter().map(|shown| shown.pipeline.id).collect();
        let wanted: Vec<_> = upcoming.iter().map(|at| ids[*at]).collect();
        assert_eq!(
            (listed, total),
            (wanted.clone(), i64::try_from(wanted.len()).unwrap()),
            "{mode}"
        );

        let holder = place.job(ids[0], "deploy").await.id;
        app::jobs::actions::cancel(app, place.root.clone(), place.key(), holder, false)
            .await
            .unwrap();
        for (at, id) in ids.iter().enumerate().skip(1) {
            let status = place.job(*id, "deploy").await.status;
            let has_it = status == model::Status::Pending;
            assert_eq!(has_it, expected == Some(at), "{mode}: pipeline {at} is {status}");
        }
        place.close().await;
    }
}

#[tokio::test]
async fn a_new_mode_gives_a_free_resource_away_at_once() {
    let place = Place::new(CONFIG).await;
    let ids = four(&place).await;
    let (app, key) = (&place.app, "prod".to_owned());
    resource_groups::update(
        app,
        place.root.clone(),
        place.key(),
        key.clone(),
        ProcessMode::NewestFirst,
    )
    .await
    .unwrap();
    let holder = place.job(ids[0], "deploy").await.id;
    app::jobs::actions::cancel(app, place.root.clone(), place.key(), holder, false)
        .await
        .unwrap();
    assert_eq!(
        place.job(ids[1], "deploy").await.status,
        model::Status::WaitingForResource
    );
    resource_groups::update(app, place.root.clone(), place.key(), key, ProcessMode::OldestFirst)
        .await
        .unwrap();
    assert_eq!(place.job(ids[1], "deploy").await.status, model::Status::Pending);
    place.close().await;
}
