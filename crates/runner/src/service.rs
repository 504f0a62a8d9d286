//! The runner as a service: slots that ask for jobs, and an end in good order.

mod slot;
mod startup;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, OnceCell, watch};
use tokio::task::JoinSet;

use crate::client::{Client, InvalidUrl};
use crate::config::Config;
use crate::job::Site;
use crate::keeper::announce;
use slot::Slot;

/// Time that jobs killed at the end get to report themselves.
const FAREWELL: Duration = Duration::from_secs(15);

/// The embedded runner.
#[derive(Debug)]
pub struct Runner;

/// A running runner; stop it with [`Handle::stop`], or its jobs are killed when it is dropped.
#[derive(Debug)]
pub struct Handle {
    orders: watch::Sender<Order>,
    slots: JoinSet<()>,
    active: Arc<ActiveJobs>,
}

/// Makes a runner ask the server about its jobs; see [`Handle::nudger`].
#[derive(Clone, Debug)]
pub struct Nudger(Arc<ActiveJobs>);

/// Why a runner could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The server's address cannot be used.
    #[error("{0}")]
    Url(String),
    /// A folder cannot be made or used.
    #[error("runner folder `{path}`: {source}")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Jobs cannot run as the wanted user.
    #[error("jobs cannot run as `{user}`: {reason}")]
    User {
        /// The user.
        user: String,
        /// Why not.
        reason: String,
    },
    /// There is no shell.
    #[error("no shell: {0}")]
    Shell(String),
}

impl From<InvalidUrl> for StartError {
    fn from(error: InvalidUrl) -> StartError {
        StartError::Url(error.to_string())
    }
}

/// What the slots are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// Take jobs.
    Work,
    /// Take no more jobs.
    Drain,
    /// Kill the jobs too.
    Kill,
}

/// The jobs at work, to be nudged.
#[derive(Debug, Default)]
struct ActiveJobs(Mutex<HashMap<i64, Arc<Notify>>>);

impl Runner {
    /// Starts a runner on the current tokio runtime. Jobs are asked for at once.
    ///
    /// # Errors
    ///
    /// When the settings cannot work on this machine; nothing runs then. That the server cannot
    /// be reached is no error: it is tried again for ever.
    pub fn start(config: Config) -> Result<Handle, StartError> {
        let prepared = startup::prepare(&config)?;
        let client = Arc::new(Client::new(
            &config.url,
            config.token.clone(),
            prepared.system_id.clone(),
            &prepared.shell_name,
        )?);
        let concurrency = config.concurrency;
        let site = Arc::new(Site::new(config, prepared));
        let active = Arc::new(ActiveJobs::default());
        let (orders, _) = watch::channel(Order::Work);
        let introduced = Arc::new(OnceCell::new());
        let mut slots = JoinSet::new();
        slots.spawn(announce(Arc::clone(&site)));
        for index in 0..concurrency {
            let slot = Slot::new(
                index,
                Arc::clone(&client),
                Arc::clone(&site),
                Arc::clone(&active),
                Arc::clone(&introduced),
                orders.subscribe(),
            );
            slots.spawn(slot.serve());
        }
        tracing::info!(concurrency, "runner `{}` asks for jobs", site.config.name);
        Ok(Handle { orders, slots, active })
    }

    /// Asks the server whether the runner's token is valid, before [starting](Runner::start).
    ///
    /// # Errors
    ///
    /// When the address cannot be used, or the server cannot be reached (the text says which).
    pub async fn verify(config: &Config) -> Result<bool, String> {
        let client = Client::new(&config.url, config.token.clone(), "r_verification0".to_owned(), "bash");
        client
            .map_err(|error| error.to_string())?
            .verify(false)
            .await
            .map_err(|error| error.to_string())
    }
}

impl Handle {
    /// Takes no more jobs, waits for the running ones, and kills what still runs after `deadline`.
    pub async fn stop(self, deadline: Duration) {
        self.stop_until(tokio::time::sleep(deadline)).await;
    }

    /// Takes no more jobs, waits for the running ones, and kills what still runs when `enough` is over.
    pub async fn stop_until(mut self, enough: impl Future<Output = ()>) {
        self.orders.send_replace(Order::Drain);
        tokio::select! {
            () = self.all_done() => return,
            () = enough => {}
        }
        self.orders.send_replace(Order::Kill);
        if tokio::time::timeout(FAREWELL, self.all_done()).await.is_err() {
            tracing::warn!("jobs did not report their end in time");
        }
    }

    /// Returns what makes the runner ask the server about a job at once.
    #[must_use]
    pub fn nudger(&self) -> Nudger {
        Nudger(Arc::clone(&self.active))
    }

    /// Returns the number of jobs at work.
    #[must_use]
    pub fn running_jobs(&self) -> usize {
        self.active.lock().len()
    }

    async fn all_done(&mut self) {
        while self.slots.join_next().await.is_some() {}
    }
}

impl Nudger {
    /// Whether the runner is at work on a job.
    #[must_use]
    pub fn is_running(&self, job_id: i64) -> bool {
        self.0.lock().contains_key(&job_id)
    }

    /// Makes the runner ask the server about a job at once instead of within seconds; call it when a job was canceled.
    pub fn nudge(&self, job_id: i64) {
        if let Some(nudge) = self.0.lock().get(&job_id) {
            nudge.notify_one();
        }
    }
}

impl ActiveJobs {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Arc<Notify>>> {
        self.0.lock().expect("nothing panics while holding it")
    }

    fn add(&self, id: i64) -> Arc<Notify> {
        let nudge = Arc::new(Notify::new());
        self.lock().insert(id, Arc::clone(&nudge));
        nudge
    }

    fn remove(&self, id: i64) {
        self.lock().remove(&id);
    }
}
