//! One connection with its prepared statements, made anew when it breaks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::postgres::{Client, Config, Error, NoTls, Statement};

use super::tx::{Fault, error};
use crate::error::StoreError;

/// Where and how to connect.
pub(crate) struct Target {
    config: Config,
    durable: bool,
    /// The address without its password.
    pub(crate) shown: String,
}

/// What a connection is for; decides its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Runs groups of operations.
    Writer,
    /// Runs reads.
    Reader,
    /// Migrates, listens.
    Plain,
}

/// How long one attempt to connect may take, unless the address says otherwise.
const CONNECT: Duration = Duration::from_secs(10);

/// After this time of silence the system asks whether the other end still lives.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Pauses between attempts to connect anew: a restart of the server takes about that long.
const PAUSES: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Prepared statements kept per connection; lists with filters make more than there are statics.
const STATEMENTS: usize = 512;

impl Target {
    pub(crate) fn parse(address: &str, durable: bool, shown: &str) -> Result<Target, StoreError> {
        let mut config: Config = address.parse().map_err(|error: Error| StoreError::Open {
            database: shown.to_owned(),
            message: format!("the address is not valid: {error}"),
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("tripline");
        }
        config.keepalives_idle(KEEPALIVE);
        Ok(Target {
            config,
            durable,
            shown: shown.to_owned(),
        })
    }

    /// Opens a connection and sets it up.
    pub(crate) fn connect(&self, role: Role) -> Result<Client, Error> {
        let mut client = self.config.connect(NoTls)?;
        // Without fsync at every commit a crash of PostgreSQL may lose the last answers: only for tests.
        let commit = if self.durable { "on" } else { "off" };
        client.batch_execute(&format!(
            "SET synchronous_commit = {commit}; SET client_min_messages = warning"
        ))?;
        if role == Role::Writer {
            // What writers run goes by keys: planning it anew for each array of rows only costs time.
            client.batch_execute(&format!(
                "SET lock_timeout = '{GROUP_LOCK_TIMEOUT_MS}ms'; SET plan_cache_mode = force_generic_plan"
            ))?;
        }
        Ok(client)
    }

    pub(crate) fn failed(&self, error: &Error) -> StoreError {
        StoreError::Open {
            database: self.shown.clone(),
            message: describe(error),
        }
    }
}

/// Longest wait for a lock while several operations share a transaction: two groups may wait for each
/// other, and this ends it sooner than PostgreSQL's own search for deadlocks. Then each runs alone.
const GROUP_LOCK_TIMEOUT_MS: u32 = 400;

/// Returns the whole chain of an error: the driver's own text says only "db error".
pub(crate) fn describe(error: &Error) -> String {
    use std::error::Error as _;
    match (error.as_db_error(), error.source()) {
        (Some(db), _) => db.to_string(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// A connection that is made when it is needed.
pub(crate) struct Link {
    target: Arc<Target>,
    role: Role,
    client: Option<Client>,
    statements: HashMap<String, Statement>,
}

impl Link {
    /// Makes a link without a connection yet.
    pub(crate) fn new(target: Arc<Target>, role: Role) -> Link {
        Link {
            target,
            role,
            client: None,
            statements: HashMap::new(),
        }
    }

    /// Returns the connection, a new one when the old one broke. Waits while the server restarts.
    fn client(&mut self) -> Result<&mut Client, StoreError> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.client = None;
            self.statements.clear();
            self.client = Some(self.connect_again()?);
        }
        Ok(self.client.as_mut().expect("set above when it was missing"))
    }

    fn connect_again(&self) -> Result<Client, StoreError> {
        let mut message = String::new();
        for pause in PAUSES {
            std::thread::sleep(pause);
            match self.target.connect(self.role) {
                Ok(client) => return Ok(client),
                Err(error) => message = describe(&error),
            }
        }
        Err(StoreError::Disconnected { message })
    }

    /// Forgets the connection; the next use makes a new one.
    pub(crate) fn forget(&mut self) {
        self.client = None;
        self.statements.clear();
    }

    /// Runs one or more of the statements that begin and end transactions and savepoints.
    pub(crate) fn control(&mut self, text: &str) -> Result<(), (Option<Fault>, StoreError)> {
        let client = self.client().map_err(|error| (None, error))?;
        match client.batch_execute(text) {
            Ok(()) => Ok(()),
            Err(failure) => {
                let (fault, error) = error(text, &failure);
                if fault == Some(Fault::Lost) {
                    self.forget();
                }
                Err((fault, error))
            }
        }
    }

    /// Returns the open connection inside a transaction and the prepared statement.
    pub(crate) fn prepared(&mut self, text: &str) -> Result<(&mut Client, Statement), Option<Error>> {
        // In a transaction a new connection would be another one: it is not made here.
        let client = self.client.as_mut().ok_or(None)?;
        if let Some(statement) = self.statements.get(text) {
            return Ok((client, statement.clone()));
        }
        let statement = client.prepare(text).map_err(Some)?;
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(text.to_owned(), statement.clone());
        Ok((client, statement))
    }
}
