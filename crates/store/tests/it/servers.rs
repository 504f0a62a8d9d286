//! Several servers on one PostgreSQL.

use std::sync::{Arc, Barrier};

use model::JobId;
use store::ops::settings;
use store::{Options, Store, Wake};
use testkit::TestDatabase;

fn two() -> (TestDatabase, Store, Store) {
    let database = TestDatabase::new();
    let open = || Store::open(&Options::postgres(database.url())).expect("a fresh database can be opened");
    let (first, second) = (open(), open());
    (database, first, second)
}

#[test]
fn a_wake_up_of_one_server_reaches_the_other_and_itself_once() {
    let (_database, first, second) = two();
    let (mut own, mut other) = (first.wakes(), second.wakes());
    for number in 1..=3 {
        first
            .write_blocking(move |tx| {
                tx.notify(Wake::Job(JobId(number)));
                Ok::<_, store::StoreError>(())
            })
            .expect("this write is right");
        assert_eq!(own.blocking_recv(), Ok(Wake::Job(JobId(number))));
        assert_eq!(other.blocking_recv(), Ok(Wake::Job(JobId(number))));
    }
    assert!(own.is_empty(), "its own NOTIFY does not come back");
    first.close_blocking();
    second.close_blocking();
}

#[test]
fn servers_that_start_together_migrate_once() {
    let database = TestDatabase::new();
    let start = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (start, options) = (Arc::clone(&start), Options::postgres(database.url()));
            std::thread::spawn(move || {
                start.wait();
                Store::open(&options).map(|store| store.close_blocking())
            })
        })
        .collect();
    for thread in threads {
        thread
            .join()
            .expect("no panic")
            .expect("each waits for the one that migrates");
    }
}

#[test]
fn operations_in_each_others_way_are_run_again() {
    let (_database, first, second) = two();
    first
        .write_blocking(|tx| {
            settings::set(tx, "a", "0")?;
            settings::set(tx, "b", "0")
        })
        .expect("this write is right");
    // Each holds the row that the other wants next: one is broken off and starts anew.
    let meet = Arc::new(Barrier::new(2));
    let threads: Vec<_> = [(first.clone(), ["a", "b"]), (second.clone(), ["b", "a"])]
        .into_iter()
        .map(|(store, keys)| {
            let meet = Arc::clone(&meet);
            std::thread::spawn(move || {
                let mut runs = 0;
                store.write_blocking(move |tx| {
                    runs += 1;
                    settings::set(tx, keys[0], keys[0])?;
                    if runs == 1 {
                        meet.wait();
                    }
                    settings::set(tx, keys[1], keys[0])?;
                    Ok::<_, store::StoreError>(runs)
                })
            })
        })
        .collect();
    let runs: Vec<i32> = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic").expect("both succeed"))
        .collect();
    assert!(runs.iter().sum::<i32>() > 2, "{runs:?}");
    first.close_blocking();
    second.close_blocking();
}

#[test]
fn a_store_opens_and_closes_inside_a_runtime() {
    let database = TestDatabase::new();
    crate::fixture::runtime().block_on(async {
        let store = Store::open(&Options::postgres(database.url())).expect("a fresh database can be opened");
        store.close().await;
    });
}
