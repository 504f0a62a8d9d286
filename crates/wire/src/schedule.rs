//! Pipeline schedules (rest-api.md 11).

use serde::Serialize;
use serde_json::Value;

use crate::pipeline::{PipelineBasic, PipelineVariable};
use crate::time::Time;
use crate::user::UserBasic;

/// A schedule in a list.
#[derive(Clone, Debug, Serialize)]
pub struct Schedule {
    /// Its id.
    pub id: i64,
    /// Free text.
    pub description: String,
    /// Full name of the branch or tag.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// Cron line.
    pub cron: String,
    /// Name of the time zone.
    pub cron_timezone: String,
    /// When it runs next.
    pub next_run_at: Option<Time>,
    /// Whether it runs.
    pub active: bool,
    /// When it was created.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// Whom its pipelines run as.
    pub owner: Option<UserBasic>,
    /// Inputs of its pipelines.
    pub inputs: Vec<Input>,
}

/// A schedule.
#[derive(Clone, Debug, Serialize)]
pub struct ScheduleDetails {
    /// What lists have too.
    #[serde(flatten)]
    pub basic: Schedule,
    /// Its newest pipeline.
    pub last_pipeline: Option<PipelineBasic>,
    /// Its variables; absent for those who may not see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Vec<PipelineVariable>>,
}

/// An input.
#[derive(Clone, Debug, Serialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}
