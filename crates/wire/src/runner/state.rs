//! What a runner reports about a job: its state, and the parameters of an artifact upload.

use serde::{Deserialize, Serialize};

use super::identity::RunnerInfo;
use super::lenient;

/// Body of `PUT jobs/:id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateJob {
    /// The job's token; may stand in the `JOB-TOKEN` header instead.
    #[serde(deserialize_with = "lenient::text")]
    pub token: String,
    /// What the runner is and can do.
    #[serde(deserialize_with = "lenient::object")]
    pub info: RunnerInfo,
    /// The state as sent; see [`UpdateJob::job_state`].
    #[serde(deserialize_with = "lenient::text")]
    pub state: String,
    /// Why the job failed; any word, unknown ones count as `unknown_failure`.
    #[serde(deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// Exit code of the script; absent when 0, -1 when a signal ended it.
    #[serde(
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub exit_code: Option<i64>,
    /// `crc32:` and 8 hex digits over the whole log (older copy of `output.checksum`).
    #[serde(deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// Checksum and size of the log.
    #[serde(deserialize_with = "lenient::object")]
    pub output: TraceOutput,
    /// Tripline's own: with the end of the job the end of its log, where the job says that this is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tripline_log: Option<LastWords>,
}

/// The end of a job's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastWords {
    /// Where it begins, in bytes.
    pub start: u64,
    /// The bytes, which are text.
    pub text: String,
}

impl UpdateJob {
    /// Returns the reported state; `None` for a word that is no state (answer: 400).
    #[must_use]
    pub fn job_state(&self) -> Option<JobState> {
        match self.state.as_str() {
            "pending" => Some(JobState::Pending),
            "running" => Some(JobState::Running),
            "success" => Some(JobState::Success),
            "failed" => Some(JobState::Failed),
            _ => None,
        }
    }
}

/// States a runner may report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Still preparing (two-phase start).
    Pending,
    /// Accepted and running; also the sign of life.
    Running,
    /// Over, well.
    Success,
    /// Over, not well.
    Failed,
}

impl JobState {
    /// Returns the word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            JobState::Pending => "pending",
            JobState::Running => "running",
            JobState::Success => "success",
            JobState::Failed => "failed",
        }
    }
}

/// Checksum and size of a job's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceOutput {
    /// `crc32:` and 8 hex digits.
    #[serde(deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// Bytes.
    #[serde(
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub bytesize: Option<i64>,
}

/// Parameters of `POST jobs/:id/artifacts`, in the query or as form fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArtifactParameters {
    /// `zip`, `gzip`, `raw` …; absent = zip.
    #[serde(deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub artifact_format: Option<String>,
    /// `archive`, `junit`, `dotenv` …; absent = archive.
    #[serde(deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// How long to keep it, as people write it (`1 week`, `never`).
    #[serde(deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub expire_in: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_update_has_an_empty_output_and_no_exit_code() {
        let update = UpdateJob {
            token: "t".into(),
            state: "running".into(),
            ..UpdateJob::default()
        };
        let json = serde_json::to_value(&update).unwrap();
        assert_eq!(json["output"], json!({}));
        assert!(json.get("exit_code").is_none());
        assert!(json.get("failure_reason").is_none());
        assert!(json.get("checksum").is_none());
    }

    #[test]
    fn a_word_that_is_no_state_is_none() {
        let update: UpdateJob = serde_json::from_value(json!({"state": "sleeping", "output": "x"})).unwrap();
        assert_eq!(update.job_state(), None);
        let update: UpdateJob = serde_json::from_value(json!({"state": "failed", "exit_code": "-1"})).unwrap();
        assert_eq!(
            (update.job_state(), update.exit_code),
            (Some(JobState::Failed), Some(-1))
        );
    }
}
