//! Runners: who they are, which jobs they get and what they report about them.

pub mod desk;
pub mod suitable;
pub mod variables;

pub use desk::Desk;
