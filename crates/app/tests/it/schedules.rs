//! Schedules that are due: one pipeline for each time, as their owner, as long as the owner may.

use std::time::Duration;

use app::schedules::{self, Change, Details, New};
use model::{Pipeline, ScheduleId, Source, UserState};
use store::ops;
use store::ops::page::{Page, Sort};

use crate::place::Place;

const CONFIG: &str = "a: {script: x}";

/// 2027-01-15 08:00 UTC is the moment at which the clock of a place stands still.
async fn schedule(place: &Place, cron: &str, change: Change) -> Details {
    let new = New {
        description: "nightly".to_owned(),
        ref_text: "main".to_owned(),
        cron: cron.to_owned(),
        change,
    };
    schedules::create(&place.app, place.root.clone(), place.key(), new)
        .await
        .unwrap()
}

async fn pipelines(place: &Place, id: ScheduleId) -> Vec<Pipeline> {
    let read = place
        .app
        .store
        .read(move |tx| ops::schedules::pipelines(tx, id, Sort::Asc, Page::all()));
    read.await.unwrap()
}

async fn stored(place: &Place, id: ScheduleId) -> model::schedule::Schedule {
    let read = place.app.store.read(move |tx| ops::schedules::by_id(tx, id));
    read.await.unwrap().unwrap()
}

#[tokio::test]
async fn a_due_schedule_starts_one_pipeline_however_many_servers_look() {
    let place = Place::new(CONFIG).await;
    let made = schedule(&place, "0 9 * * *", Change::default()).await.schedule;
    assert_eq!(made.ref_name, "refs/heads/main");
    let hour = 3_600_000_000;
    assert_eq!(made.next_run_at.unwrap().0, place.app.clock.now().0 + hour);
    schedules::start_due(&place.app).await.unwrap();
    assert_eq!(pipelines(&place, made.id).await.len(), 0, "not due yet");

    place.pass(Duration::from_secs(3600));
    let looks = (0..8).map(|_| {
        let app = place.app.clone();
        tokio::spawn(async move { schedules::start_due(&app).await })
    });
    for look in looks.collect::<Vec<_>>() {
        look.await.unwrap().unwrap();
    }
    let started = pipelines(&place, made.id).await;
    assert_eq!(started.len(), 1);
    assert_eq!(
        (started[0].source, started[0].user_id),
        (Source::Schedule, made.owner_id)
    );
    assert_eq!(
        stored(&place, made.id).await.next_run_at.unwrap().0,
        place.app.clock.now().0 + 24 * hour
    );

    // Three days without a server are one pipeline.
    place.pass(Duration::from_secs(3 * 24 * 3600));
    for _ in 0..2 {
        schedules::start_due(&place.app).await.unwrap();
    }
    assert_eq!(pipelines(&place, made.id).await.len(), 2);
    place.close().await;
}

#[tokio::test]
async fn jobs_of_a_schedule_know_its_description_and_variables() {
    let place =
        Place::new("a: {script: x, rules: [{if: '$WHO == \"me\" && $CI_PIPELINE_SOURCE == \"schedule\"'}]}").await;
    let player = place.player().await;
    let made = schedule(&place, "@hourly", Change::default()).await.schedule;
    let variable = schedules::NewVariable {
        value: Some("me".to_owned()),
        ..schedules::NewVariable::default()
    };
    schedules::create_variable(
        &place.app,
        place.root.clone(),
        place.key(),
        made.id,
        "WHO".to_owned(),
        variable,
    )
    .await
    .unwrap();
    place.pass(Duration::from_secs(3600));
    schedules::start_due(&place.app).await.unwrap();
    let payload = place.take(&player).await;
    let value = |key: &str| {
        payload
            .variables
            .iter()
            .rev()
            .find(|one| one.key == key)
            .map(|one| one.value.as_str())
    };
    assert_eq!(value("CI_PIPELINE_SCHEDULE_DESCRIPTION"), Some("nightly"));
    assert_eq!(value("WHO"), Some("me"));
    place.close().await;
}

#[tokio::test]
async fn an_inactive_schedule_does_not_run_and_is_not_due_at_once_when_it_is_switched_on() {
    let place = Place::new(CONFIG).await;
    let off = Change {
        active: Some(false),
        ..Change::default()
    };
    let made = schedule(&place, "0 9 * * *", off).await.schedule;
    place.pass(Duration::from_secs(2 * 3600));
    schedules::start_due(&place.app).await.unwrap();
    let on = Change {
        active: Some(true),
        ..Change::default()
    };
    schedules::update(&place.app, place.root.clone(), place.key(), made.id, on)
        .await
        .unwrap();
    schedules::start_due(&place.app).await.unwrap();
    assert_eq!(pipelines(&place, made.id).await.len(), 0);
    place.pass(Duration::from_secs(24 * 3600));
    schedules::start_due(&place.app).await.unwrap();
    assert_eq!(pipelines(&place, made.id).await.len(), 1);
    place.close().await;
}

#[tokio::test]
async fn a_schedule_whose_owner_lost_access_is_switched_off() {
    let place = Place::new(CONFIG).await;
    let made = schedule(&place, "@hourly", Change::default()).await.schedule;
    let owner = made.owner_id.unwrap();
    place
        .app
        .store
        .write(move |tx| ops::users::set_state(tx, owner, UserState::Blocked))
        .await
        .unwrap();
    place.pass(Duration::from_secs(3600));
    schedules::start_due(&place.app).await.unwrap();
    assert_eq!(pipelines(&place, made.id).await.len(), 0);
    assert!(!stored(&place, made.id).await.active);
    place.close().await;
}

#[tokio::test]
async fn a_configuration_that_is_wrong_leaves_a_failed_pipeline_and_the_next_time() {
    let place = Place::new("a: {script: [}").await;
    let made = schedule(&place, "@hourly", Change::default()).await.schedule;
    place.pass(Duration::from_secs(3600));
    for _ in 0..2 {
        schedules::start_due(&place.app).await.unwrap();
    }
    let kept = pipelines(&place, made.id).await;
    assert_eq!(kept.len(), 1);
    assert!(kept[0].yaml_errors.is_some());
    let hour = 3_600_000_000;
    assert_eq!(
        stored(&place, made.id).await.next_run_at.unwrap().0,
        place.app.clock.now().0 + hour
    );
    place.close().await;
}
