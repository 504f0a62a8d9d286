//! A SQLite transaction as operations see it.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, ToSql};

use crate::error::StoreError;
use crate::row::{Columns, Row};
use crate::sql::Sql;
use crate::tx::{EachRow, Tx};
use crate::value::{Param, Value};
use crate::wake::Wake;

/// The connection inside a transaction that somebody else began and will end.
pub(crate) struct SqliteTx<'a> {
    connection: &'a Connection,
    wakes: &'a mut Vec<Wake>,
    /// Whether a statement changed more than pipelines and jobs ([`Sql::changes_settings`]).
    pub(crate) settings_changed: bool,
    /// The first error. As on PostgreSQL it fails the operation, also when that went on.
    pub(crate) failed: Option<StoreError>,
}

impl<'a> SqliteTx<'a> {
    pub(crate) fn new(connection: &'a Connection, wakes: &'a mut Vec<Wake>) -> SqliteTx<'a> {
        SqliteTx {
            connection,
            wakes,
            settings_changed: false,
            failed: None,
        }
    }

    fn prepare(&self, sql: &Sql, width: usize) -> Result<CachedStatement<'a>, StoreError> {
        let statement = self
            .connection
            .prepare_cached(sql.for_sqlite())
            .map_err(|e| error(sql.name, &e))?;
        if statement.parameter_count() == width {
            return Ok(statement);
        }
        Err(StoreError::Database {
            statement: sql.name.to_owned(),
            message: format!("has {} parameters, was given {width}", statement.parameter_count()),
        })
    }
}

impl SqliteTx<'_> {
    fn noted<T>(&mut self, sql: &Sql, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match &result {
            Ok(_) => self.settings_changed |= sql.changes_settings(),
            Err(error) => {
                self.failed.get_or_insert_with(|| error.clone());
            }
        }
        result
    }
}

impl Tx for SqliteTx<'_> {
    fn is_postgres(&self) -> bool {
        false
    }

    fn execute(&mut self, sql: &Sql, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let result = self
            .prepare(sql, params.len())
            .and_then(|mut statement| execute(&mut statement, sql, params));
        if let Ok(0) = result {
            return result;
        }
        self.noted(sql, result)
    }

    fn query(&mut self, sql: &Sql, params: &[Param<'_>], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        let result = self
            .prepare(sql, params.len())
            .and_then(|mut statement| run(&mut statement, sql, params, each));
        self.noted(sql, result)
    }

    fn query_rows(
        &mut self,
        sql: &Sql,
        width: usize,
        rows: &[Param<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<(), StoreError> {
        let result = self.prepare(sql, width).and_then(|mut statement| {
            rows.chunks(width)
                .try_for_each(|row| run(&mut statement, sql, row, each))
        });
        self.noted(sql, result)
    }

    fn insert(&mut self, sql: &Sql, params: &[Param<'_>]) -> Result<i64, StoreError> {
        self.execute(sql, params)?;
        Ok(self.connection.last_insert_rowid())
    }

    fn insert_rows(&mut self, sql: &Sql, width: usize, rows: &[Param<'_>]) -> Result<Vec<i64>, StoreError> {
        let connection = self.connection;
        let result = self.prepare(sql, width).and_then(|mut statement| {
            let insert = |row| {
                execute(&mut statement, sql, row)?;
                Ok(connection.last_insert_rowid())
            };
            rows.chunks(width).map(insert).collect()
        });
        self.noted(sql, result)
    }

    fn notify(&mut self, wake: Wake) {
        self.wakes.push(wake);
    }
}

fn execute(statement: &mut CachedStatement<'_>, sql: &Sql, params: &[Param<'_>]) -> Result<u64, StoreError> {
    bind(statement, params).map_err(|e| error(sql.name, &e))?;
    let changed = statement.raw_execute().map_err(|e| error(sql.name, &e))?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

fn run(
    statement: &mut CachedStatement<'_>,
    sql: &Sql,
    params: &[Param<'_>],
    each: &mut EachRow<'_>,
) -> Result<(), StoreError> {
    bind(statement, params).map_err(|e| error(sql.name, &e))?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|e| error(sql.name, &e))? {
        each(&Row::new(row, sql))?;
    }
    Ok(())
}

fn bind(statement: &mut CachedStatement<'_>, params: &[Param<'_>]) -> rusqlite::Result<()> {
    for (index, param) in (1..).zip(params) {
        statement.raw_bind_parameter(index, param)?;
    }
    Ok(())
}

/// Runs one of the statements that begin and end transactions and savepoints.
pub(crate) fn control(connection: &Connection, text: &'static str) -> Result<(), StoreError> {
    let run = || connection.prepare_cached(text)?.raw_execute();
    run().map(|_| ()).map_err(|e| error(text, &e))
}

/// Says in our words what SQLite said.
pub(crate) fn error(statement: &str, error: &rusqlite::Error) -> StoreError {
    let (statement, message) = (statement.to_owned(), error.to_string());
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => match (failure.code, failure.extended_code) {
            (_, rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
                StoreError::Unique { statement, message }
            }
            (_, rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::ForeignKey { statement, message },
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::Busy,
            _ => StoreError::Database { statement, message },
        },
        _ => StoreError::Database { statement, message },
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Param::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Param::I64(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Param::F64(number) => ToSqlOutput::Borrowed(ValueRef::Real(*number)),
            Param::Bool(bit) => ToSqlOutput::Borrowed(ValueRef::Integer(i64::from(*bit))),
            Param::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Param::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Param::Ids(ids) => json(ids)?,
            Param::Texts(texts) => json(texts)?,
        })
    }
}

/// A list as the JSON that `json_each` takes apart.
fn json<T: serde::Serialize>(list: &[T]) -> rusqlite::Result<ToSqlOutput<'static>> {
    let text = serde_json::to_string(list).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    Ok(ToSqlOutput::Owned(rusqlite::types::Value::Text(text)))
}

impl Columns for rusqlite::Row<'_> {
    fn value(&self, index: usize) -> Result<Value<'_>, String> {
        match self.get_ref(index).map_err(|e| e.to_string())? {
            ValueRef::Null => Ok(Value::Null),
            ValueRef::Integer(number) => Ok(Value::I64(number)),
            ValueRef::Real(number) => Ok(Value::F64(number)),
            ValueRef::Text(text) => std::str::from_utf8(text).map(Value::Text).map_err(|e| e.to_string()),
            ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes)),
        }
    }

    fn name(&self, index: usize) -> String {
        self.as_ref()
            .column_name(index)
            .map_or_else(|_| format!("number {index}"), str::to_owned)
    }
}
