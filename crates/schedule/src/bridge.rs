//! What a bridge becomes because of its downstream pipeline.

use model::{JobEvent, Status};

/// How a bridge follows its downstream pipeline (`trigger:strategy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Not written: creating it is enough.
    None,
    /// The bridge ends when the downstream ends.
    Depend,
    /// The bridge has the downstream's status.
    Mirror,
}

impl Strategy {
    /// Reads the word of the configuration; an unknown one (which the compiler refuses) counts as not written.
    #[must_use]
    pub fn from_word(word: Option<&str>) -> Strategy {
        match word {
            Some("depend") => Strategy::Depend,
            Some("mirror") => Strategy::Mirror,
            _ => Strategy::None,
        }
    }
}

/// What becomes of a running bridge whose downstream pipeline has this status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// It stays as it is.
    Stay,
    /// This event happens to it; its `failure_reason` stays empty.
    Event(JobEvent),
    /// It takes over a status that no event of its own leads to (`mirror` only).
    Mirror(Status),
}

/// Decides what a bridge becomes. Without a strategy it has ended when the downstream was created.
#[must_use]
pub const fn follow(strategy: Strategy, downstream: Status) -> Follow {
    use Status as S;
    match (strategy, downstream) {
        (Strategy::None, _) | (_, S::Success) => Follow::Event(JobEvent::Succeed),
        (_, S::Canceled) => Follow::Event(JobEvent::Cancel { graceful: false }),
        (_, S::Failed) | (Strategy::Depend, S::Skipped) => Follow::Event(JobEvent::Drop),
        (Strategy::Mirror, S::Manual | S::Skipped) => Follow::Mirror(downstream),
        _ => Follow::Stay,
    }
}
