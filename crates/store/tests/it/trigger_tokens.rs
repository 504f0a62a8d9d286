//! Trigger tokens: found by their digests, limited, rotated, counted.

use std::time::Duration;

use model::{Project, ProjectId, Timestamp, TriggerLimits, TriggerToken, User};
use store::ops::page::Page;
use store::ops::trigger_tokens::{self, NewTriggerToken, Rotation};
use store::{StoreError, Tx};

use crate::fixture::{self, NOW, on_both};

static NO_LIMITS: TriggerLimits = TriggerLimits {
    refs: None,
    variables: None,
    inputs: None,
    networks: None,
    uses_per_minute: None,
};

pub(crate) fn new<'a>(project: &Project, owner: &User) -> NewTriggerToken<'a> {
    NewTriggerToken {
        project_id: project.id,
        owner_id: owner.id,
        digest: &[9; 32],
        description: Some("hook"),
        short: "abcd",
        sealed: &[1, 2, 3],
        expires_at: None,
        limits: &NO_LIMITS,
        fixed: None,
        created_at: NOW,
    }
}

fn token(tx: &mut dyn Tx) -> Result<TriggerToken, StoreError> {
    let user = fixture::user(tx, "ada")?;
    let project = fixture::project(tx, &user, "one")?;
    trigger_tokens::create(tx, &new(&project, &user))
}

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

on_both! {
    fn a_trigger_token_is_found_changed_and_deleted(opened) {
        let token = opened.write(token);
        let (project, id) = (token.project_id, token.id);
        assert_eq!(opened.read(|tx| trigger_tokens::by_digest(tx, &[9; 32])), Some(token.clone()));
        assert_eq!(opened.read(move |tx| trigger_tokens::get(tx, ProjectId(404), id)), None);
        assert_eq!(opened.read(move |tx| trigger_tokens::by_id(tx, id)), Some(token.clone()));
        let changed = TriggerToken {
            description: None,
            sealed: Vec::new(),
            updated_at: after(5),
            limits: TriggerLimits { refs: Some(vec!["main".to_owned()]), inputs: Some(Vec::new()), ..NO_LIMITS.clone() },
            fixed: Some(vec![7]),
            ..token
        };
        let given = changed.clone();
        opened.write(move |tx| trigger_tokens::update(tx, &given));
        let listed = opened.read(move |tx| trigger_tokens::list(tx, project, Page::all()));
        assert_eq!(listed, std::slice::from_ref(&changed));
        let without = TriggerToken { limits: NO_LIMITS.clone(), fixed: None, ..changed };
        let given = without.clone();
        opened.write(move |tx| trigger_tokens::update(tx, &given));
        assert_eq!(opened.read(move |tx| trigger_tokens::by_id(tx, id)), Some(without));
        opened.write(move |tx| {
            trigger_tokens::touch(tx, id, after(5))?;
            trigger_tokens::touch(tx, id, Timestamp(after(5).0 + 10))
        });
        let used = opened.read(move |tx| trigger_tokens::by_id(tx, id)).unwrap();
        assert_eq!(used.last_used_at, Some(after(5)), "a burst is noted once");
        assert_eq!(opened.read(move |tx| trigger_tokens::count(tx, project)), 1);
        assert!(opened.write(move |tx| trigger_tokens::delete(tx, project, id)));
        assert_eq!(opened.read(|tx| trigger_tokens::by_digest(tx, &[9; 32])), None);
    }

    fn a_rotated_token_is_found_by_both_digests(opened) {
        let token = opened.write(token);
        let id = token.id;
        let rotation = |digest: &'static [u8; 32], short: &'static str, until| Rotation {
            digest,
            short,
            sealed: &[4],
            expires_at: Some(after(1000)),
            previous_until: until,
            at: after(1),
        };
        let first = rotation(&[10; 32], "efgh", Some(after(60)));
        opened.write(move |tx| trigger_tokens::rotate(tx, id, &first));
        let found = opened.read(|tx| trigger_tokens::by_digest(tx, &[10; 32])).unwrap();
        assert_eq!((found.id, found.short.as_str(), found.expires_at), (id, "efgh", Some(after(1000))));
        let previous = found.previous.clone().unwrap();
        assert_eq!((previous.short.as_str(), previous.until), ("abcd", after(60)));
        assert_eq!(opened.read(|tx| trigger_tokens::by_digest(tx, &[9; 32])), None);
        assert_eq!(opened.read(|tx| trigger_tokens::by_previous_digest(tx, &[9; 32])), Some(found));
        // Another one leaves nothing of the one before; without grace nothing of this one either.
        let second = rotation(&[11; 32], "ijkl", Some(after(60)));
        opened.write(move |tx| trigger_tokens::rotate(tx, id, &second));
        assert_eq!(opened.read(|tx| trigger_tokens::by_previous_digest(tx, &[9; 32])), None);
        let third = rotation(&[12; 32], "mnop", None);
        opened.write(move |tx| trigger_tokens::rotate(tx, id, &third));
        assert_eq!(opened.read(|tx| trigger_tokens::by_previous_digest(tx, &[11; 32])), None);
        assert_eq!(opened.read(|tx| trigger_tokens::by_digest(tx, &[12; 32])).unwrap().previous, None);
    }

    fn unused_tokens_are_those_not_used_since_and_not_made_since(opened) {
        let token = opened.write(token);
        let (project, id) = (token.project_id, token.id);
        let unused = |since: Timestamp| {
            let (found, total) = opened.read(move |tx| trigger_tokens::unused_since(tx, project, since, Page::all()));
            assert_eq!(i64::try_from(found.len()).unwrap(), total);
            total
        };
        assert_eq!((unused(NOW), unused(after(1))), (0, 1));
        opened.write(move |tx| trigger_tokens::touch(tx, id, after(10)));
        assert_eq!((unused(after(10)), unused(after(11))), (0, 1));
    }

    fn the_end_of_a_token_is_told_once(opened) {
        opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let project = fixture::project(tx, &user, "one")?;
            let mut ids = Vec::new();
            for (number, end) in [(1, Some(after(10))), (2, Some(after(100))), (3, None)] {
                let token = NewTriggerToken { digest: &[number; 32], expires_at: end, ..new(&project, &user) };
                ids.push(trigger_tokens::create(tx, &token)?.id);
            }
            let expiring = |tx: &mut dyn Tx, from, until| {
                let found = trigger_tokens::expiring(tx, from, until, 10)?;
                Ok::<_, StoreError>(found.iter().map(|token| token.id).collect::<Vec<_>>())
            };
            assert_eq!(expiring(tx, NOW, after(50))?, [ids[0]]);
            assert_eq!(expiring(tx, after(10), after(100))?, [ids[1]], "one that has ended is no longer news");
            assert!(trigger_tokens::tell_expiry(tx, ids[0])?);
            assert!(!trigger_tokens::tell_expiry(tx, ids[0])?);
            assert!(expiring(tx, NOW, after(50))?.is_empty());
            Ok(())
        });
    }

    fn uses_are_counted_in_periods(opened) {
        let id = opened.write(token).id;
        for (now, expected) in [(0, (NOW, 1)), (59, (NOW, 2)), (60, (after(60), 1)), (61, (after(60), 2))] {
            let lapsed = after(now) - Duration::from_secs(60);
            let counted = opened.write(move |tx| trigger_tokens::count_use(tx, id, after(now), lapsed));
            assert_eq!(counted, expected, "after {now} s");
        }
    }
}
