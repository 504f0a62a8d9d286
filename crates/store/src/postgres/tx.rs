//! A PostgreSQL transaction as operations see it.

use ::postgres::error::SqlState;
use ::postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use ::postgres::{Client, Error, Statement};
use bytes::BytesMut;

use super::link::{Link, describe};
use crate::error::StoreError;
use crate::row::{Columns, Row, column};
use crate::sql::Sql;
use crate::tx::{EachRow, Tx};
use crate::value::{Param, Value};
use crate::wake::Wake;

/// Why a transaction should be run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is gone.
    Lost,
    /// Another transaction was in the way: deadlock, lock timeout, serialization.
    Conflict,
}

/// The connection inside a transaction that somebody else began and will end.
pub(crate) struct PostgresTx<'a> {
    link: &'a mut Link,
    wakes: &'a mut Vec<Wake>,
    /// The first fault, whatever the operation made of it.
    pub(crate) fault: Option<Fault>,
    /// The first error: the transaction is void until its savepoint, also when the operation went on.
    pub(crate) failed: Option<StoreError>,
}

impl<'a> PostgresTx<'a> {
    pub(crate) fn new(link: &'a mut Link, wakes: &'a mut Vec<Wake>) -> PostgresTx<'a> {
        PostgresTx {
            link,
            wakes,
            fault: None,
            failed: None,
        }
    }

    fn run<T>(
        &mut self,
        sql: &Sql,
        run: impl FnOnce(&mut Client, &Statement) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        let result = match self.link.prepared(sql.for_postgres()) {
            Ok((client, statement)) => run(client, &statement).map_err(Some),
            Err(error) => Err(error),
        };
        result.map_err(|failure| {
            let (fault, error) = match failure {
                Some(failure) => error(sql.name, &failure),
                None => (
                    Some(Fault::Lost),
                    StoreError::Disconnected {
                        message: "it was closed".to_owned(),
                    },
                ),
            };
            if fault == Some(Fault::Lost) {
                self.link.forget();
            }
            self.fault = self.fault.or(fault);
            self.failed.get_or_insert_with(|| error.clone());
            error
        })
    }

    fn rows(&mut self, sql: &Sql, params: &[&(dyn ToSql + Sync)], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        let rows = self.run(sql, |client, statement| client.query(statement, params))?;
        for row in &rows {
            if let Err(error) = each(&Row::new(row, sql)) {
                self.failed.get_or_insert_with(|| error.clone());
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Tx for PostgresTx<'_> {
    fn is_postgres(&self) -> bool {
        true
    }

    fn execute(&mut self, sql: &Sql, params: &[Param<'_>]) -> Result<u64, StoreError> {
        self.run(sql, |client, statement| client.execute(statement, &as_dyn(params)))
    }

    fn query(&mut self, sql: &Sql, params: &[Param<'_>], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.rows(sql, &as_dyn(params), each)
    }

    fn query_rows(
        &mut self,
        sql: &Sql,
        width: usize,
        rows: &[Param<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<(), StoreError> {
        let columns: Vec<Vec<Param<'_>>> = (0..width)
            .map(|column| rows.iter().skip(column).step_by(width).copied().collect())
            .collect();
        let params: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        self.rows(sql, &params, each)
    }

    fn insert(&mut self, sql: &Sql, params: &[Param<'_>]) -> Result<i64, StoreError> {
        let this: &mut dyn Tx = self;
        this.one(sql, params, column)
    }

    fn insert_rows(&mut self, sql: &Sql, width: usize, rows: &[Param<'_>]) -> Result<Vec<i64>, StoreError> {
        let mut ids = Vec::with_capacity(rows.len() / width.max(1));
        self.query_rows(sql, width, rows, &mut |row| {
            ids.push(row.read()?);
            Ok(())
        })?;
        // Ids are given in the order of the rows; the order in which they come back is nobody's promise.
        ids.sort_unstable();
        Ok(ids)
    }

    fn notify(&mut self, wake: Wake) {
        self.wakes.push(wake);
    }
}

fn as_dyn<'a>(params: &'a [Param<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}

/// Says in our words what PostgreSQL said, and whether to try again.
pub(crate) fn error(statement: &str, error: &Error) -> (Option<Fault>, StoreError) {
    let (statement, message) = (statement.to_owned(), describe(error));
    let Some(code) = error.code() else {
        // Everything that is not the server's answer but wrong parameters means that it cannot be reached.
        return if error.is_closed() || is_io(error) {
            (Some(Fault::Lost), StoreError::Disconnected { message })
        } else {
            (None, StoreError::Database { statement, message })
        };
    };
    match *code {
        SqlState::UNIQUE_VIOLATION => (None, StoreError::Unique { statement, message }),
        SqlState::FOREIGN_KEY_VIOLATION => (None, StoreError::ForeignKey { statement, message }),
        SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE | SqlState::LOCK_NOT_AVAILABLE => {
            (Some(Fault::Conflict), StoreError::Busy)
        }
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
            (Some(Fault::Lost), StoreError::Disconnected { message })
        }
        _ => (None, StoreError::Database { statement, message }),
    }
}

fn is_io(error: &Error) -> bool {
    use std::error::Error as _;
    error.source().is_some_and(|source| source.is::<std::io::Error>())
}

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (self, ty) {
            (Param::Null, _) => Ok(IsNull::Yes),
            (Param::I64(number), &Type::INT8) => number.to_sql(ty, out),
            (Param::F64(number), &Type::FLOAT8) => number.to_sql(ty, out),
            (Param::Bool(bit), &Type::BOOL) => bit.to_sql(ty, out),
            (Param::Text(text), &Type::TEXT) => text.to_sql(ty, out),
            (Param::Bytes(bytes), &Type::BYTEA) => bytes.to_sql(ty, out),
            (Param::Ids(ids), &Type::INT8_ARRAY) => ids.to_sql(ty, out),
            (Param::Texts(texts), &Type::TEXT_ARRAY) => texts.to_sql(ty, out),
            (param, ty) => Err(format!("{param:?} was given where the statement wants `{ty}`").into()),
        }
    }

    /// `to_sql` looks at the value and the type together.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Columns for ::postgres::Row {
    fn value(&self, index: usize) -> Result<Value<'_>, String> {
        let column = self.columns().get(index).ok_or_else(|| "no such column".to_owned())?;
        let value = match *column.type_() {
            Type::INT8 => self.try_get::<_, Option<i64>>(index).map(|v| v.map(Value::I64)),
            Type::INT4 => self
                .try_get::<_, Option<i32>>(index)
                .map(|v| v.map(|n| Value::I64(n.into()))),
            Type::FLOAT8 => self.try_get::<_, Option<f64>>(index).map(|v| v.map(Value::F64)),
            Type::BOOL => self.try_get::<_, Option<bool>>(index).map(|v| v.map(Value::Bool)),
            Type::TEXT => self.try_get::<_, Option<&str>>(index).map(|v| v.map(Value::Text)),
            Type::BYTEA => self.try_get::<_, Option<&[u8]>>(index).map(|v| v.map(Value::Bytes)),
            ref other => return Err(format!("a column of type `{other}`")),
        };
        value
            .map(|value| value.unwrap_or(Value::Null))
            .map_err(|error| error.to_string())
    }

    fn name(&self, index: usize) -> String {
        self.columns()
            .get(index)
            .map_or_else(|| format!("number {index}"), |column| column.name().to_owned())
    }
}
