//! Trigger tokens of a project.

use askama::Template;
use model::Timestamp;

use super::{Part, Problems};
use crate::frame::{Frame, GroupTab, Notice, Tab, Theme};
use crate::language::Language;

/// A trigger token in the list.
#[derive(Debug)]
pub struct TriggerRow {
    /// Its id.
    pub id: i64,
    /// The whole token for its owner, four characters for others.
    pub text: String,
    /// Whether this is the whole token.
    pub is_whole: bool,
    /// Description.
    pub description: String,
    /// Display name of the owner.
    pub owner: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// Whether it has expired.
    pub is_expired: bool,
    /// Whether it ends within a week.
    pub ends_soon: bool,
    /// Whether it was not used for a long time.
    pub is_unused: bool,
    /// The visible part of the text that it replaced, and until when that is good.
    pub replaced: Option<(String, Timestamp)>,
    /// Whether the reader owns it, and so may change it.
    pub is_own: bool,
    /// What it may be used for.
    pub limits: TokenLimits,
}

/// Limits of a trigger token, as they are read and typed: entries with blanks between them. Empty = no limit.
#[derive(Debug, Default)]
pub struct TokenLimits {
    /// Branches and tags.
    pub refs: String,
    /// Names of variables.
    pub variables: String,
    /// Whether no variable is allowed.
    pub no_variables: bool,
    /// Names of inputs.
    pub inputs: String,
    /// Whether no input is allowed.
    pub no_inputs: bool,
    /// Networks.
    pub networks: String,
    /// Uses a minute.
    pub uses: String,
    /// Variables with values of the token's own, a line each.
    pub fixed_variables: String,
    /// Inputs with values of the token's own, a line each.
    pub fixed_inputs: String,
}

impl TokenLimits {
    /// Whether something is limited.
    #[must_use]
    pub fn any(&self) -> bool {
        self.no_variables
            || self.no_inputs
            || [
                &self.refs,
                &self.variables,
                &self.inputs,
                &self.networks,
                &self.uses,
                &self.fixed_variables,
                &self.fixed_inputs,
            ]
            .iter()
            .any(|text| !text.is_empty())
    }

    /// The limits that a list shows, each with its name.
    #[must_use]
    pub fn shown(&self, t: &Language) -> Vec<(&'static str, String)> {
        let allowed = |names: &str, none: bool| if none { t.none().to_owned() } else { names.to_owned() };
        let all = [
            (t.allowed_refs(), self.refs.clone()),
            (t.allowed_variables(), allowed(&self.variables, self.no_variables)),
            (t.allowed_inputs(), allowed(&self.inputs, self.no_inputs)),
            (t.fixed_variables(), names(&self.fixed_variables)),
            (t.fixed_inputs(), names(&self.fixed_inputs)),
            (t.allowed_networks(), self.networks.clone()),
            (t.uses_a_minute(), self.uses.clone()),
        ];
        all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }
}

/// The names of fixed values: the values are for those who change them.
fn names(lines: &str) -> String {
    let names = lines.lines().filter_map(|line| line.split_once('='));
    names.map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

/// Trigger tokens of a project.
#[derive(Debug, Template)]
#[template(path = "settings_triggers.html")]
pub struct TriggersPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// The tokens.
    pub rows: Vec<TriggerRow>,
    /// A token that was just made.
    pub new_token: Option<String>,
    /// The description that was tried.
    pub description: String,
    /// The end that was tried.
    pub expires_at: String,
    /// The limits that were tried.
    pub limits: TokenLimits,
    /// What is wrong with them.
    pub problems: Problems,
    /// Id of the project.
    pub project_id: i64,
    /// Address of the trigger call.
    pub trigger_url: String,
    /// Address of the trigger call for a ref, for webhooks.
    pub webhook_url: String,
    /// Default branch.
    pub branch: String,
}

impl TriggersPage {
    /// What is wrong with the first fields: they stand side by side, so it stands below them.
    #[must_use]
    pub fn problems_above(&self) -> Vec<(&'static str, &'static str, &String)> {
        let fields = [("description", self.f.description()), ("expires_at", self.f.expires())];
        let found = |(field, name)| Some((field, name, self.problems.of(field)?));
        fields.into_iter().filter_map(found).collect()
    }
}

/// One trigger token, to be changed by its owner.
#[derive(Debug, Template)]
#[template(path = "trigger.html")]
pub struct TriggerPage {
    /// Around the page.
    pub f: Frame,
    /// Full path of the project.
    pub path: String,
    /// Which settings.
    pub part: Part,
    /// The token.
    pub row: TriggerRow,
    /// The description, as it is or was tried.
    pub description: String,
    /// The limits, as they are or were tried.
    pub limits: TokenLimits,
    /// What is wrong with them.
    pub problems: Problems,
}
