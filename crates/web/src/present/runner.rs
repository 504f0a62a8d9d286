//! Runners.

use app::ExternalUrl;
use app::runners::manage::{Details, Shown};
use app::runners::standing::State;
use model::{Runner, RunnerManager, RunnerType, Timestamp};
use wire::project::ProjectShort;
use wire::runners::{
    ListedManager, ListedRunner, Runner as RunnerJson, RunnerDetails, RunnerGroup, RunnerManager as ManagerJson,
};

use super::{maybe_time, time, user};

/// A runner in a list or a job.
#[must_use]
pub fn runner(runner: &Runner, now: Timestamp) -> RunnerJson {
    let state = State::of(runner.contacted_at, runner.created_at, now);
    RunnerJson {
        id: runner.id.0,
        description: runner.description.clone(),
        ip_address: String::new(),
        active: !runner.paused,
        paused: runner.paused,
        is_shared: runner.runner_type == RunnerType::Instance,
        runner_type: runner.runner_type.to_string(),
        name: None,
        online: runner.contacted_at.map(|_| state == State::Online),
        created_at: time(runner.created_at),
        status: match state {
            // The API's older word, which GitLab keeps here.
            State::Online | State::Offline if runner.paused => "paused",
            state => state.as_str(),
        }
        .to_owned(),
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
        status: State::of(manager.contacted_at, manager.created_at, now)
            .as_str()
            .to_owned(),
    }
}

/// A process in a list of a runner's processes.
#[must_use]
pub fn listed_manager(one: &RunnerManager, busy: bool, now: Timestamp) -> ListedManager {
    ListedManager {
        manager: manager(one, now),
        job_execution_status: execution_status(busy),
    }
}

/// A runner in a list of runners.
#[must_use]
pub fn listed(url: &ExternalUrl, shown: &Shown, now: Timestamp) -> ListedRunner {
    ListedRunner {
        runner: runner(&shown.runner, now),
        created_by: shown.creator.as_ref().map(|creator| user::basic(url, creator)),
        job_execution_status: execution_status(shown.busy),
    }
}

fn execution_status(busy: bool) -> String {
    if busy { "active" } else { "idle" }.to_owned()
}

/// A runner in full, with its projects as they are shown.
#[must_use]
pub fn details(url: &ExternalUrl, details: &Details, projects: Vec<ProjectShort>, now: Timestamp) -> RunnerDetails {
    let runner = &details.shown.runner;
    let manager = details.manager.as_ref();
    RunnerDetails {
        listed: listed(url, &details.shown, now),
        tag_list: runner.tags.clone(),
        run_untagged: runner.run_untagged,
        locked: runner.locked,
        maximum_timeout: runner.maximum_timeout_seconds,
        access_level: runner.access.to_string(),
        version: manager.and_then(|manager| manager.version.clone()),
        revision: manager.and_then(|manager| manager.revision.clone()),
        platform: manager.and_then(|manager| manager.platform.clone()),
        architecture: manager.and_then(|manager| manager.architecture.clone()),
        contacted_at: maybe_time(runner.contacted_at),
        maintenance_note: runner.maintenance_note.clone().filter(|_| details.may_update),
        projects,
        groups: details.group.iter().map(|group| group_of(url, group)).collect(),
    }
}

fn group_of(url: &ExternalUrl, group: &model::Namespace) -> RunnerGroup {
    RunnerGroup {
        id: group.id.0,
        web_url: format!("{}/groups/{}", url.base(), group.full_path),
        name: group.name.clone(),
    }
}
