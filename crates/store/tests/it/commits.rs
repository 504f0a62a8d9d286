//! What operations that share a commit see of each other: nothing.

use store::ops::settings;
use store::{Param, Sql, StoreError, Wake};

use crate::fixture::{self, on_both};

on_both! {
    fn an_error_rolls_back_its_own_operation_only(opened) {
        let store = opened.store.clone();
        let results = fixture::at_once((0..40).map(|number| {
            let store = store.clone();
            async move {
                store
                    .write(move |tx| {
                        settings::set(tx, &format!("key-{number}"), "set")?;
                        if number % 4 == 0 { Err(Refused::Own(number)) } else { Ok(number) }
                    })
                    .await
            }
        }));
        for (number, result) in (0..40).zip(results) {
            let kept = opened.read(move |tx| settings::get(tx, &format!("key-{number}")));
            if number % 4 == 0 {
                assert!(matches!(result, Err(Refused::Own(own)) if own == number), "{result:?}");
                assert_eq!(kept, None);
            } else {
                assert!(matches!(result, Ok(own) if own == number), "{result:?}");
                assert_eq!(kept.as_deref(), Some("set"));
            }
        }
    }

    fn a_panic_rolls_back_its_own_operation_only(opened) {
        let store = opened.store.clone();
        let results = fixture::at_once((0..20).map(|number| {
            let store = store.clone();
            async move {
                store
                    .write(move |tx| {
                        settings::set(tx, &format!("key-{number}"), "set")?;
                        assert!(number != 7, "seven is not liked");
                        Ok::<_, StoreError>(())
                    })
                    .await
            }
        }));
        assert!(
            matches!(&results[7], Err(StoreError::Panicked { message }) if message == "seven is not liked"),
            "{:?}",
            results[7]
        );
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 19);
        let kept = opened.read(|tx| Ok((settings::get(tx, "key-6")?, settings::get(tx, "key-7")?)));
        assert_eq!(kept, (Some("set".to_owned()), None));
    }

    fn a_panic_in_a_read_is_answered_and_the_next_read_works(opened) {
        for _ in 0..5 {
            let result = opened.store.read_blocking(|_| -> Result<(), StoreError> { panic!("no") });
            assert!(matches!(result, Err(StoreError::Panicked { .. })));
        }
        assert_eq!(opened.read(|tx| settings::get(tx, "x")), None);
    }

    fn a_failed_statement_fails_its_operation_even_if_that_goes_on(opened) {
        static WRONG: Sql = Sql::shared("wrong", "INSERT INTO settings (key) VALUES (?1)");
        let result = opened.store.write_blocking(|tx| {
            settings::set(tx, "before", "set")?;
            let _ = tx.execute(&WRONG, &[Param::Text("x")]);
            Ok::<_, StoreError>(())
        });
        assert!(matches!(&result, Err(StoreError::Database { statement, .. }) if statement == "wrong"), "{result:?}");
        assert_eq!(opened.read(|tx| settings::get(tx, "before")), None);
    }

    fn a_broken_rule_is_told_apart(opened) {
        static TWICE: Sql = Sql::shared("twice", "INSERT INTO settings (key, value) VALUES (?1, ?1)");
        static ORPHAN: Sql = Sql::shared("orphan", "INSERT INTO project_counters (project_id, pipeline_iid) VALUES (?1, 0)");
        let add = |tx: &mut dyn store::Tx| tx.execute(&TWICE, &[Param::Text("x")]);
        opened.write(add);
        let result = opened.store.write_blocking(add);
        assert!(result.as_ref().is_err_and(StoreError::is_unique), "{result:?}");
        let result = opened.store.write_blocking(|tx| tx.execute(&ORPHAN, &[Param::I64(404)]));
        assert!(matches!(result, Err(StoreError::ForeignKey { .. })), "{result:?}");
    }

    fn a_wrong_number_of_parameters_is_an_error(opened) {
        static ONE: Sql = Sql::shared("one", "SELECT value FROM settings WHERE key = ?1");
        for params in [&[][..], &[Param::Text("a"), Param::Text("b")]] {
            let params: Vec<Param<'static>> = params.to_vec();
            let result = opened.store.read_blocking(move |tx| tx.query(&ONE, &params, &mut |_| Ok(())));
            assert!(matches!(result, Err(StoreError::Database { .. } | StoreError::Panicked { .. })), "{result:?}");
        }
    }

    fn a_bad_value_is_named_with_its_column_and_row(opened) {
        static ADD: Sql = Sql::shared("add", "INSERT INTO job_definitions (digest, body) VALUES (?1, ?2)");
        opened.write(|tx| tx.execute(&ADD, &[Param::Bytes(&[1]), Param::Text("not JSON")]));
        let result = opened.store.read_blocking(|tx| store::ops::definitions::get(tx, model::DefinitionId(1)));
        let message = result.expect_err("the body is not JSON").to_string();
        assert_eq!(
            message,
            "`store::ops::definitions::GET`: bad value in column `body` of row 1: expected JSON of our own, found `not JSON`"
        );
    }

    fn a_read_cannot_write(opened) {
        let result = opened.store.read_blocking(|tx| settings::set(tx, "x", "y"));
        assert!(result.is_err());
        assert_eq!(opened.read(|tx| settings::get(tx, "x")), None);
    }

    fn an_answered_write_is_seen_by_the_next_read(opened) {
        for number in 0..50 {
            opened.write(move |tx| settings::set(tx, "x", &number.to_string()));
            assert_eq!(opened.read(|tx| settings::get(tx, "x")), Some(number.to_string()));
        }
    }

    fn the_version_of_settings_changes_with_settings_and_not_with_work(opened) {
        let version = || opened.store.settings_version();
        if opened.store.is_postgres() {
            assert_eq!(version(), None, "other servers may write");
            return;
        }
        static WORK: Sql = Sql::shared("work", "INSERT INTO job_definitions (digest, body) VALUES (?1, '{}')");
        static NOTHING: Sql = Sql::shared("nothing", "UPDATE settings SET value = 'x' WHERE key = ?1");
        opened.write(|tx| settings::set(tx, "x", "first"));
        let first = version();
        opened.write(|tx| tx.execute(&WORK, &[Param::Bytes(&[1])]));
        opened.write(|tx| tx.execute(&NOTHING, &[Param::Text("absent")]));
        opened.read(|tx| settings::get(tx, "x"));
        assert_eq!(version(), first);
        opened.write(|tx| settings::set(tx, "x", "second"));
        assert_ne!(version(), first);
    }

    fn wake_ups_come_after_the_commit_once_each_and_never_after_a_rollback(opened) {
        let mut wakes = opened.store.wakes();
        opened.write(|tx| {
            tx.notify(Wake::JobsPending);
            tx.notify(Wake::Job(model::JobId(1)));
            tx.notify(Wake::JobsPending);
            Ok(())
        });
        let result = opened.store.write_blocking(|tx| {
            tx.notify(Wake::Job(model::JobId(2)));
            Err::<(), _>(StoreError::Closed)
        });
        assert!(result.is_err());
        opened.write(|tx| {
            tx.notify(Wake::Job(model::JobId(3)));
            Ok(())
        });
        let got: Vec<Wake> = (0..3).map(|_| wakes.blocking_recv().expect("sent above")).collect();
        assert_eq!(got, [Wake::JobsPending, Wake::Job(model::JobId(1)), Wake::Job(model::JobId(3))]);
    }

    fn a_closed_store_has_done_what_was_waiting_and_does_no_more(opened) {
        let store = opened.store.clone();
        let results = fixture::runtime().block_on(async {
            let writes: Vec<_> = (0..200)
                .map(|number| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        store.write(move |tx| settings::set(tx, &format!("key-{number}"), "set")).await
                    })
                })
                .collect();
            tokio::task::yield_now().await;
            store.close().await;
            let mut results = Vec::new();
            for write in writes {
                results.push(write.await.expect("no panic"));
            }
            results
        });
        assert!(results.iter().all(|result| matches!(result, Ok(()) | Err(StoreError::Closed))), "{results:?}");
        let late = opened.store.write_blocking(|tx| settings::set(tx, "late", "set"));
        assert!(matches!(late, Err(StoreError::Closed)));
        let late = opened.store.read_blocking(|tx| settings::get(tx, "late"));
        assert!(matches!(late, Err(StoreError::Closed)));
    }
}

/// An error of the caller's own.
#[derive(Debug)]
enum Refused {
    Own(i32),
    Store(#[expect(dead_code, reason = "shown by Debug when a case fails")] StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        Refused::Store(error)
    }
}
