//! Waking those who follow a trace live, within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::JobId;
use tokio::sync::watch;

/// How far a trace is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes stored.
    pub size: u64,
    /// Whether the job has sent everything.
    pub finished: bool,
}

/// Follows one trace.
///
/// Register first, then read what is there, then wait: nothing is missed. Bytes that another
/// process stores wake nobody here; whoever must not miss them looks again after a while.
#[derive(Debug)]
pub struct Watch {
    receiver: watch::Receiver<Progress>,
}

impl Watch {
    /// Waits until the trace has changed since the last call; returns how far it is.
    ///
    /// Calls in quick succession may see several changes as one.
    pub async fn changed(&mut self) -> Progress {
        if self.receiver.changed().await.is_err() {
            // The other end lives as long as all watches do; should that ever break, waiting forever is the calm answer.
            std::future::pending::<()>().await;
        }
        *self.receiver.borrow_and_update()
    }
}

/// Who watches which trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watches {
    senders: Arc<Mutex<HashMap<JobId, watch::Sender<Progress>>>>,
}

/// Forgotten watches are removed when the table has grown to this many entries, and again at each doubling.
const SWEEP_AT: usize = 64;

impl Watches {
    pub(crate) fn watch(&self, job: JobId) -> Watch {
        let mut senders = self.lock();
        if senders.len() >= SWEEP_AT && senders.len().is_power_of_two() {
            senders.retain(|_, sender| sender.receiver_count() > 0);
        }
        let sender = senders
            .entry(job)
            .or_insert_with(|| watch::Sender::new(Progress::default()));
        Watch {
            receiver: sender.subscribe(),
        }
    }

    pub(crate) fn is_watched(&self, job: JobId) -> bool {
        self.lock().get(&job).is_some_and(|sender| sender.receiver_count() > 0)
    }

    pub(crate) fn tell(&self, job: JobId, progress: Progress) {
        let mut senders = self.lock();
        let Some(sender) = senders.get(&job) else { return };
        match sender.receiver_count() {
            0 => drop(senders.remove(&job)),
            _ => drop(sender.send_replace(progress)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, watch::Sender<Progress>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
