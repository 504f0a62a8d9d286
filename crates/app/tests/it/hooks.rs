//! Webhooks: what is told, repeated, paused, given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use app::hooks::manage::{self, Changes};
use app::hooks::{dispatch, log};
use model::{Hook, HookId};
use serde_json::{Value as Json, json};
use store::ops;
use store::ops::page::Page;
use testkit::Site;

use crate::place::Place;

const CONFIG: &str = "a: {script: x, retry: 1}\n";

/// A host that answers with a status that the test changes.
fn site(status: &Arc<AtomicUsize>) -> Site {
    let status = Arc::clone(status);
    Site::start(move |_| Site::status(&format!("{} Answer", status.load(Ordering::SeqCst)), "body"))
}

async fn hook(place: &Place, site: &Site, changes: Changes) -> HookId {
    let changes = Changes {
        url: Some(site.url("/")),
        ..changes
    };
    let made = manage::create(&place.app, &place.root, place.key(), changes)
        .await
        .unwrap();
    made.hook.id
}

fn events(names: &[&'static str]) -> Vec<(&'static str, bool)> {
    let off = ("push_events", names.contains(&"push_events"));
    names.iter().map(|name| (*name, true)).chain([off]).collect()
}

/// Makes every attempt that is due now.
async fn deliver(place: &Place, hook: HookId) {
    dispatch::expand(&place.app).await.unwrap();
    loop {
        let now = place.app.clock.now();
        let next = place
            .app
            .store
            .read(move |tx| ops::hook_deliveries::next(tx, hook, now));
        let Some(next) = next.await.unwrap() else { return };
        dispatch::deliver_one(&place.app, next).await.unwrap();
    }
}

async fn shown(place: &Place, id: HookId) -> Hook {
    manage::get(&place.app, &place.root, place.key(), id)
        .await
        .unwrap()
        .hook
}

fn bodies(site: &Site) -> Vec<Json> {
    let asked = site.asked();
    let body = |request: &String| serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    asked.iter().map(body).collect()
}

fn keys(site: &Site) -> Vec<String> {
    let key = |request: &String| {
        let lines = request.lines();
        let mut found = lines.filter_map(|line| line.strip_prefix("idempotency-key: "));
        found.next().unwrap().to_owned()
    };
    site.asked().iter().map(key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_host_is_told_again_later_with_the_same_key_and_then_given_up() {
    let place = Place::new(CONFIG).await;
    let status = Arc::new(AtomicUsize::new(503));
    let site = site(&status);
    let id = hook(
        &place,
        &site,
        Changes {
            events: events(&["pipeline_events"]),
            ..Changes::default()
        },
    )
    .await;
    place.pipeline().await;
    for (seconds, attempts) in [
        (0, 1),
        (9, 1),
        (1, 2),
        (59, 2),
        (1, 3),
        (300, 4),
        (1800, 5),
        (100_000, 5),
    ] {
        place.pass(Duration::from_secs(seconds));
        deliver(&place, id).await;
        assert_eq!(site.asked().len(), attempts, "after {seconds} s more");
    }
    let keys = keys(&site);
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(
        shown(&place, id).await.failures,
        1,
        "it was one thing that was not told"
    );

    status.store(200, Ordering::SeqCst);
    place.pipeline().await;
    deliver(&place, id).await;
    assert_eq!(shown(&place, id).await.failures, 0);
    let (listed, total) = log::list(&place.app, &place.root, place.key(), id, None, Page::all())
        .await
        .unwrap();
    // What was told more than seven days ago is not listed: nothing here.
    assert_eq!((listed.len(), total), (2, 2));
    assert_eq!(listed[1].attempts, 5);
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_keeps_failing_is_paused_longer_and_longer_and_then_disabled() {
    let place = Place::new(CONFIG).await;
    let status = Arc::new(AtomicUsize::new(404));
    let site = site(&status);
    let id = hook(
        &place,
        &site,
        Changes {
            events: events(&["pipeline_events"]),
            ..Changes::default()
        },
    )
    .await;
    let minute = Duration::from_secs(60);
    for failures in 1..=40_i64 {
        place.pipeline().await;
        deliver(&place, id).await;
        let (now, hook) = (place.app.clock.now(), shown(&place, id).await);
        assert_eq!((hook.failures, site.asked().len()), (failures, failures as usize));
        let paused = hook.disabled_until.map(|until| until.since(now));
        let expected = (4..40).contains(&failures).then(|| {
            let doubled = minute.saturating_mul(1 << (failures - 4).min(20));
            doubled.min(Duration::from_secs(24 * 3600))
        });
        assert_eq!(paused, expected, "after {failures}");
        if let Some(paused) = paused {
            // What happens meanwhile is not told.
            place.pipeline().await;
            deliver(&place, id).await;
            assert_eq!(site.asked().len(), failures as usize);
            place.pass(paused);
        }
    }
    assert_eq!(shown(&place, id).await.alert_status(place.app.clock.now()), "disabled");
    place.pass(minute * 60 * 48);
    place.pipeline().await;
    deliver(&place, id).await;
    assert_eq!(site.asked().len(), 40);
    status.store(200, Ordering::SeqCst);
    log::test(&place.app, &place.root, place.key(), id, "pipeline_events")
        .await
        .unwrap();
    assert_eq!(
        shown(&place, id).await.alert_status(place.app.clock.now()),
        "executable"
    );
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_replaced_is_told_before_the_new_one() {
    let place = Place::new(CONFIG).await;
    let site = site(&Arc::new(AtomicUsize::new(200)));
    let id = hook(
        &place,
        &site,
        Changes {
            events: events(&["job_events"]),
            ..Changes::default()
        },
    )
    .await;
    let player = place.player().await;
    place.pipeline().await;
    let first = place.run(&player, "failed").await;
    let second = place.run(&player, "success").await;
    deliver(&place, id).await;
    let told: Vec<Json> = bodies(&site)
        .iter()
        .map(|body| json!([body["build_id"], body["build_status"], body["retries_count"]]))
        .collect();
    assert_eq!(
        Json::from(told),
        json!([
            [first.0, "pending", 0],
            [first.0, "running", 0],
            [first.0, "failed", 0],
            [second.0, "pending", 1],
            [second.0, "running", 1],
            [second.0, "success", 1],
        ])
    );
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_makes_the_payload() {
    let place = Place::new(CONFIG).await;
    let site = site(&Arc::new(AtomicUsize::new(200)));
    let changes = Changes {
        events: events(&["pipeline_events"]),
        template: Some(Some(
            r#"{"text": "{{object_attributes.status}} in {{project.name}}"}"#.to_owned(),
        )),
        ..Changes::default()
    };
    let id = hook(&place, &site, changes).await;
    place.pipeline().await;
    deliver(&place, id).await;
    assert_eq!(bodies(&site), [json!({"text": "pending in demo"})]);
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_does_with_its_environment_is_told() {
    let config = "
deploy: {script: x, environment: {name: review, deployment_tier: testing}}
check: {script: x, environment: {name: review, action: verify}}
used: {script: x, environment: {name: nowhere, action: access}}
plain: {script: x}
";
    let place = Place::new(config).await;
    let site = site(&Arc::new(AtomicUsize::new(200)));
    let id = hook(
        &place,
        &site,
        Changes {
            events: events(&["pipeline_events", "job_events"]),
            ..Changes::default()
        },
    )
    .await;
    place.pipeline().await;
    deliver(&place, id).await;
    let bodies = bodies(&site);
    let pipeline = bodies.iter().find(|body| body["object_kind"] == "pipeline").unwrap();
    for (name, of_pipeline, of_job) in [
        (
            "deploy",
            json!({"name": "review", "action": "start", "deployment_tier": "testing"}),
            json!({"name": "review", "action": "start"}),
        ),
        (
            "check",
            json!({"name": "review", "action": "verify", "deployment_tier": "testing"}),
            json!({"name": "review", "action": "verify"}),
        ),
        (
            "used",
            json!({"name": "nowhere", "action": "access", "deployment_tier": "other"}),
            json!({"name": "nowhere", "action": "access"}),
        ),
        ("plain", Json::Null, Json::Null),
    ] {
        let builds = pipeline["builds"].as_array().unwrap();
        let build = builds.iter().find(|build| build["name"] == name).unwrap();
        assert_eq!(build["environment"], of_pipeline, "{name}");
        let job = bodies.iter().find(|body| body["build_name"] == name).unwrap();
        assert_eq!(job["environment"], of_job, "{name}");
    }
    place.close().await;
}
