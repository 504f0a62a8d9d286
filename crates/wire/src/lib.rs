//! Serde types of GitLab's HTTP APIs and nothing else: no HTTP, no rules, no defaults of ours.
//!
//! Core types are not `Serialize`; what strangers read or write is declared here and converted.

pub mod runner;
