//! Webhooks: events become deliveries once, deliveries are claimed by one at a time.

use std::time::Duration;

use model::{HookKind, HookKinds, HookOutcome, HookSettings};
use store::ops::hook_deliveries::{self, NewDelivery};
use store::ops::hooks::{self, NewHook};
use store::ops::page::Page;
use store::{StoreError, Tx};

use crate::fixture::{self, NOW, on_both};

fn project(tx: &mut dyn Tx) -> Result<model::Project, StoreError> {
    let owner = fixture::user(tx, "ann")?;
    fixture::project(tx, &owner, "ann/tool")
}

fn new_hook(tx: &mut dyn Tx, project: model::ProjectId, kinds: i64) -> Result<model::HookId, StoreError> {
    let settings = HookSettings::default();
    hooks::create(
        tx,
        &NewHook {
            project_id: project,
            kinds: HookKinds(kinds),
            settings: &settings,
            sealed: b"sealed",
            created_at: NOW,
        },
    )
}

fn delivery(tx: &mut dyn Tx, hook: model::HookId, key: &str) -> Result<model::HookDeliveryId, StoreError> {
    let new = NewDelivery {
        hook_id: hook,
        trigger: HookKind::Push.trigger(),
        key,
        event_key: "event",
        request: "{}",
        pipeline_id: None,
        created_at: NOW,
        next_attempt_at: Some(NOW),
    };
    hook_deliveries::insert(tx, &new)
}

fn outcome(status: &str) -> HookOutcome {
    HookOutcome {
        status: status.to_owned(),
        url: "https://e.com".to_owned(),
        request_headers: vec![("A".to_owned(), "b".to_owned())],
        response_headers: Vec::new(),
        response_body: "body".to_owned(),
        seconds: 0.5,
    }
}

on_both! {
    fn a_project_knows_what_its_hooks_want(opened) {
        opened.write(|tx| {
            let project = project(tx)?;
            assert_eq!(hooks::kinds(tx, project.id)?, HookKinds(0));
            let one = new_hook(tx, project.id, 1)?;
            new_hook(tx, project.id, 4)?;
            hooks::note_kinds(tx, project.clone())?;
            let known = store::ops::projects::get(tx, project.id)?.unwrap();
            assert_eq!(known.settings.hook_kinds, HookKinds(5));
            let mut hook = hooks::get(tx, project.id, one)?.unwrap();
            hook.kinds = HookKinds(8);
            hook.failures = 3;
            hook.disabled_until = Some(NOW);
            hooks::save(tx, &hook)?;
            assert_eq!(hooks::get(tx, project.id, one)?.as_ref(), Some(&hook));
            assert_eq!(hooks::get(tx, model::ProjectId(0), one)?, None);
            assert_eq!((hooks::kinds(tx, project.id)?, hooks::count(tx, project.id)?), (HookKinds(12), 2));
            assert!(hooks::delete(tx, project.id, one)?);
            assert_eq!(hooks::list(tx, project.id, Page::all())?.len(), 1);
            Ok(())
        });
    }

    fn an_event_is_taken_once(opened) {
        opened.write(|tx| {
            let project = project(tx)?.id;
            for body in ["1", "2"] {
                hook_deliveries::happened(tx, project, HookKinds(1), body)?;
            }
            let events = hook_deliveries::events(tx, 10)?;
            assert_eq!(events.iter().map(|event| event.body.as_str()).collect::<Vec<_>>(), ["1", "2"]);
            assert!(hook_deliveries::take_event(tx, events[0].id)?);
            assert!(!hook_deliveries::take_event(tx, events[0].id)?);
            assert_eq!(hook_deliveries::events(tx, 10)?.len(), 1);
            Ok(())
        });
    }

    fn a_delivery_is_claimed_by_one_until_its_claim_lapses(opened) {
        opened.write(|tx| {
            let project = project(tx)?.id;
            let hook = new_hook(tx, project, 1)?;
            let (first, second) = (delivery(tx, hook, "1")?, delivery(tx, hook, "2")?);
            let later = NOW + Duration::from_secs(60);
            assert_eq!(hook_deliveries::due(tx, NOW, 10)?, [hook]);
            assert_eq!(hook_deliveries::next(tx, hook, NOW)?, Some(first));
            let (claimed, of) = hook_deliveries::claim(tx, first, NOW, later)?.unwrap();
            assert_eq!((claimed.key.as_str(), claimed.attempts, of.id), ("1", 1, hook));
            assert_eq!(hook_deliveries::claim(tx, first, NOW, later)?, None);
            assert_eq!(hook_deliveries::next(tx, hook, NOW)?, Some(second));
            // Whoever claimed it has died.
            assert_eq!(hook_deliveries::next(tx, hook, later)?, Some(first));
            let (again, _) = hook_deliveries::claim(tx, first, later, later)?.unwrap();
            assert_eq!(again.attempts, 2);
            hook_deliveries::finish(tx, first, None, &outcome("200"))?;
            assert_eq!(hook_deliveries::claim(tx, first, later, later)?, None);
            hook_deliveries::claim(tx, second, later, later)?.unwrap();
            hook_deliveries::postpone(tx, second, Some(later))?;
            assert_eq!(hook_deliveries::next(tx, hook, NOW)?, None);
            assert_eq!(hook_deliveries::get(tx, hook, second)?.unwrap().attempts, 0);
            hook_deliveries::postpone(tx, second, None)?;
            assert!(hook_deliveries::due(tx, later, 10)?.is_empty());
            Ok(())
        });
    }

    fn the_log_lists_what_was_told_and_forgets_it(opened) {
        opened.write(|tx| {
            let project = project(tx)?.id;
            let hook = new_hook(tx, project, 1)?;
            let mut ids = Vec::new();
            for status in ["200", "404", "500", "internal error"] {
                let id = delivery(tx, hook, status)?;
                hook_deliveries::finish(tx, id, None, &outcome(status))?;
                ids.push(id);
            }
            let waiting = delivery(tx, hook, "waits")?;
            let listed = |tx: &mut dyn Tx, range| {
                let (found, total) = hook_deliveries::of_hook(tx, hook, NOW, range, Page::all())?;
                let keys: Vec<String> = found.iter().map(|one| one.outcome.clone().unwrap().status).collect();
                Ok::<_, StoreError>((keys.join(" "), total))
            };
            assert_eq!(listed(tx, None)?, ("internal error 500 404 200".to_owned(), 4));
            assert_eq!(listed(tx, Some((500, 599)))?, ("500".to_owned(), 1));
            let first = hook_deliveries::get(tx, hook, ids[0])?.unwrap();
            assert_eq!(first.outcome, Some(outcome("200")));
            assert_eq!(hook_deliveries::prune(tx, NOW + Duration::from_secs(1))?, 4);
            assert!(hook_deliveries::get(tx, hook, waiting)?.is_some(), "it is still to be told");
            Ok(())
        });
    }
}
