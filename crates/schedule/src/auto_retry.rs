//! Whether a failed job is retried by itself, and whether its exit code is allowed.

use model::definition::Retry;
use model::{FailureReason, JobDefinition};

/// Attempts after a scheduler failure when the configuration says nothing about it.
const SCHEDULER_FAILURE_RETRIES: u32 = 2;

/// Largest exit code that is kept.
const MAX_EXIT_CODE: i64 = 32767;

/// Whether a job that has just failed gets another attempt; `retries` counts the attempts of its name already retried.
#[must_use]
pub fn auto_retry(setting: Option<&Retry>, reason: FailureReason, exit_code: Option<i32>, retries: u32) -> bool {
    retries < allowed_retries(setting, reason, exit_code)
}

fn allowed_retries(setting: Option<&Retry>, reason: FailureReason, exit_code: Option<i32>) -> u32 {
    use FailureReason as R;
    if matches!(
        reason,
        R::CiQuotaExceeded
            | R::NoMatchingRunner
            | R::MissingDependencyFailure
            | R::ForwardDeploymentFailure
            | R::EnvironmentCreationFailure
    ) {
        return 0;
    }
    let configured = setting
        .filter(|setting| applies(setting, reason, exit_code))
        .and_then(|setting| setting.max);
    configured.unwrap_or(if reason == R::SchedulerFailure {
        SCHEDULER_FAILURE_RETRIES
    } else {
        0
    })
}

/// `when` and `exit_codes` are alternatives; with neither written every failure counts.
fn applies(setting: &Retry, reason: FailureReason, exit_code: Option<i32>) -> bool {
    let always = setting.when.is_empty() && setting.exit_codes.is_empty();
    always
        || setting.when.iter().any(|word| word == "always" || covers(word, reason))
        || exit_code.is_some_and(|code| setting.exit_codes.contains(&i64::from(code)))
}

/// Whether a word of `retry:when` means this reason; two words also mean the finer reasons that came later.
fn covers(word: &str, reason: FailureReason) -> bool {
    use FailureReason as R;
    let coarse = match reason {
        R::StuckPendingWithMatchingRunners
        | R::StuckPendingNoMatchingRunners
        | R::NoUpdatesRunning
        | R::NoUpdatesCanceling => R::StuckOrTimeoutFailure,
        R::ServerTimeoutRunning | R::ServerTimeoutCanceling => R::JobExecutionTimeout,
        other => other,
    };
    word == reason.as_str() || word == coarse.as_str()
}

/// Whether the exit code turns the failure into an allowed one (`allow_failure:exit_codes`).
///
/// `rules_keep_it` is false when a rule's own `allow_failure` has replaced the list.
#[must_use]
pub fn allowed_exit_code(definition: &JobDefinition, rules_keep_it: bool, exit_code: Option<i32>) -> bool {
    rules_keep_it && exit_code.is_some_and(|code| definition.allow_failure_exit_codes.contains(&i64::from(code)))
}

/// Returns the exit code as it is stored: 0 to 32767.
#[must_use]
pub fn stored_exit_code(reported: i64) -> i32 {
    i32::try_from(reported.clamp(0, MAX_EXIT_CODE)).expect("clamped to 15 bits")
}
