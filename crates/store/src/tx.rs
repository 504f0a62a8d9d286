//! The transaction that every operation is written against.

use crate::error::StoreError;
use crate::row::Row;
use crate::sql::Sql;
use crate::value::Param;
use crate::wake::Wake;

/// An open transaction on either database.
///
/// Small and dyn-safe: operations are plain functions over `&mut dyn Tx`. The helpers on
/// `dyn Tx` ([`all`](trait.Tx.html#method.all), …) collect rows.
pub trait Tx {
    /// Whether this is PostgreSQL, for the few operations with a second text.
    fn is_postgres(&self) -> bool;

    /// Runs a statement and returns the number of rows it changed.
    ///
    /// # Errors
    ///
    /// What the database said; the operation should return it, which rolls it back.
    fn execute(&mut self, sql: &Sql, params: &[Param<'_>]) -> Result<u64, StoreError>;

    /// Runs a statement and calls `each` for every row it gives.
    ///
    /// # Errors
    ///
    /// What the database or `each` said.
    fn query(&mut self, sql: &Sql, params: &[Param<'_>], each: &mut EachRow<'_>) -> Result<(), StoreError>;

    /// Runs a statement for many rows of parameters, `width` each, in order; calls `each` for every row it gives.
    ///
    /// SQLite runs the statement once for each row of parameters. PostgreSQL runs it once, with the
    /// columns as arrays: its text has `FROM unnest(?1::bigint[], …)`.
    ///
    /// # Errors
    ///
    /// What the database or `each` said.
    fn query_rows(
        &mut self,
        sql: &Sql,
        width: usize,
        rows: &[Param<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<(), StoreError>;

    /// Inserts one row into a table whose key is `id` and returns that.
    ///
    /// The text for PostgreSQL ends in `RETURNING id`, that for SQLite does not: it would build a table in
    /// memory for it, each time.
    ///
    /// # Errors
    ///
    /// What the database said.
    fn insert(&mut self, sql: &Sql, params: &[Param<'_>]) -> Result<i64, StoreError>;

    /// As [`insert`](Tx::insert) for many rows of parameters, given as to [`query_rows`](Tx::query_rows);
    /// the ids have the order of the rows.
    ///
    /// # Errors
    ///
    /// What the database said.
    fn insert_rows(&mut self, sql: &Sql, width: usize, rows: &[Param<'_>]) -> Result<Vec<i64>, StoreError>;

    /// Tells everybody who listens, after the commit; dropped when this operation is rolled back.
    fn notify(&mut self, wake: Wake);
}

/// What is called for each row.
pub type EachRow<'a> = dyn FnMut(&Row<'_>) -> Result<(), StoreError> + 'a;

impl dyn Tx + '_ {
    /// Returns every row, each made by `make`.
    ///
    /// # Errors
    ///
    /// As [`Tx::query`].
    pub fn all<T>(
        &mut self,
        sql: &Sql,
        params: &[Param<'_>],
        mut make: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.query(sql, params, &mut |row| {
            found.push(make(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Returns the first row, or `None`.
    ///
    /// # Errors
    ///
    /// As [`Tx::query`].
    pub fn optional<T>(
        &mut self,
        sql: &Sql,
        params: &[Param<'_>],
        mut make: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut found = None;
        self.query(sql, params, &mut |row| {
            if found.is_none() {
                found = Some(make(row)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Returns the only row of a statement that always gives one.
    ///
    /// # Errors
    ///
    /// As [`Tx::query`]; [`StoreError::Database`] when there is no row.
    pub fn one<T>(
        &mut self,
        sql: &Sql,
        params: &[Param<'_>],
        make: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.optional(sql, params, make)?.ok_or_else(|| StoreError::Database {
            statement: sql.name.to_owned(),
            message: "gave no row, expected one".to_owned(),
        })
    }

    /// Runs a statement for many rows of parameters, as [`Tx::query_rows`], ignoring what it gives.
    ///
    /// # Errors
    ///
    /// As [`Tx::query_rows`].
    pub fn execute_rows(&mut self, sql: &Sql, width: usize, rows: &[Param<'_>]) -> Result<(), StoreError> {
        self.query_rows(sql, width, rows, &mut |_| Ok(()))
    }
}
