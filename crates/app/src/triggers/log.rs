//! The trigger log: what was called, by whom, and what came of it.
//!
//! A call that makes a pipeline is written down in the pipeline's transaction. All others go through a bounded
//! queue in memory and are written together, once a second: whoever sends calls that are refused neither keeps
//! the writer busy nor fills the disk. Beyond so many a minute they are only counted. Calls with tokens that nobody
//! made belong to no project; they are counted by address, for administrators.

mod queue;
mod read;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{JobId, ProjectId, UserId};
use model::{Pipeline, Reason, Timestamp, TriggerLogId, TriggerOutcome, TriggerTokenId};
use store::ops::trigger_log::NewEntry;
use store::{StoreError, Tx, ops};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::App;
use crate::error::{Error, Result};
use crate::jobs::sweep::stopped;
use crate::triggers::known::Known;
use crate::triggers::run::{ENDS_SOON, TriggerCall, Via};

pub use queue::Queue;
pub(super) use read::find;
pub use read::{Listed, Shown, list, overview, unknown};
pub use store::ops::trigger_log::LogFilter;
pub use store::ops::unknown_tokens::UnknownCalls;

/// Time between two writes of what was refused.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Time between two looks at what is too old.
const FORGET_EVERY: Duration = Duration::from_secs(5 * 60);

/// Entries that are forgotten in one transaction.
const BATCH: i64 = 1_000;

/// Addresses of unknown tokens that are kept.
const UNKNOWN_KEPT: i64 = 10_000;

/// Tokens whose end is told in one look.
const ENDING: i64 = 100;

/// Longest ref of a refused call that is kept, in characters.
const LONGEST_REF: usize = 255;

/// Who calls, as it is written down.
#[derive(Clone, Debug)]
pub struct Record {
    /// The trigger token with its visible part and description.
    pub(crate) token: Option<(TriggerTokenId, String, Option<String>)>,
    /// The job whose token it is.
    pub(crate) job: Option<JobId>,
    /// From where.
    pub(crate) address: Option<IpAddr>,
    /// Keyed digest of the payload.
    pub(crate) digest: [u8; 32],
    /// The entry that is repeated.
    pub(crate) repeats: Option<TriggerLogId>,
}

impl Record {
    /// Who makes a call with a token that is known.
    pub(super) fn new(app: &App, call: &TriggerCall, known: &Known) -> Record {
        let (token, job) = match &known.holder.via {
            Via::Trigger(token) => (Some((token.id, token.short.clone(), token.description.clone())), None),
            Via::Job(job) => (None, Some(job.id)),
        };
        Record {
            token,
            job,
            address: call.address,
            digest: digest(app, known.project.id, &call.payload),
            repeats: None,
        }
    }

    /// Writes down a pipeline in its transaction. `problem` is what is wrong with one that failed at once.
    pub(crate) fn created(
        &self,
        tx: &mut dyn Tx,
        pipeline: &Pipeline,
        problem: Option<&str>,
    ) -> Result<(), StoreError> {
        let (outcome, reason, status) = match problem {
            None => (TriggerOutcome::Accepted, None, 201),
            Some(message) => (TriggerOutcome::Refused, Some(of_message(message, true)), 422),
        };
        let address = self.address.map(|address| address.to_canonical().to_string());
        ops::trigger_log::insert(
            tx,
            &NewEntry {
                project_id: pipeline.project_id,
                created_at: pipeline.created_at,
                outcome,
                reason,
                status,
                token_id: self.token.as_ref().map(|(id, ..)| *id),
                token_short: self.token.as_ref().map(|(_, short, _)| short.as_str()),
                token_description: self.token.as_ref().and_then(|(.., description)| description.as_deref()),
                job_id: self.job,
                user_id: pipeline.user_id,
                address: address.as_deref(),
                ref_name: Some(&pipeline.git_ref.name),
                is_tag: Some(pipeline.git_ref.is_tag),
                sha: Some(&pipeline.sha),
                pipeline_id: Some(pipeline.id),
                payload_digest: Some(&self.digest),
                repeats: self.repeats,
                calls: 1,
            },
        )
    }
}

