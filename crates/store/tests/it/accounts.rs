//! Users, their tokens, and settings of the server.

use model::{Timestamp, UserId, UserState};
use store::ops::access_tokens::{self, AccessTokenFilter, NewAccessToken};
use store::ops::members::Place;
use store::ops::page::{Page, Sort};
use store::ops::preferences::{self, Preferences};
use store::ops::users::UserFilter;
use store::ops::{bots, namespaces, settings, users};

use crate::fixture::{self, NOW, on_both};

const LATER: Timestamp = Timestamp(NOW.0 + 3_600_000_000);

on_both! {
    fn a_user_comes_with_a_namespace_of_the_same_name(opened) {
        let user = opened.write(|tx| fixture::user(tx, "ada"));
        let (read, namespace) =
            opened.read(move |tx| Ok((users::get(tx, user.id)?, namespaces::by_full_path(tx, "ADA")?)));
        let (read, namespace) = (read.expect("stored"), namespace.expect("stored"));
        assert_eq!((read.namespace_id, namespace.user_id), (namespace.id, Some(read.id)));
    }

    fn what_a_user_has_chosen_is_kept_and_goes_with_them(opened) {
        let user = opened.write(|tx| fixture::user(tx, "ada")).id;
        assert_eq!(opened.read(move |tx| preferences::get(tx, user)), Preferences::default());
        for theme in ["dark", "light"] {
            let chosen = Preferences { theme: Some(theme.to_owned()), ..Preferences::default() };
            let saved = chosen.clone();
            opened.write(move |tx| preferences::save(tx, user, &saved));
            assert_eq!(opened.read(move |tx| preferences::get(tx, user)), chosen);
        }
        opened.write(move |tx| users::delete(tx, user));
        assert_eq!(opened.read(move |tx| preferences::get(tx, user)), Preferences::default());
    }

    fn a_name_or_address_is_taken_in_any_letter_case(opened) {
        opened.write(|tx| fixture::user(tx, "ada"));
        let again = opened.store.write_blocking(|tx| fixture::user(tx, "ADA"));
        assert!(again.is_err_and(|error| error.is_unique()));
        assert_eq!(opened.read(users::count_all), 1);
    }

    fn users_are_searched_by_parts_of_their_names(opened) {
        opened.write(|tx| {
            for name in ["ada", "bob", "b_b", "Bobby"] {
                fixture::user(tx, name)?;
            }
            Ok(())
        });
        for (search, expected) in [
            ("BOB", vec!["bob", "Bobby"]),
            ("b_b", vec!["b_b"]),
            ("%", vec![]),
            ("ada@example.test", vec!["ada"]),
        ] {
            let names = opened.read(move |tx| {
                let filter = UserFilter { search: Some(search), sort: Sort::Asc, ..UserFilter::default() };
                let found = users::list(tx, &filter, Page::all())?;
                assert_eq!(users::count(tx, &filter)?, i64::try_from(found.len()).expect("few"));
                Ok(found.into_iter().map(|user| user.username).collect::<Vec<_>>())
            });
            assert_eq!(names, expected, "{search}");
        }
        let filter = || UserFilter { username: Some("BOB"), ..UserFilter::default() };
        assert_eq!(opened.read(move |tx| users::count(tx, &filter())), 1);
    }

    fn lists_come_in_pages(opened) {
        opened.write(|tx| {
            for number in 0..7 {
                fixture::user(tx, &format!("user-{number}"))?;
            }
            Ok(())
        });
        for (page, expected) in [(1, vec![7, 6, 5]), (3, vec![1]), (4, vec![])] {
            let ids = opened.read(move |tx| users::list(tx, &UserFilter::default(), Page::of(page, 3)));
            assert_eq!(ids.iter().map(|user| user.id.0).collect::<Vec<_>>(), expected, "page {page}");
        }
    }

    fn passwords_states_and_rights_can_be_changed(opened) {
        let user = opened.write(|tx| fixture::user(tx, "ada"));
        let id = user.id;
        opened.write(move |tx| {
            users::set_password_hash(tx, id, Some("hash"))?;
            users::set_state(tx, id, UserState::Blocked)?;
            users::set_admin(tx, id, true)
        });
        let (read, hash) = opened.read(move |tx| Ok((users::get(tx, id)?, users::password_hash(tx, id)?)));
        let read = read.expect("stored");
        assert_eq!((read.is_active(), read.is_admin, hash.as_deref()), (false, true, Some("hash")));
        assert!(!opened.write(|tx| users::set_admin(tx, UserId(404), true)));
    }

    fn a_deleted_user_leaves_the_name_free(opened) {
        let user = opened.write(|tx| fixture::user(tx, "ada"));
        assert!(opened.write(move |tx| users::delete(tx, user.id)));
        let again = opened.write(|tx| fixture::user(tx, "ada"));
        assert!(again.id > user.id, "ids are never given twice");
    }

    fn a_token_is_found_with_its_user_by_its_digest(opened) {
        let (user, token) = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let token = access_tokens::create(tx, &new_token(user.id, &[7; 32], "ci", Some(LATER)))?;
            Ok((user, token))
        });
        let found = opened.read(|tx| access_tokens::by_digest(tx, &[7; 32]));
        assert_eq!(found, Some((token.clone(), user)));
        assert_eq!(opened.read(|tx| access_tokens::by_digest(tx, &[8; 32])), None);

        let id = token.id;
        assert!(opened.write(move |tx| access_tokens::revoke(tx, id, NOW)));
        assert!(!opened.write(move |tx| access_tokens::revoke(tx, id, LATER)), "once is for ever");
        assert_eq!(opened.read(move |tx| access_tokens::get(tx, id)).expect("stored").revoked_at, Some(NOW));
    }

    fn a_bot_lives_as_long_as_a_token_of_it(opened) {
        let (bot, project) = opened.write(|tx| {
            let bot = fixture::user(tx, "bot")?;
            let owner = fixture::user(tx, "ada")?;
            let project = fixture::project(tx, &owner, "tool")?;
            bots::add(tx, bot.id, Place::Project(project.id))?;
            access_tokens::create(tx, &new_token(bot.id, &[1; 32], "first", Some(LATER)))?;
            access_tokens::create(tx, &new_token(bot.id, &[2; 32], "second", None))?;
            Ok((bot.id, project.id))
        });
        let place = Place::Project(project);
        assert_eq!(opened.read(move |tx| bots::place(tx, bot)), Some(place));
        let second = opened.read(|tx| access_tokens::by_digest(tx, &[2; 32])).expect("stored").0.id;
        let state = move |now: Timestamp| {
            opened.read(move |tx| Ok((bots::is_alive(tx, bot, now)?, bots::left_behind(tx, now, 9)?.len())))
        };
        let after = Timestamp(LATER.0 + 1);
        assert_eq!((state(NOW), state(after)), ((true, 0), (true, 0)), "one has no end");
        opened.write(move |tx| access_tokens::revoke(tx, second, NOW));
        assert_eq!((state(NOW), state(after)), ((true, 0), (false, 1)));
        let names = opened.read(move |tx| {
            let filter = AccessTokenFilter { bots_of: Some(place), sort: Sort::Asc, ..AccessTokenFilter::default() };
            Ok(access_tokens::list(tx, &filter, Page::all())?.into_iter().map(|token| token.name).collect::<Vec<_>>())
        });
        assert_eq!(names, ["first", "second"]);
        opened.write(move |tx| bots::delete_of(tx, place));
        assert_eq!(opened.read(move |tx| users::get(tx, bot)), None);
    }

    fn the_last_use_of_a_token_is_noted_every_ten_minutes(opened) {
        let id = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            Ok(access_tokens::create(tx, &new_token(user.id, &[7; 32], "ci", None))?.id)
        });
        for (minutes, noted) in [(0, 0), (9, 0), (11, 11), (12, 11)] {
            let after = |minutes: i64| Timestamp(NOW.0 + minutes * 60_000_000);
            opened.write(move |tx| access_tokens::touch(tx, id, after(minutes)));
            let token = opened.read(move |tx| access_tokens::get(tx, id)).expect("stored");
            assert_eq!(token.last_used_at, Some(after(noted)), "minute {minutes}");
        }
    }

    fn tokens_are_listed_by_every_filter(opened) {
        let user = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let expired = access_tokens::create(tx, &new_token(user.id, &[1; 32], "Expired", Some(NOW)))?;
            let revoked = access_tokens::create(tx, &new_token(user.id, &[2; 32], "revoked", None))?;
            access_tokens::create(tx, &new_token(user.id, &[3; 32], "good", Some(LATER)))?;
            access_tokens::revoke(tx, revoked.id, NOW)?;
            access_tokens::touch(tx, expired.id, NOW)?;
            Ok(user.id)
        });
        let none = AccessTokenFilter::default;
        let before = Timestamp(NOW.0 - 1);
        let cases: Vec<(AccessTokenFilter<'static>, &[&str])> = vec![
            (none(), &["good", "revoked", "Expired"]),
            (AccessTokenFilter { sort: Sort::Asc, ..none() }, &["Expired", "revoked", "good"]),
            (AccessTokenFilter { user_id: Some(user), ..none() }, &["good", "revoked", "Expired"]),
            (AccessTokenFilter { user_id: Some(UserId(404)), ..none() }, &[]),
            (AccessTokenFilter { revoked: Some(true), ..none() }, &["revoked"]),
            (AccessTokenFilter { revoked: Some(false), ..none() }, &["good", "Expired"]),
            (AccessTokenFilter { active_at: Some((true, NOW)), ..none() }, &["good"]),
            (AccessTokenFilter { active_at: Some((false, NOW)), ..none() }, &["revoked", "Expired"]),
            (AccessTokenFilter { search: Some("EXP"), ..none() }, &["Expired"]),
            (AccessTokenFilter { impersonation: Some(true), ..none() }, &[]),
            (AccessTokenFilter { created: (Some(before), Some(LATER)), ..none() }, &["good", "revoked", "Expired"]),
            (AccessTokenFilter { last_used: (Some(before), None), ..none() }, &["Expired"]),
            (AccessTokenFilter { last_used: (None, Some(before)), ..none() }, &[]),
            (AccessTokenFilter { expires: (Some(NOW), None), ..none() }, &["good"]),
            (AccessTokenFilter { expires: (None, Some(LATER)), ..none() }, &["Expired"]),
        ];
        for (filter, expected) in cases {
            let shown = format!("{filter:?}");
            let names = opened.read(move |tx| {
                let found = access_tokens::list(tx, &filter, Page::all())?;
                assert_eq!(access_tokens::count(tx, &filter)?, i64::try_from(found.len()).expect("few"));
                Ok(found.into_iter().map(|token| token.name).collect::<Vec<_>>())
            });
            assert_eq!(names, expected, "{shown}");
        }
    }

    fn settings_are_set_read_and_removed(opened) {
        assert!(opened.write(|tx| settings::set_new(tx, "key", "first")));
        assert!(!opened.write(|tx| settings::set_new(tx, "key", "second")));
        assert_eq!(opened.read(|tx| settings::get(tx, "key")).as_deref(), Some("first"));
        opened.write(|tx| settings::set(tx, "key", "third"));
        assert_eq!(opened.read(|tx| settings::get(tx, "key")).as_deref(), Some("third"));
        assert!(opened.write(|tx| settings::delete(tx, "key")));
        assert_eq!(opened.read(|tx| settings::get(tx, "key")), None);
    }
}

fn new_token<'a>(
    user_id: UserId,
    digest: &'a [u8; 32],
    name: &'a str,
    expires_at: Option<Timestamp>,
) -> NewAccessToken<'a> {
    NewAccessToken {
        user_id,
        digest,
        name,
        description: Some("for tests"),
        scopes: &[],
        impersonation: false,
        expires_at,
        created_at: NOW,
    }
}
