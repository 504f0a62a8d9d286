//! Artifacts and reports: packed inside the sandbox, sent by the runner.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::libc::O_NOFOLLOW;
use tokio::time::sleep;
use wire::runner::Artifact;

use super::context::Context;
use super::stage::{Failure, Program, Shell, Watch};
use crate::archive::{Format, PackOrder};
use crate::client::Upload;
use crate::keeper::SELF;
use crate::trace::Source;

/// Tries of one upload; a server that is overloaded (503) gets more.
const TRIES: u32 = 3;
const TRIES_WHEN_OVERLOADED: u32 = 6;

/// Pause between tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Uploads what the job's end wants uploaded.
pub(super) async fn upload(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
    succeeded: bool,
) -> Result<(), Failure> {
    let wanted = |artifact: &&Artifact| {
        (!artifact.paths.is_empty() || artifact.untracked) && is_wanted(&artifact.when, succeeded)
    };
    let artifacts: Vec<&Artifact> = context.job.artifacts.iter().filter(wanted).collect();
    if artifacts.is_empty() {
        return Ok(());
    }
    let (name, title) = if succeeded {
        ("upload_artifacts_on_success", "Uploading artifacts for successful job")
    } else {
        ("upload_artifacts_on_failure", "Uploading artifacts for failed job")
    };
    shell.open(name, title);
    let mut result = Ok(());
    for (index, artifact) in artifacts.into_iter().enumerate() {
        // The first failure counts, but the others are uploaded: reports say what went wrong.
        let one = upload_one(context, shell, watch, artifact, index).await;
        let ends = !matches!(one, Ok(()) | Err(Failure::Script(_)));
        result = result.and(one);
        if ends {
            break;
        }
    }
    shell.close(name);
    result
}

/// Whether something with this `when` is due.
pub(super) fn is_wanted(when: &str, succeeded: bool) -> bool {
    match when {
        "always" => true,
        "on_failure" => !succeeded,
        _ => succeeded,
    }
}

async fn upload_one(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
    artifact: &Artifact,
    index: usize,
) -> Result<(), Failure> {
    let kind = if artifact.artifact_type.is_empty() {
        "archive"
    } else {
        &artifact.artifact_type
    };
    let Some(format) = Format::parse(&artifact.artifact_format) else {
        return Err(Failure::Configuration(format!(
            "artifact format `{}` is not supported",
            artifact.artifact_format
        )));
    };
    shell.log.line("\x1b[32;1mUploading artifacts...\x1b[0;m");
    let output = context.dirs.out().join(format!("artifact-{index}"));
    let order = PackOrder {
        root: context.dirs.project.clone(),
        paths: artifact.paths.iter().map(|path| context.expand(path)).collect(),
        exclude: artifact.exclude.iter().map(|path| context.expand(path)).collect(),
        untracked: artifact.untracked,
        format,
        output: output.clone(),
    };
    pack(context, shell, watch, &order, &format!("artifact-{index}.json")).await?;
    if !output.exists() {
        return Ok(());
    }
    let name = file_name(&context.expand(&artifact.name), format);
    let upload = Upload {
        job: context.job.id,
        token: &context.job.token,
        filename: &name,
        artifact_type: kind,
        artifact_format: if artifact.artifact_format.is_empty() {
            "zip"
        } else {
            &artifact.artifact_format
        },
        expire_in: &artifact.expire_in,
    };
    let sent = watch.guard(send(context, shell, &upload, &output)).await?;
    let _ = std::fs::remove_file(&output);
    if sent { Ok(()) } else { Err(Failure::Script(1)) }
}

/// Makes an archive inside the sandbox.
pub(super) async fn pack(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
    order: &PackOrder,
    order_name: &str,
) -> Result<(), Failure> {
    let json = serde_json::to_string(order).map_err(|error| Failure::System(error.to_string()))?;
    let order_file = context.write_script(order_name, &json).await?;
    let program = Program {
        argv: vec![SELF.to_owned(), "pack".to_owned(), order_file],
        env: context.environment("running"),
        dir: &context.dirs.project,
        limit: None,
        keep_rest: false,
        source: Source::Runner,
    };
    shell.run(watch, program).await
}

/// Opens a file that the job made, and nothing that it made look like one.
pub(super) fn open_made(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(std::io::Error::other("not a file"))
    }
}

/// Sends an archive; returns whether the server has it.
async fn send(context: &Context<'_>, shell: &Shell<'_>, upload: &Upload<'_>, path: &Path) -> bool {
    let what = format!("Uploading artifacts as \"{}\" to coordinator...", upload.artifact_type);
    for attempt in 1.. {
        let file = match open_made(path) {
            Ok(file) => file,
            Err(error) => {
                shell.log.line(&format!(
                    "\x1b[31;1mERROR: {what} cannot read the archive: {error}\x1b[0;m"
                ));
                return false;
            }
        };
        let (retry, problem) = match context.place.client.upload_artifact(upload, file).await {
            Ok((201, _)) => {
                shell.log.line(&format!("{what} 201 Created"));
                return true;
            }
            Ok((status, words)) => match status {
                503 => (attempt < TRIES_WHEN_OVERLOADED, words),
                400 | 401 | 403 | 404 | 413 => (false, words),
                _ => (attempt < TRIES, words),
            },
            Err(error) => (attempt < TRIES, error.to_string()),
        };
        if !retry {
            shell.log.line(&format!("\x1b[31;1mERROR: {what} {problem}\x1b[0;m"));
            return false;
        }
        shell.warn(&format!("{what} {problem}, trying again"));
        sleep(PAUSE).await;
    }
    false
}

/// Returns the name the server shall show: only the last part of a path counts.
fn file_name(name: &str, format: Format) -> String {
    let name = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let name = if name.is_empty() {
        if format == Format::Raw { "default" } else { "artifacts" }
    } else {
        name
    };
    match format {
        Format::Zip => format!("{name}.zip"),
        Format::Gzip => format!("{name}.gz"),
        Format::Raw => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_format() {
        assert_eq!(file_name("", Format::Zip), "artifacts.zip");
        assert_eq!(file_name("a/b", Format::Zip), "b.zip");
        assert_eq!(file_name("junit.xml", Format::Gzip), "junit.xml.gz");
        assert_eq!(
            file_name("gl-code-quality-report.json", Format::Raw),
            "gl-code-quality-report.json"
        );
    }

    #[test]
    fn an_empty_when_means_success() {
        assert!(
            is_wanted("", true) && !is_wanted("", false) && is_wanted("on_failure", false) && is_wanted("always", true)
        );
    }
}
