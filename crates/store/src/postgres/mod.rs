//! The PostgreSQL driver: a few writer threads with group commit, a few readers, one listener.
//!
//! The synchronous client runs on the store's own threads. Each writer has a queue of its own, so
//! that operations on one project, which want the same row locks, meet in one transaction instead
//! of waiting for each other in two. A broken connection is made anew; what was not committed is
//! run again.

mod link;
mod listen;
mod migrate;
mod tx;
mod writer;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::error::StoreError;
use crate::operation::{Message, Operation};
use crate::store::{Database, Ends, take_group};
use link::{Link, Role, Target};
use tx::{Fault, PostgresTx};

/// Connects, migrates and starts the threads; one writer for each queue in `ends`.
pub(crate) fn start(
    address: &str,
    durable: bool,
    readers: usize,
    ends: Ends,
) -> Result<Vec<JoinHandle<()>>, StoreError> {
    // Each connection drives a runtime of its own, which cannot start on a thread that is inside another:
    // the caller's usually is.
    std::thread::scope(|scope| {
        let started = scope
            .spawn(|| connect_and_start(address, durable, readers, ends))
            .join();
        started.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn connect_and_start(
    address: &str,
    durable: bool,
    readers: usize,
    ends: Ends,
) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let shown = Database::Postgres(address.to_owned()).to_string();
    let target = Arc::new(Target::parse(address, durable, &shown)?);
    migrate::run(
        &mut target.connect(Role::Plain).map_err(|error| target.failed(&error))?,
        &target,
    )?;

    let Ends { writes, reads, wakes } = ends;
    let origin = RandomState::new().hash_one(std::process::id());
    let closing = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::with_capacity(writes.len() + readers + 1);
    for (number, queue) in writes.into_iter().enumerate() {
        let link = Link::new(Arc::clone(&target), Role::Writer);
        let (wakes, closing) = (wakes.clone(), Arc::clone(&closing));
        let run = move || writer::run(link, queue, &wakes, origin, &closing);
        threads.push(spawn(&format!("db-write-{number}"), &target, run)?);
    }
    let reads = Arc::new(Mutex::new(reads));
    for number in 0..readers {
        let link = Link::new(Arc::clone(&target), Role::Reader);
        let reads = Arc::clone(&reads);
        threads.push(spawn(&format!("db-read-{number}"), &target, move || {
            read_loop(link, &reads)
        })?);
    }
    let listener = listen::connect(&target).map_err(|error| target.failed(&error))?;
    let listening = Arc::clone(&target);
    threads.push(spawn("db-listen", &target, move || {
        listen::run(listener, &listening, origin, &wakes, &closing)
    })?);
    Ok(threads)
}

fn spawn(name: &str, target: &Target, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| StoreError::Open {
            database: target.shown.clone(),
            message: format!("cannot start a thread: {error}"),
        })
}

/// Serves reads, each in a read-only transaction that sees one snapshot.
fn read_loop(mut link: Link, reads: &Mutex<mpsc::Receiver<Message>>) {
    let mut group = Vec::with_capacity(1);
    loop {
        let taken = take_group(&mut reads.lock().unwrap_or_else(PoisonError::into_inner), 1, &mut group);
        if taken.is_none() {
            return;
        }
        for mut operation in group.drain(..) {
            let end = read(&mut link, &mut *operation);
            operation.answer(end);
        }
    }
}

/// How often a read is run again on a new connection.
const READ_ATTEMPTS: usize = 3;

fn read(link: &mut Link, operation: &mut dyn Operation) -> Result<(), StoreError> {
    let mut wakes = Vec::new();
    let mut end = Ok(());
    for _ in 0..READ_ATTEMPTS {
        end = match link.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") {
            Ok(()) => Ok(()),
            Err((Some(Fault::Lost), error)) => {
                end = Err(error);
                continue;
            }
            Err((_, error)) => return Err(error),
        };
        let mut tx = PostgresTx::new(link, &mut wakes);
        operation.run(&mut tx);
        let fault = tx.fault;
        // A read has nothing to commit; if ending it fails, the next one gets a new connection.
        let _ = link.control("ROLLBACK");
        if fault.is_none() {
            break;
        }
    }
    // After a fault the operation itself has the last error as its result.
    end
}
