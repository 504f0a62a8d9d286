//! Archives of earlier jobs, fetched by the runner, unpacked inside the sandbox.

use std::time::Duration;

use tokio::time::sleep;
use wire::runner::Dependency;

use super::context::Context;
use super::stage::{Failure, Program, Shell, Watch};
use crate::archive::UnpackOrder;
use crate::keeper::SELF;
use crate::trace::Source;

/// Tries of one download.
const TRIES: u32 = 3;

/// Pause between tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Downloads and unpacks the archives of all dependencies that have one.
pub(super) async fn download(context: &Context<'_>, shell: &mut Shell<'_>, watch: &mut Watch) -> Result<(), Failure> {
    let has_archive = |dependency: &&Dependency| {
        dependency
            .artifacts_file
            .as_ref()
            .is_some_and(|file| !file.filename.is_empty())
    };
    let dependencies: Vec<&Dependency> = context.job.dependencies.iter().filter(has_archive).collect();
    if dependencies.is_empty() {
        return Ok(());
    }
    shell.open("download_artifacts", "Downloading artifacts");
    let mut result = Ok(());
    for dependency in dependencies {
        for attempt in 1..=context.settings.download_attempts {
            result = download_one(context, shell, watch, dependency, attempt).await;
            if !matches!(result, Err(Failure::Script(_))) {
                break;
            }
        }
        if result.is_err() {
            break;
        }
    }
    shell.close("download_artifacts");
    result
}

async fn download_one(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
    dependency: &Dependency,
    attempt: u32,
) -> Result<(), Failure> {
    shell.log.line(&format!(
        "\x1b[32;1mDownloading artifacts for {} ({})...\x1b[0;m",
        dependency.name, dependency.id
    ));
    let name = format!("dependency-{}-{attempt}", dependency.id);
    let archive = context.dirs.input().join(format!("{name}.zip"));
    if let Err(problem) = watch.guard(fetch(context, dependency, &archive)).await? {
        let what = format!(
            "Downloading artifacts from coordinator... job {}: {problem}",
            dependency.id
        );
        shell.log.line(&format!("\x1b[31;1mERROR: {what}\x1b[0;m"));
        return Err(Failure::Script(1));
    }
    shell.log.line(&format!(
        "Downloading artifacts from coordinator... ok  id={}",
        dependency.id
    ));
    context
        .dirs
        .give(&archive)
        .map_err(|error| Failure::System(error.to_string()))?;
    unpack(context, shell, watch, &archive, &format!("{name}.json")).await?;
    let _ = tokio::fs::remove_file(&archive).await;
    Ok(())
}

/// Fetches one archive; the error is the sentence for the log.
async fn fetch(context: &Context<'_>, dependency: &Dependency, archive: &std::path::Path) -> Result<(), String> {
    for attempt in 1.. {
        let _ = tokio::fs::remove_file(archive).await;
        let problem = match context
            .place
            .client
            .download_artifact(dependency, attempt == 1, archive)
            .await
        {
            Ok(200) => return Ok(()),
            Ok(status @ (401 | 403 | 404)) => return Err(format!("the server answered {status}")),
            Ok(status) => format!("the server answered {status}"),
            Err(error) => error.to_string(),
        };
        if attempt >= TRIES {
            return Err(problem);
        }
        sleep(PAUSE).await;
    }
    Err("no try was left".to_owned())
}

/// Unpacks an archive inside the sandbox.
pub(super) async fn unpack(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
    archive: &std::path::Path,
    order_name: &str,
) -> Result<(), Failure> {
    let limits = &context.place.site.config.limits;
    let order = UnpackOrder {
        archive: archive.to_owned(),
        root: context.dirs.project.clone(),
        most_bytes: limits.unpacked_bytes,
        most_files: limits.unpacked_files,
    };
    let json = serde_json::to_string(&order).map_err(|error| Failure::System(error.to_string()))?;
    let order_file = context.write_script(order_name, &json).await?;
    let program = Program {
        argv: vec![SELF.to_owned(), "unpack".to_owned(), order_file],
        env: context.environment("running"),
        dir: &context.dirs.project,
        limit: None,
        keep_rest: false,
        source: Source::Runner,
    };
    shell.run(watch, program).await
}
