//! HTTP: routes, authentication, error mapping, the runner API, git over HTTP.
//!
//! Handlers translate: they read typed parameters, call one use case of `app` and answer with a
//! type of `wire`. What is allowed and what happens is decided below, never here; no SQL, no
//! status rules, no git. Errors become statuses and bodies in one place, [`respond`].

mod api;
mod base64;
pub mod call;
mod client_address;
mod compression;
mod cookies;
mod cors;
pub mod envelope;
mod git;
mod health;
mod moved;
pub mod page;
mod pages;
pub mod params;
pub mod present;
pub mod respond;
pub mod routes;
pub mod routing;
mod runner_api;
pub mod serve;
mod story;

pub use params::Params;
pub use respond::{Accepted, ApiError, ApiResult, Created, NoContent};
pub use routes::router;
pub use serve::serve;
