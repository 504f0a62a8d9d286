//! What streams of events carry.

use app::ExternalUrl;
use model::{Job, Project, Timestamp};
use wire::live::{Job as Live, Trace};

use super::{maybe_time, time};

/// A job or bridge as it is now.
#[must_use]
pub fn job(url: &ExternalUrl, project: &Project, job: &Job, now: Timestamp) -> Live {
    Live {
        id: job.id.0,
        name: job.name.clone(),
        stage: job.stage.clone(),
        status: job.status.to_string(),
        bridge: job.is_bridge,
        allow_failure: job.allow_failure,
        failure_reason: super::job::failure_reason(job),
        coverage: job.coverage,
        created_at: time(job.created_at),
        started_at: maybe_time(job.started_at),
        finished_at: maybe_time(job.finished_at),
        duration: job.duration_seconds(now),
        queued_duration: job.queued_seconds(now),
        web_url: super::job::page(url, &project.full_path, job),
    }
}

/// A piece of a log.
#[must_use]
pub fn trace(offset: u64, bytes: &[u8]) -> Trace {
    Trace {
        offset,
        text: String::from_utf8_lossy(bytes).into_owned(),
    }
}
