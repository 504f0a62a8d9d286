//! The conformance suite of the store: the same cases on both databases.

mod accounts;
mod commits;
mod crash;
mod fixture;
mod groups;
mod main_job;
mod projects;
mod servers;
mod statements;
