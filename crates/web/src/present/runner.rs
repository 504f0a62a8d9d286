//! Runners.

use std::time::Duration;

use model::{Runner, RunnerManager, RunnerType, Timestamp};
use wire::runners::{Runner as RunnerJson, RunnerManager as ManagerJson};

use super::{maybe_time, time};

/// A runner that was heard of within this time is online.
const ONLINE_FOR: Duration = Duration::from_secs(2 * 3600);

/// A runner that was not heard of for this time is stale.
const STALE_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// A runner in a list or a job.
#[must_use]
pub fn runner(runner: &Runner, now: Timestamp) -> RunnerJson {
    let status = status(runner.contacted_at, runner.created_at, now);
    RunnerJson {
        id: runner.id.0,
        description: runner.description.clone(),
        ip_address: String::new(),
        active: !runner.paused,
        paused: runner.paused,
        is_shared: runner.runner_type == RunnerType::Instance,
        runner_type: runner.runner_type.to_string(),
        name: None,
        online: runner.contacted_at.map(|_| status == "online"),
        created_at: time(runner.created_at),
        status: status.to_owned(),
    }
}

/// A process of a runner.
#[must_use]
pub fn manager(manager: &RunnerManager, now: Timestamp) -> ManagerJson {
    ManagerJson {
        id: manager.id.0,
        system_id: manager.system_id.clone(),
        version: manager.version.clone(),
        revision: manager.revision.clone(),
        platform: manager.platform.clone(),
        architecture: manager.architecture.clone(),
        created_at: time(manager.created_at),
        contacted_at: maybe_time(manager.contacted_at),
        ip_address: manager.ip_address.clone(),
        status: status(manager.contacted_at, manager.created_at, now).to_owned(),
    }
}

fn status(contacted_at: Option<Timestamp>, created_at: Timestamp, now: Timestamp) -> &'static str {
    match contacted_at {
        Some(at) if now.since(at) < ONLINE_FOR => "online",
        Some(at) if now.since(at) < STALE_AFTER => "offline",
        None if now.since(created_at) < STALE_AFTER => "never_contacted",
        _ => "stale",
    }
}
