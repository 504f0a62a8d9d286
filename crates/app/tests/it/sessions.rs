//! Signing in with a password, and what becomes of sessions.

use std::time::Duration;

use app::sessions::{self, Attempt, Outcome};
use app::{Error, users};

use crate::place::Place;

const MINUTE: Duration = Duration::from_secs(60);

fn attempt(login: &str, password: &str) -> Attempt {
    Attempt {
        login: login.to_owned(),
        password: password.to_owned(),
        address: Some("192.0.2.1".to_owned()),
        user_agent: Some("test".to_owned()),
        before: None,
    }
}

/// Signs in and returns what the cookie holds; `None` when that was refused.
async fn sign_in(place: &Place, attempt: Attempt) -> Option<String> {
    match sessions::sign_in(&place.app, attempt).await.unwrap() {
        Outcome::SignedIn(text) => Some(text),
        Outcome::Refused => None,
    }
}

async fn current(place: &Place, text: &str) -> Option<String> {
    let current = sessions::current(&place.app, text).await.unwrap()?;
    current.caller.user().map(|user| user.username.clone())
}

#[tokio::test]
async fn name_or_address_with_the_right_password_begin_a_session() {
    let place = Place::new("").await;
    for (login, password, expected) in [
        ("root", "password", true),
        ("ROOT", "password", true),
        ("root@localhost", "password", true),
        ("root", "Password", false),
        ("root", "", false),
        ("nobody", "password", false),
        ("", "password", false),
        (&"x".repeat(1000), &"x".repeat(1_000_000), false),
    ] {
        let text = sign_in(&place, attempt(login, password)).await;
        assert_eq!(text.is_some(), expected, "{login:.9}");
        if let Some(text) = text {
            assert_eq!(current(&place, &text).await.as_deref(), Some("root"));
        }
    }
    assert_eq!(current(&place, "no session").await, None);
    place.close().await;
}

#[tokio::test]
async fn a_session_ends_by_signing_out_by_a_new_one_and_by_lying_idle() {
    let place = Place::new("").await;
    let first = sign_in(&place, attempt("root", "password")).await.unwrap();
    let again = Attempt {
        before: Some(first.clone()),
        ..attempt("root", "password")
    };
    let second = sign_in(&place, again).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(current(&place, &first).await, None);
    place.pass(sessions::IDLE - MINUTE);
    assert!(current(&place, &second).await.is_some(), "its use puts the end off");
    place.pass(sessions::IDLE - MINUTE);
    assert!(current(&place, &second).await.is_some());
    place.pass(sessions::IDLE);
    assert_eq!(current(&place, &second).await, None);
    let third = sign_in(&place, attempt("root", "password")).await.unwrap();
    sessions::sign_out(&place.app, &third).await.unwrap();
    assert_eq!(current(&place, &third).await, None);
    place.close().await;
}

#[tokio::test]
async fn guessing_is_slowed_down_by_name_and_address_only() {
    let place = Place::new("").await;
    for _ in 0..10 {
        assert!(sign_in(&place, attempt("root", "guess")).await.is_none());
    }
    let right = || attempt("root", "password");
    let refused = sessions::sign_in(&place.app, right()).await;
    let Err(Error::TooMany { retry_after }) = refused else {
        panic!("the right password was not slowed down")
    };
    assert!((1..=601).contains(&retry_after), "{retry_after}");
    let elsewhere = Attempt {
        address: Some("192.0.2.2".to_owned()),
        ..right()
    };
    assert!(sign_in(&place, elsewhere).await.is_some());
    place.pass(11 * MINUTE);
    assert!(sign_in(&place, right()).await.is_some());
    place.close().await;
}

#[tokio::test]
async fn tries_at_the_same_time_do_not_all_find_room() {
    let place = Place::new("").await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let app = place.app.clone();
        tries.spawn(async move { sessions::sign_in(&app, attempt("root", "guess")).await });
    }
    let mut verified = 0;
    while let Some(answer) = tries.join_next().await {
        verified += usize::from(answer.unwrap().is_ok());
    }
    assert_eq!(verified, 10, "all others were told to come later");
    place.close().await;
}

