//! Artifacts of running jobs: upload and download (runner-protocol 5).

use std::io::Read as _;

use blob::{Reader, Upload};
use bytes::Bytes;
use compile::duration::{Expiry, parse_expiry};
use model::{Job, JobId, Status, Timestamp};
use store::ops;
use store::ops::artifacts::{Artifact, NewArtifact};

use crate::App;
use crate::error::{Error, Result};
use crate::jobs::artifacts::is_available;
use crate::jobs::{dotenv, given};
use crate::lookup;
use crate::runners::report;

/// Largest archive in bytes (GitLab: 100 MB); reports may be as large.
pub const MAX_BYTES: u64 = 100 << 20;

/// How long an artifact is kept unless the job says otherwise (GitLab: 30 days), in seconds.
const DEFAULT_EXPIRY: i64 = 30 * 24 * 3600;

/// What an upload is.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// `archive`, or the type of a report; absent = archive.
    pub kind: Option<String>,
    /// `zip`, `gzip`, `raw`; absent = zip.
    pub format: Option<String>,
    /// How long to keep it, as people write it.
    pub expire_in: Option<String>,
    /// Name of the file as the runner gave it.
    pub filename: Option<String>,
}

/// Begins an upload for a job that runs; `Err` inside: its status, if the token is for it.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn begin(app: &App, id: JobId, token: &str) -> Result<std::result::Result<(Job, Upload), Option<Status>>> {
    let Some(job) = report::find(app, id, token).await? else {
        return Ok(Err(None));
    };
    if !job.status.is_executing() {
        return Ok(Err(Some(job.status)));
    }
    let upload = app.blobs.artifacts.upload(MAX_BYTES).await.map_err(Error::internal)?;
    Ok(Ok((job, upload)))
}

/// Takes the next bytes of an upload; `false` when the file is too large, and then the upload is over.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn write(upload: &mut Upload, bytes: Bytes) -> Result<bool> {
    match upload.write(bytes).await {
        Ok(()) => Ok(true),
        Err(blob::Error::TooLarge { .. }) => Ok(false),
        Err(error) => Err(Error::internal(error)),
    }
}

/// Records a file that has come in. The same file a second time changes nothing.
///
/// # Errors
///
/// 400 for a second file of a kind with other content, for a dotenv report that is not valid and for
/// an expiry that cannot be read.
pub async fn record(app: &App, job: &Job, upload: Upload, description: Description) -> Result<()> {
    let staged = upload.finish().await.map_err(Error::internal)?;
    let now = app.clock.now();
    let kind = description.kind.clone().unwrap_or_else(|| "archive".to_owned());
    let sha256 = staged.sha256_hex();
    let (id, looked) = (job.id, kind.clone());
    let earlier = app.store.read(move |tx| ops::artifacts::get(tx, id, &looked)).await?;
    if let Some(earlier) = earlier {
        if earlier.file.sha256 != sha256 {
            return Err(Error::BadRequest(format!(
                "another artifact of the same type `{kind}` already exists"
            )));
        }
        // The server may have died between row and file: the runner sends the file again, so it is here now.
        let file = app.blobs.artifacts.read(earlier.id).await.map_err(Error::internal)?;
        if file.is_none() {
            staged.keep(earlier.id).await.map_err(Error::internal)?;
        }
        return Ok(());
    }
    let definition = job.definition_id;
    let definition = app.store.read(move |tx| ops::definitions::get(tx, definition)).await?;
    let access = definition.and_then(|definition| definition.artifacts.as_ref()?.access.clone());
    let new = NewArtifact {
        project_id: job.project_id,
        job_id: job.id,
        format: description.format.clone().unwrap_or_else(|| "zip".to_owned()),
        filename: filename(&kind, description.filename.as_deref()),
        size: i64::try_from(staged.size).map_err(Error::internal)?,
        sha256,
        blob_key: String::new(),
        // Reports are read by later jobs and by people who see the job; only the archive can be kept from them.
        access: access.filter(|_| kind == "archive"),
        expire_at: expire_at(description.expire_in.as_deref(), now)?,
        created_at: now,
        kind,
    };
    let is_dotenv = new.kind == "dotenv";
    let id = app.store.write(move |tx| ops::artifacts::save(tx, &new)).await?;
    staged.keep(id).await.map_err(Error::internal)?;
    if is_dotenv {
        read_dotenv(app, job, id).await?;
    }
    Ok(())
}

