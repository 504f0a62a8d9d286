//! Decisions after a fact: what becomes of the pipeline, which job suits which runner.
//!
//! Pure functions over small views of jobs ([`JobState`]): facts go in, changes come out. The
//! caller reads all current jobs of a pipeline under a lock, asks here, and applies the answer
//! in the same transaction. Nothing here reads a clock, a database or a file, and nothing is
//! remembered between calls: calling twice with the same jobs changes nothing the second time.
//!
//! - [`advance()`]: what follows from the present state of the jobs. The heart of it.
//! - [`rerun`], [`cancel`]: what people ask for; followed by [`advance()`].
//! - [`auto_retry`], [`auto_cancel`], [`timeout`], [`resource`], [`bridge`], [`duration`]: single rules.
//! - [`matching`], [`hand_out`]: which runner may take which job, in which order, and if not, why.
//! - [`simulate`]: a pipeline in memory, for tables and "what if".

pub mod advance;
pub mod auto_cancel;
pub mod auto_retry;
pub mod bridge;
pub mod cancel;
pub mod duration;
mod graph;
pub mod hand_out;
pub mod job_state;
pub mod matching;
pub mod rerun;
pub mod resource;
pub mod simulate;
pub mod timeout;

pub use advance::{Before, Change, Decisions, advance};
pub use cancel::{cancel_job, cancel_pipeline};
pub use job_state::JobState;
pub use matching::{Mismatch, matches};
pub use rerun::{play, retry_job, retry_pipeline};
