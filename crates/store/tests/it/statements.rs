//! Every named statement is good SQL on both databases, and both have the same schema.

use std::collections::BTreeSet;

use store::{Options, Store, ops};
use testkit::TestDatabase;

use crate::fixture::Folder;

#[test]
fn every_statement_is_prepared_by_sqlite() {
    let (_folder, connection) = sqlite();
    for sql in ops::statements() {
        if let Err(error) = connection.prepare(sql.for_sqlite()) {
            panic!("{}: {error}\n{}", sql.name, sql.for_sqlite());
        }
    }
}

#[test]
fn every_statement_is_prepared_by_postgres() {
    let (_database, mut client) = postgres();
    for sql in ops::statements() {
        if let Err(error) = client.prepare(sql.for_postgres()) {
            panic!(
                "{}: {}\n{}",
                sql.name,
                error.as_db_error().expect("the server answers"),
                sql.for_postgres()
            );
        }
    }
}

#[test]
fn statements_have_names_of_their_own() {
    let mut seen = BTreeSet::new();
    for sql in ops::statements() {
        assert!(seen.insert(sql.name), "{} occurs twice", sql.name);
    }
}

#[test]
fn both_databases_have_the_same_columns() {
    let (_folder, connection) = sqlite();
    let (_database, mut client) = postgres();
    let ours = sqlite_columns(&connection);
    let theirs = postgres_columns(&mut client);
    assert_eq!(
        ours.difference(&theirs).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "only in SQLite"
    );
    assert_eq!(
        theirs.difference(&ours).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "only in PostgreSQL"
    );
}

#[test]
fn both_databases_have_the_same_indexes() {
    let (_folder, connection) = sqlite();
    let (_database, mut client) = postgres();
    let ours: BTreeSet<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .expect("the catalogue can be read");
    // Those that stand for a constraint have names of their own on each database.
    let theirs: BTreeSet<String> = client
        .query(
            "SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid \
             JOIN pg_namespace n ON n.oid = i.relnamespace WHERE n.nspname = 'public' \
             AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = x.indexrelid AND c.contype IN ('p', 'u'))",
            &[],
        )
        .expect("the catalogue can be read")
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(ours, theirs);
}

fn sqlite() -> (Folder, rusqlite::Connection) {
    let folder = Folder::new();
    let path = folder.0.join("test.db");
    Store::open(&Options::sqlite(&path))
        .expect("a fresh folder can be written")
        .close_blocking();
    let connection = rusqlite::Connection::open(&path).expect("the file exists");
    (folder, connection)
}

fn postgres() -> (TestDatabase, postgres::Client) {
    let database = TestDatabase::new();
    Store::open(&Options::postgres(database.url()))
        .expect("a fresh database can be opened")
        .close_blocking();
    let client = postgres::Client::connect(&database.url(), postgres::NoTls).expect("the database exists");
    (database, client)
}

/// `table.column type null` for every column, in PostgreSQL's words.
fn sqlite_columns(connection: &rusqlite::Connection) -> BTreeSet<String> {
    let mut statement = connection
        .prepare(
            "SELECT t.name, c.name, c.type, c.\"notnull\" OR c.pk > 0 FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
        )
        .expect("the catalogue can be read");
    let rows = statement
        .query_map([], |row| {
            let (table, column, kind, not_null): (String, String, String, bool) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let kind = match kind.as_str() {
                "INTEGER" | "BIGINT" => "bigint",
                "TEXT" => "text",
                "BLOB" => "bytea",
                "BOOLEAN" => "boolean",
                "REAL" => "double precision",
                other => panic!("{table}.{column} has the type {other}, which we do not use"),
            };
            Ok(format!("{table}.{column} {kind} null={}", !not_null))
        })
        .expect("the catalogue can be read");
    rows.collect::<Result<_, _>>().expect("the catalogue can be read")
}

fn postgres_columns(client: &mut postgres::Client) -> BTreeSet<String> {
    client
        .query(
            "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' FROM information_schema.columns \
             WHERE table_schema = 'public'",
            &[],
        )
        .expect("the catalogue can be read")
        .iter()
        .map(|row| {
            let (table, column, kind, null): (String, String, String, bool) =
                (row.get(0), row.get(1), row.get(2), row.get(3));
            format!("{table}.{column} {kind} null={null}")
        })
        .collect()
}

#[test]
fn no_statement_reads_all_jobs_or_pipelines() {
    let (_folder, connection) = sqlite();
    for sql in ops::statements() {
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {}", sql.for_sqlite()))
            .expect("another case prepares them all");
        let mut steps = statement.raw_query();
        while let Some(step) = steps.next().expect("a plan has steps") {
            let step: String = step.get("detail").expect("SQLite says what it does");
            let words: Vec<&str> = step.split(' ').collect();
            let large = ["jobs", "pipelines", "job_artifacts", "environments", "deployments"]
                .iter()
                .any(|table| words.get(1) == Some(table));
            // Only unfinished jobs and the like are in these; they may be read from end to end.
            let partial = [
                "jobs_pending",
                "jobs_executing",
                "jobs_bridges",
                "jobs_scheduled",
                "jobs_unfinished",
                "jobs_resource",
            ];
            let partial = partial
                .iter()
                .chain(&["pipelines_alive", "job_artifacts_expire"])
                .any(|name| words.contains(name));
            let all = (words[0] == "SCAN" && !partial) || step.ends_with("(rowid>?)");
            assert!(!(large && all), "{}: {step}\n{}", sql.name, sql.for_sqlite());
        }
    }
}

#[test]
fn the_pipelines_of_a_token_are_found_by_their_index() {
    let (_folder, connection) = sqlite();
    let sql = "EXPLAIN QUERY PLAN SELECT id FROM pipelines WHERE project_id = 1 AND source <> 'parent_pipeline' \
               AND trigger_token_id = 7 AND iid < 900 ORDER BY iid DESC LIMIT 31";
    let mut statement = connection.prepare(sql).expect("it is good SQL");
    let mut steps = statement.raw_query();
    let step = steps.next().expect("a plan has steps").expect("at least one");
    let step: String = step.get("detail").expect("SQLite says what it does");
    assert!(
        step.contains("INDEX pipelines_token (project_id=? AND trigger_token_id=? AND iid<?)"),
        "{step}"
    );
    assert!(steps.next().expect("a plan has steps").is_none(), "nothing is sorted");
}
