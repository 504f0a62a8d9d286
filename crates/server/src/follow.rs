//! Follows a pipeline in the terminal with the token that started it: the server tells the story, line by line.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::bail;
use hyper::{Method, StatusCode};
use serde_json::Value as Json;

use crate::client::Client;

/// Longest wait for the end in one call, in seconds: below what proxies cut off.
const WAIT_SECONDS: u32 = 45;

/// Pause before a server that does not answer is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Calls in a row without an answer after which the server counts as gone: about a minute, enough for a restart.
const PATIENCE: u32 = 60;

/// How a pipeline ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It passed.
    Success,
    /// It failed, was canceled or skipped, or waits for a person.
    Other,
}

/// Follows a pipeline until nothing more happens by itself.
pub(crate) async fn follow(client: &Client, project: i64, pipeline: i64) -> anyhow::Result<Ending> {
    let path = format!("/projects/{project}/trigger/pipelines/{pipeline}");
    let color = std::io::stdout().is_terminal();
    if let Err(error) = client.stream(&format!("{path}/follow?color={color}"), print).await {
        print(format!("{error:#}; waiting for the end\n").as_bytes());
    }
    ending(client, &format!("{path}?wait={WAIT_SECONDS}")).await
}

/// Prints at once; a closed output is no reason to stop following.
fn print(text: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text).and_then(|()| out.flush());
}

/// Asks how the pipeline ended, until it has.
async fn ending(client: &Client, path: &str) -> anyhow::Result<Ending> {
    let mut silences = 0;
    loop {
        let answer = match client.call(Method::GET, path, None).await {
            Ok(answer) => answer,
            Err(error) if silences >= PATIENCE => return Err(error),
            Err(_) => {
                silences += 1;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        silences = 0;
        let pipeline: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
        match (answer.status, pipeline["status"].as_str()) {
            (StatusCode::OK, _) => return Ok(Ending::Success),
            (StatusCode::FAILED_DEPENDENCY, Some("failed" | "canceled" | "skipped" | "manual")) => {
                return Ok(Ending::Other);
            }
            (StatusCode::FAILED_DEPENDENCY, _) => {}
            (status, _) => bail!("cannot ask for the pipeline's status: {status}"),
        }
    }
}
