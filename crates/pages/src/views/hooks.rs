//! Webhooks of a project and what they were told.

use askama::Template;
use model::Timestamp;

use super::Part;
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::language::Language;

/// How a hook or a delivery is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Well.
    Good,
    /// Not decided yet.
    Waiting,
    /// Badly.
    Bad,
}

impl Health {
    /// The class of its badge.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Health::Good => "s-success",
            Health::Waiting => "s-pending",
            Health::Bad => "s-failed",
        }
    }
}

/// A webhook in the list.
#[derive(Debug)]
pub struct HookRow {
    /// Its id.
    pub id: i64,
    /// Its address without what is secret in it.
    pub url: String,
    /// Its name.
    pub name: Option<String>,
    /// What it is told of, as it is read.
    pub events: Vec<&'static str>,
    /// How it is doing.
    pub health: Health,
    /// The same, as it is read.
    pub state: &'static str,
}

/// The fields of the form for a webhook.
#[derive(Debug, Default)]
pub struct HookFields {
    /// The address.
    pub url: String,
    /// Name.
    pub name: String,
    /// Events by name, whether they are on, and how they are read.
    pub events: Vec<(&'static str, bool, &'static str)>,
    /// Which branches.
    pub branch_filter: String,
    /// Whether certificates are checked.
    pub verify_tls: bool,
    /// Whether a secret token is set.
    pub has_token: bool,
    /// Whether a signing token is set.
    pub has_signing_token: bool,
    /// Names of further headers.
    pub headers: Vec<String>,
    /// Names of variables of the address.
    pub variables: Vec<String>,
    /// The template.
    pub template: String,
}

/// The webhooks of a project.
#[derive(Debug, Template)]
#[template(path = "hooks.html")]
pub struct HooksPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// The webhooks.
    pub rows: Vec<HookRow>,
    /// The form for a new one.
    pub hook: HookFields,
    /// There is none yet.
    pub id: Option<i64>,
}

/// Something that a hook was told.
#[derive(Debug)]
pub struct DeliveryRow {
    /// Its id.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Of what, as it is read.
    pub event: &'static str,
    /// How it went.
    pub health: Health,
    /// The status of the answer, as it is read.
    pub status: String,
    /// Seconds that the answer took.
    pub seconds: Option<f64>,
}

/// One webhook.
#[derive(Debug, Template)]
#[template(path = "hook.html")]
pub struct HookPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// Its id.
    pub id: Option<i64>,
    /// How it is doing.
    pub health: Health,
    /// The same, as it is read.
    pub state: String,
    /// The form.
    pub hook: HookFields,
    /// What it was told.
    pub rows: Vec<DeliveryRow>,
    /// Address of the page before.
    pub previous: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

impl HookPage {
    /// Address of the hook.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/{}/-/hooks/{}", self.path, self.id.unwrap_or_default())
    }
}

/// One delivery.
#[derive(Debug, Template)]
#[template(path = "delivery.html")]
pub struct DeliveryPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// The hook.
    pub hook: i64,
    /// The delivery.
    pub row: DeliveryRow,
    /// Attempts that were begun.
    pub attempts: i64,
    /// The address, without what is secret in it.
    pub url: String,
    /// What was sent.
    pub request: String,
    /// With which headers.
    pub request_headers: Vec<(String, String)>,
    /// What was answered.
    pub response: String,
    /// With which headers.
    pub response_headers: Vec<(String, String)>,
}

impl DeliveryPage {
    /// Address of the delivery.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/{}/-/hooks/{}/hook_logs/{}", self.path, self.hook, self.row.id)
    }
}
