//! Repositories: find one, read it, write it, serve it.
//!
//! Reading and small writes happen in this process (gix); clones, fetches and pushes are served by
//! child processes of git. Everything that reads is synchronous: a lookup with a warm handle costs
//! microseconds, so a trigger calls it where it stands; walks over a whole tree or history belong
//! on a blocking thread. Only serving ([`serve`], [`push`]) needs tokio.
//!
//! This crate knows projects by id alone. It does not know users, permissions or pipelines: the
//! caller decides what may be read or pushed, and what a push means.

pub mod commit;
pub mod error;
pub mod names;
pub mod pktline;
pub mod push;
pub mod refs;
pub mod repositories;
pub mod repository;
pub mod serve;
pub mod tree;
pub mod write;

mod diff;
mod history;
mod listing;
mod log;
mod process;
mod receive;

pub use commit::{Commit, CommitTime, Signature};
pub use error::Error;
pub use listing::{EntryKind, TreeEntry};
pub use log::History;
pub use push::{PushCommand, PushOptions, PushRequest, Refusal};
pub use receive::Received;
pub use refs::{RefEntry, Resolution, Resolved, Tag};
pub use repositories::{Location, Repositories};
pub use repository::Repository;
pub use serve::{Caller, Limits, Output, Protocol, ServeError, Server, Service};
pub use tree::{BlobId, File, PathList};
pub use write::{Action, NewCommit};
