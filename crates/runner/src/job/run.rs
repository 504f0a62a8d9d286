//! The course of a job: checkout, caches, dependencies, script, `after_script`, caches, artifacts.
//!
//! The acceptance by the server is awaited only before the first line of the job's own script:
//! the checkout runs meanwhile. The end is reported by a task of its own, so that the slot can
//! take the next job.

use std::sync::Arc;

use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use wire::runner::Job;

use super::collect::{collect_variables, complete, lookup, secrets};
use super::context::Context;
use super::dirs::Dirs;
use super::git::Checkout;
use super::settings::{Settings, Strategy, flag};
use super::stage::{Failure, Program, Shell, Watch};
use super::{Place, cache, dependencies, uploads};
use crate::keeper::{Keeper, Protection};
use crate::trace::{JobHandle, LogSettings, Outcome, Source, TraceLog, Uploader, Verdict};

/// Runs `job`; returns the task that reports its end, and whether the keeper can go on.
pub(crate) async fn run(
    job: Job,
    place: Place,
    keeper: &mut Keeper,
    nudge: Arc<Notify>,
    interrupt: impl Future<Output = ()> + Send + 'static,
) -> (JoinHandle<()>, bool) {
    let sent = collect_variables(&job, &place);
    let raw = |name: &str| sent.get(name).to_owned();
    let empty = raw("GIT_STRATEGY") == "empty";
    let repository = job.git_info.as_ref().map(|git| git.repo_url.as_str());
    let dirs = Dirs::new(
        &place.site.prepared,
        place.slot,
        repository,
        job.job_info.project_id,
        empty,
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
    let healthy = close(&mut shell, &place).await;
    let outcome = conclude(&job, &log, &result);
    log.close();
    let _ = ended.send(outcome);
    let removed = tokio::task::spawn_blocking(move || dirs.clean()).await;
    if let Ok(Err(error)) = removed {
        tracing::warn!(%error, "cannot remove the temporary files of a job");
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
    get_sources(context, shell, watch, acceptance).await?;
    cache::restore(context, shell, watch).await?;
    dependencies::download(context, shell, watch).await?;

    let mut result = script_steps(context, shell, watch).await;
    if runs_after_script(&result) {
        let after = after_script(context, shell, watch, &result).await;
        result = result.and(after);
    }
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

fn runs_after_script(result: &Result<(), Failure>) -> bool {
    matches!(
        result,
        Ok(()) | Err(Failure::Script(_) | Failure::Canceled | Failure::ScriptTimedOut(_))
    )
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
    let files: Vec<_> = context
        .variables
        .iter()
        .filter(|variable| variable.file)
        .cloned()
        .collect();
    let made = tokio::task::spawn_blocking(move || {
        dirs.prepare(fresh)?;
        files
            .iter()
            .try_for_each(|file| dirs.write(&dirs.file_variable(&file.key), file.value.as_bytes()))
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

async fn get_sources(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
    acceptance: oneshot::Receiver<()>,
) -> Result<(), Failure> {
    let has_hook = context.job.hooks.iter().any(|hook| !hook.script.is_empty());
    let wanted = matches!(context.settings.strategy, Strategy::Fetch | Strategy::Clone);
    if has_hook && wanted {
        accepted(watch, acceptance).await?;
        hook(context, shell, watch, "pre_get_sources_script").await?;
        checkout(context, shell, watch).await?;
        return hook(context, shell, watch, "post_get_sources_script").await;
    }
    checkout(context, shell, watch).await?;
    accepted(watch, acceptance).await
}

/// Waits until the server has accepted that the job runs here.
async fn accepted(watch: &mut Watch, acceptance: oneshot::Receiver<()>) -> Result<(), Failure> {
    // A dropped sender means that the server does not want the job.
    watch.guard(acceptance).await?.map_err(|_| Failure::Aborted)
}

async fn checkout(context: &Context<'_>, shell: &mut Shell<'_>, watch: &mut Watch) -> Result<(), Failure> {
    let title = match context.settings.strategy {
        Strategy::Fetch | Strategy::Clone => "Getting source from Git repository",
        Strategy::None => "Skipping Git repository setup",
        Strategy::Empty => "Skipping Git repository setup and creating an empty build directory",
    };
    shell.open("get_sources", title);
    let result = match (&context.job.git_info, context.settings.strategy) {
        (Some(git), Strategy::Fetch | Strategy::Clone) => {
            let get = |name: &str| lookup(context.variables, name);
            let checkout = Checkout {
                git,
                strategy: context.settings.strategy,
                get: &get,
            };
            let text = checkout.script().map_err(Failure::Configuration)?;
            let mut env = context.environment("running");
            env.extend(checkout.environment());
            let mut result = Ok(());
            for attempt in 1..=context.settings.source_attempts {
                if attempt > 1 {
                    shell.warn("getting the source failed, trying again");
                }
                result = context
                    .run_script(shell, watch, &format!("get_sources_{attempt}"), &text, env.clone())
                    .await;
                if !matches!(result, Err(Failure::Script(_))) {
                    break;
                }
            }
            result
        }
        (None, Strategy::Fetch | Strategy::Clone) => Err(Failure::Configuration(
            "GIT_STRATEGY asks for a repository, but the job has none".to_owned(),
        )),
        _ => Ok(()),
    };
    shell.close("get_sources");
    result
}

async fn hook(context: &Context<'_>, shell: &mut Shell<'_>, watch: &mut Watch, name: &str) -> Result<(), Failure> {
    let Some(hook) = context
        .job
        .hooks
        .iter()
        .find(|hook| hook.name == name && !hook.script.is_empty())
    else {
        return Ok(());
    };
    let text = context.step(&hook.script)?;
    context
        .run_script(shell, watch, name, &text, context.environment("running"))
        .await
}

async fn script_steps(context: &Context<'_>, shell: &mut Shell<'_>, watch: &mut Watch) -> Result<(), Failure> {
    for step in context.job.steps.iter().filter(|step| step.name != "after_script") {
        let stage = if step.name == "script" {
            "step_script".to_owned()
        } else {
            format!("step_{}", step.name)
        };
        shell.open(&stage, &format!("Executing \"{stage}\" stage of the job script"));
        let text = context.step(&step.script)?;
        let file = context.write_script(&stage, &text).await?;
        let program = Program {
            argv: context.shell_command(&file),
            env: context.environment("running"),
            dir: &context.dirs.project,
            limit: context.settings.script_timeout,
            keep_rest: true,
        };
        let result = shell.run(watch, program).await;
        shell.close(&stage);
        result?;
    }
    Ok(())
}

async fn after_script(
    context: &Context<'_>,
    shell: &mut Shell<'_>,
    watch: &mut Watch,
    result: &Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(step) = context
        .job
        .steps
        .iter()
        .find(|step| step.name == "after_script" && !step.script.is_empty())
    else {
        return Ok(());
    };
    let status = match result {
        Ok(()) => "success",
        Err(Failure::Canceled) => "canceled",
        Err(Failure::ScriptTimedOut(_)) => "timedout",
        Err(_) => "failed",
    };
    shell.open("after_script", "Running after_script");
    shell.log.line("Running after script...");
    let text = context.step(&step.script)?;
    let file = context.write_script("after_script", &text).await?;
    let program = Program {
        argv: context.shell_command(&file),
        env: context.environment(status),
        dir: &context.dirs.project,
        limit: Some(context.settings.after_script_timeout),
        keep_rest: false,
    };
    let ended = shell.run(watch, program).await;
    let what = match &ended {
        Err(Failure::Script(code)) => Some(format!("exit status {code}")),
        Err(Failure::ScriptTimedOut(limit)) => Some(format!("it took longer than {}", in_words(*limit))),
        _ => None,
    };
    let ended = match what {
        Some(what) if context.settings.after_script_ignores_errors => {
            shell.warn(&format!(
                "after_script failed, but job will continue unaffected: {what}"
            ));
            Ok(())
        }
        _ => ended,
    };
    shell.close("after_script");
    ended
}

/// Ends everything of the job; returns whether the keeper can go on.
async fn close(shell: &mut Shell<'_>, place: &Place) -> bool {
    let log = shell.log;
    if shell.healthy
        && let Err(error) = shell.keeper.end(|bytes| log.write(Source::Script, bytes)).await
    {
        tracing::warn!(%error, "a job left something behind");
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
    shell.healthy
}

/// Writes the last line of the log and says what to report.
fn conclude(job: &Job, log: &TraceLog, result: &Result<(), Failure>) -> Outcome {
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
fn in_words(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}
