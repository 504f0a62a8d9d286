//! What is left after a crash, and which databases are refused.

use store::ops::settings;
use store::{Options, Param, Sql, Store, StoreError};
use testkit::TestDatabase;

use crate::fixture::{Folder, Opened};

static SET_VERSION: Sql = Sql::shared(
    "version",
    "INSERT INTO schema_migrations (version, checksum) VALUES (?1, 'x')",
);
static SET_CHECKSUM: Sql = Sql::shared(
    "checksum",
    "UPDATE schema_migrations SET checksum = 'x' WHERE version = ?1",
);

#[test]
fn what_was_answered_is_there_after_sqlite_is_cut_off() {
    let folder = Folder::new();
    let path = folder.0.join("live.db");
    let store = Store::open(&Options::sqlite(&path)).expect("a fresh folder can be written");
    for number in 0..20 {
        let key = format!("key-{number}");
        store
            .write_blocking(move |tx| settings::set(tx, &key, "set"))
            .expect("this write is right");

        // The files as they are at this moment are what a crash would leave.
        let copy = folder.0.join(format!("copy-{number}.db"));
        for suffix in ["", "-wal"] {
            let from = format!("{}{suffix}", path.display());
            std::fs::copy(from, format!("{}{suffix}", copy.display())).expect("the file exists");
        }
        let reopened = Store::open(&Options::sqlite(&copy)).expect("a crash leaves a database that opens");
        let key = format!("key-{number}");
        let value = reopened
            .read_blocking(move |tx| settings::get(tx, &key))
            .expect("this read is right");
        assert_eq!(value.as_deref(), Some("set"));
        reopened.close_blocking();
    }
    store.close_blocking();
}

#[test]
fn an_existing_database_is_opened_again() {
    let folder = Folder::new();
    let database = TestDatabase::new();
    for options in [
        Options::sqlite(folder.0.join("test.db")),
        Options::postgres(database.url()),
    ] {
        for round in ["first", "second"] {
            let store = Store::open(&options).expect("it was closed in order");
            let before = store
                .read_blocking(|tx| settings::get(tx, "round"))
                .expect("this read is right");
            assert_eq!(before.is_some(), round == "second");
            store
                .write_blocking(move |tx| settings::set(tx, "round", round))
                .expect("this write is right");
            store.close_blocking();
        }
    }
}

#[test]
fn a_newer_schema_and_a_changed_one_are_refused() {
    let folder = Folder::new();
    let database = TestDatabase::new();
    for options in [
        Options::sqlite(folder.0.join("test.db")),
        Options::postgres(database.url()),
    ] {
        let store = Store::open(&options).expect("a fresh database can be opened");
        store
            .write_blocking(|tx| tx.execute(&SET_VERSION, &[Param::I64(9999)]))
            .expect("this write is right");
        store.close_blocking();
        let error = Store::open(&options).expect_err("version 9999 is not known");
        assert!(matches!(error, StoreError::NewerSchema { found: 9999, .. }), "{error}");
    }

    let folder = Folder::new();
    let options = Options::sqlite(folder.0.join("test.db"));
    let store = Store::open(&options).expect("a fresh folder can be written");
    store
        .write_blocking(|tx| tx.execute(&SET_CHECKSUM, &[Param::I64(1)]))
        .expect("this write is right");
    store.close_blocking();
    let error = Store::open(&options).expect_err("the checksum is another one");
    assert!(matches!(error, StoreError::ChangedMigration { version: 1 }), "{error}");
}

#[test]
fn what_cannot_be_opened_is_named_without_its_password() {
    let nowhere = Options::sqlite("/does/not/exist/test.db");
    let error = Store::open(&nowhere).expect_err("there is no such folder").to_string();
    assert!(error.contains("`/does/not/exist/test.db`"), "{error}");

    let folder = Folder::new();
    let text = folder.0.join("text.db");
    std::fs::write(
        &text,
        "this is not a database, it only looks long enough to be one".repeat(20),
    )
    .expect("writable");
    assert!(matches!(
        Store::open(&Options::sqlite(&text)),
        Err(StoreError::Open { .. })
    ));

    // Port 1 of loopback: nobody listens there.
    let error = Store::open(&Options::postgres("postgres://user:secret@127.0.0.1:1/x")).expect_err("nobody listens");
    let error = error.to_string();
    assert!(
        error.contains("postgres://user@127.0.0.1:1/x") && !error.contains("secret"),
        "{error}"
    );
    assert!(matches!(
        Store::open(&Options::postgres("postgres://%zz")),
        Err(StoreError::Open { .. })
    ));
}

#[test]
fn a_store_that_is_dropped_without_closing_keeps_what_it_answered() {
    let folder = Folder::new();
    let options = Options::sqlite(folder.0.join("test.db"));
    let store = Store::open(&options).expect("a fresh folder can be written");
    store
        .write_blocking(|tx| settings::set(tx, "x", "set"))
        .expect("this write is right");
    drop(store);
    let store = Store::open(&options).expect("the old threads end by themselves");
    assert_eq!(
        store
            .read_blocking(|tx| settings::get(tx, "x"))
            .expect("right")
            .as_deref(),
        Some("set")
    );
    store.close_blocking();
}

#[test]
fn a_broken_connection_is_made_anew() {
    static TERMINATE: Sql = Sql::shared(
        "terminate",
        "SELECT COUNT(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()) AS ended",
    );
    static OWN: Sql = Sql::shared("own", "SELECT pg_terminate_backend(pg_backend_pid())");
    let opened = Opened::postgres();
    opened.write(|tx| settings::set(tx, "x", "1"));
    // Everybody else's connection, then, in the middle of an operation, its own.
    opened.read(|tx| tx.one(&TERMINATE, &[], |row| row.read::<i64>()));
    opened.write(|tx| settings::set(tx, "x", "2"));
    let mut runs = 0;
    let runs = opened.write(move |tx| {
        settings::set(tx, "y", "3")?;
        runs += 1;
        if runs == 1 {
            tx.execute(&OWN, &[])?;
        }
        Ok(runs)
    });
    assert_eq!(runs, 2, "the operation is run again from the start");
    let kept = opened.read(|tx| Ok((settings::get(tx, "x")?, settings::get(tx, "y")?)));
    assert_eq!(kept, (Some("2".to_owned()), Some("3".to_owned())));
}

#[test]
fn a_closed_sqlite_database_is_one_file() {
    let folder = Folder::new();
    let path = folder.0.join("test.db");
    let store = Store::open(&Options::sqlite(path.clone())).expect("a fresh folder can be written");
    store
        .write_blocking(|tx| settings::set(tx, "key", "value"))
        .expect("this write is right");
    store.close_blocking();
    let beside = |suffix: &str| folder.0.join(format!("test.db-{suffix}"));
    assert!(path.exists() && !beside("wal").exists() && !beside("shm").exists());
}
