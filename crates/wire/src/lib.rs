//! Serde types of GitLab's HTTP APIs and nothing else: no HTTP, no rules, no defaults of ours.
//!
//! Core types are not `Serialize`; what strangers read or write is declared here and converted
//! (in `web`, `present`). Fields stand in GitLab's order.

pub mod audit;
pub mod environment;
pub mod hook;
pub mod inbound;
pub mod job;
pub mod lint;
pub mod live;
pub mod pipeline;
pub mod project;
pub mod repository;
pub mod resource_group;
pub mod runner;
pub mod runners;
pub mod schedule;
pub mod settings;
pub mod time;
pub mod token;
pub mod trigger_log;
pub mod user;
pub mod variable;
pub mod version;

pub use time::{Day, OffsetTime, Time};
