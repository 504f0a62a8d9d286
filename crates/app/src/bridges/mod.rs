//! Bridges: jobs that start downstream pipelines, and take over what becomes of them.
//!
//! A pending bridge is the order to create a pipeline: the row in the database is the queue, what
//! is in memory only says where to look ([`Queue`]), and the sweep finds what a dying server left
//! behind. The new pipeline, the bridge's new status and what follows from it are one transaction
//! under the lock of the bridge's pipeline, which also looks whether the bridge is still pending:
//! so each bridge gets exactly one pipeline, however many servers are at work on it.
//!
//! - [`start()`]: one bridge from pending to its pipeline, or to the reason why there is none.
//! - [`follow`]: a bridge takes over the status of its pipeline (`strategy`).
//! - `mirror`: a bridge without `trigger` follows a pipeline that it did not start (`needs:pipeline`).

mod create;
pub mod follow;
mod mirror;
mod origin;
mod queue;
mod start;
mod target;
mod variables;

pub use queue::{Queue, run, start_all};
pub use start::start;
