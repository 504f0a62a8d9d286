//! `cargo xtask soak`: the test kit's soak for as long as one likes.

use std::time::{SystemTime, UNIX_EPOCH};

use testkit::{Database, ServerOptions, TestServer};

use crate::{Result, process};

/// Kills unless `--rounds` says otherwise.
const ROUNDS: usize = 100;

/// Kills server and runner again and again; `--seed` repeats an earlier run.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (mut rounds, mut seed, mut database) = (ROUNDS, clock_seed(), Database::Sqlite);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => rounds = number(words.next())?,
            "--seed" => seed = number(words.next())?,
            "--postgres" => database = Database::Postgres,
            other => {
                return Err(format!(
                    "`{other}` is not known: expected --rounds N, --seed N or --postgres"
                ));
            }
        }
    }
    println!("soak: {rounds} rounds, seed {seed}, {database:?}");
    let mut server = TestServer::start(ServerOptions {
        binary: process::build_server()?,
        database,
        runner_concurrency: 0,
    });
    let findings = testkit::soak(&mut server, rounds, seed)?;
    println!("soak: nothing lost, nothing run twice, nothing stuck: {findings:?}");
    Ok(())
}

fn number<T: std::str::FromStr>(word: Option<&String>) -> Result<T> {
    let parsed = word.and_then(|word| word.parse().ok());
    parsed.ok_or_else(|| "expected a number behind --rounds and --seed".to_owned())
}

/// Another seed each time; it is printed, so that a run can be repeated.
fn clock_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(1, |since| since.as_secs())
}
