//! Pipelines: how one comes to be, and what can be asked about it.

pub mod actions;
mod by_api;
pub mod config;
pub mod create;
pub mod facts;
pub mod given;
pub mod outdated;
mod persist;
pub mod read;
pub mod request;

pub use by_api::{ApiCall, create_by_api};
pub use create::{Created, create};
pub use request::NewPipeline;
pub use store::ops::pipelines::PipelineOrder;
