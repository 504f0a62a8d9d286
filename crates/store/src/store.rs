//! The handle that everybody shares: opens the database, passes operations to its threads.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use model::ProjectId;
use tokio::sync::{broadcast, mpsc};

use crate::error::StoreError;
use crate::operation::{Message, Operation, boxed};
use crate::tx::Tx;
use crate::wake::{self, Wake};
use crate::{postgres, sqlite};

/// Operations that may wait for a database thread; further callers wait for a free place.
const QUEUE: usize = 1024;

/// Where the data is.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file, made when it does not exist; its folder must exist.
    Sqlite(PathBuf),
    /// An address, `postgres://user:password@host/database`.
    Postgres(String),
}

/// How to open the store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the data is.
    pub database: Database,
    /// Number of threads that read, at least 1.
    pub readers: usize,
    /// Number of threads that write, at least 1; SQLite always has one.
    pub writers: usize,
    /// Whether an answered write survives a loss of power. Only tests and throw-away servers say no.
    pub durable: bool,
}

impl Options {
    /// The usual options for a database.
    #[must_use]
    pub const fn new(database: Database) -> Options {
        Options {
            database,
            readers: 3,
            writers: 4,
            durable: true,
        }
    }

    /// The usual options for a SQLite file.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Options {
        Options::new(Database::Sqlite(path.into()))
    }

    /// The usual options for a PostgreSQL address.
    #[must_use]
    pub fn postgres(address: impl Into<String>) -> Options {
        Options::new(Database::Postgres(address.into()))
    }
}

impl Database {
    /// Reads what an administrator writes: `postgres://…` or `postgresql://…`, otherwise a path, with or without `sqlite:` in front.
    #[must_use]
    pub fn parse(text: &str) -> Database {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Database::Postgres(text.to_owned());
        }
        let path = text
            .strip_prefix("sqlite://")
            .or_else(|| text.strip_prefix("sqlite:"))
            .unwrap_or(text);
        Database::Sqlite(Path::new(path).to_owned())
    }
}

impl fmt::Display for Database {
    /// Shows the path, or the address without its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => path.display().fmt(f),
            Database::Postgres(address) => f.write_str(&without_password(address)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Cuts the password and the parameters (where one may also stand) out of an address.
fn without_password(address: &str) -> String {
    let address = address.split('?').next().unwrap_or_default();
    let Some((scheme, rest)) = address.split_once("://") else {
        return "postgres".to_owned();
    };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        None => address.to_owned(),
    }
}

/// The open database. Clones share it; it closes when [`Store::close`] is called or the last clone goes.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// One queue for each writer thread.
    writes: Vec<mpsc::Sender<Message>>,
    turn: AtomicUsize,
    reads: mpsc::Sender<Message>,
    wakes: wake::Sender,
    settings_version: Arc<AtomicU64>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    is_postgres: bool,
}

/// What a driver is given to start its threads with.
pub(crate) struct Ends {
    pub(crate) writes: Vec<mpsc::Receiver<Message>>,
    pub(crate) reads: mpsc::Receiver<Message>,
    pub(crate) wakes: wake::Sender,
}

impl Store {
    /// Opens the database, brings its schema up to date and starts its threads. Blocks; call it before serving.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`] when it cannot be reached or read, [`StoreError::NewerSchema`] and
    /// [`StoreError::ChangedMigration`] when it is not for this program.
    pub fn open(options: &Options) -> Result<Store, StoreError> {
        let writers = match options.database {
            Database::Sqlite(_) => 1,
            Database::Postgres(_) => options.writers.max(1),
        };
        let (write_senders, writes) = (0..writers).map(|_| mpsc::channel(QUEUE)).unzip();
        let (read_sender, reads) = mpsc::channel(QUEUE);
        let (wakes, _) = broadcast::channel(wake::CAPACITY);
        let ends = Ends {
            writes,
            reads,
            wakes: wakes.clone(),
        };
        let readers = options.readers.max(1);
        let settings_version = Arc::new(AtomicU64::new(0));
        let (threads, is_postgres) = match &options.database {
            Database::Sqlite(path) => (
                sqlite::start(path, options.durable, readers, ends, Arc::clone(&settings_version))?,
                false,
            ),
            Database::Postgres(address) => (postgres::start(address, options.durable, readers, ends)?, true),
        };
        Ok(Store {
            inner: Arc::new(Inner {
                writes: write_senders,
                turn: AtomicUsize::new(0),
                reads: read_sender,
                wakes,
                settings_version,
                threads: Mutex::new(threads),
                is_postgres,
            }),
        })
    }

    /// Runs `op` in a transaction that may write; returns after the commit is durable.
    ///
    /// Operations that wait together share one commit; an `Err` or a panic rolls back this one only.
    /// The closure may run more than once, each run after a complete rollback of the one before: when another
    /// one of its commit fails, or PostgreSQL breaks a deadlock or loses the connection. It must not have
    /// effects beyond `tx`.
    ///
    /// # Errors
    ///
    /// The closure's own; or a [`StoreError`] when the commit failed, and then nothing was written
    /// (but see [`StoreError::CommitUnknown`]).
    pub async fn write<T, E, F>(&self, op: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        run(self.emptiest_writer(), op).await
    }

    /// As [`write`](Store::write), for an operation on the pipelines and jobs of one project.
    ///
    /// Operations on one project go to one writer, so that they share a commit instead of waiting for
    /// each other's row locks. It matters on PostgreSQL under load; it never changes a result.
    ///
    /// # Errors
    ///
    /// As [`write`](Store::write).
    pub async fn write_for<T, E, F>(&self, project: ProjectId, op: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let writers = &self.inner.writes;
        let index = usize::try_from(project.0.unsigned_abs()).unwrap_or_default() % writers.len();
        run(&writers[index], op).await
    }

