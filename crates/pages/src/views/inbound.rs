//! Inbound webhooks of a project and what arrived at them.

use askama::Template;
use model::Timestamp;

use super::{Choice, Health, Part};
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::language::Language;

/// An inbound webhook in the list.
#[derive(Debug)]
pub struct InboundRow {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Who sends.
    pub provider: &'static str,
    /// Whom it acts as.
    pub owner: String,
    /// Whether deliveries start anything.
    pub enabled: bool,
}

/// The fields of the form.
#[derive(Debug, Default)]
pub struct InboundFields {
    /// Name.
    pub name: String,
    /// Who sends.
    pub providers: Vec<Choice>,
    /// Which ref runs.
    pub git_ref: String,
    /// Where the payload names it.
    pub ref_path: String,
    /// Conditions, one a line.
    pub filters: String,
    /// Inputs, one a line.
    pub inputs: String,
    /// Variables, one a line.
    pub variables: String,
    /// Whether jobs find the payload.
    pub pass_payload: bool,
    /// Whether deliveries start anything.
    pub enabled: bool,
}

/// The inbound webhooks of a project.
#[derive(Debug, Template)]
#[template(path = "inbound_hooks.html")]
pub struct InboundHooksPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// The webhooks.
    pub rows: Vec<InboundRow>,
    /// The form for a new one.
    pub hook: InboundFields,
    /// There is none yet.
    pub id: Option<i64>,
}

/// Something that arrived.
#[derive(Debug)]
pub struct ReceivedRow {
    /// When.
    pub at: Timestamp,
    /// What came of it.
    pub health: Health,
    /// The same, as it is read.
    pub outcome: &'static str,
    /// What the sender calls the event.
    pub event: String,
    /// Why.
    pub reason: String,
    /// The pipeline.
    pub pipeline: Option<i64>,
}

/// One inbound webhook.
#[derive(Debug, Template)]
#[template(path = "inbound_hook.html")]
pub struct InboundHookPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// Its id.
    pub id: Option<i64>,
    /// The form.
    pub hook: InboundFields,
    /// Whether the reader may change it.
    pub may_change: bool,
    /// A secret that was just made up.
    pub new_secret: Option<String>,
    /// Until when the previous secret is good.
    pub previous_until: Option<Timestamp>,
    /// Where deliveries go.
    pub url: String,
    /// What is to be done at the sender.
    pub steps: &'static str,
    /// What arrived.
    pub rows: Vec<ReceivedRow>,
    /// Address of the page before.
    pub previous: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

impl InboundHookPage {
    /// Address of the hook.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/{}/-/inbound_hooks/{}", self.path, self.id.unwrap_or_default())
    }
}
