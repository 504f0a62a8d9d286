//! Pipeline schedules.

use app::ExternalUrl;
use app::schedules::Details;
use serde_json::{Map, Value};
use wire::schedule::{Input, Schedule, ScheduleDetails};

use super::{maybe_time, pipeline, time, user};

/// A schedule in a list.
#[must_use]
pub fn basic(url: &ExternalUrl, details: &Details) -> Schedule {
    let schedule = &details.schedule;
    Schedule {
        id: schedule.id.0,
        description: schedule.description.clone(),
        git_ref: schedule.ref_name.clone(),
        cron: schedule.cron.clone(),
        cron_timezone: schedule.cron_timezone.clone(),
        next_run_at: maybe_time(schedule.next_run_at),
        active: schedule.active,
        created_at: time(schedule.created_at),
        updated_at: time(schedule.updated_at),
        owner: details.owner.as_ref().map(|owner| user::basic(url, owner)),
        inputs: inputs(schedule.inputs.as_deref()),
    }
}

/// A schedule.
#[must_use]
pub fn full(url: &ExternalUrl, details: Details) -> ScheduleDetails {
    let path = &details.project.full_path;
    let last = details.last_pipeline.as_ref();
    ScheduleDetails {
        basic: basic(url, &details),
        last_pipeline: last.map(|last| pipeline::basic(url, path, last)),
        variables: details
            .variables
            .map(|variables| variables.into_iter().map(pipeline::variable).collect()),
    }
}

fn inputs(text: Option<&str>) -> Vec<Input> {
    // Only our own code writes it.
    let object: Map<String, Value> = text
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    object.into_iter().map(|(name, value)| Input { name, value }).collect()
}
