//! The life of a job after its pipeline was created: everything that can happen to it.

pub mod actions;
pub(crate) mod archive_entry;
pub mod artifacts;
pub mod coverage;
pub mod dotenv;
pub mod files;
pub mod finish;
pub mod given;
pub mod inputs;
pub mod locked;
pub mod log;
pub mod mask;
pub mod overview;
pub mod read;
pub mod resources;
pub mod settle;
pub mod sweep;
pub mod token;
