//! Signed-in browsers, and failed tries to sign in.

use model::{Timestamp, UserId};
use store::ops::sessions::{self, NewSession};
use store::ops::{sign_in_failures, users};
use store::{StoreError, Tx};

use crate::fixture::{self, NOW, on_both};

const HOUR: i64 = 3_600_000_000;
const LATER: Timestamp = Timestamp(NOW.0 + HOUR);

fn begin(tx: &mut dyn Tx, user: UserId, digest: u8) -> Result<model::SessionId, StoreError> {
    sessions::create(
        tx,
        &NewSession {
            user_id: user,
            digest: &[digest; 32],
            address: Some("192.0.2.1"),
            user_agent: None,
            created_at: NOW,
            expires_at: LATER,
        },
    )
}

on_both! {
    fn a_session_is_found_by_its_digest_with_its_user(opened) {
        let user = opened.write(|tx| fixture::user(tx, "ada"));
        let id = opened.write(move |tx| begin(tx, user.id, 1));
        let (session, found) = opened.read(|tx| sessions::by_digest(tx, &[1; 32])).expect("it was stored");
        assert_eq!((session.id, found.username.as_str(), session.expires_at), (id, "ada", LATER));
        assert!(opened.read(|tx| sessions::by_digest(tx, &[2; 32])).is_none());
    }

    fn a_use_puts_off_the_end_and_expired_ones_go(opened) {
        let user = opened.write(|tx| fixture::user(tx, "ada")).id;
        let (used, unused) = opened.write(move |tx| Ok((begin(tx, user, 1)?, begin(tx, user, 2)?)));
        let end = Timestamp(LATER.0 + HOUR);
        opened.write(move |tx| sessions::touch(tx, used, LATER, end));
        let ids = |at| opened.read(move |tx| sessions::of_user(tx, user, at)).into_iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(NOW), [used, unused]);
        assert_eq!(ids(LATER), [used]);
        assert_eq!(opened.write(|tx| sessions::delete_expired(tx, LATER)), 1);
        assert_eq!(ids(NOW), [used]);
    }

    fn only_the_users_own_sessions_end(opened) {
        let (ada, bob) = opened.write(|tx| Ok((fixture::user(tx, "ada")?.id, fixture::user(tx, "bob")?.id)));
        let (first, second) = opened.write(move |tx| Ok((begin(tx, ada, 1)?, begin(tx, ada, 2)?)));
        let other = opened.write(move |tx| begin(tx, bob, 3));
        assert!(!opened.write(move |tx| sessions::delete(tx, ada, other)));
        assert!(opened.write(move |tx| sessions::delete_others(tx, ada, second)));
        assert!(!opened.write(move |tx| sessions::delete(tx, ada, first)));
        assert!(opened.write(|tx| sessions::delete_by_digest(tx, &[2; 32])));
        assert_eq!(opened.read(move |tx| sessions::of_user(tx, bob, NOW)).len(), 1);
    }

    fn sessions_go_with_their_user(opened) {
        let user = opened.write(|tx| fixture::user(tx, "ada")).id;
        opened.write(move |tx| begin(tx, user, 1));
        opened.write(move |tx| users::delete(tx, user));
        assert!(opened.read(|tx| sessions::by_digest(tx, &[1; 32])).is_none());
    }

    fn failures_are_counted_from_the_first_one(opened) {
        opened.write(|tx| sign_in_failures::add(tx, &[1; 32], NOW));
        opened.write(|tx| sign_in_failures::add(tx, &[1; 32], LATER));
        let found = opened.read(|tx| sign_in_failures::get(tx, &[1; 32])).expect("two failures");
        assert_eq!((found.count, found.since), (2, NOW));
        opened.write(|tx| sign_in_failures::add(tx, &[2; 32], LATER));
        opened.write(|tx| sign_in_failures::forget_old(tx, NOW));
        assert!(opened.read(|tx| sign_in_failures::get(tx, &[1; 32])).is_none());
        opened.write(|tx| sign_in_failures::forget(tx, &[2; 32]));
        assert!(opened.read(|tx| sign_in_failures::get(tx, &[2; 32])).is_none());
    }
}
