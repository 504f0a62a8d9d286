//! Repositories on disk: reading, writing, attaching; results are checked with the real git where it matters.

mod fixture;
mod history;
mod read;
mod refs;
mod serve;
mod speed;
mod write;
