//! Inbound hooks: addresses at which a project takes webhooks of other systems, and what it makes of them.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{InboundDeliveryId, InboundHookId, PipelineId, ProjectId, TriggerTokenId};
use crate::time::Timestamp;

/// Who sends, which says how a delivery proves where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// GitHub: `X-Hub-Signature-256`.
    Github,
    /// Gitea: `X-Gitea-Signature`.
    Gitea,
    /// Forgejo: `X-Forgejo-Signature`, or Gitea's.
    Forgejo,
    /// Bitbucket: `X-Hub-Signature`.
    Bitbucket,
    /// GitLab: `X-Gitlab-Token`, or a signing token.
    Gitlab,
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    Standard,
    /// Anybody else: the secret itself, in a header or in the address.
    Generic,
}

impl Provider {
    /// All of them.
    pub const ALL: [Provider; 7] = [
        Provider::Github,
        Provider::Gitea,
        Provider::Forgejo,
        Provider::Bitbucket,
        Provider::Gitlab,
        Provider::Standard,
        Provider::Generic,
    ];

    /// Returns the word of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Provider::Github => "github",
            Provider::Gitea => "gitea",
            Provider::Forgejo => "forgejo",
            Provider::Bitbucket => "bitbucket",
            Provider::Gitlab => "gitlab",
            Provider::Standard => "standard",
            Provider::Generic => "generic",
        }
    }
}

impl FromStr for Provider {
    type Err = ();

    fn from_str(text: &str) -> Result<Provider, ()> {
        Provider::ALL
            .into_iter()
            .find(|provider| provider.as_str() == text)
            .ok_or(())
    }
}

/// Where a value of a delivery is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A path into the payload: a JSON pointer, or names with dots.
    Path(String),
    /// A header.
    Header(String),
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The same text.
    Equals,
    /// Another text, or nothing.
    NotEquals,
    /// One of several texts.
    In,
    /// None of several texts.
    NotIn,
    /// A regular expression matches.
    Matches,
    /// A regular expression does not match.
    NotMatches,
    /// Begins with a text.
    StartsWith,
    /// Ends with a text.
    EndsWith,
    /// Has a text in it; a list has the text as one of its elements.
    Contains,
    /// Is there and not null.
    Exists,
    /// Is not there, or null.
    NotExists,
}

impl Operator {
    /// All of them.
    pub const ALL: [Operator; 11] = [
        Operator::Equals,
        Operator::NotEquals,
        Operator::In,
        Operator::NotIn,
        Operator::Matches,
        Operator::NotMatches,
        Operator::StartsWith,
        Operator::EndsWith,
        Operator::Contains,
        Operator::Exists,
        Operator::NotExists,
    ];

    /// Returns the word of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Operator::Equals => "equals",
            Operator::NotEquals => "not_equals",
            Operator::In => "in",
            Operator::NotIn => "not_in",
            Operator::Matches => "matches",
            Operator::NotMatches => "not_matches",
            Operator::StartsWith => "starts_with",
            Operator::EndsWith => "ends_with",
            Operator::Contains => "contains",
            Operator::Exists => "exists",
            Operator::NotExists => "not_exists",
        }
    }
}

impl FromStr for Operator {
    type Err = ();

    fn from_str(text: &str) -> Result<Operator, ()> {
        Operator::ALL
            .into_iter()
            .find(|operator| operator.as_str() == text)
            .ok_or(())
    }
}

/// What must hold for a delivery to start a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Of which value.
    pub place: Place,
    /// How it is compared.
    pub operator: Operator,
    /// With what: none for `exists`, several for `in`.
    pub values: Vec<String>,
}

/// Type of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// Text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    Array,
}

impl InputType {
    /// All of them.
    pub const ALL: [InputType; 4] = [
        InputType::String,
        InputType::Number,
        InputType::Boolean,
        InputType::Array,
    ];

    /// Returns the word of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            InputType::String => "string",
            InputType::Number => "number",
            InputType::Boolean => "boolean",
            InputType::Array => "array",
        }
    }
}

impl FromStr for InputType {
    type Err = ();

    fn from_str(text: &str) -> Result<InputType, ()> {
        InputType::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// Which value of a delivery becomes an input or a variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Name of the input or variable.
    pub name: String,
    /// Where its value is.
    pub place: Place,
    /// What it must be; of variables nothing is asked.
    pub kind: Option<InputType>,
    /// What it is when it is not there.
    pub default: Option<String>,
    /// Whether a delivery without it is refused; otherwise it is left out.
    pub required: bool,
}

/// Which ref runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefRule {
    /// The project's default branch.
    #[default]
    Default,
    /// Always this one.
    Fixed(String),
    /// The one that is there in the payload.
    From(Place),
}

/// Settings of an inbound hook, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundSettings {
    /// Name.
    pub name: String,
    /// Who sends.
    pub provider: Provider,
    /// Whether deliveries start anything.
    pub enabled: bool,
    /// Which ref runs.
    pub git_ref: RefRule,
    /// What must hold.
    pub filters: Vec<Condition>,
    /// What becomes inputs.
    pub inputs: Vec<Mapping>,
    /// What becomes variables.
    pub variables: Vec<Mapping>,
    /// Whether jobs find the payload in the file `TRIGGER_PAYLOAD`.
    pub pass_payload: bool,
    /// Whether its trigger token was made for it, and goes with it.
    #[serde(default)]
    pub own_token: bool,
}

/// An inbound hook of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundHook {
    /// Its id.
    pub id: InboundHookId,
    /// Its project.
    pub project_id: ProjectId,
    /// The trigger token whose owner it acts as, and with which it ends.
    pub trigger_token_id: TriggerTokenId,
    /// What is no secret about it.
    pub settings: InboundSettings,
    /// The key in its address and its secrets, encrypted.
    pub sealed: Vec<u8>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
}

/// What came of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundOutcome {
    /// A pipeline was made.
    Triggered,
    /// The pipeline was there already.
    Replayed,
    /// It was not meant to start anything.
    Filtered,
    /// It could not be used, or the pipeline could not be made.
    Refused,
    /// It did not prove where it comes from.
    Unauthorized,
}

impl InboundOutcome {
    /// All of them.
    pub const ALL: [InboundOutcome; 5] = [
        InboundOutcome::Triggered,
        InboundOutcome::Replayed,
        InboundOutcome::Filtered,
        InboundOutcome::Refused,
        InboundOutcome::Unauthorized,
    ];

    /// Returns the word of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            InboundOutcome::Triggered => "triggered",
            InboundOutcome::Replayed => "replayed",
            InboundOutcome::Filtered => "filtered",
            InboundOutcome::Refused => "refused",
            InboundOutcome::Unauthorized => "unauthorized",
        }
    }
}

impl FromStr for InboundOutcome {
    type Err = ();

    fn from_str(text: &str) -> Result<InboundOutcome, ()> {
        InboundOutcome::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or(())
    }
}

/// A delivery that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundDelivery {
    /// Its id.
    pub id: InboundDeliveryId,
    /// The hook.
    pub hook_id: InboundHookId,
    /// What came of it.
    pub outcome: InboundOutcome,
    /// Why, in words.
    pub reason: String,
    /// What the sender calls the event.
    pub event: Option<String>,
    /// What the sender calls the delivery.
    pub delivery: Option<String>,
    /// SHA-256 of the body.
    pub digest: [u8; 32],
    /// The pipeline.
    pub pipeline_id: Option<PipelineId>,
    /// When it arrived.
    pub created_at: Timestamp,
}
