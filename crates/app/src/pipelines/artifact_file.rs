//! Files of a child pipeline's configuration that a job of the parent pipeline made (`include: artifact`).

use std::io::Read as _;
use std::sync::Arc;

use compile::Answer;
use compile::facts::FetchedFile;
use model::{ArtifactId, PipelineId, Timestamp};
use store::ops::artifacts::Artifact;
use store::{Tx, ops};
use zip::result::ZipError;

use crate::App;
use crate::error::{Error, Result};
use crate::jobs::archive_entry;
use crate::jobs::artifacts::is_available;

/// Largest archive, and largest file in it, in bytes (GitLab's limit).
const MAX_BYTES: u64 = 5 << 20;

/// Reads a file in the archive of a job of a pipeline.
///
/// # Errors
///
/// Only what is wrong with the server; that there is no such file is an answer.
pub(super) async fn read(app: &App, pipeline: PipelineId, job: String, path: String) -> Result<Answer> {
    let (name, now) = (job.clone(), app.clock.now());
    let archive = app.store.read(move |tx| archive(tx, pipeline, &name, now)).await?;
    let Some(archive) = archive else {
        return Ok(Answer::Failed(format!(
            "Job `{job}` not found in parent pipeline or does not have artifacts!"
        )));
    };
    if u64::try_from(archive.file.size).unwrap_or(u64::MAX) > MAX_BYTES {
        return Ok(too_large(&job));
    }
    let this = app.clone();
    crate::blocking(move || extract(&this, archive.id, &job, &path)).await
}

/// The archive of the newest attempt of a job, unless it has expired and is not kept.
fn archive(tx: &mut dyn Tx, pipeline: PipelineId, name: &str, now: Timestamp) -> Result<Option<Artifact>> {
    let jobs = ops::jobs::current(tx, pipeline)?;
    let Some(job) = jobs.iter().find(|job| job.name == name) else {
        return Ok(None);
    };
    match ops::artifacts::get(tx, job.id, "archive")? {
        Some(archive) if is_available(tx, &archive, now)? => Ok(Some(archive)),
        _ => Ok(None),
    }
}

fn too_large(job: &str) -> Answer {
    Answer::Failed(format!("Artifacts archive for job `{job}` is too large: max 5 MB"))
}

fn extract(app: &App, id: ArtifactId, job: &str, path: &str) -> Result<Answer> {
    let unreadable = || {
        Answer::Failed(format!(
            "Job `{job}` has missing artifacts metadata and cannot be extracted!"
        ))
    };
    let Some(file) = app.blobs.artifacts.open_seekable(id).map_err(Error::internal)? else {
        return Ok(unreadable());
    };
    let Some(mut zip) = archive_entry::zip_of(file) else {
        return Ok(unreadable());
    };
    let entry = match zip.by_name(path) {
        Ok(entry) => entry,
        Err(ZipError::FileNotFound) => {
            return Ok(Answer::Failed(format!(
                "Path `{path}` does not exist inside the `{job}` artifacts archive!"
            )));
        }
        Err(_) => return Ok(unreadable()),
    };
    if entry.is_dir() {
        return Ok(Answer::Failed(format!(
            "Path `{path}` was expected to be a file but it was a directory!"
        )));
    }
    // What the archive says of the size is only a claim.
    let mut bytes = Vec::new();
    if entry.take(MAX_BYTES + 1).read_to_end(&mut bytes).is_err() {
        return Ok(unreadable());
    }
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Ok(too_large(job));
    }
    Ok(Answer::File(FetchedFile {
        text: Arc::from(String::from_utf8_lossy(&bytes)),
        project: None,
        sha: None,
        component: None,
    }))
}
