//! The embedded runner: takes jobs from a server over the runner protocol and runs them in a
//! shell on this machine.
//!
//! It knows the server only by its address, so that it works the same inside `tripline serve`
//! and on another machine. Jobs are hostile: each runs behind a [keeper](job_shell_main), which
//! puts it behind Landlock and another user, and ends everything it started.
//!
//! Start reading at [`Runner::start`], then `job/run.rs`.

mod archive;
mod calendar;
mod client;
mod config;
mod job;
mod keeper;
mod random;
mod service;
mod trace;

pub use config::{Config, JobUser, Limits};
pub use keeper::job_shell_main;
pub use service::{Handle, Nudger, Runner, StartError};