/// A digest by which equal payloads are found and from which none can be guessed.
pub(super) fn digest(app: &App, project: ProjectId, payload: &str) -> [u8; 32] {
    app.keys
        .digest_of("trigger log payload", &[&project.0.to_be_bytes(), payload.as_bytes()])
}

/// A call that made no pipeline.
#[derive(Clone, Debug)]
pub struct Note {
    pub(super) project: ProjectId,
    pub(super) user: Option<UserId>,
    pub(super) at: Timestamp,
    pub(super) outcome: TriggerOutcome,
    pub(super) reason: Option<Reason>,
    pub(super) status: i32,
    pub(super) ref_name: String,
    pub(super) pipeline: Option<model::PipelineId>,
    pub(super) record: Arc<Record>,
    pub(super) calls: i64,
}

impl Note {
    /// A call that is answered with 200.
    pub(super) fn new(
        app: &App,
        project: ProjectId,
        user: Option<UserId>,
        ref_text: &str,
        record: Arc<Record>,
    ) -> Note {
        Note {
            project,
            user,
            at: app.clock.now(),
            outcome: TriggerOutcome::DryRun,
            reason: None,
            status: 200,
            ref_name: ref_text.chars().take(LONGEST_REF).collect(),
            pipeline: None,
            record,
            calls: 1,
        }
    }

    /// A call that was sent before.
    pub(super) fn replayed(self, pipeline: &Pipeline) -> Note {
        Note {
            outcome: TriggerOutcome::Replayed,
            status: 201,
            pipeline: Some(pipeline.id),
            ..self
        }
    }

    /// The same, refused.
    pub(super) fn refused(self, error: &Error) -> Note {
        let (reason, status) = reason_and_status(error);
        self.because(reason, status)
    }

    /// The same, refused for a reason.
    pub(super) fn because(self, reason: Reason, status: i32) -> Note {
        Note {
            outcome: TriggerOutcome::Refused,
            reason: Some(reason),
            status,
            ..self
        }
    }
}

/// Why a call was refused, and the HTTP status of the answer.
pub(super) fn reason_and_status(error: &Error) -> (Reason, i32) {
    match error {
        Error::Refused(refused) => (refused.reason, reason_and_status(&refused.error).1),
        Error::PipelineNotCreated { message, kept, .. } => (of_message(message, *kept), if *kept { 422 } else { 400 }),
        Error::Reasoned(reasoned) => {
            let reason = reasoned.reason.parse().unwrap_or(Reason::Refused);
            (reason, i32::from(reasoned.status))
        }
        Error::Status { status, .. } | Error::StatusError { status, .. } => (Reason::Refused, i32::from(*status)),
        Error::TooMany { .. } => (Reason::ServerLimit, 429),
        Error::UnauthorizedMessage(_) => (Reason::JobNotRunning, 401),
        Error::Unauthorized | Error::InvalidToken(_) => (Reason::Refused, 401),
        Error::Forbidden(_) | Error::InsufficientScope { .. } => (Reason::Refused, 403),
        Error::NotFound(_) | Error::NotFoundPlain | Error::RecordNotFound => (Reason::Refused, 404),
        Error::Moved(_) => (Reason::Refused, 405),
        Error::Parameters(_) | Error::BadRequest(_) | Error::Invalid(_) => (Reason::ParametersInvalid, 400),
        Error::Throttled(_) => (Reason::ServerLimit, 429),
        Error::Internal(_) => (Reason::ServerError, 500),
    }
}

