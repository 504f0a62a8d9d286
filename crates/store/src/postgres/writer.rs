//! A writer thread: takes what waits, runs it in one transaction, commits once, answers all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use super::link::Link;
use super::listen::CHANNEL;
use super::tx::{Fault, PostgresTx};
use crate::error::StoreError;
use crate::operation::{Message, Operation, Outcome};
use crate::store::take_group;
use crate::wake::{self, Wake};

/// Most operations in one commit.
const GROUP: usize = 64;

/// How often a group is run again on a new connection, and an operation that others were in the way of.
const ATTEMPTS: u32 = 5;

/// Pause before it, times the number of attempts so far: lets the other one go first, or it happens again.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs until the queue is closed and empty.
pub(crate) fn run(
    mut link: Link,
    mut writes: mpsc::Receiver<Message>,
    sender: &wake::Sender,
    origin: u64,
    closing: &AtomicBool,
) {
    let mut writer = Writer {
        wakes: Vec::new(),
        sender,
        origin,
    };
    let mut group = Vec::with_capacity(GROUP);
    while take_group(&mut writes, GROUP, &mut group).is_some() {
        writer.run_and_answer(&mut link, &mut group);
    }
    closing.store(true, Ordering::Release);
    // The listener wakes up, sees that it is to end, and ends; without this it would see it a little later.
    let _ = link.control(&format!("NOTIFY {CHANNEL}, '{origin:x}'"));
}

struct Writer<'a> {
    wakes: Vec<Wake>,
    sender: &'a wake::Sender,
    origin: u64,
}

/// Why nothing of a transaction was written, and what to do about it.
enum Failure {
    /// Run it again.
    Again(Fault, StoreError),
    /// Tell the callers.
    Final(StoreError),
}

type Group = Vec<Box<dyn Operation>>;

impl Writer<'_> {
    /// Runs a group together; when others are in the way, each operation alone.
    fn run_and_answer(&mut self, link: &mut Link, group: &mut Group) {
        match self.attempt(link, group) {
            Err(Failure::Again(Fault::Conflict, _)) if group.len() > 1 => {
                for operation in group.drain(..) {
                    let mut alone = vec![operation];
                    let result = self.attempt(link, &mut alone);
                    answer(&mut alone, result);
                }
            }
            result => answer(group, result),
        }
    }

    /// Runs a group until it is committed or there is no hope.
    fn attempt(&mut self, link: &mut Link, group: &mut Group) -> Result<(), Failure> {
        let mut attempt = 1;
        loop {
            self.wakes.clear();
            let result = self.transaction(link, group);
            match result {
                Ok(()) => {
                    wake::send(self.sender, &mut self.wakes);
                    return Ok(());
                }
                Err(Failure::Again(Fault::Conflict, error)) if group.len() > 1 || attempt == ATTEMPTS => {
                    return Err(Failure::Again(Fault::Conflict, error));
                }
                Err(Failure::Again(_, error)) if attempt < ATTEMPTS => {
                    tracing::debug!(attempt, %error, "running a group of database operations again");
                    std::thread::sleep(PAUSE * attempt);
                }
                Err(failure) => return Err(failure),
            }
            attempt += 1;
        }
    }

    /// Runs the group in one transaction; after an `Err` nothing of it is in the database, except perhaps
    /// after [`StoreError::CommitUnknown`].
    ///
    /// First without savepoints, each a question to the server and back, because operations rarely fail.
    /// When one does, everything is rolled back and run again, each with a savepoint of its own.
    fn transaction(&mut self, link: &mut Link, group: &mut Group) -> Result<(), Failure> {
        let shared = group.len() > 1;
        control(
            link,
            if shared {
                "BEGIN"
            } else {
                "BEGIN; SET LOCAL lock_timeout = '10s'"
            },
        )?;
        for operation in &mut *group {
            if run_one(link, &mut **operation, &mut self.wakes)? == Outcome::Undo {
                self.wakes.clear();
                control(link, "ROLLBACK")?;
                return if shared { self.apart(link, group) } else { Ok(()) };
            }
        }
        self.commit(link)
    }

    /// Runs the group in one transaction, each operation in a savepoint.
    fn apart(&mut self, link: &mut Link, group: &mut Group) -> Result<(), Failure> {
        control(link, "BEGIN; SAVEPOINT operation")?;
        for operation in group {
            let woken = self.wakes.len();
            match run_one(link, &mut **operation, &mut self.wakes)? {
                Outcome::Keep => control(link, "RELEASE SAVEPOINT operation; SAVEPOINT operation")?,
                Outcome::Undo => {
                    self.wakes.truncate(woken);
                    control(link, "ROLLBACK TO SAVEPOINT operation")?;
                }
            }
        }
        self.commit(link)
    }

    /// Commits, and tells the other servers in the same message.
    fn commit(&mut self, link: &mut Link) -> Result<(), Failure> {
        self.wakes.sort_unstable();
        self.wakes.dedup();
        let text = if self.wakes.is_empty() {
            "COMMIT".to_owned()
        } else {
            // The payload is made of digits and a few letters: nothing in it needs quoting.
            format!("NOTIFY {CHANNEL}, '{}'; COMMIT", wake::encode(self.origin, &self.wakes))
        };
        match link.control(&text) {
            Ok(()) => Ok(()),
            Err((Some(Fault::Lost), error)) => Err(Failure::Final(StoreError::CommitUnknown {
                message: error.to_string(),
            })),
            Err((fault, error)) => {
                // The server refused: nothing is written. The connection may still be inside the transaction.
                link.forget();
                Err(fault.map_or(Failure::Final(error.clone()), |fault| Failure::Again(fault, error)))
            }
        }
    }
}

/// Runs one operation; an `Err` ends the whole transaction.
fn run_one(link: &mut Link, operation: &mut dyn Operation, wakes: &mut Vec<Wake>) -> Result<Outcome, Failure> {
    let mut tx = PostgresTx::new(link, wakes);
    let outcome = operation.run(&mut tx);
    let (fault, failed) = (tx.fault, tx.failed.take());
    match (fault, failed) {
        (Some(fault), error) => {
            if fault == Fault::Conflict {
                control(link, "ROLLBACK")?;
            }
            Err(Failure::Again(fault, error.unwrap_or(StoreError::Busy)))
        }
        (None, Some(error)) if outcome == Outcome::Keep => {
            operation.refuse(error);
            Ok(Outcome::Undo)
        }
        (None, _) => Ok(outcome),
    }
}

fn control(link: &mut Link, text: &str) -> Result<(), Failure> {
    link.control(text).map_err(|(fault, error)| match fault {
        Some(fault) => Failure::Again(fault, error),
        None => {
            // A transaction that cannot be ended in order is ended with its connection.
            link.forget();
            Failure::Final(error)
        }
    })
}

fn answer(group: &mut Group, result: Result<(), Failure>) {
    let result = result.map_err(|failure| match failure {
        Failure::Again(_, error) | Failure::Final(error) => error,
    });
    for operation in group.drain(..) {
        operation.answer(result.clone());
    }
}
