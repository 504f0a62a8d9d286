//! From entities to GitLab's JSON: one file per resource. Knows field values, not who may see them:
//! callers decide that and pass what is needed.

pub mod audit;
pub mod commit;
pub mod environment;
pub mod hook;
pub mod inbound;
pub mod job;
pub mod lint;
pub mod live;
pub mod pipeline;
pub mod project;
pub mod refs;
pub mod runner;
pub mod schedule;
pub mod status;
pub mod token;
pub mod trigger_log;
pub mod user;

use model::Timestamp;
use wire::Time;

/// Returns a moment for the wire.
#[must_use]
pub const fn time(moment: Timestamp) -> Time {
    Time(moment.0)
}

/// Returns a moment for the wire, if there is one.
#[must_use]
pub fn maybe_time(moment: Option<Timestamp>) -> Option<Time> {
    moment.map(time)
}
