//! Trigger tokens: using one, and managing them (rest-api.md 1).

mod known;
mod manage;
mod run;

pub use known::KnownTokens;
pub use manage::{NewTrigger, Shown, create, delete, get, list, update};
pub use run::{Token, TriggerCall, dry_run, run};
pub(crate) use run::{Via, holder, run_with};
