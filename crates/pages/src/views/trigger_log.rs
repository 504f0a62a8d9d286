//! The trigger log of a project.

use askama::Template;
use model::{Pipeline, TriggerLogEntry, TriggerOutcome};

use super::{Choice, Part, short_sha};
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::html::{Html, url_path, url_value};
use crate::language::Language;
use crate::status;

/// A pipeline that led to another one.
#[derive(Debug)]
pub enum ChainLink {
    /// One of a project with this path.
    Known(String, i64),
    /// One of a project that the reader may not see.
    Hidden,
    /// One of another server.
    Elsewhere,
}

/// A call in the trigger log.
#[derive(Debug)]
pub struct CallRow {
    /// What was written down.
    pub entry: TriggerLogEntry,
    /// Name of its user.
    pub username: Option<String>,
    /// Its pipeline, while that exists.
    pub pipeline: Option<Pipeline>,
    /// What led to it.
    pub chain: Vec<ChainLink>,
}

impl CallRow {
    /// Whether it can be repeated.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        self.entry.outcome == TriggerOutcome::Accepted && self.entry.sha.is_some()
    }

    /// First digits of the commit.
    #[must_use]
    pub fn short_sha(&self) -> Option<&str> {
        self.entry.sha.as_ref().map(short_sha)
    }

    /// Its ref, as it was given.
    #[must_use]
    pub fn ref_name(&self) -> &str {
        self.entry.ref_name.as_deref().unwrap_or_default()
    }

    /// What came of it, as a badge.
    #[must_use]
    pub fn badge(&self, language: &Language) -> Html {
        let (class, icon) = match self.entry.outcome {
            TriggerOutcome::Accepted => ("s-success", "success"),
            TriggerOutcome::Refused => ("s-failed", "failed"),
            TriggerOutcome::Replayed => ("s-created", "retry"),
            TriggerOutcome::DryRun => ("s-created", "search"),
        };
        let word = language.outcome(&self.entry.outcome);
        Html::new(format!(
            "<span class=\"badge {class}\">{}<span>{word}</span></span>",
            status::icon(icon)
        ))
    }
}

/// What the trigger log shows.
#[derive(Debug, Default)]
pub struct CallFilters {
    /// Trigger tokens to choose from.
    pub tokens: Vec<Choice>,
    /// Outcomes to choose from.
    pub outcomes: Vec<Choice>,
    /// Reasons to choose from.
    pub reasons: Vec<Choice>,
    /// Branch or tag.
    pub ref_name: String,
    /// Address.
    pub address: String,
    /// From when on.
    pub since: String,
    /// Until when.
    pub until: String,
    /// Whether any is set.
    pub any: bool,
    /// The filters as the beginning of a query.
    pub query: String,
}

/// The trigger log of a project.
#[derive(Debug, Template)]
#[template(path = "trigger_log.html")]
pub struct TriggerLogPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// What is shown.
    pub filters: CallFilters,
    /// The calls.
    pub rows: Vec<CallRow>,
    /// Whether the reader may repeat calls.
    pub may_repeat: bool,
    /// Address of newer ones.
    pub previous: Option<String>,
    /// Address of older ones.
    pub next: Option<String>,
}

impl TriggerLogPage {
    /// Address of the log.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/{}/-/settings/ci_cd/trigger_log", url_path(&self.path))
    }

    /// Address of the log with the calls of one token.
    #[must_use]
    pub fn token_href(&self, id: &model::TriggerTokenId) -> String {
        format!("{}?token={id}", self.href())
    }

    /// Address of the log with the calls from one address.
    #[must_use]
    pub fn address_href(&self, address: &str) -> String {
        format!("{}?address={}", self.href(), url_value(address))
    }
}
