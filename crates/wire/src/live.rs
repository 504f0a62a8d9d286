//! What streams of events carry; Tripline's own. Fields have the names and forms of GitLab's API.

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// A job or bridge as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Id. A new attempt of a job has a new one.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Name of the stage.
    pub stage: String,
    /// Status.
    pub status: String,
    /// Whether it only starts another pipeline.
    pub bridge: bool,
    /// Whether its failure does not count.
    pub allow_failure: bool,
    /// Why it failed; null unless it did.
    pub failure_reason: Option<String>,
    /// Percent.
    pub coverage: Option<f64>,
    /// When it was created.
    pub created_at: Time,
    /// When a runner started it.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// Seconds.
    pub duration: Option<f64>,
    /// Seconds in the queue.
    pub queued_duration: Option<f64>,
    /// Page.
    pub web_url: String,
}

/// A piece of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The byte of the log it begins at.
    pub offset: u64,
    /// The text; what is not UTF-8 is replaced.
    pub text: String,
}

/// The end of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Status of the pipeline or job.
    pub status: String,
}
