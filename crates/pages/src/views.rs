//! The pages: one struct each, filled in by `web`, with the template that shows it.

mod account;
mod artifacts;
mod environments;
mod hooks;
mod inbound;
mod job;
mod pipeline;
mod pipelines;
mod projects;
mod run;
mod schedules;
mod settings;
mod trigger_log;
mod triggers;

pub use account::*;
pub use artifacts::*;
pub use environments::*;
pub use hooks::*;
pub use inbound::*;
pub use job::*;
pub use pipeline::*;
pub use pipelines::*;
pub use projects::*;
pub use run::*;
pub use schedules::*;
pub use settings::*;
pub use trigger_log::*;
pub use triggers::*;

use std::collections::BTreeMap;

use model::TriggerToken;

/// The trigger token that started something, as everybody may see it.
#[derive(Clone, Debug)]
pub struct TokenView {
    /// Its visible characters; `None` when it no longer exists.
    pub short: Option<String>,
    /// Its description.
    pub description: String,
}

impl TokenView {
    /// Shows a token that may be gone.
    #[must_use]
    pub fn new(token: Option<&TriggerToken>) -> TokenView {
        TokenView {
            short: token.map(|token| token.short.clone()),
            description: token.and_then(|token| token.description.clone()).unwrap_or_default(),
        }
    }
}

/// One choice of a list.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// Whether it is chosen.
    pub selected: bool,
}

impl Choice {
    /// Makes a choice.
    #[must_use]
    pub fn new(value: impl Into<String>, label: impl Into<String>, chosen: &str) -> Choice {
        let value = value.into();
        Choice {
            selected: value == chosen,
            label: label.into(),
            value,
        }
    }
}

/// First eight digits of a commit id.
fn short_sha(sha: &model::Sha) -> &str {
    sha.as_str().get(..8).unwrap_or_default()
}

/// What is wrong with which field of a form.
#[derive(Clone, Debug, Default)]
pub struct Problems(BTreeMap<String, String>);

impl Problems {
    /// Notes what is wrong with a field.
    pub fn add(&mut self, field: impl Into<String>, text: impl Into<String>) {
        self.0.insert(field.into(), text.into());
    }

    /// One field with what is wrong with it.
    #[must_use]
    pub fn of_one(field: &str, text: &str) -> Problems {
        Problems(BTreeMap::from([(field.to_owned(), text.to_owned())]))
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of it in a sentence, each field with its name.
    #[must_use]
    pub fn summary(&self, t: crate::Language) -> String {
        let one = |(field, text): (&String, &String)| match field.as_str() {
            "base" => text.clone(),
            field => format!("{}: {text}", t.field_name(field)),
        };
        self.0.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    /// Returns what is wrong with a field.
    #[must_use]
    pub fn of(&self, field: &str) -> Option<&String> {
        self.0.get(field)
    }
}
