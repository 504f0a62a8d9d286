//! `tripline runner`: the embedded runner as a process of its own, on this or another machine.

use anyhow::bail;
use runner::JobUser;

use crate::cli;
use crate::config::cores;
use crate::serve::stop_signal;

/// Takes jobs until SIGINT or SIGTERM; then waits for the running ones.
pub(crate) async fn run(flags: cli::Runner) -> anyhow::Result<()> {
    let work_dir = std::path::absolute(&flags.work_dir)?;
    let settings = runner::Config {
        concurrency: flags.concurrency.unwrap_or_else(cores),
        job_user: flags.user.map_or(JobUser::Auto, JobUser::Named),
        readable_paths: flags.readable,
        writable_paths: flags.writable,
        ..runner::Config::new(flags.url, flags.token, work_dir)
    };
    match runner::Runner::verify(&settings).await {
        Ok(true) => {}
        Ok(false) => bail!("the server does not know this runner token; create a runner and use its `glrt-…` token"),
        // It may come up later: the runner goes on asking.
        Err(error) => tracing::warn!("{error}"),
    }
    let runner = runner::Runner::start(settings)?;
    stop_signal().await?;
    tracing::info!(
        "stopping after the {} running jobs; a second signal kills them",
        runner.running_jobs()
    );
    let enough = async {
        tokio::select! {
            () = tokio::time::sleep(DRAIN) => {}
            _ = stop_signal() => {}
        }
    };
    runner.stop_until(enough).await;
    Ok(())
}

/// How long running jobs may go on after the signal: the longest job there should be.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(60 * 60);
