//! How a job's end is told: in its log, and to the server.

use std::time::Duration;

use wire::runner::Job;

use super::stage::Failure;
use crate::trace::{Outcome, TraceLog};

/// Writes the last line of the log and says what to report.
pub(super) fn conclude(job: &Job, log: &TraceLog, result: &Result<(), Failure>) -> Outcome {
    let (reason, exit_code, text) = match result {
        Ok(()) => {
            log.line("\x1b[32;1mJob succeeded\x1b[0;m");
            return Outcome::default();
        }
        Err(Failure::Script(-1)) => ("script_failure", -1, "Job failed: a signal ended the script".to_owned()),
        Err(Failure::Script(code)) => ("script_failure", *code, format!("Job failed: exit status {code}")),
        Err(Failure::System(text)) => (
            "runner_system_failure",
            0,
            format!("Job failed (system failure): {text}"),
        ),
        Err(Failure::Configuration(text)) => ("runner_configuration_error", 0, format!("Job failed: {text}")),
        Err(Failure::TimedOut(limit) | Failure::ScriptTimedOut(limit)) => (
            "job_execution_timeout",
            0,
            format!("Job failed: execution took longer than {}", in_words(*limit)),
        ),
        Err(Failure::Canceled | Failure::Aborted) => ("job_canceled", 0, "Job failed: canceled".to_owned()),
        Err(Failure::Interrupted) => (
            "runner_interrupted",
            0,
            "Job failed: the runner is being stopped".to_owned(),
        ),
    };
    log.line(&format!("\x1b[31;1mERROR: {text}\x1b[0;m"));
    Outcome {
        failure_reason: Some(known_reason(job, reason).to_owned()),
        exit_code,
    }
}

/// Returns `reason`, or what to say instead to a server that does not know it.
fn known_reason<'a>(job: &Job, reason: &'a str) -> &'a str {
    let always = ["script_failure", "runner_system_failure", "job_execution_timeout"];
    if always.contains(&reason) || job.features.failure_reasons.iter().any(|known| known == reason) {
        return reason;
    }
    if reason == "runner_configuration_error" {
        "script_failure"
    } else {
        "unknown_failure"
    }
}

/// Returns a duration as Go prints it (`1h0m0s`).
pub(super) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_as_go_tells_them() {
        for (seconds, words) in [(5, "5s"), (65, "1m5s"), (3600, "1h0m0s")] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn a_reason_unknown_to_the_server_is_replaced_by_one_it_knows() {
        let mut job = Job::default();
        assert_eq!(known_reason(&job, "job_canceled"), "unknown_failure");
        assert_eq!(known_reason(&job, "runner_configuration_error"), "script_failure");
        assert_eq!(known_reason(&job, "job_execution_timeout"), "job_execution_timeout");
        job.features.failure_reasons = vec!["job_canceled".to_owned()];
        assert_eq!(known_reason(&job, "job_canceled"), "job_canceled");
    }
}