    /// Runs `op` on a read-only connection, on one consistent snapshot that includes every write answered before.
    ///
    /// # Errors
    ///
    /// The closure's own, or a [`StoreError`].
    pub async fn read<T, E, F>(&self, op: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        run(&self.inner.reads, op).await
    }

    /// As [`write`](Store::write), for callers outside of async code; panics inside of it.
    ///
    /// # Errors
    ///
    /// As [`write`](Store::write).
    pub fn write_blocking<T, E, F>(&self, op: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        run_blocking(self.emptiest_writer(), op)
    }

    /// As [`read`](Store::read), for callers outside of async code; panics inside of it.
    ///
    /// # Errors
    ///
    /// As [`read`](Store::read).
    pub fn read_blocking<T, E, F>(&self, op: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        run_blocking(&self.inner.reads, op)
    }

    /// Returns a receiver of wake-ups from now on. Register first, then query, then wait.
    #[must_use]
    pub fn wakes(&self) -> broadcast::Receiver<Wake> {
        self.inner.wakes.subscribe()
    }

    /// Returns a number that changes with every answered write to anything but pipelines, jobs, runners and sessions.
    ///
    /// What was read after asking for it still holds while it is the same: projects, people, roles, tokens,
    /// variables, protected refs. Writes of another process are noticed with the next write of this one. `None` on
    /// PostgreSQL, where other servers may write.
    #[must_use]
    pub fn settings_version(&self) -> Option<u64> {
        (!self.inner.is_postgres).then(|| self.inner.settings_version.load(Ordering::Acquire))
    }

    /// Whether this is PostgreSQL, and other servers may work on the same data.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.inner.is_postgres
    }

    /// Runs what is waiting, closes the database and waits for its threads; later calls get [`StoreError::Closed`].
    pub async fn close(&self) {
        // A queue that is closed already has nobody left to tell.
        for queue in &self.inner.writes {
            let _ = queue.send(Message::Close).await;
        }
        let _ = self.inner.reads.send(Message::Close).await;
        let threads = self.take_threads();
        let joined = tokio::task::spawn_blocking(move || join(threads)).await;
        if let Err(error) = joined {
            tracing::error!(%error, "could not wait for the database threads");
        }
    }

    /// As [`close`](Store::close), for callers outside of async code; panics inside of it.
    pub fn close_blocking(&self) {
        for queue in &self.inner.writes {
            let _ = queue.blocking_send(Message::Close);
        }
        let _ = self.inner.reads.blocking_send(Message::Close);
        join(self.take_threads());
    }

    /// Returns the writer with the fewest operations waiting, equal ones in turn.
    fn emptiest_writer(&self) -> &mpsc::Sender<Message> {
        let writers = &self.inner.writes;
        let turn = self.inner.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = (0..writers.len()).map(|step| &writers[turn.wrapping_add(step) % writers.len()]);
        in_turn.max_by_key(|queue| queue.capacity()).unwrap_or(&writers[0])
    }

    fn take_threads(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(
            &mut *self
                .inner
                .threads
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("is_postgres", &self.inner.is_postgres)
            .finish_non_exhaustive()
    }
}

async fn run<T, E, F>(queue: &mpsc::Sender<Message>, op: F) -> Result<T, E>
where
    F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    E: From<StoreError> + Send + 'static,
    T: Send + 'static,
{
    let (operation, answer) = boxed(op);
    queue
        .send(Message::Run(operation))
        .await
        .map_err(|_| StoreError::Closed)?;
    answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
}

fn run_blocking<T, E, F>(queue: &mpsc::Sender<Message>, op: F) -> Result<T, E>
where
    F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    E: From<StoreError> + Send + 'static,
    T: Send + 'static,
{
    let (operation, answer) = boxed(op);
    queue
        .blocking_send(Message::Run(operation))
        .map_err(|_| StoreError::Closed)?;
    answer
        .blocking_recv()
        .unwrap_or_else(|_| Err(StoreError::Closed.into()))
}

/// Waits for threads to end.
pub(crate) fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a database thread panicked");
        }
    }
}

/// Takes the next operation and, up to `limit`, those that wait behind it. `None`: the thread should end.
pub(crate) fn take_group(
    queue: &mut mpsc::Receiver<Message>,
    limit: usize,
    group: &mut Vec<Box<dyn Operation>>,
) -> Option<()> {
    loop {
        // Waits only for the first one; there are no timers.
        let next = if group.is_empty() {
            queue.blocking_recv()?
        } else {
            match queue.try_recv() {
                Ok(next) => next,
                Err(_) => return Some(()),
            }
        };
        match next {
            Message::Run(operation) => group.push(operation),
            // What is in the queue is still run, nothing further gets in; then it says "ended" to every thread.
            Message::Close => queue.close(),
        }
        if group.len() == limit {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (address, shown) in [
            ("postgres://u:secret@h:1/d?password=x", "postgres://u@h:1/d"),
            ("postgres://u:p@ss@h/d", "postgres://u@h/d"),
            ("postgres:///d?host=/tmp", "postgres:///d"),
        ] {
            assert_eq!(Database::parse(address).to_string(), shown);
        }
    }

    #[test]
    fn anything_else_is_a_path() {
        for text in ["sqlite:///a/b.db", "sqlite:/a/b.db", "/a/b.db"] {
            assert_eq!(Database::parse(text), Database::Sqlite("/a/b.db".into()), "{text}");
        }
    }
}
