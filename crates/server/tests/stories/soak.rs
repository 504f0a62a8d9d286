//! A few rounds of `cargo xtask soak`: server and runner are killed while jobs run, and nothing is lost or run twice.

use testkit::{TestServer, soak};

use crate::story;

/// Kills: the seed below has both kinds among them.
const ROUNDS: usize = 3;

story!(killing_server_and_runner_loses_no_job_and_runs_none_twice, runners: 0);

fn killing_server_and_runner_loses_no_job_and_runs_none_twice(server: &mut TestServer) {
    let findings = soak(server, ROUNDS, 5).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(findings.server_kills > 0 && findings.runner_kills > 0, "{findings:?}");
    assert_eq!(findings.server_kills + findings.runner_kills, ROUNDS);
}
