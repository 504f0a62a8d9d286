//! Deleting the files of jobs whose rows are gone.

use model::{ArtifactId, JobId};
use tracing::warn;

use crate::App;

/// Deletes traces and artifacts. No row names them any more, so a failure only costs space: it is logged.
pub async fn delete(app: &App, traces: &[JobId], artifacts: &[ArtifactId]) {
    for job in traces {
        if let Err(error) = app.blobs.traces.erase(*job).await {
            warn!(job.id = %job, error = &error as &dyn std::error::Error, "could not delete the log of job {job}");
        }
    }
    for id in artifacts {
        if let Err(error) = app.blobs.artifacts.delete(*id).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "could not delete artifact {id}"
            );
        }
    }
}
