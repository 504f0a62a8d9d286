//! The writer thread: takes what waits, runs it in one transaction, commits once, answers all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::tx::{SqliteTx, control};
use crate::error::StoreError;
use crate::operation::{Message, Operation, Outcome};
use crate::store::{join, take_group};
use crate::wake::{self, Wake};

/// Most operations in one commit: enough to share a sync, few enough to keep the first from waiting long.
const GROUP: usize = 64;

/// Runs until the queue is closed and empty, then waits for the threads that read.
///
/// SQLite moves its log into the database file when the last connection closes, but only if that one may
/// write: a reader that stays longest would leave the log behind.
pub(crate) fn run(
    connection: Connection,
    mut writes: mpsc::Receiver<Message>,
    sender: &wake::Sender,
    readers: Vec<JoinHandle<()>>,
    settings_version: &AtomicU64,
) {
    let mut group = Vec::with_capacity(GROUP);
    let mut wakes = Vec::new();
    let mut seen = None;
    while take_group(&mut writes, GROUP, &mut group).is_some() {
        wakes.clear();
        let mut settings_changed = false;
        let result = commit_group(&connection, &mut group, &mut wakes, &mut settings_changed);
        // Counted after the commit and before the answers: who sees the old number may see new data, never the
        // new number with old data.
        if settings_changed | others_wrote(&connection, &mut seen) {
            settings_version.fetch_add(1, Ordering::AcqRel);
        }
        if result.is_ok() {
            wake::send(sender, &mut wakes);
        }
        for operation in group.drain(..) {
            operation.answer(result.clone());
        }
    }
    join(readers);
    if let Err((_, error)) = connection.close() {
        tracing::error!(%error, "could not close the database");
    }
}

/// Runs the whole group in one transaction; after an `Err` nothing of it is in the database.
///
/// First without savepoints: they cost a fifth of the time, and operations rarely fail. When one does,
/// everything is rolled back and run again, each with a savepoint of its own.
fn commit_group(
    connection: &Connection,
    group: &mut [Box<dyn Operation>],
    wakes: &mut Vec<Wake>,
    settings_changed: &mut bool,
) -> Result<(), StoreError> {
    let all_kept = transaction(connection, wakes, |wakes| {
        Ok(group
            .iter_mut()
            .all(|operation| run_one(connection, &mut **operation, wakes, settings_changed) == Outcome::Keep))
    })?;
    if !all_kept && group.len() > 1 {
        transaction(connection, wakes, |wakes| {
            run_apart(connection, group, wakes, settings_changed).map(|()| true)
        })?;
    }
    Ok(())
}

/// Whether another process (`tripline admin`) has written since `seen` was noted.
fn others_wrote(connection: &Connection, seen: &mut Option<i64>) -> bool {
    let version = connection
        .prepare_cached("PRAGMA data_version")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)));
    // Who cannot tell must assume that they did.
    let Ok(version) = version else { return true };
    seen.replace(version) != Some(version)
}

/// Begins a transaction and commits it when `run` says `true`, otherwise rolls it back.
fn transaction(
    connection: &Connection,
    wakes: &mut Vec<Wake>,
    run: impl FnOnce(&mut Vec<Wake>) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    control(connection, "BEGIN IMMEDIATE")?;
    let result = run(wakes).and_then(|keep| {
        if keep {
            control(connection, "COMMIT").map(|()| true)
        } else {
            Ok(false)
        }
    });
    if !matches!(result, Ok(true)) {
        wakes.clear();
        // Some errors (a full disk) end the transaction by themselves.
        if !connection.is_autocommit() {
            control(connection, "ROLLBACK")?;
        }
    }
    result
}

/// Runs each operation in a savepoint of its own.
fn run_apart(
    connection: &Connection,
    group: &mut [Box<dyn Operation>],
    wakes: &mut Vec<Wake>,
    settings_changed: &mut bool,
) -> Result<(), StoreError> {
    for operation in group {
        let woken = wakes.len();
        control(connection, "SAVEPOINT operation")?;
        match run_one(connection, &mut **operation, wakes, settings_changed) {
            Outcome::Keep => {}
            Outcome::Undo if connection.is_autocommit() => {
                return Err(StoreError::Database {
                    statement: "commit group".to_owned(),
                    message: "an error ended the transaction that this operation shared".to_owned(),
                });
            }
            Outcome::Undo => {
                wakes.truncate(woken);
                control(connection, "ROLLBACK TO operation")?;
            }
        }
        control(connection, "RELEASE operation")?;
    }
    Ok(())
}

fn run_one(
    connection: &Connection,
    operation: &mut dyn Operation,
    wakes: &mut Vec<Wake>,
    settings_changed: &mut bool,
) -> Outcome {
    let mut tx = SqliteTx::new(connection, wakes);
    let outcome = operation.run(&mut tx);
    // Also when it is rolled back: that costs somebody a look, no more.
    *settings_changed |= tx.settings_changed;
    match tx.failed.take() {
        Some(error) if outcome == Outcome::Keep => {
            operation.refuse(error);
            Outcome::Undo
        }
        _ => outcome,
    }
}
