//! Webhooks of a project, the events that wait for them, and what was delivered.

use crate::ids::{HookDeliveryId, HookEventId, HookId, PipelineId, ProjectId};
use crate::time::Timestamp;

/// What a hook can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookKind {
    /// A branch moved.
    Push,
    /// A tag was created or deleted.
    TagPush,
    /// A pipeline has another status.
    Pipeline,
    /// A job has another status.
    Job,
    /// A deployment started or ended.
    Deployment,
}

impl HookKind {
    /// All of them.
    pub const ALL: [HookKind; 5] = [
        HookKind::Push,
        HookKind::TagPush,
        HookKind::Pipeline,
        HookKind::Job,
        HookKind::Deployment,
    ];

    /// Returns its bit in [`HookKinds`].
    #[must_use]
    pub const fn bit(self) -> i64 {
        match self {
            HookKind::Push => 1,
            HookKind::TagPush => 2,
            HookKind::Pipeline => 4,
            HookKind::Job => 8,
            HookKind::Deployment => 16,
        }
    }

    /// Returns the parameter of the API that switches it on.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            HookKind::Push => "push_events",
            HookKind::TagPush => "tag_push_events",
            HookKind::Pipeline => "pipeline_events",
            HookKind::Job => "job_events",
            HookKind::Deployment => "deployment_events",
        }
    }

    /// Returns its name in the log of deliveries.
    #[must_use]
    pub const fn trigger(self) -> &'static str {
        match self {
            HookKind::Push => "push_hooks",
            HookKind::TagPush => "tag_push_hooks",
            HookKind::Pipeline => "pipeline_hooks",
            HookKind::Job => "job_hooks",
            HookKind::Deployment => "deployment_hooks",
        }
    }

    /// Returns the value of `X-Gitlab-Event`.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            HookKind::Push => "Push Hook",
            HookKind::TagPush => "Tag Push Hook",
            HookKind::Pipeline => "Pipeline Hook",
            HookKind::Job => "Job Hook",
            HookKind::Deployment => "Deployment Hook",
        }
    }

    /// Returns the kind whose name in the log this is.
    #[must_use]
    pub fn of_trigger(text: &str) -> Option<HookKind> {
        HookKind::ALL.into_iter().find(|kind| kind.trigger() == text)
    }
}

/// A set of [`HookKind`]s, as a number of bits: what a project row and a hook's row hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct HookKinds(pub i64);

impl HookKinds {
    /// Whether the kind is in the set.
    #[must_use]
    pub const fn has(self, kind: HookKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether the set has neither.
    #[must_use]
    pub const fn has_none_of(self, one: HookKind, other: HookKind) -> bool {
        !self.has(one) && !self.has(other)
    }

    /// Adds a kind, or removes it.
    pub const fn set(&mut self, kind: HookKind, on: bool) {
        if on {
            self.0 |= kind.bit();
        } else {
            self.0 &= !kind.bit();
        }
    }
}

/// A webhook of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its id.
    pub id: HookId,
    /// Its project.
    pub project_id: ProjectId,
    /// What it is told of.
    pub kinds: HookKinds,
    /// What is no secret about it.
    pub settings: HookSettings,
    /// Address, tokens, headers and variables of the address, encrypted.
    pub sealed: Vec<u8>,
    /// Deliveries that failed one after the other, at most [`Hook::MAX_FAILURES`].
    pub failures: i64,
    /// Until when it is left alone.
    pub disabled_until: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Hook {
    /// Failures from which on a hook is left alone for a while.
    pub const PAUSING_FAILURES: i64 = 4;
    /// Failures after which a hook is left alone until somebody looks after it.
    pub const MAX_FAILURES: i64 = 40;

    /// Returns what the API calls `alert_status`.
    #[must_use]
    pub fn alert_status(&self, now: Timestamp) -> &'static str {
        if self.failures >= Hook::MAX_FAILURES {
            "disabled"
        } else if self.disabled_until.is_some_and(|until| until > now) {
            "temporarily_disabled"
        } else {
            "executable"
        }
    }

    /// Whether it is told of anything at present.
    #[must_use]
    pub fn is_executable(&self, now: Timestamp) -> bool {
        self.alert_status(now) == "executable"
    }
}

/// Settings of a hook, as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct HookSettings {
    /// Name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Events that are switched on and never happen here (`issues_events` …).
    pub other_events: Vec<String>,
    /// Whether a server that cannot prove who it is gets nothing.
    pub verify_tls: bool,
    /// Which branches a push must be to.
    pub branch_filter: Option<String>,
    /// How the filter is read.
    pub branch_filter_strategy: BranchFilterStrategy,
    /// `custom_webhook_template`.
    pub template: Option<String>,
}

/// How `push_events_branch_filter` is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BranchFilterStrategy {
    /// A name in which `*` stands for any text.
    #[default]
    Wildcard,
    /// A regular expression.
    Regex,
    /// Not at all.
    AllBranches,
}

impl BranchFilterStrategy {
    /// Returns the word of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            BranchFilterStrategy::Wildcard => "wildcard",
            BranchFilterStrategy::Regex => "regex",
            BranchFilterStrategy::AllBranches => "all_branches",
        }
    }
}

impl std::str::FromStr for BranchFilterStrategy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Wildcard, Self::Regex, Self::AllBranches]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or(())
    }
}

/// Something that happened and has not been made into deliveries yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEvent {
    /// Its id: events are looked at in this order.
    pub id: HookEventId,
    /// Where.
    pub project_id: ProjectId,
    /// Of which kinds it may be.
    pub kinds: HookKinds,
    /// What, as JSON that only our code reads.
    pub body: String,
}

/// Something that a hook is, or was, told.
#[derive(Clone, Debug, PartialEq)]
pub struct HookDelivery {
    /// Its id.
    pub id: HookDeliveryId,
    /// The hook.
    pub hook_id: HookId,
    /// Of which kind.
    pub trigger: String,
    /// `Idempotency-Key`: the same for every attempt.
    pub key: String,
    /// `X-Gitlab-Event-UUID`: the same for all hooks that are told of the event.
    pub event_key: String,
    /// The payload.
    pub request: String,
    /// Attempts that were begun.
    pub attempts: i64,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// What came of the last attempt; `None` before the first has ended.
    pub outcome: Option<HookOutcome>,
    /// The pipeline that it tells of.
    pub pipeline_id: Option<PipelineId>,
}

/// What came of an attempt to deliver.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HookOutcome {
    /// HTTP status, or `internal error`.
    pub status: String,
    /// The address with its variables masked.
    pub url: String,
    /// Headers that were sent, secrets left out.
    pub request_headers: Vec<(String, String)>,
    /// Headers of the answer, cut.
    pub response_headers: Vec<(String, String)>,
    /// Body of the answer, cut; or why there is none.
    pub response_body: String,
    /// Seconds that it took.
    pub seconds: f64,
}
