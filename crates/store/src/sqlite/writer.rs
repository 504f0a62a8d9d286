//! The writer thread: takes what waits, gives each operation a savepoint, commits once, answers all.

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::tx::{SqliteTx, control};
use crate::error::StoreError;
use crate::operation::{Message, Operation, Outcome};
use crate::store::take_group;
use crate::wake::{self, Wake};

/// Most operations in one commit: enough to share a sync, few enough to keep the first from waiting long.
const GROUP: usize = 64;

/// Runs until the queue is closed and empty.
pub(crate) fn run(connection: Connection, mut writes: mpsc::Receiver<Message>, sender: &wake::Sender) {
    let mut group = Vec::with_capacity(GROUP);
    let mut wakes = Vec::new();
    while take_group(&mut writes, GROUP, &mut group).is_some() {
        wakes.clear();
        let result = commit_group(&connection, &mut group, &mut wakes);
        if result.is_ok() {
            wake::send(sender, &mut wakes);
        }
        for operation in group.drain(..) {
            operation.answer(result.clone());
        }
    }
    if let Err((_, error)) = connection.close() {
        tracing::error!(%error, "could not close the database");
    }
}

/// Runs the whole group in one transaction; after an `Err` nothing of it is in the database.
fn commit_group(
    connection: &Connection,
    group: &mut [Box<dyn Operation>],
    wakes: &mut Vec<Wake>,
) -> Result<(), StoreError> {
    control(connection, "BEGIN IMMEDIATE")?;
    let result = run_group(connection, group, wakes).and_then(|()| control(connection, "COMMIT"));
    // Some errors (a full disk) end the transaction by themselves.
    if result.is_err() && !connection.is_autocommit() {
        control(connection, "ROLLBACK")?;
    }
    result
}

fn run_group(
    connection: &Connection,
    group: &mut [Box<dyn Operation>],
    wakes: &mut Vec<Wake>,
) -> Result<(), StoreError> {
    for operation in group {
        let woken = wakes.len();
        control(connection, "SAVEPOINT operation")?;
        match run_one(connection, &mut **operation, wakes) {
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

fn run_one(connection: &Connection, operation: &mut dyn Operation, wakes: &mut Vec<Wake>) -> Outcome {
    let mut tx = SqliteTx::new(connection, wakes);
    let outcome = operation.run(&mut tx);
    match tx.failed.take() {
        Some(error) if outcome == Outcome::Keep => {
            operation.refuse(error);
            Outcome::Undo
        }
        _ => outcome,
    }
}
