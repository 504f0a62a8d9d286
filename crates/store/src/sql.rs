//! SQL texts with a name, and their spelling on each database.
//!
//! One text serves both wherever the dialects allow. It is written with `?1` placeholders;
//! `= ANY(?1)` compares with a list parameter ([`Param::Ids`](crate::Param::Ids),
//! [`Param::Texts`](crate::Param::Texts)). Each is rewritten once where a database spells
//! it differently: PostgreSQL has `$1`, SQLite has no `ANY`.

use std::sync::OnceLock;

/// One statement: a name for messages and its text on both databases.
#[derive(Debug)]
pub struct Sql {
    /// Module and name of the static, e.g. `ops::jobs::GET`.
    pub name: &'static str,
    source: Source,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
    changes_settings: OnceLock<bool>,
}

/// Tables that change all the time and say nothing about who may do what: pipelines, jobs, runners, sessions.
///
/// Changes of all others, also of those that are not thought of here, count as changes of settings.
const WORK: &[&str] = &[
    "project_counters",
    "job_definitions",
    "explanations",
    "pipelines",
    "pipeline_given",
    "jobs",
    "job_variables",
    "job_artifacts",
    "idempotency_keys",
    "inbound_deliveries",
    "trigger_chains",
    "environments",
    "environment_updates",
    "deployments",
    "runners",
    "runner_managers",
    "sessions",
    "sign_in_failures",
    "trigger_token_uses",
    "trigger_log",
    "unknown_token_calls",
];

#[derive(Debug)]
enum Source {
    Shared(&'static str),
    Each {
        sqlite: &'static str,
        postgres: &'static str,
    },
    Built {
        sqlite: String,
        postgres: String,
    },
}

impl Sql {
    /// A statement whose text serves both databases.
    #[must_use]
    pub const fn shared(name: &'static str, text: &'static str) -> Sql {
        Sql::from_source(name, Source::Shared(text))
    }

    /// A statement with a text of its own for each database.
    #[must_use]
    pub const fn each(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Sql {
        Sql::from_source(name, Source::Each { sqlite, postgres })
    }

    /// A statement put together at run time from fixed parts (list filters).
    #[must_use]
    pub fn built(name: &'static str, text: String) -> Sql {
        Sql::from_source(
            name,
            Source::Built {
                sqlite: text.clone(),
                postgres: text,
            },
        )
    }

    const fn from_source(name: &'static str, source: Source) -> Sql {
        Sql {
            name,
            source,
            sqlite: OnceLock::new(),
            postgres: OnceLock::new(),
            changes_settings: OnceLock::new(),
        }
    }

    /// Returns the text for SQLite.
    #[must_use]
    pub fn for_sqlite(&self) -> &str {
        self.sqlite.get_or_init(|| {
            list_for_sqlite(match &self.source {
                Source::Shared(text) => text,
                Source::Each { sqlite, .. } => sqlite,
                Source::Built { sqlite, .. } => sqlite,
            })
        })
    }

    /// Whether the statement, as SQLite runs it, writes to a table that is not in [`WORK`].
    pub(crate) fn changes_settings(&self) -> bool {
        *self.changes_settings.get_or_init(|| {
            let mut words = self.for_sqlite().split_ascii_whitespace();
            let table = match words.next() {
                Some("SELECT" | "VALUES") => return false,
                Some("UPDATE") => words.next(),
                // INSERT INTO, DELETE FROM
                Some("INSERT" | "DELETE") => words.nth(1),
                _ => None,
            };
            table.is_none_or(|table| !WORK.contains(&table))
        })
    }

    /// Returns the text for PostgreSQL.
    #[must_use]
    pub fn for_postgres(&self) -> &str {
        self.postgres.get_or_init(|| {
            match &self.source {
                Source::Shared(text) => text,
                Source::Each { postgres, .. } => postgres,
                Source::Built { postgres, .. } => postgres.as_str(),
            }
            .replace('?', "$")
        })
    }
}

/// Replaces each `= ANY(?n)` by a membership test on the JSON list that SQLite is given.
fn list_for_sqlite(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(at) = rest.find("= ANY(") {
        let (before, after) = rest.split_at(at);
        let after = &after["= ANY(".len()..];
        let Some(end) = after.find(')') else { break };
        out.push_str(before);
        out.push_str("IN (SELECT value FROM json_each(");
        out.push_str(&after[..end]);
        out.push_str("))");
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    out
}

/// Declares the statements of a module and `STATEMENTS`, the list of them that tests walk.
///
/// `NAME = "text";` for a shared text, `NAME = sqlite "text", postgres "text";` for two.
macro_rules! statements {
    (@one $name:ident, $($shared:expr)?, ) => {
        $crate::sql::Sql::shared(concat!(module_path!(), "::", stringify!($name)), $($shared)?)
    };
    (@two $name:ident, $sqlite:expr, $postgres:expr) => {
        $crate::sql::Sql::each(concat!(module_path!(), "::", stringify!($name)), $sqlite, $postgres)
    };
    (@list [$($done:ident)*]) => {
        /// Every statement of this module.
        pub(crate) static STATEMENTS: &[&$crate::sql::Sql] = &[$(&$done),*];
    };
    (@list [$($done:ident)*] $(#[$meta:meta])* $name:ident = both($sqlite:expr, $postgres:expr $(,)?); $($rest:tt)*) => {
        $(#[$meta])*
        static $name: $crate::sql::Sql = statements!(@two $name, $sqlite, $postgres);
        statements!(@list [$($done)* $name] $($rest)*);
    };
    (@list [$($done:ident)*] $(#[$meta:meta])* $name:ident = $text:expr; $($rest:tt)*) => {
        $(#[$meta])*
        static $name: $crate::sql::Sql = statements!(@one $name, $text, );
        statements!(@list [$($done)* $name] $($rest)*);
    };
    ($($all:tt)*) => { statements!(@list [] $($all)*); };
}

pub(crate) use statements;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_work_changes_settings() {
        for (text, expected) in [
            ("SELECT 1 FROM users", false),
            ("INSERT INTO jobs (a) VALUES (?1)", false),
            ("UPDATE pipelines SET a = 1", false),
            ("DELETE FROM job_artifacts WHERE id = ?1", false),
            ("INSERT INTO users (a) VALUES (?1) RETURNING id", true),
            ("UPDATE trigger_tokens SET a = 1", true),
            ("DELETE FROM project_members WHERE id = ?1", true),
            ("INSERT OR IGNORE INTO jobs (a) VALUES (?1)", true),
            ("WITH a AS (SELECT 1) UPDATE jobs SET b = 1", true),
            ("UPDATE jobs_of_tomorrow SET a = 1", true),
        ] {
            assert_eq!(Sql::built("x", text.to_owned()).changes_settings(), expected, "{text}");
        }
    }

    #[test]
    fn each_database_gets_its_own_spelling() {
        let sql = Sql::shared("x", "SELECT 1 FROM t WHERE a = ANY(?1) AND b = ?2 AND c = ANY(?3)");
        assert_eq!(
            sql.for_postgres(),
            "SELECT 1 FROM t WHERE a = ANY($1) AND b = $2 AND c = ANY($3)"
        );
        assert_eq!(
            sql.for_sqlite(),
            "SELECT 1 FROM t WHERE a IN (SELECT value FROM json_each(?1)) AND b = ?2 \
             AND c IN (SELECT value FROM json_each(?3))"
        );
    }
}
