//! Pipelines at certain times (rest-api.md 11): schedules, their variables, and who starts them.

pub mod cron;
mod manage;
mod overview;
mod run;
mod variables;
mod zones;

pub use manage::{Change, Details, New, create, delete, get, list, pipelines, play, take_ownership, update};
pub use overview::{Listed, Shown, list_with_rights, next_runs, with_rights};
pub use run::{run, start_due};
pub use variables::{
    NewVariable, create as create_variable, delete as delete_variable, get as get_variable, update as update_variable,
};
