//! Runners: who they are, which jobs they get and what they report about them.

pub mod artifacts;
pub mod desk;
pub mod left_behind;
pub mod logs;
pub mod manage;
pub mod payload;
pub mod registration;
pub mod registry;
pub mod release;
pub mod report;
pub mod request;
pub mod standing;
pub mod suitable;
pub mod variables;

pub use desk::Desk;
pub use logs::Logs;
