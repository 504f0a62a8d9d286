//! What people watch while it happens: a pipeline's jobs and its status, a job's log.
//!
//! A feed is level-triggered: it compares what is stored now with what its viewer was told, so a
//! viewer that is slow or was away misses steps in between, never the last state. What many view
//! is read once for all of them ([`Shared`](shared::Shared)); a viewer itself keeps a position.
//!
//! Every viewer is checked when it opens a feed, again whenever a token, a session, a user or a membership
//! is taken away (on any server), and at every heartbeat; one that may not look any more is shown the door in
//! the middle of the feed. So what ends by itself (a token, session or membership that expires, a project that
//! becomes private) ends its streams within [`Pace::heartbeat`], 15 seconds, and everything else at once. What
//! happens to a pipeline costs no check.

mod attention;
mod follow;
mod hub;
mod pieces;
mod pipeline;
mod shared;
mod trace;
mod viewer;

pub use follow::{Follow, Told};
pub use hub::{Live, Pace, run};
pub use pieces::Piece;
pub use pipeline::{Event, Opening, PipelineFeed, Snapshot, is_over};
pub use trace::{Growth, TraceEvent, TraceFeed};
pub use viewer::{Viewer, status};
