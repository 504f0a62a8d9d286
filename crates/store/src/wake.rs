//! Wake-ups: "something changed, look again". They carry no data, so losing one costs a poll, not a job.

use model::{JobId, PipelineId, ProjectId};
use tokio::sync::broadcast;

/// What changed. Sent after the commit that changed it, to every server on the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wake {
    /// Anything may have changed: wake-ups were lost.
    Everything,
    /// There are jobs to claim.
    JobsPending,
    /// A job changed.
    Job(JobId),
    /// A pipeline changed.
    Pipeline(PipelineId),
    /// A project got or lost a pipeline.
    Project(ProjectId),
    /// Somebody may do less than before: a token was revoked, a member removed, a user blocked.
    Access,
    /// There is something to tell webhooks.
    Hooks,
}

/// Wake-ups kept for a slow receiver; one that is further behind is told [`RecvError::Lagged`](broadcast::error::RecvError).
pub(crate) const CAPACITY: usize = 1024;

/// The sending half that the drivers share.
pub(crate) type Sender = broadcast::Sender<Wake>;

/// Longest NOTIFY payload in bytes; PostgreSQL refuses 8000 and more.
const PAYLOAD: usize = 7900;

/// Sorts a group's wake-ups and drops the doubles, then sends them.
pub(crate) fn send(sender: &Sender, wakes: &mut Vec<Wake>) {
    wakes.sort_unstable();
    wakes.dedup();
    for wake in wakes.drain(..) {
        // No receiver is no error: nobody waits.
        let _ = sender.send(wake);
    }
}

/// Writes wake-ups as the payload of one NOTIFY.
pub(crate) fn encode(origin: u64, wakes: &[Wake]) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{origin:x}");
    for wake in wakes {
        let written = match wake {
            Wake::Everything => write!(text, " *"),
            Wake::JobsPending => write!(text, " q"),
            Wake::Job(id) => write!(text, " j{id}"),
            Wake::Pipeline(id) => write!(text, " p{id}"),
            Wake::Project(id) => write!(text, " r{id}"),
            Wake::Access => write!(text, " a"),
            Wake::Hooks => write!(text, " h"),
        };
        written.expect("writing to a String cannot fail");
        if text.len() > PAYLOAD {
            return format!("{origin:x} *");
        }
    }
    text
}

/// Reads a payload; `None` when `origin` itself sent it. What a newer release sent counts as [`Wake::Everything`].
pub(crate) fn decode(origin: u64, payload: &str) -> Option<Vec<Wake>> {
    let mut words = payload.split(' ');
    if words.next() == Some(&format!("{origin:x}")) {
        return None;
    }
    Some(words.map(|word| decode_one(word).unwrap_or(Wake::Everything)).collect())
}

fn decode_one(word: &str) -> Option<Wake> {
    match word {
        "q" => return Some(Wake::JobsPending),
        "a" => return Some(Wake::Access),
        "h" => return Some(Wake::Hooks),
        _ => {}
    }
    let (kind, id) = (word.get(..1)?, word.get(1..)?.parse().ok()?);
    match kind {
        "j" => Some(Wake::Job(JobId(id))),
        "p" => Some(Wake::Pipeline(PipelineId(id))),
        "r" => Some(Wake::Project(ProjectId(id))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_says_what_was_sent() {
        let wakes = [
            Wake::Everything,
            Wake::JobsPending,
            Wake::Job(JobId(7)),
            Wake::Pipeline(PipelineId(8)),
            Wake::Access,
            Wake::Hooks,
        ];
        assert_eq!(decode(2, &encode(1, &wakes)), Some(wakes.to_vec()));
        assert_eq!(decode(1, &encode(1, &wakes)), None);
    }

    #[test]
    fn a_payload_that_would_be_too_long_says_everything() {
        let wakes: Vec<Wake> = (0..2000).map(|n| Wake::Job(JobId(1_000_000 + n))).collect();
        assert_eq!(decode(2, &encode(1, &wakes)), Some(vec![Wake::Everything]));
    }

    #[test]
    fn words_of_a_newer_release_say_everything() {
        assert_eq!(
            decode(2, "1 z9 j5 \u{e9}"),
            Some(vec![Wake::Everything, Wake::Job(JobId(5)), Wake::Everything])
        );
    }
}
