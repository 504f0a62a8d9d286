//! The use cases over a real SQLite database and real repositories, with a clock of the test's own.

mod bridge_mirror;
mod bridge_status;
mod bridges;
mod changes;
mod dry_runs;
mod environments;
mod hooks;
mod jobs;
mod logs;
mod place;
mod remote_files;
mod resource_groups;
mod runners;
mod schedules;
mod sessions;
mod variables;
