//! Traces and artifacts: bytes too large for the database, in files found by id.
//!
//! A trace grows while its job runs and is read at the same time; an artifact arrives once and
//! never changes. No name that a user chose becomes part of a path: names, kinds and expiry are
//! rows of the database. The operations are those an object store can offer too, so that files are
//! the first implementation and not the last.
//!
//! All file work happens on tokio's blocking threads; locks are taken and released there.

mod artifacts;
mod error;
mod files;
mod reader;
mod traces;
mod watch;

pub use artifacts::{Artifacts, Staged, Upload};
pub use error::Error;
pub use reader::Reader;
pub use traces::{Append, Finished, Traces};
pub use watch::{Progress, Watch};
