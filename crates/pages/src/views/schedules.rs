//! Pipelines at certain times.

use askama::Template;
use model::{Status, Timestamp};

use super::{Choice, Control, InputField, Problems};
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::language::Language;

/// A schedule in the list.
#[derive(Debug)]
pub struct ScheduleRow {
    /// Its id.
    pub id: i64,
    /// Free text.
    pub description: String,
    /// Branch or tag.
    pub ref_name: String,
    /// Whether it is a tag.
    pub is_tag: bool,
    /// Cron line.
    pub cron: String,
    /// Its time zone.
    pub zone: String,
    /// Whether it runs.
    pub active: bool,
    /// When it runs next.
    pub next: Option<Timestamp>,
    /// User name of its owner.
    pub owner: Option<String>,
    /// Id and status of its newest pipeline.
    pub last: Option<(i64, Status)>,
    /// Whether the reader may start it now.
    pub may_play: bool,
    /// Whether the reader may change it.
    pub may_change: bool,
    /// Whether the reader may become its owner.
    pub may_take: bool,
    /// Whether the reader may delete it.
    pub may_delete: bool,
}

/// The schedules of a project.
#[derive(Debug, Template)]
#[template(path = "schedules.html")]
pub struct SchedulesPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// All, active or inactive ones, each with an address.
    pub scopes: Vec<Choice>,
    /// Whether all are shown.
    pub is_all: bool,
    /// The schedules.
    pub rows: Vec<ScheduleRow>,
    /// Address of the page before.
    pub previous: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

/// A variable of a schedule.
#[derive(Debug)]
pub struct ScheduleVariableRow {
    /// Key.
    pub key: String,
    /// Value, when it is to be shown.
    pub value: Option<String>,
    /// Whether it is a file.
    pub is_file: bool,
}

/// The form for a schedule.
#[derive(Debug, Template)]
#[template(path = "schedule.html")]
pub struct SchedulePage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Its id; `None` for a new one.
    pub id: Option<i64>,
    /// Free text.
    pub description: String,
    /// Branch or tag.
    pub ref_name: String,
    /// Branches and tags to choose from.
    pub refs: Vec<String>,
    /// Cron line.
    pub cron: String,
    /// Its time zone.
    pub zone: String,
    /// Time zones to choose from; others can be typed.
    pub zones: Vec<String>,
    /// Whether it runs.
    pub active: bool,
    /// Inputs of the configuration.
    pub inputs: Vec<InputField>,
    /// When it would run next.
    pub next_runs: Vec<Timestamp>,
    /// What is wrong with which field.
    pub problems: Problems,
    /// Its variables.
    pub variables: Vec<ScheduleVariableRow>,
    /// Whether their values are shown.
    pub revealed: bool,
}

impl SchedulePage {
    /// Where the form goes.
    #[must_use]
    pub fn href(&self) -> String {
        match self.id {
            Some(id) => format!("/{}/-/pipeline_schedules/{id}", self.path),
            None => format!("/{}/-/pipeline_schedules", self.path),
        }
    }
}
