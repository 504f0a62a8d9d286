//! Pipelines: how one comes to be, and what can be asked about it.

pub mod actions;
mod artifact_file;
mod by_api;
pub mod chain;
pub mod chart;
pub mod compiled;
pub mod components;
pub mod config;
pub mod create;
pub mod dry_run;
pub mod explanation;
pub mod facts;
pub mod given;
pub mod idempotency;
pub mod listing;
pub mod outdated;
pub mod overview;
pub(crate) mod persist;
pub mod read;
pub mod request;

pub use by_api::{ApiCall, create_by_api, create_on_page, dry_run_by_api, dry_run_on_page};
pub use create::{Created, create};
pub use dry_run::DryRun;
pub use request::NewPipeline;
pub use store::ops::pipelines::PipelineOrder;