/// What GitLab's words for a pipeline that is not created mean (rest-api.md 2.1).
fn of_message(message: &str, kept: bool) -> Reason {
    match message {
        "Pipelines are disabled!" => Reason::PipelinesDisabled,
        "Insufficient permissions to create a new pipeline" => Reason::OwnerNotPermitted,
        "Insufficient permissions to set pipeline variables" => Reason::VariablesNotPermitted,
        "Ref is ambiguous" => Reason::RefAmbiguous,
        "Reference not found" => Reason::RefNotFound,
        "Missing CI config file" => Reason::ConfigMissing,
        "There cannot be more than 20 inputs" => Reason::InputsInvalid,
        text if text.starts_with("You do not have sufficient permission to run a pipeline on") => {
            Reason::RefNotPermitted
        }
        text if text.starts_with("Duplicate variable name")
            || text.starts_with("Failed to build pipeline variables") =>
        {
            Reason::VariableInvalid
        }
        text if text.starts_with("The pipeline did not run. Review the workflow:rules") => Reason::WorkflowRules,
        text if text.starts_with("The resulting pipeline would have been empty") => Reason::NoJobs,
        text if text.starts_with("Too many") => Reason::ServerLimit,
        text if text.contains("input: ") => Reason::InputsInvalid,
        _ if kept => Reason::ConfigInvalid,
        _ => Reason::Refused,
    }
}

/// Writes what was refused, and forgets what is too old, until told to stop; then writes what is left.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut write = tokio::time::interval(WRITE_EVERY);
    let mut forget = tokio::time::interval(FORGET_EVERY);
    write.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            () = stopped(&mut stop) => {
                if let Err(error) = queue::flush(&app, true).await {
                    warn!(error = &error as &dyn std::error::Error, "the last refused calls are not in the trigger log");
                }
                return;
            }
            _ = write.tick() => queue::flush(&app, false).await,
            _ = forget.tick() => look_after(&app).await,
        };
        if let Err(error) = done {
            warn!(
                error = &error as &dyn std::error::Error,
                "could not look after the trigger log"
            );
        }
    }
}

/// Forgets what is too old, and tells of tokens that end soon.
async fn look_after(app: &App) -> Result<()> {
    forget_entries(app).await?;
    tell_ends(app).await
}

/// Forgets entries that are too old or too many, in small transactions.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn forget_entries(app: &App) -> Result<()> {
    let days = u64::from(app.settings.trigger_log_days);
    let before = app.clock.now() - Duration::from_secs(days * 24 * 3600);
    let full = BATCH.unsigned_abs();
    while app
        .store
        .write(move |tx| ops::trigger_log::forget_before(tx, before, BATCH))
        .await?
        == full
    {}
    let kept = i64::from(app.settings.trigger_log_entries);
    let mut project = ProjectId(0);
    while let Some(next) = app
        .store
        .read(move |tx| ops::trigger_log::next_project(tx, project))
        .await?
    {
        let forget = move |tx: &mut dyn Tx| ops::trigger_log::forget_beyond(tx, next, kept, BATCH);
        while app.store.write(forget).await? == full {}
        project = next;
    }
    app.store
        .write(move |tx| ops::unknown_tokens::forget(tx, before, UNKNOWN_KEPT))
        .await?;
    Ok(())
}

/// Says once of each token that it ends soon.
async fn tell_ends(app: &App) -> Result<()> {
    let now = app.clock.now();
    let ending = app
        .store
        .read(move |tx| ops::trigger_tokens::expiring(tx, now, now + ENDS_SOON, ENDING))
        .await?;
    for token in ending {
        let id = token.id;
        // Only one of several servers tells.
        if app
            .store
            .write(move |tx| ops::trigger_tokens::tell_expiry(tx, id))
            .await?
        {
            let end = crate::time::date(token.expires_at.unwrap_or(now));
            info!(token.id = %id, project.id = %token.project_id,
                "trigger token {id} of project {} ends on {end}: rotate it if it is still needed", token.project_id);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gitlabs_words_have_reasons() {
        for (message, kept, expected) in [
            ("Reference not found", false, Reason::RefNotFound),
            (
                "Insufficient permissions to create a new pipeline",
                false,
                Reason::OwnerNotPermitted,
            ),
            (
                "You do not have sufficient permission to run a pipeline on 'x'. Please select …",
                false,
                Reason::RefNotPermitted,
            ),
            ("Duplicate variable names: A, B", true, Reason::VariableInvalid),
            ("jobs:a config contains unknown keys: b", true, Reason::ConfigInvalid),
            ("something else", false, Reason::Refused),
        ] {
            assert_eq!(of_message(message, kept), expected, "{message}");
        }
    }
}
