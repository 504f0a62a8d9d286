//! Whether a runner is there: `online`, `offline`, `stale`, `never_contacted`.

use std::time::Duration;

use model::Timestamp;
use store::ops::runners::Standing;

/// A runner that was heard of within this time is online.
pub const ONLINE_FOR: Duration = Duration::from_secs(2 * 3600);

/// A runner that was not heard of for this time is stale.
pub const STALE_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// GitLab's four words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Heard of lately.
    Online,
    /// Not lately, but once.
    Offline,
    /// Not for a week.
    Stale,
    /// Never yet.
    NeverContacted,
}

impl State {
    /// Returns the state of a runner or one of its processes.
    #[must_use]
    pub fn of(contacted_at: Option<Timestamp>, created_at: Timestamp, now: Timestamp) -> State {
        match contacted_at {
            Some(at) if now.since(at) < ONLINE_FOR => State::Online,
            Some(at) if now.since(at) < STALE_AFTER => State::Offline,
            None if now.since(created_at) < STALE_AFTER => State::NeverContacted,
            _ => State::Stale,
        }
    }

    /// Returns the word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Online => "online",
            State::Offline => "offline",
            State::Stale => "stale",
            State::NeverContacted => "never_contacted",
        }
    }

    /// Returns what finds runners in this state. As in GitLab a stale runner is found as an offline or silent one too.
    #[must_use]
    pub fn filter(self, now: Timestamp) -> Standing {
        match self {
            State::Online => Standing::HeardAfter(now - ONLINE_FOR),
            State::Offline => Standing::HeardUntil(now - ONLINE_FOR),
            State::Stale => Standing::SilentSince(now - STALE_AFTER),
            State::NeverContacted => Standing::Never,
        }
    }
}
