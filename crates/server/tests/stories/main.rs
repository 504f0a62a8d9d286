//! Stories: the real binary over real HTTP, with the real `git` and real clients, on both databases.
//!
//! What a story shows cannot be shown lower down: that the parts fit together. Cases of one part belong
//! into the tests of its crate.

mod bridges;
mod choices;
mod clients;
mod combined;
mod commands;
mod counts;
mod crashes;
mod documents;
mod environments;
mod hooks;
mod hostile_runners;
mod idempotency;
mod inbound;
mod inbound_settings;
mod live;
mod malformed;
mod own_pipeline;
mod processing;
mod pushes;
mod real_runner;
mod refusals;
mod remote_includes;
mod resource_groups;
mod runners;
mod secrets;
mod soak;
mod token_life;
mod token_limits;
mod trigger_chain;
mod trigger_log;
mod triggers;

use testkit::{AnotherServer, Database, ServerOptions, TestServer};

/// Starts a server whose embedded runner runs `runner_concurrency` jobs at a time.
fn server(database: Database, runner_concurrency: usize) -> TestServer {
    TestServer::start(ServerOptions {
        binary: env!("CARGO_BIN_EXE_tripline").into(),
        database,
        runner_concurrency,
    })
}

/// Starts one more server on the same data; `None` on SQLite, which is for one server.
fn another_server(server: &TestServer) -> Option<AnotherServer> {
    (server.database() == Database::Postgres).then(|| server.another())
}

/// Makes two tests of a story, one for each database. Each gets a server of its own.
macro_rules! story {
    ($name:ident, runners: $runners:literal) => {
        mod $name {
            #[test]
            fn on_sqlite() {
                super::$name(&mut crate::server(testkit::Database::Sqlite, $runners));
            }

            #[test]
            fn on_postgres() {
                super::$name(&mut crate::server(testkit::Database::Postgres, $runners));
            }
        }
    };
}
pub(crate) use story;
