//! The conformance suite of the store: the same cases on both databases.

mod fixture;
mod groups;
mod main_job;
mod statements;
