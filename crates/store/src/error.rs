//! What can go wrong between an operation and its durable commit.

/// Why the store could not do what was asked.
///
/// Cheap to clone, because one failed commit is answered to every operation of its group.
/// "Not found" is never an error: operations return `Option`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database could not be opened or prepared; nothing was changed beyond finished migrations.
    #[error("cannot open the database `{database}`: {message}")]
    Open {
        /// The path or the address without its password.
        database: String,
        /// What the driver said.
        message: String,
    },
    /// The schema was made by a newer release.
    #[error(
        "the database has schema version {found}, this program knows versions up to {known}: use a newer `tripline`"
    )]
    NewerSchema {
        /// Highest version in the database.
        found: i64,
        /// Highest version in this program.
        known: i64,
    },
    /// A migration that was applied earlier had another text.
    #[error("migration {version} differs from the one that made this database")]
    ChangedMigration {
        /// Its number.
        version: i64,
    },
    /// A row with the same unique value exists; only this operation was rolled back.
    #[error("`{statement}`: a row with these values exists already: {message}")]
    Unique {
        /// Name of the statement.
        statement: String,
        /// What the driver said.
        message: String,
    },
    /// A row that is referred to does not exist (or is still referred to); only this operation was rolled back.
    #[error("`{statement}`: a row is missing or still in use: {message}")]
    ForeignKey {
        /// Name of the statement.
        statement: String,
        /// What the driver said.
        message: String,
    },
    /// A value in the database is not what the program expects there.
    #[error("`{statement}`: bad value in column `{column}`{}: expected {expected}, found {found}", .row.map_or(String::new(), |id| format!(" of row {id}")))]
    BadValue {
        /// Name of the statement.
        statement: String,
        /// Name of the column.
        column: String,
        /// First column of the row when it is a number: its id.
        row: Option<i64>,
        /// What should be there.
        expected: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// Somebody else held the database's lock for too long; nothing was written.
    #[error("the database is locked by another process")]
    Busy,
    /// The connection broke before the commit; nothing was written.
    #[error("the connection to the database was lost: {message}")]
    Disconnected {
        /// What the driver said.
        message: String,
    },
    /// The connection broke during the commit: the write may or may not have happened.
    #[error("the connection to the database was lost during a commit: {message}")]
    CommitUnknown {
        /// What the driver said.
        message: String,
    },
    /// The operation panicked and was rolled back.
    #[error("a database operation panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// Anything else the database said.
    #[error("`{statement}`: {message}")]
    Database {
        /// Name of the statement.
        statement: String,
        /// What the driver said.
        message: String,
    },
}

impl StoreError {
    /// Whether a row with the same unique value exists already.
    #[must_use]
    pub const fn is_unique(&self) -> bool {
        matches!(self, StoreError::Unique { .. })
    }
}
