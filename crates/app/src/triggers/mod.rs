//! Trigger tokens: using one, limiting what it may do, and managing them (rest-api.md 1).

mod given;
mod known;
mod limits;
pub mod log;
mod manage;
mod repeat;
mod rotate;
mod run;
mod stranger;
mod uses;

pub use given::Limiting;
pub use known::KnownTokens;
pub use limits::Fixed;
pub use log::Record;
pub use manage::{Changes, NewTrigger, Shown, create, delete, get, list, unused, update};
pub use repeat::{Commit, repeat};
pub use rotate::{Rotating, rotate};
pub use run::{Notes, PAYLOAD_VARIABLE, Token, TriggerCall, Triggered, dry_run, refused_early, run};
pub(crate) use run::{Via, holder, run_with};
pub use uses::{Rate, Uses};
