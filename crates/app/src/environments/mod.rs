//! Environments and deployments.
//!
//! A pipeline makes the environments that its jobs name, and a deployment for each job that starts one
//! ([`create`]). Deployments follow their jobs in the transaction that changes those ([`follow`]). What must be
//! worked out with the variables of a job comes after it ([`update`]), noted in that transaction. Stopping is
//! in [`stop`], what happens with time in [`sweep`].

pub(crate) mod create;
pub mod deploy;
pub(crate) mod follow;
pub mod manage;
pub mod overview;
pub mod read;
mod slug;
pub mod stop;
pub mod sweep;
pub(crate) mod update;

pub use slug::slug;
pub use sweep::run;
