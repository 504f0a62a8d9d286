//! The SQLite driver: one writer thread with group commit, a few reader threads.

mod configure;
mod tx;
mod writer;

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use tokio::sync::mpsc;

use crate::error::StoreError;
use crate::migrate::{self, checksum};
use crate::operation::{Message, Outcome};
use crate::store::{Ends, take_group};
use tx::SqliteTx;

/// How long to wait for another process (`tripline admin`) that holds the write lock.
const BUSY: Duration = Duration::from_secs(10);

/// Prepared statements kept per connection; more than there are in this crate.
const STATEMENTS: usize = 256;

/// Page cache of the writer in KiB: holds the warm ends of all indexes.
const WRITER_CACHE_KIB: i64 = 8 * 1024;

/// Page cache of each reader in KiB.
const READER_CACHE_KIB: i64 = 2 * 1024;

/// Pages in the log before it is copied into the database: fewer syncs, at the price of a longer pause.
const CHECKPOINT_PAGES: i64 = 4000;

/// Opens the file, migrates it and starts the threads.
pub(crate) fn start(
    path: &Path,
    durable: bool,
    readers: usize,
    ends: Ends,
    settings_version: Arc<AtomicU64>,
) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::Open {
        database: path.display().to_string(),
        message: error.to_string(),
    };
    configure::once();
    let mut writer = open_writer(path, durable).map_err(failed)?;
    migrate(&mut writer, path)?;
    let Ends { writes, reads, wakes } = ends;
    let reads = Arc::new(Mutex::new(reads));
    let mut reading = Vec::with_capacity(readers);
    for number in 0..readers {
        let connection = open_reader(path).map_err(failed)?;
        let reads = Arc::clone(&reads);
        reading.push(spawn(&format!("db-read-{number}"), path, move || {
            read_loop(&connection, &reads)
        })?);
    }
    let writes = writes
        .into_iter()
        .next()
        .expect("the store makes at least one queue for writes");
    let writing = spawn("db-write", path, move || {
        writer::run(writer, writes, &wakes, reading, &settings_version);
    })?;
    Ok(vec![writing])
}

fn spawn(name: &str, path: &Path, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| StoreError::Open {
            database: path.display().to_string(),
            message: format!("cannot start a thread: {error}"),
        })
}

/// Tells SQLite to plan a statement once.
///
/// Otherwise it plans again each time a parameter is bound that could change the plan (a `LIMIT`, a comparison that
/// might match a partial index): a third of a trigger call's time in the database went into that.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn open_writer(path: &Path, durable: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", if durable { "full" } else { "off" })?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Applies what is missing, all in one transaction that also keeps others out.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::Open {
        database: path.display().to_string(),
        message: format!("migration failed: {error}"),
    };
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    tx.execute_batch(migrate::TABLE).map_err(failed)?;
    let applied: Vec<(i64, String)> = {
        let mut statement = tx.prepare(migrate::APPLIED).map_err(failed)?;
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)?
    };
    for migration in migrate::missing(&applied, |migration| migration.sqlite)? {
        tx.execute_batch(migration.sqlite).map_err(failed)?;
        tx.execute(
            "INSERT INTO schema_migrations (version, checksum) VALUES (?1, ?2)",
            (migration.version, checksum(migration.sqlite)),
        )
        .map_err(failed)?;
    }
    tx.commit().map_err(failed)
}

/// Serves reads, each in a transaction of its own so that it sees one snapshot.
fn read_loop(connection: &Connection, reads: &Mutex<mpsc::Receiver<Message>>) {
    let mut group = Vec::with_capacity(1);
    let mut wakes = Vec::new();
    loop {
        let taken = take_group(&mut reads.lock().unwrap_or_else(PoisonError::into_inner), 1, &mut group);
        if taken.is_none() {
            return;
        }
        for mut operation in group.drain(..) {
            if let Err(error) = tx::control(connection, "BEGIN") {
                operation.answer(Err(error));
                continue;
            }
            let _: Outcome = operation.run(&mut SqliteTx::new(connection, &mut wakes));
            // A read has nothing to commit; ending it cannot lose anything.
            let _ = tx::control(connection, "ROLLBACK");
            wakes.clear();
            operation.answer(Ok(()));
        }
    }
}
