//! An empty database of one's own: SQLite in the data folder, or one on the test's `PostgreSQL` server.

use postgres::{Client, NoTls};

use crate::temp::unique;

/// Address of the server, with user and password; set by `cargo xtask test`.
const POSTGRES_URL: &str = "TRIPLINE_TEST_POSTGRES_URL";

/// The databases that every story is told on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// The embedded default.
    Sqlite,
    /// A database on the server that the tests were started with.
    Postgres,
}

/// A new `PostgreSQL` database, dropped with the value.
#[derive(Debug)]
pub struct TestDatabase {
    server_url: String,
    name: String,
}

impl TestDatabase {
    /// Creates an empty database.
    ///
    /// # Panics
    ///
    /// When there is no server to create it on: tests are to be run with `cargo xtask test`.
    #[must_use]
    pub fn new() -> TestDatabase {
        let Ok(server_url) = std::env::var(POSTGRES_URL) else {
            panic!("{POSTGRES_URL} is not set: run the tests with `cargo xtask test`, which starts a server");
        };
        let name = format!("tripline_{}", unique().replace('-', "_"));
        let database = TestDatabase { server_url, name };
        database.execute(&format!("CREATE DATABASE {}", database.name));
        database
    }

    /// Returns its address for `--database-url`.
    #[must_use]
    pub fn url(&self) -> String {
        let (server, _) = self
            .server_url
            .rsplit_once('/')
            .expect("the server's address ends with a database");
        format!("{server}/{}", self.name)
    }

    /// Returns all rows of all tables as JSON, a line each.
    ///
    /// # Panics
    ///
    /// When the database cannot be read.
    #[must_use]
    pub fn dump(&self) -> String {
        let mut client = Client::connect(&self.url(), NoTls).expect("the database can be read");
        let tables = client
            .query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'", &[])
            .expect("tables can be listed");
        let mut text = String::new();
        for table in tables {
            let name: String = table.get(0);
            let rows = client
                .query(&format!("SELECT row_to_json(t)::text FROM \"{name}\" t"), &[])
                .expect("a table can be read");
            for row in rows {
                text.push_str(&format!("{name}: {}\n", row.get::<_, String>(0)));
            }
        }
        text
    }

    fn execute(&self, statement: &str) {
        let result = Client::connect(&self.server_url, NoTls).and_then(|mut client| client.batch_execute(statement));
        if let Err(error) = result {
            panic!("`{statement}` failed on the server of {POSTGRES_URL}: {error}");
        }
    }
}

impl Default for TestDatabase {
    fn default() -> TestDatabase {
        TestDatabase::new()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // The server itself is thrown away too; a second panic here would hide the first.
        if let Ok(mut client) = Client::connect(&self.server_url, NoTls) {
            drop(client.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)));
        }
    }
}