/// Makes a dotenv report the variables of later jobs; one that is not valid is forgotten.
async fn read_dotenv(app: &App, job: &Job, id: model::ArtifactId) -> Result<()> {
    let blobs = app.blobs.clone();
    let parsed = crate::blocking(move || {
        let Some(file) = blobs.artifacts.open_seekable(id).map_err(Error::internal)? else {
            return Ok(Ok(Vec::new()));
        };
        // One byte more than allowed tells a report that is too large.
        let mut text = Vec::new();
        let limit = dotenv::MAX_BYTES as u64 + 1;
        Ok(
            match flate2::read::MultiGzDecoder::new(file)
                .take(limit)
                .read_to_end(&mut text)
            {
                Ok(_) => dotenv::parse(&text),
                Err(_) => Err(dotenv::InvalidDotenv::Format),
            },
        )
    });
    let (this, job) = (app.clone(), job.id);
    match parsed.await? {
        Ok(variables) => {
            app.store
                .write(move |tx| given::set_dotenv(&this.keys, tx, job, &variables))
                .await
        }
        Err(invalid) => {
            app.store.write(move |tx| ops::artifacts::delete(tx, &[id])).await?;
            app.blobs.artifacts.delete(id).await.map_err(Error::internal)?;
            Err(Error::BadRequest(invalid.to_string()))
        }
    }
}

/// The last part of the name a runner gave; a name of our own when there is none.
fn filename(kind: &str, given: Option<&str>) -> String {
    let name = given.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    match name.as_str() {
        "" | "." | ".." if kind == "archive" => "artifacts.zip".to_owned(),
        "" | "." | ".." => kind.to_owned(),
        _ => name,
    }
}

fn expire_at(written: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>> {
    let seconds = match written.filter(|text| !text.trim().is_empty()) {
        None => DEFAULT_EXPIRY,
        Some(text) => match parse_expiry(text) {
            Some(Expiry::Never) => return Ok(None),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a float becomes the nearest integer it can"
            )]
            Some(Expiry::After(seconds)) => seconds as i64,
            None => return Err(Error::BadRequest("expire_in is invalid".to_owned())),
        },
    };
    let microseconds = seconds.max(0).saturating_mul(1_000_000);
    Ok(Some(Timestamp(now.0.saturating_add(microseconds))))
}

/// Finds the archive of a job for a running job that depends on it, by the running job's token.
///
/// # Errors
///
/// 403 for a token that is no longer good or of a job that may not read the other's project; 404 when
/// there is no archive.
pub async fn download(app: &App, id: JobId, token: &str) -> Result<Artifact> {
    let (this, token, now) = (app.clone(), token.to_owned(), app.clock.now());
    app.store
        .read(move |tx| {
            let asking = lookup::job_of_token(&this, tx, &token)?.filter(|job| job.status.is_executing());
            let asking = asking.ok_or_else(Error::forbidden)?;
            let job = ops::jobs::by_id(tx, id)?.ok_or(Error::RecordNotFound)?;
            if job.project_id != asking.project_id {
                let project = ops::projects::get(tx, job.project_id)?.ok_or(Error::RecordNotFound)?;
                let user = match asking.user_id {
                    Some(user) => ops::users::get(tx, user)?,
                    None => None,
                };
                let user = user.ok_or_else(Error::forbidden)?;
                let role = lookup::role(&this, tx, &user, &project)?;
                if !lookup::job_may_use(tx, &asking, &user, &project, role)? {
                    return Err(Error::forbidden());
                }
            }
            let archive = ops::artifacts::get(tx, id, "archive")?.ok_or(Error::NotFoundPlain)?;
            if is_available(tx, &archive, now)? {
                Ok(archive)
            } else {
                Err(Error::NotFoundPlain)
            }
        })
        .await
}

/// Opens the file of an artifact.
///
/// # Errors
///
/// 404 when it is gone.
pub async fn open(app: &App, artifact: &Artifact) -> Result<Reader> {
    let reader = app.blobs.artifacts.read(artifact.id).await.map_err(Error::internal)?;
    reader.ok_or(Error::NotFoundPlain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_the_last_part_of_its_name() {
        for (kind, given, expected) in [
            ("archive", None, "artifacts.zip"),
            ("archive", Some("build.zip"), "build.zip"),
            ("archive", Some("../../etc/passwd"), "passwd"),
            ("archive", Some("a\\b.zip"), "b.zip"),
            ("archive", Some(".."), "artifacts.zip"),
            ("junit", Some(""), "junit"),
        ] {
            assert_eq!(filename(kind, given), expected, "{given:?}");
        }
    }

    #[test]
    fn an_artifact_expires_as_written_or_after_thirty_days() {
        let days = |n: i64| Some(Timestamp::from_seconds(n * 24 * 3600));
        let now = Timestamp(0);
        assert_eq!(expire_at(None, now).unwrap(), days(30));
        assert_eq!(expire_at(Some("1 week"), now).unwrap(), days(7));
        assert_eq!(expire_at(Some("never"), now).unwrap(), None);
        assert!(expire_at(Some("some day"), now).is_err());
    }
}
