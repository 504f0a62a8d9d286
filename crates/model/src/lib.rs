//! The words of the field as types: ids, names, statuses, the state machine, the clock.
//!
//! Everything here is plain data and pure functions. There is no IO, no async, no clock
//! reading and no randomness; time and random bytes come in as values.
//!
//! Entities ([`Pipeline`], [`Job`], …) are what the store returns and what the use cases
//! pass around. They are deliberately not `Serialize`: what strangers see is in `wire`.
//! The exception is [`definition`], the stored form of a compiled job, which only our own
//! code reads back.

mod words;

pub mod audit;
pub mod definition;
pub mod environment;
pub mod hook;
pub mod ids;
pub mod inbound;
pub mod job;
pub mod kinds;
pub mod people;
pub mod pipeline;
pub mod project;
pub mod resource;
pub mod runner;
pub mod schedule;
pub mod status;
pub mod text;
pub mod time;
pub mod token;
pub mod trigger;

pub use audit::{AuditEntity, AuditEvent};
pub use definition::JobDefinition;
pub use environment::{AutoStopSetting, Deployment, DeploymentStatus, Environment, EnvironmentState, Tier};
pub use hook::{BranchFilterStrategy, Hook, HookDelivery, HookEvent, HookKind, HookKinds, HookOutcome, HookSettings};
pub use ids::*;
pub use inbound::{
    Condition, InboundDelivery, InboundHook, InboundOutcome, InboundSettings, InputType, Mapping, Operator, Provider,
};
pub use job::Job;
pub use kinds::*;
pub use people::User;
pub use pipeline::{Pipeline, StageState};
pub use project::{Namespace, Project, ProtectedRef};
pub use runner::{Runner, RunnerManager};
pub use status::{CompositeInput, EnqueueTo, InvalidTransition, JobEvent, Status, StatusSet, composite};
pub use text::{GitRef, InvalidSha, Sha};
pub use time::{Clock, Timestamp};
pub use token::{AccessToken, PreviousToken, Session, TriggerToken};
pub use trigger::{Reason, TriggerLimits, TriggerLogEntry, TriggerOutcome};
