//! What every viewer minds besides what it views: signs of life, its permission, the server's end.

use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior};

use super::hub::Live;
use crate::error::Result;

/// One viewer's place.
#[derive(Debug)]
pub(super) struct Attention {
    heartbeat: Interval,
    access: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

/// What calls for attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// It is time for a sign of life, and to check the permission.
    Heartbeat,
    /// The permission may have changed.
    Check,
    /// The server stops.
    Stop,
}

impl Attention {
    /// Takes a place.
    ///
    /// # Errors
    ///
    /// 429 when there is none.
    pub(super) fn new(live: &Live) -> Result<Attention> {
        let start = tokio::time::Instant::now() + live.pace.heartbeat;
        let mut heartbeat = tokio::time::interval_at(start, live.pace.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Attention {
            heartbeat,
            access: live.access(),
            stopped: live.stopped(),
            _place: live.place()?,
        })
    }

    /// Waits until something calls. May be dropped and called again.
    pub(super) async fn called(&mut self) -> Call {
        tokio::select! {
            // A sender that is gone means that the server is, too.
            _ = self.stopped.wait_for(|stopped| *stopped) => Call::Stop,
            changed = self.access.changed() => if changed.is_ok() { Call::Check } else { Call::Stop },
            _ = self.heartbeat.tick() => Call::Heartbeat,
        }
    }
}