#[tokio::test]
async fn signing_in_is_no_failure_however_often() {
    let place = Place::new("").await;
    for _ in 0..12 {
        assert!(sign_in(&place, attempt("root", "password")).await.is_some());
    }
    let session = sign_in(&place, attempt("root", "password")).await.unwrap();
    let session = sessions::current(&place.app, &session).await.unwrap().unwrap();
    for _ in 0..3 {
        let (old, new) = ("password".to_owned(), "password".to_owned());
        sessions::change_password(&place.app, &session, old, new).await.unwrap();
    }
    // Ten failures are left.
    for _ in 0..10 {
        assert!(sign_in(&place, attempt("root", "guess")).await.is_none());
    }
    place.close().await;
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_slowed_down_alike() {
    let place = Place::new("").await;
    for _ in 0..10 {
        assert!(sign_in(&place, attempt("nobody", "guess")).await.is_none());
    }
    let refused = sessions::sign_in(&place.app, attempt("nobody", "guess")).await;
    assert!(matches!(refused, Err(Error::TooMany { .. })));
    place.close().await;
}

#[tokio::test]
async fn blocked_users_neither_sign_in_nor_stay_signed_in() {
    let place = Place::new("").await;
    let account = users::NewAccount {
        username: "ann".to_owned(),
        name: "Ann".to_owned(),
        email: "ann@example.com".to_owned(),
        password: Some("a long password".to_owned()),
        is_admin: false,
    };
    let ann = users::create(&place.app, &place.root, account).await.unwrap();
    let text = sign_in(&place, attempt("ann", "a long password")).await.unwrap();
    users::set_blocked(&place.app, &place.root, ann.id, true).await.unwrap();
    assert_eq!(current(&place, &text).await, None);
    assert_eq!(sign_in(&place, attempt("ann", "a long password")).await, None);
    place.close().await;
}

#[tokio::test]
async fn another_password_takes_the_present_one_and_ends_other_sessions() {
    let place = Place::new("").await;
    let kept = sign_in(&place, attempt("root", "password")).await.unwrap();
    let other = sign_in(&place, attempt("root", "password")).await.unwrap();
    let session = sessions::current(&place.app, &kept).await.unwrap().unwrap();
    let change = |old: &str, new: &str| sessions::change_password(&place.app, &session, old.to_owned(), new.to_owned());
    assert!(matches!(
        change("wrong", "another password").await,
        Err(Error::Invalid(_))
    ));
    assert!(matches!(change("password", "short").await, Err(Error::Invalid(_))));
    change("password", "another password").await.unwrap();
    assert!(current(&place, &kept).await.is_some());
    assert_eq!(current(&place, &other).await, None);
    assert_eq!(sign_in(&place, attempt("root", "password")).await, None);
    assert!(sign_in(&place, attempt("root", "another password")).await.is_some());
    place.close().await;
}

#[tokio::test]
async fn only_ones_own_sessions_are_listed_and_revoked() {
    let place = Place::new("").await;
    let text = sign_in(&place, attempt("root", "password")).await.unwrap();
    let listed = sessions::list(&place.app, &place.root).await.unwrap();
    assert_eq!(listed.len(), 1);
    let account = users::NewAccount {
        username: "ann".to_owned(),
        name: "Ann".to_owned(),
        email: "ann@example.com".to_owned(),
        password: Some("a long password".to_owned()),
        is_admin: true,
    };
    users::create(&place.app, &place.root, account).await.unwrap();
    let ann = sign_in(&place, attempt("ann", "a long password")).await.unwrap();
    let ann = sessions::current(&place.app, &ann).await.unwrap().unwrap().caller;
    let foreign = sessions::revoke(&place.app, &ann, listed[0].id).await;
    assert!(matches!(foreign, Err(Error::RecordNotFound)));
    assert!(sessions::list(&place.app, &app::Caller::Anonymous).await.is_err());
    sessions::revoke(&place.app, &place.root, listed[0].id).await.unwrap();
    assert_eq!(current(&place, &text).await, None);
    place.close().await;
}
