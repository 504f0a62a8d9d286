//! The conformance suite of the store: the same cases on both databases.

mod accounts;
mod bridges;
mod commits;
mod crash;
mod environments;
mod fixture;
mod groups;
mod hooks;
mod idempotency;
mod inbound;
mod jobs;
mod main_job;
mod months;
mod pipelines;
mod projects;
mod queue;
mod runners;
mod schedules;
mod servers;
mod sessions;
mod statements;
mod trigger_chains;
mod trigger_log;
mod trigger_tokens;
