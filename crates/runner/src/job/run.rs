//! The course of a job: checkout, caches, dependencies, script, `after_script`, caches, artifacts.
//!
//! The acceptance by the server is awaited only before the first line of the job's own script:
//! the checkout runs meanwhile. The end is reported by a task of its own, so that the slot can
//! take the next job.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use wire::runner::Job;

use super::collect::{collect_variables, complete, lookup, secrets};
use super::context::Context;
use super::dirs::Dirs;
use super::git::at_clone_url;
use super::outcome::conclude;
use super::settings::{Settings, Strategy, flag};
use super::stage::{Failure, Shell, Watch};
use super::{Place, cache, dependencies, sources, steps, uploads};
use crate::keeper::{Keeper, Protection};
use crate::trace::{JobHandle, LogSettings, Outcome, Source, TraceLog, Uploader, Verdict};

/// Runs `job`; returns the task that reports its end, and whether the keeper can go on.
pub(crate) async fn run(
    mut job: Job,
    place: Place,
    keeper: &mut Keeper,
    nudge: Arc<Notify>,
    interrupt: impl Future<Output = ()> + Send + 'static,
) -> (JoinHandle<()>, bool) {
    let sent = collect_variables(&job, &place);
    if let (Some(git), Some(base)) = (&mut job.git_info, &place.site.config.clone_url) {
        git.repo_url = at_clone_url(&git.repo_url, base, sent.get("CI_PROJECT_PATH"));
    }
    let raw = |name: &str| sent.get(name).to_owned();
    let empty = raw("GIT_STRATEGY") == "empty";
    let repository = job.git_info.as_ref().map(|git| git.repo_url.as_str());
    let dirs = Dirs::new(
        &place.site.prepared,
        place.slot,
        repository,
        job.job_info.project_id,
        empty,
        // The server's word: a variable of that name could come from anybody who starts pipelines.
        job.git_info.as_ref().and_then(|git| git.protected) == Some(true),
    );
    let variables = complete(sent, &dirs, &job);
    let get = |name: &str| lookup(&variables, name);

    let log = Arc::new(TraceLog::new(LogSettings {
        secrets: secrets(&job, &variables),
        token_prefixes: &job.features.token_mask_prefixes,
        stamps: flag(&get("FF_TIMESTAMPS"), false),
        limit: place.site.config.limits.output_bytes,
        folder: place.site.prepared.builds_dir.clone(),
    }));
    let debug = flag(&get("CI_DEBUG_TRACE"), false) || flag(&get("CI_DEBUG_SERVICES"), false);
    let handle = JobHandle {
        client: Arc::clone(&place.client),
        id: job.id,
        token: job.token.clone(),
        debug,
        log_in_update: job.features.tripline_log_in_update,
    };
    let (verdict, watched) = watch::channel(Verdict::Run);
    let (accepted, acceptance) = oneshot::channel();
    let (ended, ending) = oneshot::channel();
    let reporter = tokio::spawn(report(handle, Arc::clone(&log), verdict, accepted, ending, nudge));

    let settings = Settings::read(&job, get);
    let job_timeout = settings
        .as_ref()
        .map(|settings| settings.job_timeout)
        .unwrap_or_default();
    let mut shell = Shell {
        keeper,
        log: &log,
        sections: job.features.trace_sections,
        healthy: true,
        protection: None,
    };
    let result = match settings {
        Ok(settings) => {
            let context = Context {
                job: &job,
                place: &place,
                dirs: &dirs,
                settings: &settings,
                variables: &variables,
            };
            let mut watch = Watch::new(watched, job_timeout, interrupt);
            course(&context, &mut shell, &mut watch, acceptance).await
        }
        Err(error) => Err(Failure::Configuration(error)),
    };
    let left = close(&mut shell, &place).await;
    let healthy = shell.healthy;
    let result = match left {
        Some(left) => result.and(Err(left)),
        None => result,
    };
    let outcome = conclude(&job, &log, &result);
    log.close();
    let _ = ended.send(outcome);
    let temporary = dirs.temporary.clone();
    let sweep = move || {
        if healthy {
            dirs.clean()
        } else {
            dirs.abandon().map(|()| false)
        }
    };
    match tokio::task::spawn_blocking(sweep).await {
        // Under a keeper that could not end everything somebody may be left.
        Ok(Ok(true)) if healthy => place.site.note_swept(&temporary),
        Ok(Err(error)) => tracing::warn!(%error, "cannot remove the temporary files of a job"),
        _ => {}
    }
    (reporter, healthy)
}

