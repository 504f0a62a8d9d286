//! Jobs: from the trigger call to the first line of the log, handing out, logs, large pipelines, a backlog.

use std::path::Path;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{backlog, trigger, viewers, waiting};

/// Runners that wait at the same time.
const WAITING: [usize; 2] = [1_000, 10_000];

/// Measures everything, or one part, and prints it.
pub(crate) async fn run(binary: &Path, part: Option<&str>) -> anyhow::Result<()> {
    let wants = |name: &str| part.is_none_or(|part| part == name);
    trigger::machine();
    raise_open_files()?;
    if wants("first") {
        trigger::first_command(binary).await?;
    }
    if wants("waiting") {
        for runners in WAITING {
            waiting::run(binary, runners).await?;
        }
    }
    if wants("handing-out") {
        backlog::handing_out(binary).await?;
    }
    if wants("logs") {
        backlog::logs(binary).await?;
    }
    if wants("viewers") {
        viewers::run(binary).await?;
    }
    if wants("advance") {
        backlog::advance(binary).await?;
    }
    if wants("embedded") {
        backlog::embedded(binary).await?;
    }
    Ok(())
}

/// Each waiting runner is a connection, here and in the server, which inherits the limit.
fn raise_open_files() -> anyhow::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let most = WAITING.iter().max().copied().unwrap_or_default();
    let needed = u64::try_from(most)? + 200;
    anyhow::ensure!(
        hard >= needed,
        "{needed} open files are needed, the system allows {hard} (`ulimit -Hn`)"
    );
    Ok(())
}

/// Prints one figure as a row of a table.
pub(crate) fn print(what: &str, figure: &str) {
    println!("| {what} | {figure} |");
}

/// Returns the milliseconds that a share (0 to 1) of the times did not exceed.
pub(crate) fn percentile(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a short list"
    )]
    let index = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0
}
