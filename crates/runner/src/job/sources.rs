//! The stage that gets the source, with the hooks around it.

use tokio::sync::oneshot;

use super::collect::lookup;
use super::context::Context;
use super::git::Checkout;
use super::settings::Strategy;
use super::stage::{Failure, Shell, Watch};
use crate::trace::Source;

/// Brings the project's folder to the wanted commit, and waits until the server has accepted that the job runs here.
pub(super) async fn get_sources(
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
                    .run_script(
                        shell,
                        watch,
                        &format!("get_sources_{attempt}"),
                        &text,
                        env.clone(),
                        Source::Runner,
                    )
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
        .run_script(
            shell,
            watch,
            name,
            &text,
            context.environment("running"),
            Source::Script,
        )
        .await
}