/// Speaks with the server about the job, from its acceptance to its end.
async fn report(
    handle: JobHandle,
    log: Arc<TraceLog>,
    verdict: watch::Sender<Verdict>,
    accepted: oneshot::Sender<()>,
    ending: oneshot::Receiver<Outcome>,
    nudge: Arc<Notify>,
) {
    let mut uploader = Uploader::new(handle, log, verdict.clone());
    if uploader.announce().await == Verdict::Abort {
        // The job is somebody else's or nobody's: nothing more is said about it.
        verdict.send_replace(Verdict::Abort);
        return;
    }
    let _ = accepted.send(());
    uploader.follow(&nudge).await;
    if let Ok(outcome) = ending.await {
        uploader.finish(&outcome).await;
    }
}

/// Runs all stages; the result is the first failure that counts.
async fn course(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
    acceptance: oneshot::Receiver<()>,
) -> Result<(), Failure> {
    prepare(context, shell, watch).await?;
    sources::get_sources(context, shell, watch, acceptance).await?;
    cache::restore(context, shell, watch).await?;
    dependencies::download(context, shell, watch).await?;

    let result = steps::script_steps(context, shell, watch).await;
    let after = steps::after_script(context, shell, watch, &result).await;
    let result = result.and(after);
    if matches!(
        result,
        Err(Failure::Aborted | Failure::Interrupted | Failure::TimedOut(_) | Failure::System(_))
    ) {
        return result;
    }
    cache::archive(context, shell, watch, result.is_ok()).await?;
    let uploaded = uploads::upload(context, shell, watch, result.is_ok()).await;
    result.and(uploaded)
}

async fn prepare(context: &Context<'_>, shell: &mut Shell<'_>, watch: &mut Watch) -> Result<(), Failure> {
    let prepared = &context.place.site.prepared;
    shell.log.line(&format!(
        "Running with tripline-runner {}\n  on {} {}, system ID: {}",
        env!("CARGO_PKG_VERSION"),
        context.place.site.config.name,
        prepared.short_token,
        prepared.system_id
    ));
    shell.open("prepare_executor", "Preparing the \"shell\" executor");
    shell
        .log
        .line(&format!("Using Shell ({}) executor...", prepared.shell_name));
    if let Some(image) = context.job.image.as_ref().filter(|image| !image.name.is_empty()) {
        shell.log.line(&format!(
            "Image `{}` is not used: the shell executor runs jobs on the machine itself",
            image.name
        ));
    }
    shell.close("prepare_executor");
    if !context.job.services.is_empty() {
        let names: Vec<_> = context
            .job
            .services
            .iter()
            .map(|service| format!("`{}`", service.name))
            .collect();
        let text = format!(
            "services need a container engine, the shell executor has none: {}",
            names.join(", ")
        );
        return Err(Failure::Configuration(text));
    }
    shell.open("prepare_script", "Preparing environment");
    shell.log.line(&format!(
        "Running on {} via {}...",
        prepared.host, context.place.site.config.name
    ));
    shell.close("prepare_script");

    let (dirs, fresh) = (
        context.dirs.clone(),
        matches!(context.settings.strategy, Strategy::Clone | Strategy::Empty),
    );
    let mut files: Vec<(PathBuf, String)> = context
        .variables
        .iter()
        .filter(|variable| variable.file)
        .map(|variable| (context.dirs.file_variable(&variable.key), variable.value.clone()))
        .collect();
    files.extend(steps::files(context));
    let swept = context.place.site.take_swept(&context.dirs.temporary);
    let made = tokio::task::spawn_blocking(move || {
        dirs.prepare(fresh, swept)?;
        let write = |(path, content): &(PathBuf, String)| dirs.write(path, content.as_bytes());
        files.iter().try_for_each(write)
    });
    match watch.guard(made).await? {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(Failure::System(format!("cannot prepare the job's folders: {error}"))),
        Err(error) => return Err(Failure::System(error.to_string())),
    }
    if let Err(error) = shell.keeper.begin(context.dirs.sandbox(prepared)).await {
        shell.healthy = false;
        return Err(Failure::System(error.to_string()));
    }
    Ok(())
}

/// Ends everything of the job. A job of which something lives on has not succeeded.
async fn close(shell: &mut Shell<'_>, place: &Place) -> Option<Failure> {
    let log = shell.log;
    let mut left = None;
    if shell.healthy
        && let Err(error) = shell.keeper.end(|bytes| log.write(Source::Script, bytes)).await
    {
        tracing::warn!(%error, "a job left something behind");
        left = Some(Failure::System(format!("the job left processes behind: {error}")));
        shell.healthy = false;
    }
    shell.open(
        "cleanup_file_variables",
        "Cleaning up project directory and file based variables",
    );
    shell.close("cleanup_file_variables");
    if let Some(protection @ (Protection::None | Protection::Partial)) = shell.protection {
        place.site.warn_about_protection(protection);
    }
    left
}
