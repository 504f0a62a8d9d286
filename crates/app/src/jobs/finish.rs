//! The end of a job: its result, and whether it gets another attempt or takes its pipeline down.

use model::{FailureReason, JobEvent, Status, Timestamp};
use schedule::auto_cancel::on_job_failure;
use schedule::auto_retry::{allowed_exit_code, auto_retry, stored_exit_code};
use schedule::retry_job;
use store::{Tx, ops};

use crate::error::{Error, Result};
use crate::jobs::locked::LockedPipeline;

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Success,
    /// Not well.
    Failed {
        /// Why.
        reason: FailureReason,
        /// What the script ended with, as reported.
        exit_code: Option<i64>,
    },
}

impl Outcome {
    /// A failure that no script caused.
    #[must_use]
    pub const fn failed(reason: FailureReason) -> Outcome {
        Outcome::Failed {
            reason,
            exit_code: None,
        }
    }
}

/// Ends a job. One that was being canceled becomes canceled, however it ended.
///
/// # Errors
///
/// [`Error::Internal`] when the job cannot end in its status, or its definition is gone.
pub fn finish(
    tx: &mut dyn Tx,
    locked: &mut LockedPipeline,
    index: usize,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Status> {
    let Outcome::Failed { reason, exit_code } = outcome else {
        return locked.happen(index, JobEvent::Succeed, now).map_err(Error::internal);
    };
    let status = locked.happen(index, JobEvent::Drop, now).map_err(Error::internal)?;
    if status == Status::Failed {
        let exit_code = exit_code.map(stored_exit_code);
        locked.edit(index, now, |job| {
            job.failure_reason = Some(reason);
            job.exit_code = exit_code;
        });
        after_failure(tx, locked, index, now)?;
    }
    Ok(status)
}

/// Allowed exit codes, automatic retry, `on_job_failure`.
fn after_failure(tx: &mut dyn Tx, locked: &mut LockedPipeline, index: usize, now: Timestamp) -> Result<()> {
    let job = &locked.jobs[index];
    let definition = ops::definitions::get(tx, job.definition_id)?
        .ok_or_else(|| Error::internal(format!("job_definitions {}: missing", job.definition_id)))?;
    if allowed_exit_code(&definition, job.allow_failure_exit_codes, job.exit_code) {
        locked.edit(index, now, |job| job.allow_failure = true);
    }
    let job = &locked.jobs[index];
    let reason = job.failure_reason.unwrap_or(FailureReason::UnknownFailure);
    let retries = ops::jobs::count_retried(tx, job.pipeline_id, &job.name)?;
    let (allow_failure, user) = (job.allow_failure, job.user_id);
    let retried = auto_retry(
        definition.retry.as_ref(),
        reason,
        job.exit_code,
        u32::try_from(retries).unwrap_or(u32::MAX),
    );
    if retried {
        let rerun = retry_job(&locked.states(), index).map_err(Error::internal)?;
        locked.rerun(tx, &rerun, user, now)?;
    } else if on_job_failure(locked.pipeline.on_job_failure, allow_failure, retried) {
        locked.cancel_rest();
    }
    Ok(())
}
